/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -O1 -fno-omit-frame-pointer -fno-pie -no-pie */
/* w_data_fixed N: w_data at addresses that the linker has chosen. */
#include "w_data.c"
