/* SPDX-License-Identifier: Apache-2.0 */
/* Growable arrays in an arena: VEC(T) v; vec_push(arena, &v, item); v.v[i], v.n. */
#ifndef SONDE_BASE_VEC_H
#define SONDE_BASE_VEC_H

#include "base/arena.h"

#define VEC(T)              \
	struct {            \
		T *v;       \
		uint32_t n, cap; \
	}

#define vec_reserve(a, p, want)                                                                       \
	do {                                                                                          \
		uint32_t vec_want_ = (want);                                                          \
		if (vec_want_ > (p)->cap) {                                                           \
			uint32_t vec_cap_ = (p)->cap ? (p)->cap * 2 : 8;                              \
			if (vec_cap_ < vec_want_)                                                     \
				vec_cap_ = vec_want_;                                                 \
			(p)->v = arena_grow((a), (p)->v, sizeof(*(p)->v) * (p)->cap,                  \
					    sizeof(*(p)->v) * vec_cap_);                              \
			(p)->cap = vec_cap_;                                                          \
		}                                                                                     \
	} while (0)

#define vec_push(a, p, item)                              \
	do {                                              \
		vec_reserve((a), (p), (p)->n + 1);        \
		(p)->v[(p)->n++] = (item);                \
	} while (0)

#define vec_pop(p) ((p)->v[--(p)->n])
#define vec_last(p) ((p)->v[(p)->n - 1])

#endif
