/* SPDX-License-Identifier: Apache-2.0 */
/* sonde tools, sonde help TOOL, sonde cat TOOL: what is in the box. */
#include <stdio.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/opt.h"

static int tool_unknown(const char *word)
{
	const char *near = tool_near(word);
	fprintf(stderr, "ERROR: there is no tool \"%s\"\n", word);
	if (near)
		fprintf(stderr, "HINT: did you mean %s?\n", near);
	else
		fputs("HINT: `sonde tools` lists them\n", stderr);
	return 1;
}

static int tool_page(const char *name, bool roff)
{
	struct arena a;
	struct page page;
	struct options decls;
	struct buf out = { 0 };
	const struct tool *t = tool_find(str_of(name));
	if (!t)
		return tool_unknown(name);
	arena_init(&a);
	page_read(&a, tool_text(t), &page);
	if (script_options(&a, str_of(name), tool_text(t), false, &decls, &out))
		(roff ? page_roff : page_manual)(&page, &decls, name, &out);
	fwrite(out.s, 1, out.len, stdout);
	buf_fini(&out);
	arena_fini(&a);
	return 0;
}

int cmd_help(int argc, char **argv)
{
	bool roff = argc > 2 && !strcmp(argv[1], "--roff");
	if (argc == 1) {
		opt_usage(1);
		return 0;
	}
	return tool_page(argv[roff ? 2 : 1], roff);
}

int cmd_cat(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct tool *t = tool_library(str_of(argv[i]));
		t = t ? t : tool_find(str_of(argv[i]));
		if (!t)
			return tool_unknown(argv[i]);
		fwrite(t->text, 1, (size_t)(t->end - t->text), stdout);
	}
	if (argc < 2) {
		fputs("ERROR: USAGE: sonde cat TOOL|lib:NAME\n", stderr);
		return 1;
	}
	return 0;
}

static void tools_list(bool names)
{
	const struct tools all = tool_all();
	struct arena a;
	const char *area = "";
	arena_init(&a);
	for (uint32_t i = 0; i < all.n; i++) {
		const struct tool *t = &all.v[i];
		struct page page;
		if (!strcmp(t->area, "lib"))
			continue;
		if (names) {
			printf("%s\n", t->name);
			continue;
		}
		if (strcmp(area, t->area))
			printf("%s%s\n", *area ? "\n" : "", t->area);
		area = t->area;
		page_read(&a, tool_text(t), &page);
		printf("    %-16s %.*s\n", t->name, STR_FMT(page.summary));
	}
	arena_fini(&a);
}

int cmd_tools(int argc, char **argv)
{
	bool names = argc == 2 && !strcmp(argv[1], "--names");
	if (argc == 2 && !strcmp(argv[1], "--check"))
		return tool_check_all();
	if (argc > 1 && !names) {
		fputs("USAGE:\n"
		      "    sonde tools             the tools, by area\n"
		      "    sonde tools --names     their names, one on a line\n"
		      "    sonde tools --check     which of them work on this machine, and why the others do not\n"
		      "    sonde TOOL [ARGS]       run one (TOOL -h: its options)\n"
		      "    sonde help TOOL         its manual page\n"
		      "    sonde cat TOOL          its program\n",
		      !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") ? stdout : stderr);
		return !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") ? 0 : 1;
	}
	tools_list(names);
	return 0;
}
