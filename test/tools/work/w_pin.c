/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_pin hash|array BYTES PATH [KEY...]: make a BPF map with keys of so many bytes, put in the keys (with values of 1), pin it at the path, and end.
 */
#include <linux/bpf.h>
#include <string.h>

#include "work.h"

int main(int argc, char **argv)
{
	uint64_t bytes = (uint64_t)arg_number(argc, argv, 2, 8), one = 1;
	union bpf_attr a = { .map_type = strcmp(arg_text(argc, argv, 1, "hash"), "array") ? BPF_MAP_TYPE_HASH : BPF_MAP_TYPE_ARRAY,
			     .key_size = (uint32_t)bytes, .value_size = 8, .max_entries = 1024 };
	int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));

	if (fd < 0 || argc < 4)
		return 1;
	for (int i = 4; i < argc; i++) {
		uint64_t key = strtoull(argv[i], NULL, 0);
		union bpf_attr e = { .map_fd = (uint32_t)fd, .key = (uintptr_t)&key, .value = (uintptr_t)&one };

		if (syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &e, sizeof(e)))
			return 1;
	}
	union bpf_attr p = { .pathname = (uintptr_t)argv[3], .bpf_fd = (uint32_t)fd };

	return syscall(SYS_bpf, BPF_OBJ_PIN, &p, sizeof(p)) != 0;
}
