/* SPDX-License-Identifier: Apache-2.0 */
/*
 * full_path(path [, name]): the absolute path of a struct path as the running thread's root directory sees it, and a name below it. The
 * kernel's own helper (path()) serves few kinds of programs; this walks the directory entries upward, from mount to mount, to
 * the root, without a lock: what is renamed meanwhile may come out as a mixture of both names.
 *
 * The text grows toward the beginning of its buffer, whose size is a power of two: the verifier shall know no more of the
 * position than that it lies within. A name of the file system has at most 255 bytes, for which there is room behind the buffer.
 */
#include "ir/lower_priv.h"

enum { PATH_NAME_MAX = 255, PATH_DEPTH = 64 };

struct path_layout { /* offsets */
	uint32_t path_mnt, path_dentry, mnt_root, mount_mnt, mount_parent, mount_point, dentry_parent, name_len, name, task_fs, fs_root;
};

/* Adds where the member lies. */
static bool path_field(struct facts *f, const char *type, const char *name, uint32_t *ret)
{
	uint32_t off = 0;
	bool there = lower_kernel_member(f, type, name, &off);
	*ret += off;
	return there;
}

static bool path_layout(struct facts *f, struct path_layout *ret)
{
	struct path_layout p = { 0 };
	bool ok = path_field(f, "path", "mnt", &p.path_mnt) && path_field(f, "path", "dentry", &p.path_dentry) &&
		  path_field(f, "vfsmount", "mnt_root", &p.mnt_root) && path_field(f, "mount", "mnt", &p.mount_mnt) &&
		  path_field(f, "mount", "mnt_parent", &p.mount_parent) && path_field(f, "mount", "mnt_mountpoint", &p.mount_point) &&
		  path_field(f, "dentry", "d_parent", &p.dentry_parent) && path_field(f, "dentry", "d_name", &p.name_len) &&
		  path_field(f, "qstr", "len", &p.name_len) && path_field(f, "dentry", "d_name", &p.name) && path_field(f, "qstr", "name", &p.name) &&
		  path_field(f, "task_struct", "fs", &p.task_fs) && path_field(f, "fs_struct", "root", &p.fs_root);
	*ret = p;
	return ok;
}

static ref path_read(struct lower *l, ref base, uint32_t off, uint32_t size)
{
	struct type t = { .kind = size == 8 ? T_PTR : T_INT, .size = size, .align = size };
	return lower_read(l, (struct place){ .base = base, .off = off, .align = 1, .where = W_KERN }, &t, NULL);
}

