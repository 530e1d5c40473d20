/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sonde fmt, and --fmt: scripts in the one layout. To standard output, or in place (written beside it and renamed, so that there is always a whole
 * file), or only the question whether they are in it already.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/opt.h"
#include "lang/ast.h"

enum { FMT_MAX = 16 << 20, FMT_DIFFERS = 1, FMT_FAILED = 2 };

struct fmt_options {
	bool in_place, check;
};

static const struct option fmt_long[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "in-place", no_argument, NULL, 'i' },
	{ "check", no_argument, NULL, 'c' },
	{ 0 },
};

static void fmt_usage(FILE *to)
{
	fputs("USAGE:\n"
	      "    sonde fmt [FILE...]         print the scripts in the one layout (without FILE: standard input)\n"
	      "    sonde fmt -i FILE...        write them so\n"
	      "    sonde fmt --check FILE...   name those that are not; exit status 1 if there are any\n"
	      "\n"
	      "    -i, --in-place\n"
	      "    -c, --check\n"
	      "    -h, --help\n"
	      "\n"
	      "Exit status 2: a file cannot be read or written, or is no valid script; it stays as it is.\n", to);
}

static int fmt_fail(const char *what, const char *name, int err)
{
	fprintf(stderr, "ERROR: %s \"%s\": %s\n", what, name, strerror(err));
	return FMT_FAILED;
}

struct fmt_reader {
	struct buf *to;
	bool too_large;
};

static void fmt_feed(void *arg, const char *p, size_t n)
{
	struct fmt_reader *r = arg;
	if (r->to->len + n > FMT_MAX)
		r->too_large = true;
	else
		buf_add(r->to, p, n);
}

/* A new file beside the old one, with its mode and owner, in its place by one rename. Through links to what they name.
 * `create`: there need not be an old one. */
static int fmt_replace(const char *name, const struct buf *b, bool create)
{
	struct stat st;
	char *real = realpath(name, NULL), *tmp = NULL;
	int fd = -1, err = 0;
	if (!real && errno == ENOENT && create)
		return picture_write(name, b);
	if (!real || stat(real, &st))
		err = errno;
	else if (!S_ISREG(st.st_mode))
		err = EINVAL;
	if (!err && asprintf(&tmp, "%s.XXXXXX", real) < 0) {
		tmp = NULL;
		err = ENOMEM;
	}
	if (!err && (fd = mkostemp(tmp, O_CLOEXEC)) < 0)
		err = errno;
	for (size_t off = 0; !err && off < b->len;) {
		ssize_t n = write(fd, b->s + off, b->len - off);
		if (n >= 0)
			off += (size_t)n;
		else if (errno != EINTR)
			err = errno;
	}
	if (!err && fchown(fd, st.st_uid, st.st_gid) && (st.st_uid != geteuid() || st.st_gid != getegid()))
		err = errno;
	if (!err && fchmod(fd, st.st_mode & 07777))
		err = errno;
	if (fd >= 0 && close(fd) && !err)
		err = errno;
	if (!err && rename(tmp, real))
		err = errno;
	if (err && fd >= 0)
		unlink(tmp);
	free(tmp);
	free(real);
	return err ? fmt_fail("failed to write", name, err) : 0;
}

/* 0, or FMT_FAILED: `out` is not to be used. */
static int fmt_text(const char *name, struct str text, struct buf *out)
{
	struct arena a;
	struct diags d;
	jmp_buf oom;
	struct buf err = { 0 };
	volatile int status = 0;
	arena_init(&a);
	if (!setjmp(oom)) {
		a.oom = &oom;
		diags_init(&d, &a);
		uint32_t source = diags_add_source(&d, str_of(name), text);
		if (!fmt_program(&a, &d, source, out))
			status = FMT_FAILED;
		diag_render(&d, &err, isatty(2), false);
		if (err.len)
			fputs(err.s, stderr);
	} else {
		status = fmt_fail("failed to format", name, ENOMEM);
	}
	arena_fini(&a);
	buf_fini(&err);
	return status;
}

int fmt_mode(struct opt *o)
{
	struct buf out = { 0 };
	bool in = o->program || !strcmp(o->file, "-");
	int status = o->program ? 0 : script_read(o);
	struct str text = o->program ? str_of(o->program) : o->text;
	if (status)
		return status;
	status = fmt_text(in ? "stdin" : o->file, text, &out) ? 1 : 0;
	if (!status)
		status = o->output ? fmt_replace(o->output, &out, true) : picture_write(NULL, &out);
	buf_fini(&out);
	return status ? 1 : 0;
}

static int fmt_file(const struct fmt_options *o, const char *name)
{
	struct buf text = { 0 }, out = { 0 };
	struct fmt_reader r = { .to = &text };
	bool in = !strcmp(name, "-");
	int status = picture_read(name, fmt_feed, &r) ? FMT_FAILED : 0;
	if (!status && r.too_large)
		status = fmt_fail("failed to read file", name, EFBIG);
	if (!status)
		status = fmt_text(in ? "stdin" : name, (struct str){ text.s ? text.s : "", (uint32_t)text.len }, &out);
	bool same = text.len == out.len && !memcmp(text.s ? text.s : "", out.s ? out.s : "", out.len);
	if (!status && o->check) {
		if (!same)
			printf("%s\n", in ? "stdin" : name);
		status = same ? 0 : FMT_DIFFERS;
	} else if (!status && o->in_place) {
		status = same ? 0 : fmt_replace(name, &out, false);
	} else if (!status && picture_write(NULL, &out)) {
		status = FMT_FAILED;
	}
	buf_fini(&text);
	buf_fini(&out);
	return status;
}

int cmd_fmt(int argc, char **argv)
{
	struct fmt_options o = { 0 };
	int status = 0;
	for (int c; (c = getopt_long(argc, argv, "hic", fmt_long, NULL)) != -1;) {
		switch (c) {
		case 'h': fmt_usage(stdout); return 0;
		case 'i': o.in_place = true; break;
		case 'c': o.check = true; break;
		default: fmt_usage(stderr); return FMT_FAILED;
		}
	}
	char standard_input[] = "-", *none[] = { standard_input }, **files = optind < argc ? argv + optind : none;
	int n = optind < argc ? argc - optind : 1;
	for (int i = 0; i < n; i++) {
		if (o.in_place && !strcmp(files[i], "-")) {
			fprintf(stderr, "ERROR: -i needs files\n");
			return FMT_FAILED;
		}
		int one = fmt_file(&o, files[i]);
		status = one > status ? one : status;
	}
	return status;
}
