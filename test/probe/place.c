/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What attach points expand to, and what is said when they are wrong: on the pinned kernel of the tests, without root. A row is an
 * attach point and the names of its places, or the message and its hint. Arguments: the folder with the programs (see sym.c),
 * the fixture.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../check.h"
#include "probe/probe.h"
#include "sym/sym.h"

static struct check c = { .suite = "probe/place" };
static const char *dir;

struct world {
	struct arena a;
	struct facts *facts;
	const struct facts_ops *ops; /* the fixture's own */
	struct facts_ops mine;
	int pid, missing;
	bool unsafe;
	struct buf out;
	struct attach_point *last;
};

/* The fixture's facts with one thing changed. These functions get no argument of ours: one world at a time. */
static bool without(struct facts *f, enum feature x)
{
	return false;
}

static struct type *no_format(struct facts *f, struct str category, struct str event, uint64_t *ret_id)
{
	check_true(&c, "a wildcard reads no format", false);
	return NULL;
}

static void take(void *arg, struct attach_point *ap)
{
	struct world *w = arg;
	w->last = ap;
	buf_addf(&w->out, "%.*s\n", STR_FMT(ap->name));
}

/* "@/" in an attach point stands for the folder; parts are split at ':', but not between quotes. */
static int expand(struct world *w, const char *text, struct diags *d)
{
	struct buf b = { 0 };
	struct str parts[8];
	uint32_t n = 0;
	for (const char *s = text; *s; s++) {
		if (s[0] == '@' && s[1] == '/')
			buf_adds(&b, dir);
		else
			buf_addc(&b, *s);
	}
	const char *s = arena_strndup(&w->a, b.s, b.len);
	buf_fini(&b);
	for (; n < 8; s++) {
		size_t len = strcspn(s, ":");
		parts[n++] = (struct str){ s, (uint32_t)len };
		s += len;
		if (!*s)
			break;
	}
	const struct provider *p = provider_find(&probe_providers, parts[0]);
	if (!p)
		return -1;
	struct provider_env env = { .facts = w->facts, .diags = d, .arena = &w->a, .pid = w->pid, .unsafe = w->unsafe,
				    .missing_probes = w->missing };
	return p->expand(p, &env, parts + 1, n - 1, (struct span){ 0 }, take, w);
}

/* `want`: lines of names, then lines "ERROR text" or "WARNING text" and "HINT text"; "@" as above. */
static void expect(struct world *w, const char *text, const char *want)
{
	struct diags d;
	struct buf wanted = { 0 };
	diags_init(&d, &w->a);
	buf_clear(&w->out);
	w->last = NULL;
	int r = expand(w, text, &d);
	uint32_t places = 0;
	for (size_t i = 0; i < w->out.len; i++)
		places += w->out.s[i] == '\n';
	for (uint32_t i = 0; i < d.list.n; i++) {
		buf_addf(&w->out, "%s %s\n", d.list.v[i].severity == DIAG_ERROR ? "ERROR" : "WARNING", d.list.v[i].text);
		for (uint32_t k = 0; k < d.list.v[i].hints.n; k++)
			buf_addf(&w->out, "HINT %s\n", d.list.v[i].hints.v[k]);
	}
	for (const char *s = want; *s; s++) {
		if (s[0] == '@' && s[1] == '/')
			buf_adds(&wanted, dir);
		else
			buf_addc(&wanted, *s);
	}
	check_text(&c, text, wanted.s ? wanted.s : "", &w->out);
	/* The count is that of the places; a failure is reported, exactly then. */
	check_true(&c, arena_printf(&w->a, "%s: result", text), d.n_errors ? r < 0 : r == (int)places);
	buf_fini(&wanted);
}

