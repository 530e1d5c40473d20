/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks. The kernel walks the stack into scratch memory; the frames are hashed, and the hash with their number is the value (type.h). The
 * frames themselves go once into a hash map of their own, keyed by that value. So a stack as a key or in a record is 8 or 16 bytes, and what
 * is seen a million times is stored once.
 *
 * The kernel's own map of stacks (BPF_MAP_TYPE_STACK_TRACE) would do the same in one helper, but it has one place for each bucket of its hash: of
 * 1,000 different stacks in 65,536 buckets some eight meet another one there and are lost. Here different stacks have different
 * keys: 53 bits of hash. What is lost is counted (CW_STACK): a walk that failed, and a map that is full.
 *
 * The loop over the frames is one that the verifier walks through: its way out must not leave behind a value that the verifier knows
 * exactly, or everything that follows is verified once for each number of frames. So the number comes from the helper's result.
 *
 * At the entry of a function the frame pointer is still the caller's, so a walk by frame pointers misses the caller. There the return address
 * lies on top of the stack; it is put in as the second frame unless the kernel has done so (since 6.11, where it knows the prologue).
 *
 * For user stacks the reader must know the process's mappings, and the process may be gone when the stack is printed. The reader is told
 * of each new stack and of each process not seen before, at once, and remembers the mappings.
 */
#include "ir/lower_priv.h"

enum { STACK_USER = 1 << 8 /* BPF_F_USER_STACK */, STACK_PROCESSES = 8192, STACK_ENTRIES = 16384, STACK_FEW = 1024,
       STACK_SP = 152 /* of struct pt_regs, x86-64 */ };

static uint32_t stack_map(struct lower *l, enum module_map_kind kind, uint32_t value_size, uint32_t entries)
{
	for (uint32_t i = 0; i < l->m->maps.n; i++) {
		const struct module_map *m = &l->m->maps.v[i];
		if (m->kind == kind && !m->name.len && m->value_size == value_size)
			return i;
	}
	struct module_map mm = { .kind = kind, .key_size = 8, .value_size = value_size, .max_entries = entries, .by_name_only = true };
	vec_push(l->a, &l->m->maps, mm);
	return l->m->maps.n - 1;
}

/* Room for as many stacks as there may be keys, some for each; deep ones cost memory, so fewer of them. */
static uint32_t stack_entries(const struct lower *l, uint32_t depth)
{
	uint64_t want = 4ull * l->s->config.max_map_keys;
	if (l->s->config.max_stacks)
		return l->s->config.max_stacks;
	if (want < STACK_ENTRIES)
		want = STACK_ENTRIES;
	while (want > STACK_FEW && want * depth * 8 > 64u << 20)
		want /= 2;
	return (uint32_t)want;
}

/* The hash of the frames at p: the value of a variable, continues behind the loop. */
static ref stack_hash(struct lower *l, ref p, uint32_t depth)
{
	struct func *f = l->b.f;
	uint32_t v_i = func_var(f, TY_I64, "i"), v_h = func_var(f, TY_I64, "hash");
	uint32_t head = func_block(f), body = func_block(f), mix = func_block(f), done = func_block(f);
	ir_setvar(LB, v_i, ir_const(LB, 0));
	ir_setvar(LB, v_h, ir_const(LB, 0x2545f491));
	ir_jmp(LB, head);
	ir_at(LB, head);
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v_i), ir_const(LB, depth)), body, done);
	ir_at(LB, body);
	ref x = ir_load(LB, TY_I64, 8, false, ir_addptr(LB, p, ir_bin(LB, OP_SHL, ir_getvar(LB, v_i), ir_const(LB, 3))), 0);
	ir_br(LB, x, mix, done);
	ir_at(LB, mix);
	ref h = ir_bin(LB, OP_MUL, ir_bin(LB, OP_XOR, ir_getvar(LB, v_h), x), ir_const(LB, (int64_t)0x9e3779b97f4a7c15ull));
	ir_setvar(LB, v_h, ir_bin(LB, OP_XOR, h, ir_bin(LB, OP_LSHR, h, ir_const(LB, 29))));
	ir_setvar(LB, v_i, ir_bin(LB, OP_ADD, ir_getvar(LB, v_i), ir_const(LB, 1)));
	ir_jmp(LB, head);
	ir_at(LB, done);
	return ir_getvar(LB, v_h);
}

