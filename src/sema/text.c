/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on text and bytes (names of errors, searching, comparing), find(), signal(), debugf(): arguments and results
 * (reference 4.4). Part of call.c's rules: runs in every round, reports in the last one, and the
 * result's type does not depend on whether the arguments are right.
 */
#include "sema/sema_priv.h"

enum { NAME_SIZE = 64, CONCAT_SIZE = 1024, SIGNAL_MAX = 64, WORDS_MAX = 512, DEBUGF_ARGS = 3 };

static struct type *text_name(struct sema_ctx *c, struct node *n)
{
	struct type *t = call_want(c, n, 0, K_INTS, "int");
	if (t && c->final) /* in its own sign: an errno of 32 bits may be negative */
		sema_coerce(c, &n->list.v[0], sema_int(c, 8, t->is_signed));
	return type_string(c->a, NAME_SIZE);
}

static void text_both(struct sema_ctx *c, struct node *n)
{
	call_want_string(c, n, 0);
	call_want_string(c, n, 1);
}

static struct type *text_memcmp(struct sema_ctx *c, struct node *n)
{
	uint64_t kinds = K_BYTES | K(TUPLE) | K(RECORD);
	call_want(c, n, 0, kinds, "integer, pointer, or array");
	call_want(c, n, 1, kinds, "integer, pointer, or array");
	struct type *t = call_want(c, n, 2, K_INTS, "int");
	const struct node *len = n->list.v[2];
	if (len->kind == N_INT && len->ival < 0 && !len->is_unsigned)
		SERR(c, D_STR_NEGATIVE, len->span, "memcmp", (long long)len->ival);
	else if (len->kind == N_INT && len->ival > c->s->config.max_strlen)
		SERR(c, D_STR_LENGTH, len->span, (long long)len->ival, c->s->config.max_strlen);
	else if (t && c->final)
		sema_coerce(c, &n->list.v[2], sema_int(c, 8, false));
	return sema_int(c, 4, true);
}

/* words(array, most), quoted(first, array, most) */
static struct type *text_words(struct sema_ctx *c, struct node *n, uint32_t array)
{
	call_want(c, n, array, K_INTS | K(PTR), "int or pointer");
	const struct node *max = n->list.v[array + 1];
	if (!sema_arg_literal(c, n, array + 1, N_INT))
		return type_string(c->a, c->s->config.max_strlen);
	if (max->ival < 1 || max->ival > WORDS_MAX)
		SERR(c, D_ARG_LITERAL, max->span, builtin_info[n->builtin].name, "small positive integer", "other integer");
	return type_string(c->a, c->s->config.max_strlen < 8 ? 8 : c->s->config.max_strlen);
}

/* find(@m, key, $v): the key goes into the map node, as with has_key() */
static struct type *text_find(struct sema_ctx *c, struct node *n)
{
	struct node *m = n->list.v[0];
	if (m->kind != N_MAP || (m->a && n->list.n > 2)) {
		SERR(c, D_ARG_MAP, m->span, "find");
		return sema_basic(c, SB_BOOL);
	}
	if (n->list.n > 2) {
		m->a = n->list.v[1];
		n->list.v[1] = n->list.v[2];
		n->list.n = 2;
		n->ival = 1; /* moved */
	}
	if (m->map->keyed_known && !m->map->keyed) {
		SERR(c, D_MAP_NO_KEYS, m->span, "find");
		return sema_basic(c, SB_BOOL);
	}
	call_key(c, m);
	struct node *x = n->list.v[1];
	struct type *t = m->map->value ? sema_value_type(c, m->map->value) : NULL;
	if (x->kind != N_VAR || !x->var) {
		if (sema_arg(c, n, 1))
			SERR(c, D_ARG_TYPE, x->span, "find", "variable", sema_base_name(x->type));
		return sema_basic(c, SB_BOOL);
	}
	x->var->assigned = x->var->used = x->var->seen = x->var->live = true;
	if (t && type_is_agg(t))
		SERR(c, D_AGG_VARIABLE, n->span, type_str(c->a, t));
	else if (t && !x->var->declared_type && !c->final)
		sema_widen(c, &x->var->type, t);
	else if (t && c->final) {
		struct type *merged = x->var->type ? type_merge(c->a, x->var->type, t) : NULL;
		if (!merged || !type_eq(merged, x->var->type))
			SERR(c, D_TYPE_MISMATCH_VAR, x->span, STR_FMT(x->var->name), type_str(c->a, t), type_str(c->a, x->var->type));
	}
	x->type = x->var->type ? x->var->type : sema_basic(c, SB_ERROR);
	x->typed = c->final;
	return sema_basic(c, SB_BOOL);
}