static void test_kernel(struct world *w)
{
	expect(w, "begin", "begin\n");
	expect(w, "END", "end\n");
	expect(w, "begin:x", "ERROR begin probe type requires 0 arguments, found 1\n");
	expect(w, "self:signal:SIGUSR1", "self:signal:SIGUSR1\n");
	expect(w, "self:signal:SIGUSR9", "ERROR SIGUSR9 is not a supported signal\n");
	expect(w, "self:timer:x", "ERROR timer is not a supported trigger\n");
	expect(w, "self", "ERROR self probe type requires 2 arguments, found 0\n");

	expect(w, "t:syscalls:sys_enter_openat", "tracepoint:syscalls:sys_enter_openat\n");
	CHECK(&c, w->last && w->last->event_id == 782 && w->last->args && str_is(w->last->target, "syscalls") &&
			  str_is(w->last->func, "sys_enter_openat"));
	w->mine = *w->ops;
	w->mine.tracepoint = no_format;
	w->facts->ops = &w->mine;
	expect(w, "tracepoint:syscalls:sys_*_read", "tracepoint:syscalls:sys_enter_read\ntracepoint:syscalls:sys_exit_read\n");
	w->facts->ops = w->ops;
	CHECK(&c, w->last && !w->last->args);
	struct provider_env env = { .facts = w->facts, .arena = &w->a };
	const struct provider *p = provider_find(&probe_providers, STR("tracepoint"));
	CHECK(&c, w->last && p->load_args(p, &env, w->last) && w->last->args && w->last->event_id == 841);
	expect(w, "tracepoint:s*s:sys_enter_write", "tracepoint:syscalls:sys_enter_write\n");
	expect(w, "tracepoint:syscalls:nothing_*", "");
	expect(w, "tracepoint:syscalls:sys_enter_opnat",
	       "ERROR No matches for tracepoint:syscalls:sys_enter_opnat.\nHINT did you mean 'tracepoint:syscalls:sys_enter_openat'?\n");
	expect(w, "tracepoint:sched:sys_enter_openat",
	       "ERROR No matches for tracepoint:sched:sys_enter_openat.\nHINT did you mean 'tracepoint:syscalls:sys_enter_openat'?\n");
	expect(w, "tracepoint:no:sys_enter_openat",
	       "ERROR No matches for tracepoint:no:sys_enter_openat.\nHINT did you mean 'tracepoint:syscalls:sys_enter_openat'?\n");
	w->missing = 1;
	expect(w, "tracepoint:syscalls:sys_enter_opena", "");
	w->missing = 0;
	expect(w, "tracepoint:syscalls", "ERROR tracepoint probe type requires 2 arguments, found 1\n");
	expect(w, "tracepoint::x", "ERROR tracepoint probe must have a target\n");
	expect(w, "tracepoint:..:../../trace", "");
	expect(w, "tracepoint:*:../../trace", "");

	expect(w, "rt:sched_switch", "rawtracepoint:vmlinux:sched_switch\n");
	p = provider_find(&probe_providers, STR("rawtracepoint"));
	if (CHECK(&c, w->last && w->last->btf_id && !w->last->args && p->load_args(p, &env, w->last) && w->last->args->fields.n == 4)) {
		const struct field *f = w->last->args->fields.v;
		CHECK(&c, str_is(f[1].name, "prev") && f[1].offset == 8 && f[1].type->kind == T_PTR && f[1].type->as == AS_BTF);
		CHECK(&c, str_is(f[3].name, "prev_state") && f[3].offset == 24 && f[3].type->kind == T_INT);
	}
	expect(w, "rawtracepoint:vmlinux:sched_wakeup*", "rawtracepoint:vmlinux:sched_wakeup\nrawtracepoint:vmlinux:sched_wakeup_new\n");
	expect(w, "rawtracepoint:nothing", "");
	expect(w, "rawtracepoint:", "ERROR rawtracepoint probe must have a target\n");

	expect(w, "iter:task", "iter:task\n");
	CHECK(&c, w->last && w->last->btf_id && w->last->ctx);
	expect(w, "iter:nothing", "ERROR iter nothing not available for your kernel version.\n");
	expect(w, "iter:ta*", "ERROR iter probe type does not support wildcards\n");
	expect(w, "iter:task:pin", "iter:task\n");

	/* A kernel without tracefs and BTF. */
	w->mine = *w->ops;
	w->mine.has = without;
	w->facts->ops = &w->mine;
	expect(w, "tracepoint:syscalls:sys_enter_*",
	       "ERROR tracepoints need the kernel's tracefs, /sys/kernel/tracing: it is not mounted, or readable by root only\n"
	       "HINT mount -t tracefs nodev /sys/kernel/tracing, as root\n");
	expect(w, "rawtracepoint:sched_switch", "ERROR rawtracepoints require kernel BTF. Try using a 'tracepoint' instead.\n");
	w->facts->ops = w->ops;

	expect(w, "kprobe:vfs_read", "kprobe:vfs_read\n"); /* more of these: function.c */
	expect(w, "watchpoint:1:2", "ERROR watchpoint probe type requires 3 arguments, found 2\n");
	expect(w, "usdt:a:b:c:d", "ERROR usdt probe type requires 1 to 3 arguments, found 4\n");
}

