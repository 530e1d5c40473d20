/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements. The body of a `for` is a function of its own, called back by
 * bpf_loop or bpf_for_each_map_elem: the verifier looks at it once, however
 * often it runs. What it shares with the code around it lies in the frame, a
 * piece of the entry function's stack whose address the callback gets:
 * captured variables, the context, the scratch address, and a flag by which
 * `return` and exit() inside a loop reach the functions outside.
 */
#include "ir/lower_priv.h"

enum { LOOP_MAX = 1 << 23 }; /* BPF_MAX_LOOPS */
enum { LEAVE_PROGRAM = 1, LEAVE_FUNCTION = 2 }; /* the flag of the frame */

const struct call_chain *lower_called(struct lower *l, const struct node *block)
{
	const struct call_chain *outer = l->calls;
	if (block->kind == N_BLOCK && block->call.hi) {
		struct call_chain *c = arena_new(l->a, struct call_chain);
		*c = (struct call_chain){ block->call, outer };
		l->calls = c;
	}
	return outer;
}

void lower_count_assignments(struct lower *l, struct node *n)
{
	if (!n)
		return;
	if ((n->kind == N_ASSIGN || n->kind == N_INCDEC) && n->a->kind == N_VAR && n->a->var && n->a->var->lower)
		((struct var_home *)n->a->var->lower)->assigned += n->kind == N_INCDEC || n->op ? 2 : 1;
	if (n->kind == N_RETURN && n->var && n->var->lower)
		((struct var_home *)n->var->lower)->assigned += 2;
	if (n->kind == N_LET && n->b && n->a->var && n->a->var->lower)
		((struct var_home *)n->a->var->lower)->assigned++;
	if (n->kind == N_UNARY && n->op == O_ADDR && n->a->kind == N_VAR && n->a->var)
		n->a->var->address_taken = true;
	lower_count_assignments(l, n->a);
	lower_count_assignments(l, n->b);
	lower_count_assignments(l, n->c);
	for (uint32_t i = 0; i < n->list.n; i++)
		lower_count_assignments(l, n->list.v[i]);
}

static bool lower_leaves(const struct node *n)
{
	if (!n)
		return false;
	if (n->kind == N_RETURN || (n->kind == N_CALL && n->builtin == B_EXIT))
		return true;
	if (lower_leaves(n->a) || lower_leaves(n->b) || lower_leaves(n->c))
		return true;
	for (uint32_t i = 0; i < n->list.n; i++)
		if (lower_leaves(n->list.v[i]))
			return true;
	return false;
}

/* -- assignments -- */

static void lower_assign_var(struct lower *l, struct var_sym *v, struct node *value)
{
	if (lower_is_value(v->type)) {
		lower_set_var(l, v, lower_scalar(l, value));
	} else if (value->kind == N_VAR && value->var == v) {
		return;
	} else {
		struct place dst = lower_var_place(l, v);
		/* `$s = ... $s ...`: the old value may still be read while the new one is written */
		bool direct = value->kind == N_CALL || value->kind == N_STRING || value->kind == N_BUILTIN || value->kind == N_VAR ||
			      value->kind == N_MAP || value->kind == N_FIELD || (value->kind == N_CAST && value->a->kind != N_VAR);
		if (direct) {
			lower_into(l, value, dst);
		} else {
			struct place t = lower_temp(l, v->type->size, 8, "new");
			lower_into(l, value, t);
			lower_copy(l, dst, t, v->type->size);
		}
	}
}

static void lower_assign(struct lower *l, struct node *n)
{
	if (n->a->kind == N_MAP) {
		if (n->b->kind == N_CALL && (builtin_info[n->b->builtin].flags & BF_AGG))
			lower_map_agg(l, n->a, n->b);
		else if (n->op)
			lower_map_compound(l, n);
		else
			lower_map_assign(l, n->a, n->b);
		return;
	}
	struct var_sym *v = n->a->var;
	if (!n->op) {
		lower_assign_var(l, v, n->b);
		return;
	}
	ref val = lower_scalar(l, n->b);
	lower_set_var(l, v, lower_combine(l, n->op, lower_get_var(l, v), val, v->type, n->b->type, v->type, n->b));
}

