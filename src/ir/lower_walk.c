/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of the walk of a user stack: from a frame to its caller, by the rule that the file's table has for the address, or, where it
 * has none, by the frame pointer. It is a callback of bpf_loop, which goes on until the function returns 1.
 *
 * As in lower_vma.c, the search chooses by arithmetic and not by branches.
 */
#include "ir/walk.h"

/* A word of the tables. */
static ref walk_word(struct walk *w, ref at, uint32_t none)
{
	struct ir_build *b = &w->l->b;
	ref key = ir_slot(b, w->key);
	ir_store(b, 4, key, 0, bin(w, OP_LSHR, at, num(w, UNWIND_CHUNK_BITS)));
	ref chunk = ir_call(b, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(b, w->k->words), key);
	walk_if(w, bin(w, OP_NE, chunk, num(w, 0)), none);
	ir_store(b, 4, key, 0, num(w, 0));
	ref words = ir_call(b, TY_MAPV_NULL, H_map_lookup_elem, 2, chunk, key);
	walk_if(w, bin(w, OP_NE, words, num(w, 0)), none);
	ref in = bin(w, OP_AND, at, num(w, (1 << UNWIND_CHUNK_BITS) - 1));
	return ir_load(b, TY_I64, 8, false, ir_addptr(b, words, bin(w, OP_SHL, in, num(w, 3))), 0);
}

/* The rule for the file offset: its address. `none`: there is no rule. */
static ref walk_rule(struct walk *w, ref off, uint32_t none)
{
	struct ir_build *b = &w->l->b;
	struct func *f = b->f;
	uint32_t v_at = func_var(f, TY_I64, "row"), v_step = func_var(f, TY_I64, "step"), v_i = func_var(f, TY_I64, "i");
	uint32_t head = func_block(f), more = func_block(f), body = func_block(f), done = func_block(f);
	ref bucket = bin(w, OP_SUB, bin(w, OP_LSHR, off, num(w, UNWIND_BUCKET_BITS)), walk_get(w, ST_BUCKET));
	walk_if(w, bin(w, OP_ULT, bucket, walk_get(w, ST_BUCKETS)), none);
	ref x = walk_word(w, bin(w, OP_ADD, walk_get(w, ST_INDEX), bucket), none);
	ref first = ir_un(b, OP_ZEXT, 4, x), n = ir_un(b, OP_ZEXT, 2, bin(w, OP_LSHR, x, num(w, 32)));
	ref end = bin(w, OP_ADD, first, n), top = num(w, 63);
	ir_setvar(b, v_at, first);
	ir_setvar(b, v_step, bin(w, OP_LSHR, x, num(w, 48)));
	ir_setvar(b, v_i, num(w, 0));
	ir_jmp(b, head);
	ir_at(b, head);
	ir_br(b, bin(w, OP_ULT, ir_getvar(b, v_i), num(w, WALK_STEPS)), more, done);
	ir_at(b, more);
	ir_br(b, ir_getvar(b, v_step), body, done);
	ir_at(b, body);
	ref step = ir_getvar(b, v_step), at = bin(w, OP_ADD, ir_getvar(b, v_at), step);
	ref pc = ir_un(b, OP_ZEXT, 4, walk_word(w, at, none));
	/* all ones: the row is one of the bucket's, and not behind the address */
	ref take = bin(w, OP_AND, bin(w, OP_ASHR, bin(w, OP_SUB, at, end), top),
		       bin(w, OP_ASHR, bin(w, OP_SUB, bin(w, OP_SUB, pc, off), num(w, 1)), top));
	ir_setvar(b, v_at, bin(w, OP_ADD, ir_getvar(b, v_at), bin(w, OP_AND, step, take)));
	ir_setvar(b, v_step, bin(w, OP_LSHR, step, num(w, 1)));
	ir_setvar(b, v_i, bin(w, OP_ADD, ir_getvar(b, v_i), num(w, 1)));
	ir_jmp(b, head);
	ir_at(b, done);
	x = walk_word(w, ir_getvar(b, v_at), none);
	walk_if(w, bin(w, OP_ULE, ir_un(b, OP_ZEXT, 4, x), off), none);
	ref rule = bin(w, OP_LSHR, x, num(w, 32));
	walk_if(w, rule, none);
	_Static_assert(sizeof(struct unwind_rule) == 32, "a power of two: the shift below");
	ref in = bin(w, OP_SHL, bin(w, OP_AND, rule, num(w, UNWIND_RULES - 1)), num(w, 5));
	return ir_addptr(b, ir_mapval(b, w->k->rules, 0), in);
}

