/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multi-tools: trace, argdist, funccount, funclatency, stackcount. Each has its file in tools/trace like any other tool, with its
 * options, its page and what all its programs share; the clauses for what the user specified are written here and put behind it. --source
 * prints the program, which runs by itself like any script.
 */
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/opt.h"
#include "cli/spec.h"
#include "kern/kern.h"
#include "probe/probe.h"

struct multi {
	struct arena *a;
	struct opt *o;
	const struct args *args;
	struct spec_reader r;
	struct buf text;
};

/* The value of an option, the `n`-th time that it was given; NULL: it was not. */
static const char *multi_value(const struct multi *m, const char *name, uint32_t n)
{
	size_t len = strlen(name);
	for (uint32_t i = 0; i < m->args->named.n; i++) {
		const char *s = m->args->named.v[i];
		if (strncmp(s + 2, name, len) != 0 || (s[2 + len] != '=' && s[2 + len]) || n--)
			continue;
		return s[2 + len] ? s + 3 + len : "";
	}
	return NULL;
}

static uint32_t multi_number(const struct multi *m, const char *name, uint32_t otherwise)
{
	const char *s = multi_value(m, name, 0);
	unsigned long v = 0;
	return s && sscanf(s, "%li", (long *)&v) == 1 ? (uint32_t)v : otherwise;
}

static bool multi_fail(struct multi *m, const char *spec, const char *why)
{
	m->r.error = arena_printf(m->a, "%s: %s", why, spec);
	return false;
}

/* Text for a string literal of the language. */
static void multi_quote(struct buf *b, struct str s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.s[i] == '"' || s.s[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, s.s[i] == '\n' ? ' ' : s.s[i]);
	}
}

/* -- trace -- */

/* A conversion of C: its length behind the '%', the language's conversion, and the type that its value gets. 0: there is none such. */
static uint32_t trace_conversion(const char *p, const char **ret_conv, const char **ret_type)
{
	static const struct {
		const char *c, *conv, *type;
	} all[] = {
		{ "s", "%s", "" }, { "c", "%c", "int8" }, { "d", "%d", "int32" }, { "u", "%u", "uint32" }, { "x", "%x", "uint32" }, { "ld", "%ld", "int64" },
		{ "lu", "%lu", "uint64" }, { "lx", "%lx", "uint64" }, { "lld", "%lld", "int64" }, { "llu", "%llu", "uint64" }, { "llx", "%llx", "uint64" },
		{ "hd", "%d", "int16" }, { "hu", "%u", "uint16" }, { "hx", "%x", "uint16" }, { "i", "%d", "int32" }, { "p", "%llx", "uint64" },
		{ "K", "%s", "ksym" }, { "U", "%s", "usym" },
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		size_t n = strlen(all[i].c);
		if (strncmp(p, all[i].c, n) != 0)
			continue;
		*ret_conv = all[i].conv;
		*ret_type = all[i].type;
		return (uint32_t)n;
	}
	return 0;
}

/* The message: a column by a format of printf, and its values. A closing parenthesis would end the column: it becomes a value. */
static bool trace_message(struct multi *m, const struct spec *s, const char *text)
{
	struct cexpr c = { .arena = m->a, .spec = s, .string_size = multi_number(m, "string-size", 80) };
	struct buf fmt = { 0 }, values = { 0 };
	uint32_t n = 0;
	bool fine = true;
	const char *zero = arena_strndup(m->a, s->format.s, s->format.len);
	for (const char *p = zero; *p && fine;) {
		const char *conv, *type, *v;
		uint32_t len;
		if (*p == ')') {
			buf_adds(&fmt, "%c");
			buf_adds(&values, ", 41");
			p++;
		} else if (*p != '%') {
			buf_addc(&fmt, *p++);
		} else if (p[1] == '%') {
			buf_adds(&fmt, "%%");
			p += 2;
		} else if (!(len = trace_conversion(p + 1, &conv, &type))) {
			fine = multi_fail(m, text, arena_printf(m->a, "the format has no conversion \"%.2s\"", p));
		} else if (n >= s->exprs.n) {
			fine = multi_fail(m, text, "the format has more conversions than there are expressions");
		} else {
			struct str e = s->exprs.v[n++];
			v = !*type ? cexpr_as(&c, e, STR("char *")) : cexpr_text(&c, e);
			if (!v) {
				fine = multi_fail(m, text, c.error);
				break;
			}
			buf_adds(&fmt, conv);
			buf_addf(&values, !*type ? ", %s" : !strcmp(type, "ksym") || !strcmp(type, "usym") ? ", %2$s(%1$s)" : ", (%2$s)%1$s", v, type);
			p += 1 + len;
		}
	}
	if (fine && n < s->exprs.n)
		fine = multi_fail(m, text, "there are more expressions than the format has conversions");
	if (fine)
		buf_addf(&m->text, ",\n\t    \"-:%%(%s)\"%s", fmt.s ? fmt.s : "", values.s ? values.s : "");
	buf_fini(&fmt);
	buf_fini(&values);
	return fine;
}

