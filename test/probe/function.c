/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of the kernel, from the attach point to the plan, on the pinned kernel of the tests with some more functions and a list of what
 * can be traced: what they expand to, how they will be attached and why, what is said when they cannot be. Arguments: a folder
 * (not used), the fixture.
 */
#include <errno.h>
#include <stdlib.h>

#include "../check.h"
#include "ir/lower.h"
#include "probe/probe.h"

static struct check c = { .suite = "probe/function" };

static const char more[] =
	"function void f_inlined(int x);\n"
	"function int f_small(int a, long b);\n"
	"function void f_odd(spinlock_t lock, long b);\n"
	"function void _raw_spin_lock(spinlock_t *lock);\n"
	"function _Bool bpf_session_is_return(void);\n"
	"function long f_seven(long a, long b, long c, long d, long e, long f, long g);\n"
	"kaddr f_notrace 0xffffffff81000010; kaddr _raw_spin_lock 0xffffffff81000020; kaddr f_entry 0xffffffff81000030;\n"
	"traceable vfs_read, vfs_write, kfree, tcp_connect, tcp_set_state, f_small, f_odd, f_seven, plain_function, vfs_rcu_thing,\n"
	"	rcu_thing_one, rcu_thing_two, m_open [amod], m_close [amod], m_open [bmod];\n";

struct world {
	struct arena a;
	struct facts *facts;
	const struct facts_ops *ops;
	struct facts_ops mine;
	const char *attach; /* config */
	const char *missing;
	bool unsafe;
};

static bool lacks_fentry(struct facts *f, enum feature x)
{
	return x != FEAT_FENTRY && x != FEAT_FUNC_ARG;
}
static bool lacks_multi(struct facts *f, enum feature x)
{
	return lacks_fentry(f, x) && x != FEAT_KPROBE_MULTI;
}
static bool lacks_btf(struct facts *f, enum feature x)
{
	return lacks_fentry(f, x) && x != FEAT_BTF;
}
static const char *refuses(struct facts *f, const struct facts_func *fn, bool at_return)
{
	return "the kernel's lockdown forbids fentry";
}
static const char *refuses_return(struct facts *f, const struct facts_func *fn, bool at_return)
{
	return at_return ? "no returns here" : NULL;
}

static bool lacks_session(struct facts *f, enum feature x)
{
	return x != FEAT_KPROBE_SESSION;
}
static bool off_multi(struct facts *f, enum feature x)
{
	return x == FEAT_KPROBE_MULTI;
}

/* The plan of a program, or its messages. */
static void plan_of(struct world *w, const char *text, struct buf *out)
{
	struct diags d;
	struct sema s = { 0 };
	struct module m = { 0 };
	struct plan p;
	diags_init(&d, &w->a);
	struct node *tree = parse_program(&w->a, &d, diags_add_source(&d, STR("test"), str_of(text)));
	struct sema_env env = { .arena = &w->a, .diags = &d, .facts = w->facts, .providers = &probe_providers, .ncpus = 2, .unsafe = w->unsafe };
	env.prov = (struct provider_env){ .facts = w->facts, .diags = &d, .arena = &w->a, .unsafe = w->unsafe };
	if (w->attach)
		vec_push(&w->a, &env.settings, ((struct sema_setting){ STR("ATTACH"), str_of(w->attach) }));
	if (w->missing)
		vec_push(&w->a, &env.settings, ((struct sema_setting){ STR("MISSING_PROBES"), str_of(w->missing) }));
	struct lower_options lo = { .ncpus = 2 };
	if (!d.n_errors && sema_run(&env, tree, &s) == 0 && !d.n_errors && lower_module(&env, &s, &lo, &m) == 0 &&
	    probe_plan_facts(&w->a, w->facts, &m, 0, &p) == 0) {
		for (uint32_t i = 1; i < m.funcs.n; i++) {
			const char *bad = ir_optimise(m.funcs.v[i], &(struct pass_options){ 0 });
			check_true(&c, arena_printf(&w->a, "%s: %s", text, bad ? bad : "passes"), !bad);
		}
		probe_plan_print(&p, &m, out);
	}
	for (uint32_t i = 0; i < d.list.n; i++) {
		buf_addf(out, "%s %s\n", d.list.v[i].severity == DIAG_ERROR ? "ERROR" : "WARNING", d.list.v[i].text);
		for (uint32_t k = 0; k < d.list.v[i].hints.n; k++)
			buf_addf(out, "HINT %s\n", d.list.v[i].hints.v[k]);
	}
	buf_fini(&m.rodata);
}

