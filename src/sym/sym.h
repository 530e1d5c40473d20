/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols of programs and libraries: ELF files, where libraries are found, and
 * where instructions begin. Files may be of any origin: nothing here trusts them.
 */
#ifndef SONDE_SYM_SYM_H
#define SONDE_SYM_SYM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"

/* -- elf.c: one file -- */
struct sym_elf;
struct sym {
	const char *name; /* without its version; lives as long as the sym_elf */
	uint64_t addr, size;
	bool is_ifunc;    /* its address is that of the resolver, not of the function */
	bool is_weak, is_local;
};
/* The file at `path`; 0, or -errno (-ENOEXEC: not an ELF file of this machine's word size, or damaged beyond use). */
int sym_elf_open(const char *path, struct sym_elf **ret);
/* The same of an open file. Takes the descriptors, also when it fails. */
struct sym_file {
	int fd, debug_fd;       /* debug_fd: its debug file, if it has been looked for and found; or -1 */
	const char *root, *path;/* where it is, for its debug file: sym_root(), and the path in there */
	bool fetch;             /* may ask the servers of DEBUGINFOD_URLS */
};
int sym_elf_open_file(const struct sym_file *f, struct sym_elf **ret);
/* Its separate debug file, or -1: by build id or debug link, never from a server. */
int sym_debug_open(int fd, const char *root, const char *path);
/* Closes it, but for its file, which is the caller's now, as is its debug file. */
int sym_elf_let_go(struct sym_elf *e, int *ret_debug_fd);
bool sym_elf_gave_up(const struct sym_elf *e); /* the user stopped asking the servers */
/* The file with its DWARF, itself or its debug file: a descriptor for the caller to close, or -errno. */
int sym_elf_dwarf(struct sym_elf *e);
/* The build id: how many bytes; 0 if it has none. */
enum { SYM_ID_MAX = 64 };
uint32_t sym_elf_id(const struct sym_elf *e, const uint8_t **ret);
size_t sym_elf_bytes(const struct sym_elf *e); /* of memory */
void sym_elf_close(struct sym_elf *e);
bool sym_elf_is_native(const struct sym_elf *e);  /* of this processor */
bool sym_elf_is_pie(const struct sym_elf *e);     /* position-independent: program or library */
bool sym_elf_is_stripped(const struct sym_elf *e);/* has no symbol table, only exported names */
bool sym_elf_is_go(const struct sym_elf *e);      /* has Go's run-time tables: its stacks move */
/* File offset of an address in an executable segment; false if there is none. */
bool sym_elf_offset(const struct sym_elf *e, uint64_t addr, uint64_t *ret_offset);
/* The address of a file offset in an executable segment. */
bool sym_elf_addr(const struct sym_elf *e, uint64_t offset, uint64_t *ret_addr);
/* The function of that name. Of several local ones the first; global before local. */
bool sym_elf_find(const struct sym_elf *e, const char *name, struct sym *ret);
/* The variable or function of that name; thread-local ones have no address. */
bool sym_elf_object(struct sym_elf *e, const char *name, struct sym *ret);
/* The function that contains the address; or a stub ("puts@plt"), a label of assembly. */
bool sym_elf_at(const struct sym_elf *e, uint64_t addr, struct sym *ret);
/* Every function whose name matches (`*`, `?`), in order of address and each address once, by its plainest name. Stops when
 * `each` returns false. Returns how many. */
uint32_t sym_elf_each(const struct sym_elf *e, const char *pattern, bool (*each)(void *arg, const struct sym *s), void *arg);
/* Bytes of the text at an address; how many were read, at most n. */
uint32_t sym_elf_text(const struct sym_elf *e, uint64_t addr, uint8_t *ret, uint32_t n);

/* -- note.c, debug.c: parts of such files, for the tests too -- */
/* The build id among notes; its length, or 0. */
uint32_t sym_note_id(const void *notes, size_t size, uint32_t align, uint8_t ret[SYM_ID_MAX]);
/* The name and CRC in a section .gnu_debuglink; false: it is none. */
bool sym_debug_link(const void *section, size_t size, char ret_name[256], uint32_t *ret_crc);

uint32_t sym_file_id(int fd, uint8_t ret[SYM_ID_MAX]);

/* -- demangle.c -- */
/* The name in C++, Rust or D of a mangled one. false: it is not mangled, or means more text than is good; *ret is then empty. */
bool sym_demangle(const char *name, struct buf *ret);

/* -- insn.c -- */
/* Length of the instruction at p (x86-64), or 0 when it is not a known one or longer than n. */
uint32_t sym_insn_length(const uint8_t *p, uint32_t n);
/* Is it encoded with VEX, EVEX or XOP (AVX and its kin)? */
bool sym_insn_is_vector(const uint8_t *p, uint32_t n);
/* Does an instruction begin at `offset` bytes behind the start of the function? -1: cannot tell. */
int sym_insn_boundary(const uint8_t *text, uint32_t n, uint32_t offset);

