/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of builtin functions: number and types of arguments, the type of the
 * result (reference 4.3, 4.4, 4.6). Runs in every round of inference and
 * reports only in the last one; its own arguments it infers itself, maps given
 * as arguments excepted, which are not read. The result's type never depends
 * on whether the arguments are right: one mistake is one message. Calls that
 * fold or expand are in comptime.c, aggregations in agg.c, formats in printf.c. What a call looks
 * like afterwards is in sema.h.
 */
#include "sema/sema_priv.h"

enum { CALL_MAX_ARGS = 128, MAC_SIZE = 6, NTOP_V4 = 4, NTOP_V6 = 16 };

const char *sema_base_name(const struct type *t)
{
	switch (t ? t->kind : T_INT) {
	case T_NONE: return "none";
	case T_BOOL: return "bool";
	case T_INT: case T_ENUM: return "int";
	case T_PTR: return "pointer";
	case T_STRUCT: return "c_type";
	case T_ARRAY: return "array";
	case T_STRING: return "string";
	case T_BUFFER: return "buffer";
	case T_TUPLE: return "tuple";
	case T_RECORD: return "record";
	case T_INET: return "inet";
	case T_MAC: return "mac_address";
	case T_TIMESTAMP: return "timestamp";
	case T_KSYM: return "ksym_t";
	case T_USYM: return "usym_t";
	case T_USERNAME: return "username_t";
	case T_CGROUP_PATH: return "cgroup_path_t";
	case T_FILE_NUMBER: return "file_number_t";
	case T_KSTACK: return "kstack";
	case T_USTACK: return "ustack";
	case T_PROBE: return "string";
	case T_COUNT: return "count_t";
	case T_SUM: return "sum_t";
	case T_MIN: return "min_t";
	case T_MAX: return "max_t";
	case T_AVG: return "avg_t";
	case T_STATS: return "stats_t";
	case T_HIST: return "hist_t";
	case T_LHIST: return "lhist_t";
	case T_TSERIES: return "tseries_t";
	default: return "void";
	}
}

bool sema_char_like(const struct type *t)
{
	return t->kind == T_INT && t->size == 1;
}

const char *sema_not_string(const struct type *t)
{
	if (t->kind == T_STRING)
		return NULL;
	if (t->kind != T_ARRAY && t->kind != T_PTR)
		return "values must be either strings, arrays or pointers";
	if (sema_char_like(t->elem))
		return NULL;
	return t->kind == T_ARRAY ? "arrays must contain a char-like type" : "pointers must point to a char-like type";
}

struct node *sema_node_call(struct sema_ctx *c, int builtin, struct span span)
{
	struct node *n = node_new(c->a, N_CALL, span);
	n->builtin = builtin;
	n->str = str_of(builtin_info[builtin].name);
	return n;
}

struct type *sema_become(struct sema_ctx *c, struct node *n, struct node *by)
{
	struct type *t = sema_expr(c, &by);
	*n = *by;
	return n->type = t;
}

static const char *call_name(const struct node *n)
{
	return builtin_info[n->builtin].name;
}

static const char *call_plural(struct sema_ctx *c, int n)
{
	return n == 1 ? "one argument" : arena_printf(c->a, "%d arguments", n);
}

static bool call_count(struct sema_ctx *c, struct node *n)
{
	const struct builtin_info *b = &builtin_info[n->builtin];
	int max = b->max_args < 0 ? CALL_MAX_ARGS : b->max_args;
	uint32_t have = n->list.n;
	if (have >= (uint32_t)b->min_args && have <= (uint32_t)max)
		return true;
	if (max == 0)
		SERR(c, D_ARGS_NONE, n->span, b->name, have);
	else if (b->min_args == max)
		SERR(c, D_ARGS_EXACT, n->span, b->name, call_plural(c, max), have);
	else if (have < (uint32_t)b->min_args)
		SERR(c, D_ARGS_LEAST, n->span, b->name, call_plural(c, b->min_args), have);
	else
		SERR(c, D_ARGS_MOST, n->span, b->name, call_plural(c, max), have);
	return false;
}

