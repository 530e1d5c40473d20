/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.x. A tracepoint's arguments are a record in its context, and read like one (lower_expr.c). Others are words:
 *
 *   typed programs  the field's offset is that of a word of the context
 *   kprobe          word n is the n-th register for arguments
 *   uprobe          the same, and behind the registers come the words of the caller's stack, above the return address; a struct
 *                   that is passed by value lies in two registers, or on the stack (probe/abi.c has laid it out)
 *
 * A register is wider than a small argument, and what is above the argument's own bits is anything: it is cut off here.
 */
#include "ir/lower_priv.h"

#if defined(__x86_64__)
enum { ARGS_RETURN = 8 }; /* bytes of the return address on the stack */
#else
enum { ARGS_RETURN = 0 };
#endif

ref lower_word_value(struct lower *l, ref word, const struct type *t)
{
	if (t->kind == T_BOOL)
		return ir_bin(LB, OP_NE, ir_un(LB, OP_ZEXT, 1, word), ir_const(LB, 0));
	return lower_extend(l, word, t);
}

bool lower_is_raw_args(const struct lower *l)
{
	return l->cl->provider->typed || l->cl->provider->id == PROV_KPROBE;
}

ref lower_raw_arg(struct lower *l, const struct field *f, const struct type *t)
{
	if (!l->cl->provider->typed)
		return lower_word_value(l, lower_register_word(l, f->offset / 8), f->type);
	if (l->cl->provider->args_by_helper)
		return lower_word_value(l, lower_func_arg(l, f->offset / 8), f->type);
	bool btf = t->kind == T_PTR && t->as == AS_BTF;
	ref v = ir_load(LB, btf ? TY_BTF : TY_I64, 8, false, lower_ctx(l), f->offset);
	return btf ? v : lower_word_value(l, v, f->type);
}

bool lower_is_user_arg(const struct lower *l, const struct node *n)
{
	return n->a->kind == N_BUILTIN && n->a->builtin == B_ARGS && l->cl->provider->id == PROV_UPROBE;
}

static struct place args_stack(struct lower *l, uint32_t off)
{
	return (struct place){ .base = lower_stack_pointer(l), .off = ARGS_RETURN + (int64_t)off, .where = W_USER, .align = 1 };
}

static bool args_on_stack(const struct field *f)
{
	return f->offset >= lower_register_count() * 8;
}

ref lower_stack_word(struct lower *l, int64_t n)
{
	const struct type word = { .kind = T_INT, .size = 8, .align = 8 };
	struct place p = args_stack(l, (uint32_t)n * 8);
	p.where = l->cl->provider->ptr_as == AS_KERNEL ? W_KERN : W_USER;
	return lower_read(l, p, &word, NULL);
}

ref lower_user_arg(struct lower *l, const struct field *f, const struct type *t)
{
	if (args_on_stack(f))
		return lower_read(l, args_stack(l, f->offset - lower_register_count() * 8), t, f);
	return lower_word_value(l, lower_register_word(l, f->offset / 8), t);
}

/* The registers of a field into memory. */
static void args_spill(struct lower *l, struct place dst, const struct field *f)
{
	for (uint32_t k = 0; k * 8 < f->type->size; k++)
		ir_store(LB, 8, dst.base, dst.off + k * 8, lower_register_word(l, f->offset / 8 + k));
}

struct place lower_user_arg_place(struct lower *l, const struct field *f)
{
	if (args_on_stack(f))
		return args_stack(l, f->offset - lower_register_count() * 8);
	struct place p = lower_temp(l, (f->type->size + 7) & ~7u, 8, "arg");
	args_spill(l, p, f);
	return p;
}

struct place lower_user_args(struct lower *l, const struct type *t)
{
	uint32_t regs = lower_register_count() * 8;
	struct place p = lower_temp(l, t->size, 8, "args");
	lower_zero(l, p, t->size < regs ? t->size : regs);
	for (uint32_t i = 0; i < t->fields.n; i++)
		if (!t->fields.v[i].absent && !args_on_stack(&t->fields.v[i]))
			args_spill(l, lower_at(p, t->fields.v[i].offset), &t->fields.v[i]);
	if (t->size > regs)
		lower_copy(l, lower_at(p, regs), args_stack(l, 0), t->size - regs);
	return p;
}
