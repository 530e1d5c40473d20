/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prog [MODE...]: a program that knows its own call chains. At the innermost function of each it asks the C library's unwinder (another one
 * than ours: that of exceptions) for the return addresses and prints them, "E addr...", the caller's first; then it calls uw_hit(), which
 * has a probe, and the system call getppid. `spin MS` prints "S pid lo hi addr..." and runs for that long in uw_spin (its code is from lo to hi), what it
 * calls, and nothing else, from uw_begin() to uw_end(); `async N` is interrupted there by N signals, whose handler does as above. `up FIFO` writes a line there, `wait FIFO` waits
 * until somebody writes to it.
 */
#define _GNU_SOURCE
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#ifndef STATIC
#include <dlfcn.h>
#endif

#define KEEP __attribute__((noinline, noclone))
enum { DEEP = 200 };

typedef void call_fn(void);
void lib_call(call_fn *f);
long lib_tick(long x);

static volatile long sink;
static volatile sig_atomic_t ticks;

static void put(const char *s, size_t n)
{
	while (n) {
		ssize_t w = write(1, s, n);
		if (w <= 0)
			_exit(9);
		s += w;
		n -= (size_t)w;
	}
}

static size_t put_hex(char *to, unsigned long v)
{
	char t[16];
	size_t n = 0, k = 0;
	do
		t[n++] = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	while (n)
		to[k++] = t[--n];
	return k;
}

static void put_line(const char *head, void *const *v, int n)
{
	static char line[(DEEP + 64) * 18]; /* no two at once */
	size_t k = strlen(head);
	memcpy(line, head, k);
	for (int i = 0; i < n; i++) {
		line[k++] = ' ';
		k += put_hex(line + k, (unsigned long)v[i]);
	}
	line[k++] = '\n';
	put(line, k);
}

KEEP void uw_hit(void);
KEEP void uw_hit(void)
{
	sink++;
}

KEEP static void uw_leaf(void)
{
	void *v[DEEP + 60];
	int n = backtrace(v, DEEP + 60);
	put_line("E", v + 1, n - 1);
	uw_hit();
	syscall(SYS_getppid);
	sink++;
}

KEEP static long uw_deep(long n)
{
	if (n)
		sink += uw_deep(n - 1);
	else
		uw_leaf();
	return n + sink;
}

KEEP static void uw_direct(void)
{
	sink += uw_deep(3);
	sink++;
}

KEEP static void uw_far(void)
{
	sink += uw_deep(DEEP);
	sink++;
}

KEEP static int uw_compare(const void *x, const void *y)
{
	uw_leaf();
	return *(const int *)x - *(const int *)y;
}

KEEP static void uw_qsort(void)
{
	int v[3] = { 3, 1, 2 };
	qsort(v, 3, sizeof(*v), uw_compare);
	sink += v[0];
}

KEEP static void uw_handler(int n)
{
	uw_leaf();
	sink += n;
}

static void on(int sig, int flags)
{
	struct sigaction a = { .sa_handler = uw_handler, .sa_flags = flags };
	sigaction(sig, &a, NULL);
}

KEEP static void uw_raise(void)
{
	on(SIGUSR1, 0);
	raise(SIGUSR1);
	sink++;
}

KEEP static void uw_altstack(void)
{
	static char memory[256 << 10];
	stack_t s = { .ss_sp = memory, .ss_size = sizeof(memory) };
	sigaltstack(&s, NULL);
	on(SIGUSR2, SA_ONSTACK);
	raise(SIGUSR2);
	sink++;
}

KEEP static void uw_lib(void)
{
	lib_call(uw_leaf);
	sink++;
}

KEEP static void uw_dlopen(void)
{
#ifndef STATIC
	static void *h;
	h = h ? h : dlopen(getenv("UW_DL"), RTLD_NOW);
	call_fn *f = h ? (call_fn *)dlsym(h, "dl_call") : NULL;
	if (!f)
		_exit(8);
	((void (*)(call_fn *))f)(uw_leaf);
#endif
	sink++;
}

KEEP static void uw_alloca(void)
{
	volatile char *p = __builtin_alloca((size_t)(sink & 1) * 64 + 100);
	p[0] = 1;
	uw_leaf();
	sink += p[0];
}

KEEP static void uw_aligned(void)
{
	volatile long v[8] __attribute__((aligned(64))) = { 1 };
	uw_leaf();
	sink += v[0];
}

/* both: the frame's address is kept in a register or in memory that an expression tells */
KEEP static void uw_both(long n)
{
	volatile long v[8] __attribute__((aligned(64))) = { 1 };
	volatile char *p = __builtin_alloca((size_t)n * 16 + 32);
	p[0] = 1;
	uw_leaf();
	sink += v[0] + p[0];
}

KEEP static void uw_mixed(void)
{
	uw_both((sink & 3) + 1);
	sink++;
}

KEEP static void *uw_thread(void *arg)
{
	uw_leaf();
	return arg;
}

