/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -l: which probes are there? Kernel-side ones come from facts' lists, those of programs and libraries from the
 * provider's own expansion. With -v each has its arguments below it, and `struct x` shows a type of the kernel.
 */
#include <errno.h>
#include <stdlib.h>

#include "probe/probe_priv.h"

enum { LIST_DEPTH = 4, LIST_PARTS = 64 };

struct listing {
	struct arena *a;
	struct kern *k;
	struct facts *f;
	struct diags *d;
	int pid;
	bool params;
	struct buf *out;
	struct probe_debug *debug;
	struct provider_env *env; /* of list_user */
	uint32_t n;
	VEC(struct attach_point *) places; /* of static probes */
};

/* -- arguments and types -- */

/* Integers as C calls them on this machine: who looks for a probe reads the kernel's and the program's source beside it. */
static void list_type_text(struct listing *x, const struct type *t)
{
	static const char *const ints[] = { [1] = "char", [2] = "short", [4] = "int", [8] = "long" };
	if (t->kind == T_PTR) {
		list_type_text(x, t->elem);
		buf_adds(x->out, x->out->s[x->out->len - 1] == '*' ? "*" : " *");
	} else if (t->kind == T_INT && t->size <= 8 && ints[t->size]) {
		buf_addf(x->out, "%s%s", t->is_signed ? "" : "unsigned ", ints[t->size]);
	} else {
		type_print(t, x->out);
	}
}

static void list_declare(struct listing *x, const struct type *t, const char *name, uint32_t bits)
{
	if (t->kind == T_STRING)
		buf_addf(x->out, "char %s[%u]", name, t->size);
	else if (t->kind == T_ARRAY && !t->is_float) {
		list_type_text(x, t->elem);
		buf_addf(x->out, " %s[%u]", name, t->count);
	} else {
		list_type_text(x, t);
		buf_addf(x->out, " %s", name);
	}
	if (bits)
		buf_addf(x->out, " : %u", bits);
}

/* Members of an anonymous union are members of what it is in; an iterator's pointers are each in one, with a number of 64 bits beside. */
static void list_fields(struct listing *x, const struct type *t)
{
	for (uint32_t i = 0; t && i < t->fields.n; i++) {
		const struct field *f = &t->fields.v[i];
		if (!f->name.len && f->type->kind == T_STRUCT) {
			for (uint32_t k = 0; k < f->type->fields.n; k++)
				if (f->type->fields.v[k].name.len)
					buf_addf(x->out, "    %s\n", f->type->fields.v[k].text ? f->type->fields.v[k].text : f->type->fields.v[k].name.s);
			continue;
		}
		buf_adds(x->out, "    ");
		if (f->text)
			buf_adds(x->out, f->text);
		else
			list_declare(x, f->type, f->name.s ? f->name.s : "", f->bit_size);
		buf_addc(x->out, '\n');
	}
}

static void list_func(struct listing *x, const struct facts_func *fn, bool result)
{
	for (uint32_t k = 0; fn && k <= fn->params.n; k++) {
		bool last = k == fn->params.n;
		const char *text = last ? fn->ret_text : fn->params.v[k].text;
		if (last && (!result || !fn->ret || fn->ret->kind == T_VOID))
			return;
		buf_adds(x->out, "    ");
		if (text)
			buf_adds(x->out, text);
		else
			list_declare(x, last ? fn->ret : fn->params.v[k].type, last ? "retval" : fn->params.v[k].name.s, 0);
		buf_addc(x->out, '\n');
	}
}

static void list_body(struct listing *x, struct type *t, int depth)
{
	if (!t->complete && !x->f->ops->complete(x->f, t))
		return;
	for (uint32_t i = 0; i < t->fields.n; i++) {
		const struct field *f = &t->fields.v[i];
		buf_pad(x->out, ' ', 4 * depth);
		if (!f->name.len && f->type->kind == T_STRUCT && depth < LIST_DEPTH) {
			buf_addf(x->out, "%s {\n", f->type->is_union ? "union" : "struct");
			list_body(x, f->type, depth + 1);
			buf_pad(x->out, ' ', 4 * depth);
			buf_adds(x->out, "};\n");
			continue;
		}
		if (f->text)
			buf_adds(x->out, f->text);
		else
			list_declare(x, f->type, f->name.s ? f->name.s : "", f->bit_size);
		buf_addf(x->out, "; // offset %u\n", f->offset);
	}
}