/* Infer argument i: NULL when it is not known yet, missing, or in error. */
struct type *sema_arg(struct sema_ctx *c, struct node *n, uint32_t i)
{
	if (i >= n->list.n)
		return NULL;
	struct type *t = sema_expr(c, &n->list.v[i]);
	return t && t->kind != T_ERROR ? t : NULL;
}

/* Infer argument i, which must be of one of `kinds`: its type, or NULL when there is nothing to say or it was reported. */
struct type *call_want(struct sema_ctx *c, struct node *n, uint32_t i, uint64_t kinds, const char *what)
{
	struct type *t = sema_arg(c, n, i);
	if (!t || (kinds >> t->kind & 1))
		return t;
	SERR(c, D_ARG_TYPE, n->list.v[i]->span, call_name(n), what, sema_base_name(t));
	return NULL;
}

/* An integer of 64 bits and its own sign. */
struct type *sema_arg_int(struct sema_ctx *c, struct node *n, uint32_t i)
{
	struct type *t = call_want(c, n, i, K_INTS, "int");
	if (!t)
		return NULL;
	struct type *w = type_int(c->a, 8, type_is_agg(t) ? t->is_signed && t->kind != T_COUNT : t->is_signed);
	w->flexible = t->flexible;
	if (c->final)
		sema_coerce(c, &n->list.v[i], w);
	return w;
}

/* A parameter that is a number, where a text is wanted. */
void sema_hint_param(struct sema_ctx *c, const struct node *x)
{
	const struct source *src;
	uint32_t line, col;
	if (!c->final || !x->param || !diag_locate(c->d, x->span.lo, &src, &line, &col))
		return;
	struct str word = { src->text.s + (x->span.lo - src->base), x->span.hi - x->span.lo };
	diag_hint(c->d, "Use str(%.*s) to treat %.*s as a string", STR_FMT(word), STR_FMT(word));
}

bool sema_arg_literal(struct sema_ctx *c, struct node *n, uint32_t i, enum node_kind kind)
{
	struct type *t = sema_arg(c, n, i);
	struct node *x = n->list.v[i];
	if (x->kind == kind)
		return true;
	if (!t)
		return false;
	SERR(c, D_ARG_LITERAL, x->span, call_name(n), kind == N_STRING ? "string" : "int", sema_base_name(t));
	if (kind == N_STRING)
		sema_hint_param(c, x);
	return false;
}

/* Argument i as a string: strings as they are, C strings (arrays of char, pointers to char) read by str(). */
struct type *call_want_string(struct sema_ctx *c, struct node *n, uint32_t i)
{
	struct type *t = sema_arg(c, n, i);
	if (!t || t->kind == T_STRING)
		return t;
	if (sema_not_string(t)) {
		SERR(c, D_STR_LIKE, n->list.v[i]->span, sema_not_string(t));
		return NULL;
	}
	struct node *s = sema_node_call(c, B_STR, n->list.v[i]->span);
	vec_push(c->a, &s->list, n->list.v[i]);
	n->list.v[i] = s;
	return sema_arg(c, n, i);
}

/* ------------------------------------------------------------------- maps */

/* Argument 0 is a map, taken as a whole: not read. NULL (reported) when it is not one. */
static struct map_sym *call_map(struct sema_ctx *c, struct node *n, bool key_allowed)
{
	struct node *m = n->list.v[0];
	if (m->kind != N_MAP || (m->a && !key_allowed)) {
		SERR(c, D_ARG_MAP, m->span, call_name(n));
		return NULL;
	}
	m->type = m->map->value ? m->map->value : sema_basic(c, SB_NONE);
	if (c->final && !m->map->has_access && !m->map->value) {
		SERR(c, D_UNDEFINED_MAP, m->span, STR_FMT(m->str));
		return NULL;
	}
	return m->map;
}

