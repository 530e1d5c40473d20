/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions on text and bytes that are more than one helper: the names of
 * errors, signals and system calls; searching, comparing, joining.
 *
 * Names lie in rodata, one row of NAME_ROW bytes for each number, the last row being what unknown numbers are called: a name is an
 * address, and costs a comparison and a shift. A table is put there when a program first asks for it.
 *
 * Searching is a callback of bpf_loop for each position, with the comparison as its loop: the verifier looks at one
 * position, however long the text is. What callbacks look at lies in map values, not on the stack, where the verifier follows
 * each byte. strcontains() and memcmp() share the same two loops.
 */
#include <stdio.h>

#include "ir/lower_priv.h"

enum { NAME_ROW = 64, NAME_MAX = 512, CONCAT_SIZE = 1024 };

/* -- names -- */

struct name_row {
	uint16_t number;
	const char *text;
};
static const struct name_row name_errors[] = {
#define NAME_ERROR(number, text) { number, text },
#define NAME_SIGNAL(number, text)
#include "ir/name.def"
#undef NAME_ERROR
#undef NAME_SIGNAL
};
static const struct name_row name_signals[] = {
#define NAME_ERROR(number, text)
#define NAME_SIGNAL(number, text) { number, text },
#include "ir/name.def"
#undef NAME_ERROR
#undef NAME_SIGNAL
};
static const struct name_row name_syscalls[] = {
#if defined(__x86_64__)
#define SYSCALL(number, name, function) { number, name },
#include "sema/syscall.def"
#undef SYSCALL
#else
	{ 0, "Unknown syscall" }, /* no table of this processor */
#endif
};

bool lower_is_name(const struct node *n)
{
	return n->kind == N_CALL && (n->builtin == B_STRERROR || n->builtin == B_SIGNAL_NAME || n->builtin == B_SYSCALL_NAME);
}

/* The table of the builtin: its offset in rodata, and how many rows precede the one of unknown numbers. */
static uint32_t name_table(struct lower *l, int builtin, uint32_t *ret_rows)
{
	enum { FIRST_RT = 34, LAST_RT = 64 };
	const struct name_row *rows = builtin == B_STRERROR ? name_errors : builtin == B_SIGNAL_NAME ? name_signals : name_syscalls;
	size_t n = builtin == B_STRERROR ? sizeof(name_errors) : builtin == B_SIGNAL_NAME ? sizeof(name_signals) : sizeof(name_syscalls);
	const char *unknown = builtin == B_STRERROR ? "Unknown error" : builtin == B_SIGNAL_NAME ? "N/A" : "Unknown syscall";
	uint32_t *off = builtin == B_STRERROR ? &l->names[0] : builtin == B_SIGNAL_NAME ? &l->names[1] : &l->names[2];
	uint32_t max = builtin == B_SIGNAL_NAME ? LAST_RT : 0;
	n /= sizeof(*rows);
	for (size_t i = 0; i < n; i++)
		if (rows[i].number > max && rows[i].number < NAME_MAX)
			max = rows[i].number;
	*ret_rows = max + 1;
	if (*off)
		return *off;
	char *t = arena_alloc(l->a, (size_t)(max + 2) * NAME_ROW);
	for (uint32_t i = 0; i <= max + 1; i++) {
		if (builtin == B_SIGNAL_NAME && i >= FIRST_RT && i <= LAST_RT)
			snprintf(t + (size_t)i * NAME_ROW, NAME_ROW, "Real-time signal %u", i - FIRST_RT);
		else
			snprintf(t + (size_t)i * NAME_ROW, NAME_ROW, "%s", unknown);
	}
	for (size_t i = 0; i < n; i++)
		if (rows[i].number <= max) {
			memset(t + (size_t)rows[i].number * NAME_ROW, 0, NAME_ROW);
			snprintf(t + (size_t)rows[i].number * NAME_ROW, NAME_ROW, "%s", rows[i].text);
		}
	return *off = lower_rodata_off(l, t, (max + 2) * NAME_ROW);
}

