/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs from the grammar: well-formed, often well-typed, with every statement and expression of the language. */
#include "fuzz.h"

static void gen_expr(struct rng *r, struct buf *b, int depth);
static void gen_block(struct rng *r, struct buf *b, int depth);

#define PICK(r, a) ((a)[rng_below((r), sizeof(a) / sizeof(*(a)))])

static void gen_int(struct rng *r, struct buf *b)
{
	static const char *const odd[] = { "0", "1", "2", "127", "128", "255", "256", "65535", "0x7fffffff", "0x80000000", "0xffffffff",
					   "0x7fffffffffffffff", "9223372036854775808", "1e3", "0b11", "010", "1_000" };
	if (rng_one_in(r, 2))
		buf_addf(b, "%u", rng_below(r, 20));
	else
		buf_adds(b, PICK(r, odd));
}

static void gen_string(struct rng *r, struct buf *b)
{
	static const char *const s[] = { "\"\"", "\"a\"", "\"hello\"", "\"a longer string than eight\"", "\"\\x41\\n\\t\\\\\"", "comm",
					 "str(0)", "str(args.filename)", "str($1)", "probe" };
	buf_adds(b, PICK(r, s));
}

/* Mostly integers, so that most programs are well-typed; now and then anything. */
static void gen_expr(struct rng *r, struct buf *b, int depth)
{
	static const char *const leaf[] = { "pid", "tid", "uid", "gid", "cpu", "nsecs", "elapsed", "rand", "ncpus", "cgroup", "jiffies", "$a", "$b",
					    "$a", "$b", "@n", "@n", "@m[1]", "curtask.pid", "ppid", "$1", "$#", "true", "sizeof(int32)",
					    "(1, \"x\").0", "(a=1, b=2).b", "strlen($c)", "(int64)@g0", "(uint64)@g1", "len(@m)",
					    "strncmp($c, \"ab\", 2)", "has_key(@m, 1)", "bswap((uint16)$a)", "getopt(\"n\", 5)" };
	static const char *const odd[] = { "args.flags", "args.ret", "arg0", "retval", "curtask.comm", "ctx", "args", "probe", "macaddr($a)",
					   "ntop($a)", "str($a)", "buf($a, 4)", "kptr($a)", "(1, 2)", "{ $a }", "@g6", "kstack", "func" };
	static const char *const bin[] = { "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=", "&&", "||" };
	static const char *const cast[] = { "(int8)", "(uint8)", "(int16)", "(uint32)", "(int64)", "(uint64)" };
	if (rng_one_in(r, 40)) {
		buf_adds(b, PICK(r, odd));
		return;
	}
	if (rng_one_in(r, 60)) {
		gen_string(r, b);
		return;
	}
	switch (depth <= 0 ? rng_below(r, 3) : rng_below(r, 12)) {
	case 0: gen_int(r, b); break;
	case 1:
	case 2: buf_adds(b, PICK(r, leaf)); break;
	case 3:
	case 4:
	case 5:
	case 6:
		buf_addc(b, '(');
		gen_expr(r, b, depth - 1);
		buf_addf(b, " %s ", PICK(r, bin));
		gen_expr(r, b, depth - 1);
		buf_addc(b, ')');
		break;
	case 7:
		buf_addc(b, "-!~"[rng_below(r, 3)]);
		gen_expr(r, b, depth - 1);
		break;
	case 8:
		buf_addc(b, '(');
		gen_expr(r, b, depth - 1);
		buf_adds(b, " ? ");
		gen_expr(r, b, depth - 1);
		buf_adds(b, " : ");
		gen_expr(r, b, depth - 1);
		buf_addc(b, ')');
		break;
	case 9:
		buf_addf(b, "%s(", PICK(r, cast));
		gen_expr(r, b, depth - 1);
		buf_addc(b, ')');
		break;
	case 10:
		buf_adds(b, "@m[");
		gen_expr(r, b, depth - 1);
		buf_addc(b, ']');
		break;
	default:
		buf_adds(b, "{ let $z = ");
		gen_expr(r, b, depth - 1);
		buf_adds(b, "; $z }");
	}
}

