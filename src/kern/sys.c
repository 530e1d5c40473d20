/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf(2), perf_event_open(2) and what belongs to them: the only place that makes these calls. Thin on purpose; policy is
 * its callers'.
 *
 * The kernel takes the attribute of bpf(2) with a size and refuses unknown bytes only if they are not zero (E2BIG). So the
 * attributes are spelled out here, from the stable user interface, instead of taken from headers that may be older than
 * the running kernel; each call passes no more than it uses.
 */
#include "kern/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kern/kern.h"

/* Numbers that older headers do not know. */
enum {
	CMD_MAP_CREATE = 0, CMD_MAP_LOOKUP = 1, CMD_MAP_UPDATE = 2, CMD_MAP_DELETE = 3, CMD_MAP_NEXT_KEY = 4, CMD_PROG_LOAD = 5,
	CMD_OBJ_PIN = 6, CMD_OBJ_GET = 7, CMD_TEST_RUN = 10, CMD_INFO_BY_FD = 15, CMD_PROG_NEXT_ID = 11, CMD_PROG_BY_ID = 13, CMD_BTF_BY_ID = 19, CMD_BTF_NEXT_ID = 23, CMD_RAW_TRACEPOINT_OPEN = 17, CMD_BTF_LOAD = 18, CMD_LOOKUP_BATCH = 24,
	CMD_DELETE_BATCH = 27, CMD_LINK_CREATE = 28, CMD_ENABLE_STATS = 32, CMD_ITER_CREATE = 33,
	ATTACH_TRACE_ITER = 28, ATTACH_PERF_EVENT = 41, ATTACH_UPROBE_MULTI = 48, UPROBE_MULTI_RETURN = 1, KPROBE_MULTI_RETURN = 1,
};

/* One size for every attribute: the largest prefix that some call passes. */
union sys_attr {
	unsigned char raw[160];
	struct {
		uint32_t type, key_size, value_size, max_entries, flags, inner_fd, numa; char name[16];
		uint32_t ifindex, btf_fd, key_id, value_id;
	} map;
	struct { uint32_t fd, pad; uint64_t key, value, flags; } elem;
	struct { uint64_t in, out, keys, values; uint32_t count, fd; uint64_t elem_flags, flags; } batch;
	struct {
		uint32_t type, n_insns; uint64_t insns, license; uint32_t log_level, log_size; uint64_t log;
		uint32_t kern_version, flags; char name[16];
		uint32_t ifindex, expected_attach, btf_fd, func_rec; uint64_t func; uint32_t n_func, line_rec; uint64_t line;
		uint32_t n_line, attach_btf_id, attach_fd, core_n; uint64_t fd_array, core; uint32_t core_rec, log_true;
	} prog;
	struct {
		uint32_t fd, retval, size_in, size_out; uint64_t in, out; uint32_t repeat, duration, ctx_in_size, ctx_out_size;
		uint64_t ctx_in, ctx_out; uint32_t flags, cpu, batch, pad;
	} test;
	struct { uint32_t fd, len; uint64_t info; } info;
	struct { uint64_t path; uint32_t fd, flags; } pin;
	struct { uint64_t name; uint32_t fd, pad; uint64_t cookie; } raw_tp;
	struct { uint64_t btf, log; uint32_t size, log_size, log_level, log_true; } btf;
	struct {
		uint32_t prog, target, attach, flags;
		union {
			uint64_t cookie; /* of a perf event */
			struct { uint32_t target_btf_id, pad; uint64_t cookie; } tracing;
			struct { uint32_t flags, n; uint64_t syms, addrs, cookies; } kprobes;
			struct { uint64_t path, offsets, ref_ctr, cookies; uint32_t n, flags, pid, pad; } uprobes;
		};
	} link;
	struct { uint32_t id, next, flags; } next; /* also: the object of an id */
	struct { uint32_t type; } stats;
	struct { uint32_t link, flags; } iter;
};
/* Up to and with a member of the attribute. */
#define UPTO(member) (offsetof(union sys_attr, member) + sizeof(((union sys_attr *)0)->member))
_Static_assert(offsetof(union sys_attr, prog.name) == 48 && offsetof(union sys_attr, prog.line) == 96 &&
	       offsetof(union sys_attr, prog.attach_fd) == 112 && offsetof(union sys_attr, link.tracing.cookie) == 24 &&
	       offsetof(union sys_attr, link.uprobes.pid) == 56 && offsetof(union sys_attr, test.ctx_in) == 48 &&
	       offsetof(union sys_attr, map.value_id) == 56 && offsetof(union sys_attr, batch.fd) == 36, "layout of bpf(2)");