void lower_process(struct lower *l, ref pid, ref is_new)
{
	struct func *f = l->b.f;
	uint32_t processes = stack_map(l, MM_LRU_HASH, 8, STACK_PROCESSES);
	uint32_t look = func_block(f), tell = func_block(f), join = func_block(f);
	ref key = ir_slot(LB, func_slot(f, 8, 8, "process"));
	ir_store(LB, 8, key, 0, pid);
	ir_br(LB, is_new, tell, look);
	ir_at(LB, look);
	ref p = ir_call(LB, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(LB, processes), key);
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), join, tell);
	ir_at(LB, tell);
	f->blocks.v[tell].cold = true;
	ir_call(LB, TY_I64, H_map_update_elem, 4, ir_mapref(LB, processes), key, key, ir_const(LB, 0));
	lower_process_event(l, pid);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

/* Does every place of the clause stand at the first instruction of a user function? */
static bool stack_at_entry(const struct lower *l)
{
#if defined(__x86_64__)
	if (l->cl->provider->id != PROV_UPROBE || !l->cl->provider->has_pt_regs)
		return false;
	for (uint32_t i = 0; i < l->cl->attach.n; i++)
		if (l->cl->attach.v[i]->offset || !l->cl->attach.v[i]->func.len)
			return false;
	return l->cl->attach.n > 0;
#else
	return false; /* the return address is in a register, where the kernel finds it */
#endif
}

/* Frames begin one word behind `room`; when the second is not the return address, the first moves into that word and the return address
 * takes its place. Where the frames begin now; *v_bytes: how much they are. */
static ref stack_with_caller(struct lower *l, ref room, uint32_t v_bytes, uint32_t max)
{
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_MAPV, "frames"), v_n = v_bytes, know = func_block(f), miss = func_block(f), grow = func_block(f),
		 join = func_block(f);
	ref slot = ir_slot(LB, func_slot(f, 8, 8, "caller"));
	ir_setvar(LB, v, ir_addptr_imm(LB, room, 8));
	ir_zero(LB, slot, 0, 8, 8);
	ref bad = ir_call(LB, TY_I64, H_probe_read_user, 3, slot, ir_const(LB, 8), ir_load(LB, TY_I64, 8, false, lower_ctx(l), STACK_SP));
	ir_br(LB, bad, join, know);
	ir_at(LB, know);
	ref caller = ir_load(LB, TY_I64, 8, false, slot, 0);
	ir_br(LB, ir_bin(LB, OP_EQ, caller, ir_load(LB, TY_I64, 8, false, room, 16)), join, miss);
	ir_at(LB, miss);
	ir_store(LB, 8, room, 0, ir_load(LB, TY_I64, 8, false, room, 8));
	ir_store(LB, 8, room, 8, caller);
	ir_setvar(LB, v, ir_addptr_imm(LB, room, 0));
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v_n), ir_const(LB, max)), grow, join);
	ir_at(LB, grow);
	ir_setvar(LB, v_n, ir_bin(LB, OP_ADD, ir_getvar(LB, v_n), ir_const(LB, 8)));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

/* The kernel's walk, by frame pointers in user mode: frames into scratch memory at (user: behind) `state`, how much they are into v_bytes. Goes to `lost` when it
 * fails. Where they begin. */
static ref stack_by_kernel(struct lower *l, ref state, const struct type *t, uint32_t v_bytes, uint32_t lost, uint32_t none)
{
	struct func *f = l->b.f;
	bool user = t->kind == T_USTACK, entry = user && t->count > 1 && stack_at_entry(l);
	uint32_t bytes = t->count * 8, got = func_block(f), some = func_block(f);
	ref room = user ? ir_addptr_imm(LB, state, UNWIND_FRAMES) : state, frames = entry ? ir_addptr_imm(LB, room, 8) : room;
	ref r = ir_call(LB, TY_I64, H_get_stack, 4, lower_ctx(l), frames, ir_const(LB, bytes), ir_const(LB, user ? STACK_USER : 0));
	ir_br(LB, ir_bin(LB, OP_SLT, r, ir_const(LB, 0)), lost, got);
	ir_at(LB, got);
	ir_br(LB, r, some, none);
	ir_at(LB, some);
	ir_setvar(LB, v_bytes, r);
	return entry ? stack_with_caller(l, room, v_bytes, bytes) : frames;
}

