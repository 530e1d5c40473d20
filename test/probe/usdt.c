/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes of static probes: the text of arguments for both processors, the places in files against what the program
 * itself says (notes.c), damaged files. Arguments: a folder with the programs notes (position-independent),
 * notes-exec (not), and <name>.said, what they said.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../check.h"
#include "sym/usdt.h"

static const char *dir;
static struct check c = { .suite = "probe/usdt" };

/* -- arguments -- */

/* Known: "data" at 0x5000, "code" at 0x1000. */
static bool symbol(void *arg, struct str name, uint64_t *ret)
{
	*ret = str_is(name, "data") ? 0x5000 : 0x1000;
	return str_is(name, "data") || str_is(name, "code");
}

/* s4 = signed, 4 bytes; then in memory [...] or not, registers by their place in pt_regs. */
static void show(struct buf *b, const struct usdt_spec *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct usdt_arg *a = &s->args[i];
		buf_adds(b, i ? " " : "");
		if (a->why) {
			buf_addf(b, "!%s", a->why);
			continue;
		}
		buf_addf(b, "%c%u%s", a->is_signed ? 's' : 'u', a->size, a->in_memory ? "[" : ":");
		if (a->base != USDT_NO_REG)
			buf_addf(b, "r%d", a->base);
		if (a->index != USDT_NO_REG)
			buf_addf(b, "+r%d.%u%c<<%u", a->index, a->index_size, a->index_signed ? 's' : 'u', a->shift);
		if (a->by_ip)
			buf_adds(b, "ip");
		if (a->disp || (a->base == USDT_NO_REG && a->index == USDT_NO_REG && !a->by_ip))
			buf_addf(b, "%s%lld", a->base != USDT_NO_REG || a->index != USDT_NO_REG || a->by_ip ? a->disp < 0 ? "" : "+" : "",
				 (long long)a->disp);
		buf_adds(b, a->in_memory ? "]" : "");
	}
}

static void args(struct arena *a, uint16_t machine, const char *text, const char *want)
{
	struct buf b = { 0 };
	show(&b, sym_usdt_parse(a, machine, text, 0x2000, symbol, NULL));
	check_text(&c, text, want, &b);
	buf_fini(&b);
}