/* The walk: from the entry and the mount to the root. Gives where the text begins in `to`, whose last byte, at `mask`, is a NUL. */
static ref path_walk(struct lower *l, const struct path_layout *p, ref mnt, ref dentry, struct place to, uint32_t mask)
{
	struct func *f = l->b.f;
	uint32_t v_d = func_var(f, TY_I64, "dentry"), v_m = func_var(f, TY_I64, "mount"), v_at = func_var(f, TY_I64, "at"),
		 v_i = func_var(f, TY_I64, "i");
	uint32_t head = func_block(f), in = func_block(f), inside = func_block(f), same = func_block(f), below = func_block(f), top = func_block(f),
		 up = func_block(f), name = func_block(f), fits = func_block(f), cut = func_block(f), next = func_block(f), done = func_block(f),
		 bare = func_block(f), end = func_block(f);
	ref fs = path_read(l, ir_call(LB, TY_I64, H_get_current_task, 0), p->task_fs, 8);
	ref root_mnt = path_read(l, fs, p->fs_root + p->path_mnt, 8), root = path_read(l, fs, p->fs_root + p->path_dentry, 8);
	ir_setvar(LB, v_d, dentry);
	ir_setvar(LB, v_m, ir_bin(LB, OP_SUB, mnt, ir_const(LB, p->mount_mnt)));
	ir_setvar(LB, v_at, ir_const(LB, mask));
	ir_setvar(LB, v_i, ir_const(LB, 0));
	lower_loop(l, head, done);
	ref d = ir_getvar(LB, v_d), m = ir_getvar(LB, v_m), at = ir_bin(LB, OP_AND, ir_getvar(LB, v_at), ir_const(LB, mask));
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v_i), ir_const(LB, PATH_DEPTH)), in, cut);
	ir_at(LB, in);
	ir_br(LB, ir_bin(LB, OP_EQ, d, root), same, inside);
	ir_at(LB, same);
	ir_br(LB, ir_bin(LB, OP_EQ, m, ir_bin(LB, OP_SUB, root_mnt, ir_const(LB, p->mount_mnt))), done, inside);
	ir_at(LB, inside);
	ir_br(LB, ir_bin(LB, OP_EQ, d, path_read(l, m, p->mount_mnt + p->mnt_root, 8)), top, below);
	ir_at(LB, top); /* of its file system: on with the directory on which that is mounted */
	ref parent = path_read(l, m, p->mount_parent, 8);
	ir_br(LB, ir_bin(LB, OP_EQ, parent, m), done, up);
	ir_at(LB, up);
	ir_setvar(LB, v_d, path_read(l, m, p->mount_point, 8));
	ir_setvar(LB, v_m, parent);
	ir_jmp(LB, next);
	ir_at(LB, below);
	ref above = path_read(l, d, p->dentry_parent, 8);
	ir_br(LB, ir_bin(LB, OP_EQ, above, d), done, name); /* it hangs on nothing */
	ir_at(LB, name);
	ref len = ir_bin(LB, OP_AND, path_read(l, d, p->name_len, 4), ir_const(LB, PATH_NAME_MAX));
	/* not len + 4 < at: some verifiers (6.12) forget the bound of a number when a constant more than it is compared */
	ref left = ir_bin(LB, OP_SUB, at, len);
	ir_br(LB, ir_bin(LB, OP_SGT, left, ir_const(LB, 4)), fits, cut);
	ir_at(LB, fits);
	ref start = ir_bin(LB, OP_AND, left, ir_const(LB, mask));
	ir_call(LB, TY_I64, H_probe_read_kernel, 3, ir_addptr(LB, to.base, start), len, path_read(l, d, p->name, 8));
	start = ir_bin(LB, OP_AND, ir_bin(LB, OP_SUB, start, ir_const(LB, 1)), ir_const(LB, mask));
	ir_store(LB, 1, ir_addptr(LB, to.base, start), 0, ir_const(LB, '/'));
	ir_setvar(LB, v_at, start);
	ir_setvar(LB, v_d, above);
	ir_jmp(LB, next);
	ir_at(LB, next);
	ir_setvar(LB, v_i, ir_bin(LB, OP_ADD, ir_getvar(LB, v_i), ir_const(LB, 1)));
	ir_jmp(LB, head);
	ir_at(LB, cut); /* too long, too deep: its beginning is missing */
	at = ir_bin(LB, OP_AND, ir_bin(LB, OP_SUB, at, ir_const(LB, 3)), ir_const(LB, mask));
	for (unsigned k = 0; k < 3; k++)
		ir_store(LB, 1, ir_addptr(LB, to.base, at), k, ir_const(LB, '.'));
	ir_setvar(LB, v_at, at);
	ir_jmp(LB, done);
	ir_at(LB, done);
	ir_br(LB, ir_bin(LB, OP_EQ, ir_getvar(LB, v_at), ir_const(LB, mask)), bare, end);
	ir_at(LB, bare);
	ir_store(LB, 1, to.base, mask - 1, ir_const(LB, '/'));
	ir_setvar(LB, v_at, ir_const(LB, mask - 1));
	ir_jmp(LB, end);
	ir_at(LB, end);
	return ir_bin(LB, OP_AND, ir_getvar(LB, v_at), ir_const(LB, mask));
}

