/* SPDX-License-Identifier: Apache-2.0 */
/* Places in one program or library: what uprobe.c asks site.c, source.c, cpp.c and near.c to find in the file at hand. */
#ifndef SONDE_PROBE_SITE_H
#define SONDE_PROBE_SITE_H

#include "probe/probe_priv.h"
#include "sym/sym.h"

enum site_kind { SITE_NAME, SITE_PATTERN, SITE_ADDRESS, SITE_LINE, SITE_CPP };

struct site {
	const struct provider *p;
	struct provider_env *env;
	struct span span;
	attach_each *each;
	void *arg;
	/* what is looked for */
	enum site_kind kind;
	const char *func;          /* name or pattern; SITE_CPP: in C++ */
	uint64_t offset, address;
	bool has_offset;
	const char *source;        /* SITE_LINE: file */
	uint32_t line, column;
	bool many;                 /* in one of several files: one that does not have it is passed over */
	/* the file at hand */
	const struct target_file *file;
	struct sym_elf *elf;
	uint32_t count, n_ifunc, n_vector, n_redzone, n_clones;
};

/* site.c. entry: a function begins there. func: its symbol, or NULL; part: how it is named behind the file. False: no code is there. */
bool site_emit(struct site *u, uint64_t addr, bool entry, const char *func, const char *part);
/* A doubt about safety: an error, or with --unsafe a warning and 0. */
int site_doubt(struct site *u, const char *what);
/* Does an instruction begin `offset` bytes behind the start of the function? 0, or reported. */
int site_boundary(struct site *u, const struct sym *s, uint64_t offset, const char *shown);
/* All places in u->file. Negative: reported. */
int site_file(struct site *u);

int source_places(struct site *u);   /* source.c: of a line */
void cpp_places(struct site *u);     /* cpp.c: of a name in C++ */
/* `shown`, a demangled name, is what `name` asks for: parameters count only if it has some; `*` and `?` match as in file names. */
bool cpp_matches(const char *name, const char *shown);
/* Where the parameters of a name begin, seen from the end; its whole length when it has none. */
size_t cpp_params(const char *s);
void near_hint(struct site *u);      /* near.c: nothing was found; what could have been meant? */

#endif
