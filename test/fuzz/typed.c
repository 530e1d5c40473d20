/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs that are well-typed. Unlike gen.c, which throws the grammar, every expression here is made for a type that is wanted: so
 * nearly all of these programs are valid, and what is behind sema is reached: maps of every kind and shape, strings, tuples, records,
 * casts, arrays, loops, arguments of tracepoints, histograms, stacks, pointers, tables, functions.
 *
 * Variables: $i0..3 int64, $u0..3 uint64, $b0..1 int8, $s0..2 string, $t0 (int64, string), $r0 (n = int64, s = string),
 * $p0 struct task_struct *. Maps: typed_types() gives each its type.
 *
 * A pure program depends on nothing but itself: what it prints must be the same in the interpreter and in the kernel, with the passes
 * and without.
 */
#include <stdio.h>

#include "fuzz.h"

#define PICK(r, a) ((a)[rng_below((r), sizeof(a) / sizeof(*(a)))])

enum context { IN_BEGIN, IN_OPENAT, IN_EXIT, IN_SWITCH, IN_RAW, IN_TIMER, IN_ITER, IN_FN };

struct typed {
	struct rng *r;
	struct buf *b;
	enum context in;
	uint32_t names;  /* of loops, so that none shadows another */
	uint32_t loops;  /* around us */
	uint32_t budget; /* statements left */
	bool has_fn;
	bool pure;
	const char *pair; /* a loop's variable over @ki, or NULL */
	const char *counter;
};

static void t_int(struct typed *t, int depth);
static void t_str(struct typed *t, int depth);
static void t_block(struct typed *t, int depth);

static void t_say(struct typed *t, const char *s)
{
	buf_adds(t->b, s);
}

static uint32_t t_below(struct typed *t, uint32_t n)
{
	return rng_below(t->r, n);
}

static void t_literal(struct typed *t)
{
	static const char *const odd[] = { "0", "1", "127", "128", "255", "256", "32767", "65535", "0x7fffffff", "0x80000000", "0xffffffff",
					   "4294967296", "0x7fffffffffffffff", "1e6", "5ms", "0777", "1_000", "sizeof(struct task_struct)" };
	if (t_below(t, 3))
		buf_addf(t->b, "%u", t_below(t, 40));
	else
		t_say(t, odd[t_below(t, sizeof(odd) / sizeof(*odd) - t->pure)]); /* a size is the kernel's */
}

static void t_task(struct typed *t)
{
	static const char *const tasks[] = { "curtask", "$p0", "$p0", "curtask.real_parent", "curtask.group_leader", "((struct task_struct *)curtask)" };
	t_say(t, t->in == IN_RAW && !t_below(t, 3) ? "args.next" : t->in == IN_FN ? "curtask" : PICK(t->r, tasks));
}

/* An integer that a context has. */
static const char *t_context_int(struct typed *t)
{
	static const char *const any[] = { "pid", "tid", "uid", "gid", "cpu", "nsecs", "elapsed", "rand", "ncpus", "cgroup", "jiffies", "numaid",
					   "nsecs(monotonic)", "pid(init)", "ppid", "curtask.prio" };
	static const char *const openat[] = { "args.dfd", "args.flags", "args.mode", "(int64)args.filename" };
	static const char *const sw[] = { "args.prev_pid", "args.next_prio", "args.prev_state" };
	static const char *const pure[] = { "7", "$i2", "@n", "1000003", "$u1", "-$i1", "@u8" };
	static const char *const raw[] = { "args.prev.pid", "args.preempt", "args.next.prio", "arg0" };
	if (t->pure)
		return t->in == IN_FN ? "7" : PICK(t->r, pure);
	switch (t_below(t, 2) ? t->in : IN_BEGIN) {
	case IN_OPENAT: return PICK(t->r, openat);
	case IN_EXIT: return "args.ret";
	case IN_SWITCH: return PICK(t->r, sw);
	case IN_RAW: return PICK(t->r, raw);
	case IN_ITER: return "ctx.meta.seq_num";
	default: return PICK(t->r, any);
	}
}