static uint64_t ptr64(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}
static int sys_bpf(int cmd, union sys_attr *a, size_t size)
{
	long r;
	/* EAGAIN: the verifier was interrupted by a signal that is pending; a few times, lest one that stays pending holds us. */
	for (unsigned i = 0; (r = syscall(SYS_bpf, cmd, a, size)) < 0 && errno == EAGAIN && cmd == CMD_PROG_LOAD && i < 5; i++)
		;
	return r < 0 ? -errno : (int)r;
}
static void set_name(char *to, const char *name)
{
	/* The kernel takes letters, digits, '_' and '.' in the names of its objects. */
	for (unsigned i = 0; name && name[i] && i < 15; i++) {
		char c = name[i];
		to[i] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ? c : '_';
	}
}

/*
 * Kernels before 5.11 charged maps to RLIMIT_MEMLOCK and answered EPERM. There, and only there, and only when the call has
 * just failed so, the limit is raised; newer ones charge the memory cgroup and the limit is none of our business.
 */
static bool memlock_raise(void)
{
	struct utsname u;
	struct rlimit l;
	unsigned major, minor;
	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2 || major > 5 || (major == 5 && minor >= 11))
		return false;
	if (geteuid() != 0 || getrlimit(RLIMIT_MEMLOCK, &l) < 0 || l.rlim_cur == RLIM_INFINITY)
		return false;
	l.rlim_cur = l.rlim_max = RLIM_INFINITY;
	return setrlimit(RLIMIT_MEMLOCK, &l) == 0;
}

/* --- maps --- */

int sys_map_create(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags)
{
	return sys_map_create_btf(type, name, key_size, value_size, max_entries, flags, 0, 0, 0);
}
int sys_map_create_btf(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags,
		       int btf_fd, uint32_t key_id, uint32_t value_id)
{
	union sys_attr a = { .map = { .type = type, .key_size = key_size, .value_size = value_size,
				      .max_entries = max_entries, .flags = flags, .btf_fd = (uint32_t)btf_fd, .key_id = key_id, .value_id = value_id } };
	set_name(a.map.name, name);
	int fd = sys_bpf(CMD_MAP_CREATE, &a, UPTO(map.value_id));
	if (fd == -EPERM && memlock_raise())
		fd = sys_bpf(CMD_MAP_CREATE, &a, UPTO(map.value_id));
	return fd;
}
int sys_map_create_outer(uint32_t type, const char *name, uint32_t key_size, uint32_t max_entries, int inner_fd)
{
	union sys_attr a = { .map = { .type = type, .key_size = key_size, .value_size = 4, .max_entries = max_entries, .inner_fd = (uint32_t)inner_fd } };
	set_name(a.map.name, name);
	return sys_bpf(CMD_MAP_CREATE, &a, UPTO(map.value_id));
}
/* What is pinned may be a program or a link, whose descriptor tells no such things: what it is, is asked of /proc. */
int sys_pin(int fd, const char *path)
{
	union sys_attr a = { .pin = { .path = ptr64(path), .fd = (uint32_t)fd } };
	return sys_bpf(CMD_OBJ_PIN, &a, UPTO(pin));
}

