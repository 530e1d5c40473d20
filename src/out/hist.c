/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms, in text and JSON (language reference 5.4, 5.6). Which values a bucket holds follows from its index alone:
 *
 *   hist, k bits   0: negative. Then n = 2^k buckets for each power of two: i = index - 1; below 2n every value has its
 * own; above, the power is i / n - 1 and the bucket begins at 2^power * (n + i % n). lhist          0: below min. Then
 * one for each step; the last: max and above.
 *
 * Rows run from the first to the last bucket that is not empty. The length of a bar is computed in float32, whose
 * rounding is part of the format.
 */
#include "out/value.h"

enum { BAR = 52 };

struct label {
	uint64_t n;     /* as shown, before the suffix */
	char suffix;    /* 0: plain */
};

/* The lower bound of a bucket; the bound of index + 1 is where it ends. 2^64 wraps to 0. */
uint64_t out_hist_bound(const struct type *t, uint32_t index)
{
	if (t->kind == T_LHIST)
		return (uint64_t)t->agg.min + (uint64_t)(index - 1) * (uint64_t)t->agg.step;
	uint64_t k = (uint64_t)t->agg.bits, n = 1ull << k, i = index - 1;
	if (i < 2 * n)
		return i;
	uint64_t power = (i >> k) - 1;
	return power > 63 ? 0 : (n + (i & (n - 1))) << power;
}

static struct label label(const struct type *t, uint32_t index)
{
	uint64_t b = out_hist_bound(t, index);
	if (t->kind == T_LHIST) {
		if (t->agg.step % 1024 || b == 0 || b % 1024)
			return (struct label){ b, 0 };
		return b % (1024 * 1024) == 0 ? (struct label){ b >> 20, 'M' } : (struct label){ b >> 10, 'K' };
	}
	uint64_t k = (uint64_t)t->agg.bits, n = 1ull << k, i = index - 1;
	if (i < 2 * n)
		return (struct label){ b, 0 };
	uint64_t power = (i >> k) - 1;
	return (struct label){ (n + (i & (n - 1))) << (power % 10), "\0KMGTPE"[power / 10 < 6 ? power / 10 : 6] };
}

static void add_label(struct buf *o, struct label l)
{
	val_int(o, l.n, false);
	if (l.suffix)
		buf_addc(o, l.suffix);
}

static bool is_last(const struct type *t, uint32_t index)
{
	return t->kind == T_LHIST && index + 1 == type_agg_buckets(t);
}

static bool range(const struct type *t, const uint64_t *buckets, uint32_t *ret_first, uint32_t *ret_last,
		  uint64_t *ret_max)
{
	bool any = false;
	*ret_max = 0;
	for (uint32_t i = 0, n = type_agg_buckets(t); i < n; i++) {
		if (!buckets[i])
			continue;
		if (!any)
			*ret_first = i;
		any = true;
		*ret_last = i;
		if (buckets[i] > *ret_max)
			*ret_max = buckets[i];
	}
	return any;
}

static void header(const struct type *t, uint32_t i, struct buf *o)
{
	if (i == 0) {
		buf_adds(o, "(..., ");
		add_label(o, label(t, 1));
		buf_addc(o, ')');
		return;
	}
	struct label lo = label(t, i);
	buf_addc(o, '[');
	add_label(o, lo);
	if (is_last(t, i)) {
		buf_adds(o, ", ...)");
		return;
	}
	struct label hi = label(t, i + 1);
	if (!lo.suffix && !hi.suffix && hi.n == lo.n + 1) {
		buf_addc(o, ']');
		return;
	}
	buf_adds(o, ", ");
	add_label(o, hi);
	buf_addc(o, ')');
}

void out_hist_text(const struct type *t, const uint64_t *buckets, struct buf *ret)
{
	uint32_t first, last;
	uint64_t max;
	if (!range(t, buckets, &first, &last, &max))
		return;
	for (uint32_t i = first; i <= last; i++) {
		size_t at = ret->len;
		header(t, i, ret);
		buf_pad(ret, ' ', 16 - (int)(ret->len - at));
		int bar = (int)((float)buckets[i] / (float)max * BAR);
		buf_addf(ret, "%8llu |", (unsigned long long)buckets[i]);
		buf_pad(ret, '@', bar);
		buf_pad(ret, ' ', BAR - bar);
		buf_adds(ret, "|\n");
	}
}

