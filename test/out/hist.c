/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms (language reference 4.6, 5.4, 5.6): what every bucket is called, and the length of bars. */
#include "make.h"

static struct check c = { .suite = "out" };
static struct arena a;
static struct buf b;

/* The bucket of a value, as the programs in the kernel compute it: independent of the code under test. */
static uint32_t bucket(const struct type *t, uint64_t x)
{
	if (t->kind == T_LHIST) {
		int64_t v = (int64_t)x;
		if (v < t->agg.min)
			return 0;
		if (v >= t->agg.max)
			return 1 + (uint32_t)((t->agg.max - t->agg.min) / t->agg.step);
		return 1 + (uint32_t)((v - t->agg.min) / t->agg.step);
	}
	unsigned k = (unsigned)t->agg.bits, l = 63;
	if (x >> k == 0)
		return 1 + (uint32_t)x;
	while (!(x >> l))
		l--;
	return ((l - k + 1) << k) + (uint32_t)((x >> (l - k)) & ((1u << k) - 1)) + 1;
}

static uint64_t *make(const struct type *t)
{
	return calloc(type_agg_buckets(t), sizeof(uint64_t));
}

/* The label of the bucket that holds x, and its bounds in JSON. */
static void label(const struct type *t, uint32_t i, const char *text, const char *json)
{
	uint64_t *w = make(t);
	char name[64], want[256];
	if (!check_true(&c, "index within the type's buckets", i < type_agg_buckets(t)))
		return;
	w[i] = 1;
	snprintf(name, sizeof(name), "bits %lld, step %lld, bucket %u", (long long)t->agg.bits, (long long)t->agg.step,
		 i);
	snprintf(want, sizeof(want), "%-16s%8d |%.52s|\n", text, 1,
		 "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@");
	out_hist_text(t, w, &b);
	check_text(&c, name, want, &b);
	snprintf(want, sizeof(want), "[{%s\"count\": 1}]", json);
	out_hist_json(t, w, &b);
	check_text(&c, name, want, &b);
	free(w);
}

static void powers(void)
{
	static const struct {
		int bits;
		uint64_t x;
		const char *text, *json;
	} rows[] = {
		{ 0, 0, "[0]", "\"min\": 0, \"max\": 0, " },
		{ 0, 1, "[1]", "\"min\": 1, \"max\": 1, " },
		{ 0, 2, "[2, 4)", "\"min\": 2, \"max\": 3, " },
		{ 0, 3, "[2, 4)", "\"min\": 2, \"max\": 3, " },
		{ 0, 4, "[4, 8)", "\"min\": 4, \"max\": 7, " },
		{ 0, 100, "[64, 128)", "\"min\": 64, \"max\": 127, " },
		{ 0, 1023, "[512, 1K)", "\"min\": 512, \"max\": 1023, " },
		{ 0, 1024, "[1K, 2K)", "\"min\": 1024, \"max\": 2047, " },
		{ 0, 1 << 20, "[1M, 2M)", "\"min\": 1048576, \"max\": 2097151, " },
		{ 0, (1 << 20) - 1, "[512K, 1M)", "\"min\": 524288, \"max\": 1048575, " },
		{ 0, 1ull << 30, "[1G, 2G)", "\"min\": 1073741824, \"max\": 2147483647, " },
		{ 0, 1ull << 40, "[1T, 2T)", "\"min\": 1099511627776, \"max\": 2199023255551, " },
		{ 0, 1ull << 50, "[1P, 2P)", "\"min\": 1125899906842624, \"max\": 2251799813685247, " },
		{ 0, 1ull << 60, "[1E, 2E)", "\"min\": 1152921504606846976, \"max\": \"2305843009213693951\", " },
		{ 0, 1ull << 62, "[4E, 8E)", "\"min\": 4611686018427387904, \"max\": \"9223372036854775807\", " },
		{ 0, UINT64_MAX, "[8E, 16E)", "\"min\": 9223372036854775808, \"max\": \"18446744073709551615\", " },
		{ 1, 3, "[3]", "\"min\": 3, \"max\": 3, " },
		{ 1, 4, "[4, 6)", "\"min\": 4, \"max\": 5, " },
		{ 1, 7, "[6, 8)", "\"min\": 6, \"max\": 7, " },
		{ 1, 800, "[768, 1024)", "\"min\": 768, \"max\": 1023, " },
		{ 2, 7, "[7]", "\"min\": 7, \"max\": 7, " },
		{ 2, 8, "[8, 10)", "\"min\": 8, \"max\": 9, " },
		{ 2, 1000, "[896, 1024)", "\"min\": 896, \"max\": 1023, " },
		{ 2, 1024, "[1024, 1280)", "\"min\": 1024, \"max\": 1279, " },
		{ 2, 4000, "[3584, 4K)", "\"min\": 3584, \"max\": 4095, " },
		{ 2, 4096, "[4K, 5K)", "\"min\": 4096, \"max\": 5119, " },
		{ 5, 63, "[63]", "\"min\": 63, \"max\": 63, " },
		{ 5, 64, "[64, 66)", "\"min\": 64, \"max\": 65, " },
		{ 5, UINT64_MAX, "[16128P, 16384P)",
		  "\"min\": 18158513697557839872, \"max\": \"18446744073709551615\", " },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct type *t = mk_hist(&a, rows[i].bits);
		label(t, bucket(t, rows[i].x), rows[i].text, rows[i].json);
	}
	for (int k = 0; k <= 5; k++)
		label(mk_hist(&a, k), 0, "(..., 0)", "\"max\": -1, ");
}