static bool trace_program(struct multi *m)
{
	const char *text;
	for (uint32_t i = 0; (text = multi_value(m, "probe", i)); i++) {
		struct spec s;
		struct cexpr c = { .arena = m->a, .spec = &s, .string_size = multi_number(m, "string-size", 80) };
		if (!spec_trace(&m->r, text, &s))
			return multi_fail(m, text, m->r.error);
		const char *where = s.predicate.len ? cexpr_text(&c, s.predicate) : NULL;
		if (s.predicate.len && !where)
			return multi_fail(m, text, c.error);
		buf_addf(&m->text, "\n%s /wanted(@lines)%s%s/ {\n\trow(", spec_attach(&m->r, &s, false), where ? " && " : "", where ? where : "");
		if (multi_value(m, "timestamp", 0))
			buf_adds(&m->text, multi_value(m, "unix-timestamp", 0) ? "\"TIME:%-17s\", strftime(\"%s.%f\", nsecs), "
									       : "\"TIME:%-8.6{s}\", elapsed, ");
		else if (multi_value(m, "time", 0))
			buf_adds(&m->text, "\"TIME:%-8s\", strftime(\"%H:%M:%S\", nsecs), ");
		if (multi_value(m, "print_cpu", 0))
			buf_adds(&m->text, "\"CPU:%-3d\", cpu, ");
		buf_adds(&m->text, "\"PID:%-7d TID:%-7d COMM:%-15s FUNC:%-16s\", pid, tid, comm, \"");
		multi_quote(&m->text, s.func);
		buf_addc(&m->text, '"');
		if (s.format.len && !trace_message(m, &s, text))
			return false;
		buf_adds(&m->text, ");\n\tfinished(@lines);\n}\n");
	}
	return true;
}

/* -- argdist -- */

struct argdist_scope {
	struct multi *m;
	const struct argdist *d;
	VEC(const char *) kept; /* values at the entry, in the language: element 1 and so on of what is kept */
	bool latency;
	const char *error;
};

static const char *argdist_other(void *arg, struct str name)
{
	struct argdist_scope *x = arg;
	if (!str_is(name, "$latency") || x->d->spec.kind != SPEC_RETURN)
		return NULL;
	x->latency = true;
	return "(nsecs - $entry.0)";
}

static const char *argdist_call(void *arg, struct str name, struct str args)
{
	struct argdist_scope *x = arg;
	if (!str_is(name, "$entry") || x->d->spec.kind != SPEC_RETURN)
		return NULL;
	struct cexpr c = { .arena = x->m->a, .spec = &x->d->spec, .at_entry = true, .string_size = multi_number(x->m, "string-size", 80) };
	struct str type = STR("");
	for (uint32_t i = 0; i < x->d->spec.params.n; i++)
		if (str_eq(x->d->spec.params.v[i].name, spec_trim(args)))
			type = x->d->spec.params.v[i].type;
	const char *v = cexpr_is_string(type) ? cexpr_as(&c, args, type) : cexpr_text(&c, args);
	if (!v) {
		x->error = c.error;
		return NULL;
	}
	uint32_t k = 0;
	while (k < x->kept.n && strcmp(x->kept.v[k], v) != 0)
		k++;
	if (k == x->kept.n)
		vec_push(x->m->a, &x->kept, v);
	return arena_printf(x->m->a, "$entry.%u", k + 1);
}

