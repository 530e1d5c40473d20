/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF interpreter, so that tests can run what we compile where there is no
 * kernel, and so that kernel and interpreter check each other where there is
 * one. It executes what emit.c can produce and the rest of the arithmetic, and
 * it is stricter than a processor: it refuses accesses outside of known
 * memory, misaligned ones to the stack, and registers that were never set.
 * Calls between functions recurse (8 deep, as in the kernel); the budget of
 * instructions ends endless loops.
 */
#include <errno.h>

#include "bpf/code.h"

enum {
	INTERP_STACK = 512,
	INTERP_ROUNDS = 0x7fffff, /* of loops, as the kernel has it */
	INTERP_FRAMES = 8,
	INTERP_REGIONS = 32,
	MODE_MEMSX = 0x80,
};
#define INTERP_FN 0x464e430000000000ull /* | instruction: what a function reference gives */

struct frame {
	uint64_t reg[11];
	uint32_t set; /* bit n: register n holds something */
	uint32_t rounds; /* of loops with may_goto */
	struct frame *up;
	_Alignas(8) uint8_t stack[INTERP_STACK];
};
struct interp_run {
	const struct bpf_code *c;
	struct frame *top;
	uint32_t depth;
	uint64_t used, budget;
	struct {
		const uint8_t *p;
		uint32_t size;
	} regions[INTERP_REGIONS]; /* map values named so far */
	uint32_t n_regions;
};

static int interp_fail(struct bpf_interp *m, uint32_t pc, const char *what)
{
	if (!m->error) {
		m->error = what;
		m->error_insn = pc;
	}
	return -EFAULT;
}

static bool interp_inside(const void *base, uint64_t size, uint64_t addr, uint32_t n)
{
	uint64_t b = (uint64_t)(uintptr_t)base;
	return addr >= b && addr - b <= size && n <= size - (addr - b);
}

static bool interp_access(struct bpf_interp *m, uint64_t addr, uint32_t n, bool write)
{
	struct interp_run *r = m->run;
	for (struct frame *f = r->top; f; f = f->up)
		if (interp_inside(f->stack, INTERP_STACK, addr, n))
			return addr % n == 0;
	if (!write && interp_inside(m->ctx, m->ctx_size, addr, n))
		return true;
	for (uint32_t k = 0; k < r->n_regions; k++)
		if (interp_inside(r->regions[k].p, r->regions[k].size, addr, n))
			return true;
	return m->mem_ok && m->mem_ok(m->host, (const void *)(uintptr_t)addr, n, write);
}

static uint64_t interp_read(uint64_t addr, unsigned n)
{
	const void *p = (const void *)(uintptr_t)addr;
	uint8_t b;
	uint16_t h;
	uint32_t w;
	uint64_t d;
	switch (n) {
	case 1: memcpy(&b, p, 1); return b;
	case 2: memcpy(&h, p, 2); return h;
	case 4: memcpy(&w, p, 4); return w;
	default: memcpy(&d, p, 8); return d;
	}
}

static void interp_write(uint64_t addr, unsigned n, uint64_t v)
{
	void *p = (void *)(uintptr_t)addr;
	uint8_t b = (uint8_t)v;
	uint16_t h = (uint16_t)v;
	uint32_t w = (uint32_t)v;
	memcpy(p, n == 1 ? (void *)&b : n == 2 ? (void *)&h : n == 4 ? (void *)&w : (void *)&v, n);
}

