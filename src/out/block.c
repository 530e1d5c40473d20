/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps by stacks as blocks (config stack_form): for each row the kernel's frames, the program's, the rest of the key, the value, an empty
 * line. Addresses differ from process to process where names do not: rows that read the same are one, with the sum of their values.
 */
#include "out/value.h"

#include <stdlib.h>
#include <string.h>

struct out_block {
	struct buf text;
	uint64_t n;     /* what is summed up */
	uint32_t row;   /* its order in the map */
};

static bool block_is_stack(const struct type *t)
{
	return t->kind == T_KSTACK || t->kind == T_USTACK;
}

bool block_is_wanted(const struct out *o, const struct out_map *m)
{
	bool any = m->key && block_is_stack(m->key);
	for (uint32_t i = 0; m->key && m->key->kind == T_TUPLE && i < m->key->fields.n; i++)
		any |= block_is_stack(m->key->fields.v[i].type);
	return any && o->env->blocks != STACKS_MAP;
}

/* All but the value. */
static void block_key(const struct out *o, const struct out_map *m, const struct out_row *row, struct buf *b)
{
	static const enum type_kind order[] = { T_KSTACK, T_USTACK, T_NONE };
	uint32_t n = m->key->kind == T_TUPLE ? m->key->fields.n : 1, others = 0;
	bool both = false;
	for (int pass = 0; pass < 3; pass++) {
		for (uint32_t i = 0; i < n; i++) {
			const struct field *f = m->key->kind == T_TUPLE ? &m->key->fields.v[i] : NULL;
			const struct type *t = f ? f->type : m->key;
			struct buf part = { 0 };
			struct val v = { .env = o->env, .o = &part };
			if (pass < 2 ? t->kind != order[pass] : block_is_stack(t))
				continue;
			val_text(&v, t, (const char *)row->key + (f ? f->offset : 0), t->size, false);
			const char *s = part.s ? part.s : "";
			if (pass < 2) {
				s += *s == '\n';
				buf_adds(b, both && *s && o->env->blocks == STACKS_DELIMITED ? "    --\n" : "");
				both |= *s != 0;
				buf_adds(b, s);
			} else {
				buf_addf(b, others ? " [%s]" : "    %s", s);
				others++;
			}
			b->oom |= part.oom;
			buf_fini(&part);
		}
	}
	buf_adds(b, others ? "\n    " : "    ");
}

static int block_by_text(const void *px, const void *py)
{
	const struct out_block *x = px, *y = py;
	int c = strcmp(x->text.s ? x->text.s : "", y->text.s ? y->text.s : "");
	return c ? c : x->row < y->row ? -1 : x->row > y->row;
}

static int block_by_row(const void *px, const void *py)
{
	const struct out_block *x = px, *y = py;
	return x->row < y->row ? -1 : x->row > y->row;
}

static int block_by_value(const void *px, const void *py)
{
	const struct out_block *x = px, *y = py;
	return x->n != y->n ? (x->n < y->n ? -1 : 1) : block_by_row(px, py);
}

static int block_by_value_down(const void *px, const void *py)
{
	const struct out_block *x = px, *y = py;
	return x->n != y->n ? (x->n > y->n ? -1 : 1) : block_by_row(px, py);
}

/* Rows that read the same become one. The order remains what it was: by values, up or down, or that of the rows. */
static uint32_t block_merge(struct out_block *v, uint32_t n)
{
	uint32_t kept = 0;
	bool up = true, down = true;
	for (uint32_t i = 1; i < n; i++) {
		up &= v[i].n >= v[i - 1].n;
		down &= v[i].n <= v[i - 1].n;
	}
	qsort(v, n, sizeof(*v), block_by_text);
	for (uint32_t i = 0; i < n; i++) {
		if (kept && v[i].text.s && v[kept - 1].text.s && !strcmp(v[kept - 1].text.s, v[i].text.s)) {
			v[kept - 1].n += v[i].n;
			buf_fini(&v[i].text);
		} else {
			v[kept++] = v[i];
		}
	}
	qsort(v, kept, sizeof(*v), up ? block_by_value : down ? block_by_value_down : block_by_row);
	return kept;
}

void block_map(struct out *o, const struct out_map *m)
{
	bool sums = m->value->kind == T_COUNT || m->value->kind == T_SUM || m->value->kind == T_INT, is_signed = false, negative = false;
	struct out_block *v = m->n ? calloc(m->n, sizeof(*v)) : NULL;
	uint32_t n = v ? m->n : 0;
	o->buf.oom |= m->n && !v;
	for (uint32_t i = 0; i < n; i++) {
		struct val value = { .env = o->env, .o = &v[i].text };
		v[i].row = i;
		block_key(o, m, &m->rows[i], &v[i].text);
		if (sums)
			val_number(m->value, m->rows[i].value, m->value_size, &v[i].n, &is_signed);
		else
			val_row(&value, m, &m->rows[i], false);
		negative |= is_signed && (int64_t)v[i].n < 0;
		o->buf.oom |= v[i].text.oom;
	}
	if (n && sums && !negative)
		n = block_merge(v, n);
	for (uint32_t i = 0; i < n; i++) {
		buf_adds(&o->buf, v[i].text.s ? v[i].text.s : "");
		if (sums)
			val_int(&o->buf, m->div > 1 ? val_divide(v[i].n, m->div, is_signed) : v[i].n, is_signed);
		buf_adds(&o->buf, "\n\n");
		buf_fini(&v[i].text);
		out_item_part(o);
	}
	free(v);
}
