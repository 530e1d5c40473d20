/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_args N: N times a call of each of some functions whose arguments and results are known, of every class of the calling convention.
 * The tests build it also otherwise optimised, and with other debug information.
 */
#include "work.h"

#include <stdbool.h>

#if defined(__clang__)
#define ENTRY __attribute__((noinline, optnone))
#else
#define ENTRY __attribute__((noipa))
#endif

enum color { RED, GREEN = 5, BLUE = -3 };
typedef struct { int x, y; } point;                       /* one register */
struct pair { long a; const char *b; };                   /* two */
struct mixed { long a; double d; };                       /* one, and one for floating-point numbers */
struct big { long v[4]; char name[16]; };                 /* on the stack */
struct __attribute__((packed)) packed { char c; long l; };/* on the stack: not aligned */
union number { int i; unsigned char b[4]; long l; };
struct bits { unsigned a : 3; int b : 5; unsigned c : 24; unsigned long d : 40; };
struct node {
	int id;
	struct node *next;
	struct {
		int in;
		union { int u1; char c4[4]; };
	} sub;
	char name[12];
	struct bits bits;
	enum color color;
	const char *text;
	short list[3];
	double weight;
};
typedef struct node node_t;
typedef const volatile node_t *node_p;

int f_simple(int a, const char *s, unsigned char c, short neg, bool flag);
ENTRY int f_simple(int a, const char *s, unsigned char c, short neg, bool flag)
{
	return a + c + s[0] + neg + flag;
}

long f_node(node_p n, node_t **pp, int *list);
ENTRY long f_node(node_p n, node_t **pp, int *list)
{
	return n->id + (*pp)->id + list[1];
}

long f_structs(point p, struct pair q, union number u);
ENTRY long f_structs(point p, struct pair q, union number u)
{
	return p.x + p.y + q.a + q.b[0] + u.i;
}

long f_stack(int a, int b, int c, int d, int e, int f, int g, char h, struct big big, struct packed pk, long i);
ENTRY long f_stack(int a, int b, int c, int d, int e, int f, int g, char h, struct big big, struct packed pk, long i)
{
	return a + b + c + d + e + f + g + h + big.v[2] + pk.l + i;
}

/* Four registers are taken: the pair does not fit into the two that are left once `e` has one, but `f` does. */
long f_split(long a, long b, long c, long d, long e, struct pair q, long f);
ENTRY long f_split(long a, long b, long c, long d, long e, struct pair q, long f)
{
	return a + b + c + d + e + q.a + q.b[0] + f;
}

double f_float(int a, double d, float f, int b);
ENTRY double f_float(int a, double d, float f, int b)
{
	return a + d + (double)f + b;
}

long f_mixed(struct mixed m, int z);
ENTRY long f_mixed(struct mixed m, int z)
{
	return m.a + (long)m.d + z;
}

#ifdef __SIZEOF_INT128__
long f_wide(int a, __int128 w, long double ld, int b);
ENTRY long f_wide(int a, __int128 w, long double ld, int b)
{
	return a + (long)w + (long)ld + b;
}
#endif

struct big f_big(int a);
ENTRY struct big f_big(int a)
{
	return (struct big){ { a, a + 1, a + 2, a + 3 }, "result" };
}

enum color f_color(enum color c);
ENTRY enum color f_color(enum color c)
{
	return c;
}

bool f_bool(int a);
ENTRY bool f_bool(int a)
{
	return a > 1;
}

const char *f_text(const char *s);
ENTRY const char *f_text(const char *s)
{
	return s + 1;
}

/* What it is called with is known to the compiler, so that it makes a function of its own with fewer arguments. */
static __attribute__((noinline)) int f_clone(int a, int b, int c)
{
	__asm__ volatile("" : "+r"(a));
	return a * b + c;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 1), sum = 0;
	node_t a = { 7, NULL, { 8, { 0x41424344 } }, "first", { 5, -7, 0xabcdef, 0x123456789a }, GREEN, "hello", { 1, -2, 3 }, 2.5 };
	node_t b = { 9, &a, { 1, { 2 } }, "second", { 0 }, BLUE, "world", { 4, 5, 6 }, 1 }, *pb = &b;
	int list[3] = { 10, 20, 30 };
	struct big big = { { 1, 2, 3, 4 }, "bigname" };

	say_pid();
	for (long i = 0; i < n; i++) {
		sum += f_simple(-5, "text", 200, -3, true);
		sum += f_node(&a, &pb, list);
		sum += f_structs((point){ 3, -4 }, (struct pair){ 123456789012, "pb" }, (union number){ .i = 77 });
		sum += f_stack(1, 2, 3, 4, 5, 6, -7, 'h', big, (struct packed){ 'p', -12345678901 }, 99);
		sum += f_split(1, 2, 3, 4, 5, (struct pair){ 6, "split" }, 7);
		sum += (long)f_float(1, 2.5, 3.5f, 4);
		sum += f_mixed((struct mixed){ 11, 2.0 }, 12);
#ifdef __SIZEOF_INT128__
		sum += f_wide(1, (__int128)5 << 64 | 6, 3.0L, 4);
#endif
		sum += f_big(100).v[3];
		sum += f_color(BLUE) + f_color(GREEN);
		sum += f_bool(5) + f_bool(0);
		sum += *f_text("xyz");
		sum += f_clone((int)i, 3, 4) + f_clone((int)sum, 3, 4);
	}
	return sum == 0;
}