KEEP static void uw_pthread(void)
{
	pthread_t t;
	pthread_create(&t, NULL, uw_thread, NULL);
	pthread_join(t, NULL);
	sink++;
}

static ucontext_t context_main, context_other;

KEEP static void uw_context(void)
{
	static char memory[256 << 10];
	getcontext(&context_other);
	context_other.uc_stack.ss_sp = memory;
	context_other.uc_stack.ss_size = sizeof(memory);
	context_other.uc_link = &context_main;
	makecontext(&context_other, uw_leaf, 0);
	swapcontext(&context_main, &context_other);
	sink++;
}

KEEP static void uw_many(long a, long b, long c, long d, long e, long f, long g, long h, long i)
{
	uw_leaf();
	sink += a + b + c + d + e + f + g + h + i;
}

KEEP static void uw_arguments(void)
{
	uw_many(1, 2, 3, 4, 5, 6, 7, 8, sink);
	sink++;
}

/* -- interrupted anywhere: prologues, stubs, the C library, the vDSO -- */

static long spin_ms, spin_ticks;
static char spin_head[32];

KEEP static long uw_work(long x)
{
	long v[16];
	for (int i = 0; i < 16; i++)
		v[i] = x + i;
	return v[x & 15] + sink;
}

KEEP void uw_begin(void);
KEEP void uw_begin(void)
{
	sink++;
}

/* Begins with an instruction that does nothing: when its breakpoint is met, and until the kernel has stepped back to it, the program seems to
 * stand behind it. */
void uw_end(void);
__asm__(".text\n.globl uw_end\n.type uw_end, @function\nuw_end:\n\t.cfi_startproc\n\tnop\n\tret\n\t.cfi_endproc\n.size uw_end, . - uw_end\n");

extern char __start_uw_code[], __stop_uw_code[]; /* by the linker: around the section */

KEEP __attribute__((section("uw_code"))) static void uw_spin(void)
{
	struct timespec a, b;
	char text[64];
	uw_begin();
	clock_gettime(CLOCK_MONOTONIC, &a);
	do {
		for (long k = 0; k < 50; k++) {
			sink += lib_tick(k) + uw_work(k);
			memset(text, (int)k, sizeof(text));
			sink += (long)strlen(strcpy(text, "some text of the program's"));
		}
		clock_gettime(CLOCK_MONOTONIC, &b);
	} while (spin_ticks ? ticks < spin_ticks : (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < spin_ms);
	uw_end();
	sink++;
}
KEEP static void uw_tick(int n)
{
	if (ticks++ < spin_ticks)
		uw_leaf();
	sink += n;
}

KEEP static void uw_around_spin(void)
{
	void *v[64] = { __start_uw_code, __stop_uw_code };
	if (!spin_ticks) {
		int n = backtrace(v + 2, 60);
		/* ours is the call below, somewhere else in this function */
		memmove(v + 2, v + 3, (size_t)(n - 1) * sizeof(*v));
		put_line(spin_head, v, n + 1);
	}
	uw_spin();
	sink++;
}

KEEP static void uw_async(void)
{
	struct sigaction a = { .sa_handler = uw_tick };
	struct itimerval t = { { 0, 1500 }, { 0, 1500 } }, off = { 0 };
	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
	uw_around_spin();
	setitimer(ITIMER_REAL, &off, NULL);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "direct", uw_direct }, { "qsort", uw_qsort }, { "raise", uw_raise }, { "altstack", uw_altstack }, { "lib", uw_lib }, { "dlopen", uw_dlopen },
	{ "alloca", uw_alloca }, { "aligned", uw_aligned }, { "mixed", uw_mixed }, { "arguments", uw_arguments }, { "pthread", uw_pthread },
	{ "context", uw_context }, { "far", uw_far },
};

int main(int argc, char **argv)
{
	void *warm[2];
	snprintf(spin_head, sizeof(spin_head), "S %d", (int)getpid());
	backtrace(warm, 2); /* it loads a library the first time */
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "up") && i + 1 < argc) {
			int fd = open(argv[++i], O_WRONLY);
			if (fd < 0 || write(fd, "up\n", 3) != 3)
				return 6;
			close(fd);
		} else if (!strcmp(argv[i], "wait") && i + 1 < argc) {
			char c;
			int fd = open(argv[++i], O_RDONLY);
			if (fd < 0 || read(fd, &c, 1) != 1)
				return 7;
		} else if (!strcmp(argv[i], "spin") && i + 1 < argc) {
			spin_ms = atol(argv[++i]);
			uw_around_spin();
		} else if (!strcmp(argv[i], "async") && i + 1 < argc) {
			spin_ticks = atol(argv[++i]);
			uw_async();
		}
		for (size_t k = 0; k < sizeof(modes) / sizeof(*modes); k++)
			if (!strcmp(argv[i], modes[k].name) || !strcmp(argv[i], "all"))
				modes[k].run();
	}
	return 0;
}
