/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: memory of the compile side. Everything is zeroed, aligned to 16
 * bytes, and freed together. Allocation never returns NULL: when memory runs
 * out the arena longjmps to `oom` (set by whoever owns the compilation) or,
 * without one, aborts.
 */
#ifndef SONDE_BASE_ARENA_H
#define SONDE_BASE_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;
struct arena {
	struct arena_chunk *head;
	char *cur, *end;
	jmp_buf *oom;
	size_t used; /* bytes handed out */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);
void *arena_alloc(struct arena *a, size_t size);
void *arena_dup(struct arena *a, const void *p, size_t size);
/* Grow an array from old_size to new_size bytes (copies; the tail is zero). */
void *arena_grow(struct arena *a, void *p, size_t old_size, size_t new_size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#define arena_new(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

#endif