/* ------------------------------------------------------------ distributions */

/* One row per power of two, or per step, from the first possible one: two distributions lie beside each other. */
struct row_sum {
	uint64_t lo, hi, n;
};

/* Row i of the table; false: behind the last bucket. Buckets finer than a row are summed up. */
static bool row_of(const struct type *t, const uint64_t *buckets, uint32_t i, struct row_sum *ret)
{
	uint32_t n = type_agg_buckets(t);
	*ret = (struct row_sum){ 0 };
	if (t->kind == T_LHIST) {
		if (i >= n)
			return false;
		ret->n = buckets[i];
		ret->lo = i ? out_hist_bound(t, i) : 0;
		ret->hi = i + 1 < n ? out_hist_bound(t, i + 1) - 1 : UINT64_MAX;
		return true;
	}
	if (i > 63)
		return false;
	ret->lo = i ? 1ull << i : 0;
	ret->hi = i == 63 ? UINT64_MAX : (2ull << i) - 1;
	for (uint32_t k = 0; k < n; k++) {
		uint64_t b = k ? out_hist_bound(t, k) : 0;
		if (k && b == 0 && k > 1)
			break; /* past the last power */
		if (b >= ret->lo && b <= ret->hi)
			ret->n += buckets[k];
	}
	return true;
}

void out_hist_distribution(const struct type *t, const uint64_t *buckets, struct str unit, struct buf *ret)
{
	struct row_sum r;
	uint64_t max = 0;
	uint32_t last = 0, first = t->kind == T_LHIST && buckets[0] == 0;
	bool each = t->kind == T_LHIST && t->agg.step == 1, any = false;
	for (uint32_t i = 0; row_of(t, buckets, i, &r); i++) {
		if (!r.n)
			continue;
		any = true;
		last = i;
		max = r.n > max ? r.n : max;
	}
	if (!any)
		return;
	bool wide = t->kind != T_LHIST && last > 31;
	int bar = wide ? 20 : 40, number = wide ? 20 : 10;
	if (each)
		buf_addf(ret, "     %-13.*s : count     distribution\n", STR_FMT(unit));
	else
		buf_addf(ret, "%*s%-*.*s : count     distribution\n", wide ? 15 : 5, "", wide ? 29 : 19, STR_FMT(unit));
	for (uint32_t i = first; i <= last && row_of(t, buckets, i, &r); i++) {
		int stars = max ? (int)((double)bar * (double)r.n / (double)max) : 0;
		if (each && i == 0)
			buf_addf(ret, "        %-10s : %-8llu |", "below", (unsigned long long)r.n);
		else if (each)
			buf_addf(ret, "        %-10llu : %-8llu |", (unsigned long long)r.lo, (unsigned long long)r.n);
		else
			buf_addf(ret, "%*llu -> %-*llu : %-8llu |", number, (unsigned long long)r.lo, number, (unsigned long long)r.hi,
				 (unsigned long long)r.n);
		buf_pad(ret, '*', stars);
		buf_pad(ret, ' ', bar - stars);
		buf_adds(ret, "|\n");
	}
}

void out_hist_json(const struct type *t, const uint64_t *buckets, struct buf *ret)
{
	uint32_t first = 1, last = 0;
	uint64_t max;
	range(t, buckets, &first, &last, &max);
	buf_addc(ret, '[');
	for (uint32_t i = first; i <= last; i++) {
		buf_adds(ret, i == first ? "{" : ",{");
		if (i > 0) {
			buf_adds(ret, "\"min\": ");
			val_json_int(ret, out_hist_bound(t, i), false);
			buf_adds(ret, ", ");
		}
		if (!is_last(t, i)) {
			/* Only the bucket below the first one can end at -1. */
			buf_adds(ret, "\"max\": ");
			val_json_int(ret, out_hist_bound(t, i + 1) - 1, i == 0);
			buf_adds(ret, ", ");
		}
		buf_adds(ret, "\"count\": ");
		val_json_int(ret, buckets[i], false);
		buf_addc(ret, '}');
	}
	buf_addc(ret, ']');
}
