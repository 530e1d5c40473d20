/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach points: raw text to parts (split at ':' outside quotes, parameters
 * put in), to concrete places through the provider, to clauses. Places of one
 * source probe that share provider and argument layout share one clause; if
 * the body never looks at `args`, layouts do not matter.
 */
#include "sema/sema_priv.h"

struct expand {
	struct sema_ctx *c;
	const struct provider *p;
	VEC(struct attach_point *) list;
};

static void attach_collect(void *arg, struct attach_point *ap)
{
	struct expand *x = arg;
	vec_push(x->c->a, &x->list, ap);
}

static uint32_t attach_split(struct sema_ctx *c, struct str raw, struct str *parts, uint32_t room)
{
	uint32_t n = 0, len = 0;
	char *cur = arena_alloc(c->a, raw.len + 1);
	for (uint32_t i = 0; i <= raw.len && n < room; i++) {
		char ch = i < raw.len ? raw.s[i] : ':';
		if (i < raw.len && ch == '"') {
			for (i++; i < raw.len && raw.s[i] != '"'; i++) {
				if (raw.s[i] == '\\' && i + 1 < raw.len)
					i++;
				cur[len++] = raw.s[i];
			}
		} else if (ch == ':') {
			parts[n++] = (struct str){ arena_strndup(c->a, cur, len), len };
			len = 0;
		} else if (ch == '$' && i + 1 < raw.len && raw.s[i + 1] >= '1' && raw.s[i + 1] <= '9') {
			uint32_t v = 0;
			for (i++; i < raw.len && raw.s[i] >= '0' && raw.s[i] <= '9'; i++)
				v = v * 10 + (uint32_t)(raw.s[i] - '0');
			i--;
			if (v <= c->env->params.n) {
				struct str t = c->env->params.v[v - 1];
				char *grown = arena_alloc(c->a, len + t.len + raw.len + 1);
				memcpy(grown, cur, len);
				memcpy(grown + len, t.s, t.len);
				cur = grown;
				len += t.len;
			}
		} else {
			cur[len++] = ch;
		}
	}
	return n;
}

static bool attach_uses_args(const struct node *n)
{
	if (!n)
		return false;
	if ((n->kind == N_IDENT || n->kind == N_BUILTIN) && (str_is(n->str, "args") || str_is(n->str, "retval") || str_is(n->str, "ctx")))
		return true;
	/* a macro may look at args: assume so when any word is one */
	if (attach_uses_args(n->a) || attach_uses_args(n->b) || attach_uses_args(n->c))
		return true;
	for (uint32_t i = 0; i < n->list.n; i++)
		if (attach_uses_args(n->list.v[i]))
			return true;
	return false;
}

static bool attach_same_args(const struct type *x, const struct type *y)
{
	if (x == y)
		return true;
	if (!x || !y || x->fields.n != y->fields.n)
		return false;
	for (uint32_t i = 0; i < x->fields.n; i++) {
		const struct field *f = &x->fields.v[i], *g = &y->fields.v[i];
		if (!str_eq(f->name, g->name) || f->offset != g->offset || !type_eq(f->type, g->type) || f->data_loc != g->data_loc)
			return false;
	}
	return true;
}

static struct clause *attach_clause(struct sema_ctx *c, uint32_t first, const struct provider *p, struct attach_point *ap,
				    bool uses_args)
{
	if (p->id == PROV_BEGIN || p->id == PROV_END || p->id == PROV_SELF || p->id == PROV_ITER)
		return NULL;
	for (uint32_t i = first; i < c->s->clauses.n; i++) {
		struct clause *cl = &c->s->clauses.v[i];
		struct attach_point *o = cl->attach.v[0];
		bool user = p->id == PROV_TRACEPOINT && str_is(ap->target, "syscalls") != str_is(o->target, "syscalls");
		/* A program that is typed by BTF is loaded for one function or event. */
		if (cl->provider == p && !user && ap->btf_id == o->btf_id && (!uses_args || attach_same_args(cl->args, ap->args)))
			return cl;
	}
	return NULL;
}