static void test_x86(struct arena *a)
{
	static const struct { const char *text, *want; } rows[] = {
		{ "", "" }, { "   ", "" },
		/* registers: every one, every width */
		{ "-4@%edi", "s4:r112" }, { "4@%edi 8@%rsi", "u4:r112 u8:r104" }, { "-8@%rax", "s8:r80" }, { "-2@%bx", "s2:r40" },
		{ "1@%cl -1@%dl", "u1:r88 s1:r96" }, { "1@%sil 1@%dil 1@%bpl 1@%spl", "u1:r104 u1:r112 u1:r32 u1:r152" },
		{ "1@%ah 1@%bh 1@%ch 1@%dh", "u1:r81 u1:r41 u1:r89 u1:r97" }, { "8@%rbp 8@%rsp", "u8:r32 u8:r152" },
		{ "8@%r8 8@%r9 8@%r10 8@%r11", "u8:r72 u8:r64 u8:r56 u8:r48" },
		{ "8@%r12 8@%r13 8@%r14 8@%r15", "u8:r24 u8:r16 u8:r8 u8:r0" },
		{ "4@%r8d 2@%r9w 1@%r10b -4@%r15d", "u4:r72 u2:r64 u1:r56 s4:r0" },
		/* a size that is not the register's: what both have */
		{ "-4@%rax 8@%eax -4@%al", "s4:r80 u4:r80 s1:r80" }, { "%rax %eax $3", "u8:r80 u4:r80 u8:3" },
		/* constants */
		{ "-4@$0 4@$5 -8@$-1 2@$0x1F 8@$017", "s4:0 u4:5 s8:-1 u2:31 u8:15" },
		{ "8@$18446744073709551615", "u8:-1" }, { "-8@$-9223372036854775808", "s8:-9223372036854775808" },
		{ "8@$18446744073709551616", "!a number that cannot be read" }, { "8@$12x", "!a number that cannot be read" },
		{ "8@$", "!a number is missing" }, { "8@$-", "!a number is missing" }, { "8@$1+2-5", "u8:-2" },
		/* memory */
		{ "8@(%rax)", "u8[r80]" }, { "-4@-20(%rbp)", "s4[r32-20]" }, { "8@0x10(%rsp)", "u8[r152+16]" },
		{ "8@(%rdi,%rsi)", "u8[r112+r104.8u<<0]" }, { "8@8(%rdi,%rsi,4)", "u8[r112+r104.8u<<2+8]" },
		{ "8@16(,%rax,8)", "u8[+r80.8u<<3+16]" }, { "8@( %rdi , %rsi , 2 )", "u8[r112+r104.8u<<1]" }, { "8@0x404040", "u8[4210752]" },
		{ "8@8+8(%rax)", "u8[r80+16]" },
		/* symbols, relative to the probe at 0x2000 */
		{ "4@data(%rip)", "u4[ip+12288]" }, { "4@data+8(%rip)", "u4[ip+12296]" }, { "4@8+data(%rip)", "u4[ip+12296]" },
		{ "4@code-4(%rip)", "u4[ip-4100]" }, { "8@$data", "u8:ip+12288" }, { "8@$code+1", "u8:ip-4095" }, { "4@data", "u4[ip+12288]" },
		{ "8@data(,%rax,8)", "u8[+r80.8u<<3ip+12288]" }, { "8@data(%rbx)", "u8[r40ip+12288]" },
		{ "8@nowhere(%rip)", "!the file's symbol tables do not have 'nowhere'" }, { "8@$.LC0", "!the file's symbol tables do not have '.LC0'" },
		{ "8@data@GOTPCREL(%rip)", "!it is found by the loader's tables: symbol 'data'" }, { "8@data-code", "!a difference of symbols" },
		{ "8@-data", "!a difference of symbols" }, { "8@8(%rip)", "!it is addressed by register 'rip'" },
		/* what is no integer in a register or in memory */
		{ "8f@%xmm0", "!it is a floating-point number" }, { "-4f@8(%rsp)", "!it is a floating-point number" },
		{ "8@%xmm15", "!it is a floating-point or vector value in register 'xmm15'" },
		{ "16@(%rax)", "!it has 16 bytes" }, { "0@%rax", "!it has 0 bytes" }, { "3@%rax", "!it has 3 bytes" },
		{ "8@%fs:0x28", "!it is addressed by segment register 'fs'" }, { "8@%cr0", "!there is no general register 'cr0'" },
		/* damaged */
		{ "8@", "!an operand that is not understood" }, { "@%rax", "!an operand that is not understood" }, { "8@%", "!there is no general register ''" },
		{ "8@(%rax", "!')' is missing" }, { "8@(%eax)", "!it is addressed by register 'eax'" }, { "8@(%rax,%rsp)", "!it is indexed by register 'rsp'" },
		{ "8@(%rax,%rbx,3)", "!a scale that is not 1, 2, 4 or 8" }, { "8@(%rax)x", "!an operand that is not understood" },
		{ "8@(rax)", "!a register is missing" }, { "999@%rax", "!it has 999 bytes" }, { "9999@%rax", "!an operand that is not understood" },
		{ "8@%rax,8@%rbx", "!an operand that is not understood" }, { "8@\x01", "!an operand that is not understood" },
	};
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		args(a, EM_X86_64, rows[i].text, rows[i].want);
}

static void test_arm(struct arena *a)
{
	static const struct { const char *text, *want; } rows[] = {
		{ "-4@w0 8@x1 8@x30", "s4:r0 u8:r8 u8:r240" }, { "8@sp 8@fp 8@lr", "u8:r248 u8:r232 u8:r240" }, { "4@x3", "u4:r24" },
		{ "4@wzr 8@xzr", "u4:0 u8:0" }, { "8@w2", "u4:r16" },
		{ "-4@5 8@-1 8@#7 -8@0x10", "s4:5 u8:-1 u8:7 s8:16" },
		{ "8@[sp]", "u8[r248]" }, { "-4@[sp, 12] 8@[x1,-8]", "s4[r248+12] u8[r8-8]" }, { "8@[x29, #16]", "u8[r232+16]" },
		{ "8@[x1, x2]", "u8[r8+r16.8u<<0]" }, { "8@[x1, x2, lsl 3] 4@[x0, x1, lsl #2]", "u8[r8+r16.8u<<3] u4[r0+r8.8u<<2]" },
		{ "4@[x0, w1, sxtw 2] 4@[x0,w1,uxtw]", "u4[r0+r8.4s<<2] u4[r0+r8.4u<<0]" }, { "8@data", "u8:ip+12288" },
		{ "8@d0", "!it is a floating-point or vector value in register 'd0'" }, { "8f@s3", "!it is a floating-point number" },
		{ "8@x31", "!the file's symbol tables do not have 'x31'" }, { "8@[w1]", "!it is addressed by register 'w1'" },
		{ "8@[x1, w2]", "!it is indexed by half a register 'w2'" }, { "8@[x1", "!']' is missing" },
		{ "8@[x1, x2, ror 3]", "!its index is extended by 'ror'" }, { "8@[x1, x2, lsl 9]", "!a shift that is not 0 to 4" },
		{ "8@[xzr]", "!it is addressed by register 'xzr'" }, { "8@[x1, :lo12:data]", "!it is indexed by ''" }, { "8@x01", "!the file's symbol tables do not have 'x01'" },
	};
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		args(a, EM_AARCH64, rows[i].text, rows[i].want);
	args(a, EM_RISCV, "8@a0", "!another processor's");
	/* More than there can be. */
	struct buf b = { 0 };
	for (int i = 0; i < 100; i++)
		buf_addf(&b, "8@$%d ", i);
	struct usdt_spec *s = sym_usdt_parse(a, EM_X86_64, b.s, 0, NULL, NULL);
	CHECK(&c, s->n == USDT_MAX_ARGS && s->args[USDT_MAX_ARGS - 1].disp == USDT_MAX_ARGS - 1);
	buf_fini(&b);
}

