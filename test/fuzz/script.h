/* SPDX-License-Identifier: Apache-2.0 */
/* A program in the fuzzer, compiled on the pinned kernel. */
#ifndef SONDE_FUZZ_SCRIPT_H
#define SONDE_FUZZ_SCRIPT_H

#include "bpf/code.h"
#include "ir/lower.h"
#include "kern/kern.h"
#include "probe/probe.h"

struct script {
	struct arena a;
	struct diags d;
	uint32_t source;
	struct sema_env env;
	struct sema sema;
	struct module m;
};
struct fuzz;
void script_open(struct script *s, const void *p, size_t n);
/* The same in steps: up to the module, on given facts; then to instructions. */
bool script_lower(struct fuzz *f, struct script *s, const void *p, size_t n, struct facts *facts);
/* false: refused (or a failure of the fuzzer's input was noted in f). script_close() either way. */
bool script_compile(struct fuzz *f, struct script *s, const void *p, size_t n);
void script_close(struct script *s);
void script_make(struct fuzz *f, struct buf *b); /* a mutated or generated program */
struct facts *script_facts(struct fuzz *f);
void script_finish(struct fuzz *f);

#endif
