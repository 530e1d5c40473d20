/* SPDX-License-Identifier: Apache-2.0 */
/* The annotated disassembler: the notation of the kernel's verifier log, with source lines and branch targets. */
#include "bpf/code.h"

const char *ir_helper_name(int64_t id);

static const char *const dis_alu[16] = { "+=",	"-=",  "*=", "/=", "|=", "&=",	"<<=",
					 ">>=", "neg", "%=", "^=", "=",	 "s>>=" };
static const char *const dis_jmp[16] = { "goto", "==",	 ">",	 ">=", "&",  "!=", "s>",
					 "s>=",	 "call", "exit", "<",  "<=", "s<", "s<=" };
static const char *const dis_size[4] = { "u32", "u16", "u8", "u64" };

/* The function that begins at an instruction. */
static const char *dis_function(const struct bpf_code *c, struct func *const *funcs, int64_t insn)
{
	for (uint32_t k = 0; k < c->subprogs.n; k++)
		if (c->subprogs.v[k].insn == insn)
			return funcs[c->subprogs.v[k].fn]->name;
	return "?";
}

static void dis_one(const struct bpf_code *c, struct func *const *funcs, uint32_t at, struct buf *o)
{
	const struct bpf_insn *i = &c->insns.v[at];
	unsigned cls = BPF_CLASS(i->code), op = BPF_OP(i->code) >> 4;
	char r = cls == BPF_ALU || cls == BPF_JMP32 ? 'w' : 'r';
	const char *sz = dis_size[BPF_SIZE(i->code) >> 3];
	switch (cls) {
	case BPF_ALU:
	case BPF_ALU64:
		if (op == BPF_NEG >> 4)
			buf_addf(o, "%c%u = -%c%u", r, i->dst_reg, r, i->dst_reg);
		else if (op == BPF_END >> 4)
			buf_addf(o, "r%u = be%d r%u", i->dst_reg, i->imm, i->dst_reg);
		else if (op == BPF_MOV >> 4 && i->off)
			buf_addf(o, "%c%u = (s%d)%c%u", r, i->dst_reg, i->off, r, i->src_reg);
		else if (op == BPF_JCOND >> 4)
			buf_addf(o, "may_goto L%u", (uint32_t)((int)at + 1 + i->off));
		else if (BPF_SRC(i->code) == BPF_X)
			buf_addf(o, "%c%u %s%s %c%u", r, i->dst_reg, i->off ? "s" : "", dis_alu[op] ? dis_alu[op] : "?",
				 r, i->src_reg);
		else
			buf_addf(o, "%c%u %s%s %d", r, i->dst_reg, i->off ? "s" : "", dis_alu[op] ? dis_alu[op] : "?",
				 i->imm);
		break;
	case BPF_LDX:
		buf_addf(o, "r%u = *(%s%s *)(r%u %+d)", i->dst_reg, BPF_MODE(i->code) == 0x80 ? "s" : "",
			 sz + (BPF_MODE(i->code) == 0x80), i->src_reg, i->off);
		break;
	case BPF_ST:
		buf_addf(o, "*(%s *)(r%u %+d) = %d", sz, i->dst_reg, i->off, i->imm);
		break;
	case BPF_STX:
		if (BPF_MODE(i->code) == BPF_ATOMIC)
			buf_addf(o, "%slock *(%s *)(r%u %+d) %s r%u", i->imm & BPF_FETCH ? "fetch " : "", sz,
				 i->dst_reg, i->off,
				 (i->imm & 0xf0) == BPF_OR    ? "|="
				 : (i->imm & 0xf0) == BPF_AND ? "&="
							      : "+=",
				 i->src_reg);
		else
			buf_addf(o, "*(%s *)(r%u %+d) = r%u", sz, i->dst_reg, i->off, i->src_reg);
		break;
	case BPF_JMP:
	case BPF_JMP32:
		if (op == BPF_EXIT >> 4)
			buf_adds(o, "exit");
		else if (op == BPF_CALL >> 4 && i->src_reg == BPF_PSEUDO_CALL)
			buf_addf(o, "call %s", dis_function(c, funcs, (int64_t)at + 1 + i->imm));
		else if (op == BPF_CALL >> 4 && i->src_reg == BPF_PSEUDO_KFUNC_CALL)
			buf_addf(o, "call kfunc#%d", i->imm);
		else if (op == BPF_CALL >> 4)
			buf_addf(o, "call %s#%d", ir_helper_name(i->imm) ? ir_helper_name(i->imm) : "helper", i->imm);
		else if (op == BPF_JA)
			buf_addf(o, "goto L%u", (uint32_t)((int)at + 1 + (cls == BPF_JMP32 ? i->imm : i->off)));
		else if (BPF_SRC(i->code) == BPF_X)
			buf_addf(o, "if %c%u %s %c%u goto L%u", r, i->dst_reg, dis_jmp[op] ? dis_jmp[op] : "?", r,
				 i->src_reg, (uint32_t)((int)at + 1 + i->off));
		else
			buf_addf(o, "if %c%u %s %d goto L%u", r, i->dst_reg, dis_jmp[op] ? dis_jmp[op] : "?", i->imm,
				 (uint32_t)((int)at + 1 + i->off));
		break;
	default:
		buf_addf(o, "code 0x%02x", i->code);
	}
}

