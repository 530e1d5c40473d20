/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does a process have mapped at an address? The kernel's own tree of mappings is walked as it is at this moment: a maple tree, whose nodes
 * hold the last addresses of up to 16 ranges, and a pointer for each. Then mapping, file, inode; and the table of that file, in our map.
 *
 * No lock is taken. What is read may be of the past, or garbage, when another thread of the process maps or unmaps something just now: reads of the
 * kernel's memory cannot fault, the mapping found must hold the address, and what does not fit ends the walk.
 *
 * The loop over a node's ranges chooses by arithmetic, not by branches: for the verifier each path through a loop with branches is another one to
 * look at.
 */
#include "ir/walk.h"

/* How many of the node's `n` pivots at `off` that are in use (below `end`) are less than the address? Each is the last byte of a range. */
static ref walk_pivots(struct walk *w, ref half, uint32_t off, uint32_t n, ref end)
{
	ref sum = num(w, 0), one = num(w, 1), top = num(w, 63);
	for (uint32_t i = 0; i < n; i++) {
		ref pivot = bin(w, OP_LSHR, bin(w, OP_SUB, walk_get(w, ST_NODE + off + i * 8), one), one);
		ref less = bin(w, OP_LSHR, bin(w, OP_SUB, pivot, half), top);
		ref used = bin(w, OP_LSHR, bin(w, OP_SUB, num(w, i), end), top);
		sum = bin(w, OP_ADD, sum, bin(w, OP_AND, less, used));
	}
	return sum;
}

/* The mapping (struct vm_area_struct) that the tree has for the address, or one behind it, or 0. */
static ref walk_tree(struct walk *w, ref addr)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	struct func *f = b->f;
	uint32_t v_node = func_var(f, TY_I64, "node"), v_i = func_var(f, TY_I64, "level"), v_slot = func_var(f, TY_I64, "slot");
	uint32_t v_end = func_var(f, TY_I64, "end"), v_half = func_var(f, TY_I64, "half");
	uint32_t head = func_block(f), body = func_block(f), wide = func_block(f), narrow = func_block(f), full = func_block(f), some = func_block(f),
		 count = func_block(f), join = func_block(f), done = func_block(f);
	ref root = walk_get(w, ST_ROOT);
	ir_setvar(b, v_half, bin(w, OP_LSHR, addr, num(w, 1)));
	ir_setvar(b, v_node, root);
	ir_setvar(b, v_i, num(w, 0));
	/* a tree of one entry has no node */
	walk_if(w, bin(w, OP_EQ, bin(w, OP_AND, root, num(w, 3)), num(w, 2)), done);
	ir_jmp(b, head);
	ir_at(b, head);
	ir_br(b, bin(w, OP_ULT, ir_getvar(b, v_i), num(w, WALK_LEVELS)), body, w->stop);
	ir_at(b, body);
	ir_setvar(b, v_i, bin(w, OP_ADD, ir_getvar(b, v_i), num(w, 1)));
	walk_read(w, H_probe_read_kernel, ST_NODE, NODE_SIZE, bin(w, OP_AND, ir_getvar(b, v_node), num(w, ~0xffll)), w->stop);
	ref type = bin(w, OP_AND, bin(w, OP_LSHR, ir_getvar(b, v_node), num(w, 3)), num(w, 15));
	ir_br(b, bin(w, OP_EQ, type, num(w, NODE_ARANGE)), wide, narrow);
	ir_at(b, wide);
	ref end = ir_load(b, TY_I64, 1, false, w->st, ST_NODE + k->arange_meta.off);
	ref at = walk_pivots(w, ir_getvar(b, v_half), k->arange_pivot.off, 9, end);
	ir_setvar(b, v_slot, bin(w, OP_ADD, bin(w, OP_SHL, bin(w, OP_AND, at, num(w, 15)), num(w, 3)), num(w, k->arange_slot.off)));
	ir_jmp(b, join);
	ir_at(b, narrow);
	ir_br(b, walk_get(w, ST_NODE + k->range_pivot.off + 14 * 8), full, some);
	ir_at(b, full);
	ir_setvar(b, v_end, num(w, 15));
	ir_jmp(b, count);
	ir_at(b, some); /* a node that is not full has its end where the last slot would be */
	ir_setvar(b, v_end, ir_load(b, TY_I64, 1, false, w->st, ST_NODE + k->range_slot.off + 15 * 8));
	ir_jmp(b, count);
	ir_at(b, count);
	at = walk_pivots(w, ir_getvar(b, v_half), k->range_pivot.off, 15, ir_getvar(b, v_end));
	ir_setvar(b, v_slot, bin(w, OP_ADD, bin(w, OP_SHL, bin(w, OP_AND, at, num(w, 15)), num(w, 3)), num(w, k->range_slot.off)));
	ir_jmp(b, join);
	ir_at(b, join);
	ref leaf = bin(w, OP_EQ, bin(w, OP_AND, bin(w, OP_LSHR, ir_getvar(b, v_node), num(w, 3)), num(w, 15)), num(w, NODE_LEAF));
	ref slot = bin(w, OP_AND, ir_getvar(b, v_slot), num(w, 0xff));
	ir_setvar(b, v_node, ir_load(b, TY_I64, 8, false, ir_addptr(b, w->st, slot), ST_NODE));
	ir_br(b, leaf, done, head);
	ir_at(b, done);
	return ir_getvar(b, v_node);
}