static ref walk_field(struct walk *w, ref rule, uint32_t width, size_t off)
{
	return ir_load(&w->l->b, TY_I64, width, width == 4, rule, (int64_t)off);
}

/* Where a register was saved: into v, if it was. `base`, `off`: of the rule. */
static void walk_saved(struct walk *w, uint32_t v, ref base, ref off, uint32_t v_cfa, uint32_t lost)
{
	struct ir_build *b = &w->l->b;
	struct func *f = b->f;
	uint32_t saved = func_block(f), gone = func_block(f), other = func_block(f), by_cfa = func_block(f), by_sp = func_block(f),
		 by_fp = func_block(f), not_sp = func_block(f), read = func_block(f), join = func_block(f), v_addr = func_var(f, TY_I64, "addr");
	ir_br(b, base, saved, join);
	ir_at(b, saved);
	ir_br(b, bin(w, OP_EQ, base, num(w, UW_CFA)), by_cfa, other);
	ir_at(b, by_cfa);
	ir_setvar(b, v_addr, ir_getvar(b, v_cfa));
	ir_jmp(b, read);
	ir_at(b, other);
	ir_br(b, bin(w, OP_EQ, base, num(w, UW_SP)), by_sp, not_sp);
	ir_at(b, by_sp);
	ir_setvar(b, v_addr, walk_get(w, ST_SP));
	ir_jmp(b, read);
	ir_at(b, not_sp);
	ir_br(b, bin(w, OP_EQ, base, num(w, UW_FP)), by_fp, gone);
	ir_at(b, by_fp);
	ir_setvar(b, v_addr, walk_get(w, ST_FP));
	ir_jmp(b, read);
	ir_at(b, read);
	walk_read(w, H_probe_read_user, ST_TMP, 8, bin(w, OP_ADD, ir_getvar(b, v_addr), off), lost);
	ir_setvar(b, v, walk_get(w, ST_TMP));
	ir_jmp(b, join);
	ir_at(b, gone);
	ir_setvar(b, v, num(w, 0));
	ir_jmp(b, join);
	ir_at(b, join);
}