/* Whatever the bits: the bounds in JSON of a bucket hold exactly the values that go there. */
static void bounds(void)
{
	bool good = true;
	for (int k = 0; k <= 5; k++) {
		struct type *t = mk_hist(&a, k);
		uint64_t *w = make(t), next = 0;
		uint32_t n = bucket(t, UINT64_MAX);
		for (uint32_t i = 1; i <= n; i++) {
			unsigned long long min = 1, max = 0;
			w[i] = 1;
			out_hist_json(t, w, &b);
			w[i] = 0;
			/* numbers that a double cannot hold are quoted */
			char plain[128], *o = plain;
			for (size_t j = 0; j < b.len && o < plain + sizeof(plain) - 1; j++)
				if (b.s[j] != '"')
					*o++ = b.s[j];
			*o = 0;
			buf_clear(&b);
			good &= sscanf(plain, "[{min: %llu, max: %llu, count: 1}]", &min, &max) == 2;
			good &= min == next && max >= min && bucket(t, min) == i && bucket(t, max) == i;
			next = max + 1;
		}
		good &= next == 0; /* 2^64: the buckets cover everything */
		free(w);
	}
	check_true(&c, "buckets cover all values without gap or overlap, for all bits", good);
}

static void linear(void)
{
	static const struct {
		int64_t min, max, step, x;
		const char *text, *json;
	} rows[] = {
		{ 0, 1000, 100, 100, "[100, 200)", "\"min\": 100, \"max\": 199, " },
		{ 0, 1000, 100, 0, "[0, 100)", "\"min\": 0, \"max\": 99, " },
		{ 0, 1000, 100, 999, "[900, 1000)", "\"min\": 900, \"max\": 999, " },
		{ 0, 1000, 100, 1000, "[1000, ...)", "\"min\": 1000, " },
		{ 0, 1000, 100, -1, "(..., 0)", "\"max\": -1, " },
		{ 10, 20, 1, 9, "(..., 10)", "\"max\": 9, " },
		{ 10, 20, 1, 12, "[12]", "\"min\": 12, \"max\": 12, " },
		{ 10, 20, 1, 20, "[20, ...)", "\"min\": 20, " },
		{ 0, 8192, 1024, 0, "[0, 1K)", "\"min\": 0, \"max\": 1023, " },
		{ 0, 8192, 1024, 2000, "[1K, 2K)", "\"min\": 1024, \"max\": 2047, " },
		{ 0, 2 << 20, 512 << 10, 1 << 20, "[1M, 1536K)", "\"min\": 1048576, \"max\": 1572863, " },
		{ 0, 2 << 20, 512 << 10, 2 << 20, "[2M, ...)", "\"min\": 2097152, " },
		{ 0, 2000, 1000, 1500, "[1000, 2000)", "\"min\": 1000, \"max\": 1999, " },
		{ 100, 100 + 4096, 1024, 100, "[100, 1124)", "\"min\": 100, \"max\": 1123, " },
		{ 0, 100000000, 10000000, 99999999, "[90000000, 100000000)", "\"min\": 90000000, \"max\": 99999999, " },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct type *t = mk_lhist(&a, rows[i].min, rows[i].max, rows[i].step);
		label(t, bucket(t, (uint64_t)rows[i].x), rows[i].text, rows[i].json);
	}
}

