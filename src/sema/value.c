/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builtin values: types, where they are valid (reference 3.3, 4.2), and those
 * that are made of others. What is known at compile time folds here; walks
 * over the current task become FIELD nodes over `curtask`. Lowering gets
 * N_BUILTIN nodes, also for values written as calls.
 */
#include "sema/sema_priv.h"

enum { X86_64_ARGS = 6, TRACE_ARGS = 12, STACK_ARGS = 1024 };

static bool value_is_special(const struct clause *cl)
{
	enum provider_id p = cl->provider->id;
	return p == PROV_BEGIN || p == PROV_END || p == PROV_SELF;
}

/* The provider must grant one of `bits`, and the place must have a context at hand. */
static bool value_allowed(struct sema_ctx *c, struct node *n, uint32_t bits, enum diag_id id)
{
	const struct provider *p = c->clause->provider;
	const char *name = builtin_info[n->builtin].name;
	if (n->builtin == B_ARGN)
		name = arena_printf(c->a, "arg%lld", (long long)n->ival);
	if (!(p->access & bits)) {
		if (id == D_ACCESS_ARGN)
			SERR(c, id, n->span, name);
		else if (id == D_ACCESS_ARGS)
			SERR(c, id, n->span, p->name);
		else if (id == D_ACCESS_RETVAL)
			SERR(c, id, n->span, p->id == PROV_TRACEPOINT ? " (try to use args.ret instead)" : "");
		else if (id == D_ACCESS_CTX)
			SERR(c, id, n->span);
		else
			SERR(c, id, n->span, name, p->name);
		return false;
	}
	if (c->loop) {
		SERR(c, D_LOOP_BUILTIN, n->span, name);
		return false;
	}
	return true;
}

static struct type *value_args(struct sema_ctx *c, struct node *n)
{
	if (!value_allowed(c, n, ACC_ARGS, D_ACCESS_ARGS))
		return sema_basic(c, SB_ERROR);
	const char *why = c->clause->attach.v[0]->args_why;
	if (!c->clause->args && why) {
		SERR(c, D_ARGS_UNKNOWN, n->span, why);
		if (c->final && c->clause->attach.v[0]->entry)
			diag_hint(c->d, "arg0, arg1, ... are the registers that hold arguments");
		return sema_basic(c, SB_ERROR);
	}
	if (!c->clause->args) {
		SERR(c, D_ACCESS_ARGS, n->span, c->clause->provider->name);
		return sema_basic(c, SB_ERROR);
	}
	n->as = AS_CTX;
	return c->clause->args;
}

/* Static probes say how many arguments they have, and where. A place of several that lacks this one gives 0. */
static struct type *value_usdt(struct sema_ctx *c, struct node *n)
{
	const struct clause *cl = c->clause;
	const struct attach_point *least = cl->attach.v[0];
	bool some = false;
	for (uint32_t i = 0; i < cl->attach.n; i++) {
		const struct attach_point *ap = cl->attach.v[i];
		if (n->ival < 0 || n->ival >= ap->usdt->n)
			continue;
		some = true;
		const struct usdt_arg *arg = &ap->usdt->args[n->ival];
		if (arg->why) {
			SERR(c, D_USDT_ARG, n->span, (long long)n->ival, STR_FMT(ap->name),
			     arena_printf(c->a, "%s (its note says %.*s)", arg->why, STR_FMT(arg->text)));
			return sema_basic(c, SB_ERROR);
		}
	}
	if (!some) {
		uint32_t have = least->usdt->n;
		SERR(c, D_USDT_NO_ARG, n->span, STR_FMT(least->name),
		     have ? arena_printf(c->a, "%u argument%s", have, have == 1 ? "" : "s") : "no arguments", (long long)n->ival);
		return sema_basic(c, SB_ERROR);
	}
	return sema_int(c, 8, true);
}

