/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where instructions begin. A breakpoint that is put inside an instruction corrupts the program that is traced, and kernels have
 * not always refused it; so `symbol+offset` is checked by walking the function from its start, instruction by instruction. Only
 * lengths matter, and on x86-64 they follow from few things: prefixes, the opcode map, whether the opcode takes a ModRM byte,
 * and the size of its immediate. An opcode that is not known has length 0, and the walk ends with "cannot tell".
 */
#include <string.h>

#include "sym/sym.h"

/* What follows an opcode: a ModRM byte, and immediates of 1, 2 or 4 bytes ("z": 2 with an operand-size prefix). */
enum { M = 1, IB = 2, IZ = 4, IW = 8, X = 16 /* no such instruction */, S = 32 /* special, see code */ };

static const uint8_t insn_one[256] = {
#define ALU M, M, M, M, IB, IZ
	ALU, X, X, ALU, X, S,                               /* 00: 0f escapes */
	ALU, X, X, ALU, X, X,                               /* 10 */
	ALU, S, X, ALU, S, X,                               /* 20 */
	ALU, S, X, ALU, S, X,                               /* 30 */
	S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,     /* 40: REX */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,     /* 50 */
	X, X, S, M, S, S, S, S, IZ, M | IZ, IB, M | IB, 0, 0, 0, 0, /* 60 */
	IB, IB, IB, IB, IB, IB, IB, IB, IB, IB, IB, IB, IB, IB, IB, IB, /* 70 */
	M | IB, M | IZ, X, M | IB, M, M, M, M, M, M, M, M, M, M, M, S, /* 80: 8f may be XOP */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, X, 0, 0, 0, 0, 0,     /* 90 */
	S, S, S, S, 0, 0, 0, 0, IB, IZ, 0, 0, 0, 0, 0, 0,   /* a0: a0-a3 have an address */
	IB, IB, IB, IB, IB, IB, IB, IB, S, S, S, S, S, S, S, S, /* b0: b8-bf may have 8 bytes */
	M | IB, M | IB, IW, 0, S, S, M | IB, M | IZ, IW | IB, 0, IW, 0, 0, IB, X, 0, /* c0: c4, c5 are VEX */
	M, M, M, M, X, X, X, 0, M, M, M, M, M, M, M, M,     /* d0 */
	IB, IB, IB, IB, IB, IB, IB, IB, S, S, X, IB, 0, 0, 0, 0, /* e0: e8, e9 always 4 bytes */
	S, 0, S, S, 0, 0, S, S, 0, 0, 0, 0, 0, 0, M, M,     /* f0: f6, f7 have an immediate in two of eight forms */
#undef ALU
};

/* The map behind 0f: ModRM unless said otherwise. */
static uint8_t insn_two(uint8_t op)
{
	if ((op >= 0x05 && op <= 0x09) || op == 0x0b || op == 0x0e || (op >= 0x30 && op <= 0x37) || op == 0x77 ||
	    (op >= 0xa0 && op <= 0xa2) || (op >= 0xa8 && op <= 0xaa) || (op >= 0xc8 && op <= 0xcf))
		return op == 0x36 ? X : 0;
	if (op >= 0x80 && op <= 0x8f)
		return S; /* a jump: always 4 bytes */
	if (op == 0x04 || op == 0x0a || op == 0x0c || (op >= 0x24 && op <= 0x27) || op == 0x39 || (op >= 0x3b && op <= 0x3f))
		return X;
	if ((op >= 0x70 && op <= 0x73) || op == 0xa4 || op == 0xac || op == 0xba || op == 0xc2 || (op >= 0xc4 && op <= 0xc6) || op == 0x0f)
		return M | IB;
	return M;
}

/* ModRM with what belongs to it: SIB and displacement. 0: does not fit. */
static uint32_t insn_modrm(const uint8_t *p, uint32_t n)
{
	if (n < 1)
		return 0;
	uint32_t mod = p[0] >> 6, rm = p[0] & 7, len = 1;
	if (mod == 3)
		return 1;
	if (rm == 4) {
		if (n < 2)
			return 0;
		len = 2;
		if (mod == 0 && (p[1] & 7) == 5)
			len += 4;
	} else if (mod == 0 && rm == 5) {
		len += 4;
	}
	len += mod == 1 ? 1 : mod == 2 ? 4 : 0;
	return len <= n ? len : 0;
}

