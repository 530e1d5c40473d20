/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --follow: children of the traced process are traced, and theirs. Which processes that are is known in the kernel,
 * by the time a child runs its first instruction: two programs of our own stand on the raw tracepoints of fork and
 * of the end of a process.
 *
 *   fork  the parent is traced (the test that every clause makes): the child's number goes into a map. New threads are none of it.
 *   free  the number goes out of the map; but only if it is still that of the same process, since numbers are used again. What tells is
 *         the time when it started, which the value is (0: found in /proc by the reader, whatever it is).
 *
 * The map is keyed by the process number of the initial namespace, whatever ours is; only for the process of -p or
 * -c itself it is the number that we know. When the map is full the child is not traced, which is counted
 * (CW_FOLLOW).
 */
#include "ir/lower_priv.h"

enum { FOLLOW_TRACING = 26 /* BPF_PROG_TYPE_TRACING */, FOLLOW_RAW_TP = 23 /* BPF_TRACE_RAW_TP */ };

struct follow_task { uint32_t pid, tgid, start; }; /* where they are in struct task_struct */

static bool follow_layout(struct lower *l, struct follow_task *ret)
{
	struct facts *f = l->env->facts;
	return lower_kernel_member(f, "task_struct", "pid", &ret->pid) && lower_kernel_member(f, "task_struct", "tgid", &ret->tgid) &&
	       (lower_kernel_member(f, "task_struct", "start_boottime", &ret->start) ||
		lower_kernel_member(f, "task_struct", "real_start_time", &ret->start));
}

void lower_follow_test(struct lower *l, ref tgid, uint32_t go, uint32_t leave)
{
	struct func *f = l->b.f;
	ref key = ir_slot(LB, func_slot(f, 8, 8, "process"));
	if (l->o->pid_ns)
		tgid = ir_bin(LB, OP_LSHR, lower_pid_tgid(l, true), ir_const(LB, 32));
	ir_store(LB, 8, key, 0, tgid);
	ref p = ir_call(LB, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(LB, l->m->follow_map), key);
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), go, leave);
}

/* A function of ours, and its program on the raw tracepoint. False: the kernel does not have it, or no types of it. */
static bool follow_begin(struct lower *l, const char *event)
{
	struct facts *f = l->env->facts;
	const struct facts_func *raw = f->ops->raw_tracepoint(f, STR(""), str_of(event));
	if (!raw)
		return false;
	struct attach_point *ap = arena_new(l->a, struct attach_point);
	ap->provider = PROV_RAWTRACEPOINT;
	ap->name = str_of(arena_printf(l->a, "rawtracepoint:vmlinux:%s", event));
	ap->func = str_of(event);
	ap->btf_id = raw->btf_id;
	ap->is_ours = true;
	struct module_prog mp = { .fn = l->m->funcs.n, .clause = ~0u, .prog_type = FOLLOW_TRACING, .attach_type = FOLLOW_RAW_TP, .btf_id = raw->btf_id };
	vec_push(l->a, &mp.attach, l->m->attaches.n);
	vec_push(l->a, &l->m->attaches, ap);
	vec_push(l->a, &l->m->progs, mp);
	l->b = (struct ir_build){ .f = func_new(l->a, arena_printf(l->a, "follow_%s", event)), .blk = 1 };
	vec_push(l->a, &l->m->funcs, l->b.f);
	l->cl = NULL;
	l->fn = l->entry_fn = mp.fn;
	l->in_callback = false;
	return true;
}

