/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_usdt WHAT N: static probes of its own (notes.h), whose arguments it knows. After its pid it says on stdout what
 * a tracer must see, so that the test compares, and nothing else knows the numbers.
 *
 *   forms N        the provider "forms": a probe for each form that an operand can have; each time a line "NAME VALUE"
 *   places N       places:many, at several places, inlined and with different operands: lines "many A B"
 *   hundred N      hundred:one at a hundred places, each with its own constant: the line "sum S"
 *   guarded N      guarded:work, which has a semaphore, N times once somebody looks and stdin has a byte or ends. Lines "idle COUNT", "seen COUNT", "done",
 *                  "idle COUNT"; COUNT is the semaphore
 *   wait N         as "guarded" without a word, then "forms 1"
 *   library N FILE lib_work() of the library FILE, N times: its probe library:work with the argument i * 3; the line "sum S"
 *   memory N FILE  the same from a copy in memory that has no name, once stdin has a byte or ends
 *   nop5 N         five:leaf and five:calls on 5-byte nops, arguments i and i + 1000; the line "bad B", B the times that a variable
 *                  beneath the stack pointer had changed
 *   float N        other:float, other:double, other:segment
 */
#include "work.h"
#include "notes.h"

#include <dlfcn.h>

SEMAPHORE(work_semaphore);
SEMAPHORE(other_semaphore);

static int counter = 1000;
static long table[4] = { 11, -22, 33, -44 };
static struct { char c; short s; int i; long l; } record = { -3, -300, -70000, -5000000000 };
static char buffer[16] = "text";

static void say(const char *name, long long value)
{
	printf("%s %lld\n", name, value);
}

#if defined(__x86_64__)
#define FORM(name, text, ...) NOTE(forms, name, 0, text, __VA_ARGS__)