/* From an inode's bytes to the key of its file. */
static void walk_key(struct walk *w)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	uint32_t at = ST_NODE - k->inode_lo;
	ref sb = walk_get(w, at + k->i_sb.off);
	walk_set(w, ST_KEY + offsetof(struct unwind_key, ino), walk_get(w, at + k->i_ino.off));
	walk_set(w, ST_KEY + offsetof(struct unwind_key, size), walk_get(w, at + k->i_size.off));
	walk_set(w, ST_KEY + offsetof(struct unwind_key, mtime_ns), ir_load(b, TY_I64, k->i_mtime.size, false, w->st, at + k->i_mtime.off));
	walk_read(w, H_probe_read_kernel, ST_TMP, 4, bin(w, OP_ADD, sb, num(w, k->sb_dev.off)), w->stop);
	walk_set(w, ST_KEY + offsetof(struct unwind_key, dev), ir_load(b, TY_I64, 4, false, w->st, ST_TMP));
}

/*
 * Is `look` in the memory where uprobes work? There are two kinds of code. The trampoline, on the way back from a function with a return probe: the
 * function has returned, the walk goes on with its caller. And the copy of an instruction with a probe, which is executed there: it stands for
 * the original. Continues when it is neither.
 */
static void walk_uprobe(struct walk *w, ref look)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	struct func *f = b->f;
	uint32_t probed = func_block(f), trampoline = func_block(f), copy = func_block(f), again = func_block(f), join = func_block(f);
	ref utask = walk_get(w, ST_UTASK), ri = walk_get(w, ST_RI);
	ir_br(b, utask, probed, join);
	ir_at(b, probed);
	f->blocks.v[probed].cold = true;
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, walk_get(w, ST_XOL), num(w, k->area_vaddr.off)), join);
	ir_br(b, bin(w, OP_ULT, bin(w, OP_SUB, look, walk_get(w, ST_TMP)), num(w, TRAMPOLINE)), trampoline, copy);
	ir_at(b, trampoline);
	/* From 6.11 on it is a system call: behind that the return is no longer pending, and its address on the stack, below two registers that are popped. */
	uint32_t pending = func_block(f), called = func_block(f);
	ref off = bin(w, OP_SUB, look, walk_get(w, ST_TMP));
	ir_br(b, bin(w, OP_UGE, off, num(w, TRAMPOLINE_CALLED)), called, pending);
	ir_at(b, called);
	ref two = bin(w, OP_EQ, off, num(w, TRAMPOLINE_CALLED)), one = bin(w, OP_EQ, off, num(w, TRAMPOLINE_CALLED + 1));
	ref popped = bin(w, OP_ADD, bin(w, OP_SHL, two, num(w, 4)), bin(w, OP_SHL, one, num(w, 3)));
	ref sp = bin(w, OP_ADD, walk_get(w, ST_SP), popped);
	walk_read(w, H_probe_read_user, ST_TMP, 8, sp, w->stop);
	walk_set(w, ST_PC, walk_get(w, ST_TMP));
	walk_set(w, ST_SP, bin(w, OP_ADD, sp, num(w, 8)));
	walk_set(w, ST_RETURN, num(w, 1));
	ir_jmp(b, again);
	ir_at(b, pending);
	walk_if(w, ri, join);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ri, num(w, k->ri_ret.off)), w->stop);
	walk_set(w, ST_PC, walk_get(w, ST_TMP));
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ri, num(w, k->ri_stack.off)), w->stop);
	walk_set(w, ST_SP, bin(w, OP_ADD, walk_get(w, ST_TMP), num(w, 8)));
	walk_set(w, ST_RETURN, num(w, 1));
	ir_jmp(b, again);
	ir_at(b, copy);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, utask, num(w, k->utask_xol.off)), join);
	ref at = bin(w, OP_SUB, look, walk_get(w, ST_TMP));
	walk_if(w, bin(w, OP_ULE, at, num(w, INSN_MAX)), join);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, utask, num(w, k->utask_vaddr.off)), w->stop);
	walk_set(w, ST_PC, bin(w, OP_ADD, walk_get(w, ST_TMP), at));
	ir_jmp(b, again);
	ir_at(b, again);
	walk_set(w, ST_HI, walk_get(w, ST_LO)); /* of no use for the next */
	ir_ret(b, num(w, 0));
	ir_at(b, join);
}

