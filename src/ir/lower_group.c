/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many system-call tracepoints in one clause. Each would be a perf event, and the kernel releases those one after the other, a grace
 * period each: seconds for `sys_enter_*`. All of them sit behind one raw tracepoint (sys_enter or sys_exit), so one
 * program there, with a table from the number of the call to the attach point, does the same for one link. What the
 * clause can tell apart stays the same: `probe`, the counts, and that 32-bit calls, which have other numbers, do not fire.
 */
#include "ir/lower_priv.h"

enum { GROUP_LEAST = 8, GROUP_CALLS = 512, TS_COMPAT = 2 };

static bool group_looks(const struct node *n)
{
	if (!n)
		return false;
	if (n->kind == N_BUILTIN && (n->builtin == B_ARGS || n->builtin == B_CTX))
		return true;
	if (group_looks(n->a) || group_looks(n->b) || group_looks(n->c))
		return true;
	for (uint32_t i = 0; i < n->list.n; i++)
		if (group_looks(n->list.v[i]))
			return true;
	return false;
}

/* Byte offset of a member of a kernel type, or false. */
static bool group_offset(struct facts *f, struct type *t, const char *member, uint32_t *ret, struct type **ret_type)
{
	uint32_t extra = 0;
	if (!t || (!t->complete && !f->ops->complete(f, t)))
		return false;
	const struct field *m = type_field(t, str_of(member), &extra);
	if (!m)
		return false;
	*ret = m->offset + extra;
	*ret_type = m->type;
	return true;
}

static int group_number(struct facts *f, const struct attach_point *ap, bool at_exit)
{
	const char *prefix = at_exit ? "sys_exit_" : "sys_enter_";
	uint32_t n = (uint32_t)strlen(prefix);
	if (!str_is(ap->target, "syscalls") || !str_starts(ap->func, prefix))
		return -1;
	return f->ops->syscall(f, (struct str){ ap->func.s + n, ap->func.len - n });
}

static uint32_t group_count(struct facts *f, const struct clause *cl, bool at_exit)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < cl->attach.n; i++)
		n += group_number(f, cl->attach.v[i], at_exit) >= 0;
	return n;
}

bool lower_is_grouped(struct lower *l, const struct clause *cl)
{
	struct facts *f = l->env->facts;
	if (cl->provider->id != PROV_TRACEPOINT || cl->attach.n < GROUP_LEAST || !f || !f->ops->syscall || !f->ops->has ||
	    !f->ops->has(f, FEAT_BTF) || !f->ops->has(f, FEAT_TASK_BTF))
		return false;
	if (group_looks(cl->body) || group_looks(cl->predicate))
		return false;
	return group_count(f, cl, false) >= GROUP_LEAST || group_count(f, cl, true) >= GROUP_LEAST;
}

static void group_make(struct lower *l, const struct clause *cl, const uint32_t *index, bool *done, bool at_exit)
{
	struct facts *f = l->env->facts;
	struct lower_group g = { .at_exit = at_exit };
	const struct facts_func *raw = f->ops->raw_tracepoint(f, STR(""), at_exit ? STR("sys_exit") : STR("sys_enter"));
	struct type *t, *info;
	uint32_t off_info, off_status;
	if (group_count(f, cl, at_exit) < GROUP_LEAST || !raw ||
	    !group_offset(f, f->ops->type(f, 's', STR("pt_regs")), "orig_ax", &g.off_orig_ax, &t) ||
	    !group_offset(f, f->ops->type(f, 's', STR("task_struct")), "thread_info", &off_info, &info) ||
	    !group_offset(f, info, "status", &off_status, &t))
		return;
	g.off_status = off_info + off_status;
	g.btf_id = raw->btf_id;
	uint16_t *table = arena_array(l->a, uint16_t, GROUP_CALLS);
	const struct attach_point *first = NULL;
	for (uint32_t i = 0; i < cl->attach.n; i++) {
		int nr = group_number(f, cl->attach.v[i], at_exit);
		if (nr < 0 || nr >= GROUP_CALLS || index[i] >= UINT16_MAX || table[nr])
			continue;
		table[nr] = (uint16_t)(l->m->attaches.v[index[i]]->number + 1); /* what `probe` is */
		done[i] = true;
		first = first ? first : cl->attach.v[i];
		vec_push(l->a, &g.attach, index[i]);
	}
	g.table_off = lower_rodata_off(l, table, GROUP_CALLS * sizeof(*table));
	l->group = &g;
	struct module_prog mp = { .clause = cl->index, .prog_type = 26 /* BPF_PROG_TYPE_TRACING */, .attach_type = 23 /* BPF_TRACE_RAW_TP */,
				  .btf_id = g.btf_id, .span = cl->span };
	mp.fn = lower_clause_fn(l, cl, first, ~0u);
	l->group = NULL;
	for (uint32_t i = 0; i < g.attach.n; i++)
		vec_push(l->a, &mp.attach, g.attach.v[i]);
	vec_push(l->a, &l->m->progs, mp);
}

void lower_groups(struct lower *l, const struct clause *cl, const uint32_t *index, bool *done)
{
	if (!lower_is_grouped(l, cl))
		return;
	group_make(l, cl, index, done, false);
	group_make(l, cl, index, done, true);
}

void lower_group_tests(struct lower *l, uint32_t leave)
{
	const struct lower_group *g = l->group;
	struct func *f = l->b.f;
	uint32_t native = func_block(f), known = func_block(f), ours = func_block(f);
	ref task = ir_call(LB, TY_BTF, H_get_current_task_btf, 0);
	ref status = ir_load(LB, TY_I64, 4, false, task, g->off_status);
	ir_br(LB, ir_bin(LB, OP_AND, status, ir_const(LB, TS_COMPAT)), leave, native);
	ir_at(LB, native);
	ref id;
	if (g->at_exit) {
		ref regs = ir_load(LB, TY_BTF, 8, false, ir_arg(LB, 0), 0);
		id = ir_load(LB, TY_I64, 8, false, regs, g->off_orig_ax);
	} else {
		id = ir_load(LB, TY_I64, 8, false, ir_arg(LB, 0), 8);
	}
	ir_br(LB, ir_bin(LB, OP_ULT, id, ir_const(LB, GROUP_CALLS)), known, leave);
	ir_at(LB, known);
	ref row = ir_addptr(LB, ir_mapval(LB, 0, REGION(RG_RODATA, g->table_off)), ir_bin(LB, OP_SHL, id, ir_const(LB, 1)));
	ref which = ir_load(LB, TY_I64, 2, false, row, 0);
	ir_br(LB, which, ours, leave);
	ir_at(LB, ours);
	l->v_attach = func_var(f, TY_I64, "attach");
	ref at = ir_bin(LB, OP_SUB, which, ir_const(LB, 1));
	ir_setvar(LB, l->v_attach, at);
	if (l->has_frame)
		ir_store(LB, 8, lower_frame(l), CELL_ATTACH, at);
}
