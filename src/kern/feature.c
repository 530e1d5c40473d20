/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the running kernel can do: each row of sema/feature.def is probed by trying it, when first asked, and remembered.
 * Never by version: distributions backport, and a lockdown, a container or a missing driver takes away what the version
 * would promise.
 *
 * A probe is some microseconds to a millisecond: a map made and closed, a program of a few instructions loaded and closed.
 * Whether a helper exists is read from the verifier's complaint: "unknown func", or that this type of program may not call
 * it, means no; any other complaint is about the arguments, so the helper is there.
 */
#include "kern/kern_priv.h"
#include "kern/sys.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name, *doc;
} features[FEAT_COUNT] = {
#define FEATURE(id, feature_name, feature_doc) [FEAT_##id] = { feature_name, feature_doc },
#include "sema/feature.def"
#undef FEATURE
};

const char *kern_feature_name(enum feature f)
{
	return f < FEAT_COUNT ? features[f].name : "?";
}
const char *kern_feature_doc(enum feature f)
{
	return f < FEAT_COUNT ? features[f].doc : "?";
}

/* Numbers from the kernel's interface that older headers lack. */
enum {
	MAP_HASH = 1, MAP_ARRAY = 2, MAP_RINGBUF = 27, MAP_TASK_STORAGE = 29,
	PROG_KPROBE = 2, PROG_TRACEPOINT = 5, PROG_RAW_TRACEPOINT = 17, PROG_TRACING = 26, F_NO_PREALLOC = 1,
	TRACE_FENTRY = 24, TRACE_FEXIT = 25, TRACE_ITER = 28, TRACE_KPROBE_MULTI = 42, TRACE_UPROBE_MULTI = 48, TRACE_KPROBE_SESSION = 56,
	HELPER_WRITE_USER = 36, HELPER_OVERRIDE = 58, HELPER_DPATH = 147, HELPER_TASK_BTF = 158, HELPER_FOR_EACH_MAP = 164, HELPER_FUNC_IP = 173, HELPER_COOKIE = 174, HELPER_LOOP = 181, HELPER_FUNC_ARG = 183,
	HELPER_TASK_REGS = 175, HELPER_LOOKUP_PERCPU = 195, HELPER_TAI = 208,
};

static bool closes(int fd)
{
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* --- programs --- */

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define CALL(h) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, h)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static int load(uint32_t type, uint32_t expected, uint32_t btf_id, const struct bpf_insn *insns, uint32_t n, char *log, uint32_t log_size)
{
	struct sys_prog p = { .type = type, .expected_attach_type = expected, .attach_btf_id = btf_id, .name = "probe", .license = "GPL",
			      .insns = insns, .n_insns = n, .log = log, .log_size = log_size, .log_level = log ? 1 : 0 };
	return sys_prog_load(&p);
}
static int load_empty(uint32_t type, uint32_t expected, uint32_t btf_id)
{
	const struct bpf_insn insns[] = { MOV(BPF_REG_0, 0), EXIT };
	return load(type, expected, btf_id, insns, 2, NULL, 0);
}

static bool has_helper(uint32_t type, int helper)
{
	const struct bpf_insn insns[] = { CALL(helper), MOV(BPF_REG_0, 0), EXIT };
	char log[4096];
	int fd = load(type, 0, 0, insns, 3, log, sizeof(log));
	if (fd >= 0)
		return closes(fd);
	if (fd == -EPERM || !log[0])
		return false;
	return !strstr(log, "unknown func") && !strstr(log, "invalid func") && !strstr(log, "cannot use helper");
}

