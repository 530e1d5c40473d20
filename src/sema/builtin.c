/* SPDX-License-Identifier: Apache-2.0 */
/* The table of builtins, from builtin.def. */
#include "sema/sema.h"

const struct builtin_info builtin_info[B_COUNT_] = {
#define BUILTIN(id, name, min, max, flags, doc) [B_##id] = { name, min, max, flags, doc },
#include "sema/builtin.def"
#undef BUILTIN
};