int sys_map_pinned(const char *path, struct sys_map_info *ret)
{
	enum { READ_ONLY = 8 /* BPF_F_RDONLY */ };
	union sys_attr a = { .pin = { .path = ptr64(path), .flags = READ_ONLY } };
	char name[32], what[32];
	uint32_t info[5] = { 0 }; /* type, id, size of a key, of a value, entries: the head of struct bpf_map_info */
	int fd = sys_bpf(CMD_OBJ_GET, &a, UPTO(pin)), r;
	if (fd < 0)
		return fd;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(name, what, sizeof(what));
	union sys_attr b = { .info = { .fd = (uint32_t)fd, .len = sizeof(info), .info = ptr64(info) } };
	r = n == 18 && !memcmp(what, "anon_inode:bpf-map", 18) ? sys_bpf(CMD_INFO_BY_FD, &b, UPTO(info)) : -EINVAL;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret = (struct sys_map_info){ .type = info[0], .key_size = info[2] };
	return fd;
}
static int sys_elem(int cmd, int fd, const void *key, const void *value, uint64_t flags)
{
	union sys_attr a = { .elem = { .fd = (uint32_t)fd, .key = ptr64(key), .value = ptr64(value), .flags = flags } };
	return sys_bpf(cmd, &a, UPTO(elem.flags));
}
int sys_map_lookup(int fd, const void *key, void *value)
{
	return sys_elem(CMD_MAP_LOOKUP, fd, key, value, 0);
}
int sys_map_update(int fd, const void *key, const void *value, uint64_t flags)
{
	return sys_elem(CMD_MAP_UPDATE, fd, key, value, flags);
}
int sys_map_delete(int fd, const void *key)
{
	return sys_elem(CMD_MAP_DELETE, fd, key, NULL, 0);
}
int sys_map_next_key(int fd, const void *key, void *next)
{
	return sys_elem(CMD_MAP_NEXT_KEY, fd, key, next, 0);
}
static int sys_batch(int cmd, int fd, const void *in, void *out, const void *keys, void *values, uint32_t *count)
{
	union sys_attr a = { .batch = { .in = ptr64(in), .out = ptr64(out), .keys = ptr64(keys), .values = ptr64(values),
					.count = *count, .fd = (uint32_t)fd } };
	int r = sys_bpf(cmd, &a, UPTO(batch.flags));
	/* Only these two mean that the kernel has counted; on others the field is as it was. */
	*count = r == 0 || r == -ENOENT ? a.batch.count : 0;
	return r;
}
int sys_map_lookup_batch(int fd, const void *in_batch, void *out_batch, void *keys, void *values, uint32_t *count)
{
	return sys_batch(CMD_LOOKUP_BATCH, fd, in_batch, out_batch, keys, values, count);
}
int sys_map_delete_batch(int fd, const void *keys, uint32_t *count)
{
	return sys_batch(CMD_DELETE_BATCH, fd, NULL, NULL, keys, NULL, count);
}

/* --- programs --- */

int sys_btf_load(const void *btf, uint32_t size, char *log, uint32_t log_size)
{
	union sys_attr a = { .btf = { .btf = ptr64(btf), .size = size } };
	if (log && log_size) {
		log[0] = 0;
		a.btf.log = ptr64(log);
		a.btf.log_size = log_size;
		a.btf.log_level = 1;
	}
	return sys_bpf(CMD_BTF_LOAD, &a, UPTO(btf.log_level));
}

int sys_prog_load(const struct sys_prog *p)
{
	union sys_attr a = { .prog = {
		.type = p->type, .n_insns = p->n_insns, .insns = ptr64(p->insns), .license = ptr64(p->license ? p->license : "GPL"),
		.flags = p->flags, .expected_attach = p->expected_attach_type, .attach_btf_id = p->attach_btf_id,
		.attach_fd = (uint32_t)p->attach_btf_fd } };
	set_name(a.prog.name, p->name);
	if (p->btf_fd > 0) {
		a.prog.btf_fd = (uint32_t)p->btf_fd;
		if (p->n_func_info) {
			a.prog.func = ptr64(p->func_info);
			a.prog.n_func = p->n_func_info;
			a.prog.func_rec = 8; /* struct bpf_func_info */
		}
		if (p->n_line_info) {
			a.prog.line = ptr64(p->line_info);
			a.prog.n_line = p->n_line_info;
			a.prog.line_rec = 16; /* struct bpf_line_info */
		}
	}
	if (p->log && p->log_size && p->log_level) {
		p->log[0] = 0;
		a.prog.log = ptr64(p->log);
		a.prog.log_size = p->log_size;
		a.prog.log_level = p->log_level;
	}
	int fd = sys_bpf(CMD_PROG_LOAD, &a, UPTO(prog.attach_fd));
	if (fd == -EPERM && memlock_raise())
		fd = sys_bpf(CMD_PROG_LOAD, &a, UPTO(prog.attach_fd));
	return fd;
}

