/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 100,000 functions in 50 libraries (made by `run symbols`), each of STRIDE bytes, for measuring how fast addresses become names.
 *   symbols sonde LIBRARY...   names them all twice: "cold-ms warm-ms peak-kb named"
 *   symbols call LIBRARY...    calls them all once; each makes a system call: what perf records
 *   symbols list LIBRARY...    "file address" for each, as addr2line wants it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sym/sym.h"

enum { STRIDE = 32, EACH = 2000, LIBS_MAX = 64 };

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static long peak_kb(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return r.ru_maxrss;
}

int main(int argc, char **argv)
{
	uintptr_t first[LIBS_MAX], base[LIBS_MAX];
	int n = 0;
	if (argc < 3)
		return 2;
	for (int i = 2; i < argc && n < LIBS_MAX; i++, n++) {
		void *lib = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
		struct link_map *map = NULL;
		if (!lib || dlinfo(lib, RTLD_DI_LINKMAP, &map) || !(first[n] = (uintptr_t)dlsym(lib, "first_of_all"))) {
			fprintf(stderr, "symbols: %s\n", dlerror());
			return 1;
		}
		base[n] = map->l_addr;
	}
	if (!strcmp(argv[1], "call") || !strcmp(argv[1], "list")) {
		for (uintptr_t k = 0; k < EACH; k++) {
			for (int i = 0; i < n; i++) {
				if (argv[1][0] == 'c')
					((void (*)(void))(first[i] + k * STRIDE))();
				else
					printf("%s 0x%lx\n", argv[2 + i], (unsigned long)(first[i] - base[i] + k * STRIDE));
			}
		}
		return 0;
	}
	struct sym_procs *p = sym_procs_new((struct sym_options){ .demangle = true });
	struct sym_frame f;
	double ms[3];
	long named = 0, before = peak_kb();
	for (int round = 0; round < 2; round++) {
		ms[round] = now_ms();
		for (uintptr_t k = 0; k < EACH; k++)
			for (int i = 0; i < n; i++)
				named += sym_procs_at(p, (uint32_t)getpid(), first[i] + k * STRIDE + 4, &f) && strstr(f.name, "::");
	}
	ms[2] = now_ms();
	printf("%.0f %.0f %ld %ld\n", ms[1] - ms[0], ms[2] - ms[1], peak_kb() - before, named);
	sym_procs_free(p);
	return 0;
}
