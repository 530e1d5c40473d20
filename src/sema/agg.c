/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregation functions (reference 4.6): the value is widened to 64 bits, the
 * parameters of histograms must be literals and become part of the type. A
 * parameter that is wrong is reported and replaced, so that the map has a type
 * all the same.
 */
#include "sema/sema_priv.h"

enum { HIST_MAX_BITS = 5, LHIST_MAX_BUCKETS = 1000, TSERIES_MAX = 1000000 };

static bool agg_literal(struct sema_ctx *c, struct node *n, uint32_t i, int64_t *ret)
{
	sema_arg(c, n, i);
	*ret = n->list.v[i]->ival;
	return n->list.v[i]->kind == N_INT && *ret >= 0;
}

static void agg_error(struct sema_ctx *c, struct node *n, uint32_t i, const char *text)
{
	SERR(c, D_LHIST_ARGS, i ? n->list.v[i]->span : n->span, text);
}

static struct type *agg_hist(struct sema_ctx *c, struct node *n)
{
	struct type *t = type_new(c->a, T_HIST, 8, 8);
	sema_arg_int(c, n, 0);
	if (n->list.n < 2)
		return t;
	if (!agg_literal(c, n, 1, &t->agg.bits) || t->agg.bits > HIST_MAX_BITS) {
		agg_error(c, n, 1, n->list.v[1]->kind != N_INT ? "hist: invalid bits value (must be non-negative literal)" :
				       arena_printf(c->a, "hist() bits must be 0..5 (%lld provided)", (long long)n->list.v[1]->ival));
		t->agg.bits = 0;
	}
	return t;
}

static struct type *agg_lhist(struct sema_ctx *c, struct node *n)
{
	static const char *const what[] = { "", "min", "max", "step" };
	struct type *t = type_new(c->a, T_LHIST, 8, 8);
	int64_t v[4] = { 0 };
	sema_arg_int(c, n, 0);
	for (uint32_t i = 1; i < 4; i++) {
		if (agg_literal(c, n, i, &v[i]))
			continue;
		agg_error(c, n, i, arena_printf(c->a, "lhist: invalid %s value (must be non-negative literal)", what[i]));
		v[3] = 0;
		break;
	}
	const char *bad = NULL;
	if (v[3] < 1)
		bad = arena_printf(c->a, "lhist() step must be >= 1 (%lld provided)", (long long)v[3]);
	else if (v[1] >= v[2])
		bad = arena_printf(c->a, "lhist() min must be less than max (provided min %lld and max %lld)", (long long)v[1],
				   (long long)v[2]);
	else if (v[3] > v[2] - v[1])
		bad = arena_printf(c->a, "lhist() step is too large for the given range (provided step %lld for range %lld)",
				   (long long)v[3], (long long)(v[2] - v[1]));
	else if ((v[2] - v[1]) / v[3] > LHIST_MAX_BUCKETS)
		bad = arena_printf(c->a, "lhist() too many buckets, must be <= %d (would need %lld)", LHIST_MAX_BUCKETS,
				   (long long)((v[2] - v[1]) / v[3]));
	t->agg.min = v[1], t->agg.max = v[2], t->agg.step = v[3];
	if (bad) {
		/* literals that are none were reported already */
		if (n->list.v[1]->kind == N_INT && n->list.v[2]->kind == N_INT && n->list.v[3]->kind == N_INT && v[1] >= 0 && v[2] >= 0 &&
		    n->list.v[3]->ival >= 0)
			agg_error(c, n, 0, bad);
		t->agg.min = 0, t->agg.max = t->agg.step = 1;
	}
	return t;
}

static struct type *agg_tseries(struct sema_ctx *c, struct node *n)
{
	static const char *const aggs[] = { "avg", "max", "min", "sum" };
	int64_t interval, buckets;
	bool known = n->list.n < 4;
	uint32_t errors = c->d->n_errors;
	struct type *t = type_new(c->a, T_TSERIES, 8, 8), *x = sema_arg_int(c, n, 0);
	t->is_signed = x ? x->is_signed : true;
	t->flexible = !x || x->flexible;
	if (!agg_literal(c, n, 1, &interval) || interval < 1) {
		agg_error(c, n, 1, "tseries() interval must be a literal of at least 1 ns");
		interval = 1;
	}
	if (!agg_literal(c, n, 2, &buckets) || buckets < 1 || buckets > TSERIES_MAX) {
		agg_error(c, n, 2, "tseries() number of buckets must be a literal of 1..1000000");
		buckets = 1;
	}
	if (!known && sema_arg_literal(c, n, 3, N_STRING)) {
		for (size_t i = 0; i < sizeof(aggs) / sizeof(*aggs); i++) {
			if (!str_is(n->list.v[3]->str, aggs[i]))
				continue;
			known = true;
			t->agg.bits = TS_AVG + (int64_t)i;
		}
		if (!known)
			agg_error(c, n, 3, "tseries() aggregates by \"avg\", \"max\", \"min\", or \"sum\"");
	}
	t->agg.step = interval;
	t->agg.max = buckets;
	if (c->d->n_errors == errors)
		sema_unstable(c, n->span, UNSTABLE_TSERIES);
	return t;
}

static struct type *agg_number(struct sema_ctx *c, struct node *n)
{
	static const struct {
		int builtin;
		enum type_kind kind;
	} rows[] = { { B_SUM, T_SUM }, { B_MIN, T_MIN }, { B_MAX, T_MAX }, { B_AVG, T_AVG }, { B_STATS, T_STATS } };
	struct type *t = type_new(c->a, T_COUNT, 8, 8);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].builtin == n->builtin)
			t->kind = rows[i].kind;
	if (n->list.n) {
		struct type *x = sema_arg_int(c, n, 0);
		if (!x)
			return t->is_signed = t->flexible = true, t;
		t->is_signed = x->is_signed;
		t->flexible = x->flexible;
	}
	return t;
}

struct type *sema_aggregation(struct sema_ctx *c, struct node *n)
{
	switch (n->builtin) {
	case B_HIST:
		return agg_hist(c, n);
	case B_LHIST:
		return agg_lhist(c, n);
	case B_TSERIES:
		return agg_tseries(c, n);
	default:
		return agg_number(c, n);
	}
}
