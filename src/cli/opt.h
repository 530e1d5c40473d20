/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line asked for. */
#ifndef SONDE_CLI_OPT_H
#define SONDE_CLI_OPT_H

#include "base/vec.h"
#include "cli/args.h"
#include "run/session.h"
#include "run/tool.h"

#define SONDE_VERSION "0.1.0"

enum opt_mode { MODE_RUN, MODE_LIST, MODE_INFO, MODE_VERSION, MODE_HELP, MODE_FORMAT, MODE_DONE /* said all that there was to say */ };

struct opt {
	struct arena *arena;
	enum opt_mode mode;
	const char *program;  /* -e; NULL: read `file` */
	const char *file;     /* "-": standard input; with `tool`, its name */
	const struct tool *tool;
	struct str text;      /* of the file, once it was read */
	const char *pattern;  /* -l without a program; NULL: everything */
	const char *output;   /* -o */
	const char *aot;      /* --aot: the file */
	struct session_options session;
	VEC(const char *) params, named, include_dirs, includes;
	VEC(struct session_setting) settings;
};
/* 0, or the status to exit with: what was wrong is on stderr. */
int opt_parse(struct opt *o, int argc, char **argv, char **env);
void opt_usage(int fd);

/* script.c. Functions that return int: 0, or the status to exit with, and what was wrong is on stderr. */
int script_read(struct opt *o); /* o->file into o->text */
bool script_find(struct opt *o, const char *word); /* a tool, or a file that declares options: into o; false: neither */
const char *script_name(const struct opt *o);
int script_args(struct opt *o, char *const *words, int n, args_known *known, struct args *ret);
int script_help(struct opt *o); /* --help of a script without an options block; MODE_DONE unless it is the script's own */

/* executable.c: --aot, after the program has been compiled */
int executable_write(const struct opt *o);

/* info.c: --info */
int info_print(struct arena *a, int fd);
/* privilege.c: NULL, or why BPF cannot be used by us (arena), with what would help. */
const char *privilege_missing(struct arena *a);

/* Commands: the first argument is their word, argv[0] here. They return the exit status. */
int cmd_flame(int argc, char **argv); /* cmd_flame.c */
/* cmd_flame.c: for -f svg, the picture of the folded stacks that lie in the file fd, or of the histograms. The exit status. */
struct film;
int picture_draw(int fd, const struct film *film, const char *output);
int cmd_fmt(int argc, char **argv);
int fmt_mode(struct opt *o); /* cmd_fmt.c: --fmt */
struct args;
int tplist_run(struct opt *o, const struct args *args);      /* tplist.c */
int multi_translate(struct opt *o, const struct args *args); /* multi.c: the program of a multi-tool; 0, or a status */
/* That program; NULL, or what is wrong (arena). */
const char *multi_write(struct opt *o, const struct args *args, struct buf *ret);
int cmd_heat(int argc, char **argv);  /* cmd_heat.c */
int cmd_help(int argc, char **argv);  /* cmd_tool.c */
int cmd_cat(int argc, char **argv);
int cmd_tools(int argc, char **argv);
int tool_check_all(void);             /* check.c */
/* cmd_flame.c: what the commands that make pictures share. 0, or an exit status with what was wrong on stderr. */
struct read_stats;
int picture_number(const char *option, const char *text, double *ret);
int picture_read(const char *name, void (*feed)(void *arg, const char *p, size_t n), void *arg); /* "-": standard input */
int picture_write(const char *name, const struct buf *b); /* NULL, "-": standard output */
void picture_report(const struct read_stats *s, const char *form);

#endif