int sys_prog_info(int fd, struct sys_prog_info *ret)
{
	/* struct bpf_prog_info by offset: it grows at its end, and older kernels fill in less. */
	enum { ID = 4, XLATED_LEN = 20, RUN_TIME = 192, RUN_CNT = 200, MISSES = 208, VERIFIED = 216, LEN = 224 };
	_Alignas(8) unsigned char info[LEN] = { 0 };
	union sys_attr a = { .info = { .fd = (uint32_t)fd, .len = LEN, .info = ptr64(info) } };
	int r = sys_bpf(CMD_INFO_BY_FD, &a, UPTO(info));
	uint32_t w;
	if (r < 0)
		return r;
	memcpy(&ret->id, info + ID, 4);
	memcpy(&w, info + XLATED_LEN, 4);
	ret->xlated_insns = w / 8;
	memcpy(&ret->verified_insns, info + VERIFIED, 4);
	memcpy(&ret->run_time_ns, info + RUN_TIME, 8);
	memcpy(&ret->run_cnt, info + RUN_CNT, 8);
	memcpy(&ret->recursion_misses, info + MISSES, 8);
	return 0;
}
_Static_assert(offsetof(struct bpf_prog_info, run_time_ns) == 192 && offsetof(struct bpf_prog_info, recursion_misses) == 208 &&
	       offsetof(struct bpf_prog_info, xlated_prog_len) == 20, "layout of struct bpf_prog_info");

int sys_prog_test_run(int fd, const void *ctx, uint32_t ctx_size, uint32_t *ret_retval)
{
	union sys_attr a = { .test = { .fd = (uint32_t)fd, .ctx_in = ptr64(ctx), .ctx_in_size = ctx ? ctx_size : 0 } };
	int r = sys_bpf(CMD_TEST_RUN, &a, UPTO(test.batch));
	if (r >= 0 && ret_retval)
		*ret_retval = a.test.retval;
	return r < 0 ? r : 0;
}

/* --- links --- */

static int perf_enable(int perf_fd)
{
	return ioctl(perf_fd, PERF_EVENT_IOC_ENABLE, 0) < 0 ? -errno : 0;
}