/* -- files -- */

static const char *in_dir(struct arena *a, const char *name)
{
	return arena_printf(a, "%s/%s", dir, name);
}

static void test_said(struct arena *a, const char *name)
{
	struct sym_usdts u;
	char what[64];
	unsigned long addr, off;
	uint32_t n = 0;
	FILE *f = fopen(in_dir(a, arena_printf(a, "%s.said", name)), "r");
	if (!CHECK(&c, f != NULL) || !CHECK(&c, sym_usdt_read(a, in_dir(a, name), &u) == 0))
		return;
	CHECK(&c, u.state == SYM_USDT_OK && u.has_section && u.n_bad == 0);
	/* In order of names: demo:twice, demo:twice, other:busy, other:moved, other:start__work. */
	if (!CHECK(&c, u.list.n == 5))
		return;
	static const struct { const char *name; int at; bool semaphore; } rows[] = {
		{ "first", 0, false }, { "second", 1, false }, { "moved", 3, false }, { "work", 4, false },
		{ "first_semaphore", 0, true }, { "first_semaphore", 1, true }, { "moved_semaphore", 3, true },
	};
	while (fscanf(f, "%63s %lu %lu", what, &addr, &off) == 3) {
		for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			const struct sym_usdt *s = &u.list.v[rows[i].at];
			if (strcmp(rows[i].name, what) != 0)
				continue;
			n++;
			check_true(&c, arena_printf(a, "%s: address of %s", name, what), (rows[i].semaphore ? s->sema_addr : s->pc) == addr);
			check_true(&c, arena_printf(a, "%s: offset of %s", name, what), (rows[i].semaphore ? s->sema : s->offset) == off);
		}
	}
	CHECK(&c, n == 7);
	fclose(f);
	CHECK(&c, !strcmp(u.list.v[0].provider, "demo") && !strcmp(u.list.v[0].name, "twice"));
	CHECK(&c, !strcmp(u.list.v[4].name, "start__work") && !*u.list.v[4].args && u.list.v[4].sema == 0);
	CHECK(&c, u.list.v[0].is_nop && u.list.v[1].is_nop && u.list.v[3].is_nop && u.list.v[4].is_nop && !u.list.v[2].is_nop);
	const struct usdt_spec *s = sym_usdt_args(a, &u, &u.list.v[1]);
	CHECK(&c, s->n == 2 && s->args[0].disp == 17 && s->args[0].is_signed && s->args[0].size == 4 && !s->args[1].is_signed);
}

static void test_others(struct arena *a)
{
	struct sym_usdts u;
	CHECK(&c, sym_usdt_read(a, in_dir(a, "notes.said"), &u) == -ENOEXEC);
	CHECK(&c, sym_usdt_read(a, "/dev/null", &u) == -ENOEXEC);
	CHECK(&c, sym_usdt_read(a, dir, &u) == -ENOEXEC);
	CHECK(&c, sym_usdt_read(a, in_dir(a, "nowhere"), &u) == -ENOENT);
	CHECK(&c, sym_usdt_read(a, in_dir(a, "target"), &u) == 0 && u.list.n == 0 && !u.has_section);
}

/* -- damaged files: a note is believed only where the program has what it speaks of -- */

static int memory_file(const void *p, size_t n, char *path, size_t room)
{
	int fd = memfd_create("notes", MFD_CLOEXEC);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		return -1;
	snprintf(path, room, "/proc/self/fd/%d", fd);
	return fd;
}

