/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the arguments of a user function are when it is entered: by the calling convention of the processor, from
 * their types. (Debug information has places, too, but those of optimised code are incomplete at the entry, and
 * those of plain code are true only behind the prologue.)
 *
 * The result is a struct whose fields lie in words: word n below ABI_REGISTERS is the n-th register for arguments,
 * and the words from there on are the caller's stack, the first being that above the return address. A struct that
 * is passed in two registers lies in two words that follow each other, and one on the stack likewise: so a field is
 * described by its offset alone, functions whose arguments lie alike share one program, and lowering knows nothing
 * of classes.
 *
 * x86-64 (System V): a value of up to 16 bytes has a class for each 8 of them. Numbers and pointers go to six
 * registers; floating-point numbers go to eight others, which no probe can read; what is larger, or not aligned
 * (packed), or does not find enough registers goes to the stack. A function that returns a struct in memory gets its
 * address as a hidden first argument; so does, in C++, one that returns what cannot be copied bit by bit. arm64:
 * numbers and pointers; what follows a struct that is passed by value is not told.
 *
 * An argument that cannot be read has its field, too, with the reason (field.absent).
 */
#include "probe/probe_priv.h"
#include "sym/dwarf.h"

#if defined(__x86_64__)
enum { ABI_REGISTERS = 6, ABI_FLOATS = 8 };
static const uint8_t abi_dwarf_reg[] = { 5, 4, 1, 2, 8, 9 }; /* rdi rsi rdx rcx r8 r9 */
#else
enum { ABI_REGISTERS = 8, ABI_FLOATS = 8 };
static const uint8_t abi_dwarf_reg[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
#endif

enum { ABI_STACK_MAX = 1 << 16, ABI_DEPTH = 32 };
enum abi_class { ABI_NONE, ABI_INT, ABI_SSE, ABI_MEMORY };

struct abi {
	struct arena *a;
	struct facts *facts;
	uint32_t ints, floats;  /* registers taken */
	uint32_t stack;         /* bytes */
	const char *unknown;    /* why nothing can be told of what follows */
	uint32_t leaves;        /* numbers in the value that is classified */
	bool x87;               /* one is a long double */
	struct type *args;
};

static enum abi_class abi_merge(enum abi_class x, enum abi_class y)
{
	if (x == y || y == ABI_NONE)
		return x;
	if (x == ABI_NONE)
		return y;
	if (x == ABI_MEMORY || y == ABI_MEMORY)
		return ABI_MEMORY;
	return ABI_INT;
}

static void abi_at(enum abi_class *cls, uint32_t off, uint32_t size, uint32_t align, enum abi_class c)
{
	if (align && off % align)
		cls[0] = ABI_MEMORY;
	for (uint32_t at = off / 8; at <= (off + (size ? size - 1 : 0)) / 8 && at < 2; at++)
		cls[at] = abi_merge(cls[at], c);
}

/* The classes of the two halves of a value of at most 16 bytes that begins at `off`. false: the type is not known well enough. */
static bool abi_classify(struct abi *x, struct type *t, uint32_t off, enum abi_class *cls, unsigned depth)
{
	if (depth > ABI_DEPTH || off > 16)
		return false;
	x->leaves += t->kind != T_STRUCT;
	switch (t->kind) {
	case T_STRUCT:
		if (!t->complete && !x->facts->ops->complete(x->facts, t))
			return false;
		for (uint32_t i = 0; i < t->fields.n; i++) {
			const struct field *f = &t->fields.v[i];
			if (f->bit_size)
				abi_at(cls, off + f->offset + f->bit_offset / 8, (f->bit_offset % 8 + f->bit_size + 7u) / 8, 0, ABI_INT);
			else if (!abi_classify(x, f->type, off + f->offset, cls, depth + 1))
				return false;
		}
		return true;
	case T_ARRAY:
		x->x87 |= t->is_float == FLOAT_X87;
		if (t->is_float == FLOAT_X87)
			cls[0] = ABI_MEMORY;
		else if (t->is_float)
			abi_at(cls, off, t->size, t->is_float == FLOAT_WIDE ? t->size : t->size < 8 ? t->size : 8, ABI_SSE);
		else
			for (uint32_t i = 0; i < t->count && i < 16; i++)
				if (!abi_classify(x, t->elem, off + i * t->elem->size, cls, depth + 1))
					return false;
		return true;
	case T_STRING:
		abi_at(cls, off, t->size, 1, ABI_INT);
		return true;
	default:
		abi_at(cls, off, t->size, t->size, ABI_INT);
		return true;
	}
}

/* On the caller's stack: where, as a field's offset. */
static uint32_t abi_push(struct abi *x, uint32_t size, bool wide)
{
	if (wide)
		x->stack = (x->stack + 15) & ~15u;
	uint32_t at = x->stack;
	x->stack += (size + 7) & ~7u;
	return ABI_REGISTERS * 8 + at;
}

/* -- where one argument goes; its absence is set when it is not readable -- */

#if defined(__x86_64__)
static void abi_float(struct abi *x, struct field *f)
{
	uint32_t need = f->type->is_float == FLOAT_PAIR ? 2 : 1;
	bool memory = f->type->is_float == FLOAT_X87 || x->floats + need > ABI_FLOATS;
	if (memory)
		f->offset = abi_push(x, f->type->size, f->type->size >= 16 && f->type->is_float != FLOAT_PAIR);
	else
		x->floats += need;
	if (!memory)
		f->absent = "it is a floating-point number, which lies in a register that probes cannot read";
}

static void abi_struct(struct abi *x, struct field *f)
{
	struct type *t = f->type;
	enum abi_class cls[2] = { ABI_NONE, ABI_NONE };
	bool wide_int = t->kind == T_ARRAY; /* of 128 bits: no array is passed by value */
	bool known = t->kind != T_STRUCT || t->complete || x->facts->ops->complete(x->facts, t);
	if (t->size == 0 && known) {
		f->absent = "it is an empty struct, which is not passed";
		return;
	}
	if (t->size > 16)
		cls[0] = ABI_MEMORY;
	else if ((t->kind == T_STRUCT && t->size > 1 && t->complete && !t->fields.n) || !abi_classify(x, t, 0, cls, 0)) {
		x->unknown = f->absent = "the debug information does not tell its type";
		return;
	}
	uint32_t ints = (cls[0] == ABI_INT) + (cls[1] == ABI_INT), floats = (cls[0] == ABI_SSE) + (cls[1] == ABI_SSE);
	if (cls[0] == ABI_MEMORY || cls[1] == ABI_MEMORY || x->ints + ints > ABI_REGISTERS || x->floats + floats > ABI_FLOATS) {
		f->offset = abi_push(x, t->size, wide_int || t->align > 8);
		return;
	}
	f->offset = x->ints * 8;
	x->ints += ints;
	x->floats += floats;
	if (ints + floats == 0)
		f->absent = "it is an empty struct, which is not passed";
	else if (floats)
		f->absent = ints ? "it is a struct, a part of which lies in a register for floating-point numbers, which probes cannot read" :
				   "it is a struct of floating-point numbers, which lies in registers that probes cannot read";
}
#else
static void abi_float(struct abi *x, struct field *f)
{
	if (x->floats++ >= ABI_FLOATS)
		x->unknown = "where what follows many floating-point numbers lies is not known here";
	f->absent = "it is a floating-point number, which lies in a register that probes cannot read";
}

static void abi_struct(struct abi *x, struct field *f)
{
	x->unknown = f->absent = "where a struct that is passed by value lies is not known for this processor";
}
#endif

static void abi_word(struct abi *x, struct field *f)
{
	if (x->ints < ABI_REGISTERS)
		f->offset = 8 * x->ints++;
	else
		f->offset = abi_push(x, 8, false);
}

static bool abi_is_word(const struct type *t)
{
	return t->kind == T_PTR || t->kind == T_BOOL || type_is_int(t);
}

/* A union of pointers that stands for any of them (GNU's transparent_union): gcc tells its size and no members. The socket functions of
 * glibc take such. */
static bool abi_is_transparent(struct abi *x, struct type *t)
{
	return t->kind == T_STRUCT && t->is_union && t->size == 8 && (t->complete || x->facts->ops->complete(x->facts, t)) && !t->fields.n;
}

static void abi_place(struct abi *x, const struct sym_func *fn, const struct sym_param *p)
{
	struct field f = { .name = p->name, .type = p->type };
	bool c = fn->language == LANG_C;
	if (f.type->kind == T_FUNC) /* as C has it */
		f.type = type_ptr(x->a, f.type, AS_USER);
	else if (abi_is_transparent(x, f.type))
		f.type = type_ptr(x->a, type_new(x->a, T_VOID, 0, 1), AS_USER);
	if (x->unknown)
		f.absent = x->unknown;
	else if (abi_is_word(f.type))
		abi_word(x, &f);
	else if (f.type->is_float)
		abi_float(x, &f);
	else if (c && (f.type->kind == T_STRUCT || f.type->kind == T_ARRAY))
		abi_struct(x, &f);
	else
		x->unknown = f.absent = c ? "the debug information does not tell its type" :
					    "how its language passes such a value, and what follows it, is not known";
	/* Where the debug information contradicts, the compiler has passed it in its own way. */
	if (!f.absent && p->reg >= 0) {
		uint32_t w = f.offset / 8;
		if (w >= ABI_REGISTERS || abi_dwarf_reg[w] != p->reg)
			f.absent = "the compiler does not pass it as it is declared";
	}
	if (f.offset > ABI_STACK_MAX)
		f.absent = "it lies too far up the stack";
	vec_push(x->a, &x->args->fields, f);
}

/* Does the caller give room for the result, as a hidden first argument? */
static bool abi_returns_by_memory(struct abi *x, const struct sym_func *fn)
{
	struct type *t = fn->ret;
	enum abi_class cls[2] = { ABI_NONE, ABI_NONE };
	if (fn->ret_by_memory)
		return true;
	if (t->kind != T_STRUCT)
		return false;
	if (t->size > 16)
		return true;
	if (!t->size || !abi_classify(x, t, 0, cls, 0) || (x->x87 && x->leaves == 1)) /* one long double comes back in its register */
		return false;
	return cls[0] == ABI_MEMORY || cls[1] == ABI_MEMORY;
}

struct type *abi_args(struct arena *a, struct facts *facts, const struct sym_func *fn)
{
	struct abi x = { .a = a, .facts = facts };
	x.args = type_new(a, T_STRUCT, 0, 8);
	x.args->name = str_of(arena_printf(a, "%.*s_args", STR_FMT(fn->name)));
	x.args->complete = true;
	x.args->as = AS_CTX;
#if defined(__x86_64__)
	if (abi_returns_by_memory(&x, fn))
		x.ints++;
#endif
	for (uint32_t i = 0; i < fn->params.n; i++)
		abi_place(&x, fn, &fn->params.v[i]);
	x.args->size = ABI_REGISTERS * 8 + x.stack;
	return x.args;
}

struct type *abi_retval(struct arena *a, struct facts *facts, const struct sym_func *fn, const char **ret_why)
{
	struct abi x = { .a = a, .facts = facts };
	struct type *t = fn->ret;
	*ret_why = NULL;
	if (abi_is_word(t))
		return t;
	if (t->is_float)
		*ret_why = "the function returns a floating-point number, in a register that probes cannot read";
	else if (t->kind == T_STRUCT && fn->language == LANG_C && abi_returns_by_memory(&x, fn)) {
#if defined(__x86_64__)
		return type_ptr(a, t, AS_USER); /* the address of the caller's room is handed back */
#endif
	}
	return NULL;
}