struct place lower_name_place(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	uint32_t rows, off = name_table(l, n->builtin, &rows), v = func_var(f, TY_I64, "row"), known = func_block(f), join = func_block(f);
	ref x = lower_scalar(l, n->list.v[0]);
	if (n->builtin == B_STRERROR) { /* what system calls return is negative */
		uint32_t w = func_var(f, TY_I64, "errno"), neg = func_block(f), abs = func_block(f);
		ir_setvar(LB, w, x);
		ir_br(LB, ir_bin(LB, OP_SLT, x, ir_const(LB, 0)), neg, abs);
		ir_at(LB, neg);
		ir_setvar(LB, w, ir_un(LB, OP_NEG, 8, x));
		ir_jmp(LB, abs);
		ir_at(LB, abs);
		x = ir_getvar(LB, w);
	}
	ir_setvar(LB, v, ir_const(LB, rows));
	ir_br(LB, ir_bin(LB, OP_ULT, x, ir_const(LB, rows)), known, join);
	ir_at(LB, known);
	ir_setvar(LB, v, x);
	ir_jmp(LB, join);
	ir_at(LB, join);
	ref at = ir_bin(LB, OP_SHL, ir_getvar(LB, v), ir_const(LB, 6));
	_Static_assert(NAME_ROW == 1 << 6, "the shift above");
	return (struct place){ .base = ir_addptr(LB, ir_mapval(LB, 0, REGION(RG_RODATA, off)), at), .where = W_MEM, .align = 8,
			       .constant = true };
}

/* The name of an attach point: a row of a table, too, where `probe` must be a string because other values of the map or variable are. */
void lower_probe_name(struct lower *l, struct place dst, const struct type *t, uint32_t size, ref index)
{
	const struct sema *s = l->s;
	struct func *f = l->b.f;
	uint32_t row = 8, n = s->attaches.n, v = func_var(f, TY_I64, "row"), known = func_block(f), join = func_block(f);
	for (uint32_t i = 0; i < n; i++)
		while (s->attaches.v[i]->name.len + 1 > row)
			row += 8;
	uint32_t *names = &l->probe_names[t->brief];
	if (!*names) {
		char *text = arena_alloc(l->a, (size_t)(n + 1) * row);
		for (uint32_t i = 0; i < n; i++) {
			struct str name = type_probe_name(t, s->attaches.v[i]->name);
			memcpy(text + (size_t)i * row, name.s, name.len);
		}
		*names = lower_rodata_off(l, text, (n + 1) * row);
	}
	ir_setvar(LB, v, ir_const(LB, n)); /* the last row is empty */
	ir_br(LB, ir_bin(LB, OP_ULT, index, ir_const(LB, n)), known, join);
	ir_at(LB, known);
	ir_setvar(LB, v, index);
	ir_jmp(LB, join);
	ir_at(LB, join);
	ref off = ir_bin(LB, OP_MUL, ir_getvar(LB, v), ir_const(LB, row));
	struct place src = { .base = ir_addptr(LB, ir_mapval(LB, 0, REGION(RG_RODATA, *names)), off), .where = W_MEM, .align = 8,
			     .constant = true };
	lower_string_copy(l, dst, size, src, row);
}

/* -- bytes in map values -- */

static bool text_is_address(const struct type *t)
{
	return t->kind == T_PTR || type_is_int(t);
}

/* Where the bytes of a string, array, buffer are, in map memory. *ret_size: how many. */
static ref text_mapped(struct lower *l, struct node *n, uint32_t *ret_size)
{
	struct place p = lower_place(l, n);
	*ret_size = n->type->size;
	if (n->type->kind == T_BUFFER) {
		p = lower_at(p, 4);
		*ret_size -= 4;
	}
	if (p.where == W_MEM && l->b.f->ins.v[p.base].ty == TY_MAPV)
		return lower_address(l, p);
	struct place t = { .base = lower_scratch(l, lower_scratch_alloc(l, *ret_size)), .where = W_MEM, .align = 8 };
	lower_copy(l, t, p, *ret_size);
	return t.base;
}