static void t_key_int(struct typed *t, int depth)
{
	t_say(t, "(int64)(");
	t_int(t, depth - 1);
	t_say(t, ")");
}

static void t_bool(struct typed *t, int depth)
{
	static const char *const cmp[] = { "==", "!=", "<", "<=", ">", ">=" };
	switch (depth <= 0 ? t_below(t, 2) : t_below(t, 10)) {
	case 0: t_say(t, PICK(t->r, ((const char *const[]){ "true", "false" }))); break;
	case 1:
	case 2:
	case 3:
		t_say(t, "(");
		t_int(t, depth - 1);
		buf_addf(t->b, " %s ", PICK(t->r, cmp));
		t_int(t, depth - 1);
		t_say(t, ")");
		break;
	case 4:
		t_say(t, "(");
		t_str(t, depth - 1);
		t_say(t, t_below(t, 2) ? " == " : " != ");
		t_str(t, depth - 1);
		t_say(t, ")");
		break;
	case 5:
		t_say(t, "(");
		t_bool(t, depth - 1);
		t_say(t, t_below(t, 2) ? " && " : " || ");
		t_bool(t, depth - 1);
		t_say(t, ")");
		break;
	case 6:
		t_say(t, "!");
		t_bool(t, depth - 1);
		break;
	case 7:
		t_say(t, "has_key(@ki, ");
		t_key_int(t, depth);
		t_say(t, ")");
		break;
	case 8:
		t_say(t, "strcontains(");
		t_str(t, depth - 1);
		t_say(t, ", ");
		t_str(t, depth - 1);
		t_say(t, ")");
		break;
	default:
		t_say(t, t->in == IN_FN ? "(((int64)1, comm) == (" : "($t0 == (");
		t_key_int(t, depth);
		t_say(t, ", comm))");
	}
}

/* Integers that need no deeper ones. */
static void t_int_leaf(struct typed *t)
{
	static const char *const vars[] = { "$i0", "$i1", "$u0", "$u1", "$b0", "$i2", "$t0.0", "$r0.n", "@n", "@n", "@ki[1]", "@ks[\"a\"]", "@kt[1, \"b\"]",
					    "@vt[1].0", "@vr[2].n", "(int64)@count", "(uint64)@sum", "(int64)@kcount[1]", "(uint64)@kavg[\"a\"]", "(int64)@max",
					    "len(@ki)", "strlen($s0)", "sizeof($t0)", "$arr[1]", "@u8", "$arr[1]", "$p0.pid", "@p.tgid", "len(kstack(3))" };
	switch (t_below(t, 4)) {
	case 0: t_literal(t); break;
	case 1: t_say(t, t_context_int(t)); break;
	default:
		if (t->pair && !t_below(t, 3))
			buf_addf(t->b, "%s.%u", t->pair, t_below(t, 2));
		else if (t->counter && !t_below(t, 3))
			t_say(t, t->counter);
		else
			t_say(t, t->in == IN_FN ? "$i0" : vars[t_below(t, sizeof(vars) / sizeof(*vars) - (t->pure ? 3 : 0))]);
	}
}