/* The frame's address, by the rule. */
static void walk_cfa(struct walk *w, ref rule, ref look, ref flags, uint32_t v_cfa, uint32_t lost)
{
	struct ir_build *b = &w->l->b;
	struct func *f = b->f;
	static const struct {
		uint8_t base;
		uint32_t from;
	} bases[] = { { UW_SP, ST_SP }, { UW_FP, ST_FP }, { UW_BX, ST_BX }, { UW_R10, ST_R10 } };
	uint32_t have = func_block(f), special = func_block(f), deref = func_block(f), plt = func_block(f), sane = func_block(f), join = func_block(f);
	ref base = walk_field(w, rule, 1, offsetof(struct unwind_rule, base));
	for (unsigned i = 0; i < 4; i++) {
		uint32_t yes = func_block(f), no = func_block(f);
		ir_br(b, bin(w, OP_EQ, base, num(w, bases[i].base)), yes, no);
		ir_at(b, yes);
		ir_setvar(b, v_cfa, walk_get(w, bases[i].from));
		ir_jmp(b, have);
		ir_at(b, no);
	}
	ir_jmp(b, w->stop); /* the outermost frame */
	ir_at(b, have);
	ir_setvar(b, v_cfa, bin(w, OP_ADD, ir_getvar(b, v_cfa), walk_field(w, rule, 4, offsetof(struct unwind_rule, off))));
	ir_br(b, flags, special, sane);
	ir_at(b, sane); /* stacks grow downwards; only frames of signals lie elsewhere than their callers */
	ir_br(b, bin(w, OP_UGE, ir_getvar(b, v_cfa), walk_get(w, ST_SP)), join, w->stop);
	ir_at(b, special);
	uint32_t no_deref = func_block(f);
	ir_br(b, bin(w, OP_AND, flags, num(w, UW_DEREF)), deref, no_deref);
	ir_at(b, deref);
	walk_read(w, H_probe_read_user, ST_TMP, 8, ir_getvar(b, v_cfa), lost);
	ir_setvar(b, v_cfa, bin(w, OP_ADD, walk_get(w, ST_TMP), walk_field(w, rule, 4, offsetof(struct unwind_rule, add))));
	ir_jmp(b, join);
	ir_at(b, no_deref);
	ir_br(b, bin(w, OP_AND, flags, num(w, UW_PLT)), plt, join);
	ir_at(b, plt);
	ref behind = bin(w, OP_SUB, bin(w, OP_SUB, walk_field(w, rule, 4, offsetof(struct unwind_rule, add)), num(w, 1)),
			 bin(w, OP_AND, look, num(w, 15)));
	ref eight = bin(w, OP_SHL, bin(w, OP_LSHR, behind, num(w, 63)), num(w, 3));
	ir_setvar(b, v_cfa, bin(w, OP_ADD, ir_getvar(b, v_cfa), eight));
	ir_jmp(b, join);
	ir_at(b, join);
}

/* On to the caller. */
static void walk_advance(struct walk *w, ref is_return)
{
	struct ir_build *b = &w->l->b;
	walk_return_probe(w, ir_getvar(b, w->v_sp));
	walk_if(w, ir_getvar(b, w->v_pc), w->stop);
	walk_set(w, ST_PC, ir_getvar(b, w->v_pc));
	walk_set(w, ST_SP, ir_getvar(b, w->v_sp));
	walk_set(w, ST_FP, ir_getvar(b, w->v_fp));
	walk_set(w, ST_BX, ir_getvar(b, w->v_bx));
	walk_set(w, ST_R10, num(w, 0));
	walk_set(w, ST_DI, num(w, 0));
	walk_set(w, ST_RETURN, is_return);
	ir_ret(b, num(w, 0));
}

/* One of the words that were read at once: v, if it is among them. */
static void walk_pick(struct walk *w, uint32_t v, ref at)
{
	struct ir_build *b = &w->l->b;
	uint32_t saved = func_block(b->f), join = func_block(b->f);
	ir_br(b, bin(w, OP_ULT, at, num(w, UNWIND_SPAN_MAX)), saved, join);
	ir_at(b, saved);
	ir_setvar(b, v, ir_load(b, TY_I64, 8, false, ir_addptr(b, w->st, at), ST_NODE));
	ir_jmp(b, join);
	ir_at(b, join);
}

/* The usual case: everything in one read. */
static void walk_at_once(struct walk *w, ref rule, ref span, ref cfa, uint32_t done, uint32_t lost)
{
	struct ir_build *b = &w->l->b;
	uint32_t read = func_block(b->f), good = func_block(b->f);
	ir_br(b, bin(w, OP_ULE, span, num(w, UNWIND_SPAN_MAX)), read, lost);
	ir_at(b, read);
	ref bad = ir_call(b, TY_I64, H_probe_read_user, 3, ir_addptr_imm(b, w->st, ST_NODE), span, bin(w, OP_SUB, cfa, span));
	ir_br(b, bad, lost, good);
	ir_at(b, good);
	ir_setvar(b, w->v_pc, ir_load(b, TY_I64, 8, false, ir_addptr(b, w->st, span), ST_NODE - 8));
	walk_pick(w, w->v_fp, walk_field(w, rule, 1, offsetof(struct unwind_rule, fp_at)));
	walk_pick(w, w->v_bx, walk_field(w, rule, 1, offsetof(struct unwind_rule, bx_at)));
	ir_jmp(b, done);
}