/* -- strstr, strcontains -- */

enum { TEXT_WALK = 8, FIND_HAY = 0, FIND_NEEDLE = 8, FIND_RESULT = 16, FIND_SIZE = 24 };

/* A loop over at most n bytes. The verifier walks short ones; of long ones it shall look at one round only. */
static void text_loop(struct lower *l, uint32_t n, uint32_t head, uint32_t out)
{
	if (n > TEXT_WALK) {
		lower_loop(l, head, out);
		return;
	}
	ir_jmp(LB, head);
	ir_at(LB, head);
}

/* The callback: does the needle (up to its NUL or `needle` bytes) begin at position arg 0 of the hay? */
static uint32_t text_find_fn(struct lower *l, uint32_t hay, uint32_t needle)
{
	struct func *f = func_new(l->a, arena_printf(l->a, "find_%u", l->m->funcs.n));
	static const uint8_t types[] = { TY_I64, TY_STACK };
	struct ir_build outer = l->b;
	f->is_callback = true;
	f->n_args = 2;
	memcpy(f->arg_types, types, sizeof(types));
	f->span = l->b.span;
	l->b = (struct ir_build){ .f = f, .blk = 1, .span = l->b.span };
	uint32_t v = func_var(f, TY_I64, "j"), start = func_block(f), head = func_block(f), more = func_block(f), body = func_block(f),
		 load = func_block(f), next = func_block(f), miss = func_block(f), found = func_block(f), stop = func_block(f),
		 on = func_block(f);
	ref i = ir_arg(LB, 0), ctx = ir_arg(LB, 1);
	ir_br(LB, ir_bin(LB, OP_ULT, i, ir_const(LB, hay)), start, stop);
	ir_at(LB, start);
	ref h = ir_load(LB, TY_MAPV, 8, false, ctx, FIND_HAY), s = ir_load(LB, TY_MAPV, 8, false, ctx, FIND_NEEDLE);
	ir_setvar(LB, v, ir_const(LB, 0));
	text_loop(l, needle, head, stop);
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v), ir_const(LB, needle)), more, found);
	ir_at(LB, more);
	ref c = ir_load(LB, TY_I64, 1, false, ir_addptr(LB, s, ir_getvar(LB, v)), 0);
	ir_br(LB, c, body, found);
	ir_at(LB, body);
	ref k = ir_bin(LB, OP_ADD, i, ir_getvar(LB, v));
	ir_br(LB, ir_bin(LB, OP_ULT, k, ir_const(LB, hay)), load, stop);
	ir_at(LB, load);
	ref x = ir_load(LB, TY_I64, 1, false, ir_addptr(LB, h, k), 0);
	ir_br(LB, ir_bin(LB, OP_EQ, x, c), next, miss);
	ir_at(LB, next);
	ir_setvar(LB, v, ir_bin(LB, OP_ADD, ir_getvar(LB, v), ir_const(LB, 1)));
	ir_jmp(LB, head);
	ir_at(LB, miss);
	ir_br(LB, x, on, stop);
	ir_at(LB, found);
	ir_store(LB, 8, ctx, FIND_RESULT, i);
	ir_jmp(LB, stop);
	ir_at(LB, stop);
	ir_ret(LB, ir_const(LB, 1));
	ir_at(LB, on);
	ir_ret(LB, ir_const(LB, 0));
	l->b = outer;
	vec_push(l->a, &l->m->funcs, f);
	return l->m->funcs.n - 1;
}

ref lower_strstr(struct lower *l, struct node *n)
{
	uint32_t top = l->scratch_top, hay, needle;
	ref h = text_mapped(l, n->list.v[0], &hay), s = text_mapped(l, n->list.v[1], &needle);
	ref ctx = ir_slot(LB, func_slot(l->b.f, FIND_SIZE, 8, "find"));
	ir_store(LB, 8, ctx, FIND_HAY, h);
	ir_store(LB, 8, ctx, FIND_NEEDLE, s);
	ir_store(LB, 8, ctx, FIND_RESULT, ir_const(LB, -1));
	uint32_t fn = text_find_fn(l, hay, needle);
	ir_call(LB, TY_I64, H_loop, 4, ir_const(LB, hay), ir_fnref(LB, fn), ctx, ir_const(LB, 0));
	ref r = ir_load(LB, TY_I64, 8, false, ctx, FIND_RESULT);
	l->scratch_top = top;
	return n->builtin == B_STRCONTAINS ? ir_bin(LB, OP_SGE, r, ir_const(LB, 0)) : r;
}