static void gen_stmt(struct rng *r, struct buf *b, int depth)
{
	static const char *const agg[] = { "count()", "sum(", "min(", "max(", "avg(", "stats(", "hist(", "lhist(" };
	uint32_t k = rng_below(r, depth > 0 ? 18 : 11);
	switch (k) {
	case 0:
	case 1:
		buf_addf(b, "$%c %s ", "ab"[rng_below(r, 2)], PICK(r, ((const char *const[]){ "=", "=", "=", "+=", "<<=", "|=", "/=" })));
		gen_expr(r, b, depth);
		buf_adds(b, "; ");
		break;
	case 2:
	case 3:
		buf_adds(b, "@m[");
		gen_expr(r, b, 1);
		buf_adds(b, "] = ");
		gen_expr(r, b, depth);
		buf_adds(b, "; ");
		break;
	case 4: {
		uint32_t i = rng_below(r, 8);
		buf_addf(b, "@g%u", i);
		if (i % 2) { /* each map is keyed or not throughout */
			buf_addc(b, '[');
			gen_expr(r, b, 1);
			buf_addc(b, ']');
		}
		buf_addf(b, " = %s", agg[i]);
		if (i)
			gen_expr(r, b, 2);
		buf_adds(b, i == 7 ? ", 0, 100, 10); " : i ? "); " : "; ");
		break;
	}
	case 5: {
		uint32_t n = rng_below(r, 4);
		buf_adds(b, "printf(\"");
		for (uint32_t i = 0; i < n; i++)
			buf_addf(b, "%%%s%s%s ", PICK(r, ((const char *const[]){ "", "-8", "08", "+", "#" })),
				 PICK(r, ((const char *const[]){ "", "l", "ll", "h", "hh" })),
				 PICK(r, ((const char *const[]){ "d", "u", "x", "s", "c", "p", "o" })));
		buf_adds(b, "\"");
		for (uint32_t i = rng_one_in(r, 20) ? rng_below(r, 4) : n; i; i--) {
			buf_adds(b, ", ");
			gen_expr(r, b, 2);
		}
		buf_adds(b, "); ");
		break;
	}
	case 6:
		buf_adds(b, "print(");
		gen_expr(r, b, depth);
		buf_adds(b, "); ");
		break;
	case 7: buf_adds(b, PICK(r, ((const char *const[]){ "@n++; ", "++@n; ", "@n--; ", "$a++; ", "--$b; ", "@n += 5; ", "delete(@m, 1); ", "$c = \"other\"; ", "@s = $c; ", "@t[$c, pid] = ($a, $c); " }))); break;
	case 8: buf_adds(b, PICK(r, ((const char *const[]){ "clear(@m); ", "zero(@n); ", "print(@m, 3); ", "print(@m, 3, 2); ", "print(@g6); " }))); break;
	case 9: buf_adds(b, PICK(r, ((const char *const[]){ "exit(); ", "return; ", "exit(3); ", "time(\"%H\"); ", "warnf(\"w %d\", pid); ", "cat(\"/x%d\", pid); " }))); break;
	case 10:
		buf_addf(b, "let $v%u", rng_below(r, 100));
		if (rng_one_in(r, 3))
			buf_adds(b, PICK(r, ((const char *const[]){ ": uint64", ": int64", ": uint8" })));
		if (rng_one_in(r, 2)) {
			buf_adds(b, " = ");
			gen_expr(r, b, depth);
		}
		buf_adds(b, "; ");
		break;
	case 11:
	case 12:
		buf_adds(b, "if (");
		gen_expr(r, b, depth - 1);
		buf_adds(b, ") ");
		gen_block(r, b, depth - 1);
		if (rng_one_in(r, 2)) {
			buf_adds(b, "else ");
			gen_block(r, b, depth - 1);
		}
		break;
	case 13:
		buf_adds(b, "for ($i");
		buf_addf(b, "%u : 0..", rng_below(r, 1000));
		gen_expr(r, b, 1);
		buf_adds(b, ") ");
		gen_block(r, b, depth - 1);
		break;
	case 14:
		buf_addf(b, "for ($kv%u : @m) ", rng_below(r, 1000));
		gen_block(r, b, depth - 1);
		break;
	case 15:
		buf_adds(b, "unroll (3) ");
		gen_block(r, b, depth - 1);
		break;
	case 16:
		buf_adds(b, "$w = 0; while ($w < 9) { $w++; ");
		gen_block(r, b, depth - 1);
		buf_adds(b, "} ");
		break;
	default: gen_block(r, b, depth - 1);
	}
}

static void gen_block(struct rng *r, struct buf *b, int depth)
{
	buf_adds(b, "{ ");
	for (uint32_t i = rng_below(r, 5); i; i--)
		gen_stmt(r, b, depth);
	buf_adds(b, "} ");
}

void gen_program(struct rng *r, struct buf *b)
{
	static const char *const probes[] = { "begin", "end", "interval:ms:10", "profile:hz:99", "tracepoint:syscalls:sys_enter_openat",
					      "tracepoint:syscalls:sys_exit_read", "tracepoint:syscalls:*", "rawtracepoint:sched_switch",
					      "iter:task", "software:page-faults:1", "begin, end" };
	for (uint32_t i = 1 + rng_below(r, 3); i; i--) {
		buf_addf(b, "%s ", PICK(r, probes));
		if (rng_one_in(r, 4)) {
			buf_adds(b, "/");
			gen_expr(r, b, 2);
			buf_adds(b, "/ ");
		}
		buf_adds(b, "{ ");
		buf_adds(b, "$a = nsecs; $b = (int64)pid; $c = comm; @m[1] = nsecs; @n = $b; ");
		for (uint32_t k = 1 + rng_below(r, 5); k; k--)
			gen_stmt(r, b, 3);
		buf_adds(b, "}\n");
	}
}
