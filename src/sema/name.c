/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name resolution of one clause: variables to symbols by block scope, maps,
 * builtins, enum constants, #defines, parameters, macros (hygienic: a macro
 * body sees its parameters and its own variables only). After this no code
 * compares names. Positional parameters become literals here.
 */
#include <stdlib.h>

#include "lang/lex.h"
#include "sema/sema_priv.h"

struct scope {
	struct scope *up;
	struct node *node;
	VEC(struct var_sym *) vars;
	uint32_t loop;
	bool barrier; /* macro body: names outside are not visible */
};
enum { NAME_DEPTH = 64, NAME_WORK = 10000, NAME_NODES = 1000000 };

struct names {
	struct sema_ctx *c;
	struct clause *cl;
	struct scope *scope;
	uint32_t loop;
	int depth;        /* macro nesting */
	struct node *fn;  /* N_INLINE: the innermost function's body, whose `return` it is */
	uint32_t work;    /* macros and #defines expanded: nesting alone does not bound their number */
	uint32_t nodes;   /* of the arguments put in, so far: arguments within arguments double */
	struct node *stack[NAME_DEPTH];
};

static void name_expr(struct names *s, struct node **pn);

/*
 * The argument of sizeof, offsetof, typeinfo, typeof: a type (*tref) or an expression (*a). A bare word is an expression
 * to the parser; here it is decided whether it names a value (macro, builtin, constant) or a type. A macro parameter that
 * was given as typeof(T) arrives as N_TYPEOF.
 */
static void name_type_arg(struct names *s, struct node **tref, struct node **a)
{
	if (*a && (*a)->kind == N_TYPEOF) {
		struct node *t = *a;
		name_type_arg(s, &t->tref, &t->a);
		*tref = t->tref;
		*a = t->a;
		return;
	}
	if (*tref && ((*tref)->a || (*tref)->tref))
		name_type_arg(s, &(*tref)->tref, &(*tref)->a);
	if (!*a)
		return;
	if ((*a)->kind == N_IDENT && !map_get(&s->c->builtins, (*a)->str) && !map_get(&s->c->macros, (*a)->str) &&
	    !map_get(&s->c->defines, (*a)->str) && sema_named_type(s->c, 0, (*a)->str)) {
		struct node *t = node_new(s->c->a, N_TYPEREF, (*a)->span);
		t->str = (*a)->str;
		*tref = t;
		*a = NULL;
		return;
	}
	name_expr(s, a);
}

static struct var_sym *name_lookup(const struct names *s, struct str name)
{
	for (struct scope *sc = s->scope; sc; sc = sc->up) {
		for (uint32_t i = 0; i < sc->vars.n; i++)
			if (str_eq(sc->vars.v[i]->name, name))
				return sc->vars.v[i];
		if (sc->barrier)
			break;
	}
	return NULL;
}

static void name_near(const struct names *s, struct str name)
{
	int best = 2;
	const struct var_sym *near = NULL;
	for (const struct scope *sc = s->scope; sc; sc = sc->barrier ? NULL : sc->up) {
		for (uint32_t i = 0; i < sc->vars.n; i++) {
			int d = str_distance(sc->vars.v[i]->name.s, name.s, best);
			if (d <= best && sc->vars.v[i]->type == NULL) {
				best = d - 1;
				near = sc->vars.v[i];
			}
		}
	}
	if (near)
		diag_hint(s->c->d, "did you mean '%.*s'?", STR_FMT(near->name));
}

static struct var_sym *name_declare(struct names *s, struct node *n)
{
	struct var_sym *v = arena_new(s->c->a, struct var_sym);
	v->name = n->str;
	v->span = n->span;
	v->index = s->cl->vars.n;
	v->scope = s->scope->node;
	v->lower = NULL;
	v->captured = false;
	vec_push(s->c->a, &s->cl->vars, v);
	vec_push(s->c->a, &s->scope->vars, v);
	n->var = v;
	/* remember the loop depth of the declaration in `index`-independent way: captured when used deeper */
	v->loop_depth = s->loop;
	return v;
}