static int64_t interp_sext(uint64_t v, unsigned bits)
{
	return bits >= 64 ? (int64_t)v : (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static uint64_t interp_swap(uint64_t v, int bits)
{
	return bits == 16   ? __builtin_bswap16((uint16_t)v)
	       : bits == 32 ? __builtin_bswap32((uint32_t)v)
			    : __builtin_bswap64(v);
}

static uint64_t interp_end(const struct bpf_insn *i, uint64_t v)
{
	bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, want_big = BPF_SRC(i->code) == BPF_TO_BE;
	if (BPF_CLASS(i->code) == BPF_ALU64 || big != want_big)
		return interp_swap(v, i->imm);
	return i->imm == 16 ? (uint16_t)v : i->imm == 32 ? (uint32_t)v : v;
}

static uint64_t interp_sdiv(int64_t a, int64_t b, bool mod)
{
	if (b == 0)
		return mod ? (uint64_t)a : 0;
	if (b == -1)
		return mod ? 0 : 0 - (uint64_t)a;
	return (uint64_t)(mod ? a % b : a / b);
}

/* 64 bits wide; a 32-bit operation gives its operands extended as it needs them, and the result is cut by the caller.
 */
static bool interp_alu(const struct bpf_insn *i, uint64_t a, uint64_t b, uint64_t *ret)
{
	bool narrow = BPF_CLASS(i->code) == BPF_ALU;
	unsigned bits = narrow ? 32 : 64, shift = (unsigned)b & (bits - 1);
	if (narrow) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (BPF_OP(i->code)) {
	case BPF_ADD: *ret = a + b; break;
	case BPF_SUB: *ret = a - b; break;
	case BPF_MUL: *ret = a * b; break;
	case BPF_DIV:
		*ret = i->off == 1 ? interp_sdiv(interp_sext(a, bits), interp_sext(b, bits), false) : b ? a / b : 0;
		break;
	case BPF_MOD:
		*ret = i->off == 1 ? interp_sdiv(interp_sext(a, bits), interp_sext(b, bits), true) : b ? a % b : a;
		break;
	case BPF_OR: *ret = a | b; break;
	case BPF_AND: *ret = a & b; break;
	case BPF_XOR: *ret = a ^ b; break;
	case BPF_LSH: *ret = a << shift; break;
	case BPF_RSH: *ret = a >> shift; break;
	case BPF_ARSH: *ret = (uint64_t)(interp_sext(a, bits) >> shift); break;
	case BPF_NEG: *ret = 0 - a; break;
	case BPF_MOV: *ret = i->off ? (uint64_t)interp_sext(b, (unsigned)i->off) : b; break;
	default: return false;
	}
	if (narrow)
		*ret = (uint32_t)*ret;
	return true;
}

static bool interp_jump(const struct bpf_insn *i, uint64_t a, uint64_t b)
{
	int64_t sa = (int64_t)a, sb = (int64_t)b;
	if (BPF_CLASS(i->code) == BPF_JMP32) {
		a = (uint32_t)a;
		b = (uint32_t)b;
		sa = (int32_t)a;
		sb = (int32_t)b;
	}
	switch (BPF_OP(i->code)) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return sa > sb;
	case BPF_JSGE: return sa >= sb;
	case BPF_JSLT: return sa < sb;
	case BPF_JSLE: return sa <= sb;
	case BPF_JSET: return a & b;
	default: return false;
	}
}

static int interp_atomic(struct bpf_interp *m, struct frame *f, const struct bpf_insn *i, uint32_t pc)
{
	unsigned n = BPF_SIZE(i->code) == BPF_W ? 4 : 8;
	uint64_t addr = f->reg[i->dst_reg] + (uint64_t)(int64_t)i->off, v = f->reg[i->src_reg], old, new;
	if ((BPF_SIZE(i->code) != BPF_W && BPF_SIZE(i->code) != BPF_DW) || addr % n || !interp_access(m, addr, n, true))
		return interp_fail(m, pc, "bad atomic access");
	old = interp_read(addr, n);
	switch (i->imm & ~BPF_FETCH) {
	case BPF_ADD: new = old + v; break;
	case BPF_OR: new = old | v; break;
	case BPF_AND: new = old & v; break;
	case BPF_XOR: new = old ^ v; break;
	case BPF_XCHG & ~BPF_FETCH: new = v; break;
	case BPF_CMPXCHG & ~BPF_FETCH: new = old == (n == 4 ? (uint32_t)f->reg[0] : f->reg[0]) ? v : old; break;
	default: return interp_fail(m, pc, "unknown atomic operation");
	}
	interp_write(addr, n, new);
	if (i->imm == BPF_CMPXCHG)
		f->reg[0] = old;
	else if (i->imm & BPF_FETCH)
		f->reg[i->src_reg] = old;
	return 0;
}

/* ld_imm64: a number, a map, an address in a map's value, a function. */
static int interp_load64(struct bpf_interp *m, struct frame *f, uint32_t pc)
{
	struct interp_run *r = m->run;
	const struct bpf_insn *i = &r->c->insns.v[pc];
	if (pc + 1 >= r->c->insns.n)
		return interp_fail(m, pc, "cut off");
	if (i->src_reg == BPF_PSEUDO_FUNC) {
		f->reg[i->dst_reg] = INTERP_FN | (uint32_t)((int64_t)pc + i->imm + 1);
		return 0;
	}
	if (i->src_reg == 0) {
		f->reg[i->dst_reg] = (uint32_t)i[0].imm | (uint64_t)(uint32_t)i[1].imm << 32;
		return 0;
	}
	uint32_t lo = 0, hi = r->c->relocs.n;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (r->c->relocs.v[mid].insn < pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == r->c->relocs.n || r->c->relocs.v[lo].insn != pc)
		return interp_fail(m, pc, "no relocation");
	const struct bpf_reloc *rel = &r->c->relocs.v[lo];
	if (rel->kind == REL_MAP) {
		f->reg[i->dst_reg] = BPF_INTERP_MAP(rel->index);
		return 0;
	}
	uint32_t size = 0;
	uint8_t *p = m->map_value ? m->map_value(m->host, rel->index, &size) : NULL;
	if (!p || rel->addend >= size)
		return interp_fail(m, pc, "bad map value");
	f->reg[i->dst_reg] = (uint64_t)(uintptr_t)p + rel->addend;
	for (uint32_t k = 0; k < r->n_regions; k++)
		if (r->regions[k].p == p)
			return 0;
	if (r->n_regions == INTERP_REGIONS)
		return interp_fail(m, pc, "too many maps");
	r->regions[r->n_regions].p = p;
	r->regions[r->n_regions++].size = size;
	return 0;
}

static int interp_call(struct bpf_interp *m, uint32_t pc, const uint64_t args[5], uint32_t set, uint64_t *ret);

static int interp_memory(struct bpf_interp *m, struct frame *f, const struct bpf_insn *i, uint32_t pc)
{
	static const uint8_t sizes[4] = { 4, 2, 1, 8 };
	unsigned n = sizes[BPF_SIZE(i->code) >> 3], cls = BPF_CLASS(i->code),
		 base = cls == BPF_LDX ? i->src_reg : i->dst_reg;
	uint64_t addr = f->reg[base] + (uint64_t)(int64_t)i->off;
	if (!(f->set >> base & 1) || (cls == BPF_STX && !(f->set >> i->src_reg & 1)))
		return interp_fail(m, pc, "register was never set");
	if (cls == BPF_STX && BPF_MODE(i->code) == BPF_ATOMIC)
		return interp_atomic(m, f, i, pc);
	if (!interp_access(m, addr, n, cls != BPF_LDX))
		return interp_fail(m, pc, cls == BPF_LDX ? "bad load" : "bad store");
	if (cls != BPF_LDX) {
		interp_write(addr, n, cls == BPF_ST ? (uint64_t)(int64_t)i->imm : f->reg[i->src_reg]);
		return 0;
	}
	uint64_t v = interp_read(addr, n);
	f->reg[i->dst_reg] = BPF_MODE(i->code) == MODE_MEMSX ? (uint64_t)interp_sext(v, n * 8) : v;
	f->set |= 1u << i->dst_reg;
	return 0;
}

static int interp_arith(struct bpf_interp *m, struct frame *f, const struct bpf_insn *i, uint32_t pc)
{
	bool reg = BPF_SRC(i->code) == BPF_X && BPF_OP(i->code) != BPF_END, mov = BPF_OP(i->code) == BPF_MOV;
	if ((reg && BPF_OP(i->code) != BPF_NEG && !(f->set >> i->src_reg & 1)) || (!mov && !(f->set >> i->dst_reg & 1)))
		return interp_fail(m, pc, "register was never set");
	if (i->dst_reg == 10)
		return interp_fail(m, pc, "r10 is read only");
	if (BPF_OP(i->code) == BPF_END) {
		f->reg[i->dst_reg] = interp_end(i, f->reg[i->dst_reg]);
		return 0;
	}
	if (!interp_alu(i, f->reg[i->dst_reg], reg ? f->reg[i->src_reg] : (uint64_t)(int64_t)i->imm,
			&f->reg[i->dst_reg]))
		return interp_fail(m, pc, "unknown instruction");
	f->set |= 1u << i->dst_reg;
	return 0;
}

/* A call: of a helper, or of a function of the program. */
static int interp_subcall(struct bpf_interp *m, struct frame *f, const struct bpf_insn *i, uint32_t pc)
{
	int err = 0;
	uint64_t args[5];
	for (unsigned k = 0; k < 5; k++)
		args[k] = f->set >> (k + 1) & 1 ? f->reg[k + 1] : 0;
	if (i->src_reg == BPF_PSEUDO_CALL)
		err = interp_call(m, (uint32_t)((int64_t)pc + 1 + i->imm), args, f->set & 0x3e, &f->reg[0]);
	else if (i->src_reg == 0 && m->helper)
		f->reg[0] = m->helper(m, i->imm, args);
	else
		err = interp_fail(m, pc, "nobody to call");
	f->set = (f->set & ~0x3eu) | 1;
	if (m->error && !err)
		err = interp_fail(m, pc, m->error);
	return err;
}

static int interp_frame(struct bpf_interp *m, struct frame *f, uint32_t pc, uint64_t *ret)
{
	const struct bpf_code *c = m->run->c;
	for (;; pc++) {
		if (pc >= c->insns.n)
			return interp_fail(m, pc, "ran off the end");
		const struct bpf_insn *i = &c->insns.v[pc];
		if (m->run->used++ >= m->run->budget)
			return interp_fail(m, pc, "too many instructions");
		if (i->dst_reg > 10 || i->src_reg > 10)
			return interp_fail(m, pc, "no such register");
		unsigned cls = BPF_CLASS(i->code), op = BPF_OP(i->code);
		int err = 0;
		if (cls == BPF_ALU || cls == BPF_ALU64) {
			err = interp_arith(m, f, i, pc);
		} else if (cls == BPF_LDX || cls == BPF_ST || cls == BPF_STX) {
			err = interp_memory(m, f, i, pc);
		} else if (i->code == (BPF_LD | BPF_DW | BPF_IMM)) {
			err = interp_load64(m, f, pc);
			f->set |= 1u << i->dst_reg;
			pc++;
		} else if (i->code == (BPF_JMP | BPF_EXIT)) {
			*ret = f->reg[0];
			return f->set & 1 ? 0 : interp_fail(m, pc, "r0 was never set");
		} else if (i->code == (BPF_JMP | BPF_CALL)) {
			err = interp_subcall(m, f, i, pc);
		} else if (op == BPF_JA && (cls == BPF_JMP || cls == BPF_JMP32)) {
			pc = (uint32_t)((int64_t)pc + (cls == BPF_JMP ? i->off : i->imm));
		} else if (i->code == (BPF_JMP | BPF_JCOND)) {
			if (f->rounds++ == INTERP_ROUNDS)
				pc = (uint32_t)((int64_t)pc + i->off);
		} else if (cls == BPF_JMP || cls == BPF_JMP32) {
			bool reg = BPF_SRC(i->code) == BPF_X;
			if (!(f->set >> i->dst_reg & 1) || (reg && !(f->set >> i->src_reg & 1)))
				err = interp_fail(m, pc, "register was never set");
			else if (interp_jump(i, f->reg[i->dst_reg],
					     reg ? f->reg[i->src_reg] : (uint64_t)(int64_t)i->imm))
				pc = (uint32_t)((int64_t)pc + i->off);
		} else {
			err = interp_fail(m, pc, "unknown instruction");
		}
		if (err)
			return err;
	}
}

static int interp_call(struct bpf_interp *m, uint32_t pc, const uint64_t args[5], uint32_t set, uint64_t *ret)
{
	struct frame f = { .set = set | 1u << 10, .up = m->run->top };
	if (m->run->depth == INTERP_FRAMES)
		return interp_fail(m, pc, "calls too deep");
	memset(f.stack, 0xa5, sizeof(f.stack)); /* what was never written looks like nothing else */
	memcpy(f.reg + 1, args, sizeof(uint64_t) * 5);
	f.reg[10] = (uint64_t)(uintptr_t)(f.stack + INTERP_STACK);
	m->run->top = &f;
	m->run->depth++;
	int err = interp_frame(m, &f, pc, ret);
	m->run->depth--;
	m->run->top = f.up;
	return err;
}

int bpf_interp_run(struct bpf_interp *m, const struct bpf_code *c, uint64_t *ret_r0)
{
	struct interp_run run = { .c = c, .budget = m->max_insns ? m->max_insns : 1000000 };
	uint64_t args[5] = { (uint64_t)(uintptr_t)m->ctx }, r0 = 0;
	m->run = &run;
	m->error = NULL;
	int err = interp_call(m, 0, args, 1u << 1, &r0);
	m->run = NULL;
	if (!err)
		*ret_r0 = r0;
	return err;
}

int bpf_interp_callback(struct bpf_interp *m, uint64_t fnref, const uint64_t args[5], uint64_t *ret_r0)
{
	uint32_t at = (uint32_t)fnref;
	if (!m->run)
		return -EINVAL;
	for (uint32_t k = 0; k < m->run->c->subprogs.n; k++)
		if (m->run->c->subprogs.v[k].insn == at && (fnref & ~0xffffffffull) == INTERP_FN)
			return interp_call(m, at, args, 0x3e, ret_r0);
	return interp_fail(m, at, "not a function");
}
