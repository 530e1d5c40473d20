/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts as commands: tools within the program, and files that declare their options. Everything behind the script's name
 * is its own command line, then (args.c), without `--` before it. A script without an options block is read as the reference
 * says; only its --help is answered here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/opt.h"

enum { PROGRAM_MAX = 16 << 20 };

static int script_fail(const char *what, const char *name, int err)
{
	fprintf(stderr, "ERROR: %s \"%s\": %s\n", what, name, strerror(err));
	return 1;
}

/* The whole of a file, once; 0 or an exit status. */
int script_read(struct opt *o)
{
	bool in = !strcmp(o->file, "-");
	if (o->text.s)
		return 0;
	int fd = in ? 0 : open(o->file, O_RDONLY | O_CLOEXEC), err = 0;
	struct buf text = { 0 };
	struct stat st;
	char chunk[8192];
	if (fd < 0) {
		const char *near = errno == ENOENT ? tool_near(o->file) : NULL;
		script_fail("failed to open file", o->file, errno);
		if (near)
			fprintf(stderr, "HINT: did you mean the tool %s?\n", near);
		return 1;
	}
	if (!fstat(fd, &st) && S_ISDIR(st.st_mode))
		err = EISDIR;
	while (!err) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			err = errno;
		else if (n > 0)
			buf_add(&text, chunk, (size_t)n);
		if (text.oom)
			err = ENOMEM;
		if (text.len > PROGRAM_MAX)
			err = EFBIG;
	}
	if (!in)
		close(fd);
	if (!err)
		o->text = (struct str){ arena_strndup(o->arena, text.s ? text.s : "", text.len), (uint32_t)text.len };
	buf_fini(&text);
	return err ? script_fail("failed to read file", o->file, err) : 0;
}

bool script_find(struct opt *o, const char *word)
{
	const struct tool *t = tool_find(str_of(word));
	o->file = word;
	if (t) {
		o->tool = t;
		o->text = tool_text(t);
		return true;
	}
	if (access(word, R_OK) || script_read(o))
		return false;
	return script_declares(o->arena, o->text);
}

static void script_write(int fd, struct buf *b)
{
	for (size_t off = 0; off < b->len;) {
		ssize_t n = write(fd, b->s + off, b->len - off);
		if (n <= 0)
			break;
		off += (size_t)n;
	}
	buf_fini(b);
}

const char *script_name(const struct opt *o)
{
	const char *slash = o->file ? strrchr(o->file, '/') : NULL;
	return slash ? slash + 1 : o->file ? o->file : "script";
}

int script_args(struct opt *o, char *const *words, int n, args_known *known, struct args *ret)
{
	struct options decls;
	struct page page;
	struct buf err = { 0 }, out = { 0 };
	bool readable = script_options(o->arena, str_of(o->file), o->text, o->session.colour, &decls, &err);
	script_write(2, &err);
	if (!readable)
		return 1;
	args_parse(o->arena, &decls, words, n, known, ret);
	if (!ret->help && !ret->error)
		return 0;
	page_read(o->arena, o->text, &page);
	if (ret->error)
		buf_addf(&out, "ERROR: %s: %s\n\n", script_name(o), ret->error);
	page_usage(&page, &decls, script_name(o), &out);
	script_write(ret->error ? 2 : 1, &out);
	o->mode = MODE_DONE;
	return ret->error ? 1 : 0;
}

int script_help(struct opt *o)
{
	struct options decls;
	struct page page;
	struct buf err = { 0 }, out = { 0 };
	int status;
	if (o->program)
		o->text = str_of(o->program);
	else if ((status = script_read(o)))
		return status;
	bool readable = script_options(o->arena, str_of(o->file ? o->file : "stdin"), o->text, o->session.colour, &decls, &err);
	script_write(2, &err);
	if (!readable)
		return 1;
	if (option_find(&decls, STR("help")))
		return 0; /* the script's own */
	page_read(o->arena, o->text, &page);
	page_usage(&page, &decls, script_name(o), &out);
	script_write(1, &out);
	o->mode = MODE_DONE;
	return 0;
}
