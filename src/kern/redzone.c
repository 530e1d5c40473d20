/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does this kernel's uprobe on a 5-byte nop break the program that has it? Some kernels (6.18 is one) replace such a
 * nop, once its breakpoint has been hit, by a call of a trampoline. A call writes a return address below the stack
 * pointer; there, in the 128 bytes of the red zone, the x86-64 ABI lets a function that calls nobody keep its
 * variables. So the traced program's data is overwritten.
 *
 * It is found out by doing it: a child of ours runs a function of ours that keeps a word there around such a nop,
 * with a uprobe on it. A kernel that saves the red zone, or leaves the breakpoint alone, passes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kern/kern_priv.h"
#include "kern/sys.h"

#if defined(__x86_64__)

/* long redzone_leaf(long x): 0 when the word below the stack is still x behind the nop. */
long redzone_leaf(long x) __attribute__((visibility("hidden")));
extern const char redzone_nop[] __attribute__((visibility("hidden")));
__asm__(".pushsection .text.redzone_leaf, \"ax\", @progbits\n"
	"\t.balign 64\n"
	"\t.globl redzone_leaf\n\t.hidden redzone_leaf\n\t.type redzone_leaf, @function\n"
	"\t.globl redzone_nop\n\t.hidden redzone_nop\n"
	"redzone_leaf:\n"
	"\tmovq %rdi, -8(%rsp)\n"
	"redzone_nop:\n"
	"\t.byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
	"\tmovq -8(%rsp), %rax\n"
	"\txorq %rdi, %rax\n"
	"\tret\n"
	"\t.size redzone_leaf, . - redzone_leaf\n"
	".popsection\n");

/* The file that an address of ours lies in, and where. */
static bool redzone_place(const void *at, char path[512], uint64_t *ret_offset)
{
	char line[1024];
	FILE *f = fopen("/proc/self/maps", "re");
	bool found = false;
	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long long lo, hi, off;
		int name = 0;
		if (sscanf(line, "%llx-%llx %*s %llx %*s %*u %n", &lo, &hi, &off, &name) != 3 || !name ||
		    line[name] != '/' || (uintptr_t)at < lo || (uintptr_t)at >= hi)
			continue;
		*ret_offset = off + ((uintptr_t)at - lo);
		snprintf(path, 512, "/proc/self/map_files/%llx-%llx", lo, hi); /* whatever has become of the name */
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

bool redzone_is_overwritten(void)
{
	enum { ROUNDS = 4, OVERWRITTEN = 127 };
	char path[512];
	uint64_t offset;
	int status = 0;
	if (!redzone_place(redzone_nop, path, &offset))
		return false;
	pid_t pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		long bad = 0;
		if (sys_perf_uprobe(path, offset, 0, false, (int)getpid()) < 0)
			_exit(126);
		for (long i = 1; i <= ROUNDS; i++)
			bad |= redzone_leaf(i * 0x0123456789abcdefl);
		if (bad)
			_exit(127);
		_exit(126);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == OVERWRITTEN;
}

#else

bool redzone_is_overwritten(void)
{
	return false;
}

#endif