/* The key of an element, for calls that do not read it. */
void call_key(struct sema_ctx *c, struct node *m)
{
	struct type *k = m->a ? sema_expr(c, &m->a) : NULL;
	sema_access(c, m, m->a != NULL, k);
	if (c->final && m->a && m->map->key)
		sema_coerce(c, &m->a, m->map->key);
	m->type = m->map->value ? m->map->value : sema_int(c, 8, true);
}

/* delete(@m), delete(@m[k]), delete(@m, k); has_key(@m, k): the key goes into the map node */
static struct type *call_element(struct sema_ctx *c, struct node *n)
{
	struct node *m = n->list.v[0];
	if (m->kind != N_MAP || (m->a && n->list.n > 1)) {
		SERR(c, D_ARG_MAP, m->span, call_name(n));
		return sema_basic(c, SB_BOOL);
	}
	if (n->list.n > 1) {
		m->a = n->list.v[1];
		n->list.n = 1;
		n->ival = 1; /* moved: the next rounds see one argument, which call_count must not refuse */
	}
	if (n->builtin == B_HAS_KEY && m->map->keyed_known && !m->map->keyed) {
		SERR(c, D_MAP_NO_KEYS, m->span, call_name(n));
		return sema_basic(c, SB_BOOL);
	}
	call_key(c, m);
	return sema_basic(c, SB_BOOL);
}

static struct type *call_len(struct sema_ctx *c, struct node *n)
{
	struct node *m = n->list.v[0];
	if (m->kind != N_MAP || m->a) {
		struct type *t = sema_arg(c, n, 0);
		if (t && t->kind != T_KSTACK && t->kind != T_USTACK)
			SERR(c, D_LEN_ARG, m->span);
	} else if (call_map(c, n, false) && m->map->keyed_known && !m->map->keyed) {
		SERR(c, D_MAP_NO_KEYS, m->span, call_name(n));
	}
	return sema_int(c, 8, true);
}

/* ----------------------------------------------------------------- output */

bool sema_printable(const struct type *t)
{
	return t->kind != T_NONE && t->kind != T_VOID && t->kind != T_FUNC &&
	       !(t->kind == T_STRUCT && str_starts(t->name, "tracepoint:"));
}

static void call_print_sort(struct sema_ctx *c, struct node *n, const struct map_sym *m)
{
	struct sort_column by;
	const char *wrong;
	sema_arg(c, n, 3);
	if (n->list.v[3]->kind != N_STRING)
		SERR(c, D_ARGS_MOST, n->span, "print", call_plural(c, 3), n->list.n);
	else if (c->final && m && m->value && !sema_sort_column(m->key, m->value, n->list.v[3]->str, &by, &wrong))
		SERR(c, D_COLUMN, n->list.v[3]->span, arena_printf(c->a, "print() cannot sort by \"%.*s\": %s", STR_FMT(n->list.v[3]->str), wrong));
}

static void call_print_map(struct sema_ctx *c, struct node *n)
{
	struct map_sym *m = call_map(c, n, false);
	bool titled = n->list.n > 1 && n->list.v[1]->kind == N_STRING;
	for (uint32_t i = 1; titled && i < n->list.n; i++)
		sema_arg_literal(c, n, i, N_STRING);
	if (titled && m && m->value && m->value->kind != T_HIST && m->value->kind != T_LHIST)
		SERR(c, D_ARG_TYPE, n->list.v[0]->span, "print", "histogram", sema_base_name(m->value));
	for (uint32_t i = 1; !titled && i < n->list.n; i++) {
		if (i == 3) {
			call_print_sort(c, n, m);
			break;
		}
		if (sema_arg_literal(c, n, i, N_INT) && n->list.v[i]->ival < 0 && !n->list.v[i]->is_unsigned)
			SERR(c, D_ARG_LITERAL, n->list.v[i]->span, "print", "non-negative int", "negative int");
		else if (i == 2 && n->list.v[i]->kind == N_INT && n->list.v[i]->ival == 0)
			SERR(c, D_ARG_LITERAL, n->list.v[i]->span, "print", "positive int", "zero");
	}
	if (m && n->list.n > 1 && m->value && m->value->kind == T_STATS)
		SERR(c, D_PRINT_IGNORED, n->span);
	if (m && c->loop)
		SERR(c, D_PRINT_LOOP, n->span);
}

