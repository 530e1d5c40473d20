/* SPDX-License-Identifier: Apache-2.0 */
/* tplist: the listing of attach points (-l) in the form that users of that tool know: CATEGORY:EVENT, FILE PROVIDER:NAME. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/opt.h"
#include "probe/probe.h"

/* The value given for an option; NULL: it was not. */
static const char *tplist_given(const struct args *args, const char *name)
{
	size_t n = strlen(name);
	for (uint32_t i = args->named.n; i-- > 0;)
		if (!strncmp(args->named.v[i] + 2, name, n) && (args->named.v[i][n + 2] == '=' || !args->named.v[i][n + 2]))
			return args->named.v[i][n + 2] ? args->named.v[i] + n + 3 : "";
	return NULL;
}

/* One line of the listing: "tracepoint:block:x", "usdt:/lib/y:provider:name", or four blanks and a field. */
static void tplist_line(const char *line, size_t n, const char *filter, bool *shown, struct buf *out)
{
	char text[1024];
	if (n && *line == ' ') {
		if (*shown)
			buf_addf(out, "%.*s%s\n", (int)n, line, memmem(line, n, "//", 2) ? "" : ";");
		return;
	}
	snprintf(text, sizeof(text), "%.*s", (int)n, line);
	char *rest = strchr(text, ':'), *name = rest ? rest + 1 : text;
	*shown = rest != NULL;
	if (!strncmp(text, "usdt:", 5)) {
		char *last = strrchr(name, ':'), *provider = last;
		while (provider && provider > name && provider[-1] != ':')
			provider--;
		*shown = provider && provider > name && str_match(filter, provider);
		if (*shown) {
			provider[-1] = '\0';
			buf_addf(out, "%s %s\n", name, provider);
		}
	} else if (*shown) {
		buf_addf(out, "%s\n", name);
	}
}

int tplist_run(struct opt *o, const struct args *args)
{
	const char *pid = tplist_given(args, "pid"), *lib = tplist_given(args, "lib"), *filter = tplist_given(args, "filter");
	bool verbose = tplist_given(args, "verbose") != NULL, shown = false;
	struct buf list = { 0 }, err = { 0 }, out = { 0 };
	struct diags d;
	filter = filter ? filter : "*";
	if (pid && lib) {
		fputs("ERROR: tplist: -p and -l exclude each other\n", stderr);
		return 1;
	}
	const char *pattern = pid ? "usdt:*" : lib ? arena_printf(o->arena, "usdt:%s:*", lib) :
				    arena_printf(o->arena, "tracepoint:%s%s", filter, strchr(filter, ':') || !strcmp(filter, "*") ? "" : ":*");
	if (!pid && !lib && !strcmp(filter, "*"))
		pattern = "tracepoint:*:*";
	diags_init(&d, o->arena);
	struct kern *k = kern_open(o->arena);
	int n = probe_list(o->arena, k, &d, pattern, pid ? atoi(pid) : 0, verbose, &list);
	for (const char *p = list.s, *end = list.s + list.len; p && p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = nl ? (size_t)(nl - p) : (size_t)(end - p);
		tplist_line(p, len, filter, &shown, &out);
		p += len + 1;
	}
	if (out.len)
		fwrite(out.s, 1, out.len, stdout);
	diag_render(&d, &err, o->session.colour, false);
	if (err.len)
		fputs(err.s, stderr);
	else if (n < 0)
		fprintf(stderr, "ERROR: Cannot list probes: %s\n", strerror(-n));
	kern_close(k);
	buf_fini(&list);
	buf_fini(&err);
	buf_fini(&out);
	o->mode = MODE_DONE;
	return n < 0 || d.n_errors ? 1 : 0;
}