int sys_link_perf(int prog_fd, int perf_fd, uint64_t cookie)
{
	union sys_attr a = { .link = { .prog = (uint32_t)prog_fd, .target = (uint32_t)perf_fd, .attach = ATTACH_PERF_EVENT,
				       .cookie = cookie } };
	int fd = sys_bpf(CMD_LINK_CREATE, &a, UPTO(link.cookie)), r;
	if (fd >= 0 && (r = perf_enable(perf_fd)) < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int sys_link_raw_tracepoint(int prog_fd, const char *name, uint64_t cookie)
{
	union sys_attr a = { .raw_tp = { .name = ptr64(name), .fd = (uint32_t)prog_fd, .cookie = cookie } };
	int r = sys_bpf(CMD_RAW_TRACEPOINT_OPEN, &a, cookie ? UPTO(raw_tp.cookie) : UPTO(raw_tp.fd));
	return r == -E2BIG && cookie ? -EOPNOTSUPP : r;
}

int sys_link_tracing(int prog_fd, uint32_t attach_type, uint64_t cookie)
{
	union sys_attr a = { .link = { .prog = (uint32_t)prog_fd, .attach = attach_type, .tracing = { .cookie = cookie } } };
	int r = sys_bpf(CMD_LINK_CREATE, &a, cookie ? UPTO(link.tracing.cookie) : UPTO(link.flags));
	/* Before 5.19 what is not an iterator was attached by the older command. */
	if (r == -EINVAL && !cookie && attach_type != ATTACH_TRACE_ITER)
		r = sys_link_raw_tracepoint(prog_fd, NULL, 0);
	return r == -E2BIG && cookie ? -EOPNOTSUPP : r;
}

int sys_link_uprobe_multi(int prog_fd, const struct sys_uprobe_multi *u)
{
	union sys_attr a = { .link = { .prog = (uint32_t)prog_fd, .attach = ATTACH_UPROBE_MULTI, .uprobes = {
		.path = ptr64(u->path), .offsets = ptr64(u->offsets), .ref_ctr = ptr64(u->ref_ctr), .cookies = ptr64(u->cookies),
		.n = u->n, .flags = u->ret ? UPROBE_MULTI_RETURN : 0, .pid = u->pid > 0 ? (uint32_t)u->pid : 0 } } };
	return sys_bpf(CMD_LINK_CREATE, &a, UPTO(link.uprobes));
}

int sys_link_kprobe_multi(int prog_fd, uint32_t attach_type, const struct sys_kprobe_multi *k)
{
	union sys_attr a = { .link = { .prog = (uint32_t)prog_fd, .attach = attach_type, .kprobes = {
		.flags = k->ret ? KPROBE_MULTI_RETURN : 0, .n = k->n, .syms = k->addrs ? 0 : ptr64(k->syms), .addrs = ptr64(k->addrs),
		.cookies = ptr64(k->cookies) } } };
	_Static_assert(sizeof(const char *) == sizeof(uint64_t), "the kernel takes an array of 64-bit addresses of names");
	return sys_bpf(CMD_LINK_CREATE, &a, UPTO(link.kprobes));
}

uint64_t sys_link_missed(int link_fd)
{
	/* struct bpf_link_info by offset: type, id, program; then what belongs to the type. */
	enum { LEN = 64, PERF_EVENT = 7, KPROBE_MULTI = 8, AT_KIND = 16, AT_MULTI = 32, AT_KPROBE = 48, KIND_KPROBE = 3, KIND_KRETPROBE = 4 };
	_Alignas(8) unsigned char info[LEN] = { 0 };
	union sys_attr a = { .info = { .fd = (uint32_t)link_fd, .len = LEN, .info = ptr64(info) } };
	uint32_t type, kind;
	uint64_t n = 0;
	if (sys_bpf(CMD_INFO_BY_FD, &a, UPTO(info)) < 0)
		return 0;
	memcpy(&type, info, 4);
	memcpy(&kind, info + AT_KIND, 4);
	if (type == KPROBE_MULTI)
		memcpy(&n, info + AT_MULTI, 8);
	else if (type == PERF_EVENT && (kind == KIND_KPROBE || kind == KIND_KRETPROBE))
		memcpy(&n, info + AT_KPROBE, 8);
	return n;
}

int sys_btf_module(const char *name)
{
	/* struct bpf_btf_info: btf, size, id, name, length of the name, kernel's own */
	struct { uint64_t btf; uint32_t size, id; uint64_t name; uint32_t name_len, kernel; } info;
	char got[64];
	for (uint32_t id = 0;;) {
		union sys_attr a = { .next = { .id = id } };
		int r = sys_bpf(CMD_BTF_NEXT_ID, &a, UPTO(next));
		if (r < 0)
			return r;
		id = a.next.next;
		a = (union sys_attr){ .next = { .id = id } };
		int fd = sys_bpf(CMD_BTF_BY_ID, &a, UPTO(next));
		if (fd == -ENOENT) /* gone meanwhile */
			continue;
		if (fd < 0)
			return fd;
		memset(&info, 0, sizeof(info));
		memset(got, 0, sizeof(got));
		info.name = ptr64(got);
		info.name_len = sizeof(got);
		a = (union sys_attr){ .info = { .fd = (uint32_t)fd, .len = sizeof(info), .info = ptr64(&info) } };
		if (sys_bpf(CMD_INFO_BY_FD, &a, UPTO(info)) >= 0 && info.kernel && strcmp(got, name) == 0)
			return fd;
		close(fd);
	}
}

int sys_prog_next(uint32_t after, uint32_t *ret_id)
{
	union sys_attr a = { .next = { .id = after } };
	int r = sys_bpf(CMD_PROG_NEXT_ID, &a, UPTO(next));
	*ret_id = a.next.next;
	return r < 0 ? r : 0;
}

int sys_prog_get(uint32_t id)
{
	union sys_attr a = { .next = { .id = id } };
	return sys_bpf(CMD_PROG_BY_ID, &a, UPTO(next));
}

int sys_prog_functions(int fd, char ret_name[16], uint32_t *ret_btf, uint32_t *ret_types, uint32_t *n)
{
	/* struct bpf_prog_info by offset, as above; the functions are an array of struct bpf_func_info. */
	enum { NAME = 64, BTF = 128, REC = 132, FUNCS = 136, N_FUNCS = 144, LEN = 224, ROOM = 256 };
	_Alignas(8) unsigned char info[LEN] = { 0 };
	struct { uint32_t insn, type; } funcs[ROOM];
	uint32_t room = *n < ROOM ? *n : ROOM, rec = sizeof(funcs[0]);
	uint64_t at = ptr64(funcs);
	union sys_attr a = { .info = { .fd = (uint32_t)fd, .len = LEN, .info = ptr64(info) } };
	memcpy(info + REC, &rec, 4);
	memcpy(info + FUNCS, &at, 8);
	memcpy(info + N_FUNCS, &room, 4);
	int r = sys_bpf(CMD_INFO_BY_FD, &a, UPTO(info));
	if (r < 0)
		return r;
	memcpy(ret_name, info + NAME, 15);
	ret_name[15] = 0;
	memcpy(ret_btf, info + BTF, 4);
	memcpy(n, info + N_FUNCS, 4);
	*n = *n < room ? *n : room;
	for (uint32_t i = 0; i < *n; i++)
		ret_types[i] = funcs[i].type;
	return 0;
}
_Static_assert(offsetof(struct bpf_prog_info, name) == 64 && offsetof(struct bpf_prog_info, btf_id) == 128 &&
	       offsetof(struct bpf_prog_info, func_info) == 136 && offsetof(struct bpf_prog_info, nr_func_info) == 144,
	       "layout of struct bpf_prog_info");

int sys_btf_get(uint32_t id)
{
	union sys_attr a = { .next = { .id = id } };
	return sys_bpf(CMD_BTF_BY_ID, &a, UPTO(next));
}

int sys_btf_data(int fd, void *data, uint32_t *len)
{
	struct { uint64_t btf; uint32_t size, id; } info = { .btf = ptr64(data), .size = *len };
	union sys_attr a = { .info = { .fd = (uint32_t)fd, .len = sizeof(info), .info = ptr64(&info) } };
	int r = sys_bpf(CMD_INFO_BY_FD, &a, UPTO(info));
	*len = info.size;
	return r < 0 ? r : 0;
}

int sys_iter_create(int link_fd)
{
	union sys_attr a = { .iter = { .link = (uint32_t)link_fd } };
	return sys_bpf(CMD_ITER_CREATE, &a, UPTO(iter));
}

int sys_enable_stats(void)
{
	union sys_attr a = { .stats = { .type = 0 } };
	return sys_bpf(CMD_ENABLE_STATS, &a, UPTO(stats));
}

/* --- perf events: made disabled; sys_link_perf() and sys_perf_set_bpf() enable them --- */

static int sys_perf_open(struct perf_event_attr *attr, int pid, int cpu)
{
	attr->size = sizeof(*attr);
	attr->disabled = 1;
	long fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

int sys_perf_set_bpf(int perf_fd, int prog_fd)
{
	return ioctl(perf_fd, PERF_EVENT_IOC_SET_BPF, prog_fd) < 0 ? -errno : perf_enable(perf_fd);
}

int sys_perf_tracepoint(uint64_t id, int pid, int cpu)
{
	struct perf_event_attr a = { .type = PERF_TYPE_TRACEPOINT, .config = id, .sample_period = 1, .wakeup_events = 1 };
	return sys_perf_open(&a, pid, cpu);
}

int sys_perf_timer(uint64_t period_ns_or_hz, bool is_freq, int pid, int cpu)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK, .freq = is_freq };
	if (is_freq)
		a.sample_freq = period_ns_or_hz;
	else
		a.sample_period = period_ns_or_hz;
	return sys_perf_open(&a, pid, cpu);
}

int sys_perf_mappings(int cpu, uint32_t watermark)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY, .mmap = 1, .mmap2 = 1, .comm = 1, .comm_exec = 1,
				     .task = 1, .watermark = 1, .wakeup_watermark = watermark };
	return sys_perf_open(&a, -1, cpu);
}