static void t_int(struct typed *t, int depth)
{
	static const char *const bin[] = { "+", "-", "*", "/", "%", "&", "|", "^", "+", "-" };
	static const char *const cast[] = { "(int8)", "(uint8)", "(int16)", "(uint16)", "(int32)", "(uint32)", "(int64)", "(uint64)" };
	if (depth <= 0) {
		t_int_leaf(t);
		return;
	}
	switch (t_below(t, 16)) {
	case 0:
	case 1:
	case 2:
		t_say(t, "(");
		t_int(t, depth - 1);
		buf_addf(t->b, " %s ", PICK(t->r, bin));
		t_int(t, depth - 1);
		t_say(t, ")");
		break;
	case 3:
		t_say(t, "(");
		t_int(t, depth - 1);
		t_say(t, t_below(t, 2) ? " << (" : " >> (");
		t_int(t, depth - 1);
		t_say(t, " & 63))");
		break;
	case 4:
		t_say(t, PICK(t->r, ((const char *const[]){ "-", "~" })));
		t_say(t, "(");
		t_int(t, depth - 1);
		t_say(t, ")");
		break;
	case 5:
		t_say(t, PICK(t->r, cast));
		t_say(t, "(");
		t_int(t, depth - 1);
		t_say(t, ")");
		break;
	case 6:
		t_say(t, "(");
		t_bool(t, depth - 1);
		t_say(t, " ? ");
		t_key_int(t, depth);
		t_say(t, " : ");
		t_key_int(t, depth);
		t_say(t, ")");
		break;
	case 7:
		t_say(t, "@ki[");
		t_key_int(t, depth);
		t_say(t, "]");
		break;
	case 8:
		t_say(t, "@ks[");
		t_str(t, depth - 1);
		t_say(t, "]");
		break;
	case 9:
		if (t->pure) {
			t_int_leaf(t);
			break;
		}
		t_task(t);
		t_say(t, PICK(t->r, ((const char *const[]){ ".pid", ".tgid", ".real_parent.pid", ".signal.nr_threads", ".mm.pgd", ".flags", ".exit_code",
							    ".cred.uid.val", ".in_execve", ".se.vruntime" })));
		if (t->b->s[t->b->len - 1] == 'd' && t->b->s[t->b->len - 2] == 'g') { /* a pointer */
			t->b->len -= strlen(".pgd");
			t_say(t, ".map_count");
		}
		break;
	case 10:
		t_say(t, "{ let $z");
		buf_addf(t->b, "%u = ", t->names);
		uint32_t name = t->names++;
		t_int(t, depth - 1);
		buf_addf(t->b, "; $z%u }", name);
		break;
	case 11:
		t_say(t, "strncmp(");
		t_str(t, depth - 1);
		t_say(t, ", ");
		t_str(t, depth - 1);
		buf_addf(t->b, ", %u)", 1 + t_below(t, 20));
		break;
	case 12:
		t_say(t, "strlen(");
		t_str(t, depth - 1);
		t_say(t, ")");
		break;
	case 13:
		t_say(t, PICK(t->r, ((const char *const[]){ "bswap((uint32)", "bswap((uint16)", "bswap((uint64)" })));
		t_say(t, "(");
		t_int(t, depth - 1);
		t_say(t, "))");
		break;
	case 14:
		if (t->has_fn && t->in != IN_FN) {
			t_say(t, "f0(");
			t_key_int(t, depth);
			t_say(t, ")");
			break;
		}
		__attribute__((fallthrough));
	default: t_int_leaf(t);
	}
}

static void t_str(struct typed *t, int depth)
{
	static const char *const leaf[] = { "\"\"", "\"a\"", "\"hello\"", "\"longer than sixteen bytes\"", "$s0", "$s1", "@s", "@vs[3]",
					    "$t0.1", "$r0.s", "@vt[1].1", "strerror(2)", "probetype", "comm", "comm", "curtask.comm", "pcomm", "str($u0)", "str($u1, 20)" };
	if (t->in == IN_OPENAT && !t_below(t, 4)) {
		t_say(t, PICK(t->r, ((const char *const[]){ "str(args.filename)", "str(args.filename, 7)" })));
	} else if (t->in == IN_SWITCH && !t_below(t, 4)) {
		t_say(t, PICK(t->r, ((const char *const[]){ "args.prev_comm", "args.next_comm" })));
	} else if (t->in == IN_FN || depth <= 0 || t_below(t, 4)) {
		t_say(t, t->in == IN_FN ? "comm" : leaf[t_below(t, sizeof(leaf) / sizeof(*leaf) - (t->pure ? 6 : 0))]);
	} else if (t_below(t, 2)) {
		t_say(t, "str_concat(");
		t_str(t, 0);
		t_say(t, ", ");
		t_str(t, 0);
		t_say(t, ")");
	} else {
		t_say(t, "strerror((int32)(");
		t_int(t, depth - 1);
		t_say(t, "))");
	}
}