static struct type *call_print(struct sema_ctx *c, struct node *n)
{
	struct node *x = n->list.v[0];
	if (x->kind == N_MAP && !x->a) {
		call_print_map(c, n);
		return sema_basic(c, SB_NONE);
	}
	if (n->list.n > 1) {
		SERR(c, D_PRINT_ARGS, n->span, n->list.n);
		return sema_basic(c, SB_NONE);
	}
	struct type *t = NULL;
	if (x->kind == N_MAP && x->map->value && type_is_agg(x->map->value)) {
		/* an element of aggregations: the reader sums it up, nothing is read here */
		call_key(c, x);
		t = x->map->value;
		if (t->kind == T_HIST || t->kind == T_LHIST || t->kind == T_TSERIES)
			SERR(c, D_PRINT_KEY, x->span, sema_base_name(t));
		return sema_basic(c, SB_NONE);
	}
	t = sema_arg(c, n, 0);
	if (c->final)
		sema_complete_whole(c, t);
	if (t && !sema_printable(t))
		SERR(c, D_NOT_PRINTABLE, n->list.v[0]->span, type_str(c->a, t), "print");
	return sema_basic(c, SB_NONE);
}

static struct type *call_format(struct sema_ctx *c, struct node *n)
{
	struct node *fmt = n->list.v[0];
	if (fmt->kind == N_STRING && !fmt->typed) { /* never a value: as long as it likes */
		fmt->type = type_string(c->a, fmt->str.len + 1);
		fmt->typed = true;
	}
	bool literal = sema_arg_literal(c, n, 0, N_STRING);
	for (uint32_t i = 1; i < n->list.n; i++)
		sema_arg(c, n, i);
	if (literal && c->final)
		sema_format(c, n);
	return sema_basic(c, SB_NONE);
}

static struct type *call_join(struct sema_ctx *c, struct node *n)
{
	call_want(c, n, 0, K(INT) | K(PTR), "int or pointer");
	if (n->list.n > 1)
		sema_arg_literal(c, n, 1, N_STRING);
	return sema_basic(c, SB_NONE);
}

static struct type *call_exit(struct sema_ctx *c, struct node *n)
{
	struct type *t = n->list.n ? call_want(c, n, 0, K_INTS, "int") : NULL;
	if (t && c->final)
		sema_coerce(c, &n->list.v[0], sema_int(c, 8, true));
	return sema_basic(c, SB_NONE);
}

/* ------------------------------------------------------------------- data */

/* The literal length in argument 1, cut to `most`; `most` when it is not a literal; `none` when it is not there. */
static uint32_t call_length(struct sema_ctx *c, struct node *n, uint32_t most, uint32_t none, uint32_t shown)
{
	struct type *t = n->list.n > 1 ? call_want(c, n, 1, K(INT) | K(ENUM), "int") : NULL;
	if (!t)
		return n->list.n > 1 ? most : none;
	const struct node *x = n->list.v[1];
	if (x->kind != N_INT)
		return most;
	if (x->ival < 0 && !x->is_unsigned) {
		SERR(c, D_STR_NEGATIVE, x->span, call_name(n), (long long)x->ival);
		return most;
	}
	if ((uint64_t)x->ival > most) {
		SERR(c, D_STR_LENGTH, x->span, (long long)x->ival, shown);
		return most;
	}
	return (uint32_t)x->ival;
}

