/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that ask the kernel for something which only some probes may ask for: names of other processes, paths, cookies of sockets, addresses of
 * per-CPU variables; and those that change something (override, write_user). Where a call may not stand is decided here, by probe
 * type or by trying (kfunc_allowed), so that the kernel's verifier never has to say it.
 */
#include "sema/sema_priv.h"

enum { TASK_COMM = 64, PATH_ROOM = 16 };

static bool kernel_probe_is(const struct sema_ctx *c, uint32_t set)
{
	return set >> c->clause->provider->id & 1;
}

/* May programs of this clause call the kernel's function? */
static bool kernel_allows(struct sema_ctx *c, struct str name)
{
	struct facts *f = c->env->facts;
	const struct clause *cl = c->clause;
	struct facts_place at = { .prog_type = cl->provider->prog_type, .attach_type = cl->provider->attach_type,
				  .btf_id = cl->attach.n ? cl->attach.v[0]->btf_id : 0 };
	return f && f->ops->kfunc_allowed && f->ops->kfunc_allowed(f, name, &at);
}

static void kernel_needs(struct sema_ctx *c, struct node *n, enum feature f)
{
	struct facts *facts = c->env->facts;
	if (facts && !facts->ops->has(facts, f))
		SERR(c, D_KERNEL_LACKS, n->span, builtin_info[n->builtin].name);
}

struct type *sema_comm_of(struct sema_ctx *c, struct node *n)
{
	const struct clause *cl = c->clause;
	enum provider_id p = cl->provider->id;
	struct type *t = call_want(c, n, 0, K_INTS, "int");
	if (t && c->final) {
		sema_coerce(c, &n->list.v[0], sema_int(c, 8, true));
		if (!kernel_allows(c, STR("bpf_task_from_pid")) || !kernel_allows(c, STR("bpf_task_release"))) {
			SERR(c, D_COMM_PID, n->span, p == PROV_BEGIN || p == PROV_END || p == PROV_SELF ? "special" : cl->provider->name);
			return sema_basic(c, SB_ERROR);
		}
	}
	return type_string(c->a, TASK_COMM);
}

static struct type *kernel_path(struct sema_ctx *c, struct node *n)
{
	if (!kernel_probe_is(c, 1u << PROV_FENTRY | 1u << PROV_FEXIT | 1u << PROV_ITER)) {
		SERR(c, D_PATH, n->span);
		return sema_basic(c, SB_ERROR);
	}
	uint32_t size = c->s->config.max_strlen ? c->s->config.max_strlen : 1;
	kernel_needs(c, n, FEAT_DPATH);
	struct type *t = sema_arg(c, n, 0), *to = t && t->kind == T_PTR ? t->elem : t;
	if (t && (to->kind != T_STRUCT || !str_is(to->name, "path")))
		SERR(c, D_ARG_TYPE, n->list.v[0]->span, "path", "struct path", type_str(c->a, t));
	else if (t && (t->kind == T_PTR ? t->as : (enum addr_space)n->list.v[0]->as) != AS_BTF)
		SERR(c, D_ARG_TYPE, n->list.v[0]->span, "path", "trusted struct path (one that hangs on the probe's arguments)", type_str(c->a, t));
	if (n->list.n > 1 && sema_arg_literal(c, n, 1, N_INT)) {
		int64_t v = n->list.v[1]->ival;
		if (v < 1 || v > size)
			SERR(c, D_STR_LENGTH, n->list.v[1]->span, (long long)v, size);
		else
			size = (uint32_t)v;
	}
	return type_string(c->a, size);
}

static struct type *kernel_cookie(struct sema_ctx *c, struct node *n)
{
	if (!kernel_probe_is(c, 1u << PROV_FENTRY | 1u << PROV_FEXIT | 1u << PROV_ITER | 1u << PROV_RAWTRACEPOINT)) {
		SERR(c, D_ACCESS_REG, n->span, "socket_cookie", c->clause->provider->name);
		return sema_basic(c, SB_ERROR);
	}
	struct type *t = call_want(c, n, 0, K(PTR), "pointer");
	if (t && (t->as != AS_BTF || t->elem->kind != T_STRUCT))
		SERR(c, D_ARG_TYPE, n->list.v[0]->span, "socket_cookie", "trusted struct sock * (one of the probe's arguments)", type_str(c->a, t));
	return sema_int(c, 8, false);
}

