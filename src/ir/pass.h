/* SPDX-License-Identifier: Apache-2.0 */
/* The passes, from the table in pass.def. */
#ifndef SONDE_IR_PASS_H
#define SONDE_IR_PASS_H

#include "ir/ir.h"

void pass_ssa(struct pass_ctx *c);
void pass_fold(struct pass_ctx *c);
void pass_sccp(struct pass_ctx *c);
void pass_branch(struct pass_ctx *c);
void pass_cse(struct pass_ctx *c);
void pass_check(struct pass_ctx *c);
void pass_mem(struct pass_ctx *c);
void pass_dce(struct pass_ctx *c);
void pass_sink(struct pass_ctx *c);
void pass_number(struct pass_ctx *c);
/* By value: is it a pointer to the verifier, whatever it is to us? Those of such types (ir_cfg() has run), and what comes of them by constants. */
bool *pass_pointers(const struct func *f, bool (*is_pointer)(enum ir_type), bool *ret_any);
void pass_loop(struct pass_ctx *c);

enum { HF_PURE = 1, HF_DEAD = 2, HF_MEM = 4 }; /* helper.def */
unsigned ir_helper_flags(int64_t id); /* ir.c; 0 if unknown */

/* fold.c, for others too: what an operation makes of constants (`w`: its width); the opposite of a comparison */
bool fold_eval(enum ir_op op, unsigned w, int64_t a, int64_t b, int64_t *ret);
bool fold_is_compare(unsigned op);
enum ir_op fold_inverse(enum ir_op op);

#endif