/* A raw tracepoint has as many as the kernel passes. */
static bool value_raw_has(struct sema_ctx *c, const struct node *n)
{
	const struct clause *cl = c->clause;
	for (uint32_t i = 0; i < cl->attach.n; i++) {
		struct attach_point *ap = cl->attach.v[i];
		uint32_t have = cl->provider->load_args(cl->provider, &c->env->prov, ap) ? ap->args->fields.n : TRACE_ARGS;
		if (n->ival < have)
			continue;
		SERR(c, D_USDT_NO_ARG, n->span, STR_FMT(ap->name),
		     have ? arena_printf(c->a, "%u argument%s", have, have == 1 ? "" : "s") : "no arguments", (long long)n->ival);
		return false;
	}
	return true;
}

static struct type *value_argn(struct sema_ctx *c, struct node *n)
{
	if (!value_allowed(c, n, ACC_ARGN | ACC_ARGN_CTX, D_ACCESS_ARGN))
		return sema_basic(c, SB_ERROR);
	if (c->clause->provider->id == PROV_USDT)
		return value_usdt(c, n);
	if (n->ival >= (c->clause->provider->access & ACC_ARGN_CTX ? TRACE_ARGS : X86_64_ARGS)) {
		SERR(c, D_ARGN_RANGE, n->span, (long long)n->ival);
		return sema_basic(c, SB_ERROR);
	}
	if (c->clause->provider->id == PROV_RAWTRACEPOINT && !value_raw_has(c, n))
		return sema_basic(c, SB_ERROR);
	return sema_int(c, 8, false);
}

/* Words of the stack where a function begins: those of its arguments that are not in registers. */
static struct type *value_sargn(struct sema_ctx *c, struct node *n)
{
	const struct clause *cl = c->clause;
	const char *name = arena_printf(c->a, "sarg%lld", (long long)n->ival);
	bool bad = (cl->provider->id != PROV_UPROBE && cl->provider->id != PROV_KPROBE) || !cl->provider->has_pt_regs;
	if (bad)
		SERR(c, D_ACCESS_OTHER, n->span, name, cl->provider->name);
	else if (n->ival < 0 || n->ival >= STACK_ARGS)
		SERR(c, D_TOO_MANY, n->span, arena_printf(c->a, "%s: more than %d words of the stack are no arguments", name, STACK_ARGS));
	else if (c->loop)
		SERR(c, D_LOOP_BUILTIN, n->span, name);
	else
		return sema_int(c, 8, false);
	return sema_basic(c, SB_ERROR);
}

static struct type *value_retval(struct sema_ctx *c, struct node *n)
{
	const struct clause *cl = c->clause;
	if (!value_allowed(c, n, ACC_RETVAL | ACC_RETVAL_CTX, D_ACCESS_RETVAL))
		return sema_basic(c, SB_ERROR);
	struct type *t = cl->attach.v[0]->retval;
	if (cl->attach.v[0]->retval_why) {
		SERR(c, D_RETVAL_UNREADABLE, n->span, cl->attach.v[0]->retval_why);
		return sema_basic(c, SB_ERROR);
	}
	if (cl->provider->id == PROV_URETPROBE && t)
		return t;
	if (cl->provider->access & ACC_RETVAL_CTX && t && t->kind != T_VOID && t->kind != T_STRUCT)
		return t;
	return sema_int(c, 8, false);
}

static struct type *value_ctx(struct sema_ctx *c, struct node *n)
{
	const struct clause *cl = c->clause;
	if (!value_allowed(c, n, ACC_CTX, cl->provider->id == PROV_TRACEPOINT ? D_ACCESS_CTX : D_ACCESS_OTHER))
		return sema_basic(c, SB_ERROR);
	struct type *to = cl->attach.v[0]->ctx;
	return type_ptr(c->a, to ? to : type_new(c->a, T_VOID, 0, 1), AS_CTX);
}