/* The kernel takes a packet only as a pointer that it can follow back to the probe's arguments. */
static struct type *kernel_skboutput(struct sema_ctx *c, struct node *n)
{
	if (!kernel_probe_is(c, 1u << PROV_FENTRY | 1u << PROV_FEXIT | 1u << PROV_ITER | 1u << PROV_RAWTRACEPOINT)) {
		SERR(c, D_ACCESS_REG, n->span, "skboutput", c->clause->provider->name);
		return sema_basic(c, SB_ERROR);
	}
	if (sema_arg_literal(c, n, 0, N_STRING) && !n->list.v[0]->str.len)
		SERR(c, D_ARG_LITERAL, n->list.v[0]->span, "skboutput", "a path", "\"\"");
	struct type *t = call_want(c, n, 1, K(PTR), "struct sk_buff *");
	if (t && (t->elem->kind != T_STRUCT || !str_is(t->elem->name, "sk_buff")))
		SERR(c, D_ARG_TYPE, n->list.v[1]->span, "skboutput", "struct sk_buff *", type_str(c->a, t));
	else if (t && t->as != AS_BTF)
		SERR(c, D_ARG_TYPE, n->list.v[1]->span, "skboutput", "trusted struct sk_buff * (one that hangs on the probe's arguments)",
		     type_str(c->a, t));
	for (uint32_t i = 2; i < 4; i++)
		if (call_want(c, n, i, K_INTS, "int") && c->final)
			sema_coerce(c, &n->list.v[i], sema_int(c, 8, false));
	return sema_int(c, 4, false);
}

static struct type *kernel_unwatch(struct sema_ctx *c, struct node *n)
{
	struct type *t = call_want(c, n, 0, K_INTS | K(PTR), "int or pointer");
	if (t && t->kind != T_PTR && c->final)
		sema_coerce(c, &n->list.v[0], sema_int(c, 8, false));
	return sema_basic(c, SB_NONE);
}

static struct type *kernel_override(struct sema_ctx *c, struct node *n)
{
	if (!kernel_probe_is(c, 1u << PROV_KPROBE)) {
		SERR(c, D_ACCESS_REG, n->span, "override", c->clause->provider->name);
		return sema_basic(c, SB_NONE);
	}
	if (c->loop)
		SERR(c, D_LOOP_BUILTIN, n->span, "override");
	kernel_needs(c, n, FEAT_OVERRIDE);
	sema_arg_int(c, n, 0);
	return sema_basic(c, SB_NONE);
}

static struct type *kernel_write_user(struct sema_ctx *c, struct node *n)
{
	if (kernel_probe_is(c, 1u << PROV_BEGIN | 1u << PROV_END | 1u << PROV_SELF))
		SERR(c, D_ACCESS_REG, n->span, "write_user", c->clause->provider->name);
	kernel_needs(c, n, FEAT_WRITE_USER);
	call_want(c, n, 0, K(INT) | K(PTR), "int or pointer");
	struct type *t = call_want(c, n, 1, K_BYTES | K(STRUCT) | K(TUPLE) | K(RECORD), "pointer or bytes");
	if (sema_arg_literal(c, n, 2, N_INT)) {
		int64_t v = n->list.v[2]->ival, most = c->s->config.max_strlen;
		if (v < 1 || v > most)
			SERR(c, D_ARG_LITERAL, n->list.v[2]->span, "write_user", arena_printf(c->a, "1 to %lld", (long long)most), "int");
		else if (t && t->kind != T_PTR && !type_is_int(t) && v > (int64_t)t->size)
			SERR(c, D_ARG_LITERAL, n->list.v[2]->span, "write_user", arena_printf(c->a, "1 to %u", t->size), "int");
	}
	return sema_basic(c, SB_BOOL);
}

static struct node *kernel_number(struct sema_ctx *c, struct span sp, uint64_t v)
{
	struct node *n = node_new(c->a, N_INT, sp);
	n->ival = (int64_t)v;
	n->is_unsigned = true;
	n->type = sema_int(c, 8, false);
	return n;
}