static void walk_by_rule(struct walk *w, ref rule, ref look, uint32_t lost)
{
	struct ir_build *b = &w->l->b;
	struct func *f = b->f;
	uint32_t together = func_block(f), apart = func_block(f), done = func_block(f);
	uint32_t v_cfa = func_var(f, TY_I64, "cfa"), in_memory = func_block(f), in_register = func_block(f), have = func_block(f);
	ref flags = walk_field(w, rule, 1, offsetof(struct unwind_rule, flags));
	walk_cfa(w, rule, look, bin(w, OP_AND, flags, num(w, UW_DEREF | UW_PLT)), v_cfa, lost);
	ir_setvar(b, w->v_pc, num(w, 0));
	ir_setvar(b, w->v_fp, walk_get(w, ST_FP));
	ir_setvar(b, w->v_bx, walk_get(w, ST_BX));
	ref span = walk_field(w, rule, 1, offsetof(struct unwind_rule, span));
	ir_br(b, span, together, apart);
	ir_at(b, together);
	walk_at_once(w, rule, span, ir_getvar(b, v_cfa), done, lost);
	ir_at(b, apart);
	ref ra = walk_field(w, rule, 1, offsetof(struct unwind_rule, ra_base));
	ir_br(b, bin(w, OP_EQ, ra, num(w, UW_DI)), in_register, in_memory);
	ir_at(b, in_register);
	ir_setvar(b, w->v_pc, walk_get(w, ST_DI));
	ir_jmp(b, have);
	ir_at(b, in_memory);
	walk_saved(w, w->v_pc, ra, walk_field(w, rule, 4, offsetof(struct unwind_rule, ra_off)), v_cfa, lost);
	ir_jmp(b, have);
	ir_at(b, have);
	walk_saved(w, w->v_fp, walk_field(w, rule, 1, offsetof(struct unwind_rule, fp_base)),
		   walk_field(w, rule, 4, offsetof(struct unwind_rule, fp_off)), v_cfa, lost);
	walk_saved(w, w->v_bx, walk_field(w, rule, 1, offsetof(struct unwind_rule, bx_base)),
		   walk_field(w, rule, 4, offsetof(struct unwind_rule, bx_off)), v_cfa, lost);
	ir_jmp(b, done);
	ir_at(b, done);
	ir_setvar(b, w->v_sp, ir_getvar(b, v_cfa));
	ref is_signal = bin(w, OP_AND, bin(w, OP_LSHR, walk_field(w, rule, 1, offsetof(struct unwind_rule, flags)), num(w, 2)), num(w, 1));
	_Static_assert(UW_SIGNAL == 4, "the shift above");
	walk_advance(w, bin(w, OP_XOR, is_signal, num(w, 1)));
}

static void walk_by_pointer(struct walk *w)
{
	struct ir_build *b = &w->l->b;
	if (w->l->s->config.unwind == UNWIND_DWARF) {
		ir_jmp(b, w->stop);
		return;
	}
	ref fp = walk_get(w, ST_FP);
	walk_if(w, bin(w, OP_UGE, fp, walk_get(w, ST_SP)), w->stop);
	walk_if(w, bin(w, OP_EQ, bin(w, OP_AND, fp, num(w, 7)), num(w, 0)), w->stop);
	walk_read(w, H_probe_read_user, ST_TMP, 16, fp, w->stop);
	ir_setvar(b, w->v_fp, walk_get(w, ST_TMP));
	ir_setvar(b, w->v_pc, walk_get(w, ST_TMP + 8));
	ir_setvar(b, w->v_sp, bin(w, OP_ADD, fp, num(w, 16)));
	ir_setvar(b, w->v_bx, num(w, 0));
	walk_advance(w, num(w, 1));
}

