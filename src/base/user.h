/* SPDX-License-Identifier: Apache-2.0 */
/* Users of this machine: names and numbers, as /etc/passwd has them. False: it has none such. */
#ifndef SONDE_BASE_USER_H
#define SONDE_BASE_USER_H

#include "base/str.h"

bool user_name(uint64_t uid, struct buf *ret); /* appended */
bool user_id(struct str name, uint32_t *ret);

#endif
