/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a script (lang/option.h) in its program: opt.name is a constant, only(opt.pid, pid) a filter that is nothing when
 * --pid was not given, given(opt.pid) says whether it was, ${name} in an attach point is its text. A clause whose predicate is
 * false by the options alone is not compiled at all, so an unused option costs nothing: no program, no probe.
 *
 * All of that is meant only in a program with an options block; `opt`, `only`, `given` are ordinary names elsewhere, and where
 * the program has macros of these names. Runs with name resolution: afterwards there are only literals and operators.
 */
#include "sema/sema_priv.h"

/* opt.tool: the name by which the script was called; one script may be several tools. */
static const struct option_decl option_tool = { .name = { "tool", 4 }, .type = OPTION_STRING };

/* The text given for an option, the i-th time; false: not so often. */
static bool option_word(const struct sema_ctx *c, const struct option_decl *o, uint32_t nth, struct str *ret)
{
	for (uint32_t i = 0; i < c->env->named.n; i++) {
		struct str w = c->env->named.v[i];
		uint32_t n = o->name.len + 2;
		if (w.len < n || memcmp(w.s, "--", 2) || memcmp(w.s + 2, o->name.s, o->name.len) || (w.len > n && w.s[n] != '='))
			continue;
		if (nth-- == 0) {
			*ret = w.len > n ? (struct str){ w.s + n + 1, w.len - n - 1 } : (struct str){ "", 0 };
			return true;
		}
	}
	return false;
}

static bool option_given(const struct sema_ctx *c, const struct option_decl *o)
{
	struct str any;
	return option_word(c, o, 0, &any);
}

/* The value of an option that is no list: the last one given, the default, 0. What is wrong was said by sema_options(). */
static struct option_value option_value(struct sema_ctx *c, const struct option_decl *o)
{
	struct option_value v = { 0, { "", 0 } };
	struct str t = o->def;
	bool given = false;
	if (o == &option_tool) {
		const char *slash = c->env->name ? strrchr(c->env->name, '/') : NULL;
		v.text = str_of(slash ? slash + 1 : c->env->name ? c->env->name : "");
		return v;
	}
	for (uint32_t i = 0; option_word(c, o, i, &t); i++)
		given = true;
	if (o->type == OPTION_FLAG)
		v.num = given;
	else if (given || o->def.len)
		(void)option_read(c->a, o, t, &v);
	return v;
}

static void option_check(struct sema_ctx *c, const struct option_decl *o)
{
	struct option_value v;
	struct str t, one;
	for (uint32_t i = 0; option_word(c, o, i, &t); i++) {
		for (struct str rest = t; o->type != OPTION_FLAG && (o->list && !o->positional ? option_next(&rest, &one) : (one = t, true));) {
			const char *why = option_read(c->a, o, one, &v);
			if (why)
				diag_add(c->d, D_OPTION, o->span,
					 arena_printf(c->a, "%s%.*s: %s", o->positional ? "" : "--", STR_FMT(o->positional ? o->value : o->name), why));
			if (why || !o->list || o->positional)
				break;
		}
	}
	if (o->required && !option_given(c, o))
		diag_add(c->d, D_OPTION, o->span, arena_printf(c->a, "%.*s is missing", STR_FMT(o->value)));
}

void sema_options(struct sema_ctx *c)
{
	option_collect(c->a, c->d, c->program, &c->options);
	c->s->options = c->options.declared;
	for (uint32_t i = 0; c->options.declared && i < c->options.v.n; i++)
		if (!c->options.v.v[i].by_getopt)
			option_check(c, &c->options.v.v[i]);
}

/* opt.name, or NULL; an unknown name is reported, and NULL with *ret_bad. */
static const struct option_decl *option_of(struct sema_ctx *c, const struct node *n, bool *ret_bad)
{
	*ret_bad = false;
	if (!c->options.declared || !n || n->kind != N_FIELD || n->a->kind != N_IDENT || !str_is(n->a->str, "opt") ||
	    map_get(&c->macros, n->a->str))
		return NULL;
	const struct option_decl *o = option_find(&c->options, n->str);
	if (o && !o->by_getopt)
		return o;
	if (str_is(n->str, "tool"))
		return &option_tool;
	struct map names = { 0 };
	for (uint32_t i = 0; i < c->options.v.n; i++)
		map_put(c->a, &names, c->options.v.v[i].name, c);
	diag_add(c->d, D_OPTION, n->span, arena_printf(c->a, "This script has no option '%.*s'", STR_FMT(n->str)));
	const char *near = map_nearest(&names, n->str);
	if (near)
		diag_hint(c->d, "did you mean 'opt.%s'?", near);
	*ret_bad = true;
	return NULL;
}