/* Statements that assign: "$i0 = INT; " */
static void t_assign(struct typed *t, int depth)
{
	switch (t_below(t, t->pure ? 19 : 22)) {
	case 0:
	case 1: buf_addf(t->b, "$i%u = ", t_below(t, 3)); t_key_int(t, depth); break;
	case 2: buf_addf(t->b, "$u%u = (uint64)(", t_below(t, 2)); t_int(t, depth); t_say(t, ")"); break;
	case 3: t_say(t, "$b0 = (int8)("); t_int(t, depth); t_say(t, ")"); break;
	case 4: t_say(t, "$s0 = "); t_str(t, depth); break;
	case 5: t_say(t, "$t0 = ("); t_key_int(t, depth); t_say(t, ", comm)"); break;
	case 6: t_say(t, "$r0 = (n = "); t_key_int(t, depth); t_say(t, ", s = comm)"); break;
	case 7: t_say(t, "@n = "); t_key_int(t, depth); break;
	case 8: t_say(t, "@ki["); t_key_int(t, depth); t_say(t, "] = "); t_key_int(t, depth); break;
	case 9: t_say(t, "@ks["); t_str(t, depth); t_say(t, "] = "); t_key_int(t, depth); break;
	case 10: t_say(t, "@kt["); t_key_int(t, depth); t_say(t, ", "); t_str(t, 0); t_say(t, "] = "); t_key_int(t, depth); break;
	case 11: t_say(t, "@vt["); t_key_int(t, depth); t_say(t, "] = ("); t_key_int(t, depth); t_say(t, ", comm)"); break;
	case 12: t_say(t, "@vr["); t_key_int(t, depth); t_say(t, "] = (n = "); t_key_int(t, depth); t_say(t, ", s = comm)"); break;
	case 13: t_say(t, "@vs["); t_key_int(t, depth); t_say(t, "] = "); t_str(t, depth); break;
	case 14: t_say(t, "@s = "); t_str(t, depth); break;
	case 15: t_say(t, "@u8 = (uint8)("); t_int(t, depth); t_say(t, ")"); break;
	case 16: t_say(t, PICK(t->r, ((const char *const[]){ "$i0 += ", "$i1 -= ", "$i0 *= ", "$i1 ^= ", "@n += ", "@ki[1] += ", "@ki[$i0] |= ", "$i2 &= " }))); t_key_int(t, depth); break;
	case 17: t_say(t, PICK(t->r, ((const char *const[]){ "@n++", "--@n", "@ki[$i0]++", "@ks[$s0]--", "$i0++", "--$i1", "@kt[$i1, $s1]++", "@u8++" }))); break;
	case 19: t_say(t, "$p0 = "); t_task(t); break;
	case 20: t_say(t, "@p = curtask"); break;
	case 18: t_say(t, "@ka[(uint8[4])(uint32)("); t_int(t, depth); t_say(t, ")]++"); break;
	default: t_say(t, "@stacks[kstack(3), ustack(2)] = count()");
	}
	t_say(t, "; ");
}