static bool has_cpu_v4(void)
{
	const struct bpf_insn insns[] = {
		MOV(BPF_REG_0, 200),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_0, 8, 0),    /* r0 = (s8)r0 */
		MOV(BPF_REG_1, 3),
		INSN(BPF_ALU64 | BPF_DIV | BPF_X, BPF_REG_0, BPF_REG_1, 1, 0),    /* r0 s/= r1 */
		INSN(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_0, -8, 0),
		INSN(BPF_LDX | 0x80 | BPF_W, BPF_REG_0, BPF_REG_10, -8, 0),       /* r0 = *(s32 *)(r10 - 8) */
		INSN(BPF_JMP32 | BPF_JA, 0, 0, 0, 0),                             /* gotol +0 */
		EXIT,
	};
	return closes(load(PROG_TRACEPOINT, 0, 0, insns, sizeof(insns) / sizeof(*insns), NULL, 0));
}

static bool has_atomics(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 1),
		MOV(BPF_REG_0, 1),
		INSN(BPF_STX | 0xc0 | BPF_DW, BPF_REG_10, BPF_REG_0, -8, 0x01), /* r0 = fetch-and-add */
		EXIT,
	};
	return closes(load(PROG_TRACEPOINT, 0, 0, insns, sizeof(insns) / sizeof(*insns), NULL, 0));
}

/* The feature is taken for there only if it does what we want of it: a loop that nothing but it bounds. */
static bool has_may_goto(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_JMP | 0xe0, 0, 0, 1, 0), /* may_goto +1 */
		INSN(BPF_JMP | BPF_JA, 0, 0, -2, 0),
		MOV(BPF_REG_0, 0),
		EXIT,
	};
	return closes(load(PROG_TRACEPOINT, 0, 0, insns, sizeof(insns) / sizeof(*insns), NULL, 0));
}

/* --- kernel functions --- */

/* Attaching and detaching for real takes up to a fifth of a second, for the kernel waits until nobody runs there. A name
 * that no function has is refused for that very reason by a kernel that would attach, and for another by one that would not. */
static const char no_function[] = "sonde_has_no_such_function";

static bool has_kprobe(void)
{
	int fd = sys_perf_kprobe(no_function, 0, false);
	return closes(fd) || fd == -ENOENT;
}

static bool has_kprobe_link(uint32_t attach)
{
	int prog = load_empty(PROG_KPROBE, attach, 0);
	if (prog < 0)
		return false;
	const char *const syms = no_function;
	int link = sys_link_kprobe_multi(prog, attach, &(struct sys_kprobe_multi){ .syms = &syms, .n = 1 });
	close(prog);
	return closes(link) || link == -ESRCH || link == -ENOENT;
}

static bool has_uprobe_link(void)
{
	const unsigned long offset = 0;
	const struct sys_uprobe_multi u = { .path = "/", .offsets = &offset, .n = 1 };
	int prog = load_empty(PROG_KPROBE, TRACE_UPROBE_MULTI, 0);
	if (prog < 0)
		return false;
	int link = sys_link_uprobe_multi(prog, &u);
	close(prog);
	if (link >= 0)
		return closes(link);
	return link == -EBADF; /* a folder is no file with code: but it looked */
}

static bool has_fentry(struct kern *k)
{
	struct kbtf *b = kern_btf(k);
	/* A function that the kernel has for trying this, and for nothing else. */
	uint32_t id = b ? kbtf_find(b, 1u << KB_FUNC, STR("bpf_fentry_test1")) : 0;
	int prog = id ? load_empty(PROG_TRACING, TRACE_FENTRY, id) : b ? -ENOENT : -ENODATA;
	k->fentry_err = prog;
	if (prog < 0)
		return false;
	int link = k->fentry_err = sys_link_tracing(prog, TRACE_FENTRY, 0);
	close(prog);
	return closes(link);
}

const char *fentry_refusal(struct kern *k)
{
	switch (k->fentry_err) {
	case -ENODATA:
		return "this kernel has no BTF";
	case -EPERM: case -EACCES:
		return kern_lockdown() > 0 ? "the kernel's lockdown forbids fentry" : "the kernel forbids fentry";
	default:
		return "this kernel has no fentry";
	}
}