static void list_type(struct listing *x, char keyword, struct str name)
{
	struct type *t = x->f->ops->type(x->f, keyword, name);
	if (!t)
		return;
	x->n++;
	bool is_enum = t->kind == T_ENUM;
	buf_addf(x->out, "%s%s %.*s", x->params ? "vmlinux: " : "", is_enum ? "enum" : t->is_union ? "union" : "struct", STR_FMT(name));
	if (!x->params) {
		buf_addc(x->out, '\n');
		return;
	}
	buf_adds(x->out, " {\n");
	if (is_enum && (t->complete || x->f->ops->complete(x->f, t)))
		for (uint32_t i = 0; i < t->values.n; i++)
			buf_addf(x->out, "    %.*s = %lld,\n", STR_FMT(t->values.v[i].name), (long long)t->values.v[i].value);
	else if (!is_enum)
		list_body(x, t, 1);
	buf_addf(x->out, "}; // %u bytes\n", t->size);
}

struct list_types { struct listing *x; char keyword; };

static void list_type_name(void *arg, const char *name)
{
	struct list_types *t = arg;
	list_type(t->x, t->keyword, str_of(name));
}

/* -- kernel-side providers -- */

/* "function" or "module:function" */
static void list_function(struct listing *x, const char *name)
{
	const char *colon = strchr(name, ':');
	struct str module = colon ? (struct str){ name, (uint32_t)(colon - name) } : STR(""), in = module;
	struct facts *f = x->f;
	const struct facts_func *fn = f->ops->has(f, FEAT_BTF) ? f->ops->function(f, module, str_of(colon ? colon + 1 : name)) : NULL;
	if (!fn && !colon && f->ops->traceable && f->ops->traceable(f, STR(""), str_of(name), &in) == 1 && in.len)
		fn = f->ops->function(f, in, str_of(name));
	list_func(x, fn, true);
}

/* What `args` of a kernel probe are; name as in lists, "category:event", "module:function". */
static void list_args(struct listing *x, enum provider_id id, const char *name)
{
	const char *colon = strchr(name, ':');
	struct str first = colon ? (struct str){ name, (uint32_t)(colon - name) } : STR("");
	uint64_t event;
	if (id == PROV_TRACEPOINT && colon)
		list_fields(x, x->f->ops->tracepoint(x->f, first, str_of(colon + 1), &event));
	else if (id == PROV_KPROBE || id == PROV_KRETPROBE || id == PROV_FENTRY || id == PROV_FEXIT)
		list_function(x, name);
	else if (id == PROV_RAWTRACEPOINT && colon)
		list_func(x, x->f->ops->raw_tracepoint(x->f, first, str_of(colon + 1)), false);
	else if (id == PROV_ITER) {
		struct type *t = x->f->ops->iter(x->f, str_of(name), NULL);
		if (t && (t->complete || x->f->ops->complete(x->f, t)))
			list_fields(x, t);
	}
}

static void list_printed(struct listing *x, enum provider_id id, const char *prefix, const struct parts_names *names, const char *suffix)
{
	for (uint32_t i = 0; i < names->list.n; i++) {
		const char *name = names->list.v[i];
		x->n++;
		buf_addf(x->out, "%s%s%s\n", prefix, name, suffix);
		if (x->params)
			list_args(x, id, name);
	}
}

static void list_names(struct listing *x, enum provider_id id, const char *prefix, const char *pattern, const char *suffix)
{
	struct parts_names names;
	if (parts_list(x->f, x->a, id, pattern, &names) >= 0)
		list_printed(x, id, prefix, &names, suffix);
}