/* VEX (c4, c5), EVEX (62), XOP (8f): the length of the whole, which begins at p. */
static uint32_t insn_vex(const uint8_t *p, uint32_t n)
{
	uint32_t at = p[0] == 0xc5 ? 2 : p[0] == 0x62 ? 4 : 3;
	if (n < at + 1)
		return 0;
	uint32_t map = p[0] == 0xc5 ? 1 : p[0] == 0x62 ? p[1] & 7 : p[1] & 0x1f, imm = 0;
	uint8_t op = p[at++];
	if (p[0] == 0x8f) {
		if (map < 8 || map > 10)
			return 0;
		imm = map == 8 ? 1 : map == 10 ? 4 : 0;
	} else if (map == 1) {
		uint8_t f = insn_two(op);
		if (op == 0x77 && p[0] != 0x62)
			return at;
		if (!(f & M))
			f = M; /* such as kmov and kortest, which use places of other instructions */
		imm = f & IB ? 1 : 0;
	} else if (map == 3) {
		imm = 1;
	} else if (map != 2 && map != 5 && map != 6) {
		return 0;
	}
	uint32_t m = insn_modrm(p + at, n - at);
	return m && at + m + imm <= n ? at + m + imm : 0;
}

uint32_t sym_insn_length(const uint8_t *p, uint32_t n)
{
	uint32_t at = 0, imm = 0;
	bool small = false, rex_w = false, addr32 = false;
	if (n > 15)
		n = 15;
	while (at < n) {
		uint8_t b = p[at];
		if (b == 0x66)
			small = true;
		else if (b == 0x67)
			addr32 = true;
		else if (b != 0xf0 && b != 0xf2 && b != 0xf3 && b != 0x2e && b != 0x36 && b != 0x3e && b != 0x26 && b != 0x64 && b != 0x65)
			break;
		at++;
	}
	if (at < n && (p[at] & 0xf0) == 0x40)
		rex_w = p[at++] & 8;
	if (at >= n)
		return 0;
	uint8_t op = p[at], f = insn_one[op];
	if (op == 0xc4 || op == 0xc5 || op == 0x62 || (op == 0x8f && at + 1 < n && (p[at + 1] & 0x1f) >= 8)) {
		uint32_t v = insn_vex(p + at, n - at);
		return v ? at + v : 0;
	}
	at++;
	if (op == 0x0f) {
		if (at >= n)
			return 0;
		op = p[at++];
		if (op == 0x38 || op == 0x3a) {
			f = op == 0x3a ? M | IB : M;
			at++;
		} else {
			f = insn_two(op);
			imm = f == S ? 4 : 0;
		}
	} else if (f == S) {
		f = op == 0xf6 || op == 0xf7 || op == 0x8f ? M : 0;
		if (op >= 0xa0 && op <= 0xa3)
			imm = addr32 ? 4 : 8;
		else if (op >= 0xb8 && op <= 0xbf)
			imm = rex_w ? 8 : small ? 2 : 4;
		else if (op == 0xe8 || op == 0xe9)
			imm = 4;
		else if ((op == 0xf6 || op == 0xf7) && at < n && (p[at] & 0x30) == 0)
			imm = op == 0xf6 ? 1 : small && !rex_w ? 2 : 4; /* test */
		else if (f == 0)
			return 0; /* a prefix where none may stand */
	}
	if (f & X)
		return 0;
	if (f & M) {
		uint32_t m = at <= n ? insn_modrm(p + at, n - at) : 0;
		if (m == 0)
			return 0;
		at += m;
	}
	imm += (f & IB ? 1 : 0) + (f & IW ? 2 : 0) + (f & IZ ? (small && !rex_w ? 2 : 4) : 0);
	return at + imm <= n ? at + imm : 0;
}

bool sym_insn_is_vector(const uint8_t *p, uint32_t n)
{
#if defined(__x86_64__)
	/* No prefix that matters may stand before these; a segment or address-size one may. */
	while (n && (*p == 0x67 || *p == 0x2e || *p == 0x36 || *p == 0x3e || *p == 0x26 || *p == 0x64 || *p == 0x65)) {
		p++;
		n--;
	}
	return n > 1 && (p[0] == 0xc4 || p[0] == 0xc5 || p[0] == 0x62 || (p[0] == 0x8f && (p[1] & 0x1f) >= 8));
#else
	return false;
#endif
}

int sym_insn_boundary(const uint8_t *text, uint32_t n, uint32_t offset)
{
#if defined(__x86_64__)
	for (uint32_t at = 0; at <= offset;) {
		if (at == offset)
			return 1;
		uint32_t len = at < n ? sym_insn_length(text + at, n - at) : 0;
		if (len == 0)
			return -1;
		at += len;
	}
	return 0;
#elif defined(__aarch64__)
	return offset % 4 == 0;
#else
	return -1;
#endif
}