static void name_use_var(struct names *s, struct node *n, bool write)
{
	struct var_sym *v = name_lookup(s, n->str);
	if (!v) {
		diag_add(s->c->d, D_UNDECLARED_VARIABLE, n->span, STR_FMT(n->str));
		name_near(s, n->str);
		v = name_declare(s, n);
		v->type = type_error(s->c->a);
	}
	n->var = v;
	if (s->loop > v->loop_depth)
		v->captured = true;
	if (write)
		v->assigned = true;
	else
		v->used = true;
}

static void name_map(struct names *s, struct node *n)
{
	struct map_sym *m = map_get(&s->c->maps, n->str);
	if (!m) {
		m = arena_new(s->c->a, struct map_sym);
		m->name = n->str;
		m->span = n->span;
		map_put(s->c->a, &s->c->maps, n->str, m);
		vec_push(s->c->a, &s->c->s->maps, m);
	}
	n->map = m;
}

static void name_shadow(struct names *s, struct node *n, enum diag_id id)
{
	const struct var_sym *v = name_lookup(s, n->str);
	if (!v)
		return;
	diag_add(s->c->d, id, n->span, STR_FMT(n->str));
	diag_add_context(s->c->d, D_CONTEXT, v->span,
			 v->by_let ? "This is the initial declaration." : "This is the initial assignment.");
}

/* What a macro was given is resolved already; but here it may be used inside a loop that its own place is not in. */
static void name_captures(const struct names *s, struct node *n)
{
	if (!n || s->loop == 0)
		return;
	if (n->kind == N_VAR && n->var && s->loop > n->var->loop_depth)
		n->var->captured = true;
	name_captures(s, n->a);
	name_captures(s, n->b);
	name_captures(s, n->c);
	for (uint32_t i = 0; i < n->list.n; i++)
		name_captures(s, n->list.v[i]);
}

/* -- macros -- */

static struct node *macro_argument(struct names *s, const struct node *arg)
{
	uint32_t height;
	if (s->nodes < NAME_NODES)
		s->nodes += node_measure(s->c->a, arg, &height);
	if (s->nodes < NAME_NODES && height < SEMA_DEPTH / 2)
		return node_clone(s->c->a, arg);
	if (s->nodes <= NAME_NODES * 2)
		diag_add(s->c->d, D_TOO_MANY, arg->span, "Macros expand to too much");
	s->nodes = NAME_NODES * 2 + 1;
	struct node *n = node_new(s->c->a, N_INT, arg->span);
	n->type = type_error(s->c->a);
	return n;
}

static void macro_subst(struct names *s, struct node **pn, const struct node *mac, const struct node *call)
{
	struct node *n = *pn;
	if (!n || n->checked)
		return;
	if (n->kind == N_IDENT || n->kind == N_VAR || n->kind == N_MAP) {
		for (uint32_t i = 0; i < mac->list.n && i < call->list.n; i++) {
			if (mac->list.v[i]->kind != n->kind || !str_eq(mac->list.v[i]->str, n->str))
				continue;
			struct node *arg = macro_argument(s, call->list.v[i]);
			if (n->kind == N_MAP && n->a && arg->kind == N_MAP) {
				macro_subst(s, &n->a, mac, call);
				arg->a = n->a;
				arg->checked = false; /* its key is still to be resolved */
				*pn = arg;
				return;
			}
			*pn = arg;
			return;
		}
		if (n->kind == N_MAP)
			diag_add(s->c->d, D_MACRO_MAP, n->span, STR_FMT(n->str));
	}
	/* a type parameter: typeof(T) given for a bare word in the place of a type */
	for (uint32_t i = 0; n->tref && i < mac->list.n && i < call->list.n; i++) {
		struct node *t = n->tref, *arg = call->list.v[i];
		if (t->kind != N_TYPEREF || t->ival || t->a || mac->list.v[i]->kind != N_IDENT || arg->kind != N_TYPEOF ||
		    !str_eq(t->str, mac->list.v[i]->str))
			continue;
		struct node *to = node_clone(s->c->a, arg);
		if (to->tref && !to->a) {
			for (uint32_t k = 0; k < t->list.n; k++)
				vec_push(s->c->a, &to->tref->list, t->list.v[k]);
			n->tref = to->tref;
		} else {
			to->kind = N_TYPEREF;
			to->list.n = 0;
			for (uint32_t k = 0; k < t->list.n; k++)
				vec_push(s->c->a, &to->list, t->list.v[k]);
			n->tref = to;
		}
		break;
	}
	if (n->tref)
		macro_subst(s, &n->tref, mac, call); /* typeof(x) */
	macro_subst(s, &n->a, mac, call);
	macro_subst(s, &n->b, mac, call);
	macro_subst(s, &n->c, mac, call);
	for (uint32_t i = 0; i < n->list.n; i++)
		macro_subst(s, &n->list.v[i], mac, call);
}

