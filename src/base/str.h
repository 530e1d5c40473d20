/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: slices (struct str, may hold NULs, not owned), interning, growing buffers (heap). */
#ifndef SONDE_BASE_STR_H
#define SONDE_BASE_STR_H

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"

struct str {
	const char *s; /* arena strings are also NUL-terminated */
	uint32_t len;
};

#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
#define STR_FMT(x) (int)(x).len, (x).s /* for "%.*s" */

static inline struct str str_of(const char *s)
{
	return (struct str){ s, s ? (uint32_t)strlen(s) : 0 };
}
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}
static inline bool str_is(struct str a, const char *b)
{
	return str_eq(a, str_of(b));
}
bool str_starts(struct str a, const char *prefix);
/* Shell-like match with `*` (any run of characters) and `?`; linear time on real patterns. */
bool str_match(const char *pattern, const char *s);
/* Edit distance (two neighbours swapped: one edit), capped at `max` + 1; for "did you mean". Of 64 bytes and more:
 * always too far. */
int str_edits(struct str a, struct str b, int max);
int str_distance(const char *a, const char *b, int max); /* the same for C text */

/* A growing, always NUL-terminated byte buffer on the heap. On allocation failure `oom` sticks and
 * further appends do nothing. Zero-initialise to use; buf_fini() to free. */
struct buf {
	char *s;
	size_t len, cap;
	bool oom;
};
void buf_fini(struct buf *b);
void buf_clear(struct buf *b);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_pad(struct buf *b, char c, int n);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/*
 * Safe text (design: "nothing that a traced process controls can send an escape sequence"): append n
 * bytes so that C0 (but \n and \t when keep_ws), DEL, C1, invalid UTF-8 and bidi/invisible controls
 * become \xNN (or \u.... in JSON). Plain ASCII and valid UTF-8 pass unchanged.
 */
void buf_add_safe(struct buf *b, const void *p, size_t n, bool keep_ws);
void buf_add_json(struct buf *b, const void *p, size_t n); /* the inside of a JSON string */

#endif