static void expect(struct world *w, const char *text, const char *want)
{
	struct buf out = { 0 };
	plan_of(w, text, &out);
	check_text(&c, text, want, &out);
	buf_fini(&out);
}

#define FENTRY ": trampoline (fentry: means the same and costs less than a kprobe)\n"
#define FEXIT ": trampoline (fexit: means the same and costs less than a kretprobe)\n"
#define PERF(why) ": perf event, link (a breakpoint or the tracer's call; " why ")\n"

static void test_plan(struct world *w)
{
	expect(w, "kprobe:vfs_read { @ = count() }", "kprobe:vfs_read" FENTRY);
	expect(w, "kprobe:vfs_read { @[arg2, func, probe] = count() }", "kprobe:vfs_read" FENTRY);
	expect(w, "kprobe:vfs_read { @[args.count] = count() }", "kprobe:vfs_read" FENTRY);
	expect(w, "kprobe:vfs_read { @[str(args.file.f_path.dentry.d_name.name)] = count() }", "kprobe:vfs_read" FENTRY);
	expect(w, "kprobe:vfs_read+0 { @ = count() }", "kprobe:vfs_read+0" FENTRY);
	expect(w, "kretprobe:vfs_read { @ = hist(retval) }", "kretprobe:vfs_read" FEXIT);
	expect(w, "kretprobe:vfs_read { @[args.count] = hist(retval) }", "kretprobe:vfs_read" FEXIT);
	expect(w, "fentry:vfs_read { @ = sum(args.count) }", "fentry:vmlinux:vfs_read: trampoline (fentry: arguments with their types)\n");
	expect(w, "kretfunc:vfs_read { @ = sum(retval) }",
	       "fexit:vmlinux:vfs_read: trampoline (fexit: return value and arguments with their types)\n");
	/* what would not mean the same */
	expect(w, "kprobe:vfs_read { @ = reg(\"ip\") }", "kprobe:vfs_read" PERF("not fentry: the program looks at registers"));
	expect(w, "kprobe:vfs_read+4 { @ = count() }", "kprobe:vfs_read+4" PERF("not fentry: not at the function's entry"));
	expect(w, "kprobe:vfs_read { @ = arg5 }",
	       "kprobe:vfs_read" PERF("not fentry: the program looks at an argument that the function does not have"));
	expect(w, "kprobe:f_small { @ = arg0 }",
	       "kprobe:f_small" PERF("not fentry: the program looks at a whole register that holds a smaller argument"));
	expect(w, "kprobe:f_small { @ = arg1 }", "kprobe:f_small" FENTRY);
	expect(w, "kprobe:f_odd { @ = arg1 }",
	       "kprobe:f_odd" PERF("not fentry: the program looks at a whole register that holds a smaller argument"));
	expect(w, "kprobe:plain_function { @ = arg1 }", "kprobe:plain_function" PERF("not fentry: the kernel's BTF does not describe the function"));
	expect(w, "kretprobe:kfree { @ = retval }", "kretprobe:kfree" PERF("not fexit: the function returns no number"));
	expect(w, "kretprobe:kfree { @ = count() }", "kretprobe:kfree" FEXIT);
	expect(w, "macro m() { reg(\"ip\") } kprobe:vfs_read { @ = m() }", "kprobe:vfs_read" PERF("not fentry: the program looks at registers"));
	expect(w, "#define A args.count\nkprobe:vfs_read { @ = A }", "kprobe:vfs_read" PERF("not fentry: the program looks at registers"));
	/* many */
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @[probe] = count() }", "kprobe:vfs_read and 1 more: kprobe multi (2 functions in one link)\n");
	expect(w, "kprobe:vfs_read { @ = count() } kprobe:vfs_write { @ = count() }", "kprobe:vfs_read" FENTRY "kprobe:vfs_write" FENTRY);
	expect(w, "kprobe:vfs_read,kprobe:vfs_read+4 { @ = count() }",
	       "kprobe:vfs_read" FENTRY "kprobe:vfs_read+4" PERF("not fentry: not at the function's entry"));
	expect(w, "fentry:vfs_*d,fentry:vfs_*e { @ = count() }",
	       "fentry:vmlinux:vfs_read: trampoline (fentry: arguments with their types)\n"
	       "fentry:vmlinux:vfs_write: trampoline (fentry: arguments with their types)\n");
	/* the user's choice */
	w->attach = "kprobe";
	expect(w, "kprobe:vfs_read { @ = count() }", "kprobe:vfs_read" PERF("not by trampoline: as configured"));
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @ = count() }",
	       "kprobe:vfs_read and 1 more: perf event, link (each place by itself: as configured)\n");
	w->attach = "multi";
	expect(w, "kprobe:vfs_read { @ = count() }", "kprobe:vfs_read: kprobe multi (one function; as configured)\n");
	w->attach = "fentry";
	expect(w, "kprobe:vfs_read { @ = count() }", "kprobe:vfs_read" FENTRY);
	expect(w, "kprobe:vfs_read+4 { @ = count() }",
	       "ERROR kprobe:vfs_read+4 cannot be fentry, as the configuration demands: not at the function's entry\n");
	w->attach = "best";
	expect(w, "kprobe:vfs_read { @ = count() }", "ERROR ATTACH: Invalid value for attach: valid values are auto, fentry, kprobe, and multi.\n");
	w->attach = NULL;
}