/* -- lib.c: which file? -- */
/* Where the file system of a process is: "" when it is ours, else "/proc/PID/root". */
const char *sym_root(struct arena *a, int pid);
bool sym_root_is_ours(int pid);
/* Follow every symbolic link of `path` inside `root`. The path as seen inside, or NULL with -errno in *ret_err. */
const char *sym_path_resolve(struct arena *a, const char *root, const char *path, int *ret_err);
/* A library by short name ("c", "libc", "libc.so.6"), as the dynamic loader would find it. Inside `root`, or NULL. */
const char *sym_lib_find(struct arena *a, const char *root, const char *name);
/* The same among what process `pid` has mapped. */
const char *sym_lib_mapped(struct arena *a, int pid, const char *name);
/* Where programs are looked for: PATH, or inside another root what it usually is. */
const char *sym_program_path(const char *root);
/* A program in PATH. */
const char *sym_program_find(struct arena *a, const char *root, const char *name);
/* Files mapped executable by a process, each once. */
struct sym_paths { VEC(const char *) list; };
int sym_mapped(struct arena *a, int pid, struct sym_paths *ret);
/* Those that have no name any more: deleted, replaced by another of the name, or never had one (memfd). */
struct sym_gone { const char *name, *path; }; /* what it was called; where it can be opened as long as it is mapped */
struct sym_gones { VEC(struct sym_gone) list; };
int sym_mapped_gone(struct arena *a, int pid, struct sym_gones *ret);
/* need.c: what an open program or library needs: its interpreter, by path, and libraries, by name; added to the list. */
void sym_needed(struct arena *a, int fd, struct sym_paths *ret);
/* The files that a program at `path` inside `root` has mapped when it begins: itself, the interpreter, all libraries, each once, as paths inside.
 * Of a script: its interpreter and what that needs. */
void sym_startup(struct arena *a, const char *root, const char *path, struct sym_paths *ret);
/* The entries of an ld.so.cache image, for tests too: calls `each` until it returns false. false: not a cache. */
bool sym_cache_each(const void *image, size_t size, bool (*each)(void *arg, const char *soname, const char *path), void *arg);
/* Is `soname` ("libssl.so.3") what `name` ("ssl", "libssl", "libssl.so") asks for? */
bool sym_lib_matches(const char *soname, const char *name);

/* -- place.c, line.c: lines of source -- */
enum { SYM_INLINES = 32 };
struct sym_place {
	const char *file; /* NULL: not known */
	uint32_t line;
	uint32_t n;       /* functions that were inlined there, the innermost first; each with where it was */
	struct sym_inline { const char *name, *file; uint32_t line; } in[SYM_INLINES];
};

/* -- proc.c: code addresses of processes -- */
struct sym_procs;
struct sym_frame {
	const char *name;   /* of the function; "[vdso]" for what has none there */
	const char *file;   /* path, as the process sees it; "[vdso]", "[anon]"; may be set although `name` is not */
	uint64_t offset;    /* in the function */
	const struct sym_place *place; /* or NULL */
};
struct sym_options {
	bool demangle; /* names of C++, Rust, D */
	bool lines;    /* look for lines of source */
	size_t bytes;  /* of symbol tables in memory, together; 0: as much as is good */
};
struct sym_procs *sym_procs_new(struct sym_options o); /* NULL without memory */
void sym_procs_free(struct sym_procs *p);
/* Look at the mappings of a process now, to know them when it has gone. */
void sym_procs_see(struct sym_procs *p, uint32_t pid);
/* The kernel's own news of processes, in order: an executable mapping; exec (what was mapped before is of the past); fork (the child has
 * what its parent has). */
struct sym_mapping {
	uint32_t pid;
	uint64_t addr, len, offset, dev, ino; /* dev: major << 32 | minor */
	const char *path;
};
void sym_procs_mapped(struct sym_procs *p, const struct sym_mapping *m);
void sym_procs_exec(struct sym_procs *p, uint32_t pid);
void sym_procs_fork(struct sym_procs *p, uint32_t pid, uint32_t parent);
/* What is at `addr` in process `pid`? false: no name. Strings live until the next call of anything here. */
bool sym_procs_at(struct sym_procs *p, uint32_t pid, uint64_t addr, struct sym_frame *ret);
/* The build id of the file that is mapped there (the number of its bytes, or 0), and the offset in the file. */
uint32_t sym_procs_id(struct sym_procs *p, uint32_t pid, uint64_t addr, const uint8_t **ret_id, uint64_t *ret_offset);

bool dw_available(void); /* is there a library that reads DWARF? */

#endif