static struct node *option_literal(struct sema_ctx *c, const struct option_decl *o, struct option_value v, struct span span)
{
	if (o->type == OPTION_CGROUP && v.text.len) {
		struct node *call = node_new(c->a, N_CALL, span), *path = node_new(c->a, N_STRING, span);
		call->str = STR("cgroupid");
		path->str = v.text;
		vec_push(c->a, &call->list, path);
		return call;
	}
	struct node *n = node_new(c->a, o->type == OPTION_FLAG ? N_BOOL : o->type == OPTION_STRING ? N_STRING : N_INT, span);
	n->ival = v.num;
	n->str = v.text;
	if (n->kind != N_STRING)
		n->str = (struct str){ "", 0 };
	return n;
}

static struct node *option_bool(struct sema_ctx *c, bool v, struct span span)
{
	struct node *n = node_new(c->a, N_BOOL, span);
	n->ival = v;
	return n;
}

/* x == 80 || x == 443: of all values given */
static struct node *option_only(struct sema_ctx *c, const struct option_decl *o, const struct node *x, struct span span)
{
	struct node *all = NULL;
	struct option_value v;
	struct str t, one;
	for (uint32_t i = 0; option_word(c, o, i, &t); i++) {
		if (!o->list)
			all = NULL; /* the last one counts */
		for (struct str rest = t; o->list && !o->positional ? option_next(&rest, &one) : (one = t, true);) {
			if (option_read(c->a, o, one, &v))
				break;
			struct node *eq = node_new(c->a, N_BINARY, span);
			eq->op = O_EQ;
			eq->a = node_clone(c->a, x);
			eq->b = option_literal(c, o, v, span);
			struct node *or = all ? node_new(c->a, N_BINARY, span) : eq;
			if (all) {
				or->op = O_LOR;
				or->a = all;
				or->b = eq;
			}
			all = or;
			if (!o->list || o->positional)
				break;
		}
	}
	return all ? all : option_bool(c, true, span);
}

static bool option_refuse(struct sema_ctx *c, struct node *n, const char *what)
{
	if (what)
		diag_add(c->d, D_OPTION, n->span, what);
	n->kind = N_INT;
	n->list.n = 0;
	n->type = type_error(c->a);
	return true;
}

bool sema_option(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	bool only = n->kind == N_CALL && str_is(n->str, "only"), given = n->kind == N_CALL && str_is(n->str, "given"), bad;
	if (!c->options.declared || (n->kind != N_FIELD && !only && !given) || (n->kind == N_CALL && map_get(&c->macros, n->str)))
		return false;
	const struct option_decl *o = option_of(c, n->kind == N_FIELD ? n : n->list.n ? n->list.v[0] : NULL, &bad);
	if (bad)
		return option_refuse(c, n, NULL);
	if (n->kind == N_FIELD && !o)
		return false;
	if (n->kind == N_FIELD && o->list)
		return option_refuse(c, n, arena_printf(c->a, "opt.%.*s is a list: ask for a value with only(opt.%.*s, value)", STR_FMT(n->str),
							STR_FMT(n->str)));
	if (n->kind == N_FIELD) {
		*pn = option_literal(c, o, option_value(c, o), n->span);
		return (*pn)->kind != N_CALL;
	} else if (!o || n->list.n != (only ? 2 : 1) || (only && o->type == OPTION_FLAG)) {
		return option_refuse(c, n, only ? "only() takes an option with a value, and what has to be equal: only(opt.pid, pid)" :
						  "given() takes an option: given(opt.pid)");
	} else if (only) {
		*pn = option_only(c, o, n->list.v[1], n->span);
		return false; /* its names are still to be resolved */
	} else {
		*pn = option_bool(c, option_given(c, o), n->span);
	}
	return true;
}