/* What a row of counts says of itself: "size = 16, fd = 3". */
static void argdist_show(struct multi *m, const struct argdist *d, uint32_t n, bool cumulative)
{
	struct buf *b = &m->text;
	uint32_t values = d->exprs.n ? d->exprs.n : d->spec.kind == SPEC_RETURN ? 1 : 0, top = multi_number(m, "top", 0);
	if (!values) {
		buf_addf(b, "\tif ((uint64)@c%u > 0) { rank(0, \"COUNT:%%-10d EVENT:%%s\", (uint64)@c%u, \"total calls\"); }\n\ttop();\n", n, n);
	} else {
		buf_addf(b, "\tfor ($kv : @c%u) {\n\t\trank(%s(uint64)$kv.1, \"COUNT:%%-10d EVENT:%%-1(", n, top ? "" : "0xffffffffffffffff - ");
		for (uint32_t i = 0; i < values; i++) {
			struct str e = d->exprs.n ? d->exprs.v[i] : STR("retval");
			for (uint32_t k = 0; k < e.len; k++)
				if (e.s[k] == '%')
					buf_adds(b, "%%");
				else if (e.s[k] == ')')
					buf_adds(b, "%c");
				else if (e.s[k] == '"' || e.s[k] == '\\')
					buf_addf(b, "\\%c", e.s[k]);
				else
					buf_addc(b, e.s[k]);
			buf_addf(b, " = %s%s", d->exprs.n && (cexpr_is_string(d->types.v[i])) ? "%s" : "%d", i + 1 < values ? ", " : "");
		}
		buf_adds(b, ")\", (uint64)$kv.1");
		for (uint32_t i = 0; i < values; i++) {
			struct str e = d->exprs.n ? d->exprs.v[i] : STR("retval");
			for (uint32_t k = 0; k < e.len; k++)
				if (e.s[k] == ')')
					buf_adds(b, ", 41");
			if (values > 1)
				buf_addf(b, ", $kv.0.%u", i);
			else
				buf_adds(b, ", $kv.0");
		}
		if (top)
			buf_addf(b, ");\n\t}\n\ttop(%u);\n", top);
		else
			buf_adds(b, ");\n\t}\n\ttop();\n");
	}
	if (!cumulative)
		buf_addf(b, "\tclear(@c%u);\n", n);
}

static bool argdist_clause(struct multi *m, const struct argdist *d, const char *text, uint32_t n, bool histogram)
{
	struct argdist_scope x = { .m = m, .d = d };
	struct cexpr c = { .arena = m->a, .spec = &d->spec, .other = argdist_other, .call = argdist_call, .arg = &x,
			   .string_size = multi_number(m, "string-size", 80) };
	struct buf body = { 0 }, key = { 0 };
	const char *filter = d->filter.len ? cexpr_text(&c, d->filter) : "", *e = "";
	for (uint32_t i = 0; filter && e && i < d->exprs.n; i++) {
		e = cexpr_as(&c, d->exprs.v[i], d->types.v[i]);
		buf_addf(&key, "%s%s", i ? ", " : "", e ? e : "");
	}
	if (!d->exprs.n && d->spec.kind == SPEC_RETURN) {
		e = cexpr_as(&c, STR("$retval"), STR("int"));
		buf_adds(&key, e ? e : "");
	}
	if (!filter || !e || x.error) {
		buf_fini(&key);
		return multi_fail(m, text, x.error ? x.error : c.error);
	}
	if (histogram)
		buf_addf(&body, "@c%u = hist(%s);", n, key.s ? key.s : "");
	else if (key.len)
		buf_addf(&body, "@c%u[%s] = count();", n, key.s);
	else
		buf_addf(&body, "@c%u = count();", n);
	bool kept = x.latency || x.kept.n;
	const char *at = spec_attach(&m->r, &d->spec, false);
	if (kept) {
		buf_addf(&m->text, "\n%s /wanted()/ { @entry%u[tid] = (nsecs", spec_attach(&m->r, &d->spec, true), n);
		for (uint32_t i = 0; i < x.kept.n; i++)
			buf_addf(&m->text, ", %s", x.kept.v[i]);
		if (!x.kept.n)
			buf_adds(&m->text, ", 0");
		buf_adds(&m->text, "); }\n");
		buf_addf(&m->text, "%s /has_key(@entry%u, tid)/ {\n\tlet $entry = @entry%u[tid];\n\tdelete(@entry%u, tid);\n", at, n, n, n);
	} else {
		buf_addf(&m->text, "\n%s /wanted()/ {\n", at);
	}
	if (*filter)
		buf_addf(&m->text, "\tif %s { %s }\n}\n", filter, body.s);
	else
		buf_addf(&m->text, "\t%s\n}\n", body.s);
	buf_fini(&body);
	buf_fini(&key);
	return true;
}