void bpf_disassemble(const struct bpf_code *c, struct func *const *funcs, const struct diags *d,
		     const char *(*map_name)(void *arg, uint32_t index), void *arg, struct buf *o)
{
	uint32_t line = 0, rel = 0, sub = 0, last = 0;
	for (uint32_t k = 0; k < c->insns.n; k++) {
		const struct bpf_insn *i = &c->insns.v[k];
		if (sub < c->subprogs.n && c->subprogs.v[sub].insn == k) {
			buf_addf(o, "%s: ; stack %u\n", funcs[c->subprogs.v[sub].fn]->name, c->subprogs.v[sub].stack);
			sub++;
		}
		while (line < c->lines.n && c->lines.v[line].insn <= k) {
			const struct source *s;
			uint32_t l, col;
			if (d && diag_locate(d, c->lines.v[line].span.lo, &s, &l, &col) && l * 65536 + col != last) {
				uint32_t lo = c->lines.v[line].span.lo - s->base,
					 hi = c->lines.v[line].span.hi - s->base;
				hi = hi > s->text.len ? s->text.len : hi > lo + 80 ? lo + 80 : hi;
				buf_addf(o, "; %u:%u ", l, col);
				for (uint32_t q = lo; q < hi && s->text.s[q] != '\n'; q++)
					buf_add_safe(o, &s->text.s[q], 1, true);
				buf_addc(o, '\n');
				last = l * 65536 + col;
			}
			line++;
		}
		buf_addf(o, "%5u: ", k);
		if (i->code == (BPF_LD | BPF_DW | BPF_IMM)) {
			while (rel < c->relocs.n && c->relocs.v[rel].insn < k)
				rel++;
			bool is = rel < c->relocs.n && c->relocs.v[rel].insn == k;
			if (is && map_name)
				buf_addf(o, "r%u = %s%s", i->dst_reg,
					 c->relocs.v[rel].kind == REL_MAPVAL ? "&" : "map ",
					 map_name(arg, c->relocs.v[rel].index));
			else if (i->src_reg == BPF_PSEUDO_FUNC)
				buf_addf(o, "r%u = func %s", i->dst_reg,
					 dis_function(c, funcs, (int64_t)k + 1 + i->imm));
			else
				buf_addf(o, "r%u = 0x%llx", i->dst_reg,
					 (unsigned long long)(uint32_t)i->imm | (unsigned long long)(uint32_t)i[1].imm
											<< 32);
			if (is && c->relocs.v[rel].kind == REL_MAPVAL)
				buf_addf(o, " + %u", c->relocs.v[rel].addend);
			k++;
		} else {
			dis_one(c, funcs, k, o);
		}
		buf_addc(o, '\n');
	}
}
