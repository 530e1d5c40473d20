/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sonde tools --check: every tool is compiled, loaded and attached, and let go at once. What that says about this machine
 * is the truth; lists of kernel versions would not be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/opt.h"

/* The first message of a refused run, without its place, into `line`. */
static void check_reason(int fd, char *line, size_t room)
{
	char text[4096];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	char *at = strstr(text, "ERROR: ");
	at = at ? at + 7 : text;
	at[strcspn(at, "\n")] = '\0';
	snprintf(line, room, "%.*s", (int)room - 1, *at ? at : "no reason was given");
}

/* A tool that must be told what to trace: what works depends on that. */
static bool check_asks(const struct tool *t)
{
	struct arena a;
	struct options decls = { 0 };
	struct buf err = { 0 };
	bool asks = strcmp(t->name, "argdist") == 0 || strcmp(t->name, "tplist") == 0; /* at least one of two options */
	arena_init(&a);
	if (script_options(&a, str_of(t->name), tool_text(t), false, &decls, &err))
		for (uint32_t i = 0; i < decls.v.n; i++)
			asks |= decls.v.v[i].required;
	buf_fini(&err);
	arena_fini(&a);
	return asks;
}

static bool check_tool(const struct tool *t, int null, char *line, size_t room)
{
	int fd = memfd_create("check", MFD_CLOEXEC);
	struct session_options s = { .name = str_of(t->name), .text = tool_text(t), .out_fd = null, .err_fd = fd, .ready_fd = -1,
				     .quiet = true, .dry_run = true, .no_warnings = true };
	int status = fd < 0 ? 1 : session_run(&s);
	if (status && fd >= 0)
		check_reason(fd, line, room);
	else if (status)
		snprintf(line, room, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return status == 0;
}

int tool_check_all(void)
{
	const struct tools all = tool_all();
	struct arena a;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), good = 0, bad = 0;
	arena_init(&a);
	const char *why = privilege_missing(&a);
	if (why || null < 0) {
		fprintf(stderr, "ERROR: %s\n", why ? why : strerror(errno));
		return 1;
	}
	for (uint32_t i = 0; i < all.n; i++) {
		char line[256] = "";
		if (!strcmp(all.v[i].area, "lib"))
			continue;
		bool asks = check_asks(&all.v[i]), ok = asks || check_tool(&all.v[i], null, line, sizeof(line));
		printf("%-16s %s%s%s\n", all.v[i].name, asks ? "depends on what it shall trace" : ok ? "works" : "no", ok ? "" : ": ", line);
		fflush(stdout);
		good += ok;
		bad += !ok;
	}
	printf("%d of %d tools work here\n", good, good + bad);
	close(null);
	arena_fini(&a);
	return 0;
}