static void macro_mismatch(struct names *s, const struct node *n, const struct node *m)
{
	const struct node *near = m;
	for (const struct node *x = m; x; x = x->c) {
		if (x->list.n == n->list.n) {
			near = x;
			break;
		}
	}
	diag_add(s->c->d, D_MACRO_ARGS, n->span, STR_FMT(n->str));
	if (near->list.n != n->list.n) {
		diag_add_context(s->c->d, D_CONTEXT, near->span,
				 arena_printf(s->c->a,
					      "The closest definition of %.*s() has a different number of arguments. "
					      "Expected: %u but got %u",
					      STR_FMT(n->str), near->list.n, n->list.n));
		return;
	}
	for (uint32_t i = 0; i < n->list.n; i++) {
		const struct node *want = near->list.v[i], *have = n->list.v[i];
		if (want->kind == N_IDENT || want->kind == have->kind)
			continue;
		diag_add_context(s->c->d, D_CONTEXT, have->span,
				 arena_printf(s->c->a, "Mismatched arg. %.*s() expects a %s for arg %.*s but got %s.", STR_FMT(n->str),
					      want->kind == N_VAR ? "variable" : "map", STR_FMT(want->str),
					      have->kind == N_VAR ? "a variable" : have->kind == N_MAP ? "a map" : "an expression"));
		diag_add_context(s->c->d, D_CONTEXT, want->span, "This is the argument in the closest definition.");
		return;
	}
}

static const struct node *macro_find(struct names *s, const struct node *n, bool report)
{
	const struct node *m = map_get(&s->c->macros, n->str);
	if (!m)
		return NULL;
	for (const struct node *x = m; x; x = x->c) {
		bool ok = x->list.n == n->list.n;
		for (uint32_t i = 0; ok && i < n->list.n; i++)
			if (x->list.v[i]->kind != N_IDENT && x->list.v[i]->kind != n->list.v[i]->kind)
				ok = false;
		if (ok)
			return x;
	}
	if (report)
		macro_mismatch(s, n, m);
	return NULL;
}

static void mark_resolved(struct node *n)
{
	if (!n)
		return;
	n->checked = true;
	mark_resolved(n->a);
	mark_resolved(n->b);
	mark_resolved(n->c);
	for (uint32_t i = 0; i < n->list.n; i++)
		mark_resolved(n->list.v[i]);
}

/* May `what` (a macro, a function) be expanded here: not within itself, and not for ever? False: reported, and n is in error. */
static bool name_may_expand(struct names *s, struct node *n, const struct node *what)
{
	bool fn = what->kind == N_SUBPROG, ok = true;
	for (int i = 0; ok && i < s->depth; i++) {
		if (s->stack[i] != what)
			continue;
		const char *chain = "";
		for (int k = i; k < s->depth; k++)
			if (s->stack[k]->kind == N_MACRO || s->stack[k]->kind == N_SUBPROG)
				chain = arena_printf(s->c->a, "%s%.*s > ", chain, STR_FMT(s->stack[k]->str));
		diag_add(s->c->d, fn ? D_FN_RECURSION : D_MACRO_RECURSION, n->span, arena_printf(s->c->a, "%s%.*s", chain, STR_FMT(n->str)));
		ok = false;
	}
	if (ok && (s->depth == NAME_DEPTH || s->work++ >= NAME_WORK)) {
		if (s->work <= NAME_WORK + 1)
			diag_add(s->c->d, D_TOO_MANY, n->span, "Macros expand to too much");
		s->work = NAME_WORK + 1;
		ok = false;
	}
	if (!ok) {
		n->kind = N_INT;
		n->type = type_error(s->c->a);
	}
	return ok;
}