static struct type *call_str(struct sema_ctx *c, struct node *n)
{
	uint32_t max = c->s->config.max_strlen ? c->s->config.max_strlen : 1;
	struct type *t = call_want(c, n, 0, K_BYTES, "integer or pointer");
	struct node *x = n->list.v[0];
	if (x->kind == N_INT && n->list.n == 1 && (x->param || (t && t->flexible))) {
		/* a literal is its text, which is what str($1) is for; one with a cast is an address */
		if (!x->param)
			SERR(c, D_STR_LITERAL, n->span, (long long)x->ival);
		if (c->final || x->param) {
			n->kind = N_STRING;
			n->str = x->param ? x->str : str_of(arena_printf(c->a, x->is_unsigned ? "%llu" : "%lld", (long long)x->ival));
			n->param = x->param;
			n->list.n = 0;
			return n->type = type_string(c->a, n->str.len + 1);
		}
		return type_string(c->a, (uint32_t)strlen(arena_printf(c->a, "%lld", (long long)x->ival)) + 1);
	}
	if (x->kind == N_STRING && n->list.n == 1) {
		struct node s = *x;
		*n = s;
		return n->type;
	}
	if (t && t->kind == T_ARRAY && sema_not_string(t))
		SERR(c, D_STR_LIKE, x->span, sema_not_string(t));
	uint32_t len = call_length(c, n, max - 1, max - 1, max);
	if (t && (t->kind == T_STRING || t->kind == T_ARRAY || t->kind == T_BUFFER)) {
		/* never more than there is; an array may lack the NUL */
		uint32_t have = t->kind == T_STRING ? t->size - (t->size > 0) : t->kind == T_BUFFER ? t->size - 4 : t->size;
		if (have < len)
			len = have;
	}
	return type_string(c->a, len + 1);
}

static struct type *call_buf(struct sema_ctx *c, struct node *n)
{
	uint32_t most = c->s->config.max_strlen > 4 ? c->s->config.max_strlen - 4 : 1, len;
	struct type *t = call_want(c, n, 0, K_BYTES, "integer, pointer, or array");
	bool sized = t && (t->kind == T_ARRAY || t->kind == T_STRING || t->kind == T_BUFFER) && t->size;
	uint32_t whole = !sized ? most : t->kind == T_BUFFER ? t->size - 4 : t->size;
	if (whole > most)
		whole = most;
	len = call_length(c, n, most, whole, most);
	if (sized && len > whole)
		len = whole;
	if (t && !sized && n->list.n < 2)
		SERR(c, D_BUF_LENGTH, n->span, "buf", sema_base_name(t));
	return type_buffer(c->a, 4 + (len ? len : 1));
}

static struct type *call_strftime(struct sema_ctx *c, struct node *n)
{
	sema_arg_literal(c, n, 0, N_STRING);
	struct type *t = call_want(c, n, 1, K_INTS, "int");
	struct node *x = n->list.v[1];
	while (x->kind == N_CAST && x->ival)
		x = x->a;
	if (x->builtin == B_NSECS && (x->kind == N_BUILTIN || x->kind == N_CALL)) {
		if (x->ival == NSECS_MONOTONIC)
			SERR(c, D_STRFTIME, x->span, "monotonic timestamp");
		n->ival = x->ival == NSECS_TAI ? CLOCK_MODE_TAI : x->ival == NSECS_SW_TAI ? CLOCK_MODE_SW_TAI : CLOCK_MODE_BOOT;
	} else if (x->kind == N_INT && x->ival < 0 && !x->is_unsigned) {
		SERR(c, D_STRFTIME, x->span, "negative timestamp");
	}
	if (t && c->final)
		sema_coerce(c, &n->list.v[1], sema_int(c, 8, false));
	return type_new(c->a, T_TIMESTAMP, 16, 1);
}

static struct type *call_ntop(struct sema_ctx *c, struct node *n)
{
	uint32_t i = n->list.n - 1;
	if (i)
		call_want(c, n, 0, K(INT) | K(ENUM), "int");
	struct type *t = call_want(c, n, i, K(INT) | K(ENUM) | K(ARRAY) | K(STRING) | K(BUFFER), "integer or array");
	uint32_t size = !t ? NTOP_V4 : t->kind == T_BUFFER ? t->size - 4 : t->size;
	if (t && !type_is_int(t) && size != NTOP_V4 && size != NTOP_V6)
		SERR(c, D_ADDRESS_SIZE, n->list.v[i]->span, "ntop", "4 or 16");
	if (t && type_is_int(t) && c->final)
		sema_coerce(c, &n->list.v[i], sema_int(c, NTOP_V4, false));
	return type_new(c->a, T_INET, 24, 1);
}

