/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregations outside the kernel: merging the values that the CPUs kept (layouts: sema/type.h), and the order in which
 * the rows of a map are printed (reference 5.3):
 *
 *   numbers, count, sum, min, max   by value, as signed as their type is
 *   avg, stats                      by the average
 *   hist, lhist                     by the number of values in them
 *   everything else                 by key
 *
 * ascending, so that the largest is last, where the eye is. Equal rows are ordered by key: the same
 * data always gives the same text, whatever the kernel's hash order is.
 */
#include <stdlib.h>

#include "run/run.h"

uint32_t agg_size(const struct type *t, uint32_t value_size)
{
	return type_is_agg(t) ? type_agg_size(t) : value_size;
}

static uint64_t agg_word(const void *p, uint32_t i)
{
	uint64_t v;
	memcpy(&v, (const uint8_t *)p + 8 * (size_t)i, 8);
	return v;
}

static void agg_set(void *p, uint32_t i, uint64_t v)
{
	memcpy((uint8_t *)p + 8 * (size_t)i, &v, 8);
}

/* A bucket of a time series, at word i: the newer epoch wins, the same one merges. */
static void agg_merge_bucket(const struct type *t, void *to, const void *from, uint32_t i)
{
	uint64_t x = agg_word(to, i), y = agg_word(from, i), mx = agg_word(to, i + 1), my = agg_word(from, i + 1), value, meta;
	uint64_t ex = agg_word(to, i + 2), ey = agg_word(from, i + 2);
	bool less = t->is_signed ? (int64_t)y < (int64_t)x : y < x;
	if (!my || (mx && ey < ex))
		return;
	if (!mx || ey > ex) {
		value = y, meta = my;
	} else {
		switch (t->agg.bits) {
		case TS_AVG: value = x + y, meta = mx + my; break;
		case TS_SUM: value = x + y, meta = 1; break;
		case TS_MIN: value = less ? y : x, meta = 1; break;
		case TS_MAX: value = less ? x : y, meta = 1; break;
		default: value = my > mx ? y : x, meta = my > mx ? my : mx; break;
		}
	}
	agg_set(to, i, value);
	agg_set(to, i + 1, meta);
	agg_set(to, i + 2, ey);
}

void agg_merge(const struct type *t, void *to, const void *from, uint32_t size)
{
	switch (t->kind) {
	case T_MIN:
	case T_MAX: {
		uint64_t x = agg_word(to, 0), y = agg_word(from, 0);
		if (!agg_word(from, 1))
			return;
		bool less = t->is_signed ? (int64_t)y < (int64_t)x : y < x;
		if (!agg_word(to, 1) || (t->kind == T_MIN ? less : !less))
			agg_set(to, 0, y);
		agg_set(to, 1, 1);
		return;
	}
	case T_COUNT:
	case T_SUM:
	case T_AVG:
	case T_STATS:
	case T_HIST:
	case T_LHIST:
		for (uint32_t i = 0; i < size / 8; i++)
			agg_set(to, i, agg_word(to, i) + agg_word(from, i));
		return;
	case T_TSERIES:
		for (uint32_t i = 0; i + 3 <= size / 8; i += 3)
			agg_merge_bucket(t, to, from, i);
		return;
	default:
		memcpy(to, from, size);
	}
}

bool agg_is_empty(const struct type *t, const void *merged, uint32_t size)
{
	if (t->kind == T_MIN || t->kind == T_MAX || t->kind == T_AVG || t->kind == T_STATS)
		return !agg_word(merged, 1);
	for (uint32_t i = 0; i < size; i++)
		if (((const uint8_t *)merged)[i])
			return false;
	return true;
}

/* The integer of `size` bytes at p. */
static uint64_t agg_integer(const void *p, uint32_t size, bool is_signed)
{
	uint64_t v = 0;
	unsigned bits = size * 8;
	memcpy(&v, p, size > 8 ? 8 : size);
	if (is_signed && bits && bits < 64 && (v >> (bits - 1) & 1))
		v |= ~0ULL << bits;
	return v;
}

