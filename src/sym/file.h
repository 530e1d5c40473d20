/* SPDX-License-Identifier: Apache-2.0 */
/* Files that processes have mapped, for proc.c: opened once, their symbols kept while there is room. */
#ifndef SONDE_SYM_FILE_H
#define SONDE_SYM_FILE_H

#include <time.h>

#include "sym/line.h"
#include "sym/sym.h"

enum { FILES_MAX = 8192 };
enum file_kind { FILE_ELF, FILE_VDSO, FILE_ANON };
struct file {
	enum file_kind kind;
	uint64_t dev, ino;
	struct timespec mtime;
	char *path;
	int fd, debug_fd;      /* while the symbols are not in memory; -1 */
	bool bad;              /* it has none, or cannot be read */
	bool id_known, lines_tried;
	uint8_t n_id, id[SYM_ID_MAX];
	uint32_t next;         /* of its bucket, + 1 */
	uint64_t used;         /* when its symbols were asked for last */
	size_t bytes;          /* of memory */
	struct sym_elf *elf;
	struct sym_lines *lines;
};
struct files {
	struct file *v;
	uint32_t n, cap, n_open;
	uint32_t *buckets;
	uint64_t clock;
	size_t bytes, max_bytes; /* 0: FILES_BYTES */
	bool demangle, lines, no_fetch;
	struct file_name { const char *from; uint32_t at; } *names; /* demangled: by address of the mangled name */
	struct buf text;
	uint32_t n_names;
};
struct file_mapping { uint32_t pid; uint64_t lo, hi, dev, ino; const char *path; };

void files_fini(struct files *fs);
/* Index of the file of a mapping; FILES_MAX: there is no room. `check`: one that we know may have been written to. */
uint32_t files_find(struct files *fs, enum file_kind kind, const struct file_mapping *m, bool check);
/* Its symbols, or NULL. What others gave out before may be gone by then. */
struct sym_elf *files_symbols(struct files *fs, uint32_t i);
struct sym_lines *files_lines(struct files *fs, uint32_t i);
/* Its build id: the number of bytes, or 0. */
uint32_t files_id(struct files *fs, uint32_t i, const uint8_t **ret);
/* The name to show; lives until symbols are read the next time. */
const char *files_name(struct files *fs, const char *name);

#endif