/* What has types: the functions that BTF describes among those that can be traced. */
static void list_fentry(struct listing *x, const char *provider, const char *pattern)
{
	struct parts_names names, kept;
	struct facts *f = x->f;
	if (!f->ops->has(f, FEAT_BTF) || parts_list(f, x->a, PROV_KPROBE, pattern, &names) < 0)
		return;
	kept = (struct parts_names){ .a = x->a };
	for (uint32_t i = 0; i < names.list.n; i++) {
		const char *name = names.list.v[i], *colon = strchr(name, ':');
		if (colon && f->ops->describes(f, (struct str){ name, (uint32_t)(colon - name) }, str_of(colon + 1)))
			vec_push(x->a, &kept.list, name);
	}
	list_printed(x, PROV_FENTRY, arena_printf(x->a, "%s:", provider), &kept, "");
}

static void list_events(struct listing *x, const char *provider, const struct perf_event_name *e, const char *pattern)
{
	for (; e->name; e++) {
		const char *const names[] = { e->name, e->alias };
		for (int i = 0; i < 2; i++) {
			if (!names[i] || !*names[i] || !str_match(pattern, names[i]))
				continue;
			x->n++;
			buf_addf(x->out, "%s:%s:\n", provider, names[i]);
		}
	}
}

static void list_kernel(struct listing *x, enum provider_id id, const char *name, const char *rest)
{
	const char *colon = strchr(rest, ':');
	const char *last = colon ? strrchr(rest, ':') + 1 : rest;
	switch (id) {
	case PROV_TRACEPOINT:
		list_names(x, id, "tracepoint:", colon ? rest : arena_printf(x->a, "*:%s", rest), "");
		break;
	case PROV_RAWTRACEPOINT:
		list_names(x, id, "rawtracepoint:", colon ? rest : arena_printf(x->a, "*:%s", rest), "");
		break;
	case PROV_ITER:
		list_names(x, id, "iter:", last, "");
		break;
	case PROV_KPROBE:
	case PROV_KRETPROBE:
		list_names(x, PROV_KPROBE, arena_printf(x->a, "%s:", name), rest, "");
		break;
	case PROV_FENTRY:
	case PROV_FEXIT:
		list_fentry(x, name, colon ? rest : arena_printf(x->a, "*:%s", rest));
		break;
	case PROV_SOFTWARE:
		list_events(x, name, event_software, rest);
		break;
	case PROV_HARDWARE:
		list_events(x, name, event_hardware, rest);
		break;
	case PROV_INTERVAL:
	case PROV_PROFILE: {
		static const char *const units[] = { "hz", "us", "ms", "s" };
		for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
			if (!str_match(rest, units[i]))
				continue;
			x->n++;
			buf_addf(x->out, "%s:%s:\n", name, units[i]);
		}
		break;
	}
	case PROV_SELF:
		for (uint32_t i = 0; self_signal_name[i]; i++) {
			const char *s = arena_printf(x->a, "signal:%s", self_signal_name[i]);
			if (!str_match(rest, s) && !str_match(rest, "*"))
				continue;
			x->n++;
			buf_addf(x->out, "self:%s\n", s);
		}
		break;
	default:
		break;
	}
}

/* -- programs and libraries -- */

/* From debug information: what `args` and `retval` would be. */
static void list_debug(struct listing *x, struct attach_point *ap)
{
	struct type *ret, *args = debug_describe(x->env, ap, &ret);
	list_fields(x, args);
	if (!ret || ret->kind == T_VOID)
		return;
	buf_adds(x->out, "    ");
	list_declare(x, ret, "retval", 0);
	buf_addc(x->out, '\n');
}

static void list_place(void *arg, struct attach_point *ap)
{
	struct listing *x = arg;
	if (ap->provider == PROV_USDT) { /* its locations together, below */
		vec_push(x->a, &x->places, ap);
		return;
	}
	x->n++;
	buf_add_safe(x->out, ap->name.s, ap->name.len, false); /* a symbol's name is the file's */
	buf_addc(x->out, '\n');
	if (x->params && (ap->provider == PROV_UPROBE || ap->provider == PROV_URETPROBE))
		list_debug(x, ap);
}