static void attach_probe(struct sema_ctx *c, struct node *probe, uint32_t index)
{
	uint32_t first = c->s->clauses.n;
	bool uses_args = attach_uses_args(probe->b) || attach_uses_args(probe->a) || c->macros.n;
	for (uint32_t i = 0; i < probe->list.n; i++) {
		struct node *at = probe->list.v[i];
		struct str parts[8];
		uint32_t n = attach_split(c, at->str, parts, 8);
		struct expand x = { .c = c };
		x.p = n ? provider_find(c->env->providers, parts[0]) : NULL;
		if (!x.p) {
			diag_add(c->d, D_PROBE_TYPE, at->span, STR_FMT(parts[0]));
			const char *best = NULL;
			int dist = 3;
			for (uint32_t k = 0; k < c->env->providers->n; k++) {
				int e = str_distance(c->env->providers->v[k]->name, parts[0].s, 2);
				if (e < dist) {
					dist = e;
					best = c->env->providers->v[k]->name;
				}
			}
			if (best)
				diag_hint(c->d, "did you mean '%s'?", best);
			continue;
		}
		uint32_t errors = c->d->n_errors;
		c->env->prov.missing_probes = c->s->config.missing_probes;
		int r = x.p->expand(x.p, &c->env->prov, parts + 1, n - 1, at->span, attach_collect, &x);
		if (r < 0 || c->d->n_errors != errors)
			continue;
		if (x.list.n == 0 && c->s->config.missing_probes < 2)
			diag_add(c->d, c->s->config.missing_probes ? D_PROBE_NO_MATCH_WARN : D_PROBE_NO_MATCH, at->span, STR_FMT(at->str));
		for (uint32_t k = 0; k < x.list.n; k++) {
			struct attach_point *ap = x.list.v[k];
			ap->span = at->span;
			if (uses_args && x.p->load_args)
				x.p->load_args(x.p, &c->env->prov, ap);
			struct clause *cl = attach_clause(c, first, x.p, ap, uses_args);
			vec_push(c->a, &c->s->attaches, ap);
			if (cl) {
				vec_push(c->a, &cl->attach, ap);
				continue;
			}
			struct clause nc = { .index = index, .body = node_clone(c->a, probe->b), .predicate = node_clone(c->a, probe->a),
					     .provider = x.p, .args = ap->args, .span = at->span };
			nc.uses_pid_filter = x.p->id == PROV_TRACEPOINT || x.p->id == PROV_RAWTRACEPOINT || x.p->id == PROV_KPROBE ||
					     x.p->id == PROV_KRETPROBE || x.p->id == PROV_FENTRY || x.p->id == PROV_FEXIT ||
					     x.p->id == PROV_PROFILE || x.p->id == PROV_SOFTWARE || x.p->id == PROV_HARDWARE;
			vec_push(c->a, &nc.attach, ap);
			vec_push(c->a, &c->s->clauses, nc);
		}
	}
}

int sema_attach(struct sema_ctx *c)
{
	for (uint32_t i = 0; i < c->program->list.n; i++) {
		struct node *n = c->program->list.v[i];
		if (n->kind == N_PROBE && n->b)
			attach_probe(c, n, c->s->n_source_clauses++);
	}
	if (c->s->attaches.n > c->s->config.max_probes && !c->d->n_errors)
		diag_add(c->d, D_TOO_MANY, (struct span){ 0 },
			 arena_printf(c->a,
				      "Can't attach to %u probes because it exceeds the current limit of %u probes. You can increase the limit "
				      "through the BPFTRACE_MAX_PROBES environment variable, but BE CAREFUL since a high number of probes "
				      "attached can cause your system to crash.",
				      c->s->attaches.n, c->s->config.max_probes));
	return c->d->n_errors ? -1 : 0;
}
