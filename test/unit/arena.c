/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c and vec.h: zeroed, aligned, growing, and leaving by the owner's longjmp when memory runs out. */
#include <stdlib.h>

#include "../check.h"
#include "base/vec.h"

static struct check c = { .suite = "unit" };

static bool is_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void blocks(void)
{
	struct arena a;
	arena_init(&a);
	static const size_t sizes[] = { 0,	 1,	15,    16,     17,	100,
					16000,	 16384, 16385, 100000, 1 << 20, (1 << 20) + 1,
					5 << 20, 3,	3 };
	enum { N = sizeof(sizes) / sizeof(sizes[0]) };
	char *p[N];
	bool good = true;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < N; i++) {
			p[i] = arena_alloc(&a, sizes[i]);
			good &= p[i] && ((uintptr_t)p[i] & 15) == 0 && is_zero(p[i], sizes[i]);
			memset(p[i], 0x40 + i, sizes[i]); /* overlap shows below */
		}
		for (int i = 0; i < N; i++)
			for (size_t j = 0; j < sizes[i]; j += sizes[i] < 4096 ? 1 : 511)
				good &= p[i][j] == 0x40 + i;
	}
	check_true(&c, "blocks are zeroed, aligned and apart", good);
	arena_fini(&a);
	CHECK(&c, a.head == NULL && a.used == 0);
	CHECK(&c, arena_alloc(&a, 10) != NULL); /* usable again */
	arena_fini(&a);

	/* A large block must not throw away the rest of the chunk in use. */
	char *x = arena_alloc(&a, 16), *big = arena_alloc(&a, 8 << 20), *y = arena_alloc(&a, 16);
	CHECK(&c, y == x + 16 && big);
	arena_fini(&a);
}

static void copies(void)
{
	struct arena a = { 0 };
	CHECK(&c, strcmp(arena_strdup(&a, "abc"), "abc") == 0);
	CHECK(&c, strcmp(arena_strndup(&a, "abcdef", 3), "abc") == 0);
	CHECK(&c, strcmp(arena_strndup(&a, NULL, 0), "") == 0);
	CHECK(&c, strcmp(arena_printf(&a, "%d-%s", 42, "x"), "42-x") == 0);
	CHECK(&c, strcmp(arena_printf(&a, "%s", ""), "") == 0);
	char big[5000];
	memset(big, 'y', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	CHECK(&c, strcmp(arena_printf(&a, "%s", big), big) == 0);
	CHECK(&c, memcmp(arena_dup(&a, "a\0b", 3), "a\0b", 3) == 0);
	CHECK(&c, arena_dup(&a, NULL, 0) != NULL);
	int *v = arena_array(&a, int, 2);
	v[0] = 1;
	v[1] = 2;
	v = arena_grow(&a, v, 2 * sizeof(int), 4 * sizeof(int));
	CHECK(&c, v[0] == 1 && v[1] == 2 && v[2] == 0 && v[3] == 0);
	arena_fini(&a);
}

static void vectors(void)
{
	struct arena a = { 0 };
	VEC(uint32_t) v = { 0 };
	bool good = true;
	for (uint32_t i = 0; i < 10000; i++)
		vec_push(&a, &v, i * 3);
	for (uint32_t i = 0; i < 10000; i++)
		good &= v.v[i] == i * 3;
	CHECK(&c, good && v.n == 10000);
	CHECK(&c, vec_last(&v) == 29997 && vec_pop(&v) == 29997 && v.n == 9999);
	vec_reserve(&a, &v, 50000);
	CHECK(&c, v.cap >= 50000 && v.n == 9999 && v.v[9998] == 29994);
	/* An item that lies in the vector itself, pushed when it grows. */
	VEC(uint32_t) w = { 0 };
	for (uint32_t i = 0; i < 8; i++)
		vec_push(&a, &w, i);
	vec_push(&a, &w, w.v[5]);
	CHECK(&c, w.n == 9 && w.v[8] == 5);
	arena_fini(&a);
}

static void out_of_memory(void)
{
	struct arena a = { 0 };
	jmp_buf env;
	a.oom = &env;
	volatile int landed = 0;
	if (setjmp(env) == 0)
		arena_alloc(&a, SIZE_MAX);
	else
		landed = 1;
	CHECK(&c, landed == 1);
	if (setjmp(env) == 0)
		arena_alloc(&a, SIZE_MAX / 2 - 64); /* no overflow of the size with the chunk's head */
	else
		landed = 2;
	CHECK(&c, landed == 2);
	CHECK(&c, arena_alloc(&a, 100) != NULL);
	arena_fini(&a);
}

int main(void)
{
	blocks();
	copies();
	vectors();
	out_of_memory();
	return check_end(&c);
}