static void lower_let(struct lower *l, struct node *n)
{
	struct var_sym *v = n->a->var;
	if (!v || !v->type || v->type->kind == T_NONE)
		return;
	if (n->b)
		lower_assign_var(l, v, n->b);
	else if (lower_is_value(v->type))
		lower_set_var(l, v, ir_const(LB, 0));
	else
		lower_zero(l, lower_var_place(l, v), v->type->size);
}

/* -- loops -- */

struct outer { /* what lowering a callback puts aside */
	struct ir_build b;
	uint32_t fn;
	ref frame_arg;
	bool in_callback;
	struct flow flow;
};

static struct outer lower_enter(struct lower *l, const char *name, const uint8_t *types, unsigned n_args)
{
	struct outer o = { l->b, l->fn, l->frame_arg, l->in_callback, l->flow };
	struct func *f = func_new(l->a, arena_printf(l->a, "%s_%u", name, l->m->funcs.n));
	f->n_args = n_args;
	f->is_callback = true;
	f->span = l->b.span;
	for (unsigned i = 0; i < n_args; i++)
		f->arg_types[i] = types[i];
	l->fn = l->m->funcs.n;
	vec_push(l->a, &l->m->funcs, f);
	l->b = (struct ir_build){ .f = f, .blk = 1, .span = o.b.span };
	l->in_callback = true;
	l->frame_arg = ir_arg(LB, n_args - 1);
	l->flow.cont = func_block(f);
	l->flow.brk = func_block(f);
	l->flow.exit = func_block(f);
	if (l->flow.ret)
		l->flow.ret = func_block(f);
	return o;
}

static uint32_t lower_leave(struct lower *l, const struct outer *o)
{
	uint32_t fn = l->fn;
	ir_jmp(LB, l->flow.cont);
	ir_at(LB, l->flow.cont);
	ir_ret(LB, ir_const(LB, 0));
	ir_at(LB, l->flow.brk);
	ir_ret(LB, ir_const(LB, 1));
	ir_at(LB, l->flow.exit);
	ir_store(LB, 8, l->frame_arg, CELL_FLAG, ir_const(LB, LEAVE_PROGRAM));
	ir_ret(LB, ir_const(LB, 1));
	if (l->flow.ret) {
		ir_at(LB, l->flow.ret);
		ir_store(LB, 8, l->frame_arg, CELL_FLAG, ir_const(LB, LEAVE_FUNCTION));
		ir_ret(LB, ir_const(LB, 1));
	}
	l->b = o->b;
	l->fn = o->fn;
	l->frame_arg = o->frame_arg;
	l->in_callback = o->in_callback;
	l->flow = o->flow;
	return fn;
}

static void lower_after_loop(struct lower *l, const struct node *body)
{
	if (!lower_leaves(body))
		return;
	struct func *f = l->b.f;
	uint32_t go = func_block(f), leave = l->flow.ret ? func_block(f) : l->flow.exit;
	ref flag = ir_load(LB, TY_I64, 8, false, lower_frame(l), CELL_FLAG);
	ir_br(LB, flag, leave, go);
	if (l->flow.ret) {
		uint32_t back = func_block(f);
		ir_at(LB, leave);
		ir_br(LB, ir_bin(LB, OP_EQ, flag, ir_const(LB, LEAVE_FUNCTION)), back, l->flow.exit);
		ir_at(LB, back);
		ir_store(LB, 8, lower_frame(l), CELL_FLAG, ir_const(LB, 0));
		ir_jmp(LB, l->flow.ret);
	}
	ir_at(LB, go);
}