static void test_time(struct world *w)
{
	static const struct { const char *text, *name; uint64_t period; bool freq; } good[] = {
		{ "profile:hz:99", "profile:hz:99", 99, true }, { "p:ms:10", "profile:ms:10", 10000000, false },
		{ "interval:s:1", "interval:s:1", 1000000000, false }, { "i:us:100", "interval:us:100", 100000, false },
		{ "interval:1s", "interval:us:1000000", 1000000000, false }, { "profile:100ms", "profile:us:100000", 100000000, false },
		{ "interval:1m30s", "interval:us:90000000", 90000000000, false }, { "interval:1us", "interval:us:1", 1000, false },
		{ "interval:1500ns", "interval:us:1", 1500, false }, { "interval:s:0x10", "interval:s:16", 16000000000, false },
		{ "interval:us:1e6", "interval:us:1000000", 1000000000, false },
	};
	for (uint32_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		expect(w, good[i].text, arena_printf(&w->a, "%s\n", good[i].name));
		check_true(&c, arena_printf(&w->a, "%s: period", good[i].text),
			   w->last && w->last->period == good[i].period && w->last->is_freq == good[i].freq);
	}
	expect(w, "interval:s:1:10", "interval:s:1\n");
	check_true(&c, "interval:s:1:10: count", w->last && w->last->count == 10);
	expect(w, "interval:1s:3", "interval:us:1000000\n");
	check_true(&c, "interval:1s:3: count", w->last && w->last->count == 3);
	expect(w, "interval:1s:0", "interval:us:1000000\n");
	check_true(&c, "interval:1s:0: no count", w->last && w->last->count == 0);
	expect(w, "interval:1s:-1", "ERROR Invalid count of interval probe: -1\n");
	expect(w, "interval:s:1:2:3", "ERROR interval probe type requires 1 or 2 arguments, found 4\n");
	expect(w, "profile:s:1:2", "ERROR profile probe type requires 1 or 2 arguments, found 3\n");
	expect(w, "profile:99", "ERROR profile probe must have unit of time\n");
	expect(w, "interval:foo:1", "ERROR foo is not an accepted unit of time\nHINT units are us, ms, s and hz\n");
	expect(w, "profile:hz:0", "ERROR profile frequency should be a positive integer\n");
	expect(w, "profile:hz:-1", "ERROR profile frequency should be a positive integer\n");
	expect(w, "interval:s:0", "ERROR Invalid rate of interval probe: 0\n");
	expect(w, "interval:s:x", "ERROR Invalid rate of interval probe: x\n");
	expect(w, "interval:1x", "ERROR Invalid rate of interval probe: 1x\n");
	expect(w, "interval:", "ERROR Invalid rate of interval probe: \n");
	expect(w, "interval:10ns", "ERROR Invalid rate of interval probe. Minimum is 1000 or 1us. Found: 10 nanoseconds\n");
	expect(w, "interval:s:99999999999999999", "ERROR Invalid rate of interval probe: 99999999999999999 is too long\n");
	expect(w, "interval:s:9999999999", "ERROR Invalid rate of interval probe: too long\n");
	expect(w, "profile:hz:2000000", "ERROR Invalid rate of profile probe: 2000000 is too often: at most 1000000 times a second\n");
	expect(w, "profile", "ERROR profile probe type requires 1 or 2 arguments, found 0\n");

	static const struct { const char *text, *name; uint64_t config, period; } events[] = {
		{ "software:page-faults:1", "software:page-faults:1", 2, 1 }, { "s:faults", "software:faults", 2, 100 },
		{ "software:cs:", "software:cs", 3, 1000 }, { "software:cpu-clock", "software:cpu-clock", 0, 1000000 },
		{ "hardware:cycles:1e6", "hardware:cycles:1000000", 0, 1000000 }, { "h:branches", "hardware:branches", 4, 100000 },
	};
	for (uint32_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		expect(w, events[i].text, arena_printf(&w->a, "%s\n", events[i].name));
		check_true(&c, arena_printf(&w->a, "%s: event", events[i].text),
			   w->last && w->last->event_id == events[i].config && w->last->period == events[i].period);
	}
	expect(w, "software:page-fault", "ERROR page-fault is not a software probe\nHINT did you mean 'page-faults'?\n");
	expect(w, "hardware:foo", "ERROR foo is not a hardware probe\n");
	expect(w, "software:*", "ERROR wildcards are not allowed for software probe type\n");
	expect(w, "software:faults:x", "ERROR software probe can only have an integer count\n");
	expect(w, "software:faults:0", "ERROR software count should be a positive integer\n");
}