/* What is mapped at `look`? Into the state; continues when it is code. */
void walk_mapping(struct walk *w, ref look)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	struct func *f = b->f;
	uint32_t file = func_block(f), no_file = func_block(f), vdso = func_block(f), nothing = func_block(f), find = func_block(f),
		 unknown = func_block(f), wait = func_block(f), join = func_block(f);
	ref vma = walk_tree(w, look);
	walk_if(w, vma, w->stop);
	walk_read(w, H_probe_read_kernel, ST_NODE, k->vma_n, vma, w->stop);
	ref lo = walk_get(w, ST_NODE + k->vm_start.off), hi = walk_get(w, ST_NODE + k->vm_end.off);
	walk_if(w, bin(w, OP_ULT, bin(w, OP_SUB, look, lo), bin(w, OP_SUB, hi, lo)), w->stop);
	walk_if(w, bin(w, OP_AND, walk_get(w, ST_NODE + k->vm_flags.off), num(w, VM_EXEC)), w->stop);
	walk_set(w, ST_LO, lo);
	walk_set(w, ST_HI, hi);
	walk_set(w, ST_DELTA, bin(w, OP_SUB, bin(w, OP_SHL, walk_get(w, ST_NODE + k->vm_pgoff.off), num(w, 12)), lo));
	ref fp = walk_get(w, ST_NODE + k->vm_file.off);
	ir_br(b, fp, file, no_file);

	ir_at(b, no_file);
	ir_br(b, bin(w, OP_EQ, lo, walk_get(w, ST_VDSO)), vdso, nothing);
	ir_at(b, nothing);
	walk_uprobe(w, look);
	walk_set(w, ST_STATE, num(w, UF_NONE));
	ir_jmp(b, join);
	ir_at(b, vdso);
	walk_set(w, ST_DELTA, ir_un(b, OP_NEG, 8, lo));
	walk_set(w, ST_KEY, num(w, -1));
	walk_set(w, ST_KEY + 8, num(w, 0));
	walk_set(w, ST_KEY + 16, num(w, 0));
	walk_set(w, ST_KEY + 24, num(w, 0));
	ir_jmp(b, find);

	ir_at(b, file);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, fp, num(w, k->file_inode.off)), w->stop);
	walk_read(w, H_probe_read_kernel, ST_NODE, k->inode_n, bin(w, OP_ADD, walk_get(w, ST_TMP), num(w, k->inode_lo)), w->stop);
	walk_key(w);
	ir_jmp(b, find);

	ir_at(b, find);
	ref x = ir_call(b, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(b, k->files), ir_addptr_imm(b, w->st, ST_KEY));
	walk_if(w, bin(w, OP_NE, x, num(w, 0)), unknown);
	ref state = ir_load(b, TY_I64, 4, false, x, offsetof(struct unwind_file, state));
	walk_if(w, bin(w, OP_AND, bin(w, OP_LSHR, num(w, 1 << UF_TABLE | 1 << UF_NONE), state), num(w, 1)), wait);
	walk_set(w, ST_STATE, state);
	walk_set(w, ST_INDEX, ir_load(b, TY_I64, 4, false, x, offsetof(struct unwind_file, index)));
	walk_set(w, ST_BUCKET, ir_load(b, TY_I64, 4, false, x, offsetof(struct unwind_file, bucket)));
	walk_set(w, ST_BUCKETS, ir_load(b, TY_I64, 4, false, x, offsetof(struct unwind_file, n_buckets)));
	ir_jmp(b, join);
	ir_at(b, unknown);
	walk_set(w, ST_STATUS, num(w, WALK_UNKNOWN));
	ir_jmp(b, w->stop);
	ir_at(b, wait);
	walk_set(w, ST_STATUS, num(w, WALK_WAITING));
	ir_jmp(b, w->stop);
	ir_at(b, join);
}

