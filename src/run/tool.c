/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of embedded scripts. scripts/embed makes it from the files of lib/ and tools/: their bytes go into the program as
 * they are (.incbin), so that `sonde cat TOOL` shows what runs.
 */
#include "run/tool.h"
#include "run/tools.inc"

static const struct tool tool_rows[] = {
#define TOOL(name, area, text, end) { name, area, text, end },
	TOOL_ROWS
#undef TOOL
};

struct tools tool_all(void)
{
	return (struct tools){ tool_rows, sizeof(tool_rows) / sizeof(*tool_rows) };
}

static const struct tool *tool_row(struct str name, bool library)
{
	const struct tools all = tool_all();
	for (uint32_t i = 0; i < all.n; i++)
		if (str_is(name, tool_rows[i].name) && (str_is(STR("lib"), tool_rows[i].area) == library))
			return &tool_rows[i];
	return NULL;
}

const struct tool *tool_find(struct str name)
{
	return tool_row(name, false);
}

const struct tool *tool_library(struct str name)
{
	return str_starts(name, "lib:") ? tool_row((struct str){ name.s + 4, name.len - 4 }, true) : NULL;
}

struct str tool_text(const struct tool *t)
{
	return (struct str){ t->text, (uint32_t)(t->end - t->text) };
}

const char *tool_near(const char *word)
{
	const struct tools all = tool_all();
	const char *near = NULL;
	int best = 4;
	for (uint32_t i = 0; i < all.n; i++) {
		int d = str_distance(word, all.v[i].name, 3);
		if (d < best && strcmp(all.v[i].area, "lib")) {
			best = d;
			near = all.v[i].name;
		}
	}
	return near;
}