int sys_perf_output(int cpu, uint32_t watermark)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_BPF_OUTPUT, .sample_period = 1,
				     .sample_type = PERF_SAMPLE_RAW, .watermark = 1, .wakeup_watermark = watermark };
	return sys_perf_open(&a, -1, cpu);
}

int sys_perf_enable(int perf_fd)
{
	return perf_enable(perf_fd);
}

int sys_perf_event(uint32_t type, uint64_t config, uint64_t period, int pid, int cpu)
{
	struct perf_event_attr a = { .type = type, .config = config, .sample_period = period };
	return sys_perf_open(&a, pid, cpu);
}

int sys_perf_watch(uint64_t addr, uint32_t len, uint32_t type, int pid, int cpu)
{
	struct perf_event_attr a = { .type = PERF_TYPE_BREAKPOINT, .sample_period = 1, .bp_type = type, .bp_addr = addr, .bp_len = len,
				     .inherit = pid > 0, .precise_ip = 2 };
	return sys_perf_open(&a, pid, cpu);
}

static int read_number(const char *path, const char *format)
{
	FILE *f = fopen(path, "re");
	int v = -ENOENT;
	if (!f)
		return -errno;
	if (fscanf(f, format, &v) != 1)
		v = -EINVAL;
	fclose(f);
	return v;
}