static bool argdist_program(struct multi *m)
{
	static const char *const lists[] = { "count", "histogram" };
	bool cumulative = multi_value(m, "cumulative", 0);
	struct buf show = { 0 }, maps = { 0 };
	uint32_t n = 0;
	const char *text;
	for (int h = 0; h < 2; h++) {
		for (uint32_t i = 0; (text = multi_value(m, lists[h], i)); i++, n++) {
			struct argdist d;
			if (!spec_argdist(&m->r, text, &d))
				return multi_fail(m, text, m->r.error);
			if (h && !d.exprs.n && d.spec.kind != SPEC_RETURN)
				return multi_fail(m, text, "a distribution needs an expression");
			if (h && d.exprs.n > 1)
				return multi_fail(m, text, "a distribution has one expression");
			if (h && d.exprs.n && cexpr_is_string(d.types.v[0]))
				return multi_fail(m, text, "a distribution is of integers");
			if (!argdist_clause(m, &d, text, n, h))
				return false;
			struct buf program = m->text;
			m->text = show;
			struct str title = d.label.len ? d.label : str_of(text);
			if (h) {
				struct buf label = { 0 };
				multi_quote(&label, d.label.len ? d.label : d.exprs.n ? d.exprs.v[0] : STR("retval"));
				buf_addf(&m->text, "\tprint(@c%u, \"%s\");\n", n, label.s ? label.s : "");
				buf_fini(&label);
				if (!cumulative)
					buf_addf(&m->text, "\tclear(@c%u);\n", n);
			} else {
				buf_adds(&m->text, "\tprintf(\"%s\\n\", \"");
				multi_quote(&m->text, title);
				buf_adds(&m->text, "\");\n");
				argdist_show(m, &d, n, cumulative);
			}
			show = m->text;
			m->text = program;
		}
	}
	if (!n) {
		m->r.error = "at least one specifier is required: -C SPEC or -H SPEC";
		buf_fini(&show);
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		buf_addf(&maps, "%s@c%u", i ? ", " : "", i);
	buf_addf(&m->text, "\nmacro show(%s) {\n\tprintf(\"[%%s]\\n\", strftime(\"%%H:%%M:%%S\", nsecs));\n%s}\n", maps.s, show.s ? show.s : "");
	buf_addf(&m->text, "interval:${interval} {\n\tif (!opt.number || @shown < opt.number) {\n\t\tshow(%s);\n\t\t@shown++;\n"
			   "\t\tif (opt.number && @shown >= opt.number) { exit(); }\n\t}\n}\n", maps.s);
	buf_addf(&m->text, "end /!opt.number || @shown < opt.number/ { show(%s); }\n", maps.s);
	buf_fini(&show);
	buf_fini(&maps);
	return true;
}

/* -- functions by pattern -- */

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
		multi_fail(m, text, "this is no regular expression");
		return NULL;
	}
	s->func = STR("*");
	diags_init(&d, m->a);
	struct kern *k = kern_open(m->a);
	probe_list(m->a, k, &d, spec_attach(&m->r, s, true), m->o->session.pid, false, &names);
	kern_close(k);
	for (char *line = names.len ? strtok(names.s, "\n") : NULL; line; line = strtok(NULL, "\n")) {
		const char *colon = strrchr(line, ':'), *name = colon ? colon + 1 : line;
		if (regexec(&re, name, 0, NULL, 0))
			continue;
		buf_addf(&places, "%s%s", n++ ? ",\n" : "", line);
	}
	regfree(&re);
	if (!n)
		multi_fail(m, text, "0 functions matched");
	else if (n > MULTI_PLACES_MAX)
		multi_fail(m, text, arena_printf(m->a, "maximum of %d probes allowed, attempted %u", MULTI_PLACES_MAX, n));
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
		return multi_fail(m, *ret_text, m->r.error);
	if (s->kind == SPEC_RETURN)
		return multi_fail(m, *ret_text, "r: is not for this tool");
	*ret_in = multi_value(m, "regexp", 0) ? multi_matching(m, s, *ret_text) : spec_attach(&m->r, s, true);
	if (!*ret_in)
		return false;
	struct buf out = { 0 }; /* kprobe:a, uprobe:b -> kretprobe:a, uretprobe:b */
	for (const char *p = *ret_in; *p; p++) {
		if ((p == *ret_in || p[-1] == '\n') && (!strncmp(p, "kprobe:", 7) || !strncmp(p, "uprobe:", 7))) {
			buf_addf(&out, "%cret", *p);
			continue;
		}
		buf_addc(&out, *p);
	}
	*ret_out = arena_strndup(m->a, out.s, out.len);
	if (s->syscall)
		*ret_out = arena_printf(m->a, "tracepoint:syscalls:sys_exit_%s", s->syscall);
	buf_fini(&out);
	return true;
}