static void bars(void)
{
	struct type *t = mk_hist(&a, 0);
	uint64_t *w = make(t);
	w[0] = w[1] = w[3] = w[bucket(t, 4096)] = 1;
	w[bucket(t, 4096)] = 1;
	out_hist_text(t, w, &b);
#define BAR52 "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"
#define BAR0  "                                                    "
	check_text(&c, "rows from the first to the last that is not empty",
		   "(..., 0)               1 |" BAR52 "|\n[0]                    1 |" BAR52
		   "|\n[1]                    0 |" BAR0 "|\n"
		   "[2, 4)                 1 |" BAR52 "|\n[4, 8)                 0 |" BAR0
		   "|\n[8, 16)                0 |" BAR0 "|\n"
		   "[16, 32)               0 |" BAR0 "|\n[32, 64)               0 |" BAR0
		   "|\n[64, 128)              0 |" BAR0 "|\n"
		   "[128, 256)             0 |" BAR0 "|\n[256, 512)             0 |" BAR0
		   "|\n[512, 1K)              0 |" BAR0 "|\n"
		   "[1K, 2K)               0 |" BAR0 "|\n[2K, 4K)               0 |" BAR0
		   "|\n[4K, 8K)               1 |" BAR52 "|\n",
		   &b);
	memset(w, 0, 8 * type_agg_buckets(t));
	out_hist_text(t, w, &b);
	check_text(&c, "an empty histogram, text", "", &b);
	out_hist_json(t, w, &b);
	check_text(&c, "an empty histogram, JSON", "[]", &b);
	w[8] = 30; /* [64, 128) */
	w[10] = 10;
	out_hist_text(t, w, &b);
	check_text(&c, "a third of a bar",
		   "[64, 128)             30 |" BAR52 "|\n[128, 256)             0 |" BAR0 "|\n"
		   "[256, 512)            10 |@@@@@@@@@@@@@@@@@                                   |\n", &b);
	out_hist_json(t, w, &b);
	check_text(&c, "rows in JSON",
		   "[{\"min\": 64, \"max\": 127, \"count\": 30},{\"min\": 128, \"max\": 255, \"count\": 0},"
		   "{\"min\": 256, \"max\": 511, \"count\": 10}]", &b);
	memset(w, 0, 8 * type_agg_buckets(t));
	w[1] = 123456789;
	out_hist_text(t, w, &b);
	check_text(&c, "a count wider than its column", "[0]             123456789 |" BAR52 "|\n", &b);
	w[1] = UINT64_MAX;
	w[2] = UINT64_MAX / 2;
	out_hist_text(t, w, &b);
	check_text(&c, "the largest counts",
		   "[0]             18446744073709551615 |" BAR52 "|\n"
		   "[1]             9223372036854775807 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n", &b);
	/* float32: 16777215 / 16777216 is exact, but 33554431 rounds to 33554432 and its bar is full. */
	w[1] = 33554432;
	w[2] = 33554431;
	w[3] = 16777215;
	w[4] = 645278; /* the first count with a bar of 1: 33554432 / 52 = 645277.5 */
	w[5] = 645277;
	out_hist_text(t, w, &b);
	check_text(&c, "bars are computed in float32",
		   "[0]             33554432 |" BAR52 "|\n[1]             33554431 |" BAR52 "|\n"
		   "[2, 4)          16777215 |@@@@@@@@@@@@@@@@@@@@@@@@@                           |\n"
		   "[4, 8)            645278 |@                                                   |\n"
		   "[8, 16)           645277 |" BAR0 "|\n", &b);
	free(w);
}

int main(void)
{
	powers();
	bounds();
	linear();
	bars();
	buf_fini(&b);
	arena_fini(&a);
	return check_end(&c);
}