uint32_t walk_make(struct lower *l, const struct unwind_layout *k, uint32_t depth)
{
	struct ir_build was = l->b;
	struct func *f = func_new(l->a, arena_printf(l->a, "walk_%u", l->m->funcs.n));
	uint32_t fn = l->m->funcs.n;
	f->n_args = 2;
	f->is_callback = true;
	f->span = was.span;
	f->arg_types[0] = TY_I64;
	f->arg_types[1] = TY_STACK;
	vec_push(l->a, &l->m->funcs, f);
	l->b = (struct ir_build){ .f = f, .blk = 1, .span = was.span };
	struct walk w = { .l = l, .k = k, .stop = func_block(f), .key = func_slot(f, 8, 8, "key"), .v_pc = func_var(f, TY_I64, "pc"),
			  .v_sp = func_var(f, TY_I64, "sp"), .v_fp = func_var(f, TY_I64, "fp"), .v_bx = func_var(f, TY_I64, "bx") };
	w.st = ir_load(LB, TY_MAPV, 8, false, ir_arg(LB, 1), 0);
	uint32_t find = func_block(f), have = func_block(f), other = func_block(f), by_pointer = func_block(f), table = func_block(f), lost = func_block(f);
	ref pc = walk_get(&w, ST_PC), look = bin(&w, OP_SUB, pc, walk_get(&w, ST_RETURN)), lo = walk_get(&w, ST_LO);
	ir_br(LB, bin(&w, OP_ULT, bin(&w, OP_SUB, look, lo), bin(&w, OP_SUB, walk_get(&w, ST_HI), lo)), have, other);
	ir_at(LB, other); /* stacks go to and fro between a program and a library */
	ref was_lo = walk_get(&w, ST_LAST + ST_LO), was_hi = walk_get(&w, ST_LAST + ST_HI);
	for (uint32_t i = ST_LO; i <= ST_BUCKETS; i += 8) {
		ref mine = walk_get(&w, i), others = walk_get(&w, ST_LAST + i);
		walk_set(&w, i, others);
		walk_set(&w, ST_LAST + i, mine);
	}
	ir_br(LB, bin(&w, OP_ULT, bin(&w, OP_SUB, look, was_lo), bin(&w, OP_SUB, was_hi, was_lo)), have, find);
	ir_at(LB, find);
	walk_mapping(&w, look);
	ir_jmp(LB, have);
	ir_at(LB, have);
	ref n = walk_get(&w, ST_N);
	walk_if(&w, bin(&w, OP_ULT, n, num(&w, depth)), w.stop);
	ir_store(LB, 8, ir_addptr(LB, w.st, bin(&w, OP_SHL, n, num(&w, 3))), UNWIND_FRAMES, pc);
	walk_set(&w, ST_N, bin(&w, OP_ADD, n, num(&w, 1)));
	ir_br(LB, bin(&w, OP_EQ, walk_get(&w, ST_STATE), num(&w, UF_TABLE)), table, by_pointer);
	ir_at(LB, table);
	ref rule = walk_rule(&w, bin(&w, OP_ADD, look, walk_get(&w, ST_DELTA)), by_pointer);
	walk_by_rule(&w, rule, look, lost);
	ir_at(LB, by_pointer);
	walk_by_pointer(&w);
	ir_at(LB, lost);
	lower_count(l, CW_CUT);
	ir_jmp(LB, w.stop);
	ir_at(LB, w.stop);
	ir_ret(LB, num(&w, 1));
	l->b = was;
	return fn;
}
