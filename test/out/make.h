/* SPDX-License-Identifier: Apache-2.0 */
/* Types and records made by hand, as the compiler and a program in the kernel would make them. */
#ifndef SONDE_TEST_OUT_MAKE_H
#define SONDE_TEST_OUT_MAKE_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../check.h"
#include "out/out.h"
#include "sema/provider.h"

static inline struct type *mk(struct arena *a, enum type_kind k, uint32_t size)
{
	return type_new(a, k, size, 1);
}
static inline struct type *mk_signed(struct arena *a, enum type_kind k, uint32_t size)
{
	struct type *t = type_new(a, k, size, size);
	t->is_signed = true;
	return t;
}
static inline struct type *mk_add(struct arena *a, struct type *t, const char *name, struct type *f)
{
	vec_push(a, &t->fields, ((struct field){ .name = str_of(name), .type = f }));
	type_layout(t);
	return t;
}
static inline struct type *mk_hist(struct arena *a, int64_t bits)
{
	struct type *t = mk(a, T_HIST, 0);
	t->agg.bits = bits;
	return t;
}
static inline struct type *mk_lhist(struct arena *a, int64_t min, int64_t max, int64_t step)
{
	struct type *t = mk(a, T_LHIST, 0);
	t->agg.min = min;
	t->agg.max = max;
	t->agg.step = step;
	return t;
}
static inline uint32_t put(void *p, uint32_t at, uint64_t x, uint32_t size)
{
	memcpy((char *)p + at, &x, size); /* little-endian machines, like the tests' byte strings */
	return at + size;
}
/* An event of this format; arguments are added with mk_arg. */
static inline void mk_arg(struct arena *a, struct event *ev, struct type *t, uint32_t offset)
{
	vec_push(a, &ev->args, ((struct event_arg){ .type = t, .offset = offset }));
}

#endif