/* The verifier refuses a call that the program may not make before it looks at its arguments, and says so. */
bool kfunc_trial(const struct facts_func *fn, const struct facts_place *p)
{
	const struct bpf_insn insns[] = { MOV(BPF_REG_1, 0), MOV(BPF_REG_2, 0), MOV(BPF_REG_3, 0), MOV(BPF_REG_4, 0), MOV(BPF_REG_5, 0),
					  INSN(BPF_JMP | BPF_CALL, 0, 2 /* BPF_PSEUDO_KFUNC_CALL */, 0, (int)fn->btf_id), MOV(BPF_REG_0, 0),
					  EXIT };
	char log[4096];
	log[0] = 0;
	int fd = load(p->prog_type, p->attach_type, p->btf_id, insns, sizeof(insns) / sizeof(*insns), log, sizeof(log));
	if (fd >= 0)
		return closes(fd);
	/* refused for its arguments, or for what it gives, which is not released */
	return fd != -EPERM && log[0] && !strstr(log, "is not allowed") && !strstr(log, "not supported") && !strstr(log, "kfunc");
}

const char *fentry_trial(const struct facts_func *fn, bool at_return)
{
	const struct bpf_insn insns[] = { MOV(BPF_REG_0, 0), EXIT };
	char log[1024];
	struct sys_prog p = { .type = PROG_TRACING, .expected_attach_type = at_return ? TRACE_FEXIT : TRACE_FENTRY,
			      .attach_btf_id = fn->btf_id, .name = "probe", .license = "GPL", .insns = insns, .n_insns = 2,
			      .log = log, .log_size = sizeof(log), .log_level = 1 };
	int module = fn->module.len ? sys_btf_module(fn->module.s) : -1;
	if (fn->module.len && module < 0)
		return "the module's BTF object is not to be had";
	p.attach_btf_fd = module > 0 ? module : 0;
	log[0] = 0;
	int fd = sys_prog_load(&p);
	if (module >= 0)
		close(module);
	if (closes(fd))
		return NULL;
	if (strstr(log, "doesn't exist") || strstr(log, "does not exist"))
		return "the function that BTF describes is not in the kernel's symbol table";
	if (fn->variadic || strstr(log, "args") || fd == -ENOTSUP || fd == -524)
		return "fentry cannot pass this function's arguments";
	return "the kernel takes no fentry program there";
}

const char *program_trial(const struct facts_program *p, bool at_return)
{
	const struct bpf_insn insns[] = { MOV(BPF_REG_0, 0), EXIT };
	char log[1024];
	int target = sys_prog_get(p->id);
	if (target < 0)
		return "the program is gone";
	struct sys_prog s = { .type = PROG_TRACING, .expected_attach_type = at_return ? TRACE_FEXIT : TRACE_FENTRY, .attach_btf_id = p->type,
			      .attach_btf_fd = target, .name = "probe", .license = "GPL", .insns = insns, .n_insns = 2, .log = log,
			      .log_size = sizeof(log), .log_level = 1 };
	log[0] = 0;
	int fd = sys_prog_load(&s);
	close(target);
	if (closes(fd))
		return NULL;
	if (strstr(log, "ecursive") || strstr(log, "nest"))
		return "the kernel takes no program on one that traces others";
	if (strstr(log, "JIT") || strstr(log, "jit"))
		return "the program is interpreted, not compiled";
	return "the kernel takes no program there";
}

static bool has_func_arg(struct kern *k)
{
	struct kbtf *b = kern_btf(k);
	uint32_t id = b ? kbtf_find(b, 1u << KB_FUNC, STR("bpf_fentry_test1")) : 0;
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_10, 0, 0), INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, -8),
		MOV(BPF_REG_2, 0), INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 0), CALL(HELPER_FUNC_ARG), MOV(BPF_REG_0, 0), EXIT,
	};
	return id && closes(load(PROG_TRACING, TRACE_FENTRY, id, insns, sizeof(insns) / sizeof(*insns), NULL, 0));
}