/* The name behind the path: alone when it is absolute itself; the path alone when there is none. */
static void path_name(struct lower *l, struct node *name, struct place path, struct place to, uint32_t size)
{
	struct func *f = l->b.f;
	uint32_t top = l->scratch_top, v_end = func_var(f, TY_I64, "end");
	uint32_t relative = func_block(f), some = func_block(f), slash = func_block(f), put = func_block(f), absolute = func_block(f), done = func_block(f);
	struct place text = { .base = lower_scratch(l, lower_scratch_alloc(l, size + 8)), .where = W_MEM, .align = 8 }, src = lower_place(l, name);
	lower_zero(l, text, 8);
	lower_read_str(l, text, size, NOREF, lower_address(l, src), src.where == W_USER ? W_USER : W_KERN, false);
	ref first = ir_load(LB, TY_I64, 1, false, text.base, 0);
	ir_br(LB, ir_bin(LB, OP_EQ, first, ir_const(LB, '/')), absolute, relative);
	ir_at(LB, relative);
	ref len = lower_read_str(l, to, size, NOREF, lower_address(l, path), W_KERN, false);
	ir_br(LB, first, some, done);
	ir_at(LB, some);
	ir_setvar(LB, v_end, ir_const(LB, 0));
	ir_br(LB, ir_bin(LB, OP_UGT, len, ir_const(LB, 2)), slash, put); /* not behind "/" */
	ir_at(LB, slash);
	ir_setvar(LB, v_end, ir_bin(LB, OP_SUB, len, ir_const(LB, 1)));
	ir_jmp(LB, put);
	ir_at(LB, put);
	uint32_t ok = func_block(f);
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v_end), ir_const(LB, size)), ok, done); /* for the verifier */
	ir_at(LB, ok);
	ref end = ir_addptr(LB, to.base, ir_getvar(LB, v_end));
	ir_store(LB, 1, end, 0, ir_const(LB, '/'));
	lower_read_str(l, (struct place){ .base = end, .off = 1, .where = W_MEM, .align = 1 }, size, NOREF, text.base, W_KERN, false);
	ir_jmp(LB, done);
	ir_at(LB, absolute);
	lower_read_str(l, to, size, NOREF, text.base, W_KERN, false);
	ir_jmp(LB, done);
	ir_at(LB, done);
	l->scratch_top = top;
}

void lower_full_path_into(struct lower *l, struct node *n, struct place dst)
{
	struct func *f = l->b.f;
	struct node *x = n->list.v[0];
	struct path_layout p;
	uint32_t size = n->type->size, mask = 1, top = l->scratch_top, some = func_block(f), join = func_block(f);
	if (!path_layout(l->env->facts, &p)) {
		lower_error(l, n->span, "full_path() without the kernel's types");
		return;
	}
	while (mask < size - 1)
		mask = mask * 2 + 1;
	struct place from = x->type->kind == T_PTR ? lower_deref(l, lower_scalar(l, x), x->type) : lower_place(l, x);
	struct place walked = { .base = lower_scratch(l, lower_scratch_alloc(l, mask + 1 + PATH_NAME_MAX + 9)), .where = W_MEM, .align = 8 };
	struct place to = { .base = lower_scratch(l, lower_scratch_alloc(l, size * 2 + 8)), .where = W_MEM, .align = 8 };
	ir_store(LB, 1, walked.base, mask, ir_const(LB, 0));
	lower_zero(l, to, size * 2 + 8);
	if (from.where == W_BTF) {
		uint32_t there = func_block(f);
		ir_br(LB, ir_bin(LB, OP_NE, from.base, ir_const(LB, 0)), there, join);
		ir_at(LB, there);
	}
	/* by the helper always: the walk's variables are numbers, and no pointers that the verifier knows */
	from = (struct place){ .base = lower_address(l, from), .align = 1, .where = W_KERN };
	ref mnt = path_read(l, from.base, p.path_mnt, 8), dentry = path_read(l, from.base, p.path_dentry, 8);
	ir_br(LB, dentry, some, join);
	ir_at(LB, some);
	ref at = path_walk(l, &p, mnt, dentry, walked, mask);
	struct place path = { .base = ir_addptr(LB, walked.base, at), .where = W_MEM, .align = 1 };
	if (n->list.n > 1)
		path_name(l, n->list.v[1], path, to, size);
	else
		lower_read_str(l, to, size, NOREF, lower_address(l, path), W_KERN, false);
	ir_jmp(LB, join);
	ir_at(LB, join);
	ir_store(LB, 1, to.base, size - 1, ir_const(LB, 0));
	lower_string_copy(l, dst, size, to, size);
	l->scratch_top = top;
}
