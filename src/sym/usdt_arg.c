/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of static probes. A note has them as the compiler wrote the operands of an inline assembly, each
 * with its size before it, negative when signed:
 *
 *   x86-64   -4@%edi   8@$16   4@-20(%rbp)   8@table+8(,%rax,8)   4@counter(%rip)   8@$sym   1@%ah
 *   arm64    -4@w0     8@16    4@[sp, 12]    8@[x1, x2, lsl 3]    4@[x0, w1, sxtw 2]
 *
 * All of them are a sum of two registers and a number, and perhaps the memory there (struct usdt_arg). An address
 * that is given by a symbol is made relative to the probe's own address, which is known when it fires: so it does
 * not matter where the program was loaded. What is no integer (a float in an SSE register), or not understood, is
 * kept with the reason and is an error only when used.
 *
 * The text may be of any origin: every number is checked for overflow, every count for its bound.
 */
#include <elf.h>

#include "sym/usdt.h"

enum { ARG_MAX_TEXT = 4096 };

struct arg_reader {
	struct arena *a;
	const char *s, *end;     /* the operand */
	uint16_t machine;
	uint64_t pc;
	sym_usdt_symbol *symbol;
	void *arg;
	struct usdt_arg *out;
	uint32_t width;          /* of the register that holds the value, 0: not in a register */
};

/* -- registers -- */

struct arg_reg { int16_t at; uint8_t size; };

/* Offsets in struct pt_regs, by name without the width's letters. */
static const struct { const char *names[4]; int16_t at; } arg_x86[] = { /* 8, 4, 2, 1 bytes */
	{ { "rax", "eax", "ax", "al" }, 80 },   { { "rbx", "ebx", "bx", "bl" }, 40 },     { { "rcx", "ecx", "cx", "cl" }, 88 },
	{ { "rdx", "edx", "dx", "dl" }, 96 },   { { "rsi", "esi", "si", "sil" }, 104 },   { { "rdi", "edi", "di", "dil" }, 112 },
	{ { "rbp", "ebp", "bp", "bpl" }, 32 },  { { "rsp", "esp", "sp", "spl" }, 152 },   { { "r8", "r8d", "r8w", "r8b" }, 72 },
	{ { "r9", "r9d", "r9w", "r9b" }, 64 },  { { "r10", "r10d", "r10w", "r10b" }, 56 }, { { "r11", "r11d", "r11w", "r11b" }, 48 },
	{ { "r12", "r12d", "r12w", "r12b" }, 24 }, { { "r13", "r13d", "r13w", "r13b" }, 16 }, { { "r14", "r14d", "r14w", "r14b" }, 8 },
	{ { "r15", "r15d", "r15w", "r15b" }, 0 }, { { "", "", "", "ah" }, 81 },            { { "", "", "", "bh" }, 41 },
	{ { "", "", "", "ch" }, 89 },           { { "", "", "", "dh" }, 97 },
};

static bool arg_x86_reg(struct str name, struct arg_reg *ret)
{
	for (uint32_t i = 0; i < sizeof(arg_x86) / sizeof(arg_x86[0]); i++) {
		for (uint32_t k = 0; k < 4; k++) {
			if (name.len && str_is(name, arg_x86[i].names[k])) {
				*ret = (struct arg_reg){ arg_x86[i].at, (uint8_t)(8 >> k) };
				return true;
			}
		}
	}
	return false;
}