static void t_aggregate(struct typed *t, int depth)
{
	static const char *const maps[] = { "@count = count()", "@sum = sum(", "@min = min(", "@max = max(", "@avg = avg(", "@stats = stats(", "@hist = hist(",
					    "@lhist = lhist(", "@kcount[#] = count()", "@ksum[%] = sum(", "@kavg[%] = avg(", "@khist[#, %] = hist(",
					    "@klhist[#] = lhist(", "@kstats[%, #] = stats(", "@kmin[(#, #)] = min(", "@ts = tseries(" };
	uint32_t k = t_below(t, sizeof(maps) / sizeof(*maps));
	for (const char *s = maps[k]; *s; s++) {
		if (*s == '#')
			t_key_int(t, depth);
		else if (*s == '%')
			t_str(t, depth);
		else
			buf_addc(t->b, *s);
	}
	if (k && k != 8) {
		if (k == 1)
			t_say(t, "(uint64)");
		t_key_int(t, depth);
		t_say(t, k == 7 || k == 12 ? ", 0, 1000, 50)" : k == 13 ? ")" : k == 15 ? ", 1s, 20)" : ")");
	}
	t_say(t, "; ");
}

static void t_print(struct typed *t, int depth)
{
	static const char *const int_conv[] = { "%d", "%8d", "%-4u", "%x", "%lld", "%#llx", "%hhd", "%c", "%o", "%p", "%08lx" };
	static const char *const other[] = { "$t0", "$r0", "@vt[1]", "(1, \"x\", $i0)", "(uint8[8])$i0", "kstack(4)", "ustack(2)", "ksym((uint64)$u0)", "ntop((uint32)$i0)", "username",
					     "strftime(\"%H:%M\", nsecs)", "username", "buf($u0, 8)", "$p0", "probe", "func", "(uint8[8])$i0", "cgroup" };
	uint32_t n = t_below(t, 5);
	switch (t->pure ? 5 * !!t_below(t, 4) : t_below(t, 7)) {
	case 0: t_say(t, "print("); t_key_int(t, depth); t_say(t, "); "); return;
	case 1: t_say(t, "print("); t_str(t, depth); t_say(t, "); "); return;
	case 2: t_say(t, PICK(t->r, ((const char *const[]){ "print(@ki); ", "print(@khist); ", "print(@kcount, 3); ", "print(@sum); ", "print($t0); ", "print($r0); ", "print(@vr[1]); ", "print(@kcount[1]); ",
		"print(@vt, 2, 1, \"value.0\"); ", "clear(@kt); ", "zero(@count); ", "time(\"%S \"); ", "clear(@hist); ", "print(@stats); " }))); return;
	case 3:
		t_say(t, "row(\"A:%-6d B:%s C:%8.2{ms}\", ");
		t_key_int(t, depth);
		t_say(t, ", ");
		t_str(t, depth);
		t_say(t, ", nsecs); ");
		return;
	case 4:
		t_say(t, "rank(");
		t_key_int(t, depth);
		t_say(t, ", \"K:%s\", ");
		t_str(t, depth);
		t_say(t, t_below(t, 3) ? "); " : "); top(5); ");
		return;
	default: break;
	}
	struct buf args = { 0 }, *out = t->b;
	t_say(t, "printf(\"");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t kind = t_below(t, 4);
		buf_addf(out, "%s ", kind < 2 ? PICK(t->r, int_conv) : "%s");
		t->b = &args;
		t_say(t, ", ");
		if (kind < 2)
			t_int(t, depth);
		else if (kind == 2)
			t_str(t, depth);
		else
			t_say(t, t->in == IN_FN ? "comm" : other[t->pure ? t_below(t, 5) : t_below(t, sizeof(other) / sizeof(*other))]);
		t->b = out;
	}
	t_say(t, "\\n\"");
	buf_add(out, args.s ? args.s : "", args.len);
	t_say(t, "); ");
	buf_fini(&args);
}

