/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics: collected, not thrown. Every message is a row of diag.def; its id names its test.
 * A span is a pair of offsets into the text of all sources laid end to end; {0,0} is "no location".
 *
 * Rendering (the format of the language reference 7.1):
 *   FILE:LINE:COL-END: ERROR: message
 *   <source line, tabs as 4 spaces>
 *       ~~~~~
 *   HINT: text
 */
#ifndef SONDE_BASE_DIAG_H
#define SONDE_BASE_DIAG_H

#include "base/str.h"
#include "base/vec.h"

struct span {
	uint32_t lo, hi; /* [lo, hi) */
};

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

enum diag_id {
#define DIAG(id, severity, fmt) D_##id,
#include "base/diag.def"
#undef DIAG
	D_COUNT
};

struct source {
	struct str name; /* as shown: "stdin" for -e */
	struct str text;
	uint32_t base; /* span offset of its first byte; the first source begins at 1 */
};

struct diag {
	enum diag_id id;
	enum diag_severity severity;
	struct span span;
	const char *text;
	VEC(const char *) hints;
	bool context; /* belongs to the one before it */
};

struct diags {
	struct arena *arena;
	VEC(struct source) sources;
	VEC(struct diag) list;
	uint32_t n_errors, n_warnings;
	bool no_warnings;
};

void diags_init(struct diags *d, struct arena *a);
/* Register a source text (not copied) and return its index. */
uint32_t diags_add_source(struct diags *d, struct str name, struct str text);
/* Report; further arguments as in the row's format. Returns the index for diag_hint. */
uint32_t diag_add(struct diags *d, enum diag_id id, struct span span, ...);
uint32_t diag_add_context(struct diags *d, enum diag_id id, struct span span, ...); /* severity of the previous */
void diag_hint(struct diags *d, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* on the last one */
const char *diag_name(enum diag_id id); /* "UNDEFINED_VARIABLE" */
/* Line and column (1-based, bytes) of a span offset; false for no location. */
bool diag_locate(const struct diags *d, uint32_t off, const struct source **ret_src, uint32_t *ret_line,
		 uint32_t *ret_col);
/* The parts of a message, for those who have one that is not in the list (at run time): "FILE:LINE:COL-END: ERROR: "
 * (or only "ERROR: "), and the source line with its tildes (nothing without a location). */
void diag_place(const struct diags *d, enum diag_severity severity, struct span span, struct buf *out);
void diag_excerpt(const struct diags *d, struct span span, struct buf *out);
/* All errors, then all warnings. */
void diag_render(const struct diags *d, struct buf *out, bool colour, bool show_ids);

static inline struct span span_join(struct span a, struct span b)
{
	return (struct span){ a.lo ? a.lo : b.lo, b.hi ? b.hi : a.hi };
}

#endif
