/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach points: raw text to parts (split at ':' outside quotes, parameters
 * put in), to concrete places through the provider, to clauses. Places of one
 * source probe that share provider and argument layout share one clause; if
 * the body never looks at `args`, layouts do not matter.
 */
#include <ctype.h>

#include "base/map.h"
#include "sema/sema_priv.h"

enum { ATTACH_PARTS = 64 }; /* names of C++ have many colons */

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

/* `cur` with t behind it, and room for `more`. */
static char *attach_put(struct sema_ctx *c, const char *cur, uint32_t *len, struct str t, uint32_t more)
{
	char *grown = arena_alloc(c->a, *len + t.len + more + 1);
	memcpy(grown, cur, *len);
	memcpy(grown + *len, t.s, t.len);
	*len += t.len;
	return grown;
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
			struct str t = v <= c->env->params.n ? c->env->params.v[v - 1] : (struct str){ "", 0 };
			for (const char *colon; n < room && (colon = memchr(t.s, ':', t.len)); t = (struct str){ colon + 1, t.len - (uint32_t)(colon + 1 - t.s) }) {
				cur = attach_put(c, cur, &len, (struct str){ t.s, (uint32_t)(colon - t.s) }, raw.len);
				parts[n++] = (struct str){ arena_strndup(c->a, cur, len), len };
				len = 0;
			}
			cur = attach_put(c, cur, &len, t, raw.len);
		} else if (ch == '$' && i + 1 < raw.len && raw.s[i + 1] == '{' && memchr(raw.s + i, '}', raw.len - i)) {
			uint32_t end = (uint32_t)((const char *)memchr(raw.s + i, '}', raw.len - i) - raw.s);
			struct str name = { raw.s + i + 2, end - i - 2 }, t = { "", 0 };
			if (sema_option_text(c, name, &t))
				cur = attach_put(c, cur, &len, t, raw.len);
			else
				cur = attach_put(c, cur, &len, (struct str){ raw.s + i, end - i + 1 }, raw.len);
			i = end;
		} else {
			cur[len++] = ch;
		}
	}
	return n;
}

/* A `$` outside quotes is a parameter. False: it is none; reported. */
static bool attach_params(struct sema_ctx *c, const struct node *at)
{
	bool quoted = false;
	for (uint32_t i = 0; i < at->str.len; i++) {
		char ch = at->str.s[i], next = i + 1 < at->str.len ? at->str.s[i + 1] : ':';
		if (ch == '\\' && quoted)
			i++;
		else if (ch == '"')
			quoted = !quoted;
		else if (ch == '$' && !quoted && next != '{' && !(next >= '1' && next <= '9')) {
			diag_add(c->d, D_PARAM_TRAILING, at->span, next, next);
			return false;
		}
	}
	return true;
}

/* -- what a body looks at -- */

/* By its words alone, before names are resolved: a word that means something else only makes the answer more careful. */
static void attach_words(const struct node *n, struct provider_use *u)
{
	static const char *const regs[] = { "ctx", "reg", "usermode", "kstack", "ustack", "dw_ustack", "override", "uaddr" };
	if (!n)
		return;
	if (n->kind == N_IDENT || n->kind == N_BUILTIN || n->kind == N_CALL) {
		u->args |= str_is(n->str, "args");
		u->retval |= str_is(n->str, "retval");
		u->argn |= str_is(n->str, "usdt_arg") ? 1u << 31 : 0;
		for (size_t i = 0; i < sizeof(regs) / sizeof(*regs); i++)
			u->regs |= str_is(n->str, regs[i]);
		u->regs |= str_starts(n->str, "sarg");
		u->uaddr |= str_is(n->str, "uaddr");
		if (n->str.len >= 4 && n->str.len <= 5 && str_starts(n->str, "arg") && isdigit((unsigned char)n->str.s[3])) {
			uint32_t i = (uint32_t)(n->str.s[3] - '0');
			if (n->str.len == 5)
				i = isdigit((unsigned char)n->str.s[4]) ? i * 10 + (uint32_t)(n->str.s[4] - '0') : 31;
			u->argn |= 1u << (i < 31 ? i : 31);
		}
	}
	bool inside = n->kind == N_FIELD || n->kind == N_INDEX || (n->kind == N_UNARY && n->op == O_DEREF);
	u->inside |= inside && n->a && (n->a->kind == N_IDENT || n->a->kind == N_BUILTIN) && str_is(n->a->str, "retval");
	attach_words(n->a, u);
	attach_words(n->b, u);
	attach_words(n->c, u);
	for (uint32_t i = 0; i < n->list.n; i++)
		attach_words(n->list.v[i], u);
}

