/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of semantic analysis: settings, C definitions, macros and
 * declared maps, placement of break/continue/return; then attach points to
 * clauses, names, types; then what can only be said about the whole, and the
 * check of the contract with lowering (sema.h): a tree that breaks it without
 * an error is our bug and is refused here, where it can still be named.
 *
 * A source clause may have become several (one for each layout of its
 * arguments). They report the same mistakes; copies are dropped at the end.
 */
#include <errno.h>

#include "lang/lex.h"
#include "sema/sema_priv.h"

static void sema_tables(struct sema_ctx *c)
{
	for (int i = B_NONE + 1; i < B_COUNT_; i++)
		if (i != B_ARGN && i != B_SARGN) /* arg0, sarg0, ... are made by name.c */
			map_put(c->a, &c->builtins, str_of(builtin_info[i].name), (void *)(uintptr_t)i);
}

/* ---------------------------------------------------------------- settings */

static void sema_config(struct sema_ctx *c)
{
	for (uint32_t i = 0; i < c->program->list.n; i++) {
		const struct node *n = c->program->list.v[i];
		for (uint32_t k = 0; n->kind == N_CONFIG && k < n->list.n; k++) {
			const struct node *kv = n->list.v[k];
			const struct node *x = kv->a;
			struct str v;
			if (!sema_option_setting(c, &x, &v))
				continue;
			if (x->kind == N_INT)
				v = str_of(arena_printf(c->a, "%llu", (unsigned long long)x->ival));
			sema_config_set(&c->s->config, c->d, kv->str, v, kv->span);
		}
	}
	for (uint32_t i = 0; i < c->env->settings.n; i++)
		sema_config_set(&c->s->config, c->d, c->env->settings.v[i].key, c->env->settings.v[i].value,
				(struct span){ 0 });
}

/* ------------------------------------------------------------ declarations */

static bool sema_macro_covers(const struct node *old, const struct node *new)
{
	if (old->list.n != new->list.n)
		return false;
	for (uint32_t i = 0; i < old->list.n; i++)
		if (old->list.v[i]->kind != N_IDENT && old->list.v[i]->kind != new->list.v[i]->kind)
			return false;
	return true;
}

static void sema_macro(struct sema_ctx *c, struct node *n)
{
	struct node *first = map_get(&c->macros, n->str), *last = first;
	n->c = NULL;
	for (struct node *m = first; m; last = m, m = m->c) {
		if (!sema_macro_covers(m, n))
			continue;
		diag_add(c->d, D_MACRO_REDEFINED, n->span, STR_FMT(n->str));
		diag_add_context(c->d, D_CONTEXT, m->span, "This is the original definition.");
		return;
	}
	if (last)
		last->c = n;
	else
		map_put(c->a, &c->macros, n->str, n);
}

static const struct {
	const char *name;
	enum map_decl_kind kind;
} map_kinds[] = { { "hash", MD_HASH },
		  { "lruhash", MD_LRUHASH },
		  { "percpuhash", MD_PERCPUHASH },
		  { "percpulruhash", MD_PERCPULRUHASH } };

static void sema_map_decl(struct sema_ctx *c, struct node *n)
{
	struct map_sym *m = arena_new(c->a, struct map_sym);
	struct str kind = n->a->str;
	uint64_t entries = (uint64_t)n->b->ival;
	m->name = n->str;
	m->span = n->span;
	m->declared = true;
	if (n->b->kind == N_POSPARAM)
		entries = sema_param_int(c, entries);
	m->max_entries = entries > UINT32_MAX ? UINT32_MAX : (uint32_t)entries;
	for (size_t i = 0; i < sizeof(map_kinds) / sizeof(*map_kinds); i++)
		if (str_is(kind, map_kinds[i].name))
			m->decl = map_kinds[i].kind;
	if (m->decl == MD_DEFAULT) {
		diag_add(c->d, D_MAP_DECL, n->a->span, STR_FMT(kind));
		diag_hint(c->d, "Valid map types: percpulruhash, percpuhash, lruhash, hash");
	}
	if (entries == 0)
		diag_add(c->d, D_MAP_ENTRIES, n->b->span);
	if (map_get(&c->maps, n->str)) {
		diag_add(c->d, D_MAP_REDECLARED, n->span, STR_FMT(n->str));
		return;
	}
	map_put(c->a, &c->maps, n->str, m);
	vec_push(c->a, &c->s->maps, m);
}

