/* SPDX-License-Identifier: Apache-2.0 */
/* What printer (text.c) and parser (parse.c) of the text form share: names, and which operands an operation has. */
#ifndef SONDE_IR_TEXT_PRIV_H
#define SONDE_IR_TEXT_PRIV_H

#include "ir/ir.h"

extern const char *const text_types[TY_COUNT];
enum ir_type text_default_type(unsigned op); /* the type that goes without saying */
bool text_has_width(unsigned op);
bool text_is_plain_imm(unsigned op); /* the immediate is all there is */
bool text_is_memory(unsigned op);

#endif
