/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: a chain of chunks that only grows. The compile side allocates from
 * one arena and frees it whole, so none of its data structures has an owner to
 * remember. Chunks double from 16 KiB to 1 MiB; what is larger gets its own
 * and leaves the current chunk in use.
 */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	_Alignas(16) char data[];
};

enum { CHUNK_MIN = 16 << 10, CHUNK_MAX = 1 << 20 };

void arena_init(struct arena *a)
{
	memset(a, 0, sizeof(*a));
}

void arena_fini(struct arena *a)
{
	for (struct arena_chunk *c = a->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(a);
}

static _Noreturn void arena_oom(struct arena *a)
{
	if (a->oom)
		longjmp(*a->oom, 1);
	abort();
}

static void *arena_chunk_alloc(struct arena *a, size_t size)
{
	size_t want = a->head ? a->head->size * 2 : CHUNK_MIN;
	if (want > CHUNK_MAX)
		want = CHUNK_MAX;
	if (want < size)
		want = size;
	struct arena_chunk *c = calloc(1, sizeof(*c) + want);
	if (!c)
		arena_oom(a);
	c->size = want;
	if (size > CHUNK_MAX && a->head) {
		c->next = a->head->next;
		a->head->next = c;
		return c->data;
	}
	c->next = a->head;
	a->head = c;
	a->cur = c->data + size;
	a->end = c->data + want;
	return c->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		arena_oom(a);
	size = (size + 15) & ~(size_t)15;
	if (size == 0)
		size = 16;
	a->used += size;
	if ((size_t)(a->end - a->cur) < size || !a->cur)
		return arena_chunk_alloc(a, size);
	void *p = a->cur;
	a->cur += size;
	return p;
}

void *arena_dup(struct arena *a, const void *p, size_t size)
{
	void *q = arena_alloc(a, size);
	if (size)
		memcpy(q, p, size);
	return q;
}

void *arena_grow(struct arena *a, void *p, size_t old_size, size_t new_size)
{
	void *q = arena_alloc(a, new_size);
	if (old_size)
		memcpy(q, p, old_size);
	return q;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *q = arena_alloc(a, n + 1);
	if (n)
		memcpy(q, s, n);
	return q;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list aq;
	va_copy(aq, ap);
	int n = vsnprintf(NULL, 0, fmt, aq);
	va_end(aq);
	char *q = arena_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
	if (n > 0)
		vsnprintf(q, (size_t)n + 1, fmt, ap);
	return q;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *q = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return q;
}