static bool sema_number(struct sema_ctx *c, struct str s, uint64_t *ret)
{
	bool uns;
	return lex_integer(c->a, s, true, ret, &uns) == NULL;
}

uint64_t sema_param_int(struct sema_ctx *c, uint64_t i)
{
	uint64_t v;
	if (i == 0 || i > c->env->params.n || !sema_number(c, c->env->params.v[i - 1], &v))
		return 0;
	return v;
}

static void sema_macro_shadow(struct sema_ctx *c, const struct node *n, const struct node *mac)
{
	if (!n)
		return;
	for (uint32_t i = 0; n->kind == N_LET && i < mac->list.n; i++)
		if (mac->list.v[i]->kind == N_VAR && str_eq(mac->list.v[i]->str, n->a->str))
			diag_add(c->d, D_MACRO_SHADOW, n->a->span, STR_FMT(n->a->str));
	sema_macro_shadow(c, n->a, mac);
	sema_macro_shadow(c, n->b, mac);
	sema_macro_shadow(c, n->c, mac);
	for (uint32_t i = 0; i < n->list.n; i++)
		sema_macro_shadow(c, n->list.v[i], mac);
}

/* break and continue belong in loops; return ends a probe, but not from inside a macro. */
static void sema_jumps(struct sema_ctx *c, const struct node *n, bool loop, const char *where)
{
	if (!n)
		return;
	bool macro = where[0] == 'm';
	if ((n->kind == N_BREAK || n->kind == N_CONTINUE) && !loop)
		diag_add(c->d, D_JUMP, n->span, n->kind == N_BREAK ? "break" : "continue", where);
	if (n->kind == N_RETURN && macro)
		diag_add(c->d, D_JUMP, n->span, "return", where);
	loop |= n->kind == N_WHILE || n->kind == N_FOR;
	sema_jumps(c, n->a, loop, where);
	sema_jumps(c, n->b, loop, where);
	sema_jumps(c, n->c, loop, where);
	for (uint32_t i = 0; i < n->list.n; i++)
		sema_jumps(c, n->list.v[i], loop, where);
}

/* The first definition counts, and a macro of that name before it. */
static void sema_function(struct sema_ctx *c, struct node *n)
{
	const struct node *first = map_get(&c->functions, n->str);
	if (first) {
		diag_add(c->d, D_FN_REDEFINED, n->span, STR_FMT(n->str));
		diag_add_context(c->d, D_CONTEXT, first->span, "This is the original definition.");
		return;
	}
	map_put(c->a, &c->functions, n->str, n);
}

static void sema_declare(struct sema_ctx *c)
{
	for (uint32_t i = 0; i < c->program->list.n; i++) {
		struct node *n = c->program->list.v[i];
		switch (n->kind) {
		case N_MACRO:
			sema_macro(c, n);
			sema_macro_shadow(c, n->b, n);
			sema_jumps(c, n->b, false, "macro");
			break;
		case N_MAPDECL:
			sema_map_decl(c, n);
			break;
		case N_SUBPROG:
			sema_function(c, n);
			sema_jumps(c, n->b, false, "function");
			break;
		case N_IMPORT:
			diag_add(c->d, D_IMPORT, n->span, "Unable to find suitable path for import"); /* the session resolves them */
			break;
		case N_PROBE:
			sema_jumps(c, n->b, false, "probe");
			break;
		default:
			break;
		}
	}
}

/* --------------------------------------------------------------- the whole */