/* A call of a function becomes its body, see fn.c. Arguments belong to the caller, everything else to the body. */
static void name_function(struct names *s, struct node **pn, struct node *fn)
{
	struct node *n = *pn;
	if (!name_may_expand(s, n, fn))
		return;
	fn->ival++;
	bool unasked = n->ival == 1 && n->list.n == 0; /* sema_uncalled() */
	if (n->list.n != fn->list.n && !unasked) {
		diag_add(s->c->d, D_FN_ARGS, n->span, STR_FMT(fn->str), fn->list.n, n->list.n < fn->list.n ? "only " : "", n->list.n);
		diag_add_context(s->c->d, D_CONTEXT, fn->span, "This is its definition.");
		n->kind = N_INT;
		n->type = type_error(s->c->a);
		return;
	}
	struct node *in = sema_inline(s->c, fn, n->span), *outer = s->fn;
	for (uint32_t i = 0; i < n->list.n; i++) {
		name_expr(s, &n->list.v[i]);
		mark_resolved(n->list.v[i]);
		in->list.v[i]->b = n->list.v[i];
		in->list.v[i]->span = n->list.v[i]->span; /* a wrong one is the call's mistake */
	}
	if (unasked)
		in->b->call = (struct span){ 0 };
	struct scope sc = { .up = s->scope, .node = in, .loop = s->loop, .barrier = true };
	s->scope = &sc;
	s->stack[s->depth++] = fn;
	s->fn = in;
	uint32_t said = s->c->d->list.n;
	for (uint32_t i = 0; i < in->list.n; i++)
		name_expr(s, &in->list.v[i]);
	name_type_arg(s, &in->tref, &(struct node *){ NULL });
	if (in->a)
		name_declare(s, in->a)->by_let = true;
	name_expr(s, &in->b);
	sema_expanded(s->c, said, in->b);
	s->fn = outer;
	s->depth--;
	s->scope = sc.up;
	*pn = in;
}

static void name_macro(struct names *s, struct node **pn, const struct node *mac)
{
	struct node *n = *pn;
	if (!name_may_expand(s, n, mac))
		return;
	for (uint32_t i = 0; i < n->list.n; i++) {
		if (mac->list.v[i]->kind == N_MAP)
			name_map(s, n->list.v[i]);
		else if (mac->list.v[i]->kind == N_VAR && !name_lookup(s, n->list.v[i]->str))
			name_declare(s, n->list.v[i]);
		else
			name_expr(s, &n->list.v[i]);
		mark_resolved(n->list.v[i]);
	}
	struct node *body = node_clone(s->c->a, mac->b);
	for (uint32_t i = 0; i < body->list.n; i++)
		macro_subst(s, &body->list.v[i], mac, n);
	macro_subst(s, &body->a, mac, n);
	struct scope sc = { .up = s->scope, .node = body, .loop = s->loop, .barrier = true };
	s->scope = &sc;
	s->stack[s->depth++] = (struct node *)(uintptr_t)mac;
	body->call = n->span;
	uint32_t said = s->c->d->list.n;
	name_expr(s, &body);
	sema_expanded(s->c, said, body);
	s->depth--;
	s->scope = sc.up;
	*pn = body;
}

/* -- identifiers -- */