/* Entry and return of the same functions: one program and link, where the kernel has sessions and both clauses have the same places. */
static void test_session(struct world *w)
{
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @[probe] = count() } kretprobe:vfs_read,kretprobe:vfs_write { @r[probe, retval] = count() }",
	       "kprobe:vfs_read and 3 more: kprobe session (entry and return of 2 functions in one link)\n");
	expect(w, "kretprobe:vfs_read,kretprobe:vfs_write { @r = count() } begin { @ = count() } kprobe:vfs_read,kprobe:vfs_write { @e = count() }",
	       "begin: test run (run once, before the others are attached)\n"
	       "kprobe:vfs_read and 3 more: kprobe session (entry and return of 2 functions in one link)\n");
	expect(w, "kprobe:vfs_read,kprobe:vfs_write,kretprobe:vfs_read,kretprobe:vfs_write { @[probe] = count() }",
	       "kprobe:vfs_read and 3 more: kprobe session (entry and return of 2 functions in one link)\n");
	/* twice the same functions: each return has one entry */
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @a = count() } kretprobe:vfs_read,kretprobe:vfs_write { @b = count() }"
	       "kprobe:vfs_read,kprobe:vfs_write { @c = count() } kretprobe:vfs_read,kretprobe:vfs_write { @d = count() }",
	       "kprobe:vfs_read and 3 more: kprobe session (entry and return of 2 functions in one link)\n"
	       "kprobe:vfs_read and 3 more: kprobe session (entry and return of 2 functions in one link)\n");
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @a = count() } kprobe:vfs_read,kprobe:vfs_write { @c = count() }"
	       "kretprobe:vfs_read,kretprobe:vfs_write { @b = count() }",
	       "kprobe:vfs_read and 3 more: kprobe session (entry and return of 2 functions in one link)\n"
	       "kprobe:vfs_read and 1 more: kprobe multi (2 functions in one link)\n");
	/* not the same functions, or not at the entry */
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @ = count() } kretprobe:vfs_read,kretprobe:kfree { @ = count() }",
	       "kprobe:vfs_read and 1 more: kprobe multi (2 functions in one link)\n"
	       "kretprobe:vfs_read and 1 more: kprobe multi (2 functions in one link)\n");
	expect(w, "kprobe:vfs_read+4,kprobe:vfs_write+4 { @ = count() } kretprobe:vfs_read,kretprobe:vfs_write { @ = count() }",
	       "kprobe:vfs_read+4 and 1 more: perf event, link (each place by itself: some are not at a function's entry)\n"
	       "kretprobe:vfs_read and 1 more: kprobe multi (2 functions in one link)\n");
	/* one function has better ways */
	expect(w, "kprobe:vfs_read { @ = count() } kretprobe:vfs_read { @ = count() }", "kprobe:vfs_read" FENTRY "kretprobe:vfs_read" FEXIT);
	w->attach = "multi";
	expect(w, "kprobe:vfs_read { @ = count() } kretprobe:vfs_read { @ = count() }",
	       "kprobe:vfs_read and 1 more: kprobe session (entry and return in one link; as configured)\n");
	w->attach = "kprobe";
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @ = count() } kretprobe:vfs_read,kretprobe:vfs_write { @ = count() }",
	       "kprobe:vfs_read and 1 more: perf event, link (each place by itself: as configured)\n"
	       "kretprobe:vfs_read and 1 more: perf event, link (each place by itself: as configured)\n");
	w->attach = NULL;
	w->mine = *w->ops;
	w->facts->ops = &w->mine;
	w->mine.has = lacks_session;
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @ = count() } kretprobe:vfs_read,kretprobe:vfs_write { @ = count() }",
	       "kprobe:vfs_read and 1 more: kprobe multi (2 functions in one link)\n"
	       "kretprobe:vfs_read and 1 more: kprobe multi (2 functions in one link)\n");
	/* the user is to blame, not the kernel */
	w->mine.has = lacks_multi;
	w->mine.switched_off = off_multi;
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @ = count() }",
	       "kprobe:vfs_read and 1 more: perf event, link (each place by itself: kprobe_multi is switched off by --no-feature)\n");
	w->facts->ops = w->ops;
}

