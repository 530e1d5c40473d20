/* SPDX-License-Identifier: Apache-2.0 */
/* What the C programs share: contexts, and maps as a careful programmer would declare them by hand. */
#ifndef BENCH_BPF_H
#define BENCH_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct enter_write {
	unsigned long long common;
	long nr;
	unsigned long fd;
	const char *buf;
	unsigned long count;
};

#define MAP(name, maptype, K, V, n)             \
	struct {                                \
		__uint(type, maptype);          \
		__uint(max_entries, n);         \
		__type(key, K);                 \
		__type(value, V);               \
	} name SEC(".maps")

struct comm { char s[16]; };
struct hist { __u64 slot[65]; };

static __always_inline __u32 log2_slot(__u64 v)
{
	__u32 r, shift;

	if (v == 0)
		return 1;
	r = (v > 0xffffffff) << 5; v >>= r;
	shift = (v > 0xffff) << 4; v >>= shift; r |= shift;
	shift = (v > 0xff) << 3; v >>= shift; r |= shift;
	shift = (v > 0xf) << 2; v >>= shift; r |= shift;
	shift = (v > 0x3) << 1; v >>= shift; r |= shift;
	r |= v >> 1;
	return r + 2;
}

#define GPL char _license[] SEC("license") = "GPL"

#endif