/* A #define may be expanded here: not within itself, and not for ever. False: reported. */
static bool name_define_bounded(struct names *s, const struct node *n)
{
	const struct node *first = NULL; /* the word of the script */
	for (int i = 0; i < s->depth; i++) {
		if (s->stack[i]->kind != N_IDENT)
			continue;
		if (!first)
			first = s->stack[i];
		if (!str_eq(s->stack[i]->str, n->str))
			continue;
		const char *chain = "";
		for (int k = i; k < s->depth; k++)
			if (s->stack[k]->kind == N_IDENT)
				chain = arena_printf(s->c->a, "%s%.*s->", chain, STR_FMT(s->stack[k]->str));
		diag_add(s->c->d, D_DEFINE_RECURSION, first->span, arena_printf(s->c->a, "%s%.*s", chain, STR_FMT(n->str)));
		return false;
	}
	if (s->depth < NAME_DEPTH && s->work++ < NAME_WORK)
		return true;
	if (s->work <= NAME_WORK + 1)
		diag_add(s->c->d, D_TOO_MANY, n->span, "Macros expand to too much");
	s->work = NAME_WORK + 1;
	return false;
}

static void name_ident(struct names *s, struct node **pn)
{
	struct node *n = *pn;
	int64_t v;
	struct type *et = NULL;
	const struct node *mac = macro_find(s, n, false);
	if (mac) {
		name_macro(s, pn, mac);
		return;
	}
	uint32_t prefix = str_starts(n->str, "arg") ? 3 : str_starts(n->str, "sarg") ? 4 : 0;
	if (prefix && n->str.len > prefix && n->str.s[prefix] >= '0' && n->str.s[prefix] <= '9') {
		char *end;
		n->ival = strtol(n->str.s + prefix, &end, 10);
		if (!*end) {
			n->kind = N_BUILTIN;
			n->builtin = prefix == 3 ? B_ARGN : B_SARGN;
			return;
		}
	}
	void *b = map_get(&s->c->builtins, n->str);
	if (b) {
		n->builtin = (int)(uintptr_t)b;
		n->kind = builtin_info[n->builtin].flags & BF_VALUE ? N_BUILTIN : N_CALL;
		return;
	}
	struct str *def = map_get(&s->c->defines, n->str);
	if (def && name_define_bounded(s, n)) {
		uint32_t src = diags_add_source(s->c->d, n->str, *def);
		struct node *e = parse_expression(s->c->a, s->c->d, src);
		if (e) {
			struct span sp = n->span;
			s->stack[s->depth++] = n;
			*pn = e;
			name_expr(s, pn);
			s->depth--;
			(*pn)->span = sp;
			return;
		}
		diag_add(s->c->d, D_DEFINE, n->span, STR_FMT(n->str));
	}
	if (def) { /* reported */
		n->kind = N_INT;
		n->type = type_error(s->c->a);
		return;
	}
	struct enum_const *ec = map_get(&s->c->enums, n->str);
	if (ec) {
		n->kind = N_INT;
		n->ival = ec->value;
		n->type = ec->type;
		return;
	}
	/* Constants of the probed program come before the kernel's, as its types do. */
	const struct provider *p = s->cl ? s->cl->provider : NULL;
	bool own = p && p->constant && s->cl->attach.n && p->constant(p, &s->c->env->prov, s->cl->attach.v[0], n->str, &v, &et);
	if (own || (s->c->env->facts && s->c->env->facts->ops->enum_value(s->c->env->facts, n->str, &v, &et))) {
		n->kind = N_INT;
		n->ival = v;
		n->type = et;
		return;
	}
	diag_add(s->c->d, D_UNKNOWN_IDENT, n->span, STR_FMT(n->str));
	const char *near = map_nearest(&s->c->builtins, n->str);
	if (near)
		diag_hint(s->c->d, "did you mean '%s'?", near);
	n->kind = N_INT;
	n->type = type_error(s->c->a);
}