/* A number that orders like the value; false when the value does not order the row. */
static bool agg_rank(const struct type *t, const void *value, uint64_t *ret)
{
	uint64_t bias = t->is_signed ? 1ULL << 63 : 0, v = 0, n;
	switch (t->kind) {
	case T_INT:
	case T_ENUM:
		v = agg_integer(value, t->size, t->is_signed);
		break;
	case T_COUNT:
		bias = 0;
		v = agg_word(value, 0);
		break;
	case T_SUM:
	case T_MIN:
	case T_MAX:
		v = agg_word(value, 0);
		break;
	case T_AVG:
	case T_STATS:
		v = agg_word(value, 0);
		n = agg_word(value, 1);
		if (!n)
			v = 0;
		else if (!t->is_signed)
			v /= n;
		else if (n > 1) /* not INT64_MIN / -1 */
			v = (uint64_t)((int64_t)v / (int64_t)(n > INT64_MAX ? INT64_MAX : n));
		break;
	case T_HIST:
	case T_LHIST:
		bias = 0;
		for (uint32_t i = 0; i < type_agg_buckets(t); i++)
			v += agg_word(value, i);
		break;
	default:
		return false;
	}
	*ret = v ^ bias;
	return true;
}

int agg_compare(const struct type *t, const void *px, const void *py)
{
	const uint8_t *x = px, *y = py;
	switch (t->kind) {
	case T_BOOL:
	case T_INT:
	case T_ENUM:
	case T_PTR:
	case T_KSYM:
	case T_USERNAME:
	case T_PROBE: {
		bool is_signed = type_is_int(t) && t->is_signed;
		uint64_t a = agg_integer(x, t->size, is_signed), b = agg_integer(y, t->size, is_signed);
		if (is_signed)
			return (int64_t)a < (int64_t)b ? -1 : (int64_t)a > (int64_t)b;
		return a < b ? -1 : a > b;
	}
	case T_STRING:
		for (uint32_t i = 0; i < t->size; i++)
			if (x[i] != y[i] || !x[i])
				return x[i] - y[i];
		return 0;
	case T_TUPLE:
	case T_RECORD:
	case T_STRUCT:
		for (uint32_t i = 0; i < t->fields.n; i++) {
			const struct field *f = &t->fields.v[i];
			int c = f->offset + f->type->size <= t->size ? agg_compare(f->type, x + f->offset, y + f->offset) : 0;
			if (c)
				return c;
		}
		return t->fields.n ? 0 : memcmp(x, y, t->size);
	case T_ARRAY:
		for (uint32_t i = 0; t->elem->size && i < t->count && (i + 1) * t->elem->size <= t->size; i++) {
			int c = agg_compare(t->elem, x + i * t->elem->size, y + i * t->elem->size);
			if (c)
				return c;
		}
		return 0;
	default:
		return memcmp(x, y, t->size);
	}
}

struct agg_item {
	uint64_t rank;
	struct out_row row;
};

struct agg_order {
	const struct type *key;
	const struct sort_column *by; /* NULL: by rank */
};

static int agg_item_compare(const void *px, const void *py, void *arg)
{
	const struct agg_item *x = px, *y = py;
	const struct agg_order *o = arg;
	int c = x->rank < y->rank ? -1 : x->rank > y->rank;
	if (o->by && o->by->by_key)
		c = agg_compare(o->by->type, (const char *)x->row.key + o->by->offset, (const char *)y->row.key + o->by->offset);
	else if (o->by && !type_is_agg(o->by->type))
		c = agg_compare(o->by->type, (const char *)x->row.value + o->by->offset, (const char *)y->row.value + o->by->offset);
	return c ? c : o->key ? agg_compare(o->key, x->row.key, y->row.key) : 0;
}

void agg_sort(const struct type *key, const struct type *value, const struct sort_column *by, struct out_row *rows, uint32_t *n,
	      uint32_t top)
{
	struct agg_order order = { key, by && by->type ? by : NULL };
	struct agg_item *items = *n > 1 ? malloc(*n * sizeof(*items)) : NULL;
	if (items) { /* without memory: unsorted, but complete */
		for (uint32_t i = 0; i < *n; i++) {
			items[i] = (struct agg_item){ .row = rows[i] };
			agg_rank(value, rows[i].value, &items[i].rank);
		}
		qsort_r(items, *n, sizeof(*items), agg_item_compare, &order);
		for (uint32_t i = 0; i < *n; i++)
			rows[i] = items[i].row;
		free(items);
	}
	if (top && top < *n) { /* the largest */
		memmove(rows, rows + (*n - top), top * sizeof(*rows));
		*n = top;
	}
	for (uint32_t i = 0; order.by && by->descending && i < *n / 2; i++) {
		struct out_row x = rows[i];
		rows[i] = rows[*n - 1 - i];
		rows[*n - 1 - i] = x;
	}
}
