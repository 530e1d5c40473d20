/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only caller of bpf(2) and perf_event_open(2). Thin: every function
 * returns an fd (close-on-exec) or 0, or -errno; nothing is printed. Newer
 * interfaces than the installed headers know are spelled out in sys.c.
 */
#ifndef SONDE_KERN_SYS_H
#define SONDE_KERN_SYS_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int sys_map_create(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags);
/* With the types of key and value in a BTF object: what task storage wants. */
int sys_map_create_btf(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags,
		       int btf_fd, uint32_t key_id, uint32_t value_id);
/* An array or hash of maps that are all like `inner_fd`. */
int sys_map_create_outer(uint32_t type, const char *name, uint32_t key_size, uint32_t max_entries, int inner_fd);
int sys_map_lookup(int fd, const void *key, void *value);
int sys_map_update(int fd, const void *key, const void *value, uint64_t flags);
int sys_map_delete(int fd, const void *key);
int sys_map_next_key(int fd, const void *key, void *next);
/* One batch; *count in: room, out: got. Returns 0, -ENOENT at the end (with *count valid), or another error. */
int sys_map_lookup_batch(int fd, const void *in_batch, void *out_batch, void *keys, void *values, uint32_t *count);
int sys_map_delete_batch(int fd, const void *keys, uint32_t *count);
int sys_btf_load(const void *btf, uint32_t size, char *log, uint32_t log_size);

struct sys_prog {
	uint32_t type, expected_attach_type, attach_btf_id;
	int attach_btf_fd;
	const char *name, *license;
	const struct bpf_insn *insns;
	uint32_t n_insns;
	int btf_fd; /* 0 = none */
	const void *func_info, *line_info;
	uint32_t n_func_info, n_line_info;
	char *log;          /* may be NULL */
	uint32_t log_size, log_level;
	uint32_t flags;
};
int sys_prog_load(const struct sys_prog *p);
struct sys_map_info { uint32_t type, key_size; };
int sys_pin(int fd, const char *path); /* of a program, map or link */
int sys_map_pinned(const char *path, struct sys_map_info *ret); /* of the BPF file system, to be read only; -EINVAL: no map */
struct sys_prog_info {
	uint32_t id, xlated_insns, verified_insns;
	uint64_t run_time_ns, run_cnt, recursion_misses;
};
int sys_prog_info(int fd, struct sys_prog_info *ret);
int sys_prog_test_run(int fd, const void *ctx, uint32_t ctx_size, uint32_t *ret_retval);
/* Links. A cookie that this kernel cannot keep for this kind of link: -EOPNOTSUPP (or -EINVAL from kernels before links). */
int sys_link_perf(int prog_fd, int perf_fd, uint64_t cookie);        /* BPF_PERF_EVENT link (5.15); enables the event */
int sys_link_raw_tracepoint(int prog_fd, const char *name, uint64_t cookie);
int sys_link_tracing(int prog_fd, uint32_t attach_type, uint64_t cookie); /* iter, fentry, tp_btf */
struct sys_uprobe_multi { const char *path; const unsigned long *offsets, *ref_ctr; const uint64_t *cookies; uint32_t n; bool ret; int pid; };
int sys_link_uprobe_multi(int prog_fd, const struct sys_uprobe_multi *u);
/* Functions by name or, where `addrs` is given, by address: all or none. */
struct sys_kprobe_multi { const char *const *syms; const uint64_t *addrs, *cookies; uint32_t n; bool ret; };
int sys_link_kprobe_multi(int prog_fd, uint32_t attach_type, const struct sys_kprobe_multi *k);
/* Events that the kernel itself could not deliver to a link of kernel functions: nested ones, returns that it had no room to remember.
 * 0 where the kernel does not tell. */
uint64_t sys_link_missed(int link_fd);
/* The BTF object of a loaded module: what programs on its functions are loaded with. */
int sys_btf_module(const char *name);
/* BPF programs: the next one's number (-ENOENT: no more), a descriptor, its functions' types in its own BTF object (0: it has none). *n in: room. */
int sys_prog_next(uint32_t after, uint32_t *ret_id);
int sys_prog_get(uint32_t id);
int sys_prog_functions(int fd, char ret_name[16], uint32_t *ret_btf, uint32_t *ret_types, uint32_t *n);
int sys_btf_get(uint32_t id);
int sys_btf_data(int fd, void *data, uint32_t *len); /* *len in: room, or 0; out: what there is */
int sys_iter_create(int link_fd);
int sys_perf_set_bpf(int perf_fd, int prog_fd);                      /* PERF_EVENT_IOC_SET_BPF + ENABLE, before perf links */
/* Perf events are made disabled; sys_link_perf() or sys_perf_set_bpf() enables them. */
int sys_perf_tracepoint(uint64_t id, int pid, int cpu);
int sys_perf_timer(uint64_t period_ns_or_hz, bool is_freq, int pid, int cpu); /* software cpu-clock */
/* A breakpoint register: type HW_BREAKPOINT_*. */
int sys_perf_watch(uint64_t addr, uint32_t len, uint32_t type, int pid, int cpu);
int sys_perf_event(uint32_t type, uint64_t config, uint64_t period, int pid, int cpu);
/* Records of exec, fork and executable mappings on a CPU, and nothing else. Made disabled. */
int sys_perf_mappings(int cpu, uint32_t watermark);
/* The buffer of a CPU that bpf_perf_event_output() and bpf_skb_output() write to, by a PERF_EVENT_ARRAY. Made disabled. */
int sys_perf_output(int cpu, uint32_t watermark);
int sys_perf_enable(int perf_fd);
int sys_perf_uprobe(const char *path, uint64_t offset, uint64_t ref_ctr, bool ret, int pid);
int sys_perf_kprobe(const char *symbol, uint64_t offset, bool ret);
int sys_enable_stats(void); /* BPF_ENABLE_STATS run time; fd */
/* Possible CPUs (the highest id + 1: what per-CPU values are laid out by) and online ones; number, or -errno. */
int sys_possible_cpus(void);
int sys_online_cpus(uint32_t *ret_cpus, uint32_t room); /* ids; returns how many */
/* Why would BPF be refused? One line for the user, or NULL. */
const char *sys_refusal(int err);

#endif
