/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.bpf.h"

struct event { __u32 pid, len; struct comm comm; __u64 count; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 24); } events SEC(".maps");

SEC("tp/syscalls/sys_enter_write")
int on_write(struct enter_write *ctx)
{
	struct event *e;

	if (ctx->fd < 100)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 0;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(&e->comm, sizeof(e->comm));
	e->count = ctx->count;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

GPL;