/* -- memcmp -- */

/* An operand of memcmp: at most `want` bytes; those behind an address are read. */
static ref text_bytes(struct lower *l, struct node *n, uint32_t want, uint32_t *ret_size)
{
	if (!text_is_address(n->type))
		return text_mapped(l, n, ret_size);
	struct place t = { .base = lower_scratch(l, lower_scratch_alloc(l, want)), .where = W_MEM, .align = 8 };
	ref ptr = lower_scalar(l, n);
	struct place src = { .base = ptr, .align = 1, .where = lower_arg_where(l, n, ptr) };
	lower_copy(l, t, src, want);
	*ret_size = want;
	return t.base;
}

ref lower_memcmp(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	struct node *len = n->list.v[2];
	uint32_t top = l->scratch_top, size[2], most = l->s->config.max_strlen ? l->s->config.max_strlen : 1;
	bool literal = len->kind == N_INT;
	if (literal && len->ival >= 0 && len->ival < most)
		most = (uint32_t)len->ival;
	if (literal && most == 0)
		return ir_const(LB, 0);
	ref x = text_bytes(l, n->list.v[0], most, &size[0]), y = text_bytes(l, n->list.v[1], most, &size[1]);
	uint32_t end = most < size[0] ? most : size[0];
	end = end < size[1] ? end : size[1];
	ref count = literal ? NOREF : lower_scalar(l, len);
	uint32_t v = func_var(f, TY_I64, "j"), result = func_var(f, TY_I64, "difference");
	uint32_t head = func_block(f), in = func_block(f), body = func_block(f), next = func_block(f), differ = func_block(f),
		 join = func_block(f);
	ir_setvar(LB, v, ir_const(LB, 0));
	ir_setvar(LB, result, ir_const(LB, 0));
	text_loop(l, end, head, join);
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v), ir_const(LB, end)), in, join);
	ir_at(LB, in);
	if (count)
		ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v), count), body, join);
	else
		ir_jmp(LB, body);
	ir_at(LB, body);
	ref p = ir_load(LB, TY_I64, 1, false, ir_addptr(LB, x, ir_getvar(LB, v)), 0);
	ref q = ir_load(LB, TY_I64, 1, false, ir_addptr(LB, y, ir_getvar(LB, v)), 0);
	ir_br(LB, ir_bin(LB, OP_EQ, p, q), next, differ);
	ir_at(LB, next);
	ir_setvar(LB, v, ir_bin(LB, OP_ADD, ir_getvar(LB, v), ir_const(LB, 1)));
	ir_jmp(LB, head);
	ir_at(LB, differ);
	ir_setvar(LB, result, ir_bin(LB, OP_SUB, p, q));
	ir_jmp(LB, join);
	ir_at(LB, join);
	l->scratch_top = top;
	return ir_getvar(LB, result);
}

/* -- str_concat -- */

