/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fmt: programs, mutated or generated, with comments and line breaks strewn in. What parses must be formatted to the same tree
 * with the same comments, and formatting that again must change nothing.
 */
#include <ctype.h>
#include <stdio.h>

#include "fuzz.h"
#include "script.h"

static void layout_make(struct fuzz *f, struct buf *b)
{
	static const char *const gaps[] = { "\n", "\n\n\n", " /* c */ ", "/**/", " // c\n", "\n// c\n", "\n/* two\n lines */\n", "\t", "  \n" };
	struct buf s = { 0 };
	bool quoted = false;
	script_make(f, &s);
	uint32_t every = 2 + rng_below(&f->rng, 30);
	for (size_t i = 0; i < s.len; i++) {
		quoted ^= s.s[i] == '"';
		if (s.s[i] == '\n')
			quoted = false;
		if (!quoted && (s.s[i] == ' ' || (ispunct((unsigned char)s.s[i]) && s.s[i] != '"' && rng_one_in(&f->rng, 4))) && rng_one_in(&f->rng, every)) {
			buf_addc(b, s.s[i]);
			buf_adds(b, gaps[rng_below(&f->rng, sizeof(gaps) / sizeof(*gaps))]);
			continue;
		}
		buf_addc(b, s.s[i]);
	}
	buf_fini(&s);
}

static void layout_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct script s, t;
	struct buf once = { 0 }, twice = { 0 };
	script_open(&s, p, n);
	bool ok = fmt_program(&s.a, &s.d, s.source, &once);
	for (uint32_t i = 0; i < s.d.list.n; i++)
		if (s.d.list.v[i].id == D_INTERNAL)
			fuzz_fail(f, "%s", s.d.list.v[i].text);
	if (ok) {
		f->n_accepted++;
		script_open(&t, once.s ? once.s : "", once.len);
		if (!fmt_program(&t.a, &t.d, t.source, &twice) || once.len != twice.len || (once.len && memcmp(once.s, twice.s, once.len)))
			fuzz_fail(f, "formatting again changes it");
		script_close(&t);
	}
	if (f->show) {
		fwrite(once.s, 1, once.len, stdout);
		printf("---- again\n");
		fwrite(twice.s, 1, twice.len, stdout);
	}
	buf_fini(&once);
	buf_fini(&twice);
	script_close(&s);
}

const struct target fuzz_fmt = { .name = "fmt", .what = "scripts through the formatter, twice", .make = layout_make, .run = layout_run,
				 .finish = script_finish };