/* A #define that could hide one of these words. */
static bool attach_define_hides(const struct node *n)
{
	static const char *const words[] = { "arg", "retval", "ctx", "reg", "usermode", "stack", "override", "uaddr" };
	if (n->kind != N_CSTMT || !str_starts(n->str, "#define"))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (memmem(n->str.s, n->str.len, words[i], strlen(words[i])))
			return true;
	return false;
}

/* Macros count with every clause: which one calls which is not known yet. */
static struct provider_use attach_use(const struct sema_ctx *c, const struct node *probe, bool *ret_looks)
{
	struct provider_use u = { 0 };
	attach_words(probe->a, &u);
	attach_words(probe->b, &u);
	for (uint32_t i = 0; i < c->program->list.n; i++) {
		const struct node *n = c->program->list.v[i];
		if (n->kind == N_MACRO || n->kind == N_SUBPROG)
			attach_words(n->b, &u);
		u.regs |= attach_define_hides(n);
		u.uaddr |= attach_define_hides(n);
	}
	*ret_looks = u.args || u.retval || u.regs;
	return u;
}

static bool attach_same_args(const struct type *x, const struct type *y)
{
	if (x == y)
		return true;
	if (!x || !y || x->fields.n != y->fields.n)
		return false;
	for (uint32_t i = 0; i < x->fields.n; i++) {
		const struct field *f = &x->fields.v[i], *g = &y->fields.v[i];
		if (!str_eq(f->name, g->name) || f->offset != g->offset || !type_eq(f->type, g->type) || f->data_loc != g->data_loc || f->absent != g->absent)
			return false;
	}
	return true;
}

/* Room for the arguments of one more static probe? A clause of a body that looks at them has a switch over their forms. */
static bool attach_takes_spec(struct clause *cl, const struct usdt_spec *spec)
{
	for (uint32_t i = 0; i < cl->specs.n; i++)
		if (cl->specs.v[i] == spec)
			return true;
	return cl->specs.n < USDT_MAX_SPECS;
}

static void attach_add_spec(struct sema_ctx *c, struct clause *cl, const struct usdt_spec *spec)
{
	for (uint32_t i = 0; i < cl->specs.n; i++)
		if (cl->specs.v[i] == spec)
			return;
	vec_push(c->a, &cl->specs, spec);
}

/* Places whose result is of one type can share a program that looks at it. */
static bool attach_same_retval(const struct attach_point *x, const struct attach_point *y)
{
	return x->provider != PROV_URETPROBE || (x->retval == y->retval && !x->retval_why == !y->retval_why) ||
	       (x->retval && y->retval && type_eq(x->retval, y->retval));
}

static struct clause *attach_clause(struct sema_ctx *c, uint32_t first, const struct provider *p, struct attach_point *ap, bool looks,
				    bool argn)
{
	if (p->id == PROV_BEGIN || p->id == PROV_END || p->id == PROV_SELF || p->id == PROV_ITER || (p->symbol && c->env->prov.use->uaddr))
		return NULL;
	for (uint32_t i = first; i < c->s->clauses.n; i++) {
		struct clause *cl = &c->s->clauses.v[i];
		struct attach_point *o = cl->attach.v[0];
		bool user = p->id == PROV_TRACEPOINT && str_is(ap->target, "syscalls") != str_is(o->target, "syscalls");
		bool inside = p->id == PROV_KPROBE && ((ap->offset | ap->address) != 0) != ((o->offset | o->address) != 0);
		/* A program that is typed by BTF is loaded for one function or event. */
		if (p->id == PROV_USDT && argn && !attach_takes_spec(cl, ap->usdt))
			continue;
		bool same = !looks || (attach_same_args(cl->args, ap->args) && attach_same_retval(o, ap));
		if (cl->provider == p && !user && !inside && ap->btf_id == o->btf_id && ap->program.id == o->program.id && same)
			return cl;
	}
	return NULL;
}

/* -- expansion -- */

static void attach_no_provider(struct sema_ctx *c, struct node *at, struct str name)
{
	const char *best = NULL;
	int dist = 3;
	diag_add(c->d, D_PROBE_TYPE, at->span, STR_FMT(name));
	for (uint32_t k = 0; k < c->env->providers->n; k++) {
		int e = str_distance(c->env->providers->v[k]->name, name.s, 2);
		if (e < dist) {
			dist = e;
			best = c->env->providers->v[k]->name;
		}
	}
	if (best)
		diag_hint(c->d, "did you mean '%s'?", best);
}

