/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two machines to run compiled programs on: the interpreter with a small set of helpers, and the kernel (a raw
 * tracepoint program run by BPF_PROG_TEST_RUN). Both give the program map 0, one value of MACHINE_MAP bytes, and a
 * context of MACHINE_CTX bytes, so that their results can be compared. For the drivers of test/ir and test/bpf.
 */
#ifndef TEST_BPF_MACHINE_H
#define TEST_BPF_MACHINE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/code.h"

enum { MACHINE_MAP = 256, MACHINE_CTX = 96 };

struct machine {
	_Alignas(8) uint8_t map[MACHINE_MAP];
	_Alignas(8) uint8_t ctx[MACHINE_CTX];
	uint64_t ret;
	const char *error;
	char log[16384]; /* the end of the verifier's, when it refuses */
};

/* -- interpreter -- */

static inline void *machine_map_value(void *host, uint32_t index, uint32_t *ret_size)
{
	struct machine *m = host;
	*ret_size = MACHINE_MAP;
	return index == 0 ? m->map : NULL;
}

/* Helpers are trusted with addresses: programs that reach this point are our own. */
static inline uint64_t machine_helper(struct bpf_interp *in, int id, uint64_t a[5])
{
	struct machine *m = in->host;
	uint64_t r;
	switch (id) {
	case 1: /* map_lookup_elem in an array of one */
		return *(const uint32_t *)(uintptr_t)a[1] ? 0 : (uint64_t)(uintptr_t)m->map;
	case 5: return 1000;
	case 8: return 1;
	case 14: return 0x0000123400005678;
	case 15: return 0x000003e8000003e9;
	case 113: /* probe_read_kernel */
		memcpy((void *)(uintptr_t)a[0], (const void *)(uintptr_t)a[2], a[1]);
		return 0;
	case 181: /* loop */
		for (uint64_t k = 0; k < a[0]; k++) {
			uint64_t args[5] = { k, a[2] };
			if (bpf_interp_callback(in, a[1], args, &r) || r)
				return k + 1;
		}
		return a[0];
	default:
		in->error = "helper not modelled";
		return 0;
	}
}

static inline bool machine_mem_ok(void *host, const void *p, uint32_t size, bool write)
{
	const struct machine *m = host; /* what a lookup gave */
	(void)write;
	return (const uint8_t *)p >= m->map && (const uint8_t *)p + size <= m->map + MACHINE_MAP;
}

static inline bool machine_interpret(struct machine *m, const struct bpf_code *c)
{
	struct bpf_interp in = { .ctx = m->ctx,
				 .ctx_size = MACHINE_CTX,
				 .map_value = machine_map_value,
				 .helper = machine_helper,
				 .mem_ok = machine_mem_ok,
				 .host = m,
				 .max_insns = 2000000 };
	m->error = NULL;
	if (bpf_interp_run(&in, c, &m->ret) == 0)
		return true;
	snprintf(m->log, sizeof(m->log), "interpreter at %u: %s", in.error_insn, in.error);
	m->error = m->log;
	return false;
}

/* -- kernel -- */

static inline long machine_bpf(int cmd, union bpf_attr *attr)
{
	return syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

static inline int machine_new_map(uint32_t value_size)
{
	union bpf_attr a = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = value_size, .max_entries = 1
	};
	return (int)machine_bpf(BPF_MAP_CREATE, &a);
}

/* Load as a raw tracepoint program with map 0 = map_fd, and with BTF (callbacks need it; lines come from `d`, which may
 * be NULL). -errno with the verifier's last words in m->log. */
static inline int machine_load(struct machine *m, struct arena *arena, const struct bpf_code *c,
			       struct func *const *funcs, int map_fd, const struct diags *d)
{
	enum { LOG = 1 << 24 };
	struct bpf_btf btf;
	char *log = calloc(1, LOG);
	bpf_make_btf(arena, c, funcs, d, &btf);
	union bpf_attr ba = { .btf = (uintptr_t)btf.btf,
			      .btf_size = btf.btf_size,
			      .btf_log_buf = (uintptr_t)log,
			      .btf_log_size = LOG,
			      .btf_log_level = 1 };
	int btf_fd = (int)machine_bpf(BPF_BTF_LOAD, &ba);
	if (btf_fd < 0) {
		int e = errno;
		snprintf(m->log, sizeof(m->log), "BTF: %s\n%s", strerror(e), log);
		m->error = m->log;
		free(log);
		return -e;
	}
	struct bpf_insn *insns = malloc(sizeof(*insns) * c->insns.n);
	memcpy(insns, c->insns.v, sizeof(*insns) * c->insns.n);
	for (uint32_t k = 0; k < c->relocs.n; k++) {
		const struct bpf_reloc *r = &c->relocs.v[k];
		insns[r->insn].imm = map_fd;
		if (r->kind == REL_MAPVAL)
			insns[r->insn + 1].imm = (int)r->addend;
	}
	union bpf_attr a = { .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
			     .insns = (uintptr_t)insns,
			     .insn_cnt = c->insns.n,
			     .license = (uintptr_t) "GPL" };
	a.prog_btf_fd = (uint32_t)btf_fd;
	a.func_info = (uintptr_t)btf.func_info;
	a.func_info_cnt = btf.n_func_info;
	a.func_info_rec_size = sizeof(struct bpf_func_info);
	if (btf.n_line_info) {
		a.line_info = (uintptr_t)btf.line_info;
		a.line_info_cnt = btf.n_line_info;
		a.line_info_rec_size = sizeof(struct bpf_line_info);
	}
	int fd = (int)machine_bpf(BPF_PROG_LOAD, &a), err = errno;
	if (fd < 0) {
		memset(log, 0, LOG);
		a.log_buf = (uintptr_t)log;
		a.log_size = LOG;
		a.log_level = 1;
		machine_bpf(BPF_PROG_LOAD, &a);
		size_t n = strnlen(log, LOG - 1), room = sizeof(m->log) - 1;
		snprintf(m->log, sizeof(m->log), "%s: %s", strerror(err), n > room - 64 ? log + n - room + 64 : log);
		m->error = m->log;
		fd = -err;
	}
	close(btf_fd);
	free(log);
	free(insns);
	return fd;
}

/* Run a loaded program on m's context and map contents; m->ret gets the low 32 bits of r0. */
static inline bool machine_test_run(struct machine *m, int prog, int map)
{
	uint32_t key = 0;
	union bpf_attr u = { .map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)m->map };
	union bpf_attr a = {
		.test = { .prog_fd = (uint32_t)prog, .ctx_in = (uintptr_t)m->ctx, .ctx_size_in = MACHINE_CTX }
	};
	m->error = NULL;
	if (machine_bpf(BPF_MAP_UPDATE_ELEM, &u) || machine_bpf(BPF_PROG_TEST_RUN, &a) ||
	    machine_bpf(BPF_MAP_LOOKUP_ELEM, &u)) {
		snprintf(m->log, sizeof(m->log), "kernel: %s", strerror(errno));
		m->error = m->log;
		return false;
	}
	m->ret = a.test.retval;
	return true;
}

#endif