static struct type *call_macaddr(struct sema_ctx *c, struct node *n)
{
	struct type *t = call_want(c, n, 0, K(INT) | K(PTR) | K(ARRAY) | K(STRING) | K(BUFFER), "array or pointer");
	bool bytes = t && (t->kind == T_ARRAY || t->kind == T_STRING || t->kind == T_BUFFER);
	if (bytes && t->size < MAC_SIZE + (t->kind == T_BUFFER ? 4 : 0))
		SERR(c, D_ADDRESS_SIZE, n->list.v[0]->span, "macaddr", "at least 6");
	return type_new(c->a, T_MAC, MAC_SIZE, 1);
}

static struct type *call_bswap(struct sema_ctx *c, struct node *n)
{
	struct type *t = call_want(c, n, 0, K_INTS, "int");
	if (!t)
		return sema_int(c, 8, false);
	struct type *w = sema_int(c, type_is_agg(t) ? 8 : t->size, false);
	if (c->final)
		sema_coerce(c, &n->list.v[0], w);
	return w;
}

static struct type *call_space(struct sema_ctx *c, struct node *n, enum addr_space as)
{
	struct type *t = call_want(c, n, 0, K(INT) | K(PTR), "integer or pointer");
	if (!t)
		return c->final ? sema_basic(c, SB_ERROR) : NULL;
	struct type *w = arena_dup(c->a, t, sizeof(*t));
	w->as = as;
	return w;
}

static struct type *call_strncmp(struct sema_ctx *c, struct node *n)
{
	call_want_string(c, n, 0);
	call_want_string(c, n, 1);
	if (sema_arg_literal(c, n, 2, N_INT) && n->list.v[2]->ival < 0)
		SERR(c, D_STR_NEGATIVE, n->list.v[2]->span, "strncmp", (long long)n->list.v[2]->ival);
	return sema_int(c, 8, false);
}

/* --------------------------------------------------------------- dispatch */

/* pid(init), tid(curr_ns), nsecs(tai): the mode goes to ival */
static struct type *call_mode(struct sema_ctx *c, struct node *n)
{
	static const char *const modes[] = { "boot", "monotonic", "tai", "sw_tai" };
	struct node *x = n->list.v[0];
	n->ival = -1;
	if (n->builtin == B_NSECS) {
		for (int i = 0; x->kind == N_STRING && i < 4; i++)
			if (str_is(x->str, modes[i]))
				n->ival = i;
		if (n->ival < 0 && x->kind != N_STRING)
			sema_arg_literal(c, n, 0, N_STRING);
		else if (n->ival < 0)
			SERR(c, D_TIMESTAMP_MODE, x->span, STR_FMT(x->str));
		else if (n->ival == NSECS_TAI && c->env->facts && !c->env->facts->ops->has(c->env->facts, FEAT_TAI))
			SERR(c, D_TAI, n->span);
	} else if (x->kind != N_STRING) {
		SERR(c, D_PID_ARG, n->span, call_name(n));
	} else if (str_is(x->str, "init") || str_is(x->str, "curr_ns")) {
		n->ival = str_is(x->str, "init");
	} else {
		SERR(c, D_PID_MODE, x->span, STR_FMT(x->str));
	}
	if (n->ival < 0) { /* stays a call, so that the last round reports it */
		n->ival = 0;
		return sema_int(c, n->builtin == B_NSECS ? 8 : 4, false);
	}
	/* all is known now: a value, but the checks above must speak in the last round */
	if (c->final || n->ival != NSECS_TAI) {
		n->kind = N_BUILTIN;
		n->list.n = 0;
	}
	return sema_int(c, n->builtin == B_NSECS ? 8 : 4, false);
}

/* Clauses with uaddr() have one place each (attach.c). The call keeps what is added to the address of the probe (is_unsigned), or the
 * address itself; its type is a pointer to an integer of the symbol's size. */
