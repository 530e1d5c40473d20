/* SPDX-License-Identifier: Apache-2.0 */
/* The running kernel's facts: BTF (mapped, read lazily), tracefs, kallsyms, features. */
#ifndef SONDE_KERN_KERN_H
#define SONDE_KERN_KERN_H

#include "sema/facts.h"

struct kern; /* one per session */
/* Cheap: opens nothing until asked. */
struct kern *kern_open(struct arena *a);
void kern_close(struct kern *k);
struct facts *kern_facts(struct kern *k);
bool kern_has(struct kern *k, enum feature f);            /* probed once, then remembered */
void kern_without(struct kern *k, enum feature f);        /* from now on as if it were missing: --no-feature */
void kern_traceable(struct kern *k, const char *path);    /* a file instead of the list of traceable functions */
const char *kern_feature_name(enum feature f);
const char *kern_feature_doc(enum feature f);
/* tracefs: the mount point, or NULL with *ret_why. Mounts it (privileged, at its usual place) when it is not mounted; as
 * every tracer's user expects. */
const char *kern_tracefs(struct kern *k, const char **ret_why);
/* Kernel symbols (kallsyms, read once, compact). */
uint64_t kern_symbol_address(struct kern *k, const char *name);
uint64_t kern_symbol_in(struct kern *k, const char *name, struct str module); /* of that module; 0 if unknown */
const char *kern_symbol_name(struct kern *k, uint64_t addr, uint64_t *ret_offset); /* NULL if unknown */
const char *kern_symbol_module(struct kern *k, uint64_t addr); /* NULL: the kernel itself, or unknown */
/* Pinned facts for tests: types and tracepoints from a small text fixture (test/fixture/kernel.txt). */
struct facts *facts_fixture(struct arena *a, const char *text, const char **ret_err);
/* lockdown mode: 0 none, 1 integrity, 2 confidentiality, -1 unknown */
int kern_lockdown(void);

#endif