static uint32_t read_copy(struct arena *a, const char *p, size_t n, struct sym_usdts *u)
{
	char path[64];
	int fd = memory_file(p, n, path, sizeof(path));
	int r = fd < 0 ? -1 : sym_usdt_read(a, path, u);
	for (uint32_t i = 0; r == 0 && i < u->list.n; i++) {
		const struct sym_usdt *s = &u->list.v[i];
		const struct usdt_spec *spec = sym_usdt_args(a, u, s);
		CHECK(&c, s->offset < n && (s->sema == 0 || s->sema + 2 <= n) && *s->provider && *s->name && spec->n <= USDT_MAX_ARGS);
		CHECK(&c, !strpbrk(s->provider, " :\"\n") && !strpbrk(s->name, " :\"\n"));
	}
	if (fd >= 0)
		close(fd);
	return r == 0 ? u->list.n : 0;
}

static void test_damaged(void)
{
	struct arena a;
	struct sym_usdts u;
	uint64_t seed = 42;
	arena_init(&a);
	FILE *f = fopen(in_dir(&a, "notes"), "r");
	if (!CHECK(&c, f != NULL))
		return;
	size_t cap = 1 << 20, n;
	char *whole = malloc(cap), *copy = malloc(cap);
	n = fread(whole, 1, cap, f);
	fclose(f);
	/* The notes by hand: where the first lies. */
	char *note = memmem(whole, n, "stapsdt\0", 8), *desc = note ? note + 8 : NULL;
	if (!CHECK(&c, note && note - whole > 12))
		return;
	memcpy(copy, whole, n);
	CHECK(&c, read_copy(&a, copy, n, &u) == 5);
	static const struct { const char *what; int at, len; const char *bytes; uint32_t left, bad; } rows[] = {
		{ "another owner", 0, 1, "S", 4, 0 }, { "a place outside", 8, 8, "\0\0\0\0\0\0\0\1", 4, 1 },
		{ "a place that is data", 8, 8, "\x42\x40\0\0\0\0\0\0", 4, 1 }, { "a semaphore that is text", 24, 8, "\x8b\x11\0\0\0\0\0\0", 4, 1 },
		{ "a semaphore outside", 24, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 4, 1 }, { "no provider", 32, 1, "\0", 4, 1 },
		{ "a blank in a name", 32, 1, " ", 4, 1 }, { "a colon in a name", 33, 1, ":", 4, 1 }, { "an escape in a name", 32, 1, "\33", 4, 1 },
		{ "a description longer than the section", -8, 4, "\xff\xff\xff\x7f", 0, 1 }, { "a name longer than the section", -12, 4, "\xff\xff\xff\x7f", 0, 1 },
		{ "no description", -8, 4, "\0\0\0\0", 0, 1 }, { "another type", -4, 4, "\4\0\0\0", 4, 0 },
	};
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(copy, whole, n);
		memcpy(copy + (note - whole) + rows[i].at, rows[i].bytes, (size_t)rows[i].len);
		uint32_t left = read_copy(&a, copy, n, &u);
		/* A wrong length shifts all that follows: what is found there is nobody's promise. */
		bool shifts = rows[i].at < 0 && rows[i].left == 0;
		check_true(&c, rows[i].what, shifts ? left <= 4 : left == rows[i].left && u.n_bad == rows[i].bad);
	}
	/* 32 bits; another processor */
	memcpy(copy, whole, n);
	copy[EI_CLASS] = ELFCLASS32;
	CHECK(&c, read_copy(&a, copy, n, &u) == 0 && u.state == SYM_USDT_32_BIT);
	memcpy(copy, whole, n);
	copy[18] = (char)EM_PPC64;
	CHECK(&c, read_copy(&a, copy, n, &u) == 5 && u.state == SYM_USDT_FOREIGN);
	CHECK(&c, sym_usdt_args(&a, &u, &u.list.v[0])->args[0].why != NULL);
	/* Anything, anywhere near the notes and in the headers. */
	for (int round = 0; round < 1000; round++) {
		memcpy(copy, whole, n);
		size_t cut = n;
		for (int k = 0; k < 4; k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			uint32_t r = (uint32_t)(seed >> 33);
			size_t at = r % 4 == 0 ? r / 4 % 1024 : r % 4 == 1 ? n - 1 - r / 4 % 3000 : (size_t)(note - whole) + r / 4 % 300;
			copy[at] = (char)(r >> 11);
			if (r % 97 == 0)
				cut = n - r / 97 % n;
		}
		read_copy(&a, copy, cut, &u);
		if (round % 100 == 99) {
			arena_fini(&a);
			arena_init(&a);
		}
	}
	(void)desc;
	free(whole);
	free(copy);
	arena_fini(&a);
}

int main(int argc, char **argv)
{
	struct arena a;
	if (argc < 2)
		return 2;
	dir = realpath(argv[1], NULL);
	arena_init(&a);
	test_x86(&a);
	test_arm(&a);
	test_said(&a, "notes");
	test_said(&a, "notes-exec");
	test_others(&a);
	test_damaged();
	arena_fini(&a);
	free((void *)dir);
	return check_end(&c);
}
