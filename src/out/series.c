/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time series, in text and JSON (language reference 5.5, 5.6). A bucket holds value, meta and epoch (sema/type.h); which time it
 * stands for follows from its epoch, which buckets are shown from the newest epoch of the whole map: all
 * keys of a map have the same right end. Columns are computed in float32, whose rounding is part of the format.
 */
#include <stdlib.h>

#include "out/value.h"

enum { WIDTH = 53, WORDS = 3 };

static uint64_t word(const void *p, uint64_t i)
{
	uint64_t v;
	memcpy(&v, (const uint8_t *)p + 8 * i, 8);
	return v;
}

uint64_t out_series_newest(const struct type *t, const void *value)
{
	uint64_t newest = 0;
	for (uint64_t i = 0; i < (uint64_t)t->agg.max; i++)
		if (word(value, i * WORDS + 1) && word(value, i * WORDS + 2) > newest)
			newest = word(value, i * WORDS + 2);
	return newest;
}

struct out_point *out_series_points(const struct type *t, const void *value, uint64_t newest, uint64_t *ret_first, uint64_t *ret_n)
{
	uint64_t n = (uint64_t)t->agg.max, from = newest >= n ? newest - n + 1 : 0, first = UINT64_MAX;
	*ret_n = 0;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t epoch = word(value, i * WORDS + 2);
		if (word(value, i * WORDS + 1) && epoch >= from && epoch <= newest && epoch < first)
			first = epoch;
	}
	if (first == UINT64_MAX)
		return NULL;
	struct out_point *r = calloc(newest - first + 1, sizeof(*r));
	if (!r)
		return NULL;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t x = word(value, i * WORDS), meta = word(value, i * WORDS + 1), epoch = word(value, i * WORDS + 2);
		if (!meta || epoch < first || epoch > newest)
			continue;
		if (t->agg.bits == TS_AVG)
			x = t->is_signed ? (uint64_t)((int64_t)x / (int64_t)(meta > INT64_MAX ? INT64_MAX : meta)) : x / meta;
		r[epoch - first] = (struct out_point){ true, x };
	}
	*ret_first = first;
	*ret_n = newest - first + 1;
	return r;
}

struct axis {
	bool sign;
	uint64_t min, max;
};

static bool less(const struct axis *a, uint64_t x, uint64_t y)
{
	return a->sign ? (int64_t)x < (int64_t)y : x < y;
}

static struct axis axis(const struct type *t, const struct out_point *p, uint64_t n)
{
	struct axis a = { .sign = t->is_signed };
	bool any = false;
	for (uint64_t i = 0; i < n; i++) {
		if (!p[i].there)
			continue;
		if (!any || less(&a, p[i].value, a.min))
			a.min = p[i].value;
		if (!any || less(&a, a.max, p[i].value))
			a.max = p[i].value;
		any = true;
	}
	if (a.min == a.max) { /* one value: in the middle, unless there is none below or above it */
		if (a.min != (a.sign ? (uint64_t)INT64_MIN : 0))
			a.min--;
		if (a.max != (a.sign ? (uint64_t)INT64_MAX : UINT64_MAX))
			a.max++;
	}
	return a;
}

static void padded(struct buf *o, size_t at, size_t width)
{
	if (o->len - at < width)
		buf_pad(o, ' ', (int)(width - (o->len - at)));
}

static void bounds(const struct axis *a, size_t left, struct buf *o)
{
	struct buf max = { 0 };
	buf_pad(o, ' ', (int)left);
	size_t at = o->len;
	val_int(o, a->min, a->sign);
	padded(o, at, 21);
	val_int(&max, a->max, a->sign);
	if (max.len < 32)
		buf_pad(o, ' ', (int)(32 - max.len));
	buf_add(o, max.s, max.len);
	buf_addc(o, '\n');
	buf_fini(&max);
}

static void rule(char edge, struct buf *o)
{
	buf_addc(o, edge);
	buf_pad(o, '_', WIDTH - 2);
	buf_addc(o, edge);
	buf_addc(o, '\n');
}

static void plot(const struct axis *a, const struct out_point *p, struct buf *o)
{
	char line[WIDTH + 1];
	float span = (float)(a->max - a->min);
	memset(line, ' ', WIDTH);
	line[0] = line[WIDTH - 1] = '|';
	line[WIDTH] = '\0';
	if (a->sign && (int64_t)a->min < 0 && (int64_t)a->max > 0) {
		int zero = (int)(WIDTH * (float)(0 - a->min) / span);
		line[zero < 0 ? 0 : zero >= WIDTH ? WIDTH - 1 : zero] = '.';
	}
	if (p->there) {
		int col = (int)((WIDTH - 1) * (float)(p->value - a->min) / span);
		line[col < 0 ? 0 : col >= WIDTH ? WIDTH - 1 : col] = '*';
	}
	buf_adds(o, line);
	buf_addc(o, ' ');
	if (p->there)
		val_int(o, p->value, a->sign);
	else
		buf_addc(o, '-');
	buf_addc(o, '\n');
}

void out_series_text(const struct out_env *e, const struct type *t, const void *value, uint64_t newest, struct buf *ret)
{
	static const struct {
		uint64_t least;
		const char *head, *format;
		size_t width;
	} units[] = {
		{ 1000000000, "hh:mm:ss", "%H:%M:%S", 8 }, { 1000000, "hh:mm:ss.ms", "%H:%M:%S.%l", 12 },
		{ 1000, "hh:mm:ss.\316\274s", "%H:%M:%S.%f", 15 }, { 0, "hh:mm:ss.ns", "%H:%M:%S.%k", 18 },
	};
	uint64_t first, n, step = (uint64_t)t->agg.step;
	struct out_point *p = out_series_points(t, value, newest, &first, &n);
	if (!p) {
		buf_adds(ret, "<no data>\n");
		return;
	}
	size_t u = 0;
	while ((n > 1 ? step : 0) < units[u].least) /* one entry has no distance to another */
		u++;
	struct axis a = axis(t, p, n);
	size_t left = units[u].width + 1, at;
	bounds(&a, left, ret);
	at = ret->len;
	buf_adds(ret, units[u].head);
	padded(ret, at, left);
	rule('|', ret);
	for (uint64_t i = 0; i < n; i++) {
		out_strftime(units[u].format, (int64_t)((first + i) * step) + e->wall_minus_tai_ns, false, ret);
		buf_addc(ret, ' ');
		plot(&a, &p[i], ret);
	}
	buf_pad(ret, ' ', (int)left);
	rule('v', ret);
	bounds(&a, left, ret);
	free(p);
}

void out_series_json(const struct out_env *e, const struct type *t, const void *value, uint64_t newest, struct buf *ret)
{
	uint64_t first, n;
	struct out_point *p = out_series_points(t, value, newest, &first, &n);
	bool any = false;
	buf_addc(ret, '[');
	for (uint64_t i = 0; i < n; i++) {
		if (!p[i].there)
			continue;
		buf_adds(ret, any ? ",{\"interval_start\":\"" : "{\"interval_start\":\"");
		out_strftime("%Y-%m-%dT%H:%M:%S.%k", (int64_t)((first + i) * (uint64_t)t->agg.step) + e->wall_minus_tai_ns, false, ret);
		buf_adds(ret, "\",\"value\":");
		val_json_int(ret, p[i].value, t->is_signed);
		buf_addc(ret, '}');
		any = true;
	}
	buf_addc(ret, ']');
	free(p);
}