static bool has_iter(struct kern *k)
{
	struct kbtf *b = kern_btf(k);
	uint32_t id = b ? kbtf_find(b, 1u << KB_FUNC, STR("bpf_iter_task")) : 0;
	int prog = id ? load_empty(PROG_TRACING, TRACE_ITER, id) : -1;
	if (prog < 0)
		return false;
	int link = sys_link_tracing(prog, TRACE_ITER, 0);
	close(prog);
	return closes(link);
}

/* The walk reads the kernel's tree of mappings by itself: where that is a maple tree, as BTF describes it. */
static bool has_unwind(struct kern *k)
{
#if defined(__x86_64__)
	struct kbtf *b = kern_btf(k);
	return b && kbtf_find(b, 1u << KB_STRUCT, STR("maple_arange_64")) && kern_has(k, FEAT_LOOP) && kern_has(k, FEAT_TASK_BTF) &&
	       kern_has(k, FEAT_RINGBUF) && has_helper(PROG_TRACEPOINT, HELPER_TASK_REGS);
#else
	return false;
#endif
}

static bool has_dpath(struct kern *k)
{
	struct kbtf *b = kern_btf(k);
	uint32_t id = b ? kbtf_find(b, 1u << KB_FUNC, STR("bpf_iter_task")) : 0;
	const struct bpf_insn insns[] = { CALL(HELPER_DPATH), MOV(BPF_REG_0, 0), EXIT };
	char log[1024];
	log[0] = 0;
	if (id && closes(load(PROG_TRACING, TRACE_ITER, id, insns, 3, log, sizeof(log))))
		return true;
	return log[0] && !strstr(log, "unknown func") && !strstr(log, "cannot use helper") && !strstr(log, "invalid func");
}

/* --- events --- */

static bool has_perf_link(void)
{
	int prog = load_empty(PROG_TRACEPOINT, 0, 0);
	if (prog < 0)
		return false;
	int link = sys_link_perf(prog, -1, 0);
	close(prog);
	if (link >= 0)
		return closes(link);
	return link == -EBADF; /* that is no perf event: but it looked */
}

static bool has_uprobe(void)
{
	/* As with functions of the kernel: no such file, once everything else has been found in order. */
	int fd = sys_perf_uprobe("/proc/self/no/such/file", 0, 0, false, -1);
	return closes(fd) || fd == -ENOENT;
}

/* Runs of programs on perf events that were skipped (as another BPF program ran on that CPU) are counted since the same
 * release in which links of kprobes got a count of theirs; only that one can be seen from outside, by the size of what describes a link. */
static bool has_skip_count(struct kern *k)
{
	struct kbtf *b = kern_btf(k);
	uint32_t id = b ? kbtf_find(b, 1u << KB_STRUCT, STR("bpf_link_info")) : 0;
	struct type *t = id ? kbtf_make(b, id) : NULL;
	return t && kbtf_complete(b, t) && t->size >= 56;
}

/* --- maps --- */

static bool has_task_storage(void)
{
	static const uint32_t btf[] = {
		0xeb9f | 1 << 16, 24, 0, 16, 16, 5,         /* header: one type, five bytes of strings */
		1, 1u << 24, 4, 1u << 24 | 32,              /* int, 4 bytes, signed */
		'i' << 8 | 'n' << 16 | (uint32_t)'t' << 24, 0, /* "\0int\0" */
	};
	int fd = sys_btf_load(btf, 24 + 16 + 5, NULL, 0);
	if (fd < 0)
		return false;
	int map = sys_map_create_btf(MAP_TASK_STORAGE, "probe", 4, 4, 0, F_NO_PREALLOC, fd, 1, 1);
	close(fd);
	return closes(map);
}