static void name_param(struct names *s, struct node *n)
{
	struct sema_env *e = s->c->env;
	if (n->kind == N_PARAMCOUNT) {
		n->kind = N_INT;
		n->ival = e->params.n;
		return;
	}
	uint64_t num = (uint64_t)n->ival;
	n->kind = N_INT;
	n->ival = 0;
	n->param = true;
	if (num > e->params.n || e->params.v[num - 1].len == 0) {
		diag_add(s->c->d, D_PARAM_EMPTY, n->span, (long long)num);
		n->str = (struct str){ "", 0 };
		return;
	}
	struct str t = e->params.v[num - 1];
	bool neg = t.s[0] == '-', uns;
	uint64_t v;
	n->str = t;
	if (lex_integer(s->c->a, neg ? (struct str){ t.s + 1, t.len - 1 } : t, true, &v, &uns)) {
		n->kind = N_STRING;
		return;
	}
	n->ival = neg ? (int64_t)(0 - v) : (int64_t)v;
	n->is_unsigned = !neg && uns;
}

static void name_call(struct names *s, struct node **pn)
{
	struct node *n = *pn;
	const struct node *mac = macro_find(s, n, !map_get(&s->c->builtins, n->str) && !map_get(&s->c->functions, n->str));
	if (mac) {
		name_macro(s, pn, mac);
		return;
	}
	struct node *fn = map_get(&s->c->functions, n->str);
	if (fn) {
		name_function(s, pn, fn);
		return;
	}
	void *b = map_get(&s->c->builtins, n->str);
	if (!b) {
		if (!map_get(&s->c->macros, n->str)) {
			diag_add(s->c->d, D_UNKNOWN_FUNCTION, n->span, STR_FMT(n->str));
			const char *near = map_nearest(&s->c->builtins, n->str);
			if (near)
				diag_hint(s->c->d, "did you mean '%s'?", near);
		}
		n->kind = N_INT;
		n->type = type_error(s->c->a);
		return;
	}
	n->builtin = (int)(uintptr_t)b;
	if (builtin_info[n->builtin].flags & BF_LATER)
		return; /* will be refused; its words may be modes, members, types */
	/* modes and registers given as bare words are not values */
	bool words = n->builtin == B_NSECS || n->builtin == B_PID || n->builtin == B_TID || n->builtin == B_KSTACK ||
		     n->builtin == B_USTACK || n->builtin == B_DW_USTACK;
	for (uint32_t i = 0; i < n->list.n; i++) {
		struct node *x = n->list.v[i];
		if (words && x->kind == N_IDENT)
			x->kind = N_STRING;
		else if (n->builtin == B_CONTAINER_OF && i == 2)
			continue; /* a member's name */
		else if (n->builtin == B_CONTAINER_OF && i == 1 && (x->kind == N_IDENT || x->kind == N_TYPEOF)) {
			struct node *t = node_new(s->c->a, N_TYPEOF, x->span);
			if (x->kind == N_IDENT)
				t->a = x;
			else
				*t = *x;
			name_type_arg(s, &t->tref, &t->a);
			n->list.v[i] = t;
		} else
			name_expr(s, &n->list.v[i]);
	}
}

static void name_stmt_target(struct names *s, struct node *n)
{
	if (n->kind == N_VAR) {
		if (n->checked && n->var) {
			n->var->assigned = true;
			name_captures(s, n);
			return;
		}
		if (!name_lookup(s, n->str))
			name_declare(s, n);
		name_use_var(s, n, true);
	} else if (n->kind == N_MAP) {
		if (!n->map)
			name_map(s, n);
		name_expr(s, &n->a);
	}
}

static void name_children(struct names *s, struct node *n)
{
	name_expr(s, &n->a);
	name_expr(s, &n->b);
	name_expr(s, &n->c);
	for (uint32_t i = 0; i < n->list.n; i++)
		name_expr(s, &n->list.v[i]);
}

/* A branch of `if comptime`: it may name what is not there, as long as it is not taken. infer.c tells what is kept back here. */
static void name_branch(struct names *s, struct node **pn)
{
	struct sema_ctx *c = s->c;
	struct diags *d = c->d;
	uint32_t said = d->list.n, errors = d->n_errors, warnings = d->n_warnings, expansions = c->expansions.n;
	name_expr(s, pn);
	if (d->list.n == said)
		return;
	struct deferred x = { .branch = *pn };
	for (uint32_t i = said; i < d->list.n; i++)
		vec_push(c->a, &x.list, d->list.v[i]);
	vec_push(c->a, &c->deferred, x);
	d->list.n = said;
	d->n_errors = errors;
	d->n_warnings = warnings;
	c->expansions.n = expansions;
}