/* Kernels that lack or refuse something: the same program works all the same, and the plan says why so. */
static void test_lacking(struct world *w)
{
	w->mine = *w->ops;
	w->facts->ops = &w->mine;
	w->mine.fentry_refusal = refuses;
	expect(w, "kprobe:vfs_read { @[arg2, args.count] = count() }", "kprobe:vfs_read" PERF("not fentry: the kernel's lockdown forbids fentry"));
	expect(w, "kretprobe:vfs_read { @ = args.count }",
	       "ERROR the arguments of a function are gone when it returns, but for fexit, which is not to be had here: the kernel's lockdown "
	       "forbids fentry\n");
	expect(w, "fentry:vfs_read { @ = count() }",
	       "ERROR fentry:vmlinux:vfs_read cannot be attached: the kernel's lockdown forbids fentry\nHINT kprobe needs no trampoline\n");
	w->mine.fentry_refusal = refuses_return;
	expect(w, "fexit:vfs_read { @ = count() }",
	       "ERROR fexit:vmlinux:vfs_read cannot be attached: no returns here\nHINT kretprobe needs no trampoline\n");
	expect(w, "kprobe:vfs_read { @ = count() } kretprobe:vfs_read { @ = count() }",
	       "kprobe:vfs_read" FENTRY "kretprobe:vfs_read" PERF("not fexit: no returns here"));
	w->mine.fentry_refusal = NULL;
	w->mine.has = lacks_fentry;
	expect(w, "kprobe:vfs_read { @ = arg1 }", "kprobe:vfs_read" PERF("not fentry: this kernel has no fentry"));
	w->mine.has = lacks_multi;
	expect(w, "kprobe:vfs_read,kprobe:vfs_write { @ = count() }",
	       "kprobe:vfs_read and 1 more: perf event, link (each place by itself: this kernel has no multi-links for kprobes (5.18 and later, with CONFIG_FPROBE))\n");
	w->mine.has = lacks_btf;
	expect(w, "kprobe:vfs_read { @ = arg1 }", "kprobe:vfs_read" PERF("not fentry: this kernel has no BTF"));
	expect(w, "kprobe:vfs_read { @ = args.count }",
	       "ERROR The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and uprobe probes (kprobe used here)\n");
	expect(w, "fentry:vfs_read { @ = count() }",
	       "ERROR fentry probes need the kernel's BTF, which this kernel does not have\nHINT kprobe works without\n");
	w->facts->ops = w->ops;
}

