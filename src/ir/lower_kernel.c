/* SPDX-License-Identifier: Apache-2.0 */
/* What only some programs may ask the kernel for, see sema/kernel.c, which has decided that this one may. */
#include "ir/lower_priv.h"

/* The BTF id of a kernel function; sema has asked whether there is one. */
static uint32_t kernel_function(struct lower *l, const char *name)
{
	struct facts *f = l->env->facts;
	const struct facts_func *fn = f ? f->ops->function(f, STR("vmlinux"), str_of(name)) : NULL;
	if (!fn)
		l->failed = true;
	return fn ? fn->btf_id : 0;
}

const struct field *lower_kernel_member(struct facts *f, const char *type, const char *name, uint32_t *ret_offset)
{
	struct type *t = f ? f->ops->type(f, 's', str_of(type)) : NULL;
	uint32_t extra = 0;
	const struct field *m = t && (t->complete || f->ops->complete(f, t)) ? type_field(t, str_of(name), &extra) : NULL;
	if (m)
		*ret_offset = m->offset + extra;
	return m;
}

/* comm(pid): the task is held while its name is read. Nobody: "N/A" and a warning. */
static void kernel_comm_into(struct lower *l, struct node *n, struct place dst)
{
	struct func *f = l->b.f;
	uint32_t some = func_block(f), none = func_block(f), join = func_block(f), comm;
	struct facts *facts = l->env->facts;
	if (!lower_kernel_member(facts, "task_struct", "comm", &comm)) {
		lower_error(l, n->span, "comm() of another process");
		return;
	}
	ref pid = lower_scalar(l, n->list.v[0]);
	lower_zero(l, dst, n->type->size);
	/* in another pid namespace than the initial one, numbers are those of the running task's: ours, mostly */
	bool own = l->o->pid_ns && facts->ops->function(facts, STR("vmlinux"), STR("bpf_task_from_vpid"));
	ref t = ir_kcall(LB, TY_BTF, kernel_function(l, own ? "bpf_task_from_vpid" : "bpf_task_from_pid"), 1, pid);
	ir_br(LB, ir_bin(LB, OP_NE, t, ir_const(LB, 0)), some, none);
	ir_at(LB, some);
	ir_call(LB, TY_I64, H_probe_read_kernel_str, 3, lower_address(l, dst), ir_const(LB, 16),
		ir_addptr(LB, t, ir_const(LB, comm)));
	ir_kcall(LB, TY_I64, kernel_function(l, "bpf_task_release"), 1, t);
	ir_jmp(LB, join);
	ir_at(LB, none);
	lower_literal(l, dst, n->type->size, STR("N/A"));
	lower_message(l, n, EV_WARNF, STR("No such process (pid=%d)"), pid);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

/* The helper takes a pointer to the kernel's own structure, which may be inside of another; null goes without. */
static void kernel_path_into(struct lower *l, struct node *n, struct place dst)
{
	struct func *f = l->b.f;
	struct node *x = n->list.v[0];
	uint32_t some = func_block(f), bad = func_block(f), join = func_block(f);
	struct place p = x->type->kind == T_PTR ? lower_deref(l, lower_scalar(l, x), x->type) : lower_place(l, x);
	lower_zero(l, dst, n->type->size);
	if (p.where != W_BTF) {
		lower_error(l, n->span, "path() of a copy");
		return;
	}
	ir_br(LB, ir_bin(LB, OP_NE, p.base, ir_const(LB, 0)), some, join);
	ir_at(LB, some);
	ref r = ir_call(LB, TY_I64, H_d_path, 3, lower_address(l, p), lower_address(l, dst), ir_const(LB, n->type->size));
	ir_br(LB, ir_bin(LB, OP_SLT, r, ir_const(LB, 0)), bad, join);
	ir_at(LB, bad);
	lower_zero(l, dst, n->type->size);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

static void kernel_cgroup_path_into(struct lower *l, struct node *n, struct place dst)
{
	struct type word = { .kind = T_INT, .size = 8, .align = 8 };
	ref filter = n->list.n > 1 ? lower_strftime_id(l, n->list.v[1]->str) : ir_const(LB, -1);
	lower_write(l, dst, &word, filter);
	lower_write(l, lower_at(dst, 8), &word, lower_scalar(l, n->list.v[0]));
}

static ref kernel_cookie(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "cookie"), some = func_block(f), join = func_block(f);
	ref sk = lower_scalar(l, n->list.v[0]);
	ir_setvar(LB, v, ir_const(LB, 0));
	ir_br(LB, ir_bin(LB, OP_NE, sk, ir_const(LB, 0)), some, join);
	ir_at(LB, some);
	ir_setvar(LB, v, ir_call(LB, TY_I64, H_get_socket_cookie, 1, sk));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

static ref kernel_write_user(struct lower *l, struct node *n)
{
	struct node *x = n->list.v[1];
	uint32_t size = (uint32_t)n->list.v[2]->ival;
	ref to = lower_scalar(l, n->list.v[0]);
	struct place t = lower_temp(l, size, 8, "bytes");
	if (lower_is_value(x->type) && !(x->type->kind == T_PTR)) { /* a number: its bytes */
		struct place v = lower_temp(l, 8, 8, "number");
		ir_store(LB, 8, v.base, v.off, lower_scalar(l, x));
		lower_zero(l, t, size);
		lower_copy(l, t, v, size < 8 ? size : 8);
	} else if (x->type->kind == T_PTR) {
		ref p = lower_scalar(l, x);
		lower_copy(l, t, (struct place){ .base = p, .align = 1, .where = lower_arg_where(l, x, p) }, size);
	} else {
		lower_copy(l, t, lower_at(lower_place(l, x), x->type->kind == T_BUFFER ? 4 : 0), size);
	}
	return ir_bin(LB, OP_EQ, ir_call(LB, TY_I64, H_probe_write_user, 3, to, lower_address(l, t), ir_const(LB, size)), ir_const(LB, 0));
}

ref lower_has_pinned(struct lower *l, struct node *n)
{
	struct str path = n->list.v[0]->str;
	uint32_t map = 0;
	while (map < l->m->maps.n && !(l->m->maps.v[map].kind == MM_PINNED && str_eq(l->m->maps.v[map].name, path)))
		map++;
	if (map == l->m->maps.n) {
		struct module_map mm = { .kind = MM_PINNED, .name = path, .key_size = 8, .by_name_only = true, .span = n->list.v[0]->span };
		vec_push(l->a, &l->m->maps, mm);
	}
	ref key = ir_slot(LB, func_slot(l->b.f, 8, 8, "pinned"));
	ir_store(LB, 8, key, 0, lower_scalar(l, n->list.v[1]));
	return ir_bin(LB, OP_NE, ir_call(LB, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(LB, map), key), ir_const(LB, 0));
}

ref lower_kernel(struct lower *l, struct node *n)
{
	switch (n->builtin) {
	case B_SOCKET_COOKIE:
		return kernel_cookie(l, n);
	case B_OVERRIDE:
		ir_call(LB, TY_I64, H_override_return, 2, lower_ctx(l), lower_scalar(l, n->list.v[0]));
		return NOREF;
	default:
		return kernel_write_user(l, n);
	}
}

void lower_kernel_into(struct lower *l, struct node *n, struct place dst)
{
	switch (n->builtin) {
	case B_COMM:
		kernel_comm_into(l, n, dst);
		break;
	case B_PATH:
		kernel_path_into(l, n, dst);
		break;
	case B_FILE_NUMBER:
		for (uint32_t i = 0; i < 2; i++)
			lower_write(l, lower_at(dst, 8 * i), &(struct type){ .kind = T_INT, .size = 8, .align = 8 },
				    lower_strftime_id(l, n->list.v[i]->str));
		break;
	default:
		kernel_cgroup_path_into(l, n, dst);
		break;
	}
}
