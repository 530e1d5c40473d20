/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sonde: a command word, or options, then one of: usage, version, --info, -l, or a session. The only place that exits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/opt.h"
#include "out/film.h"
#include "probe/probe.h"

/* Descriptors 0 to 2 exist, so that nothing we open takes their place. */
static void main_open_standard(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

/* Each link and program is a descriptor, and a program may have thousands. */
static void main_raise_files(void)
{
	struct rlimit r;
	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int main_fail(const char *what, const char *name, int err)
{
	fprintf(stderr, "ERROR: %s \"%s\": %s\n", what, name, strerror(err));
	return 1;
}

static int main_list(struct opt *o)
{
	struct diags d;
	struct buf out = { 0 }, err = { 0 };
	diags_init(&d, o->arena);
	struct kern *k = kern_open(o->arena);
	int n = probe_list(o->arena, k, &d, o->pattern, o->session.pid, o->session.verbose, &out);
	for (size_t off = 0; off < out.len;) {
		ssize_t w = write(1, out.s + off, out.len - off);
		if (w <= 0)
			break;
		off += (size_t)w;
	}
	diag_render(&d, &err, o->session.colour, false);
	if (err.len)
		fputs(err.s, stderr);
	else if (n < 0)
		fprintf(stderr, "ERROR: Cannot list attach points: %s\n", strerror(-n));
	kern_close(k);
	buf_fini(&out);
	buf_fini(&err);
	return n < 0 || d.n_errors ? 1 : 0;
}

/* What the session needs the kernel for; compiling alone needs no privilege. */
static bool main_needs_privilege(const struct opt *o)
{
	return !o->session.dump && !o->session.check && o->mode == MODE_RUN;
}

static uint64_t main_pace(bool live)
{
	return live ? 1000000000 : 100000000;
}

static bool main_has_colours(void)
{
	const char *term = getenv("TERM"), *colour = getenv("COLORTERM");
	return !getenv("NO_COLOR") && ((term && strstr(term, "256color")) || (colour && *colour));
}

/* What was kept while the terminal showed a picture. */
static void main_release(int *fd, int to)
{
	char chunk[8192];
	ssize_t n;
	for (off_t at = 0; *fd >= 0 && (n = pread(*fd, chunk, sizeof(chunk), at)) > 0; at += n)
		for (ssize_t off = 0, w; off < n && (w = write(to, chunk + off, (size_t)(n - off))) > 0;)
			off += w;
	if (*fd >= 0)
		close(*fd);
	*fd = to;
}

static int main_session(struct opt *o)
{
	struct session_options *s = &o->session;
	bool picture = s->svg && o->mode == MODE_RUN && !s->dump && !s->check && !s->explain && !s->dry_run;
	int status = 0;
	if (main_needs_privilege(o)) {
		const char *why = privilege_missing(o->arena);
		if (why) {
			fprintf(stderr, "ERROR: %s\n", why);
			return 1;
		}
	}
	if (o->program) {
		s->name = STR("stdin");
		s->text = str_of(o->program);
	} else {
		status = script_read(o);
		s->name = strcmp(o->file, "-") ? str_of(o->file) : STR("stdin");
		s->text = o->text;
	}
	bool live = s->screen_fd >= 0 && o->mode == MODE_RUN && !s->dump && !s->explain && !s->dry_run;
	if (!live)
		s->screen_fd = -1;
	if (picture || live) {
		s->film = film_new(main_pace(live));
		s->screen_colours = live && main_has_colours();
		if (s->film) {
			s->film->live = live;
			s->film->program = o->tool ? o->tool->name : NULL;
		}
	}
	/* A picture is drawn when all is known: until then its lines lie in memory. */
	if (!status && live) {
		s->out_fd = memfd_create("output", MFD_CLOEXEC);
		s->err_fd = memfd_create("messages", MFD_CLOEXEC);
		if (s->out_fd < 0 || s->err_fd < 0)
			status = main_fail("failed to make a file in memory for", "--live", errno);
	} else if (!status && picture) {
		s->out_fd = memfd_create("folded", MFD_CLOEXEC);
		if (s->out_fd < 0)
			status = main_fail("failed to make a file in memory for", "svg", errno);
	} else if (!status && o->output) {
		s->out_fd = open(o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (s->out_fd < 0)
			status = main_fail("Failed to open output file:", o->output, errno);
	}
	if (!status) {
		s->list = o->mode == MODE_LIST;
		main_raise_files();
		status = session_run(s);
		if (o->aot && !status)
			status = executable_write(o);
		if (picture) {
			int drawn = picture_draw(s->out_fd, s->film, o->output);
			status = status ? status : drawn;
		}
	}
	if (live) {
		main_release(&s->out_fd, 1);
		main_release(&s->err_fd, 2);
	}
	film_free(s->film);
	return status;
}

/* A first argument that is one of these words is a command; a program in a file of that name is ./word. */
static const struct command {
	const char *word;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "cat", cmd_cat },
	{ "flame", cmd_flame },
	{ "fmt", cmd_fmt },
	{ "heat", cmd_heat },
	{ "help", cmd_help },
	{ "tools", cmd_tools },
};

/* Called by the name of a tool (a link to sonde): as `sonde TOOL`. */
static char **main_as_tool(struct arena *a, int *argc, char **argv)
{
	const char *slash = *argc ? strrchr(argv[0], '/') : NULL, *name = slash ? slash + 1 : *argc ? argv[0] : "";
	if (!tool_find(str_of(name)))
		return argv;
	char **to = arena_array(a, char *, *argc + 2);
	to[0] = argv[0];
	to[1] = arena_strdup(a, name);
	memcpy(to + 2, argv + 1, sizeof(*to) * (size_t)(*argc - 1));
	++*argc;
	return to;
}

static int main_run(struct arena *a, int argc, char **argv, char **env)
{
	struct opt o = { .arena = a };
	argv = main_as_tool(a, &argc, argv);
	bool check = argc > 1 && !strcmp(argv[1], "check"); /* takes what sonde takes */
	o.session.check = check;
	argc -= check;
	argv += check;
	int status = opt_parse(&o, argc, argv, env);
	if (status)
		return status;
	switch (o.mode) {
	case MODE_DONE:
		return 0;
	case MODE_HELP:
		opt_usage(1);
		return 0;
	case MODE_VERSION:
		printf("sonde v" SONDE_VERSION "\n");
		return 0;
	case MODE_INFO:
		return info_print(a, 1);
	case MODE_FORMAT:
		return fmt_mode(&o);
	case MODE_LIST:
		return o.program || o.file ? main_session(&o) : main_list(&o);
	case MODE_RUN:
		return main_session(&o);
	}
	return status;
}

int main(int argc, char **argv, char **env)
{
	struct arena a;
	jmp_buf oom;
	main_open_standard();
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].word))
			return commands[i].run(argc - 1, argv + 1);
	arena_init(&a);
	if (setjmp(oom)) {
		fputs("ERROR: out of memory\n", stderr);
		return 1;
	}
	a.oom = &oom;
	int status = main_run(&a, argc, argv, env);
	arena_fini(&a);
	return status;
}