static void sema_check_maps(struct sema_ctx *c)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < c->s->maps.n; i++) {
		struct map_sym *m = c->s->maps.v[i];
		if (!m->value && !m->key) {
			/* no statement gives it a meaning: lowering has nothing to make of it */
			if (m->declared && !m->has_access && !c->options.declared) /* other options may use it */
				diag_add(c->d, D_UNUSED_MAP, m->span, STR_FMT(m->name));
			continue;
		}
		c->s->maps.v[kept++] = m;
		if (m->decl == MD_DEFAULT || !m->value || m->value->kind == T_ERROR)
			continue;
		bool percpu = m->decl == MD_PERCPUHASH || m->decl == MD_PERCPULRUHASH, agg = type_is_agg(m->value);
		if (percpu != agg)
			diag_add(c->d, D_MAP_DECL_TYPE, m->span, map_kinds[m->decl - MD_HASH].name,
				 agg ? "percpuhash" : "hash");
	}
	c->s->maps.n = kept;
}

static bool sema_is_expr(enum node_kind k)
{
	return k <= N_BLOCK && k != N_FIELDINIT;
}

static bool sema_is_gone(enum node_kind k)
{
	return k == N_IDENT || k == N_POSPARAM || k == N_PARAMCOUNT || k == N_SIZEOF || k == N_OFFSETOF || k == N_TYPEINFO ||
	       k == N_TYPEOF || k == N_COMPTIME || k == N_ERROR;
}

/* One report is enough; false: broken. */
static bool sema_check_tree(struct sema_ctx *c, const struct node *n)
{
	if (!n)
		return true;
	if (sema_is_gone(n->kind) || (sema_is_expr(n->kind) && (!n->type || n->type->kind == T_ERROR))) {
		struct buf b = { 0 };
		buf_addf(&b, "node %u without a %s", n->kind, sema_is_gone(n->kind) ? "meaning" : "type");
		diag_add(c->d, D_INTERNAL, n->span, b.s ? b.s : "");
		buf_fini(&b);
		return false;
	}
	if (!sema_check_tree(c, n->a) || !sema_check_tree(c, n->b) || !sema_check_tree(c, n->c))
		return false;
	for (uint32_t i = 0; i < n->list.n; i++)
		if (!sema_check_tree(c, n->list.v[i]))
			return false;
	return true;
}

static void sema_check_contract(struct sema_ctx *c)
{
	for (uint32_t i = 0; i < c->s->clauses.n; i++) {
		const struct clause *cl = &c->s->clauses.v[i];
		if (!sema_check_tree(c, cl->predicate) || !sema_check_tree(c, cl->body))
			return;
	}
	if (c->s->clauses.n > c->s->config.max_bpf_progs) {
		diag_add(c->d, D_TOO_MANY, (struct span){ 0 },
			 arena_printf(c->a,
				      "Your program is trying to generate more than %u BPF programs, which exceeds the current "
				      "limit of %u",
				      c->s->clauses.n, c->s->config.max_bpf_progs));
		diag_hint(c->d, "You can increase the limit through the BPFTRACE_MAX_BPF_PROGS environment variable.");
	}
}

void sema_unstable(struct sema_ctx *c, struct span span, enum sema_unstable which)
{
	struct sema_config *k = &c->s->config;
	const struct { const char *name; int mode; } rows[] = {
		[UNSTABLE_TSERIES] = { "tseries", k->unstable_tseries }, [UNSTABLE_TYPEINFO] = { "typeinfo", k->unstable_typeinfo },
		[UNSTABLE_DW_USTACK] = { "dw_ustack", k->unstable_dw_ustack },
		[UNSTABLE_IMPORT_STATEMENT] = { "import_statement", k->unstable_import_statement },
	};
	if (!c->final || rows[which].mode == UNSTABLE_ENABLE || k->unstable_told >> which & 1)
		return;
	k->unstable_told |= 1u << which;
	if (rows[which].mode == UNSTABLE_ERROR)
		diag_add(c->d, D_UNSTABLE, span, rows[which].name, rows[which].name);
	else
		diag_add(c->d, D_UNSTABLE_WARN, (struct span){ 0 }, rows[which].name, rows[which].name);
}

void sema_expanded(struct sema_ctx *c, uint32_t from, const struct node *body)
{
	if (body->call.lo && c->d->list.n > from)
		vec_push(c->a, &c->expansions, ((struct expansion){ from, c->d->list.n, body->span, body->call }));
}