/* kprobes and uprobes are dynamic units of perf: their number and the bit that means "on return" are in sysfs. */
static int sys_perf_probe(const char *unit, const char *target, uint64_t offset, uint64_t ref_ctr, bool ret, int pid)
{
	char path[96];
	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", unit);
	int type = read_number(path, "%d"), bit = 0;
	if (type < 0)
		return type == -ENOENT ? -EOPNOTSUPP : type;
	if (ret) {
		snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/format/retprobe", unit);
		bit = read_number(path, "config:%d");
		if (bit < 0 || bit > 31)
			return -EOPNOTSUPP;
	}
	struct perf_event_attr a = { .type = (uint32_t)type, .config = (ret ? 1ull << bit : 0) | ref_ctr << 32,
				     .config1 = ptr64(target), .config2 = offset };
	if (ref_ctr > UINT32_MAX)
		return -ERANGE;
	return sys_perf_open(&a, pid > 0 ? pid : -1, pid > 0 ? -1 : 0);
}
int sys_perf_uprobe(const char *path, uint64_t offset, uint64_t ref_ctr, bool ret, int pid)
{
	return sys_perf_probe("uprobe", path, offset, ref_ctr, ret, pid);
}
int sys_perf_kprobe(const char *symbol, uint64_t offset, bool ret)
{
	return sys_perf_probe("kprobe", symbol, offset, 0, ret, -1);
}

/* --- processors --- */