/* One alternative. False: it is wrong or, where that is an error, absent; reported. */
static bool attach_expand(struct sema_ctx *c, struct node *at, struct str raw, int missing, struct expand *x)
{
	struct str parts[ATTACH_PARTS];
	uint32_t n = attach_split(c, raw, parts, ATTACH_PARTS), errors = c->d->n_errors;
	x->p = n ? provider_find(c->env->providers, parts[0]) : NULL;
	x->list.n = 0;
	if (!x->p) {
		attach_no_provider(c, at, n ? parts[0] : raw);
		return false;
	}
	c->env->prov.missing_probes = missing;
	c->env->prov.attach = (enum attach_want)c->s->config.attach;
	c->env->prov.max_probes = c->s->config.max_probes;
	return x->p->expand(x->p, &c->env->prov, parts + 1, n - 1, at->span, attach_collect, x) >= 0 && c->d->n_errors == errors;
}

/* A place that no program could be attached to on this kernel is none to choose. */
static bool attach_possible(const struct sema_ctx *c, const struct provider *p)
{
	struct facts *f = c->env->facts;
	bool trampoline = p->id == PROV_FENTRY || p->id == PROV_FEXIT, breakpoint = p->id == PROV_KPROBE || p->id == PROV_KRETPROBE;
	if (f && f->ops->has && p->id == PROV_HARDWARE)
		return f->ops->has(f, FEAT_PMU);
	if (!f || !f->ops->has || (!trampoline && !breakpoint))
		return true;
	return f->ops->has(f, FEAT_FENTRY) || (breakpoint && (f->ops->has(f, FEAT_KPROBE) || f->ops->has(f, FEAT_KPROBE_MULTI)));
}

/* The same, and not a word about it: is there such a place? */
static bool attach_try(struct sema_ctx *c, struct node *at, struct str raw, struct expand *x)
{
	uint32_t list = c->d->list.n, errors = c->d->n_errors, warnings = c->d->n_warnings;
	bool found = attach_expand(c, at, raw, 2, x) && x->list.n && attach_possible(c, x->p);
	if (!found)
		x->list.n = 0;
	c->d->list.n = list;
	c->d->n_errors = errors;
	c->d->n_warnings = warnings;
	return found;
}

/* The end of the alternative that begins at s: a '|' outside quotes. */
static uint32_t attach_alternative(struct str raw)
{
	uint32_t i = 0;
	for (; i < raw.len && raw.s[i] != '|'; i++) {
		if (raw.s[i] != '"')
			continue;
		for (i++; i < raw.len && raw.s[i] != '"'; i++)
			i += raw.s[i] == '\\';
		if (i >= raw.len)
			return raw.len;
	}
	return i;
}

/* "?PROBE" may be absent; "PROBE|PROBE" is the first that exists. False: reported. */
static bool attach_places(struct sema_ctx *c, struct node *at, struct expand *x)
{
	struct str raw = at->str;
	int missing = c->s->config.missing_probes;
	bool optional = false;
	if (raw.len > 1 && raw.s[0] == '?') {
		struct str rest = { raw.s + 1, raw.len - 1 }, parts[ATTACH_PARTS];
		optional = attach_split(c, rest, parts, ATTACH_PARTS) && provider_find(c->env->providers, parts[0]);
		raw = optional ? rest : raw;
	}
	for (;;) {
		uint32_t n = attach_alternative(raw);
		struct str one = { raw.s, n };
		bool last = n >= raw.len;
		if (last && !optional) {
			if (!attach_expand(c, at, one, missing, x))
				return false;
			break;
		}
		if (attach_try(c, at, one, x) || last)
			break;
		raw = (struct str){ raw.s + n + 1, raw.len - n - 1 };
	}
	if (x->list.n == 0 && !missing && !optional && memchr(at->str.s, '*', at->str.len))
		vec_push(c->a, &c->missed, at); /* attach_missed() says it */
	else if (x->list.n == 0 && missing < 2 && !optional)
		diag_add(c->d, missing ? D_PROBE_NO_MATCH_WARN : D_PROBE_NO_MATCH, at->span, STR_FMT(at->str));
	return true;
}

/* A pattern means what there is of its kind: beside attach points that there are it may be nothing ("kprobe:f, kprobe:f.constprop.*"). */
static void attach_missed(struct sema_ctx *c, bool others)
{
	for (uint32_t i = 0; i < c->missed.n; i++)
		diag_add(c->d, others ? D_PROBE_NO_MATCH_WARN : D_PROBE_NO_MATCH, c->missed.v[i]->span, STR_FMT(c->missed.v[i]->str));
	c->missed.n = 0;
}

