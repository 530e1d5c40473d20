/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program whose static probes are looked up. Run, it says where they are, as the running process sees it: lines
 * "name address file-offset", with the address as in its symbol table; so the reader of the notes is checked against
 * the loader and the kernel's map.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <stdio.h>

#include "../live/work/notes.h"

SEMAPHORE(first_semaphore);
SEMAPHORE(moved_semaphore);
extern char place_first[], place_second[], place_moved[], place_work[];

#define LABEL(name) "\n\t.globl " #name "\n" #name ":\tnop"

/* Two places of one probe, one that a prelinked file would have, one that is no nop. */
__attribute__((noinline)) static int probes(int x, long y)
{
	NOTE_WITH(LABEL(place_first), 0, demo, twice, "first_semaphore", "-4@%0 8@%1", "r"(x), "r"(y));
	NOTE_WITH(LABEL(place_second), 0, demo, twice, "first_semaphore", "-4@%0 8@%1", "n"(17), "r"(y));
	NOTE_WITH(LABEL(place_moved), 0x5000, other, moved, "moved_semaphore - 0x5000", "2@%0", "n"(3));
	NOTE_WITH(LABEL(place_work) "\n", 0, other, start__work, "0", "", "n"(3));
	NOTE_WITH("cld", 0, other, busy, "0", "", "n"(3));
	return x;
}

static int first(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(uintptr_t *)arg = info->dlpi_addr;
	return 1; /* the program itself comes first */
}

static void say(const char *name, const volatile void *at)
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
	say("first", place_first);
	say("second", place_second);
	say("moved", place_moved);
	say("work", place_work);
	say("first_semaphore", &first_semaphore);
	say("moved_semaphore", &moved_semaphore);
	return probes(1, 2) == 12345;
}