static struct type *call_uaddr(struct sema_ctx *c, struct node *n)
{
	const struct provider *p = c->clause->provider;
	const struct attach_point *ap = c->clause->attach.v[0];
	struct provider_symbol s = { 0 };
	struct type *to = sema_int(c, 8, false);
	if (!p->symbol) {
		SERR(c, D_ACCESS_REG, n->span, "uaddr", p->name);
	} else if (c->loop) {
		SERR(c, D_LOOP_BUILTIN, n->span, "uaddr");
	} else if (sema_arg_literal(c, n, 0, N_STRING)) {
		const struct node *x = n->list.v[0];
		if (p->symbol(p, &c->env->prov, ap, x->str, &s)) {
			n->is_unsigned = s.moves;
			n->ival = (int64_t)(s.moves ? s.addr - s.place : s.addr);
			to = sema_int(c, s.size == 1 || s.size == 2 || s.size == 4 ? (uint32_t)s.size : 8, false);
		} else {
			SERR(c, D_UADDR, x->span, STR_FMT(x->str), STR_FMT(ap->target));
		}
	}
	return type_ptr(c->a, to, AS_USER);
}

/* The kernel's frames have no build ids: where that is what the configuration says, they are shown as usual. */
struct type *sema_stack(struct sema_ctx *c, bool user, uint32_t depth, int mode)
{
	return type_stack(c->a, user, depth, !user && mode == STACK_BUILD_ID ? STACK_BPFTRACE : (enum stack_mode)mode);
}

/* kstack(n), kstack(mode), kstack(mode, n). It stays a call: depth and mode are in its type. */
static struct type *call_stack(struct sema_ctx *c, struct node *n)
{
	int mode = c->s->config.stack_mode;
	int64_t depth = STACK_DEFAULT;
	for (uint32_t i = 0; i < n->list.n; i++) {
		struct node *x = n->list.v[i];
		bool last = i + 1 == n->list.n;
		if (x->kind == N_STRING && (i == 0 || !last)) {
			sema_arg(c, n, i);
			mode = sema_stack_mode(x->str);
			if (mode == STACK_BUILD_ID && n->builtin == B_KSTACK)
				mode = -1;
			if (mode < 0)
				SERR(c, D_STACK_MODE, x->span, call_name(n));
			mode = mode < 0 ? STACK_BPFTRACE : mode;
		} else if (sema_arg_literal(c, n, i, N_INT)) {
			depth = x->ival;
			if (depth < 1 && !x->is_unsigned)
				SERR(c, D_ARG_LITERAL, x->span, call_name(n), "positive int", depth ? "negative int" : "zero");
			else if (depth > STACK_MAX || depth < 1)
				SERR(c, D_STACK_LIMIT, x->span, call_name(n), STACK_MAX, (long long)depth);
			depth = depth < 1 ? 1 : depth > STACK_MAX ? STACK_MAX : depth;
		}
	}
	return sema_stack(c, n->builtin == B_USTACK, (uint32_t)depth, mode);
}

static struct type *call_value(struct sema_ctx *c, struct node *n)
{
	switch (n->builtin) {
	case B_PID:
	case B_TID:
	case B_NSECS:
		if (n->list.n)
			return call_mode(c, n);
		break;
	case B_KSTACK:
	case B_USTACK:
		if (n->list.n)
			return call_stack(c, n);
		break;
	case B_COMM:
		if (n->list.n) {
			return sema_comm_of(c, n);
		}
		break;
	case B_PPID:
	case B_PCOMM:
	case B_LEADER_COMM:
	case B_LEADER_TID:
		if (n->list.n)
			return call_want(c, n, 0, K(PTR), "pointer") ? sema_builtin_value(c, n) : sema_int(c, 4, true);
		break;
	default:
		break;
	}
	n->kind = N_BUILTIN;
	return sema_builtin_value(c, n);
}