bool sema_probe_exists(struct sema_ctx *c, struct node *at, struct str raw)
{
	struct expand x = { .c = c };
	for (;;) {
		uint32_t n = attach_alternative(raw);
		if (attach_try(c, at, (struct str){ raw.s, n }, &x))
			return true;
		if (n >= raw.len)
			return false;
		raw = (struct str){ raw.s + n + 1, raw.len - n - 1 };
	}
}

/* Clauses of one place may become those of a cheaper provider. */
static void attach_better(struct sema_ctx *c, uint32_t first, const struct provider_use *u, bool looks)
{
	for (uint32_t i = first; i < c->s->clauses.n; i++) {
		struct clause *cl = &c->s->clauses.v[i];
		const struct provider *p = cl->provider->better && cl->attach.n == 1 ?
						   cl->provider->better(cl->provider, &c->env->prov, cl->attach.v[0], u) : NULL;
		if (!p)
			continue;
		cl->provider = p;
		if (looks && p->load_args)
			p->load_args(p, &c->env->prov, cl->attach.v[0]);
		cl->args = cl->attach.v[0]->args;
	}
}

static bool attach_has_pid_filter(const struct provider *p)
{
	return p->id == PROV_TRACEPOINT || p->id == PROV_RAWTRACEPOINT || p->id == PROV_KPROBE || p->id == PROV_KRETPROBE ||
	       p->id == PROV_FENTRY || p->id == PROV_FEXIT || p->id == PROV_PROFILE || p->id == PROV_SOFTWARE || p->id == PROV_HARDWARE;
}

/* One clause of the source, on its way to clauses by provider and layout of arguments. */
struct attach_job {
	struct node *probe;
	uint32_t index, first; /* of the source clause; of its first clause */
	bool looks, argn;
};

static void attach_at(struct sema_ctx *c, const struct attach_job *j, struct node *at)
{
	struct expand x = { .c = c };
	if (!attach_places(c, at, &x))
		return;
	if (x.p->id == PROV_ITER && j->probe->list.n > 1)
		diag_add(c->d, D_PROBE_BAD, at->span, "iter probe only supports one attach point.");
	for (uint32_t k = 0; k < x.list.n; k++) {
		struct attach_point *ap = x.list.v[k];
		ap->span = at->span;
		if (j->looks && x.p->load_args)
			x.p->load_args(x.p, &c->env->prov, ap);
		struct clause *cl = attach_clause(c, j->first, x.p, ap, j->looks, j->argn);
		vec_push(c->a, &c->s->attaches, ap);
		if (cl) {
			vec_push(c->a, &cl->attach, ap);
			if (ap->usdt && j->argn)
				attach_add_spec(c, cl, ap->usdt);
			continue;
		}
		struct clause nc = { .index = j->index, .body = node_clone(c->a, j->probe->b), .predicate = node_clone(c->a, j->probe->a),
				     .provider = x.p, .args = ap->args, .span = at->span };
		nc.uses_pid_filter = attach_has_pid_filter(x.p);
		vec_push(c->a, &nc.attach, ap);
		if (ap->usdt)
			attach_add_spec(c, &nc, ap->usdt);
		vec_push(c->a, &c->s->clauses, nc);
	}
}

/* May a pattern of provider names mean this one? Kernel-side ones; with -p, or a path, those of programs. */
static bool attach_in_pattern(const struct sema_ctx *c, enum provider_id id, bool path)
{
	if (id == PROV_UPROBE || id == PROV_USDT)
		return path || c->env->prov.pid;
	return !path && (id == PROV_KPROBE || id == PROV_TRACEPOINT || id == PROV_RAWTRACEPOINT || id == PROV_SOFTWARE || id == PROV_HARDWARE ||
			 id == PROV_FENTRY);
}

