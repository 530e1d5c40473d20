/* SPDX-License-Identifier: Apache-2.0 */
/* A library between two frames of the program; also opened by dlopen. */
#define KEEP __attribute__((noinline, noclone))

typedef void call_fn(void);

static volatile long sink;

KEEP static void lib_inner(call_fn *f, long n)
{
	long v[4] = { n, n + 1, n + 2, n + 3 };
	f();
	for (int i = 0; i < 4; i++)
		sink += v[i];
}

KEEP void NAME(call_fn *f);
KEEP void NAME(call_fn *f)
{
	lib_inner(f, sink);
	sink++;
}

KEEP long TICK(long x);
KEEP long TICK(long x)
{
	long a = x * 3, b = x ^ 5;
	sink += a;
	return a + b + sink;
}