/* The type of argument i over all locations; NULL: they differ, and a program gets 64 bits. */
static const struct usdt_arg *list_usdt_type(struct attach_point *const *v, uint32_t n, uint32_t i)
{
	const struct usdt_arg *t = NULL;
	for (uint32_t k = 0; k < n; k++) {
		if (i >= v[k]->usdt->n)
			continue;
		const struct usdt_arg *arg = &v[k]->usdt->args[i];
		if (t && (t->size != arg->size || t->is_signed != arg->is_signed || !t->why != !arg->why))
			return NULL;
		t = arg;
	}
	return t;
}

static void list_usdt_params(struct listing *x, struct attach_point *const *v, uint32_t n)
{
	uint32_t most = 0;
	for (uint32_t k = 0; k < n; k++)
		most = v[k]->usdt->n > most ? v[k]->usdt->n : most;
	for (uint32_t i = 0; i < most; i++) {
		const struct usdt_arg *t = list_usdt_type(v, n, i);
		if (t && t->why)
			buf_addf(x->out, "    ? arg%u", i);
		else if (t)
			buf_addf(x->out, "    %sint%u arg%u", t->is_signed ? "" : "u", t->size * 8u, i);
		else
			buf_addf(x->out, "    int64 arg%u", i);
		buf_addc(x->out, '\n');
	}
	/* Where they are, as the notes have it. */
	for (uint32_t k = 0; k < n; k++) {
		buf_addf(x->out, "    // offset 0x%llx", (unsigned long long)v[k]->address);
		if (v[k]->cookie_ref_ctr)
			buf_addf(x->out, ", semaphore 0x%llx", (unsigned long long)v[k]->cookie_ref_ctr);
		for (uint32_t i = 0; i < v[k]->usdt->n; i++) {
			buf_adds(x->out, i ? " " : ": ");
			buf_add_safe(x->out, v[k]->usdt->args[i].text.s, v[k]->usdt->args[i].text.len, false);
		}
		buf_addc(x->out, '\n');
	}
}

static void list_usdt(struct listing *x)
{
	for (uint32_t i = 0, n; i < x->places.n; i += n) {
		struct attach_point *const *v = x->places.v + i;
		for (n = 1; i + n < x->places.n && str_eq(v[n]->name, v[0]->name) && str_eq(v[n]->target, v[0]->target); n++)
			;
		x->n++;
		buf_add_safe(x->out, v[0]->name.s, v[0]->name.len, false);
		buf_addc(x->out, '\n');
		if (x->params)
			list_usdt_params(x, v, n);
	}
	x->places.n = 0;
}

static int list_user(struct listing *x, const struct provider *p, const char *rest)
{
	struct str parts[LIST_PARTS];
	uint32_t n = 0;
	struct provider_env env = { .facts = x->f, .diags = x->d, .arena = x->a, .pid = x->pid, .missing_probes = 2, .impl = x->debug,
				    .unsafe = p->id == PROV_USDT /* what is there, not what can be attached */ };
	x->env = &env;
	for (const char *s = rest; n < LIST_PARTS;) {
		size_t len = strcspn(s, ":");
		parts[n++] = (struct str){ arena_strndup(x->a, s, len), (uint32_t)len };
		if (!s[len])
			break;
		s += len + 1;
	}
	if (n == 1) /* a file alone: all its functions */
		parts[n++] = STR("*");
	int r = p->expand(p, &env, parts, n, (struct span){ 0 }, list_place, x);
	list_usdt(x);
	x->env = NULL;
	return r;
}

static const enum provider_id list_default[] = { PROV_KPROBE, PROV_TRACEPOINT, PROV_SOFTWARE, PROV_HARDWARE, PROV_FENTRY, PROV_ITER,
						 PROV_RAWTRACEPOINT };

static bool list_is_default(enum provider_id id)
{
	for (size_t i = 0; i < sizeof(list_default) / sizeof(*list_default); i++)
		if (list_default[i] == id)
			return true;
	return false;
}