static void follow_fork(struct lower *l, const struct follow_task *t)
{
	struct func *f = l->b.f;
	uint32_t process = func_block(f), look = func_block(f), add = func_block(f), full = func_block(f), leave = func_block(f);
	ref parent = ir_load(LB, TY_BTF, 8, false, ir_arg(LB, 0), 0), child = ir_load(LB, TY_BTF, 8, false, ir_arg(LB, 0), 8);
	ref tgid = ir_load(LB, TY_I64, 4, false, child, t->tgid);
	ir_br(LB, ir_bin(LB, OP_EQ, tgid, ir_load(LB, TY_I64, 4, false, parent, t->tgid)), leave, process);
	ir_at(LB, process);
	ref mine = ir_bin(LB, OP_LSHR, lower_pid_tgid(l, false), ir_const(LB, 32));
	ir_br(LB, ir_bin(LB, OP_EQ, mine, ir_load(LB, TY_I64, 8, false, lower_header(l, DW_PID), 0)), add, look);
	ir_at(LB, look);
	lower_follow_test(l, mine, add, leave);
	ir_at(LB, add);
	ref key = ir_slot(LB, func_slot(f, 8, 8, "child")), value = ir_slot(LB, func_slot(f, 8, 8, "start"));
	ir_store(LB, 8, key, 0, tgid);
	ir_store(LB, 8, value, 0, ir_load(LB, TY_I64, 8, false, child, t->start));
	ref r = ir_call(LB, TY_I64, H_map_update_elem, 4, ir_mapref(LB, l->m->follow_map), key, value, ir_const(LB, 0));
	ir_br(LB, ir_bin(LB, OP_NE, r, ir_const(LB, 0)), full, leave); /* before 6.4 errors come as 32 bits */
	ir_at(LB, full);
	lower_count(l, CW_FOLLOW);
	ir_jmp(LB, leave);
	ir_at(LB, leave);
	ir_ret(LB, ir_const(LB, 0));
}

static void follow_free(struct lower *l, const struct follow_task *t)
{
	struct func *f = l->b.f;
	uint32_t leader = func_block(f), known = func_block(f), timed = func_block(f), drop = func_block(f), leave = func_block(f);
	ref task = ir_load(LB, TY_BTF, 8, false, ir_arg(LB, 0), 0), key = ir_slot(LB, func_slot(f, 8, 8, "process"));
	ref tgid = ir_load(LB, TY_I64, 4, false, task, t->tgid);
	ir_br(LB, ir_bin(LB, OP_EQ, tgid, ir_load(LB, TY_I64, 4, false, task, t->pid)), leader, leave);
	ir_at(LB, leader);
	ir_store(LB, 8, key, 0, tgid);
	ref p = ir_call(LB, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(LB, l->m->follow_map), key);
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), known, leave);
	ir_at(LB, known);
	ref start = ir_load(LB, TY_I64, 8, false, p, 0);
	ir_br(LB, ir_bin(LB, OP_EQ, start, ir_const(LB, 0)), drop, timed);
	ir_at(LB, timed);
	ir_br(LB, ir_bin(LB, OP_EQ, start, ir_load(LB, TY_I64, 8, false, task, t->start)), drop, leave);
	ir_at(LB, drop);
	ir_call(LB, TY_I64, H_map_delete_elem, 2, ir_mapref(LB, l->m->follow_map), key);
	ir_jmp(LB, leave);
	ir_at(LB, leave);
	ir_ret(LB, ir_const(LB, 0));
}

void lower_follow(struct lower *l)
{
	struct facts *f = l->env->facts;
	struct follow_task t = { 0 };
	struct module_map mm = { .kind = MM_HASH, .key_size = 8, .value_size = 8, .by_name_only = true };
	mm.max_entries = l->s->config.max_map_keys;
	l->m->follow_map = l->m->maps.n;
	vec_push(l->a, &l->m->maps, mm);
	if (!f || !f->ops->has(f, FEAT_BTF) || !follow_layout(l, &t) || !follow_begin(l, "sched_process_fork")) {
		diag_add(l->d, D_FOLLOW, (struct span){ 0 });
		l->failed = true;
		return;
	}
	follow_fork(l, &t);
	if (follow_begin(l, "sched_process_free"))
		follow_free(l, &t);
}
