/* SPDX-License-Identifier: Apache-2.0 */
/* diag.c: rendering to the byte (language reference 7.1), places, order, and sources that are not nice. */
#include "../check.h"
#include "base/diag.h"

static struct check c = { .suite = "unit" };
static struct arena a;
static struct buf b;

static void begin(struct diags *d, const char *name, struct str text)
{
	diags_init(d, &a);
	diags_add_source(d, str_of(name), text);
}

/* One message about [lo, hi) of a text; offsets from 0. */
static void one(const char *what, struct str text, uint32_t lo, uint32_t hi, const char *want)
{
	struct diags d;
	begin(&d, "stdin", text);
	diag_add(&d, D_CONTEXT, (struct span){ lo + 1, hi + 1 }, "text");
	diag_render(&d, &b, false, false);
	check_text(&c, what, want, &b);
}

static void places(void)
{
	one("a span in a line", STR("begin { $x = 5; $x = \"a\"; }\n"), 16, 24,
	    "stdin:1:17-25: ERROR: text\nbegin { $x = 5; $x = \"a\"; }\n                ~~~~~~~~\n");
	one("the first byte", STR("abc"), 0, 1, "stdin:1:1-2: ERROR: text\nabc\n~\n");
	one("the last byte, no newline", STR("abc"), 2, 3, "stdin:1:3-4: ERROR: text\nabc\n  ~\n");
	one("zero width", STR("begin { $x = 5 }\n"), 14, 14,
	    "stdin:1:15-15: ERROR: text\nbegin { $x = 5 }\n              \n");
	one("zero width at the end of the text", STR("abc"), 3, 3, "stdin:1:4-4: ERROR: text\nabc\n   \n");
	one("zero width behind the last newline", STR("abc\n"), 4, 4, "stdin:2:1-1: ERROR: text\n\n\n");
	one("an empty source", STR(""), 0, 0, "stdin:1:1-1: ERROR: text\n\n\n");
	one("beyond the source", STR("abc"), 50, 60, "stdin:1:4-4: ERROR: text\nabc\n   \n");
	one("the newline itself", STR("ab\ncd\n"), 2, 3, "stdin:1-2: ERROR: text\nab\ncd\n");
	one("the second line", STR("ab\ncd\n"), 3, 5, "stdin:2:1-3: ERROR: text\ncd\n~~\n");
	one("tabs before and in the span", STR("\ta\tbc\n"), 1, 4,
	    "stdin:1:2-5: ERROR: text\n    a    bc\n    ~~~~~~\n");
	one("a tab alone", STR("\t\tx\n"), 1, 2, "stdin:1:2-3: ERROR: text\n        x\n    ~~~~\n");
	one("several lines, tabs kept", STR("a\n\tb {\n\t\tc\n}\n"), 3, 12,
	    "stdin:2-4: ERROR: text\n\tb {\n\t\tc\n}\n");
	one("it ends before it begins", STR("abcdef\n"), 4, 1, "stdin:1:5-5: ERROR: text\nabcdef\n    \n");
	/* One column for a letter of several bytes; the numbers count bytes. */
	one("letters of UTF-8", STR("\"\303\251\342\202\254\" + x\n"), 10, 11,
	    "stdin:1:11-12: ERROR: text\n\"\303\251\342\202\254\" + x\n       ~\n");
	one("control bytes are shown, and have their columns", STR("\"\033[2J\" x\n"), 7, 8,
	    "stdin:1:8-9: ERROR: text\n\"\\x1b[2J\" x\n          ~\n");
	one("a control byte in the span", STR("a\033b\n"), 1, 2, "stdin:1:2-3: ERROR: text\na\\x1bb\n ~~~~\n");
	one("NUL in a line", STR("a\0b\n"), 2, 3, "stdin:1:3-4: ERROR: text\na\\x00b\n     ~\n");
	one("a carriage return", STR("ab\r\n"), 0, 1, "stdin:1:1-2: ERROR: text\nab\\x0d\n~\n");

	struct diags d;
	diags_init(&d, &a);
	diag_add(&d, D_CONTEXT, (struct span){ 5, 9 }, "no sources");
	diag_render(&d, &b, false, false);
	check_text(&c, "no sources", "ERROR: no sources\n", &b);
	begin(&d, "x", STR("abc"));
	diag_add(&d, D_CONTEXT, (struct span){ 0, 0 }, "nowhere");
	diag_render(&d, &b, true, false);
	check_text(&c, "no location, in colour", "\033[31mERROR: nowhere\033[0m\n", &b);
	begin(&d, "evil\033[2J\n.bt", STR("abc"));
	diag_add(&d, D_CONTEXT, (struct span){ 1, 2 }, "with \033 and\ttab");
	diag_hint(&d, "a \033 hint");
	diag_render(&d, &b, false, false);
	check_text(&c, "names, texts and hints are escaped",
		   "evil\\x1b[2J\\x0a.bt:1:1-2: ERROR: with \\x1b and\ttab\nabc\n~\nHINT: a \\x1b hint\n", &b);
}

