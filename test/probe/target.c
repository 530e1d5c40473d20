/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program whose symbols are looked up. Run, it says where its functions are, as the running process sees it: lines
 * "name address file-offset size-known", with the address as in its symbol table. So the reader of the ELF file is
 * checked against the dynamic loader and the kernel's map, not against another reader.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <stdio.h>

int alpha(int x);
__attribute__((noinline, visibility("default"))) int alpha(int x)
{
	return x * 3 + 1;
}
extern int alpha_again(int x) __attribute__((weak, alias("alpha")));
extern int __alpha_inside(int x) __attribute__((alias("alpha")));

static __attribute__((noinline, used)) int hidden(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x - 1;
}

/* Instructions of known lengths: 1, 2, 5, 1. Its last name has no size. */
extern void sled(void), sizeless(void);
#if defined(__x86_64__)
__asm__(".text\n.globl sled\n.type sled, @function\nsled:\n\t.byte 0x90\n\t.byte 0x31, 0xc0\n\t.byte 0xb8, 1, 2, 3, 4\n\t.byte 0xc3\n"
	".size sled, . - sled\n"
	".globl vector\n.type vector, @function\nvector:\n\tvpxor %xmm0, %xmm0, %xmm0\n\tret\n.size vector, . - vector\n"
	".globl sizeless\n.type sizeless, @function\nsizeless:\n\t.byte 0x90, 0x90, 0xc3\n");
#else
__asm__(".text\n.globl sled\n.type sled, %function\nsled:\n\tret\n\tret\n.size sled, . - sled\n"
	".globl sizeless\n.type sizeless, %function\nsizeless:\n\tret\n");
#endif

static int chosen_now(void)
{
	return 7;
}
static int (*resolve(void))(void)
{
	return chosen_now;
}
int chosen(void) __attribute__((ifunc("resolve")));

static int first(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(uintptr_t *)arg = info->dlpi_addr;
	return 1; /* the program itself comes first */
}

static void say(const char *name, const void *at)
{
	uintptr_t bias = 0, addr = (uintptr_t)at;
	unsigned long lo, hi, off;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");

	dl_iterate_phdr(first, &bias);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %*s %lx", &lo, &hi, &off) == 3 && addr >= lo && addr < hi)
			printf("%s %lu %lu\n", name, (unsigned long)(addr - bias), (unsigned long)(addr - lo + off));
	}
	if (f)
		fclose(f);
}

int main(void)
{
	say("alpha", (void *)alpha);
	say("hidden", (void *)hidden);
	say("sled", (void *)sled);
	say("sizeless", (void *)sizeless);
	say("main", (void *)main);
	return alpha(1) + alpha_again(2) + hidden(3) + chosen() + __alpha_inside(1) == 12345;
}
