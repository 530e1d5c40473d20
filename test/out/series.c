/* SPDX-License-Identifier: Apache-2.0 */
/* Time series (language reference 5.5, 5.6): the reference's own example, gaps, units, the zero line, old epochs. */
#include "make.h"

static struct check c = { .suite = "out" };
static struct arena a;
static struct buf b;

static struct type *mk_series(int64_t step, int64_t n, int64_t mode, bool is_signed)
{
	struct type *t = mk(&a, T_TSERIES, 0);
	t->agg.step = step;
	t->agg.max = n;
	t->agg.bits = mode;
	t->is_signed = is_signed;
	return t;
}

static void series_put(uint64_t *w, const struct type *t, uint64_t epoch, int64_t value, uint64_t meta)
{
	uint64_t *p = w + epoch % (uint64_t)t->agg.max * 3;
	p[0] = (uint64_t)value, p[1] = meta, p[2] = epoch;
}

int main(void)
{
	static const struct out_env env = { 0 };
	uint64_t w[30] = { 0 };
	setenv("TZ", "UTC", 1);
	struct type *t = mk_series(1000000000, 10, TS_LAST, true);
	series_put(w, t, 14370, 1, 5);
	check_true(&c, "newest", out_series_newest(t, w) == 14370);
	out_series_text(&env, t, w, 14370, &b);
	check_text(&c, "one value",
		   "                   0                                                   2\n"
		   "hh:mm:ss.ns        |___________________________________________________|\n"
		   "03:59:30.000000000 |                         *                         | 1\n"
		   "                   v___________________________________________________v\n"
		   "                   0                                                   2\n", &b);
	out_series_json(&env, t, w, 14370, &b);
	check_text(&c, "json", "[{\"interval_start\":\"1970-01-01T03:59:30.000000000\",\"value\":1}]", &b);

	/* a gap, values on both sides of zero, an epoch that is too old to be shown */
	series_put(w, t, 14372, -3, 6);
	series_put(w, t, 14363, 9, 1);
	out_series_text(&env, t, w, 14373, &b);
	check_text(&c, "gap",
		   "         -3                                                  1\n"
		   "hh:mm:ss |___________________________________________________|\n"
		   "03:59:30 |                                      .            * 1\n"
		   "03:59:31 |                                      .            | -\n"
		   "03:59:32 *                                      .            | -3\n"
		   "03:59:33 |                                      .            | -\n"
		   "         v___________________________________________________v\n"
		   "         -3                                                  1\n", &b);
	out_series_json(&env, t, w, 14373, &b);
	check_text(&c, "json leaves gaps out", "[{\"interval_start\":\"1970-01-01T03:59:30.000000000\",\"value\":1},"
		   "{\"interval_start\":\"1970-01-01T03:59:32.000000000\",\"value\":-3}]", &b);
	out_series_text(&env, t, w, 99999, &b);
	check_text(&c, "all too old", "<no data>\n", &b);

	/* averages; milliseconds; unsigned at its end */
	memset(w, 0, sizeof(w));
	t = mk_series(250000000, 4, TS_AVG, false);
	series_put(w, t, 8, 10, 4);
	series_put(w, t, 9, -1, 1);
	out_series_text(&env, t, w, 9, &b);
	check_text(&c, "average, milliseconds",
		   "             2                                18446744073709551615\n"
		   "hh:mm:ss.ms  |___________________________________________________|\n"
		   "00:00:02.000 *                                                   | 2\n"
		   "00:00:02.250 |                                                   * 18446744073709551615\n"
		   "             v___________________________________________________v\n"
		   "             2                                18446744073709551615\n", &b);
	buf_fini(&b);
	arena_fini(&a);
	return check_end(&c);
}