static bool sema_within(struct span x, struct span y)
{
	return x.lo >= y.lo && x.hi <= y.hi;
}

/* Behind each message about the body of a macro: where it was expanded from, inner calls first. */
static void sema_add_chains(struct sema_ctx *c, uint32_t start)
{
	struct diags *d = c->d;
	struct diag *old = d->list.v;
	uint32_t n = d->list.n;
	if (c->expansions.n == 0)
		return;
	d->list.v = NULL;
	d->list.n = d->list.cap = 0;
	struct span at = { 0 };
	uint32_t main = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!old[i].context) {
			at = old[i].span;
			main = i;
		}
		vec_push(d->arena, &d->list, old[i]);
		if (i < start || (i + 1 < n && old[i + 1].context))
			continue;
		/* inner expansions were noted before those around them */
		for (uint32_t k = 0; k < c->expansions.n; k++) {
			const struct expansion *x = &c->expansions.v[k];
			if (main < x->from || main >= x->to || !sema_within(at, x->body))
				continue;
			diag_add_context(d, D_CONTEXT, x->call, "expanded from");
			at = x->call;
		}
	}
}

/* Drop what was said before, of the same place in the same words; contexts go with their message. */
static void sema_drop_copies(struct diags *d, uint32_t from)
{
	uint32_t kept = from;
	struct map seen = { 0 };
	bool drop = false;
	for (uint32_t i = from; i < d->list.n; i++) {
		struct diag x = d->list.v[i];
		if (!x.context) {
			const char *key = arena_printf(d->arena, "%d %u %u %s", (int)x.id, x.span.lo, x.span.hi, x.text);
			drop = map_get(&seen, str_of(key)) != NULL;
			if (drop && x.severity == DIAG_ERROR)
				d->n_errors--;
			else if (drop)
				d->n_warnings--;
			map_put(d->arena, &seen, str_of(key), d);
		}
		if (!drop)
			d->list.v[kept++] = x;
	}
	d->list.n = kept;
}

/* Results of tests and benchmarks go by name. */
static void sema_suite_names(struct sema_ctx *c)
{
	for (uint32_t i = 0; i < c->s->attaches.n; i++) {
		const struct attach_point *x = c->s->attaches.v[i];
		for (uint32_t k = 0; k < i && (x->provider == PROV_TEST || x->provider == PROV_BENCH); k++) {
			const struct attach_point *y = c->s->attaches.v[k];
			if (y->provider != x->provider || !str_eq(x->func, y->func))
				continue;
			diag_add(c->d, D_SUITE_NAME, x->span, STR_FMT(x->func), x->provider == PROV_TEST ? "TEST" : "BENCH");
			diag_add_context(c->d, D_CONTEXT, y->span, "this is the other instance");
			break;
		}
	}
}

int sema_run(struct sema_env *env, struct node *program, struct sema *ret)
{
	struct sema_ctx c = { .env = env, .s = ret, .a = env->arena, .d = env->diags, .program = program };
	uint32_t said = env->diags->list.n, errors = env->diags->n_errors;

	memset(ret, 0, sizeof(*ret));
	sema_config_init(&ret->config);
	sema_tables(&c);
	sema_options(&c);
	sema_config(&c);
	env->prov.facts = env->facts;
	env->prov.diags = env->diags;
	env->prov.arena = env->arena;
	env->prov.unsafe = env->unsafe;
	env->prov.missing_probes = ret->config.missing_probes;
	sema_c(&c, program);
	sema_declare(&c);
	if (env->diags->n_errors == errors)
		sema_attach(&c);
	sema_suite_names(&c);
	if (env->diags->n_errors == errors) {
		for (uint32_t i = 0; i < ret->clauses.n; i++)
			sema_names(&c, &ret->clauses.v[i]);
		sema_uncalled(&c);
		sema_infer(&c);
		ret->clauses.n = c.n_called;
		sema_getopt_check(&c);
		sema_check_maps(&c);
	}
	if (env->diags->n_errors == errors)
		sema_check_contract(&c);
	sema_add_chains(&c, said);
	sema_drop_copies(env->diags, said);
	return env->diags->n_errors == errors ? 0 : -EINVAL;
}