static void test_places(struct world *w)
{
	expect(w, "kprobe:vfs_raed { @ = count() }", "ERROR No matches for kprobe:vfs_raed.\nHINT did you mean vfs_read?\n");
	expect(w, "kprobe:zzzzzzzzzzz { @ = count() }",
	       "ERROR No matches for kprobe:zzzzzzzzzzz.\nHINT a function that the compiler has inlined everywhere is none any more: one that calls it "
	       "may do\n");
	expect(w, "kprobe:f_notrace { @ = count() }",
	       "ERROR f_notrace is in this kernel but cannot be traced: it is marked \"notrace\", or is no function\n"
	       "HINT probes there would run inside what makes them work; a function that calls it may do\n");
	w->missing = "warn";
	expect(w, "begin { } kprobe:f_notrace { @ = count() }",
	       "begin: test run (run once, before the others are attached)\n"
	       "WARNING f_notrace is in this kernel but cannot be traced: it is marked \"notrace\", or is no function\n"
	       "WARNING No matches for kprobe:f_notrace. Skipping.\nWARNING Probe has no valid attach points. It is being removed which may cause issues with program behavior.\n");
	w->missing = NULL;
	expect(w, "kprobe:vfs_read { @ = args.nothing }", "ERROR Can't find function parameter nothing\n");
	expect(w, "kprobe:f_seven { @ = args.g }", "kprobe:f_seven" FENTRY);
	w->attach = "kprobe"; /* the seventh argument is on the stack */
	expect(w, "kprobe:f_seven { @ = args.f }", "kprobe:f_seven" PERF("not by trampoline: as configured"));
	expect(w, "kprobe:f_seven { @ = args.g }", "ERROR Can't find function parameter g\nHINT did you mean 'a'?\n");
	w->attach = NULL;
	expect(w, "kretprobe:vfs_read+8 { @ = count() }", "ERROR Offset not allowed\n");
	expect(w, "fentry:vfs_read+8 { @ = count() }", "ERROR Offset not allowed\n");
	expect(w, "kprobe:vfs_read+8+8 { @ = count() }", "ERROR Cannot take more than one offset\n");
	expect(w, "kprobe:vfs_read+x { @ = count() }", "ERROR Invalid offset: x\n");
	expect(w, "kprobe:vfs_*+8 { @ = count() }", "ERROR Cannot use wildcards with a function offset\n");
	expect(w, "kprobe:0xffffffff81000010 { @ = count() }", "ERROR Probing by address requires --unsafe\n");
	expect(w, "kprobe: { @ = count() }", "ERROR kprobes should be attached to a function or an address\n");
	expect(w, "kprobe:a:b:c { @ = count() }", "ERROR kprobe probe type requires 1 or 2 arguments, found 3\n");
	expect(w, "fentry:bpf { @ = count() }", "ERROR the 'bpf' variant of this probe requires a bpf program name and optional bpf program id\n");
	expect(w, "fentry:bpf:x:y { @ = count() }", "ERROR bpf program id must be a number or '*'\n");
	expect(w, "fexit:a:b:c { @ = count() }", "ERROR Only the 'bpf' variant of this probe supports 4 arguments\n");
	w->unsafe = true;
	expect(w, "kprobe:0xffffffff81000010 { @ = count() }", "kprobe:18446744071578845200" PERF("not by trampoline: as configured"));
	w->unsafe = false;
	/* modules */
	expect(w, "kprobe:m_close { @ = count() }", "kprobe:m_close" PERF("not fentry: the kernel's BTF does not describe the function"));
	expect(w, "kprobe:amod:m_* { @ = count() }", "kprobe:amod:m_close and 1 more: kprobe multi (2 functions in one link)\n");
	expect(w, "kprobe:?mod:m_open { @ = count() }", "kprobe:amod:m_open and 1 more: kprobe multi (2 functions in one link)\n");
	expect(w, "kprobe:bmod:m_close { @ = count() }",
	       "ERROR specified module bmod in probe kprobe:bmod:m_close is not loaded, or does not have the function\nHINT amod has it\n");
	expect(w, "kprobe:nomod:m_nothing { @ = count() }", "ERROR No matches for kprobe:nomod:m_nothing.\n");
	/* what freezes machines */
	expect(w, "kprobe:vfs_r* { @ = count() }",
	       "kprobe:vfs_read" FENTRY
	       "WARNING 1 function left out: tracing such functions has frozen machines (locks, RCU, interrupts, tracing itself)\n");
	expect(w, "kprobe:rcu_* { @ = count() }",
	       "ERROR kprobe:rcu_* matches only functions whose tracing has frozen machines\nHINT one that is named in full is attached\n");
	expect(w, "kretprobe:_raw_spin_lock { @ = count() }",
	       "ERROR a return probe on _raw_spin_lock freezes machines: it is a lock that the tracer itself takes\n"
	       "HINT --unsafe attaches all the same\n");
	expect(w, "kprobe:_raw_spin_lock { @ = count() }",
	       "kprobe:_raw_spin_lock" FENTRY
	       "WARNING _raw_spin_lock: a lock that the tracer itself takes; tracing it may freeze the machine\n");
}