static struct type *value_task(struct sema_ctx *c)
{
	const struct facts *f = c->env->facts;
	struct type *t = sema_named_type(c, 's', STR("task_struct"));
	if (!t) {
		t = type_new(c->a, T_STRUCT, 0, 8);
		t->name = STR("task_struct");
	}
	/* the program's own idea of the structure is no type of the kernel's: nothing there is trusted */
	bool trusted = t->origin && f && f->ops->has(c->env->facts, FEAT_TASK_BTF);
	return type_ptr(c->a, t, trusted ? AS_BTF : AS_KERNEL);
}

/* A constant instead of the node. */
static struct type *value_int(struct sema_ctx *c, struct node *n, uint64_t v, unsigned size)
{
	n->kind = N_INT;
	n->ival = (int64_t)v;
	n->is_unsigned = true;
	n->list.n = 0;
	return n->type = sema_int(c, size, false);
}

static struct type *value_text(struct sema_ctx *c, struct node *n, const char *s)
{
	n->kind = N_STRING;
	n->str = str_of(s);
	n->list.n = 0;
	return n->type = type_string(c->a, n->str.len + 1);
}

/* task.via.field, of the current task or of the one given */
static struct type *value_walk(struct sema_ctx *c, struct node *n, const char *via, const char *field)
{
	struct node *task = n->kind == N_CALL && n->list.n ? n->list.v[0] : NULL;
	if (!task) {
		task = node_new(c->a, N_BUILTIN, n->span);
		task->builtin = B_CURTASK;
		task->str = STR("curtask");
	}
	struct node *up = node_new(c->a, N_FIELD, n->span), *leaf = node_new(c->a, N_FIELD, n->span);
	up->a = task;
	up->str = str_of(via);
	leaf->a = up;
	leaf->str = str_of(field);
	return sema_become(c, n, leaf);
}

/* A number until it meets a string: then it needs room for the longest name that it may stand for. */
static struct type *value_probe(struct sema_ctx *c, bool brief)
{
	struct type *t = type_new(c->a, T_PROBE, 4, 4);
	t->brief = brief;
	for (uint32_t i = 0; i < c->s->attaches.n; i++)
		if (c->s->attaches.v[i]->name.len + 1 > t->count)
			t->count = c->s->attaches.v[i]->name.len + 1;
	return t;
}

static struct type *value_probetype(struct sema_ctx *c, struct node *n)
{
	const struct clause *cl = c->clause;
	return value_text(c, n, value_is_special(cl) ? "special" : cl->provider->id == PROV_BENCH ? "benchmark" : cl->provider->name);
}

static struct type *value_usermode(struct sema_ctx *c, struct node *n)
{
	const struct clause *cl = c->clause;
	if (!(cl->provider->access & ACC_REG))
		return value_int(c, n, value_is_special(cl), 1);
	if (c->loop) {
		SERR(c, D_LOOP_BUILTIN, n->span, "usermode");
		return sema_basic(c, SB_ERROR);
	}
	return sema_int(c, 1, false);
}

/* The file that a uprobe is in: is it at a fixed address? Which file (its inode)? */
static struct type *value_elf(struct sema_ctx *c, struct node *n)
{
	const struct clause *cl = c->clause;
	struct facts *f = c->env->facts;
	bool exec = false, is_exe = n->builtin == B_ELF_IS_EXE;
	uint64_t inode = 0;
	enum provider_id p = cl->provider->id;
	if (p != PROV_UPROBE && p != PROV_URETPROBE && p != PROV_USDT) {
		SERR(c, D_ACCESS_OTHER, n->span, builtin_info[n->builtin].name, cl->provider->name);
		return sema_basic(c, SB_ERROR);
	}
	if (cl->attach.n && f && f->ops->elf)
		f->ops->elf(f, cl->attach.v[0]->target, &exec, &inode);
	if (!is_exe)
		return value_int(c, n, inode, 8);
	n->kind = N_BOOL;
	n->ival = exec;
	return n->type = sema_basic(c, SB_BOOL);
}