static struct node *kernel_binary(struct sema_ctx *c, enum ast_op op, struct node *x, struct node *y)
{
	struct node *n = node_new(c->a, N_BINARY, x->span);
	n->op = op;
	n->a = x;
	n->b = y;
	return n;
}

/* percpu_kaddr("var", cpu): where the variable would lie, plus what the kernel adds for that CPU: __per_cpu_offset[cpu] */
static struct type *kernel_percpu(struct sema_ctx *c, struct node *n)
{
	struct facts *f = c->env->facts;
	if (!sema_arg_literal(c, n, 0, N_STRING))
		return sema_int(c, 8, false);
	struct str name = n->list.v[0]->str;
	uint64_t at = f ? f->ops->kaddr(f, name) : 0, offsets = f ? f->ops->kaddr(f, STR("__per_cpu_offset")) : 0;
	if (!at || !offsets) {
		SERR(c, D_PERCPU, n->list.v[0]->span, STR_FMT(name));
		return sema_int(c, 8, false);
	}
	struct node *cpu = n->list.n > 1 ? n->list.v[1] : NULL;
	if (!cpu) {
		cpu = node_new(c->a, N_BUILTIN, n->span);
		cpu->builtin = B_CPU;
		cpu->str = STR("cpu");
	}
	struct node *cast = node_new(c->a, N_CAST, n->span), *kptr = sema_node_call(c, B_KPTR, n->span), *load = node_new(c->a, N_UNARY, n->span);
	cast->tref = node_new(c->a, N_TYPEREF, n->span);
	cast->tref->str = STR("uint64");
	vec_push(c->a, &cast->tref->list, node_new(c->a, N_PTRSUFFIX, n->span));
	cast->a = kernel_binary(c, O_ADD, kernel_number(c, n->span, offsets), kernel_binary(c, O_MUL, cpu, kernel_number(c, n->span, 8)));
	vec_push(c->a, &kptr->list, cast);
	load->op = O_DEREF;
	load->a = kptr;
	return sema_become(c, n, kernel_binary(c, O_ADD, load, kernel_number(c, n->span, at)));
}

static struct type *kernel_cgroup_path(struct sema_ctx *c, struct node *n)
{
	struct type *t = call_want(c, n, 0, K_INTS, "int");
	if (t && c->final)
		sema_coerce(c, &n->list.v[0], sema_int(c, 8, false));
	if (n->list.n > 1)
		sema_arg_literal(c, n, 1, N_STRING);
	return type_new(c->a, T_CGROUP_PATH, 16, 1);
}

static struct type *kernel_kfunc_allowed(struct sema_ctx *c, struct node *n)
{
	if (!sema_arg_literal(c, n, 0, N_STRING))
		return sema_basic(c, SB_BOOL);
	bool yes = kernel_allows(c, n->list.v[0]->str);
	n->kind = N_BOOL;
	n->ival = yes;
	n->list.n = 0;
	return n->type = sema_basic(c, SB_BOOL);
}

/* file_number("/proc/meminfo", "Cached"): the reader looks */
static struct type *kernel_file_number(struct sema_ctx *c, struct node *n)
{
	for (uint32_t i = 0; i < 2; i++)
		sema_arg_literal(c, n, i, N_STRING);
	return type_new(c->a, T_FILE_NUMBER, 16, 1);
}

static struct type *kernel_has_pinned(struct sema_ctx *c, struct node *n)
{
	sema_arg_literal(c, n, 0, N_STRING);
	if (call_want(c, n, 1, K_INTS, "int") && c->final)
		sema_coerce(c, &n->list.v[1], sema_int(c, 8, false));
	return sema_basic(c, SB_BOOL);
}

/* full_path(path [, name]): by walking, so in every probe and without trust */
static struct type *kernel_full_path(struct sema_ctx *c, struct node *n)
{
	struct type *t = sema_arg(c, n, 0), *to = t && t->kind == T_PTR ? t->elem : t;
	enum addr_space as = !t ? AS_NONE : t->kind == T_PTR ? t->as : (enum addr_space)n->list.v[0]->as;
	if (t && (to->kind != T_STRUCT || !str_is(to->name, "path") || as == AS_USER || as == AS_CTX))
		SERR(c, D_ARG_TYPE, n->list.v[0]->span, "full_path", "struct path", type_str(c->a, t));
	if (n->list.n > 1)
		call_want_string(c, n, 1);
	return type_string(c->a, c->s->config.max_strlen < PATH_ROOM ? PATH_ROOM : c->s->config.max_strlen);
}

