/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.bpf.h"

SEC("tp/syscalls/sys_enter_write")
int on_write(struct enter_write *ctx)
{
	return 0;
}

GPL;