/* It is what ustack does where frame pointers are missing; asked for by this name it must be possible. */
bool sema_dw_ustack(struct sema_ctx *c, struct node *n)
{
	struct facts *f = c->env->facts;
	const char *why = c->s->config.unwind == UNWIND_FP ? "the configuration has unwind = fp" :
			  !f || !f->ops->has(f, FEAT_UNWIND) ? "this kernel cannot walk user stacks by unwind tables" : NULL;
	if (why) {
		SERR(c, D_DW_USTACK, n->span, why);
		return false;
	}
	sema_unstable(c, n->span, UNSTABLE_DW_USTACK);
	n->builtin = B_USTACK;
	return true;
}

struct type *sema_builtin_value(struct sema_ctx *c, struct node *n)
{
	if (builtin_info[n->builtin].flags & BF_LATER) {
		SERR(c, D_NOT_YET, n->span, builtin_info[n->builtin].name);
		return sema_basic(c, SB_ERROR);
	}
	if (n->builtin == B_DW_USTACK && !sema_dw_ustack(c, n))
		return sema_basic(c, SB_ERROR);
	switch (n->builtin) {
	case B_ARGN:
		return value_argn(c, n);
	case B_SARGN:
		return value_sargn(c, n);
	case B_ARGS:
		return value_args(c, n);
	case B_CTX:
		return value_ctx(c, n);
	case B_RETVAL:
		return value_retval(c, n);
	case B_FUNC:
		if (!value_allowed(c, n, ACC_FUNC, D_ACCESS_OTHER))
			return sema_basic(c, SB_ERROR);
		return c->clause->provider->ptr_as == AS_USER ? type_new(c->a, T_USYM, 16, 1) : type_new(c->a, T_KSYM, 8, 8);
	case B_COMM:
		return type_string(c->a, 16);
	case B_PID:
	case B_TID:
		return sema_int(c, 4, false);
	case B_USERNAME:
		return type_new(c->a, T_USERNAME, 8, 8);
	case B_CURTASK:
		return value_task(c);
	case B_PROBE:
		return value_probe(c, false);
	case B_PROBENAME:
		return value_probe(c, true);
	case B_KSTACK:
	case B_USTACK:
		return sema_stack(c, n->builtin == B_USTACK, STACK_DEFAULT, c->s->config.stack_mode);
	case B_PROBETYPE:
		return value_probetype(c, n);
	case B_USERMODE:
		return value_usermode(c, n);
	case B_PPID: /* the process, not the thread that forked */
		return value_walk(c, n, "real_parent", "tgid");
	case B_PCOMM:
		return value_walk(c, n, "real_parent", "comm");
	case B_LEADER_TID:
		return value_walk(c, n, "group_leader", "pid");
	case B_LEADER_COMM:
		return value_walk(c, n, "group_leader", "comm");
	case B_CPID:
		if (c->env->has_child)
			return sema_int(c, 8, false);
		diag_add(c->d, D_CPID_NONE, n->span);
		return value_int(c, n, 0, 8);
	case B_HAS_CPID:
		n->kind = N_BOOL;
		n->ival = c->env->has_child;
		return n->type = sema_basic(c, SB_BOOL);
	case B_CONFIG:
		return sema_config_record(c, n);
	case B_ELF_IS_EXE:
	case B_ELF_INFO:
		return value_elf(c, n);
	case B_DEFAULT_STR_LENGTH:
		return value_int(c, n, c->s->config.max_strlen, 8);
	case B_NCPUS:
		return value_int(c, n, c->env->ncpus, 8);
	case B_ARCH:
		return value_text(c, n, "x86_64");
	case B_SAFE_MODE:
		n->kind = N_BOOL;
		n->ival = !c->env->unsafe;
		return n->type = sema_basic(c, SB_BOOL);
	default: /* uid gid nsecs elapsed cpu numaid cgroup rand jiffies */
		return sema_int(c, 8, false);
	}
}