static void lower_for_range(struct lower *l, struct node *n)
{
	static const uint8_t types[] = { TY_I64, TY_STACK };
	struct func *f = l->b.f;
	struct var_sym *v = n->a->var;
	ref from = lower_scalar(l, n->b->a), to = lower_scalar(l, n->b->b);
	uint32_t cell = l->frame_size, count = func_var(f, TY_I64, "count"), some = func_block(f), many = func_block(f),
		 run = func_block(f), join = func_block(f);
	bool constant = n->b->a->kind == N_INT;
	if (!constant) {
		l->frame_size += 8;
		ir_store(LB, 8, lower_frame(l), cell, from);
	}
	ref num = ir_bin(LB, OP_SUB, to, from);
	ir_setvar(LB, count, num);
	ir_br(LB, ir_bin(LB, OP_SGT, num, ir_const(LB, 0)), some, join);
	ir_at(LB, some);
	ir_br(LB, ir_bin(LB, OP_SGT, num, ir_const(LB, LOOP_MAX)), many, run);
	ir_at(LB, many);
	ir_setvar(LB, count, ir_const(LB, LOOP_MAX));
	ir_jmp(LB, run);

	struct outer o = lower_enter(l, "range", types, 2);
	ref i = ir_arg(LB, 0);
	ref base = constant ? ir_const(LB, n->b->a->ival) : ir_load(LB, TY_I64, 8, false, l->frame_arg, cell);
	lower_set_var(l, v, lower_extend(l, ir_bin(LB, OP_ADD, base, i), v->type));
	lower_stmt(l, n->c);
	uint32_t fn = lower_leave(l, &o);

	ir_at(LB, run);
	ir_call(LB, TY_I64, H_loop, 4, ir_getvar(LB, count), ir_fnref(LB, fn), lower_frame(l), ir_const(LB, 0));
	ir_jmp(LB, join);
	ir_at(LB, join);
	lower_after_loop(l, n->c);
}

static void lower_for_map(struct lower *l, struct node *n)
{
	static const uint8_t types[] = { TY_MAPOBJ, TY_MAPV, TY_MAPV, TY_STACK };
	struct map_sym *m = n->b->map;
	struct var_sym *v = n->a->var;
	struct var_home *h = v->lower;
	struct outer o = lower_enter(l, "each", types, 4);
	struct loop_entry e = { .var = v, .key = ir_arg(LB, 1), .value = ir_arg(LB, 2), .fn = l->fn, .map = ir_arg(LB, 0), .up = l->entry };
	l->entry = &e;
	struct var_home whole = *h;
	*h = (struct var_home){ .kind = VK_ENTRY, .map = m, .assigned = h->assigned };
	if (v->captured) { /* a loop inside looks at it: copy it to where that one can reach it */
		struct node self = { .kind = N_VAR, .type = v->type, .var = v, .span = n->a->span };
		struct place t = lower_place(l, &self);
		*h = whole;
		lower_copy(l, lower_var_place(l, v), t, v->type->size);
	}
	lower_stmt(l, n->c);
	l->entry = e.up;
	uint32_t fn = lower_leave(l, &o);
	ir_call(LB, TY_I64, H_for_each_map_elem, 4, ir_mapref(LB, m->index), ir_fnref(LB, fn), lower_frame(l), ir_const(LB, 0));
	lower_after_loop(l, n->c);
}

void lower_loop(struct lower *l, uint32_t head, uint32_t out)
{
	struct func *f = l->b.f;
	struct facts *facts = l->env->facts;
	bool bounded = facts && facts->ops->has(facts, FEAT_MAY_GOTO);
	ref zero = bounded ? ir_load(LB, TY_I64, 8, false, lower_header(l, DW_ZERO), 0) : NOREF;
	ir_jmp(LB, head);
	ir_at(LB, head);
	if (!bounded)
		return;
	uint32_t cut = func_block(f), go = func_block(f);
	f->blocks.v[cut].cold = true;
	ir_br(LB, ir_maygoto(LB, zero), cut, go);
	ir_at(LB, cut);
	lower_count(l, CW_LOOP);
	ir_jmp(LB, out);
	ir_at(LB, go);
}

static void lower_while(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	uint32_t head = func_block(f), body = func_block(f), done = func_block(f);
	struct flow old = l->flow;
	lower_loop(l, head, done);
	lower_condition(l, n->a, body, done);
	ir_at(LB, body);
	l->flow.brk = done;
	l->flow.cont = head;
	lower_stmt(l, n->b);
	ir_jmp(LB, head);
	l->flow = old;
	ir_at(LB, done);
}