static void test_user(struct world *w)
{
	struct sym_elf *e;
	struct sym s = { 0 };
	uint64_t off = 0;
	if (CHECK(&c, sym_elf_open(arena_printf(&w->a, "%s/target", dir), &e) == 0)) {
		CHECK(&c, sym_elf_find(e, "sled", &s) && sym_elf_offset(e, s.addr, &off));
		sym_elf_close(e);
	}
	expect(w, "u:@/target:alpha", "uprobe:@/target:alpha\n");
	expect(w, "ur:@/target:alpha", "uretprobe:@/target:alpha\n");
	expect(w, "uprobe:@/./target:sled", "uprobe:@/target:sled\n");
	CHECK(&c, w->last && w->last->address == off && str_is(w->last->func, "sled"));
	/* Aliases are one place. */
	expect(w, "uprobe:@/target:*alpha*", "uprobe:@/target:alpha\n");
	expect(w, "uprobe:@/target*d:alpha", "uprobe:@/target-stripped:alpha\n");
	/* Wildcards over files: what is no program is passed over. */
	expect(w, "uprobe:@/target*:alpha", "uprobe:@/target:alpha\nuprobe:@/target-exec:alpha\nuprobe:@/target-stripped:alpha\n");
	expect(w, "uprobe:@/target*:hidden", "uprobe:@/target:hidden\nuprobe:@/target-exec:hidden\n");
	expect(w, "uprobe:@/target:nothing*", "ERROR No matches for uprobe:@/target:nothing*.\n");
	expect(w, "uprobe:@/nothing*:x", "");
	expect(w, "uprobe:@/target:nothing", "ERROR No matches for uprobe:@/target:nothing.\n"
	       "HINT a function that the compiler has inlined everywhere is none any more; its lines can be probed: uprobe:@/target@FILE:LINE\n");
	w->missing = 1;
	expect(w, "uprobe:@/target:nothing", "");
	w->missing = 0;
	expect(w, "uprobe:@/target-stripped:hidden",
	       "ERROR No matches for uprobe:@/target-stripped:hidden.\n"
	       "HINT '@/target-stripped' has no symbol table (it is stripped); only exported functions are known. Its debug symbols are used "
	       "when they are installed, and addresses are taken as they are: uprobe:@/target-stripped:0x...\n");
	expect(w, "uprobe:@/nowhere:x", "ERROR uprobe target file '@/nowhere' does not exist or is not executable\n");
	expect(w, "uretprobe:nosuchprogram:x", "ERROR uretprobe target file 'nosuchprogram' does not exist or is not executable\n");
	expect(w, "uprobe:@/target.said:x", "ERROR uprobe target file '@/target.said' is not an ELF program or library\n");
	expect(w, "uprobe:@/target:chosen",
	       "uprobe:@/target:chosen\nWARNING chosen of @/target is chosen when a program is loaded (an indirect function): this probe sees the "
	       "choice and not the calls\n");
	expect(w, "uprobe:@/target:chosen*", "uprobe:@/target:chosen_now\n");
	expect(w, "uprobe:@/target", "ERROR uprobe probe type requires 2 or 3 arguments, found 1\n");
	expect(w, "uprobe:@/target:", "ERROR uprobe should be attached to a function, address, or source file and line (using DWARF)\n");
	expect(w, "uprobe:@/target:+3", "ERROR uprobe should be attached to a function, address, or source file and line (using DWARF)\n");
	expect(w, "uprobe:@/target:alpha+x", "ERROR Invalid offset: x\n");
	expect(w, "uprobe:@/target:alpha+1+2", "ERROR Cannot take more than one offset\n");
	expect(w, "uprobe:@/target:al*+1", "ERROR Cannot use wildcards with a function offset\n");
	expect(w, "uretprobe:@/target:alpha+1", "ERROR uretprobes can not be attached to a function offset\n");
	expect(w, "uprobe:@/target:12x", "ERROR Invalid address: 12x\n");
	expect(w, "uprobe:@/target*:0x10", "ERROR Cannot use wildcards with absolute address\n");
	expect(w, "uprobe:@/target:0xfffffffff", "ERROR Could not resolve address: @/target:0xfffffffff\n");
	expect(w, "uprobe:@/target:go:main", "ERROR unsupported language type: go\n");
	expect(w, "uprobe:@/target:cpp:main", "uprobe:@/target:cpp:main\n");
	expect(w, "uprobe:@/target:cpp:", "ERROR uprobe should be attached to a function and/or address\n");
	expect(w, "uprobe:@/target:cpp:ns::nothing", "ERROR No matches for uprobe:@/target:cpp:ns::nothing.\n");
	expect(w, "uprobe:@/target:alphb", "ERROR No matches for uprobe:@/target:alphb.\nHINT did you mean alpha?\n");
	expect(w, "uprobe:@/run-script:main", "ERROR uprobe target file '@/run-script' is not an ELF program or library\n"
	       "HINT it is a script; the program that runs it is /bin/sh\n");
	expect(w, "uprobe:@/run-32:main", "ERROR uprobe target file '@/run-32' is a 32-bit program: probes on such programs are not supported\n");
	expect(w, "uprobe:@/run-other:main", "ERROR uprobe target file '@/run-other' is for another processor\n");
	expect(w, "uretprobe:@/run-go:sled", "ERROR a uretprobe would crash '@/run-go': it is a Go program, and Go moves its stacks. "
	       "Probe the function's entry instead, or its return instructions.\nHINT its return: uprobe:@/run-go:sled+8\n");
	expect(w, "uprobe:@/run-go:sled+8", "uprobe:@/run-go:sled+8\n");
	expect(w, "uprobe:@/target@target.c:1", "ERROR No DWARF debug info found for '@/target', cannot attach by source code location.\n"
	       "HINT debug information is not read here\n");
	expect(w, "uprobe:@/target@target.c", "ERROR Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]\n");
	expect(w, "uprobe:@/target@target.c:x", "ERROR Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]\n");
	expect(w, "uprobe:@/target@target.c:0", "ERROR Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]\n");
	expect(w, "uprobe:@/target@*.c:1", "ERROR Cannot use wildcards with source code location\n");
	expect(w, "uprobe:@/*@target.c:1", "ERROR Cannot use wildcards with source code location\n");
	expect(w, "uretprobe:@/target@target.c:1", "ERROR uretprobes can not be attached to a source line: a line does not return\n");
#define SAFE "HINT a breakpoint there breaks the traced program; --unsafe attaches all the same\n"
	expect(w, "uprobe:@/target:sled+99", "ERROR Offset outside the function bounds ('sled' size is 9)\n" SAFE);
	expect(w, "uprobe:@/target:sizeless", "uprobe:@/target:sizeless\n");
	expect(w, "uprobe:@/target:sizeless+1", "ERROR Could not determine boundary for sizeless (symbol has size 0).\n" SAFE);
#if defined(__x86_64__)
	expect(w, "uprobe:@/target:sled+1", "uprobe:@/target:sled+1\n");
	CHECK(&c, w->last && w->last->address == off + 1 && w->last->offset == 1);
	expect(w, "uprobe:@/target:sled+0x8", "uprobe:@/target:sled+8\n");
	expect(w, "uprobe:@/target:sled+4", "ERROR Could not add uprobe into middle of instruction: sled+4\n" SAFE);
	expect(w, arena_printf(&w->a, "uprobe:@/target:%llu", (unsigned long long)s.addr + 3),
	       arena_printf(&w->a, "uprobe:@/target:%llu\n", (unsigned long long)s.addr + 3));
	CHECK(&c, w->last && w->last->address == off + 3);
	expect(w, arena_printf(&w->a, "uprobe:@/target:0x%llx", (unsigned long long)s.addr + 4),
	       "ERROR Could not add uprobe into middle of instruction: sled+4\n" SAFE);
	/* A vector instruction: kernels step over it without effect. */
	expect(w, "uprobe:@/target:vector", "ERROR A probe on a vector instruction would disable it: vector\n" SAFE);
	expect(w, "uretprobe:@/target:vector", "ERROR A probe on a vector instruction would disable it: vector\n" SAFE);
	expect(w, "uprobe:@/target:vect*",
	       "WARNING 1 function of @/target left out: it begins with a vector instruction, which a probe would disable\n"
	       "ERROR No matches for uprobe:@/target:vect*.\n");
	expect(w, "uprobe:@/target-st*:vector",
	       "WARNING 1 function of @/target-stripped left out: it begins with a vector instruction, which a probe would disable\n");
	w->unsafe = true;
	expect(w, "uprobe:@/target:vector", "uprobe:@/target:vector\n");
	expect(w, "uprobe:@/target:sled+4",
	       "uprobe:@/target:sled+4\nWARNING Unsafe uprobe: Could not add uprobe into middle of instruction: sled+4\n");
	w->unsafe = false;
#endif
	/* Libraries and programs by short name. */
	const char *libc = sym_lib_find(&w->a, "", "libc");
	if (CHECK(&c, libc != NULL)) {
		expect(w, "uprobe:libc:malloc", arena_printf(&w->a, "uprobe:%s:malloc\n", libc));
		expect(w, "uprobe:c:malloc", arena_printf(&w->a, "uprobe:%s:malloc\n", libc));
		expect(w, "uprobe:libc.so.6:malloc", arena_printf(&w->a, "uprobe:%s:malloc\n", libc));
	}
	/* With -p what the process has mapped, and the target may be left out. */
	const char *exe = realpath("/proc/self/exe", NULL);
	w->pid = getpid();
	expect(w, "uprobe:main", arena_printf(&w->a, "uprobe:%s:main\n", exe));
	expect(w, "uprobe::main", arena_printf(&w->a, "uprobe:%s:main\n", exe));
	expect(w, "uprobe:libc:malloc", arena_printf(&w->a, "uprobe:%s:malloc\n", libc));
	expect(w, "uprobe:16", "ERROR Cannot use wildcards with absolute address\n");
	w->pid = 0;
	free((void *)exe);
}

