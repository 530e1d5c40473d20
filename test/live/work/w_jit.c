/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -O2 -fno-omit-frame-pointer -rdynamic */
/* w_jit N: makes a function at run time, which calls jit_target N times, and says so in /tmp/perf-PID.map, which it removes after a moment. */
#include "work.h"

__attribute__((noinline, noclone)) void jit_target(void);

static volatile long sink;

void jit_target(void)
{
	sink++;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 1);
	char name[64];
	/* push rbp; mov rbp, rsp; mov rax, jit_target; call rax; pop rbp; ret */
	unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0, 0x5d, 0xc3 };
	void (*target)(void) = jit_target, (*made)(void);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	say_pid();
	if (p == MAP_FAILED)
		return 1;
	memcpy(code + 6, &target, 8);
	memcpy((char *)p + 64, code, sizeof(code));
	snprintf(name, sizeof(name), "/tmp/perf-%d.map", (int)getpid());
	FILE *f = fopen(name, "w");
	if (!f)
		return 1;
	fprintf(f, "%lx %zx jit one;\033\nnot a line\n%lx ffff", (unsigned long)p + 64, sizeof(code), (unsigned long)p);
	fclose(f);
	made = (void (*)(void))(uintptr_t)((char *)p + 64);
	while (n-- > 0)
		made();
	usleep(150000);
	unlink(name);
	return 0;
}