/* x0 ... x30, w0 ... w30, sp, wsp; xzr and wzr are no registers but the number 0. */
static bool arg_arm_reg(struct str name, struct arg_reg *ret)
{
	static const struct { const char *name; int16_t at; uint8_t size; } others[] = {
		{ "sp", 248, 8 }, { "wsp", 248, 4 }, { "fp", 29 * 8, 8 }, { "lr", 30 * 8, 8 },
		{ "xzr", USDT_NO_REG, 8 }, { "wzr", USDT_NO_REG, 4 },
	};
	for (uint32_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (str_is(name, others[i].name)) {
			*ret = (struct arg_reg){ others[i].at, others[i].size };
			return true;
		}
	}
	if (name.len < 2 || name.len > 3 || (name.s[0] != 'x' && name.s[0] != 'w') ||
	    (name.len == 3 && name.s[1] == '0'))
		return false;
	uint32_t n = 0;
	for (uint32_t i = 1; i < name.len; i++) {
		if (name.s[i] < '0' || name.s[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(name.s[i] - '0');
	}
	if (n > 30)
		return false;
	*ret = (struct arg_reg){ (int16_t)(n * 8), name.s[0] == 'x' ? 8 : 4 };
	return true;
}

/* -- the operand's parts -- */

static bool arg_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool arg_is_word(char c)
{
	return arg_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$';
}

static void arg_blanks(struct arg_reader *r)
{
	while (r->s < r->end && (*r->s == ' ' || *r->s == '\t'))
		r->s++;
}

static bool arg_take(struct arg_reader *r, char c)
{
	arg_blanks(r);
	if (r->s >= r->end || *r->s != c)
		return false;
	r->s++;
	return true;
}

static struct str arg_word(struct arg_reader *r)
{
	const char *from = r->s;
	while (r->s < r->end && arg_is_word(*r->s))
		r->s++;
	return (struct str){ from, (uint32_t)(r->s - from) };
}

/* A number without sign: decimal, 0x, octal. */
static bool arg_number(struct arg_reader *r, uint64_t *ret)
{
	struct str w = arg_word(r);
	uint64_t v = 0;
	uint32_t base = 10, i = 0;
	if (w.len > 2 && w.s[0] == '0' && (w.s[1] == 'x' || w.s[1] == 'X')) {
		base = 16;
		i = 2;
	} else if (w.len > 1 && w.s[0] == '0') {
		base = 8;
		i = 1;
	}
	if (i >= w.len)
		return false;
	for (; i < w.len; i++) {
		char c = w.s[i];
		uint32_t d = arg_is_digit(c) ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 :
			     c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10 : 99;
		if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
			return false;
	}
	*ret = v;
	return true;
}

static const char *arg_because(struct arg_reader *r, const char *what, struct str name)
{
	return arena_printf(r->a, "%s '%.*s'", what, (int)(name.len < 200 ? name.len : 200), name.s);
}

/* Numbers and at most one symbol, added up; NULL, or why not. *ret_some: there was something. */
static const char *arg_sum(struct arg_reader *r, bool *ret_some)
{
	bool first = true;
	for (;; first = false) {
		arg_blanks(r);
		bool minus = false;
		if (r->s < r->end && (*r->s == '+' || *r->s == '-'))
			minus = *r->s++ == '-';
		else if (!first)
			return NULL;
		arg_blanks(r);
		if (r->s >= r->end || !arg_is_word(*r->s))
			return first && !minus ? NULL : "a number is missing";
		*ret_some = true;
		if (arg_is_digit(*r->s)) {
			uint64_t v;
			if (!arg_number(r, &v))
				return "a number that cannot be read";
			r->out->disp = (int64_t)((uint64_t)r->out->disp + (minus ? -v : v));
			continue;
		}
		struct str name = arg_word(r);
		uint64_t at;
		if (r->s < r->end && *r->s == '@')
			return arg_because(r, "it is found by the loader's tables: symbol", name);
		if (minus || r->out->by_ip)
			return "a difference of symbols";
		if (!r->symbol || !r->symbol(r->arg, name, &at))
			return arg_because(r, "the file's symbol tables do not have", name);
		r->out->by_ip = true;
		r->out->disp = (int64_t)((uint64_t)r->out->disp + at - r->pc);
	}
}

/* -- x86-64 -- */

/* (%base, %index, scale) behind the displacement. */
static const char *arg_x86_address(struct arg_reader *r)
{
	struct usdt_arg *o = r->out;
	struct arg_reg reg;
	if (!arg_take(r, ','))  {
		if (!arg_take(r, '%'))
			return "a register is missing";
		struct str name = arg_word(r);
		if (str_is(name, "rip") && o->by_ip)
			return arg_take(r, ')') ? NULL : "')' is missing";
		if (!arg_x86_reg(name, &reg) || reg.size != 8)
			return arg_because(r, "it is addressed by register", name);
		o->base = reg.at;
		if (!arg_take(r, ','))
			return arg_take(r, ')') ? NULL : "')' is missing";
	}
	uint64_t scale = 1;
	if (arg_take(r, '%')) {
		struct str name = arg_word(r);
		if (!arg_x86_reg(name, &reg) || reg.size != 8 || str_is(name, "rsp"))
			return arg_because(r, "it is indexed by register", name);
		o->index = reg.at;
		if (!arg_take(r, ','))
			return arg_take(r, ')') ? NULL : "')' is missing";
	}
	arg_blanks(r);
	if (!arg_number(r, &scale) || (scale != 1 && scale != 2 && scale != 4 && scale != 8))
		return "a scale that is not 1, 2, 4 or 8";
	o->shift = (uint8_t)__builtin_ctz((unsigned)scale);
	return arg_take(r, ')') ? NULL : "')' is missing";
}

static const char *arg_x86_operand(struct arg_reader *r)
{
	bool some = false;
	const char *why;
	if (arg_take(r, '$')) {
		why = arg_sum(r, &some);
		return why ? why : some ? NULL : "a number is missing";
	}
	if (arg_take(r, '%')) {
		struct str name = arg_word(r);
		struct arg_reg reg;
		if (str_starts(name, "xmm") || str_starts(name, "ymm") || str_starts(name, "zmm") ||
		    str_starts(name, "st") || str_starts(name, "mm"))
			return arg_because(r, "it is a floating-point or vector value in register", name);
		if (arg_take(r, ':'))
			return arg_because(r, "it is addressed by segment register", name);
		if (!arg_x86_reg(name, &reg))
			return arg_because(r, "there is no general register", name);
		r->out->base = reg.at;
		r->width = reg.size;
		return NULL;
	}
	r->out->in_memory = true;
	why = arg_sum(r, &some);
	if (why)
		return why;
	if (arg_take(r, '('))
		return arg_x86_address(r);
	/* A bare number is an address: of a program that is linked to be there. */
	return some ? NULL : "an operand that is not understood";
}

/* -- arm64 -- */

/* [reg], [reg, number], [reg, reg], [reg, reg, lsl|uxtw|sxtw|sxtx number] behind the bracket. */
static const char *arg_arm_address(struct arg_reader *r)
{
	struct usdt_arg *o = r->out;
	struct arg_reg reg;
	bool some = false;
	arg_blanks(r);
	struct str name = arg_word(r);
	if (!arg_arm_reg(name, &reg) || reg.size != 8 || reg.at == USDT_NO_REG)
		return arg_because(r, "it is addressed by register", name);
	o->base = reg.at;
	if (arg_take(r, ']'))
		return NULL;
	if (!arg_take(r, ','))
		return "']' is missing";
	arg_take(r, '#');
	arg_blanks(r);
	if (r->s >= r->end || arg_is_digit(*r->s) || *r->s == '-' || *r->s == '+') {
		const char *why = arg_sum(r, &some);
		return why ? why : arg_take(r, ']') ? NULL : "']' is missing";
	}
	name = arg_word(r);
	if (!arg_arm_reg(name, &reg))
		return arg_because(r, "it is indexed by", name);
	o->index = reg.at;
	o->index_size = reg.size;
	if (arg_take(r, ']'))
		return reg.size == 8 ? NULL : arg_because(r, "it is indexed by half a register", name);
	if (!arg_take(r, ','))
		return "']' is missing";
	arg_blanks(r);
	struct str how = arg_word(r);
	if (!str_is(how, reg.size == 8 ? "lsl" : "uxtw") && !str_is(how, reg.size == 8 ? "sxtx" : "sxtw"))
		return arg_because(r, "its index is extended by", how);
	o->index_signed = how.s[0] == 's';
	if (arg_take(r, ']'))
		return NULL;
	arg_take(r, '#');
	arg_blanks(r);
	uint64_t shift;
	if (!arg_number(r, &shift) || shift > 4)
		return "a shift that is not 0 to 4";
	o->shift = (uint8_t)shift;
	return arg_take(r, ']') ? NULL : "']' is missing";
}

static const char *arg_arm_operand(struct arg_reader *r)
{
	bool some = false;
	if (arg_take(r, '[')) {
		r->out->in_memory = true;
		return arg_arm_address(r);
	}
	arg_take(r, '#');
	arg_blanks(r);
	if (r->s < r->end && !arg_is_digit(*r->s) && *r->s != '-' && *r->s != '+') {
		const char *from = r->s;
		struct str name = arg_word(r);
		struct arg_reg reg;
		if (arg_arm_reg(name, &reg)) {
			r->out->base = reg.at;
			r->width = reg.size;
			return NULL;
		}
		if (name.len >= 2 && memchr("vqdshb", name.s[0], 6) && arg_is_digit(name.s[1]))
			return arg_because(r, "it is a floating-point or vector value in register", name);
		r->s = from; /* the address of a symbol */
	}
	const char *why = arg_sum(r, &some);
	return why ? why : some ? NULL : "an operand that is not understood";
}

/* -- an argument: [-]SIZE[f]@OPERAND -- */

static const char *arg_size(struct arg_reader *r, bool *ret_float)
{
	const char *from = r->s;
	bool minus = arg_take(r, '-');
	uint64_t n = 0;
	uint32_t digits = 0;
	for (; r->s < r->end && arg_is_digit(*r->s) && digits < 3; digits++)
		n = n * 10 + (uint64_t)(*r->s++ - '0');
	bool is_float = digits && r->s < r->end && *r->s == 'f';
	r->s += is_float;
	if (!digits || r->s >= r->end || *r->s != '@') { /* no size: the register's, or a word */
		r->s = from;
		r->out->size = 8;
		return NULL;
	}
	r->s++;
	*ret_float = is_float;
	r->out->is_signed = minus;
	r->out->size = (uint8_t)n;
	if (is_float)
		return "it is a floating-point number";
	return n == 1 || n == 2 || n == 4 || n == 8 ? NULL : arena_printf(r->a, "it has %u bytes", (unsigned)n);
}

static void arg_read(struct arg_reader *r)
{
	struct usdt_arg *o = r->out;
	bool is_float = false;
	const char *why = arg_size(r, &is_float);
	if (!why)
		why = r->machine == EM_X86_64 ? arg_x86_operand(r) : r->machine == EM_AARCH64 ? arg_arm_operand(r) : "another processor's";
	if (!why) {
		arg_blanks(r);
		if (r->s < r->end)
			why = "an operand that is not understood";
	}
	if (r->width && r->width < o->size)
		o->size = (uint8_t)r->width;
	o->why = why;
	if (o->size != 1 && o->size != 2 && o->size != 4)
		o->size = 8;
}

/* The end of the argument at s: a blank outside brackets. */
static const char *arg_end(const char *s, const char *end)
{
	int depth = 0;
	for (; s < end; s++) {
		if (*s == '(' || *s == '[')
			depth++;
		else if ((*s == ')' || *s == ']') && depth)
			depth--;
		else if ((*s == ' ' || *s == '\t') && !depth)
			break;
	}
	return s;
}

struct usdt_spec *sym_usdt_parse(struct arena *a, uint16_t machine, const char *text, uint64_t pc,
				 sym_usdt_symbol *symbol, void *arg)
{
	const char *end = text + strnlen(text, ARG_MAX_TEXT), *starts[USDT_MAX_ARGS], *stops[USDT_MAX_ARGS];
	uint32_t n = 0;
	for (const char *s = text; n < USDT_MAX_ARGS;) {
		while (s < end && (*s == ' ' || *s == '\t'))
			s++;
		if (s >= end)
			break;
		starts[n] = s;
		stops[n++] = s = arg_end(s, end);
	}
	struct usdt_spec *spec = arena_alloc(a, sizeof(*spec) + n * sizeof(spec->args[0]));
	spec->n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct usdt_arg *o = &spec->args[i];
		*o = (struct usdt_arg){ .base = USDT_NO_REG, .index = USDT_NO_REG, .index_size = 8 };
		o->text = str_of(arena_strndup(a, starts[i], (size_t)(stops[i] - starts[i])));
		struct arg_reader r = { .a = a, .machine = machine, .pc = pc, .symbol = symbol, .arg = arg, .out = o };
		r.s = starts[i];
		r.end = stops[i];
		arg_read(&r);
	}
	return spec;
}
