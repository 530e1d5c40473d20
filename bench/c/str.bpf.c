/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.bpf.h"

struct key { char s[17]; };
MAP(n, BPF_MAP_TYPE_PERCPU_HASH, struct key, __u64, 4096);

SEC("tp/syscalls/sys_enter_write")
int on_write(struct enter_write *ctx)
{
	struct key key = {};
	__u64 one = 1, *v;

	bpf_probe_read_user_str(&key, sizeof(key), ctx->buf);
	v = bpf_map_lookup_elem(&n, &key);
	if (v)
		*v += 1;
	else
		bpf_map_update_elem(&n, &key, &one, BPF_ANY);
	return 0;
}

GPL;