static __attribute__((noinline)) void forms_registers(long n)
{
	register long rb __asm__("rbx") = -1 - n, r12 __asm__("r12") = 0x1122334455667788 + n;

	FORM(r8s, "-8@%0", "r"(-n));                     say("r8s", -n);
	FORM(r8u, "8@%0", "r"(n + (1l << 40)));          say("r8u", n + (1l << 40));
	FORM(r4s, "-4@%k0", "r"(-n - 1));                say("r4s", (int)(-n - 1));
	FORM(r4u, "4@%k0", "r"(-n - 1));                 say("r4u", (unsigned)(-n - 1));
	FORM(r2s, "-2@%w0", "r"(n - 70000));             say("r2s", (short)(n - 70000));
	FORM(r2u, "2@%w0", "r"(n - 70000));              say("r2u", (unsigned short)(n - 70000));
	FORM(r1s, "-1@%b0", "q"(n + 200));               say("r1s", (signed char)(n + 200));
	FORM(r1u, "1@%b0", "q"(n + 200));                say("r1u", (unsigned char)(n + 200));
	FORM(high, "1@%h0", "Q"(0x4321 + (n << 8)));     say("high", (unsigned char)(0x43 + n));
	/* A size that is not the register's: the low bytes. */
	FORM(low, "-4@%q0", "r"((n << 33) - 5));         say("low", -5);
	FORM(rbx, "-8@%%rbx", "r"(rb));                  say("rbx", rb);
	FORM(r12, "8@%%r12", "r"(r12));                  say("r12", r12);
	FORM(bare, "%0", "r"(n * 3));                    say("bare", n * 3);
#define NUMBERED(reg) do {                                                     \
		register long v __asm__(#reg) = 500 + n;                       \
		FORM(reg, "-8@%%" #reg, "r"(v));                               \
		say(#reg, v);                                                  \
	} while (0)
	NUMBERED(rax);
	NUMBERED(rcx);
	NUMBERED(rdx);
	NUMBERED(rsi);
	NUMBERED(rdi);
	NUMBERED(r8);
	NUMBERED(r9);
	NUMBERED(r10);
	NUMBERED(r11);
	NUMBERED(r13);
	NUMBERED(r14);
	NUMBERED(r15);
}

static __attribute__((noinline)) void forms_memory(long n)
{
	volatile long local[3] = { n, -n, 1234567 };
	volatile signed char small = (signed char)(n - 100);

	FORM(m8, "-8@%0", "m"(local[1]));                say("m8", -n);
	FORM(m1, "-1@%0", "m"(small));                   say("m1", small);
	FORM(at, "8@(%0)", "r"(&local[2]), "m"(local));  say("at", 1234567);
	FORM(minus, "-8@-8(%0)", "r"(&local[1]), "m"(local)); say("minus", n);
	FORM(index, "-8@(%0,%1,8)", "r"(table), "r"(n & 3)); say("index", table[n & 3]);
	FORM(index1, "-8@8(%0,%1)", "r"(table), "r"((n & 1) * 8)); say("index1", table[1 + (n & 1)]);
	FORM(noBase, "1@1(,%0,1)", "r"(buffer));         say("noBase", 'e');
	FORM(structS, "-2@%0", "m"(record.s));           say("structS", record.s);
	FORM(structL, "-8@%0", "m"(record.l));           say("structL", record.l);
	FORM(rip, "-4@%0", "m"(counter));                say("rip", counter);
	FORM(ripPlus, "-8@table+8(%%rip)", "m"(table));  say("ripPlus", table[1]);
	FORM(address, "8@$buffer+2-1", "m"(buffer));     say("address", (long long)(uintptr_t)buffer + 1);
	FORM(bareSymbol, "4@counter", "m"(counter));     say("bareSymbol", counter);
	counter -= 3;
}

static __attribute__((noinline)) void forms_constants(void)
{
	FORM(c0, "-4@%0", "n"(0));                       say("c0", 0);
	FORM(cMinus, "-4@%0", "n"(-1));                  say("cMinus", -1);
	FORM(cUnsigned, "4@%0", "n"(-1));                say("cUnsigned", 4294967295);
	FORM(cShort, "2@%0", "n"(0x12345));              say("cShort", 0x2345);
	FORM(cHex, "8@$0x7fffffffffffffff", "n"(0));     say("cHex", INT64_MAX);
	FORM(cLeast, "-8@$-9223372036854775808", "n"(0)); say("cLeast", INT64_MIN);
	FORM(cOctal, "8@$017", "n"(0));                  say("cOctal", 15);
}
#else
#define FORM(name, text, ...) NOTE(forms, name, 0, text, __VA_ARGS__)
static void forms_registers(long n)
{
	FORM(r8s, "-8@%0", "r"(-n));                     say("r8s", -n);
	FORM(r4u, "4@%w0", "r"(-n - 1));                 say("r4u", (unsigned)(-n - 1));
}
static void forms_memory(long n)
{
	volatile long local = -n;

	FORM(m8, "-8@%0", "m"(local));                   say("m8", -n);
}
static void forms_constants(void)
{
	FORM(cMinus, "-4@%0", "n"(-1));                  say("cMinus", -1);
}
#endif

static void forms(long n)
{
	for (long i = 0; i < n; i++) {
		forms_registers(i);
		forms_memory(i);
		forms_constants();
	}
}

/* Inlined three times, with what the compiler has at hand there. */
static inline __attribute__((always_inline)) void many(int a, long b)
{
	NOTE(places, many, other_semaphore, "-4@%0 -8@%1", "nor"(a), "nor"(b));
	printf("many %d %ld\n", a, b);
}

static __attribute__((noinline)) void places(long n)
{
	volatile long kept = 5;

	for (long i = 0; i < n; i++) {
		many(7, i);
		many((int)-i, -9);
		many((int)i, kept);
		NOTE(places, many, other_semaphore, "-4@%0", "r"((int)i)); /* here it has no second argument */
		printf("many %ld 0\n", i);
		NOTE(places, single, 0, "", "r"(0));
	}
}

#define ONE(i) NOTE(hundred, one, 0, "8@%0", "n"(i))
#define TEN(i) ONE(i); ONE(i + 1); ONE(i + 2); ONE(i + 3); ONE(i + 4); ONE(i + 5); ONE(i + 6); ONE(i + 7); ONE(i + 8); ONE(i + 9)

static __attribute__((noinline)) void hundred(long n)
{
	for (long i = 0; i < n; i++) {
		TEN(0); TEN(10); TEN(20); TEN(30); TEN(40); TEN(50); TEN(60); TEN(70); TEN(80); TEN(90);
	}
	printf("sum %ld\n", n * 4950);
}

static void guarded(long n, int words)
{
	if (words) {
		printf("idle %d\n", work_semaphore);
		fflush(stdout);
	}
	while (!work_semaphore)
		sched_yield();
	if (words)
		printf("seen %d\n", work_semaphore);
	/* The kernel counts the semaphore before it puts the breakpoint: the tracer says when it has. */
	char go;
	if (read(0, &go, 1) < 0)
		_exit(8);
	for (long i = 0; i < n; i++)
		if (work_semaphore)
			NOTE(guarded, work, work_semaphore, "-8@%0 8@%1", "r"(i), "r"(buffer));
	if (!words)
		return;
	puts("done");
	fflush(stdout);
	while (work_semaphore)
		sched_yield();
	printf("idle %d\n", work_semaphore);
}

#if defined(__x86_64__)
#define NOP5 ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00"
static __attribute__((noinline)) long five_leaf(long i)
{
	long kept;

	__asm__ volatile("mov %0, -8(%%rsp)\n\tmov %0, -128(%%rsp)" ::"r"(i) : "memory");
	NOTE_WITH(NOP5, 0, five, leaf, "0", "-8@%0 -4@counter(%%rip) -8@-128(%%rsp)", "r"(i));
	__asm__ volatile("mov -8(%%rsp), %0\n\txor -128(%%rsp), %0" : "=&r"(kept)::"memory");
	return kept;
}

static __attribute__((noinline)) void five(long n)
{
	long bad = 0;

	for (long i = 0; i < n; i++) {
		volatile long more = i + 1000;

		bad += five_leaf(i) != 0;
		NOTE_WITH(NOP5, 0, five, calls, "0", "-8@%0 -4@counter(%%rip) 8@%1", "m"(more), "r"(&more));
		bad += more != i + 1000;
	}
	printf("bad %ld\n", bad);
}
#else
static void five(long n)
{
	(void)n;
}
#endif

static void floats(void)
{
#if defined(__x86_64__)
	NOTE(other, float, 0, "4f@%0 -4@%1", "x"(1.5f), "n"(3));
	NOTE(other, double, 0, "-8@%0", "x"(2.5));
	NOTE(other, segment, 0, "8@%%fs:40", "n"(0));
	NOTE(other, unknown, 0, "8@nowhere(%%rip)", "n"(0));
#endif
}

static int library(long n, const char *file, int in_memory)
{
	char path[64], bytes[1 << 16], go;
	ssize_t got;

	if (in_memory) {
		int from = open(file, O_RDONLY), to = memfd_create("w_memory", 0);

		while ((got = read(from, bytes, sizeof(bytes))) > 0)
			if (write(to, bytes, (size_t)got) != got)
				return 2;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
		file = path;
	}
	void *lib = dlopen(file, RTLD_NOW);
	void (*work)(long) = lib ? (void (*)(long))dlsym(lib, "lib_work") : NULL;

	if (!work)
		return 1;
	if (in_memory) {
		puts("loaded");
		fflush(stdout);
		if (read(0, &go, 1) < 0)
			return 3;
	}
	for (long i = 0; i < n; i++)
		work(i * 3);
	printf("sum %ld\n", n * (n - 1) / 2 * 3);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = arg_text(argc, argv, 1, "forms");
	long n = arg_number(argc, argv, 2, 10);

	say_pid();
	if (!strcmp(what, "forms"))
		forms(n);
	else if (!strcmp(what, "places"))
		places(n);
	else if (!strcmp(what, "hundred"))
		hundred(n);
	else if (!strcmp(what, "nop5"))
		five(n);
	else if (!strcmp(what, "float"))
		floats();
	else if (!strcmp(what, "library") || !strcmp(what, "memory"))
		return library(n, arg_text(argc, argv, 3, ""), what[0] == 'm');
	else
		guarded(n, !strcmp(what, "guarded"));
	if (!strcmp(what, "wait"))
		forms(1);
	return 0;
}