/* The trampoline of a return probe in the place of a return address: the true one is in the kernel's list, which begins with the innermost. */
void walk_return_probe(struct walk *w, ref sp)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	struct func *f = b->f;
	uint32_t head = func_block(f), body = func_block(f), look = func_block(f), found = func_block(f), next = func_block(f), probed = func_block(f),
		 join = func_block(f), v_i = func_var(f, TY_I64, "i"), v_ri = func_var(f, TY_I64, "ri");
	ref ri = walk_get(w, ST_RI);
	ir_br(b, ri, probed, join);
	ir_at(b, probed);
	f->blocks.v[probed].cold = true;
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, walk_get(w, ST_XOL), num(w, k->area_vaddr.off)), join);
	walk_if(w, bin(w, OP_EQ, walk_get(w, ST_TMP), ir_getvar(b, w->v_pc)), join);
	ir_setvar(b, v_ri, ri);
	ir_setvar(b, v_i, num(w, 0));
	ir_jmp(b, head);
	ir_at(b, head);
	ir_br(b, bin(w, OP_ULT, ir_getvar(b, v_i), num(w, WALK_RETURNS)), body, w->stop);
	ir_at(b, body);
	ir_setvar(b, v_i, bin(w, OP_ADD, ir_getvar(b, v_i), num(w, 1)));
	ir_br(b, ir_getvar(b, v_ri), look, w->stop);
	ir_at(b, look);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ir_getvar(b, v_ri), num(w, k->ri_stack.off)), w->stop);
	ir_br(b, bin(w, OP_EQ, walk_get(w, ST_TMP), bin(w, OP_SUB, sp, num(w, 8))), found, next);
	ir_at(b, next);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ir_getvar(b, v_ri), num(w, k->ri_next.off)), w->stop);
	ir_setvar(b, v_ri, walk_get(w, ST_TMP));
	ir_jmp(b, head);
	ir_at(b, found);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ir_getvar(b, v_ri), num(w, k->ri_ret.off)), w->stop);
	ir_setvar(b, w->v_pc, walk_get(w, ST_TMP));
	walk_set(w, ST_RI, ir_getvar(b, v_ri));
	ir_jmp(b, join);
	ir_at(b, join);
}