struct type *sema_kernel(struct sema_ctx *c, struct node *n)
{
	switch (n->builtin) {
	case B_PATH: return kernel_path(c, n);
	case B_FULL_PATH: return kernel_full_path(c, n);
	case B_SOCKET_COOKIE: return kernel_cookie(c, n);
	case B_OVERRIDE: return kernel_override(c, n);
	case B_SKBOUTPUT: return kernel_skboutput(c, n);
	case B_UNWATCH: return kernel_unwatch(c, n);
	case B_WRITE_USER: return kernel_write_user(c, n);
	case B_PERCPU_KADDR: return kernel_percpu(c, n);
	case B_CGROUP_PATH: return kernel_cgroup_path(c, n);
	case B_HAS_PINNED: return kernel_has_pinned(c, n);
	case B_FILE_NUMBER: return kernel_file_number(c, n);
	case B_KFUNC_ALLOWED: return kernel_kfunc_allowed(c, n);
	default: return NULL;
	}
}

/* -- the configuration, as a record -- */

static void config_field(struct sema_ctx *c, struct node *rec, const char *name, enum node_kind kind, uint64_t v, struct str s)
{
	struct node *f = node_new(c->a, N_FIELDINIT, rec->span), *x = node_new(c->a, kind, rec->span);
	x->ival = (int64_t)v;
	x->str = s;
	if (kind == N_INT)
		x->type = sema_int(c, 8, false);
	f->str = str_of(name);
	f->a = x;
	vec_push(c->a, &rec->list, f);
}

struct type *sema_config_record(struct sema_ctx *c, struct node *n)
{
	static const char *const missing[] = { "error", "warn", "ignore" };
	static const char *const stacks[] = { [STACK_BPFTRACE] = "bpftrace", [STACK_PERF] = "perf", [STACK_RAW] = "raw", [STACK_BUILD_ID] = "build_id" };
	static const char *const unstable[] = { [UNSTABLE_WARN] = "warn", [UNSTABLE_ENABLE] = "enable", [UNSTABLE_ERROR] = "error" };
	const struct sema_config *k = &c->s->config;
	const struct { const char *name; bool v; } bools[] = {
		{ "cpp_demangle", k->cpp_demangle }, { "lazy_symbolication", k->lazy_symbolication }, { "print_maps_on_exit", k->print_maps_on_exit },
		{ "use_blazesym", k->use_blazesym }, { "show_debug_info", k->show_debug_info },
	};
	const struct { const char *name; uint64_t v; } ints[] = {
		{ "log_size", k->log_size }, { "max_bpf_progs", k->max_bpf_progs }, { "max_cat_bytes", k->max_cat_bytes },
		{ "max_map_keys", k->max_map_keys }, { "max_probes", k->max_probes }, { "max_strlen", k->max_strlen },
		{ "on_stack_limit", k->on_stack_limit }, { "perf_rb_pages", k->perf_rb_pages },
	};
	const struct { const char *name; struct str v; } strings[] = {
		{ "str_trunc_trailer", k->str_trunc_trailer }, { "unstable_import_statement", str_of(unstable[k->unstable_import_statement]) },
		{ "unstable_tseries", str_of(unstable[k->unstable_tseries]) }, { "unstable_typeinfo", str_of(unstable[k->unstable_typeinfo]) },
		{ "unstable_dw_ustack", str_of(unstable[k->unstable_dw_ustack]) }, { "missing_probes", str_of(missing[k->missing_probes]) },
		{ "stack_mode", str_of(stacks[k->stack_mode]) }, { "license", k->license },
	};
	struct node *rec = node_new(c->a, N_RECORD, n->span);
	for (size_t i = 0; i < sizeof(bools) / sizeof(*bools); i++)
		config_field(c, rec, bools[i].name, N_BOOL, bools[i].v, STR(""));
	for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++)
		config_field(c, rec, ints[i].name, N_INT, ints[i].v, STR(""));
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		config_field(c, rec, strings[i].name, N_STRING, 0, strings[i].v);
	return sema_become(c, n, rec);
}