/* The value of a condition that is made of options and literals; -1: it is not, or not known. *uses: an option was met. */
static int64_t option_constant(struct sema_ctx *c, const struct node *n, bool *uses)
{
	bool bad;
	uint32_t said = c->d->list.n, errors = c->d->n_errors;
	const struct option_decl *o = option_of(c, n->kind == N_CALL && str_is(n->str, "given") && n->list.n == 1 ? n->list.v[0] : n, &bad);
	c->d->list.n = said; /* it is met again */
	c->d->n_errors = errors;
	if (o && !o->list) {
		struct option_value v = option_value(c, o);
		*uses = true;
		return n->kind == N_CALL ? option_given(c, o) : o->type == OPTION_STRING || o->type == OPTION_CGROUP ? (v.text.len ? 1 : 0) : v.num != 0;
	}
	if (n->kind == N_UNARY && n->op == O_NOT) {
		int64_t x = option_constant(c, n->a, uses);
		return x < 0 ? x : !x;
	}
	if (n->kind == N_BINARY && (n->op == O_EQ || n->op == O_NE) && (n->b->kind == N_STRING || n->b->kind == N_INT)) {
		o = option_of(c, n->a, &bad);
		c->d->list.n = said;
		c->d->n_errors = errors;
		if (o && !o->list && (o->type == OPTION_STRING) == (n->b->kind == N_STRING)) {
			struct option_value v = option_value(c, o);
			*uses = true;
			return (n->b->kind == N_STRING ? str_eq(v.text, n->b->str) : v.num == n->b->ival) == (n->op == O_EQ);
		}
	}
	if (n->kind == N_BINARY && (n->op == O_LAND || n->op == O_LOR)) {
		int64_t x = option_constant(c, n->a, uses), y = option_constant(c, n->b, uses), decides = n->op == O_LOR;
		return x == decides || y == decides ? decides : x < 0 || y < 0 ? -1 : !decides;
	}
	return -1;
}

bool sema_option_decides(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	bool uses = false;
	if (!c->options.declared || (n->kind != N_IF && n->kind != N_TERNARY))
		return false;
	const struct node *cond = n->a->kind == N_COMPTIME ? n->a->a : n->a;
	int64_t v = option_constant(c, cond, &uses);
	if (v < 0 || !uses)
		return false;
	*pn = v ? n->b : n->c;
	if (!*pn) {
		*pn = node_new(c->a, N_BLOCK, n->span); /* nothing */
		(*pn)->str = (struct str){ "", 0 };
	}
	return true;
}

bool sema_option_off(struct sema_ctx *c, const struct node *predicate)
{
	bool uses = false;
	return c->options.declared && predicate && option_constant(c, predicate, &uses) == 0 && uses;
}

bool sema_option_setting(struct sema_ctx *c, const struct node **pn, struct str *ret)
{
	const struct node *n = (*pn)->kind == N_TERNARY ? (*pn)->a : *pn;
	*ret = n->str;
	if (n->kind != N_FIELD)
		return true;
	bool bad, uses;
	const struct option_decl *o = option_of(c, n, &bad);
	if (bad)
		return false;
	if (!o || o->type == OPTION_DURATION || !sema_option_text(c, n->str, ret)) {
		diag_add(c->d, D_OPTION, n->span, "a setting's value is a literal, or an option of the script that is no list and no time: opt.name");
		return false;
	}
	if ((*pn)->kind == N_TERNARY) {
		*pn = option_constant(c, n, &uses) ? (*pn)->b : (*pn)->c;
		*ret = (*pn)->str;
		return true;
	}
	return o->type == OPTION_FLAG || option_given(c, o) || o->def.len;
}

bool sema_option_text(struct sema_ctx *c, struct str name, struct str *ret)
{
	const struct option_decl *o = c->options.declared ? option_find(&c->options, name) : NULL;
	if (!o || o->by_getopt || o->list)
		return false;
	struct option_value v = option_value(c, o);
	if (o->type == OPTION_STRING || o->type == OPTION_CGROUP)
		*ret = v.text;
	else
		*ret = str_of(arena_printf(c->a, "%lld%s", (long long)v.num, o->type == OPTION_DURATION ? "ns" : ""));
	return true;
}