/* Both behind one another in scratch memory that has room for both, so that no length needs a test; then as much as the result holds. */
void lower_concat_into(struct lower *l, struct node *n, struct place dst)
{
	struct node *a = n->list.v[0], *b = n->list.v[1];
	uint32_t top = l->scratch_top, room = a->type->size + b->type->size;
	struct place t = { .base = lower_scratch(l, lower_scratch_alloc(l, room)), .where = W_MEM, .align = 8 };
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "end"), some = func_block(f), fits = func_block(f), join = func_block(f);
	struct place src = lower_place(l, a);
	lower_zero(l, t, room);
	ref len = lower_read_str(l, t, a->type->size, NOREF, lower_address(l, src), src.where == W_USER ? W_USER : W_KERN, false);
	src = lower_place(l, b);
	ir_setvar(LB, v, ir_const(LB, 0));
	ir_br(LB, len, some, fits);
	ir_at(LB, some);
	ir_setvar(LB, v, ir_bin(LB, OP_SUB, len, ir_const(LB, 1)));
	ir_jmp(LB, fits);
	ir_at(LB, fits);
	uint32_t ok = func_block(f);
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v), ir_const(LB, a->type->size)), ok, join); /* for the verifier */
	ir_at(LB, ok);
	struct place end = { .base = ir_addptr(LB, t.base, ir_getvar(LB, v)), .where = W_MEM, .align = 1 };
	lower_read_str(l, end, b->type->size, NOREF, lower_address(l, src), src.where == W_USER ? W_USER : W_KERN, false);
	ir_jmp(LB, join);
	ir_at(LB, join);
	if (room > CONCAT_SIZE)
		ir_store(LB, 1, t.base, CONCAT_SIZE - 1, ir_const(LB, 0));
	lower_string_copy(l, dst, n->type->size, t, room);
	l->scratch_top = top;
}

/* -- words -- */

static void text_put(struct lower *l, ref at, const char *s)
{
	for (unsigned k = 0; s[k]; k++)
		ir_store(LB, 1, at, k, ir_const(LB, (uint64_t)s[k]));
}

/*
 * The strings at t, a NUL before each and `used` bytes together, to `to`, each in quotation marks; marks and backslashes within get a
 * backslash. The verifier shall see as few states as it can: where the next byte goes is any number below a power of two to it,
 * whatever the bytes before were; and every branch in the loop counts, where it must walk all rounds.
 */
static void text_quote(struct lower *l, struct place t, ref used, ref more, struct place to, uint32_t size, uint32_t mask)
{
	struct func *f = l->b.f;
	uint32_t v_i = func_var(f, TY_I64, "i"), v_out = func_var(f, TY_I64, "out");
	uint32_t head = func_block(f), fits = func_block(f), body = func_block(f), word = func_block(f), mark = func_block(f), text = func_block(f),
		 quiet = func_block(f), escape = func_block(f), plain = func_block(f), next = func_block(f), cut = func_block(f), close = func_block(f), dots = func_block(f), done = func_block(f);
	text_put(l, to.base, "\"");
	ir_setvar(LB, v_i, ir_const(LB, 1));
	ir_setvar(LB, v_out, ir_bin(LB, OP_AND, ir_bin(LB, OP_ADD, ir_load(LB, TY_I64, 8, false, lower_header(l, DW_ZERO), 0), ir_const(LB, 1)),
				   ir_const(LB, mask)));
	lower_loop(l, head, close);
	ref i = ir_getvar(LB, v_i), out = ir_getvar(LB, v_out);
	ir_br(LB, ir_bin(LB, OP_ULT, i, ir_const(LB, size)), fits, close);
	ir_at(LB, fits);
	ir_br(LB, ir_bin(LB, OP_ULT, out, ir_const(LB, size - 8)), body, cut);
	ir_at(LB, body);
	ref end = ir_addptr(LB, to.base, out);
	ref c = ir_load(LB, TY_I64, 1, false, ir_addptr(LB, t.base, ir_bin(LB, OP_AND, i, ir_const(LB, mask))), 0);
	ir_br(LB, c, text, word);
	ir_at(LB, word);
	ir_br(LB, ir_bin(LB, OP_ULT, i, used), mark, close); /* all is NULs behind the last */
	ir_at(LB, mark);
	text_put(l, end, "\" \"");
	ir_setvar(LB, v_out, ir_bin(LB, OP_ADD, out, ir_const(LB, 3)));
	ir_jmp(LB, next);
	ir_at(LB, text);
	ir_br(LB, ir_bin(LB, OP_EQ, c, ir_const(LB, '"')), escape, quiet);
	ir_at(LB, quiet);
	ir_br(LB, ir_bin(LB, OP_EQ, c, ir_const(LB, '\\')), escape, plain);
	ir_at(LB, escape);
	text_put(l, end, "\\");
	ir_store(LB, 1, end, 1, c);
	ir_setvar(LB, v_out, ir_bin(LB, OP_ADD, out, ir_const(LB, 2)));
	ir_jmp(LB, next);
	ir_at(LB, plain);
	ir_store(LB, 1, end, 0, c);
	ir_setvar(LB, v_out, ir_bin(LB, OP_ADD, out, ir_const(LB, 1)));
	ir_jmp(LB, next);
	ir_at(LB, next);
	ir_setvar(LB, v_out, ir_bin(LB, OP_AND, ir_getvar(LB, v_out), ir_const(LB, mask)));
	ir_setvar(LB, v_i, ir_bin(LB, OP_ADD, i, ir_const(LB, 1)));
	ir_jmp(LB, head);
	ir_at(LB, cut); /* what is not shown, and so has no mark at its end */
	text_put(l, ir_addptr(LB, to.base, ir_bin(LB, OP_AND, out, ir_const(LB, mask))), "...");
	ir_jmp(LB, done);
	ir_at(LB, close);
	end = ir_addptr(LB, to.base, ir_bin(LB, OP_AND, ir_getvar(LB, v_out), ir_const(LB, mask)));
	text_put(l, end, "\"");
	ir_br(LB, more, dots, done);
	ir_at(LB, dots);
	text_put(l, end, "\" ...");
	ir_jmp(LB, done);
	ir_at(LB, done);
}