static bool has_batch(void)
{
	uint32_t key, next, count = 1;
	uint64_t value;
	int map = sys_map_create(MAP_HASH, "probe", 4, 8, 1, 0);
	if (map < 0)
		return false;
	int r = sys_map_lookup_batch(map, NULL, &next, &key, &value, &count);
	close(map);
	return r == 0 || r == -ENOENT;
}

bool feature_probe(struct kern *k, enum feature f)
{
	const char *why;
	switch (f) {
	case FEAT_BTF:
		return access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	case FEAT_TRACEFS:
		return kern_tracefs(k, &why) != NULL;
	case FEAT_KPROBE:
		return has_kprobe();
	case FEAT_KPROBE_MULTI:
		return has_kprobe_link(TRACE_KPROBE_MULTI);
	case FEAT_KPROBE_SESSION:
		return has_kprobe_link(TRACE_KPROBE_SESSION);
	case FEAT_FENTRY:
		return has_fentry(k);
	case FEAT_FUNC_ARG:
		return kern_has(k, FEAT_FENTRY) && has_func_arg(k);
	case FEAT_UPROBE:
		return has_uprobe();
	case FEAT_UPROBE_MULTI:
		return has_uprobe_link();
	case FEAT_UPROBE_CALL:
		return redzone_is_overwritten();
	case FEAT_PERF_LINK:
		return has_perf_link();
	case FEAT_RINGBUF:
		return closes(sys_map_create(MAP_RINGBUF, "probe", 0, 0, (uint32_t)sysconf(_SC_PAGESIZE), 0));
	case FEAT_LOOP:
		return has_helper(PROG_TRACEPOINT, HELPER_LOOP);
	case FEAT_MAY_GOTO:
		return has_may_goto();
	case FEAT_FOR_EACH_MAP:
		return has_helper(PROG_TRACEPOINT, HELPER_FOR_EACH_MAP);
	case FEAT_LOOKUP_PERCPU:
		return has_helper(PROG_TRACEPOINT, HELPER_LOOKUP_PERCPU);
	case FEAT_TASK_BTF:
		return has_helper(PROG_TRACEPOINT, HELPER_TASK_BTF);
	case FEAT_UNWIND:
		return has_unwind(k);
	case FEAT_TAI:
		return has_helper(PROG_TRACEPOINT, HELPER_TAI);
	case FEAT_FUNC_IP:
		return has_helper(PROG_KPROBE, HELPER_FUNC_IP);
	case FEAT_COOKIE:
		return has_helper(PROG_TRACEPOINT, HELPER_COOKIE);
	case FEAT_RAW_COOKIE:
		return has_helper(PROG_RAW_TRACEPOINT, HELPER_COOKIE);
	case FEAT_CPU_V4:
		return has_cpu_v4();
	case FEAT_ATOMICS:
		return has_atomics();
	case FEAT_ITER:
		return has_iter(k);
	case FEAT_PMU:
		return closes(sys_perf_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, 0, 0, -1));
	case FEAT_DPATH:
		return has_dpath(k);
	case FEAT_OVERRIDE:
		return has_helper(PROG_KPROBE, HELPER_OVERRIDE);
	case FEAT_WRITE_USER:
		return has_helper(PROG_TRACEPOINT, HELPER_WRITE_USER);
	case FEAT_TASK_STORAGE:
		return has_task_storage();
	case FEAT_RUN_STATS:
		return closes(sys_enable_stats());
	case FEAT_SKIP_COUNT:
		return has_skip_count(k);
	case FEAT_BATCH:
		return has_batch();
	case FEAT_COUNT:
		break;
	}
	return false;
}

void kern_without(struct kern *k, enum feature f)
{
	k->has[f] = FEATURE_OFF;
}

bool kern_has(struct kern *k, enum feature f)
{
	if ((unsigned)f >= FEAT_COUNT)
		return false;
	if (k->fixture)
		return k->fixture->has[f];
	if (!k->has[f])
		k->has[f] = feature_probe(k, f) ? 1 : -1;
	return k->has[f] > 0;
}
