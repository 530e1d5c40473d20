/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that a JIT compiler made, as it tells them in /tmp/perf-PID.map. */
#ifndef SONDE_SYM_JIT_H
#define SONDE_SYM_JIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sym_jit;
struct sym_jit *sym_jit_open(uint32_t pid); /* NULL: there is no such file, or none to be believed */
struct sym_jit *sym_jit_from(const void *text, size_t n); /* of such a text, for tests */
void sym_jit_close(struct sym_jit *j);
bool sym_jit_at(struct sym_jit *j, uint64_t addr, const char **ret_name, uint64_t *ret_offset);

#endif
