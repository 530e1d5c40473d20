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
#include "probe/probe.h"

enum { PROGRAM_MAX = 16 << 20 };

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

/* The whole of a file into `text`; 0 or an exit status. */
static int main_read(const char *name, struct buf *text)
{
	bool in = !strcmp(name, "-");
	int fd = in ? 0 : open(name, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;
	char chunk[8192];
	if (fd < 0)
		return main_fail("failed to open file", name, errno);
	if (!fstat(fd, &st) && S_ISDIR(st.st_mode))
		err = EISDIR;
	while (!err) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			err = errno;
		else if (n > 0)
			buf_add(text, chunk, (size_t)n);
		if (text->oom)
			err = ENOMEM;
		if (text->len > PROGRAM_MAX)
			err = EFBIG;
	}
	if (!in)
		close(fd);
	return err ? main_fail("failed to read file", name, err) : 0;
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
	return !o->session.dump && o->mode == MODE_RUN;
}

static int main_session(struct opt *o)
{
	struct buf text = { 0 };
	struct session_options *s = &o->session;
	bool picture = s->svg && o->mode == MODE_RUN && !s->dump && !s->explain && !s->dry_run;
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
		status = main_read(o->file, &text);
		s->name = strcmp(o->file, "-") ? str_of(o->file) : STR("stdin");
		s->text = (struct str){ text.s ? text.s : "", (uint32_t)text.len };
	}
	/* A picture is drawn when all is known: until then its lines lie in memory. */
	if (!status && picture) {
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
		if (picture) {
			int drawn = flame_from_file(s->out_fd, o->output);
			status = status ? status : drawn;
		}
	}
	buf_fini(&text);
	return status;
}

/* A first argument that is one of these words is a command; a program in a file of that name is ./word. */
static const struct command {
	const char *word;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "flame", cmd_flame },
	{ "heat", cmd_heat },
};

int main(int argc, char **argv, char **env)
{
	struct arena a;
	struct opt o = { .arena = &a };
	jmp_buf oom;
	int status;
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
	status = opt_parse(&o, argc, argv, env);
	if (status)
		return status;
	switch (o.mode) {
	case MODE_HELP:
		opt_usage(1);
		break;
	case MODE_VERSION:
		printf("sonde v" SONDE_VERSION "\n");
		break;
	case MODE_INFO:
		status = info_print(&a, 1);
		break;
	case MODE_LIST:
		status = o.program || o.file ? main_session(&o) : main_list(&o);
		break;
	case MODE_RUN:
		status = main_session(&o);
		break;
	}
	arena_fini(&a);
	return status;
}
