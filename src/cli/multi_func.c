/* SPDX-License-Identifier: Apache-2.0 */
/* The multi-tools that take names or patterns of functions and other probes: funccount, stackcount, funclatency, funcslower, funcinterval. */
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "cli/multi.h"
#include "kern/kern.h"
#include "probe/probe.h"

enum { MULTI_PLACES_MAX = 1000 };

/* By a regular expression: the attach points whose names match, from the list of all that there are. NULL with m->r.error. */
static const char *multi_matching(struct multi *m, struct spec *s, const char *text)
{
	struct str pattern = s->func;
	struct diags d;
	struct buf names = { 0 }, places = { 0 };
	regex_t re;
	uint32_t n = 0;
	const char *found = NULL;
	bool anchored = pattern.len && *pattern.s == '^';
	if (regcomp(&re, arena_printf(m->a, "%s%.*s", anchored ? "" : "^", STR_FMT(pattern)), REG_EXTENDED | REG_NOSUB)) {
		multi_fail(m, text, NULL, "this is no regular expression");
		return NULL;
	}
	s->func = STR("*");
	diags_init(&d, m->a);
	struct kern *k = kern_open(m->a);
	/* a library that is another's part by now: the first where names match */
	for (char *next, *one = strtok_r(arena_strdup(m->a, spec_attach(&m->r, s, true)), "|", &next); one && !n; one = strtok_r(NULL, "|", &next)) {
		buf_clear(&names);
		probe_list(m->a, k, &d, one, m->o->session.pid, false, &names);
		for (char *rest, *line = names.len ? strtok_r(names.s, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
			const char *colon = strrchr(line, ':'), *name = colon ? colon + 1 : line;
			if (!regexec(&re, name, 0, NULL, 0))
				buf_addf(&places, "%s%s", n++ ? ",\n" : "", line);
		}
	}
	kern_close(k);
	regfree(&re);
	if (!n)
		multi_fail(m, NULL, NULL, arena_printf(m->a, "0 functions matched by \"%s\". Exiting.", text));
	else if (n > MULTI_PLACES_MAX)
		multi_fail(m, text, NULL, arena_printf(m->a, "maximum of %d probes allowed, attempted %u", MULTI_PLACES_MAX, n));
	else
		found = arena_strndup(m->a, places.s, places.len);
	buf_fini(&names);
	buf_fini(&places);
	return found;
}

/* Where the pattern attaches, at entry; of functions also where they return. */
static bool multi_pattern(struct multi *m, struct spec *s, const char **ret_text, const char **ret_in, const char **ret_out)
{
	const char *text = multi_value(m, "pattern", 0);
	*ret_text = text ? text : "";
	if (!spec_pattern(&m->r, *ret_text, s))
		return multi_fail(m, *ret_text, m->r.at, m->r.error);
	if (s->kind == SPEC_RETURN)
		return multi_fail(m, *ret_text, *ret_text, "r: is not for this tool");
	*ret_in = multi_value(m, "regexp", 0) ? multi_matching(m, s, *ret_text) : spec_attach(&m->r, s, true);
	if (!*ret_in)
		return false;
	if (!multi_value(m, "regexp", 0)) {
		struct spec back = *s;
		back.kind = s->kind == SPEC_ENTRY ? SPEC_RETURN : s->kind;
		*ret_out = spec_attach(&m->r, &back, false);
		return true;
	}
	struct buf out = { 0 }; /* kprobe:a, uprobe:b -> kretprobe:a, uretprobe:b */
	for (const char *p = *ret_in; *p; p++) {
		if ((p == *ret_in || p[-1] == '\n') && (!strncmp(p, "kprobe:", 7) || !strncmp(p, "uprobe:", 7))) {
			buf_addf(&out, "%cret", *p);
			continue;
		}
		buf_addc(&out, *p);
	}
	*ret_out = arena_strndup(m->a, out.s ? out.s : "", out.len);
	buf_fini(&out);
	return true;
}

/* What is said when everything is attached: how many places, but for `others`; bit 31: two make one. */
static void multi_announce(struct multi *m, const char *pattern, uint32_t others)
{
	struct buf b = { 0 };
	buf_adds(&b, " functions for \"");
	buf_add_safe(&b, pattern, strlen(pattern), false);
	buf_adds(&b, "\"... Hit Ctrl-C to end.\n");
	m->o->session.attached_before = "Tracing ";
	m->o->session.attached_after = arena_strndup(m->a, b.s ? b.s : "", b.len);
	m->o->session.attached_others = others;
	buf_fini(&b);
}

static bool multi_one_unit(struct multi *m)
{
	return !multi_value(m, "microseconds", 0) || !multi_value(m, "milliseconds", 0) ||
	       multi_fail(m, NULL, NULL, "only one of -u and -m may be specified");
}

static uint32_t multi_timers(const struct multi *m)
{
	return (multi_value(m, "interval", 0) != NULL) + (multi_value(m, "duration", 0) != NULL);
}

bool funccount_program(struct multi *m)
{
	struct spec s;
	const char *text, *in, *out;
	if (!multi_pattern(m, &s, &text, &in, &out))
		return false;
	buf_addf(&m->text, "\n%s /wanted()/ { @calls[probename] = count(); }\n", in);
	multi_announce(m, text, multi_timers(m) + 1);
	return true;
}

bool stackcount_program(struct multi *m)
{
	struct spec s;
	const char *text, *in, *out;
	bool kernel = multi_value(m, "kernel-stacks-only", 0), user = multi_value(m, "user-stacks-only", 0);
	bool by_pid = multi_value(m, "perpid", 0) || multi_value(m, "pid", 0);
	if (kernel && user)
		return multi_fail(m, NULL, NULL, "-K and -U are mutually exclusive. If you want both stacks, that is the default.");
	if (!multi_pattern(m, &s, &text, &in, &out))
		return false;
	buf_addf(&m->config, "; stack_form = \"%s\"", multi_value(m, "delimited", 0) ? "delimited" : "block");
	if (!multi_value(m, "offset", 0))
		buf_adds(&m->config, "; stack_offsets = false");
	if (multi_value(m, "verbose", 0))
		buf_adds(&m->config, "; stack_mode = \"perf\"");
	buf_addf(&m->text, "\n%s /wanted()/ { @[", in);
	buf_adds(&m->text, by_pid ? "comm, pid" : "");
	if (!user)
		buf_addf(&m->text, "%skstack", by_pid ? ", " : "");
	if (!kernel)
		buf_addf(&m->text, "%sustack", by_pid || !user ? ", " : "");
	buf_adds(&m->text, "] = count(); }\n");
	if (multi_value(m, "folded", 0))
		m->o->session.folded = true;
	if (!m->o->session.folded)
		multi_announce(m, text, multi_timers(m));
	return true;
}

bool funclatency_program(struct multi *m)
{
	struct spec s;
	const char *text, *in, *out, *key = "", *took;
	uint32_t level = multi_number(m, "level", 0);
	bool apart = multi_value(m, "function", 0);
	if (!multi_one_unit(m) || !multi_pattern(m, &s, &text, &in, &out))
		return false;
	if (s.kind != SPEC_ENTRY)
		return multi_fail(m, text, text, "functions have a duration, other probes do not");
	if (multi_value(m, "kprobes", 0))
		buf_adds(&m->config, "; attach = \"kprobe\"");
	if (s.lib.len && (apart || !multi_value(m, "pid", 0)))
		key = "[probename, pid]"; /* functions of a library: by process, if it is not one anyway */
	else if (apart)
		key = "[probename]";
	took = arena_printf(m->a, "@took%s = hist(units($ns));\n\t%%s@total = sum($ns);\n\t%%s@count = count();\n", key);
	if (level) {
		buf_addf(&m->text,
			 "\n%s /wanted()/ {\n\tlet $depth = (uint64)@depth[tid];\n\tif ($depth < %u) { @start[tid, $depth] = nsecs; }\n\t@depth[tid] = $depth + 1;\n}\n"
			 "%s /has_key(@depth, tid)/ {\n\tlet $depth = (uint64)@depth[tid] - 1;\n\tif (has_key(@start, (tid, $depth))) {\n"
			 "\t\tlet $ns = nsecs - (uint64)@start[tid, $depth];\n\t\t", in, level, out);
		buf_addf(&m->text, took, "\t", "\t");
		buf_adds(&m->text, "\t\tdelete(@start, (tid, $depth));\n\t}\n\tif ($depth > 0) { @depth[tid] = $depth; } else { delete(@depth, tid); }\n}\n");
	} else {
		buf_addf(&m->text, "\n%s /wanted()/ { @start[tid] = nsecs; }\n%s /has_key(@start, tid)/ {\n\tlet $ns = nsecs - @start[tid];\n\t", in, out);
		buf_addf(&m->text, took, "", "");
		buf_adds(&m->text, "\tdelete(@start, tid);\n}\n");
	}
	multi_announce(m, text, (multi_timers(m) + 1) | 1u << 31); /* each function has two places */
	return true;
}

/* -- funcslower -- */

/* The threshold as it was given, for people: "10", "us" -> "10 us". */
static const char *slower_than(const struct multi *m)
{
	const char *us = multi_value(m, "min-us", 0), *ms = multi_value(m, "min-ms", 0), *text = us ? us : ms ? ms : "1";
	size_t n = strspn(text, "0123456789.");
	return arena_printf(m->a, "%.*s %s", (int)n, text, text[n] ? text + n : us ? "us" : "ms");
}

/* One function: what is kept when it begins, and the row when it took too long. */
static bool slower_function(struct multi *m, const char *text, uint32_t i)
{
	struct spec s;
	struct cexpr c = multi_cexpr(m, &s);
	uint32_t n = multi_number(m, "arguments", 0), have = 0, element = 1;
	bool folded = m->o->session.folded, kernel = multi_value(m, "kernel-stack", 0), user = multi_value(m, "user-stack", 0);
	if (!spec_pattern(&m->r, text, &s))
		return multi_fail(m, text, m->r.at, m->r.error);
	if (s.kind > SPEC_RETURN)
		return multi_fail(m, text, text, "functions have a duration, other probes do not");
	if (memchr(s.func.s, '*', s.func.len))
		return multi_fail(m, text, s.func.s, "a function is named, without *");
	if (folded && !kernel && !user)
		kernel = user = true;
	s.kind = SPEC_RETURN;
	const char *in = spec_attach(&m->r, &s, true), *out = spec_attach(&m->r, &s, false), *result = s.syscall ? "args.ret" : "retval";
	s.kind = SPEC_ENTRY;
	buf_addf(&m->text, "\n%s /wanted()/ {\n\t@start%u[tid] = (nsecs", in, i);
	for (; have < n && !(s.syscall && have >= s.syscall_args.n); have++) {
		const char *e = cexpr_text(&c, str_of(arena_printf(m->a, "arg%u", have + 1)));
		if (!e)
			return multi_fail(m, text, text, c.error);
		buf_addf(&m->text, ", (uint64)%s", e);
	}
	buf_addf(&m->text, "%s%s%s);\n}\n", kernel ? ", kstack" : "", user ? ", ustack" : "", have || kernel || user ? "" : ", 0");
	buf_addf(&m->text, "%s /has_key(@start%u, tid)/ {\n\tlet $start = @start%u[tid];\n\tlet $ns = nsecs - $start.0;\n\tdelete(@start%u, tid);\n", out, i, i, i);
	if (folded) {
		buf_addf(&m->text, "\tif ($ns >= least()) { @slow[comm, $start.%u%s] = count(); }\n}\n", have + 1,
			 kernel && user ? arena_printf(m->a, ", $start.%u", have + 2) : "");
		return true;
	}
	buf_adds(&m->text, "\tif ($ns >= least()) {\n\t\trow(");
	if (multi_value(m, "timestamp", 0))
		buf_adds(&m->text, "\"TIME:%-10.6{s}\", elapsed, ");
	else if (multi_value(m, "time", 0))
		buf_adds(&m->text, "\"TIME:%-10s\", strftime(\"%H:%M:%S\", nsecs), ");
	const char *unit = multi_value(m, "min-us", 0) ? "us" : "ms";
	buf_addf(&m->text, "\"COMM:%%-14.14s PID:%%-6d LAT(%s):%%7.2{%s} RVAL:%%16x FUNC:%%s\", comm, pid, $ns, (uint64)%s, \"", unit, unit, result);
	multi_quote(&m->text, str_of(text));
	buf_addc(&m->text, '"');
	for (; element <= have; element++)
		buf_adds(&m->text, element == 1 ? ",\n\t\t    \"ARGS:%(0x%llx" : " 0x%llx");
	buf_adds(&m->text, have ? ")\"" : "");
	for (element = 1; element <= have; element++)
		buf_addf(&m->text, ", $start.%u", element);
	if (n && !have)
		buf_adds(&m->text, ",\n\t\t    \"ARGS:%s\", \"\"");
	if (kernel)
		buf_addf(&m->text, ",\n\t\t    \"KSTACK:%%s\", $start.%u", element++);
	if (user)
		buf_addf(&m->text, ",\n\t\t    \"USTACK:%%s\", $start.%u", element++);
	buf_adds(&m->text, ");\n\t}\n}\n");
	return true;
}

bool funcslower_program(struct multi *m)
{
	const char *text;
	if (multi_value(m, "min-ms", 0) && multi_value(m, "min-us", 0))
		return multi_fail(m, NULL, NULL, "only one of -m and -u may be specified");
	m->o->session.folded |= multi_value(m, "folded", 0) != NULL;
	for (uint32_t i = 0; (text = multi_value(m, "function", i)); i++)
		if (!slower_function(m, text, i))
			return false;
	if (m->o->session.folded)
		buf_adds(&m->text, "\nend { print(@slow); }\n");
	else
		m->o->session.attached_before = arena_printf(m->a, "Tracing function calls slower than %s... Ctrl+C to quit.\n", slower_than(m));
	return true;
}

/* -- funcinterval -- */

bool funcinterval_program(struct multi *m)
{
	struct spec s;
	const char *text, *in, *out;
	if (!multi_one_unit(m) || !multi_pattern(m, &s, &text, &in, &out))
		return false;
	buf_addf(&m->text, "\n%s /wanted()/ {\n\tlet $now = nsecs;\n\tlet $last = @last;\n\t@last = $now;\n"
			   "\tif ($last && $now > $last) { @apart = hist(units($now - $last)); }\n}\n", in);
	struct buf b = { 0 };
	buf_addf(&b, "Tracing %s for \"", s.kind == SPEC_TRACEPOINT || s.syscall ? "tracepoint" : s.kind == SPEC_USDT ? "static probe" :
					  s.lib.len ? "uprobe function" : "kprobe function");
	buf_add_safe(&b, text, strlen(text), false);
	buf_adds(&b, "\"... Hit Ctrl-C to end.\n");
	m->o->session.attached_before = arena_strndup(m->a, b.s ? b.s : "", b.len);
	buf_fini(&b);
	return true;
}