static void test_alternatives(struct world *w)
{
	expect(w, "kprobe:nothing|kprobe:vfs_read { @ = count() }", "kprobe:vfs_read" FENTRY);
	expect(w, "kprobe:vfs_write|kprobe:vfs_read { @ = count() }", "kprobe:vfs_write" FENTRY);
	expect(w, "fentry:nothing|tracepoint:a:b|kprobe:vfs_read { @ = count() }", "kprobe:vfs_read" FENTRY);
	expect(w, "kprobe:nothing|kprobe:vfs_raed { @ = count() }", "ERROR No matches for kprobe:vfs_raed.\nHINT did you mean vfs_read?\n");
	expect(w, "begin { } ?kprobe:nothing { @ = count() }", "begin: test run (run once, before the others are attached)\n");
	expect(w, "?kprobe:vfs_read { @ = count() }", "kprobe:vfs_read" FENTRY);
	expect(w, "begin { } ?kprobe:nothing|kprobe:none { @ = count() }", "begin: test run (run once, before the others are attached)\n");
	expect(w, "?nothing:vfs_read { @ = count() }", "ERROR Invalid probe type: ?nothing\n");
	/* what exists decides what is compiled */
	static const struct { const char *what; bool is; } rows[] = {
		{ "probe_exists(\"kprobe:vfs_read\")", true }, { "probe_exists(\"kprobe:nothing\")", false },
		{ "probe_exists(\"kprobe:nothing|kprobe:kfree\")", true }, { "probe_exists(\"nothing:at:all\")", false },
		{ "probe_exists(\"tracepoint:sched:sched_switch\")", true }, { "probe_exists(\"tracepoint:sched:nothing\")", false },
		{ "type_exists(\"struct file\")", true }, { "type_exists(\"struct nothing\")", false }, { "type_exists(\"loff_t\")", true },
		{ "field_exists(\"struct file\", \"f_path\")", true }, { "field_exists(\"struct file\", \"f_nothing\")", false },
		{ "field_exists(\"struct file\", \"f_path.dentry.d_name\")", true },
		{ "field_exists(\"struct file\", \"f_path.dentry.nothing\")", false }, { "field_exists(\"struct nothing\", \"x\")", false },
		{ "enum_exists(\"PIDTYPE_TGID\")", true }, { "enum_exists(\"NOTHING\")", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = arena_printf(&w->a, "kprobe:vfs_read { if comptime(%s) { @ = 1 } else { @ = reg(\"nothing\") } }", rows[i].what);
		struct buf out = { 0 };
		plan_of(w, text, &out);
		check_true(&c, rows[i].what, out.s && (strncmp(out.s, "ERROR", 5) != 0) == rows[i].is);
		buf_fini(&out);
	}
	expect(w, "begin { print(probe_exists(1)) }", "ERROR probe_exists() expects a string literal (int provided)\n");
}

int main(int argc, char **argv)
{
	struct world w = { 0 };
	struct buf text = { 0 };
	char part[4096];
	size_t n;
	const char *err = NULL;
	FILE *f = argc > 2 ? fopen(argv[2], "r") : NULL;
	while (f && (n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(&text, part, n);
	if (f)
		fclose(f);
	buf_adds(&text, more);
	w.facts = text.s ? facts_fixture(&w.a, text.s, &err) : NULL;
	if (!w.facts) {
		fprintf(stderr, "the fixture cannot be read: %s\n", err ? err : "no such file");
		return 1;
	}
	w.ops = w.facts->ops;
	test_plan(&w);
	test_session(&w);
	test_lacking(&w);
	test_places(&w);
	test_alternatives(&w);
	buf_fini(&text);
	arena_fini(&w.a);
	return check_end(&c);
}