/* "*:vfs_read", "*sleep*": all providers that match, those silently left out that have no such place. False: it is no pattern. */
static bool attach_pattern(struct sema_ctx *c, const struct attach_job *j, struct node *at)
{
	struct str parts[ATTACH_PARTS], raw = at->str;
	uint32_t n = attach_split(c, raw, parts, ATTACH_PARTS), before = c->s->attaches.n, types = 0;
	if (!n || !memchr(parts[0].s, '*', parts[0].len))
		return false;
	uint32_t colon = 0;
	while (colon < raw.len && raw.s[colon] != ':')
		colon++;
	struct str rest = n == 1 ? raw : (struct str){ raw.s + colon + 1, raw.len - colon - 1 };
	bool path = n > 1 && memchr(parts[1].s, '/', parts[1].len);
	const char *pattern = n == 1 ? "*" : arena_strndup(c->a, parts[0].s, parts[0].len);
	for (uint32_t i = 0; i < c->env->providers->n; i++) {
		const struct provider *p = c->env->providers->v[i];
		if (!p->name || !str_match(pattern, p->name) || !attach_in_pattern(c, p->id, path))
			continue;
		types++;
		uint32_t list = c->d->list.n, errors = c->d->n_errors, warnings = c->d->n_warnings;
		struct node *one = node_clone(c->a, at);
		bool event = p->id == PROV_TRACEPOINT && (n == 1 || n == 2);
		one->str = str_of(arena_printf(c->a, "%s:%s%.*s", p->name, event ? "*:" : "", STR_FMT(rest)));
		attach_at(c, j, one);
		c->missed.n = 0;
		if (c->d->n_errors == errors)
			continue;
		c->d->list.n = list;
		c->d->n_errors = errors;
		c->d->n_warnings = warnings;
	}
	if (!types)
		diag_add(c->d, D_PROBE_BAD, at->span, arena_printf(c->a, "No probe type matched for %.*s", STR_FMT(parts[0])));
	else if (c->s->attaches.n == before && c->s->config.missing_probes < 2)
		diag_add(c->d, c->s->config.missing_probes ? D_PROBE_NO_MATCH_WARN : D_PROBE_NO_MATCH, at->span, STR_FMT(at->str));
	return true;
}

/* The clause is left out: its maps are those of a program all the same (`end { clear(@start) }`). */
static void attach_absent(struct sema_ctx *c, const struct node *n)
{
	if (!n)
		return;
	if (n->kind == N_MAP)
		map_put(c->a, &c->absent, n->str, (void *)n);
	attach_absent(c, n->a);
	attach_absent(c, n->b);
	attach_absent(c, n->c);
	for (uint32_t i = 0; i < n->list.n; i++)
		attach_absent(c, n->list.v[i]);
}

static void attach_probe(struct sema_ctx *c, struct node *probe, uint32_t index)
{
	struct attach_job j = { .probe = probe, .index = index, .first = c->s->clauses.n };
	struct provider_use use = attach_use(c, probe, &j.looks);
	j.argn = use.argn || use.regs; /* a #define may hide the words */
	if (sema_option_off(c, probe->a)) {
		attach_absent(c, probe);
		return;
	}
	c->env->prov.use = &use;
	uint32_t before = c->s->attaches.n, errors = c->d->n_errors;
	bool optional = false;
	for (uint32_t i = 0; i < probe->list.n; i++) {
		optional |= str_starts(probe->list.v[i]->str, "?");
		if (attach_params(c, probe->list.v[i]) && !attach_pattern(c, &j, probe->list.v[i]))
			attach_at(c, &j, probe->list.v[i]);
	}
	attach_missed(c, c->s->attaches.n != before);
	if (c->s->attaches.n == before && c->d->n_errors == errors && c->s->config.missing_probes == 1 && !optional && probe->list.n)
		diag_add(c->d, D_PROBE_GONE, probe->list.v[0]->span);
	if (c->s->attaches.n == before)
		attach_absent(c, probe);
	attach_better(c, j.first, &use, j.looks);
	c->env->prov.use = NULL;
}

/* Places of one name are one probe to those who look at `probe`: the first of them stands for all. */
static void attach_number(struct sema_ctx *c)
{
	struct map names = { 0 };
	for (uint32_t i = 0; i < c->s->attaches.n; i++) {
		struct attach_point *ap = c->s->attaches.v[i];
		const struct attach_point *same = map_get(&names, ap->name);
		ap->number = same ? same->number : i;
		if (!same)
			map_put(c->a, &names, ap->name, ap);
	}
}

int sema_attach(struct sema_ctx *c)
{
	for (uint32_t i = 0; i < c->program->list.n; i++) {
		struct node *n = c->program->list.v[i];
		if (n->kind == N_PROBE && n->b)
			attach_probe(c, n, c->s->n_source_clauses++);
	}
	attach_number(c);
	if (c->s->attaches.n > c->s->config.max_probes && !c->d->n_errors)
		diag_add(c->d, D_TOO_MANY, (struct span){ 0 },
			 arena_printf(c->a,
				      "Can't attach to %u probes because it exceeds the current limit of %u probes. You can increase the limit "
				      "through the BPFTRACE_MAX_PROBES environment variable, but BE CAREFUL since a high number of probes "
				      "attached can cause your system to crash.",
				      c->s->attaches.n, c->s->config.max_probes));
	return c->d->n_errors ? -1 : 0;
}