/* "0-3,8,10-11" to ids; the number of them (more than fit are counted), or -errno. *ret_max: the highest id. */
static int cpu_list(const char *path, uint32_t *ret, uint32_t room, uint32_t *ret_max)
{
	char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t len = read(fd, text, sizeof(text) - 1);
	int err = errno;
	close(fd);
	if (len < 0)
		return -err;
	text[len] = 0;
	uint32_t n = 0;
	for (const char *p = text; *p >= '0' && *p <= '9';) {
		char *end;
		unsigned long lo = strtoul(p, &end, 10), hi = lo;
		if (*end == '-')
			hi = strtoul(end + 1, &end, 10);
		if (lo > hi || hi >= 1 << 16)
			return -EINVAL;
		for (unsigned long c = lo; c <= hi; c++, n++)
			if (n < room)
				ret[n] = (uint32_t)c;
		*ret_max = (uint32_t)hi;
		p = *end == ',' ? end + 1 : end;
	}
	return n ? (int)n : -EINVAL;
}

int sys_possible_cpus(void)
{
	/* Per-CPU values of maps are laid out by id: the highest one counts. */
	uint32_t max;
	int n = cpu_list("/sys/devices/system/cpu/possible", NULL, 0, &max);
	return n < 0 ? n : (int)max + 1;
}
int sys_online_cpus(uint32_t *ret_cpus, uint32_t room)
{
	uint32_t max;
	int n = cpu_list("/sys/devices/system/cpu/online", ret_cpus, room, &max);
	return n > 0 && (uint32_t)n > room ? (int)room : n;
}

/* --- why not --- */

static bool has_capability(unsigned cap)
{
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long v = ~0ull;
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &v) == 1)
			break;
	if (f)
		fclose(f);
	return v >> cap & 1;
}

int kern_lockdown(void)
{
	char text[128];
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	if (!f)
		return -1;
	bool got = fgets(text, sizeof(text), f) != NULL;
	fclose(f);
	if (!got)
		return -1;
	return strstr(text, "[confidentiality]") ? 2 : strstr(text, "[integrity]") ? 1 : strstr(text, "[none]") ? 0 : -1;
}

static const char *refusal_permission(void)
{
	enum { CAP_SYS_ADMIN_ = 21, CAP_PERFMON_ = 38, CAP_BPF_ = 39 };
	bool admin = has_capability(CAP_SYS_ADMIN_);
	if (!admin && !has_capability(CAP_BPF_)) {
		if (geteuid() == 0)
			return "root here lacks CAP_BPF and CAP_PERFMON (a container?); give it both";
		return "it needs CAP_BPF and CAP_PERFMON; run it as root";
	}
	if (!admin && !has_capability(CAP_PERFMON_))
		return "it needs CAP_PERFMON besides CAP_BPF";
	switch (kern_lockdown()) {
	case 2:
		return "the kernel is locked down (confidentiality), which forbids tracing; boot with lockdown=integrity or none";
	case 1:
		return "the kernel is locked down (integrity), which forbids this kind of probe; a tracepoint may do";
	default:
		return "the kernel forbids it (lockdown, a security module or a seccomp filter)";
	}
}

const char *sys_refusal(int err)
{
	switch (err < 0 ? -err : err) {
	case EPERM: case EACCES:
		return refusal_permission();
	case ENOMEM:
		return "the kernel is out of memory, or the memory cgroup's limit is reached; use smaller maps (max_map_keys) or rings";
	case E2BIG:
		return "the kernel finds it too large (too many instructions, entries or bytes); make the program or its maps smaller";
	case ENOSPC:
		return "there is no room left: too many such objects are in use";
	case EMFILE:
		return "this process has too many files open; raise `ulimit -n`";
	case ENFILE:
		return "the system has too many files open; raise fs.file-max";
	case ENOSYS:
		return "this kernel has no bpf(2); it needs CONFIG_BPF_SYSCALL";
	case EOPNOTSUPP: case 524 /* ENOTSUPP, the kernel's own */:
		return "this kernel does not support it";
	case ENOENT:
		return "there is no such event or function in this kernel";
	case ENODEV:
		return "this machine has no such counter or device";
	case EBUSY:
		return "something else holds it; only one user is allowed at a time";
	case EEXIST:
		return "it is attached already";
	case ESRCH:
		return "there is no such process";
	default:
		return NULL;
	}
}