void lower_stack_into(struct lower *l, struct node *n, struct place dst)
{
	struct func *f = l->b.f;
	const struct type *t = n->type, *word = type_int(l->a, 8, false);
	bool user = t->kind == T_USTACK;
	uint32_t bytes = t->count * 8, map = stack_map(l, MM_STACK, bytes, stack_entries(l, t->count)), top = l->scratch_top;
	uint32_t v_id = func_var(f, TY_I64, "id"), v_new = func_var(f, TY_I64, "new"), v_bytes = func_var(f, TY_I64, "bytes"),
		 v_frames = func_var(f, TY_MAPV, "frames");
	uint32_t lost = func_block(f), walked = func_block(f), by_kernel = func_block(f), some = func_block(f), miss = func_block(f), full = func_block(f),
		 added = func_block(f), kept = func_block(f), join = func_block(f);
	ref pid = user ? ir_bin(LB, OP_LSHR, lower_pid_tgid(l, false), ir_const(LB, 32)) : NOREF;
	ref key = ir_slot(LB, func_slot(f, 8, 8, "stack"));
	ref state = lower_scratch(l, lower_scratch_alloc(l, (user ? UNWIND_FRAMES : 0) + bytes + 8));
	ir_setvar(LB, v_id, ir_const(LB, 0));
	if (user && lower_unwind(l, state, t->count, v_bytes, walked, by_kernel)) {
		ir_at(LB, walked);
		ir_setvar(LB, v_frames, ir_addptr_imm(LB, state, UNWIND_FRAMES));
		ir_jmp(LB, some);
	} else {
		ir_jmp(LB, by_kernel);
	}
	ir_at(LB, by_kernel);
	ir_setvar(LB, v_frames, stack_by_kernel(l, state, t, v_bytes, lost, join));
	ir_jmp(LB, some);
	ir_at(LB, lost);
	lower_fault(l, user ? FAULT_USTACK : FAULT_KSTACK, NOREF);
	ir_jmp(LB, join);
	ir_at(LB, some);
	ref r = ir_getvar(LB, v_bytes), frames = ir_getvar(LB, v_frames);
	ref h = stack_hash(l, frames, t->count);
	ref id = ir_bin(LB, OP_OR, ir_bin(LB, OP_SHL, h, ir_const(LB, STACK_ID_BITS)), ir_bin(LB, OP_LSHR, r, ir_const(LB, 3)));
	ir_setvar(LB, v_id, id);
	ir_setvar(LB, v_new, ir_const(LB, 0));
	ir_store(LB, 8, key, 0, id);
	ref p = ir_call(LB, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(LB, map), key);
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), kept, miss);
	ir_at(LB, miss);
	f->blocks.v[miss].cold = true;
	ref u = ir_call(LB, TY_I64, H_map_update_elem, 4, ir_mapref(LB, map), key, frames, ir_const(LB, 0));
	ir_setvar(LB, v_new, ir_const(LB, 1));
	ir_br(LB, u, full, added);
	ir_at(LB, full);
	lower_count(l, CW_STACK);
	ir_jmp(LB, added);
	ir_at(LB, added);
	f->blocks.v[added].cold = true;
	ir_jmp(LB, kept);
	ir_at(LB, kept);
	if (user)
		lower_process(l, pid, ir_getvar(LB, v_new));
	ir_jmp(LB, join);
	ir_at(LB, join);
	lower_write(l, dst, word, ir_getvar(LB, v_id));
	if (user)
		lower_write(l, lower_at(dst, 8), word, pid);
	l->scratch_top = top;
}

ref lower_stack_len(struct lower *l, struct node *n)
{
	ref id = lower_read(l, lower_place(l, n), type_int(l->a, 8, false), NULL);
	return ir_bin(LB, OP_AND, id, ir_const(LB, (1 << STACK_ID_BITS) - 1));
}