#if defined(__x86_64__)
/* How far into the function its 5-byte nop lies. */
static uint32_t nop_in(struct world *w, const char *func)
{
	struct sym_elf *e;
	struct sym s = { 0 };
	uint8_t text[256];
	const uint8_t *at = NULL;
	if (!CHECK(&c, sym_elf_open(arena_printf(&w->a, "%s/nops", dir), &e) == 0))
		return 0;
	if (CHECK(&c, sym_elf_find(e, func, &s) && s.size <= sizeof(text)))
		at = memmem(text, sym_elf_text(e, s.addr, text, (uint32_t)s.size), "\x0f\x1f\x44\x00\x00", 5);
	sym_elf_close(e);
	return CHECK(&c, at != NULL) ? (uint32_t)(at - text) : 0;
}
#endif

static void test_usdt(struct world *w)
{
#define LEFT_OUT "WARNING 1 location in @/notes left out: a breakpoint there could break the traced program, since the instruction is not the " \
		"one that static probes have\nHINT --unsafe attaches all the same\n"
	/* Each location is a place; they share a name. */
	expect(w, "usdt:@/notes:demo:twice", "usdt:@/notes:demo:twice\nusdt:@/notes:demo:twice\n");
	CHECK(&c, w->last && str_is(w->last->func, "twice") && w->last->cookie_ref_ctr && w->last->usdt && w->last->usdt->n == 2);
	expect(w, "U:@/notes:twice", "usdt:@/notes:demo:twice\nusdt:@/notes:demo:twice\n");
	expect(w, "usdt:@/notes:*:start__*", "usdt:@/notes:other:start__work\n");
	CHECK(&c, w->last && !w->last->cookie_ref_ctr && w->last->usdt->n == 0);
	expect(w, "usdt:@/note?:o*:m*", "usdt:@/notes:other:moved\n");
	expect(w, "usdt:@/notes*:other:moved", "usdt:@/notes:other:moved\nusdt:@/notes-exec:other:moved\n");
	expect(w, "usdt:@/notes:other:*", "usdt:@/notes:other:moved\nusdt:@/notes:other:start__work\n" LEFT_OUT);
	w->unsafe = true;
	expect(w, "usdt:@/notes:other:busy", "usdt:@/notes:other:busy\n");
	w->unsafe = false;
	/* The same file by two names is one file. */
	const char *twin = arena_printf(&w->a, "%s/notes-twin", dir);
	unlink(twin);
	if (CHECK(&c, link(arena_printf(&w->a, "%s/notes", dir), twin) == 0))
		expect(w, "usdt:@/notes*:demo:tw*", "usdt:@/notes:demo:twice\nusdt:@/notes:demo:twice\nusdt:@/notes-exec:demo:twice\n"
							"usdt:@/notes-exec:demo:twice\n");
	unlink(twin);
	expect(w, "usdt:@/notes:demo:twise", "ERROR No matches for usdt:@/notes:demo:twise.\nHINT did you mean 'usdt:@/notes:demo:twice'?\n");
	expect(w, "usdt:@/notes:dmo:twice", "ERROR No matches for usdt:@/notes:dmo:twice.\nHINT did you mean 'usdt:@/notes:demo:twice'?\n");
	expect(w, "usdt:@/notes:python:twice", "ERROR No matches for usdt:@/notes:python:twice.\nHINT did you mean 'usdt:@/notes:demo:twice'?\n");
	expect(w, "usdt:@/notes:gc__start", "ERROR No matches for usdt:@/notes:gc__start.\n"
	       "HINT it has demo:twice, other:busy, other:moved, other:start__work\n");
	expect(w, "usdt:@/notes:zzz*", "ERROR No matches for usdt:@/notes:zzz*.\nHINT it has demo:twice, other:busy, other:moved, other:start__work\n");
	w->missing = 1;
	expect(w, "usdt:@/notes:gc__start", "");
	w->missing = 0;
	expect(w, "usdt:@/target:demo:twice",
	       "ERROR No matches for usdt:@/target:demo:twice.\nHINT '@/target' has no static probes (no notes in a section .note.stapsdt)\n");
	expect(w, "usdt:@/target*:demo:twice", "");
	expect(w, "usdt:@/notes.said:x", "ERROR usdt target file '@/notes.said' is not an ELF program or library\n");
	expect(w, "usdt:@/nowhere:x", "ERROR usdt target file '@/nowhere' does not exist or is not executable\n");
	expect(w, "usdt:@/notes", "ERROR usdt probe must have a target function or wildcard\n");
	expect(w, "usdt:@/notes:", "ERROR usdt probe must have a target function or wildcard\n");
	expect(w, "usdt:x", "ERROR usdt probe must specify at least path or pid to probe. To target all paths/pids set the path to '*'.\n");
	expect(w, "usdt::demo:twice", "ERROR usdt probe must specify at least path or pid to probe. To target all paths/pids set the path to '*'.\n");
#if defined(__x86_64__)
	/* The pinned kernel makes calls of 5-byte nops: not in functions that call no other. */
	expect(w, "usdt:@/nops:five:calls", "usdt:@/nops:five:calls\n");
	expect(w, "usdt:@/nops:five:*",
	       "usdt:@/nops:five:calls\nWARNING 1 location in @/nops left out: on this kernel a probe on a 5-byte nop overwrites what a function that "
	       "calls no other keeps below its stack\nHINT --unsafe attaches all the same\n");
	w->unsafe = true;
	expect(w, "usdt:@/nops:leaf", "usdt:@/nops:five:leaf\n");
	w->unsafe = false;
	uint32_t leaf = nop_in(w, "leaf"), calls = nop_in(w, "calls");
	expect(w, arena_printf(&w->a, "uprobe:@/nops:leaf+%u", leaf),
	       "ERROR On this kernel a probe on a 5-byte nop overwrites what a function that calls no other keeps below its stack: leaf\n" SAFE);
	expect(w, arena_printf(&w->a, "uprobe:@/nops:calls+%u", calls), arena_printf(&w->a, "uprobe:@/nops:calls+%u\n", calls));
	w->mine = *w->ops;
	w->mine.has = without;
	w->facts->ops = &w->mine;
	expect(w, "usdt:@/nops:five:*", "usdt:@/nops:five:calls\nusdt:@/nops:five:leaf\n");
	w->facts->ops = w->ops;
#endif
	/* With -p: what the process has mapped; this program has no static probes. */
	w->pid = getpid();
	expect(w, "usdt::demo:twice", "");
	expect(w, "usdt:twice", "");
	w->pid = 0;
}

int main(int argc, char **argv)
{
	struct world w = { 0 };
	char text[1 << 16];
	const char *why = NULL;
	if (argc < 3)
		return 2;
	dir = realpath(argv[1], NULL);
	FILE *f = fopen(argv[2], "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = 0;
	if (f)
		fclose(f);
	arena_init(&w.a);
	w.facts = facts_fixture(&w.a, text, &why);
	if (!w.facts) {
		printf("FAIL probe/place: the fixture: %s\n0 passed, 1 failed\n", why ? why : "?");
		return 1;
	}
	w.ops = w.facts->ops;
	test_kernel(&w);
	test_time(&w);
	test_user(&w);
	test_usdt(&w);
	buf_fini(&w.out);
	arena_fini(&w.a);
	free((void *)dir);
	return check_end(&c);
}