static void name_expr(struct names *s, struct node **pn)
{
	struct node *n = *pn;
	if (!n)
		return;
	if (n->checked && n->kind != N_BLOCK) {
		name_captures(s, n);
		return;
	}
	if (sema_option_decides(s->c, pn)) {
		name_expr(s, pn);
		return;
	}
	if (n->kind == N_FIELD || n->kind == N_CALL) {
		if (sema_option(s->c, pn))
			return;
		n = *pn;
	}
	switch (n->kind) {
	case N_VAR:
		name_use_var(s, n, false);
		break;
	case N_MAP:
		name_map(s, n);
		name_expr(s, &n->a);
		break;
	case N_IDENT:
		name_ident(s, pn);
		break;
	case N_POSPARAM:
	case N_PARAMCOUNT:
		name_param(s, n);
		break;
	case N_CALL:
		name_call(s, pn);
		break;
	case N_ASSIGN:
		name_expr(s, &n->b);
		if (n->op && n->a->kind == N_VAR)
			name_expr(s, &n->a);
		name_stmt_target(s, n->a);
		break;
	case N_INCDEC:
		if (n->a->kind == N_VAR && !n->a->checked)
			name_use_var(s, n->a, true); /* there must be something to count from */
		else
			name_stmt_target(s, n->a);
		break;
	case N_LET:
		name_expr(s, &n->b);
		name_shadow(s, n->a, D_VARIABLE_REDECLARED);
		name_declare(s, n->a)->declared_type = n->tref != NULL;
		n->a->var->by_let = true;
		if (n->tref)
			name_type_arg(s, &n->tref, &(struct node *){ NULL });
		break;
	case N_FOR: {
		struct scope sc = { .up = s->scope, .node = n };
		if (n->b->kind == N_MAP) {
			name_map(s, n->b);
		} else {
			name_expr(s, &n->b->a);
			name_expr(s, &n->b->b);
		}
		name_shadow(s, n->a, D_LOOP_SHADOW);
		s->scope = &sc;
		s->loop++;
		name_declare(s, n->a)->assigned = true;
		name_expr(s, &n->c);
		s->loop--;
		s->scope = sc.up;
		break;
	}
	case N_BLOCK: {
		struct scope sc = { .up = s->scope, .node = n };
		s->scope = &sc;
		for (uint32_t i = 0; i < n->list.n; i++)
			name_expr(s, &n->list.v[i]);
		name_expr(s, &n->a);
		s->scope = sc.up;
		break;
	}
	case N_IF:
		if (n->a->kind != N_COMPTIME) {
			name_children(s, n);
			break;
		}
		name_expr(s, &n->a);
		name_branch(s, &n->b);
		if (n->c)
			name_branch(s, &n->c);
		break;
	case N_RETURN:
		name_expr(s, &n->a);
		if (s->fn) {
			n->ival = 1;
			n->var = s->fn->a ? s->fn->a->var : NULL;
			if (n->var && s->loop > n->var->loop_depth)
				n->var->captured = true;
		}
		break;
	case N_SIZEOF:
	case N_OFFSETOF:
	case N_TYPEINFO:
		name_type_arg(s, &n->tref, &n->a);
		break;
	case N_CAST:
		if (n->tref)
			name_type_arg(s, &n->tref, &(struct node *){ NULL });
		name_expr(s, &n->a);
		break;
	case N_TYPEOF:
		name_type_arg(s, &n->tref, &n->a);
		break;
	default:
		name_children(s, n);
	}
}

void sema_names(struct sema_ctx *c, struct clause *cl)
{
	struct names s = { .c = c, .cl = cl };
	struct scope sc = { .node = cl->body };
	s.scope = &sc;
	if (cl->predicate)
		name_expr(&s, &cl->predicate);
	name_expr(&s, &cl->body);
}
