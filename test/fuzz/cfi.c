/* SPDX-License-Identifier: Apache-2.0 */
/* cfi: unwind tables of damaged files. Whatever is in them, rows are in order, rules are of the known kinds, and there are not more rows than bytes. */
#include "fuzz.h"
#include "sym/cfi.h"

static void cfi_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct cfi_table t;
	if (sym_cfi_image(p, n, &t))
		return;
	f->n_accepted++;
	if (!t.n_rows || t.n_rules > UNWIND_RULES || t.n_rows > n)
		fuzz_fail(f, "%u rows, %u rules", t.n_rows, t.n_rules);
	for (uint32_t i = 0; i < t.n_rows; i++) {
		if (i && t.rows[i].pc <= t.rows[i - 1].pc)
			fuzz_fail(f, "row %u is out of order", i);
		if (t.rows[i].rule > t.n_rules)
			fuzz_fail(f, "row %u has no rule", i);
	}
	for (uint32_t i = 0; i < t.n_rules; i++) {
		const struct unwind_rule *r = &t.rules[i];
		if (r->base > UW_R10 || r->base == UW_CFA || r->flags > 7 || r->ra_base > UW_LOST || r->fp_base > UW_LOST || r->bx_base > UW_LOST ||
		    (r->base == UW_SAME && r->ra_base != UW_END))
			fuzz_fail(f, "rule %u is none", i);
	}
	sym_cfi_free(&t);
}

/* Mostly in the tables: find .eh_frame's entries by their look, "zR", and damage what is around. */
static void cfi_make(struct fuzz *f, struct buf *b)
{
	struct str s = f->seeds.v[rng_below(&f->rng, f->seeds.n)];
	buf_add(b, s.s, s.len);
	uint32_t at = 0;
	for (uint32_t i = 0; i + 3 < b->len; i++)
		if (!memcmp(b->s + i, "zR", 3) || !memcmp(b->s + i, "zPLR", 5))
			at = i;
	if (!at || rng_one_in(&f->rng, 4)) {
		mutate_bytes(&f->rng, &f->seeds, b);
		return;
	}
	for (uint32_t k = 1 + rng_below(&f->rng, 6); k--;) {
		uint32_t where = at - 9 + rng_below(&f->rng, 400);
		if (where >= b->len)
			continue;
		static const uint8_t ops[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x16, 0x2e, 0x41, 0x86,
					       0xc6, 0xff, 0x80, 0x7f };
		b->s[where] = rng_one_in(&f->rng, 2) ? (char)ops[rng_below(&f->rng, sizeof(ops))] : (char)rng_next(&f->rng);
	}
	if (rng_one_in(&f->rng, 8))
		b->len = rng_below(&f->rng, (uint32_t)b->len + 1);
}

const struct target fuzz_cfi = { .name = "cfi", .what = "unwind tables of damaged files", .make = cfi_make, .run = cfi_run };