/* A NUL, and the string that stands before the others. */
static void text_first(struct lower *l, struct node *first, struct place t, uint32_t size, uint32_t v_used, uint32_t v_more)
{
	struct func *f = l->b.f;
	uint32_t some = func_block(f), join = func_block(f);
	struct place src = lower_place(l, first), word = { .base = t.base, .off = 1, .where = W_MEM, .align = 1 };
	ref len = lower_read_str(l, word, size, NOREF, lower_address(l, src), src.where == W_USER ? W_USER : W_KERN, false);
	ir_setvar(LB, v_more, ir_const(LB, 0));
	ir_setvar(LB, v_used, ir_const(LB, 1));
	ir_br(LB, len, some, join);
	ir_at(LB, some);
	ir_setvar(LB, v_used, len);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

/*
 * words(argv, n): up to n strings of a NULL-terminated array of pointers, a blank before each, as far as the result holds them; "..." when
 * there are more than n. In scratch memory with room for one string behind the result, so that no length needs a test.
 * quoted(first, argv, n): they and a string before them, from there to other memory in quotation marks.
 */
void lower_words_into(struct lower *l, struct node *n, struct place dst)
{
	struct func *f = l->b.f;
	const bool quoted = n->builtin == B_QUOTED;
	const uint32_t size = n->type->size, room = size * 2 + 8;
	struct node *array = n->list.v[quoted], *most = n->list.v[quoted + 1];
	ref argv = lower_scalar(l, array);
	enum where w = lower_arg_where(l, array, argv);
	uint32_t top = l->scratch_top;
	struct place t = { .base = lower_scratch(l, lower_scratch_alloc(l, room)), .where = W_MEM, .align = 8 };
	uint32_t v_i = func_var(f, TY_I64, "i"), v_used = func_var(f, TY_I64, "used");
	uint32_t head = func_block(f), some = func_block(f), fits = func_block(f), one = func_block(f), more = func_block(f), done = func_block(f);
	struct type pt = { .kind = T_PTR, .size = 8, .align = 8 };
	uint32_t v_more = quoted ? func_var(f, TY_I64, "more") : 0;
	lower_zero(l, t, room);
	ir_setvar(LB, v_i, ir_const(LB, 0));
	ir_setvar(LB, v_used, ir_const(LB, 0));
	if (quoted)
		text_first(l, n->list.v[0], t, size, v_used, v_more);
	lower_loop(l, head, done);
	struct place at = { .base = ir_bin(LB, OP_ADD, argv, ir_bin(LB, OP_SHL, ir_getvar(LB, v_i), ir_const(LB, 3))), .align = 1, .where = w };
	ref p = lower_read(l, at, &pt, NULL);
	ir_br(LB, p, some, done);
	ir_at(LB, some);
	ir_br(LB, ir_bin(LB, OP_ULE, ir_getvar(LB, v_used), ir_const(LB, size - 2)), fits, done);
	ir_at(LB, fits);
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v_i), ir_const(LB, (uint64_t)most->ival)), one, more);
	ir_at(LB, one);
	ref end = ir_addptr(LB, t.base, ir_getvar(LB, v_used));
	ir_store(LB, 1, end, 0, ir_const(LB, quoted ? 0 : ' '));
	struct place word = { .base = end, .off = 1, .where = W_MEM, .align = 1 };
	ref len = lower_read_str(l, word, size, NOREF, p, w, false);
	uint32_t read = func_block(f), empty = func_block(f), next = func_block(f);
	ir_br(LB, len, read, empty);
	ir_at(LB, read);
	ir_setvar(LB, v_used, ir_bin(LB, OP_ADD, ir_getvar(LB, v_used), len)); /* the blank, without the NUL */
	ir_jmp(LB, next);
	ir_at(LB, empty); /* it could not be read */
	ir_setvar(LB, v_used, ir_bin(LB, OP_ADD, ir_getvar(LB, v_used), ir_const(LB, 1)));
	ir_jmp(LB, next);
	ir_at(LB, next);
	ir_setvar(LB, v_i, ir_bin(LB, OP_ADD, ir_getvar(LB, v_i), ir_const(LB, 1)));
	ir_jmp(LB, head);
	ir_at(LB, more);
	if (quoted)
		ir_setvar(LB, v_more, ir_const(LB, 1));
	else
		text_put(l, ir_addptr(LB, t.base, ir_getvar(LB, v_used)), " ...");
	ir_jmp(LB, done);
	ir_at(LB, done);
	if (quoted) {
		uint32_t mask = 1;
		while (mask < size - 1)
			mask = mask * 2 + 1;
		struct place to = { .base = lower_scratch(l, lower_scratch_alloc(l, mask + 25)), .where = W_MEM, .align = 8 };
		lower_zero(l, to, mask + 25);
		/* by way of memory, atomically: all ways out of the loop above are one to the verifier, or it would walk each through the next loop */
		ir_atomic(LB, OP_AADD, 8, to.base, mask + 9, ir_getvar(LB, v_used));
		ir_atomic(LB, OP_AADD, 8, to.base, mask + 17, ir_getvar(LB, v_more));
		ref used = ir_load(LB, TY_I64, 8, false, to.base, mask + 9), rest = ir_load(LB, TY_I64, 8, false, to.base, mask + 17);
		text_quote(l, t, used, rest, to, size, mask);
		t = to;
	}
	ir_store(LB, 1, t.base, size - 1, ir_const(LB, 0));
	lower_string_copy(l, dst, size, t, quoted ? size : room);
	l->scratch_top = top;
}

/* -- find(@m, key, $v) -- */

ref lower_find(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	const struct map_sym *m = n->list.v[0]->map;
	struct var_sym *to = n->list.v[1]->var;
	uint32_t v = func_var(f, TY_I64, "found"), some = func_block(f), join = func_block(f);
	ir_setvar(LB, v, ir_const(LB, 0));
	ref key = lower_key(l, m, n->list.v[0]->a);
	ref p = ir_call(LB, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(LB, m->index), key);
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), some, join);
	ir_at(LB, some);
	struct place src = { .base = p, .where = W_MEM, .align = 8 };
	if (type_is_agg(m->value))
		lower_set_var(l, to, lower_entry_sum(l, m, key));
	else if (lower_is_value(m->value))
		lower_set_var(l, to, lower_extend(l, lower_read(l, src, m->value, NULL), to->type));
	else
		lower_cast_place(l, lower_var_place(l, to), to->type, src, m->value);
	ir_setvar(LB, v, ir_const(LB, 1));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}