static void t_loop(struct typed *t, int depth)
{
	uint32_t name = t->names++, kind = t_below(t, 4);
	if (t->pure && kind == 1) /* the order of keys is the kernel's */
		kind = 0;
	const char *pair = t->pair, *counter = t->counter;
	char var[16];
	snprintf(var, sizeof(var), "$v%u", name);
	switch (kind) {
	case 0:
		buf_addf(t->b, "for (%s : %u..%u) ", var, t_below(t, 3), t_below(t, 12));
		t->counter = var;
		break;
	case 1:
		buf_addf(t->b, "for (%s : @ki) ", var);
		t->pair = var;
		break;
	case 2: buf_addf(t->b, "unroll(%u) ", 1 + t_below(t, 3)); break;
	default:
		buf_addf(t->b, "%s = 0; while (%s < %u) { %s++; ", var, var, 1 + t_below(t, 6), var);
	}
	enum context in = t->in;
	if (kind < 2) /* a function of its own, without the probe's arguments */
		t->in = in == IN_FN ? in : IN_TIMER;
	t->loops += kind != 2;
	t_block(t, depth - 1);
	t->loops -= kind != 2;
	t->in = in;
	if (kind == 3)
		t_say(t, "} ");
	t->pair = pair;
	t->counter = counter;
}

static void t_stmt(struct typed *t, int depth)
{
	uint32_t k = t_below(t, depth > 0 ? 16 : 11);
	if (t->budget == 0)
		return;
	t->budget--;
	if (k < 4) {
		t_assign(t, 2);
	} else if (k < 6) {
		t_aggregate(t, 2);
	} else if (k < 9) {
		t_print(t, 2);
	} else if (k == 9) {
		t_say(t, PICK(t->r, ((const char *const[]){ "delete(@ki, $i0); ", "delete(@ks[$s1]); ", "if (find(@ki, $i1, $i2)) { @n++; } ", "delete(@kt, (1, \"b\")); ",
							    "signal_name(9); ", "@ok = delete(@vs, 3); " })));
	} else if (k == 10) {
		if (t->loops && t_below(t, 2)) {
			t_say(t, "if (");
			t_bool(t, 2);
			t_say(t, t_below(t, 2) ? ") { break; } " : ") { continue; } ");
		} else if (!t_below(t, 4)) {
			t_say(t, "if (");
			t_bool(t, 2);
			t_say(t, ") { return; } ");
		} else {
			t_assign(t, 3);
		}
	} else if (k < 14) {
		t_say(t, "if (");
		t_bool(t, 3);
		t_say(t, ") ");
		t_block(t, depth - 1);
		if (t_below(t, 2)) {
			t_say(t, "else ");
			t_block(t, depth - 1);
		}
	} else {
		t_loop(t, depth);
	}
}

static void t_block(struct typed *t, int depth)
{
	t_say(t, "{ ");
	for (uint32_t i = t_below(t, 4); i; i--)
		t_stmt(t, depth);
	t_say(t, "} ");
}

/* What every body begins with, so that all variables have their types. */
static void typed_prologue(struct typed *t)
{
	buf_addf(t->b, "$i0 = (int64)%s; $i1 = (int64)%s; $i2 = (int64)7; $u0 = (uint64)%s; $u1 = (uint64)0; $b0 = (int8)3; $s0 = %s; $s1 = \"init\"; "
		       "$t0 = ((int64)1, %s); $r0 = (n = (int64)2, s = %s); $arr = (uint8[8])$i1; ",
		 t->pure ? "11" : "1", t->pure ? "-5" : "pid", t->pure ? "0xfedcba9876543210" : "nsecs", t->pure ? "\"cmd\"" : "comm",
		 t->pure ? "\"cmd\"" : "comm", t->pure ? "\"cmd\"" : "comm");
	if (!t->pure)
		t_say(t, "$p0 = curtask; ");
}

static void typed_types(struct typed *t)
{
	t_say(t, "begin { @n = (int64)0; @ki[(int64)1] = (int64)1; @ks[comm] = (int64)1; @kt[(int64)1, comm] = (int64)1; @vt[(int64)1] = ((int64)1, comm); "
		 "@vr[(int64)2] = (n = (int64)1, s = comm); @vs[(int64)3] = comm; @s = comm; @u8 = (uint8)1; @count = count(); @sum = sum((uint64)1); "
		 "@max = max((int64)1); @kcount[(int64)1] = count(); @kavg[comm] = avg((int64)3); @khist[(int64)1, comm] = hist((int64)2); "
		 "@hist = hist((int64)9); @stats = stats((int64)4); ");
	t_say(t, t->pure ? "}\n" : "@p = curtask; }\n");
}