static int list_one(struct listing *x, const char *pattern)
{
	static const struct { const char *word; char keyword; } types[] = { { "struct ", 's' }, { "union ", 'u' }, { "enum ", 'e' } };
	for (size_t i = 0; i < 3; i++) {
		if (strncmp(pattern, types[i].word, strlen(types[i].word)))
			continue;
		const char *name = pattern + strlen(types[i].word);
		if (!parts_has_wildcard(str_of(name)))
			list_type(x, types[i].keyword, str_of(name));
		else if (x->f->ops->types)
			x->f->ops->types(x->f, types[i].keyword, name, list_type_name, &(struct list_types){ x, types[i].keyword });
		return 0;
	}
	const char *colon = strchr(pattern, ':');
	struct str prov = colon ? (struct str){ arena_strndup(x->a, pattern, (size_t)(colon - pattern)), (uint32_t)(colon - pattern) } :
				  STR("*");
	const char *rest = colon ? colon + 1 : pattern;
	if (!*rest)
		rest = "*";
	bool wild = parts_has_wildcard(prov), any = false, file = memchr(rest, '/', strcspn(rest, ":")) != NULL;
	for (uint32_t i = 0; i < probe_providers.n; i++) {
		const struct provider *p = probe_providers.v[i];
		/* "*:/bin/x:main": what has a path is of programs */
		bool user = p->id == PROV_UPROBE || p->id == PROV_USDT;
		bool meant = file ? user : list_is_default(p->id) || (user && x->pid);
		if (wild ? !meant || !str_match(prov.s, p->name) : provider_find(&probe_providers, prov) != p)
			continue;
		any = true;
		if (p->id == PROV_UPROBE || p->id == PROV_URETPROBE || p->id == PROV_USDT ||
		    ((p->id == PROV_FENTRY || p->id == PROV_FEXIT) && !strncmp(rest, "bpf:", 4))) {
			/* all that a process has mapped has no file's name */
			const char *what = x->pid && wild && !strchr(rest, ':') ? arena_printf(x->a, "*:%s", rest) : rest;
			int r = list_user(x, p, what);
			if (r < 0)
				return r;
		} else {
			list_kernel(x, p->id, p->name, rest);
		}
	}
	if (!any) {
		diag_add(x->d, D_PROBE_TYPE, (struct span){ 0 }, STR_FMT(prov));
		return -EINVAL;
	}
	return 0;
}

void probe_list_args(struct arena *a, struct kern *k, struct diags *d, struct probe_debug *debug, struct attach_point *ap, struct buf *out)
{
	struct listing x = { .a = a, .k = k, .f = kern_facts(k), .d = d, .params = true, .out = out };
	bool kernel = ap->provider == PROV_TRACEPOINT || ap->provider == PROV_RAWTRACEPOINT || ap->provider == PROV_FENTRY || ap->provider == PROV_FEXIT;
	x.f->texts = true;
	if (ap->provider == PROV_UPROBE || ap->provider == PROV_URETPROBE) {
		struct provider_env env = { .facts = x.f, .diags = d, .arena = a, .missing_probes = 2, .impl = x.debug = debug };
		x.env = &env;
		list_debug(&x, ap);
	} else if (!ap->program.id && ap->func.s) {
		bool both = ap->target.len && (kernel || ap->in_module);
		list_args(&x, ap->provider, both ? arena_printf(a, "%.*s:%.*s", STR_FMT(ap->target), STR_FMT(ap->func)) : ap->func.s);
	}
}

int probe_list(struct arena *a, struct kern *k, struct diags *d, const char *pattern, int pid, bool params, struct buf *out)
{
	struct listing x = { .a = a, .k = k, .f = kern_facts(k), .d = d, .pid = pid, .params = params, .out = out };
	if (!pattern || !*pattern)
		pattern = "*:*";
	if (strchr(pattern, '.') && !strpbrk(pattern, ":*"))
		diag_add(d, D_PROBE_WARN, (struct span){ 0 },
			 arena_printf(a, "It appears that '%s' is a filename but the file does not exist. Treating '%s' as a search pattern.", pattern,
				      pattern));
	int r = 0;
	x.f->texts = params;
	x.debug = probe_debug_new(a);
	for (const char *s = pattern; *s && r >= 0;) {
		size_t n = strcspn(s, ",");
		r = n ? list_one(&x, arena_strndup(a, s, n)) : 0;
		s += n + (s[n] == ',');
	}
	probe_debug_free(x.debug);
	return r < 0 ? r : 0;
}