static void order(void)
{
	struct diags d;
	begin(&d, "a.bt", STR("one two\nthree\n"));
	uint32_t second = diags_add_source(&d, STR("stdlib/base.bt"), STR("four\nfive"));
	CHECK(&c, second == 1 && d.sources.v[1].base == 1 + 14 + 1);
	diag_add(&d, D_DISCARDED, (struct span){ 1, 4 });
	diag_add(&d, D_CONTEXT, (struct span){ 5, 8 }, "first error");
	diag_hint(&d, "do %s", "this");
	diag_hint(&d, "or that");
	diag_add_context(&d, D_CONTEXT, (struct span){ 16 + 5, 16 + 9 }, "expanded from");
	diag_add(&d, D_DISCARDED, (struct span){ 9, 14 });
	diag_add_context(&d, D_CONTEXT, (struct span){ 1, 4 }, "This is the initial assignment.");
	diag_add(&d, D_UNSAFE, (struct span){ 9, 14 }, "system");
	diag_render(&d, &b, false, false);
	check_text(&c, "errors first, then warnings, each in order; contexts and hints follow theirs",
		   "a.bt:1:5-8: ERROR: first error\none two\n    ~~~\nHINT: do this\nHINT: or that\n"
		   "stdlib/base.bt:2:1-5: ERROR: expanded from\nfive\n~~~~\n"
		   "a.bt:2:1-6: ERROR: system() is an unsafe function being used in safe mode\nthree\n~~~~~\n"
		   "a.bt:1:1-4: WARNING: Return value discarded.\none two\n~~~\n"
		   "a.bt:2:1-6: WARNING: Return value discarded.\nthree\n~~~~~\n"
		   "a.bt:1:1-4: WARNING: This is the initial assignment.\none two\n~~~\n", &b);
	CHECK(&c, d.n_errors == 2 && d.n_warnings == 2);
	d.no_warnings = true;
	diag_render(&d, &b, true, true);
	check_text(
	    &c, "colours, ids, no warnings",
	    "\033[31ma.bt:1:5-8: ERROR: first error [CONTEXT]\033[0m\none two\n    ~~~\nHINT: do this\nHINT: or that\n"
	    "\033[31mstdlib/base.bt:2:1-5: ERROR: expanded from [CONTEXT]\033[0m\nfive\n~~~~\n"
	    "\033[31ma.bt:2:1-6: ERROR: system() is an unsafe function being used in safe mode "
	    "[UNSAFE]\033[0m\nthree\n~~~~~\n",
	    &b);
	begin(&d, "a.bt", STR("one"));
	diag_add(&d, D_DISCARDED, (struct span){ 1, 4 });
	diag_render(&d, &b, true, false);
	check_text(&c, "a warning in colour", "\033[33ma.bt:1:1-4: WARNING: Return value discarded.\033[0m\none\n~~~\n",
		   &b);
	begin(&d, "a.bt", STR("one"));
	diag_hint(&d, "a hint on nothing");
	diag_render(&d, &b, false, false);
	check_text(&c, "nothing", "", &b);
	/* From one source into another: shown at its begin. */
	begin(&d, "a", STR("one"));
	diags_add_source(&d, STR("b"), STR("two"));
	diag_add(&d, D_CONTEXT, (struct span){ 2, 6 }, "x");
	diag_render(&d, &b, false, false);
	check_text(&c, "a span over two sources", "a:1:2-2: ERROR: x\none\n \n", &b);
	CHECK(&c, strcmp(diag_name(D_UNSAFE), "UNSAFE") == 0);
}

static void bounds(void)
{
	const struct source *src;
	uint32_t line, col;
	struct diags d;
	begin(&d, "a", STR("ab\ncd\n"));
	CHECK(&c, !diag_locate(&d, 0, &src, &line, &col));
	CHECK(&c, diag_locate(&d, 1, &src, &line, &col) && line == 1 && col == 1);
	CHECK(&c, diag_locate(&d, 3, &src, &line, &col) && line == 1 && col == 3);
	CHECK(&c, diag_locate(&d, 4, &src, &line, &col) && line == 2 && col == 1);
	CHECK(&c, diag_locate(&d, UINT32_MAX, &src, &line, &col) && line == 3 && col == 1);

	/* A line of 1 MB, and 100,000 lines: what is printed stays small. */
	static char text[1 << 20];
	memset(text, 'x', sizeof(text));
	begin(&d, "a", (struct str){ text, sizeof(text) });
	diag_add(&d, D_CONTEXT, (struct span){ 1, sizeof(text) }, "x");
	diag_add(&d, D_CONTEXT, (struct span){ sizeof(text) - 5, sizeof(text) }, "x");
	diag_render(&d, &b, false, false);
	CHECK(&c, b.len < 20000);
	buf_clear(&b);
	for (size_t i = 9; i < sizeof(text); i += 10)
		text[i] = '\n';
	begin(&d, "a", (struct str){ text, sizeof(text) });
	diag_add(&d, D_CONTEXT, (struct span){ 1, sizeof(text) }, "x");
	diag_render(&d, &b, false, false);
	CHECK(&c, b.len < 1000 && memcmp(b.s, "a:1-104858: ERROR: ", 19) == 0);
	buf_clear(&b);

	CHECK(&c, span_join((struct span){ 3, 5 }, (struct span){ 7, 9 }).hi == 9);
	CHECK(&c, span_join((struct span){ 0, 0 }, (struct span){ 7, 9 }).lo == 7);
	CHECK(&c, span_join((struct span){ 3, 5 }, (struct span){ 0, 0 }).hi == 5);
}

int main(void)
{
	places();
	order();
	bounds();
	buf_fini(&b);
	arena_fini(&a);
	return check_end(&c);
}