/* The same as argN. */
static struct type *call_usdt_arg(struct sema_ctx *c, struct node *n)
{
	const struct provider *p = c->clause->provider;
	if (p->id != PROV_USDT) {
		SERR(c, D_ACCESS_OTHER, n->span, "usdt_arg", p->name);
		return sema_basic(c, SB_ERROR);
	}
	if (!sema_arg_literal(c, n, 0, N_INT))
		return sema_basic(c, SB_ERROR);
	n->ival = n->list.v[0]->ival;
	n->list.n = 0;
	n->kind = N_BUILTIN;
	n->builtin = B_ARGN;
	return sema_builtin_value(c, n);
}

struct type *sema_call(struct sema_ctx *c, struct node *n)
{
	const struct builtin_info *b = &builtin_info[n->builtin];
	bool moved = n->ival == 1 && (n->builtin == B_HAS_KEY || n->builtin == B_DELETE || n->builtin == B_FIND); /* see call_element */
	if (!moved && !call_count(c, n))
		return sema_basic(c, SB_ERROR);
	if (b->flags & BF_UNSAFE && !c->env->unsafe) {
		SERR(c, D_UNSAFE, n->span, b->name);
		return sema_basic(c, SB_ERROR);
	}
	if (b->flags & BF_LATER) {
		SERR(c, D_NOT_YET, n->span, arena_printf(c->a, "%s()", b->name));
		return sema_basic(c, SB_ERROR);
	}
	if (n->builtin == B_DW_USTACK && !sema_dw_ustack(c, n))
		return sema_basic(c, SB_ERROR);
	if (b->flags & BF_VALUE)
		return call_value(c, n);
	switch (n->builtin) {
	case B_COUNT: case B_SUM: case B_MIN: case B_MAX: case B_AVG: case B_STATS: case B_HIST: case B_LHIST: case B_TSERIES:
		return sema_aggregation(c, n);
	case B_PRINTF: case B_ERRORF: case B_WARNF: case B_CAT: case B_SYSTEM:
		return call_format(c, n);
	case B_ROW: case B_RANK: case B_TOP:
		return sema_row(c, n);
	case B_SCREEN:
		return sema_basic(c, SB_NONE);
	case B_PRINT:
		return call_print(c, n);
	case B_CLEAR: case B_ZERO:
		call_map(c, n, false);
		return sema_basic(c, SB_NONE);
	case B_TIME:
		if (n->list.n)
			sema_arg_literal(c, n, 0, N_STRING);
		return sema_basic(c, SB_NONE);
	case B_JOIN:
		return call_join(c, n);
	case B_EXIT:
		return call_exit(c, n);
	case B_DELETE: case B_HAS_KEY:
		return call_element(c, n);
	case B_LEN:
		return call_len(c, n);
	case B_STR:
		return call_str(c, n);
	case B_BUF:
		return call_buf(c, n);
	case B_STRFTIME:
		return call_strftime(c, n);
	case B_NTOP:
		return call_ntop(c, n);
	case B_MACADDR:
		return call_macaddr(c, n);
	case B_BSWAP:
		return call_bswap(c, n);
	case B_KPTR: case B_UPTR:
		return call_space(c, n, n->builtin == B_KPTR ? AS_KERNEL : AS_USER);
	case B_STRNCMP:
		return call_strncmp(c, n);
	case B_UADDR:
		return call_uaddr(c, n);
	case B_KSYM: case B_USYM: {
		struct type *t = call_want(c, n, 0, K_INTS | K(PTR), "integer or pointer");
		if (t && t->kind != T_PTR && c->final)
			sema_coerce(c, &n->list.v[0], sema_int(c, 8, false));
		return n->builtin == B_USYM ? type_new(c->a, T_USYM, 16, 1) : type_new(c->a, T_KSYM, 8, 8);
	}
	case B_STRLEN:
		call_want_string(c, n, 0);
		return sema_int(c, 8, false);
	case B_USDT_ARG:
		return call_usdt_arg(c, n);
	default: {
		struct type *t = sema_text(c, n);
		t = t ? t : sema_kernel(c, n);
		return t ? t : sema_comptime(c, n);
	}
	}
}