/* What is said when everything is attached, with the number of places. */
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

static uint32_t multi_timers(const struct multi *m)
{
	return (multi_value(m, "interval", 0) != NULL) + (multi_value(m, "duration", 0) != NULL);
}

static bool funccount_program(struct multi *m)
{
	struct spec s;
	const char *text, *in, *out;
	if (!multi_pattern(m, &s, &text, &in, &out))
		return false;
	buf_addf(&m->text, "\n%s /wanted()/ { @calls[probename] = count(); }\n", in);
	multi_announce(m, text, multi_timers(m) + 1);
	return true;
}

static bool stackcount_program(struct multi *m)
{
	struct spec s;
	const char *text, *in, *out;
	bool kernel = multi_value(m, "kernel-stacks-only", 0), user = multi_value(m, "user-stacks-only", 0);
	bool by_pid = multi_value(m, "perpid", 0) || multi_value(m, "pid", 0);
	if (kernel && user) {
		m->r.error = "-K and -U exclude each other; both stacks are the default";
		return false;
	}
	if (!multi_pattern(m, &s, &text, &in, &out))
		return false;
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

static bool funclatency_program(struct multi *m)
{
	struct spec s;
	const char *text, *in, *out;
	uint32_t level = multi_number(m, "level", 0);
	if (!multi_pattern(m, &s, &text, &in, &out))
		return false;
	if (s.kind != SPEC_ENTRY)
		return multi_fail(m, text, "functions have a duration, other probes do not");
	if (level) {
		buf_addf(&m->text,
			 "\n%s /wanted()/ {\n\tlet $depth = @depth[tid];\n\tif ($depth < %u) { @start[tid, $depth] = nsecs; }\n\t@depth[tid] = $depth + 1;\n}\n"
			 "%s /has_key(@depth, tid)/ {\n\tlet $depth = @depth[tid] - 1;\n\tif (has_key(@start, (tid, $depth))) {\n"
			 "\t\ttook(@by, @all, @total, @count, probename, nsecs - @start[tid, $depth]);\n\t\tdelete(@start, (tid, $depth));\n\t}\n"
			 "\tif ($depth > 0) { @depth[tid] = $depth; } else { delete(@depth, tid); }\n}\n",
			 in, level, out);
	} else {
		buf_addf(&m->text, "\n%s /wanted()/ { @start[tid] = nsecs; }\n%s /has_key(@start, tid)/ {\n\ttook(@by, @all, @total, @count, probename, nsecs - @start[tid]);\n"
				   "\tdelete(@start, tid);\n}\n", in, out);
	}
	multi_announce(m, text, multi_timers(m) + 1);
	m->o->session.attached_others |= 1u << 31; /* each function has two places */
	return true;
}

static const struct multi_tool {
	const char *name;
	bool (*program)(struct multi *m);
} multi_tools[] = {
	{ "trace", trace_program },		{ "argdist", argdist_program },	      { "funccount", funccount_program },
	{ "stackcount", stackcount_program },	{ "funclatency", funclatency_program },
};

int multi_translate(struct opt *o, const struct args *args)
{
	struct multi m = { .a = o->arena, .o = o, .args = args, .r = { .arena = o->arena } };
	const struct multi_tool *t = NULL;
	int status = 0;
	for (size_t i = 0; o->tool && i < sizeof(multi_tools) / sizeof(*multi_tools); i++)
		if (!strcmp(o->tool->name, multi_tools[i].name))
			t = &multi_tools[i];
	if (!t)
		return 0;
	const char *header;
	for (uint32_t i = 0; (header = multi_value(&m, "include", i)); i++)
		vec_push(o->arena, &o->includes, header);
	buf_add(&m.text, o->text.s, o->text.len);
	if (!t->program(&m)) {
		fprintf(stderr, "ERROR: %s: %s\n", t->name, m.r.error ? m.r.error : "it cannot be translated");
		status = 1;
	} else if (multi_value(&m, "source", 0)) {
		fwrite(m.text.s, 1, m.text.len, stdout);
		o->mode = MODE_DONE;
	} else {
		o->text = (struct str){ arena_strndup(o->arena, m.text.s, m.text.len), (uint32_t)m.text.len };
	}
	buf_fini(&m.text);
	return status;
}