static struct type *text_signal(struct sema_ctx *c, struct node *n)
{
	static const char *const names[] = { "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
		"PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM",
		"PROF", "WINCH", "IO", "PWR", "SYS" };
	const char *name = builtin_info[n->builtin].name;
	struct type *t = sema_arg(c, n, 0);
	struct node *x = n->list.v[0];
	enum provider_id p = c->clause->provider->id;
	if (p == PROV_BEGIN || p == PROV_END || p == PROV_INTERVAL || p == PROV_ITER || p == PROV_SELF)
		SERR(c, D_ACCESS_OTHER, n->span, name, c->clause->provider->name);
	if (x->kind == N_STRING) {
		struct str s = x->str;
		int64_t number = 0;
		if (str_starts(s, "SIG"))
			s = (struct str){ s.s + 3, s.len - 3 };
		for (size_t i = 1; i < sizeof(names) / sizeof(*names); i++)
			if (str_is(s, names[i]))
				number = (int64_t)i;
		if (!number) {
			SERR(c, D_SIGNAL_NAME, x->span, STR_FMT(x->str));
			return sema_basic(c, SB_NONE);
		}
		x->kind = N_INT;
		x->ival = number;
		x->type = sema_int(c, 8, true);
	} else if (t && !(K_INTS >> t->kind & 1)) {
		SERR(c, D_SIGNAL_ARG, x->span, name);
	} else if (t && x->kind == N_INT && (x->ival < 1 || x->ival > SIGNAL_MAX)) {
		SERR(c, D_SIGNAL_ARG, x->span, name);
	} else if (t && c->final) {
		sema_coerce(c, &n->list.v[0], sema_int(c, 8, true));
	}
	return sema_basic(c, SB_NONE);
}

/* The kernel's own printf: three values, and little to say about how. */
static struct type *text_debugf(struct sema_ctx *c, struct node *n)
{
	bool literal = sema_arg_literal(c, n, 0, N_STRING);
	for (uint32_t i = 1; i < n->list.n; i++)
		sema_arg(c, n, i);
	if (!literal || !c->final)
		return sema_basic(c, SB_NONE);
	struct format_spec sp;
	uint32_t pos = 0, count = 0;
	while (sema_format_next(n->list.v[0]->str, &pos, &sp)) {
		if (sp.conv[0] == '%')
			continue;
		if (!strchr("duxps", sp.conv[0]) || sp.conv[1] || sp.hi - sp.lo != 2) {
			SERR(c, D_FORMAT_SPEC, n->list.v[0]->span, arena_strdup(c->a, sp.conv));
			return sema_basic(c, SB_NONE);
		}
		if (++count < n->list.n && sp.conv[0] == 's' && n->list.v[count]->type && n->list.v[count]->type->kind != T_STRING)
			SERR(c, D_FORMAT_TYPE, n->list.v[count]->span, type_str(c->a, n->list.v[count]->type), "s");
	}
	sema_format(c, n);
	if (count > DEBUGF_ARGS)
		SERR(c, D_DEBUGF_MANY, n->span);
	else
		diag_add(c->d, D_DEBUGF, n->span);
	return sema_basic(c, SB_NONE);
}

struct type *sema_text(struct sema_ctx *c, struct node *n)
{
	switch (n->builtin) {
	case B_STRERROR: case B_SIGNAL_NAME: case B_SYSCALL_NAME:
		return text_name(c, n);
	case B_STRSTR:
		text_both(c, n);
		return sema_int(c, 8, true);
	case B_STRCONTAINS:
		text_both(c, n);
		return sema_basic(c, SB_BOOL);
	case B_STR_CONCAT:
		text_both(c, n);
		return type_string(c->a, CONCAT_SIZE);
	case B_WORDS:
		return text_words(c, n, 0);
	case B_QUOTED:
		call_want_string(c, n, 0);
		return text_words(c, n, 1);
	case B_MEMCMP: case B_MEMCMP_RECORD:
		return text_memcmp(c, n);
	case B_FIND:
		return text_find(c, n);
	case B_SIGNAL: case B_SIGNAL_THREAD:
		return text_signal(c, n);
	case B_DEBUGF:
		return text_debugf(c, n);
	default:
		return NULL;
	}
}