static void typed_make(struct typed *t)
{
	static const struct {
		const char *name;
		enum context in;
	} probes[] = { { "begin", IN_BEGIN }, { "end", IN_BEGIN }, { "interval:ms:10", IN_TIMER }, { "profile:hz:199", IN_TIMER },
		       { "tracepoint:syscalls:sys_enter_openat", IN_OPENAT }, { "tracepoint:syscalls:sys_exit_openat", IN_EXIT },
		       { "tracepoint:sched:sched_switch", IN_SWITCH }, { "rawtracepoint:sched_switch", IN_RAW },
		       { "tracepoint:syscalls:sys_exit_read, tracepoint:syscalls:sys_exit_write", IN_EXIT }, { "software:page-faults:10", IN_TIMER } };
	t_say(t, "config = { unstable_tseries = enable; ");
	if (!t_below(t, 3))
		buf_addf(t->b, "max_strlen = %s; ", PICK(t->r, ((const char *const[]){ "16", "64", "200", "1024" })));
	t_say(t, "}\n");
	if (!t_below(t, 4) && !t->pure)
		t_say(t, PICK(t->r, ((const char *const[]){ "let @ki = lruhash(100); ", "let @ks = hash(5); ", "let @kcount = percpulruhash(7); " })));
	if (!t_below(t, 3)) {
		t->in = IN_FN;
		t_say(t, "fn f0($i0 : int64) : int64 { ");
		if (t_below(t, 2)) {
			t_say(t, "if (");
			t_bool(t, 2);
			t_say(t, ") { return (int64)5; } ");
		}
		t_say(t, "return ");
		t_key_int(t, 3);
		t_say(t, "; }\n");
		t->has_fn = true;
	}
	typed_types(t);
	for (uint32_t i = t->pure ? 1 : 1 + t_below(t, 3); i; i--) {
		uint32_t k = t->pure ? 0 : t_below(t, sizeof(probes) / sizeof(*probes));
		t->in = probes[k].in;
		t->budget = 4 + t_below(t, 25);
		buf_addf(t->b, "%s ", probes[k].name);
		if (!t_below(t, 4) && !t->pure)
			t_say(t, PICK(t->r, ((const char *const[]){ "/pid > 0/ ", "/comm != \"x\"/ ", "/@n < 5 && cpu == 0/ ", "/@ki[1]/ " })));
		t_say(t, "{ ");
		typed_prologue(t);
		for (uint32_t n = 1 + t_below(t, 6); n; n--)
			t_stmt(t, 3);
		if (t->pure)
			t_say(t, "printf(\"%lld %lld %lld %llu %llu %d %s %s %s %lld %lld %s %d\\n\", $i0, $i1, $i2, $u0, $u1, $b0, $s0, $t0, $r0, @n, @ki[1], @s, @u8); ");
		t_say(t, "}\n");
	}
}

void typed_program(struct rng *r, struct buf *b)
{
	struct typed t = { .r = r, .b = b, .budget = 30 };
	typed_make(&t);
}

/* The same without anything from outside; words that are left become constants. */
void pure_program(struct rng *r, struct buf *b)
{
	struct buf raw = { 0 };
	struct typed t = { .r = r, .b = &raw, .budget = 30, .pure = true };
	typed_make(&t);
	for (size_t i = 0; i < raw.len;) {
		bool word = raw.len - i > 4 && !memcmp(raw.s + i, "comm", 4) && (i == 0 || strchr(" (,[", raw.s[i - 1]));
		if (word)
			buf_adds(b, "\"cmd\"");
		else
			buf_addc(b, raw.s[i]);
		i += word ? 4 : 1;
	}
	buf_fini(&raw);
}