static void lower_unroll(struct lower *l, struct node *n)
{
	struct flow old = l->flow;
	uint32_t done = func_block(l->b.f);
	for (int64_t i = 0; i < n->a->ival && i < 100; i++) {
		uint32_t next = func_block(l->b.f);
		l->flow.brk = done;
		l->flow.cont = next;
		lower_stmt(l, n->b);
		ir_jmp(LB, next);
		ir_at(LB, next);
	}
	ir_jmp(LB, done);
	ir_at(LB, done);
	l->flow = old;
}

static void lower_if(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	uint32_t yes = func_block(f), no = n->c ? func_block(f) : 0, join = func_block(f);
	if (n->a->kind == N_BOOL || n->a->kind == N_INT) { /* decided at compile time: the other side is not lowered */
		if (n->a->ival)
			lower_stmt(l, n->b);
		else if (n->c)
			lower_stmt(l, n->c);
		return;
	}
	lower_condition(l, n->a, yes, no ? no : join);
	ir_at(LB, yes);
	lower_stmt(l, n->b);
	ir_jmp(LB, join);
	if (no) {
		ir_at(LB, no);
		lower_stmt(l, n->c);
		ir_jmp(LB, join);
	}
	ir_at(LB, join);
}

void lower_inlined(struct lower *l, struct node *n)
{
	struct flow old = l->flow;
	uint32_t join = func_block(l->b.f);
	for (uint32_t i = 0; i < n->list.n; i++)
		lower_stmt(l, n->list.v[i]);
	if (n->a) { /* a way through the body that returns nothing */
		if (lower_is_value(n->a->type))
			lower_set_var(l, n->a->var, ir_const(LB, 0));
		else
			lower_zero(l, lower_var_place(l, n->a->var), n->a->type->size);
	}
	l->flow.ret = join;
	l->flow.brk = l->flow.cont = 0;
	lower_stmt(l, n->b);
	ir_jmp(LB, join);
	ir_at(LB, join);
	l->flow = old;
}

void lower_stmt(struct lower *l, struct node *n)
{
	struct span old = l->b.span;
	uint32_t top = l->scratch_top;
	if (n->kind != N_BLOCK)
		l->b.span = n->span;
	switch (n->kind) {
	case N_BLOCK: {
		const struct call_chain *outer = lower_called(l, n);
		for (uint32_t i = 0; i < n->list.n; i++)
			lower_stmt(l, n->list.v[i]);
		if (n->a)
			lower_discard(l, n->a);
		l->calls = outer;
		break;
	}
	case N_EXPRSTMT:
	case N_DISCARD:
		lower_discard(l, n->a);
		break;
	case N_LET:
		lower_let(l, n);
		break;
	case N_ASSIGN:
		lower_assign(l, n);
		break;
	case N_IF:
		lower_if(l, n);
		break;
	case N_WHILE:
		lower_while(l, n);
		break;
	case N_UNROLL:
		lower_unroll(l, n);
		break;
	case N_FOR:
		if (n->b->kind == N_RANGE)
			lower_for_range(l, n);
		else
			lower_for_map(l, n);
		break;
	case N_BREAK:
		ir_jmp(LB, l->flow.brk ? l->flow.brk : l->flow.exit);
		break;
	case N_CONTINUE:
		ir_jmp(LB, l->flow.cont ? l->flow.cont : l->flow.exit);
		break;
	case N_RETURN:
		if (n->ival) {
			if (n->var && n->a)
				lower_assign_var(l, n->var, n->a);
			ir_jmp(LB, l->flow.ret);
			break;
		}
		if (n->a && (l->cl->provider->id == PROV_TEST || l->cl->provider->id == PROV_BENCH))
			ir_store(LB, 8, lower_header(l, DW_RESULT), 0, lower_scalar(l, n->a));
		else if (n->a)
			lower_discard(l, n->a);
		ir_jmp(LB, l->flow.exit);
		break;
	default:
		lower_discard(l, n);
	}
	l->scratch_top = top;
	l->b.span = old;
}
