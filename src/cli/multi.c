/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multi-tools: trace, argdist, and in multi_func.c funccount, funclatency and their like. Each has its file in tools/trace like any other tool, with its
 * options, its page and what all its programs share; the clauses for what the user specified are written here and put behind it. --source
 * prints the program, which runs by itself like any script.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/multi.h"

const char *multi_value(const struct multi *m, const char *name, uint32_t n)
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

uint32_t multi_number(const struct multi *m, const char *name, uint32_t otherwise)
{
	const char *s = multi_value(m, name, 0);
	unsigned long v = 0;
	return s && sscanf(s, "%li", (long *)&v) == 1 ? (uint32_t)v : otherwise;
}

/* A line of what was given, with a mark below `at`; long ones are cut on both sides. */
static void multi_mark(struct buf *b, const char *spec, const char *at)
{
	enum { BEFORE = 60, AFTER = 40 };
	const char *from = at - spec > BEFORE ? at - BEFORE : spec, *to = strnlen(at, AFTER + 1) > AFTER ? at + AFTER : at + strlen(at);
	while (from > spec && (*from & 0xc0) == 0x80)
		from--;
	while (*to && (*to & 0xc0) == 0x80)
		to++;
	buf_adds(b, from > spec ? "\n    ..." : "\n    ");
	size_t margin = b->len, begin = b->len - (from > spec ? 3 : 0);
	buf_add_safe(b, from, (size_t)(at - from), false);
	uint32_t width = (uint32_t)(margin - begin);
	for (size_t i = margin; i < b->len; i++)
		width += (b->s[i] & 0xc0) != 0x80;
	buf_add_safe(b, at, (size_t)(to - at), false);
	buf_adds(b, *to ? "...\n    " : "\n    ");
	buf_pad(b, ' ', (int)width);
	buf_addc(b, '^');
}

bool multi_fail(struct multi *m, const char *spec, const char *at, const char *why)
{
	struct buf b = { 0 };
	buf_add_safe(&b, why, strlen(why), false);
	if (at && spec && *spec && at >= spec && at <= spec + strlen(spec)) {
		multi_mark(&b, spec, at);
	} else if (spec && *spec) {
		buf_adds(&b, ": ");
		buf_add_safe(&b, spec, strnlen(spec, 200), false);
	}
	m->r.error = arena_strndup(m->a, b.s ? b.s : "", b.len);
	buf_fini(&b);
	return false;
}

void multi_quote(struct buf *b, struct str s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.s[i] == '"' || s.s[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, s.s[i] == '\n' ? ' ' : s.s[i]);
	}
}

struct cexpr multi_cexpr(const struct multi *m, const struct spec *s)
{
	return (struct cexpr){ .arena = m->a, .spec = s, .string_size = multi_number(m, "string-size", 80), .bin_cmp = multi_value(m, "bin_cmp", 0) != NULL };
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
	struct cexpr c = multi_cexpr(m, s);
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
			fine = multi_fail(m, text, s->format.s + (p - zero), "the format has no such conversion: %s %c %d %u %x with h, l or ll, %K, %U, %%");
		} else if (n >= s->exprs.n) {
			fine = multi_fail(m, text, s->format.s + (p - zero), "the format has more conversions than there are expressions");
		} else {
			struct str e = s->exprs.v[n++];
			v = !*type ? cexpr_as(&c, e, STR("char *")) : cexpr_text(&c, e);
			if (!v) {
				fine = multi_fail(m, text, c.at, c.error);
				break;
			}
			buf_adds(&fmt, conv);
			buf_addf(&values, !*type ? ", %s" : !strcmp(type, "ksym") || !strcmp(type, "usym") ? ", %2$s(%1$s)" : ", (%2$s)%1$s", v, type);
			p += 1 + len;
		}
	}
	if (fine && n < s->exprs.n)
		fine = multi_fail(m, text, s->exprs.v[n].s, "there are more expressions than the format has conversions");
	if (fine && !values.len) { /* a text without values is a value */
		buf_adds(&m->text, ",\n\t    \"-:%s\", \"");
		for (const char *p = fmt.s ? fmt.s : ""; *p; p++) {
			buf_addc(&m->text, *p);
			p += *p == '%';
		}
		buf_addc(&m->text, '"');
	} else if (fine) {
		buf_addf(&m->text, ",\n\t    \"-:%%(%s)\"%s", fmt.s, values.s);
	}
	buf_fini(&fmt);
	buf_fini(&values);
	return fine;
}

static void trace_setting(struct multi *m, const char *key, const char *value)
{
	buf_addf(&m->config, "; %s = \"", key);
	multi_quote(&m->config, str_of(value));
	buf_addc(&m->config, '"');
}

/* What holds for all probes: settings, and the condition, which is added to `where`. */
static bool trace_options(struct multi *m, struct buf *where)
{
	const char *contains = multi_value(m, "msg-filter", 0);
	uint32_t pages = multi_number(m, "buffer-pages", 0), events = multi_number(m, "max-events", 0);
	if (multi_value(m, "pid", 0) && multi_value(m, "tid", 0))
		return multi_fail(m, NULL, NULL, "only one of -p and -L may be specified");
	if (multi_value(m, "aggregate", 0) && m->o->session.folded)
		return multi_fail(m, NULL, NULL, "-A counts lines, of which folded stacks and pictures have none");
	if (multi_value(m, "aggregate", 0) && !events)
		return multi_fail(m, NULL, NULL, "-A needs -M: how many events shall be counted");
	if (multi_value(m, "unix-timestamp", 0) && !multi_value(m, "timestamp", 0))
		return multi_fail(m, NULL, NULL, "-u goes with -t");
	if (contains && *contains)
		trace_setting(m, "row_contains", contains);
	if (events)
		buf_addf(&m->config, "; max_rows = %u", events);
	if (multi_value(m, "aggregate", 0))
		buf_adds(&m->config, "; count_rows = true");
	if (pages)
		buf_addf(&m->config, "; perf_rb_pages = %u", pages);
	if (multi_value(m, "address", 0))
		buf_adds(&m->config, "; stack_mode = \"perf\"");
	buf_adds(where, "wanted()");
	if (events && !contains) /* the kernel can stop, too, and need not flood who does not listen any more */
		buf_addf(where, " && @lines < %u", events);
	if (!multi_value(m, "pid", 0) && !multi_value(m, "tid", 0) && !multi_value(m, "include-self", 0)) {
		buf_adds(&m->text, "\nbegin { @self = pid; }\n");
		buf_adds(where, " && pid != @self");
	}
	return true;
}

static bool trace_probe(struct multi *m, const char *text, const struct spec *s, const char *where, bool says)
{
	struct cexpr c = multi_cexpr(m, s);
	const char *condition = s->predicate.len ? cexpr_text(&c, s->predicate) : "";
	if (!condition)
		return multi_fail(m, text, c.at, c.error);
	buf_addf(&m->text, "\n%s /%s%s%s/ {\n\trow(", spec_attach(&m->r, s, false), where, *condition ? " && " : "", condition);
	if (multi_value(m, "timestamp", 0))
		buf_adds(&m->text, multi_value(m, "unix-timestamp", 0) ? "\"TIME:%-17s\", strftime(\"%s.%f\", nsecs), "
								       : "\"TIME:%-8.6{s}\", elapsed, ");
	else if (multi_value(m, "time", 0))
		buf_adds(&m->text, "\"TIME:%-8s\", strftime(\"%H:%M:%S\", nsecs), ");
	if (multi_value(m, "print_cpu", 0))
		buf_adds(&m->text, "\"CPU:%-3d\", cpu, ");
	buf_adds(&m->text, "\"PID:%-7d TID:%-7d COMM:%-15s FUNC:%-16s\", pid, tid, comm, ");
	if (memchr(s->func.s, '*', s->func.len)) {
		buf_adds(&m->text, "probename");
	} else {
		buf_addc(&m->text, '"');
		multi_quote(&m->text, s->func);
		buf_addc(&m->text, '"');
	}
	if (s->format.len && !trace_message(m, s, text))
		return false;
	if (!s->format.len && says)
		buf_adds(&m->text, ",\n\t    \"-:%s\", \"\"");
	if (multi_value(m, "kernel-stack", 0))
		buf_adds(&m->text, ",\n\t    \"KSTACK:%s\", kstack");
	if (multi_value(m, "user-stack", 0))
		buf_adds(&m->text, ",\n\t    \"USTACK:%s\", ustack");
	buf_adds(&m->text, ");\n");
	uint32_t events = multi_number(m, "max-events", 0);
	if (events && !multi_value(m, "msg-filter", 0))
		buf_addf(&m->text, "\t@lines++;\n\tif (@lines >= %u) { exit(); }\n", events);
	buf_adds(&m->text, "}\n");
	return true;
}

static bool trace_program(struct multi *m)
{
	VEC(struct spec) specs = { 0 };
	struct buf where = { 0 };
	const char *text;
	bool says = multi_value(m, "msg-filter", 0), fine = true;
	for (uint32_t i = 0; (text = multi_value(m, "probe", i)); i++) {
		struct spec s;
		if (!spec_trace(&m->r, text, &s))
			return multi_fail(m, text, m->r.at, m->r.error);
		says |= s.format.len != 0;
		vec_push(m->a, &specs, s);
	}
	fine = trace_options(m, &where);
	for (uint32_t i = 0; i < specs.n && fine; i++)
		fine = trace_probe(m, multi_value(m, "probe", i), &specs.v[i], where.s, says);
	buf_fini(&where);
	return fine;
}

/* -- argdist -- */

struct argdist_scope {
	struct multi *m;
	const struct argdist *d;
	VEC(const char *) kept; /* values at the entry, in the language: element 1 and so on of what is kept */
	bool latency;
	const char *error, *at;
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
	struct cexpr c = multi_cexpr(x->m, &x->d->spec);
	c.at_entry = true;
	struct str type = STR("");
	for (uint32_t i = 0; i < x->d->spec.params.n; i++)
		if (str_eq(x->d->spec.params.v[i].name, spec_trim(args)))
			type = x->d->spec.params.v[i].type;
	const char *v = cexpr_is_string(type) ? cexpr_as(&c, args, type) : cexpr_text(&c, args);
	if (!v) {
		x->error = c.error;
		x->at = c.at;
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
	struct cexpr c = multi_cexpr(m, &d->spec);
	c.other = argdist_other;
	c.call = argdist_call;
	c.arg = &x;
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
		return multi_fail(m, text, x.error ? x.at : c.at, x.error ? x.error : c.error);
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
				return multi_fail(m, text, m->r.at, m->r.error);
			if (h && !d.exprs.n && d.spec.kind != SPEC_RETURN)
				return multi_fail(m, text, NULL, "a distribution needs an expression");
			if (h && d.exprs.n > 1)
				return multi_fail(m, text, d.exprs.v[1].s, "a distribution has one expression");
			if (h && d.exprs.n && cexpr_is_string(d.types.v[0]))
				return multi_fail(m, text, d.types.v[0].s, "a distribution is of integers");
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

static const struct multi_tool {
	const char *name;
	bool (*program)(struct multi *m);
} multi_tools[] = {
	{ "trace", trace_program },		{ "argdist", argdist_program },	      { "funccount", funccount_program },
	{ "stackcount", stackcount_program },	{ "funclatency", funclatency_program }, { "funcslower", funcslower_program },
	{ "funcinterval", funcinterval_program },
};

static const struct multi_tool *multi_tool(const struct opt *o)
{
	for (size_t i = 0; o->tool && i < sizeof(multi_tools) / sizeof(*multi_tools); i++)
		if (!strcmp(o->tool->name, multi_tools[i].name))
			return &multi_tools[i];
	return NULL;
}

const char *multi_write(struct opt *o, const struct args *args, struct buf *ret)
{
	static const char generated[] = "generated = true";
	struct multi m = { .a = o->arena, .o = o, .args = args, .r = { .arena = o->arena } };
	const struct multi_tool *t = multi_tool(o);
	const char *header, *found;
	m.r.pid = (int)multi_number(&m, "pid", 0);
	for (uint32_t i = 0; (header = multi_value(&m, "include", i)); i++) {
		char *path = *header == '.' || *header == '/' ? realpath(header, NULL) : NULL;
		if (path)
			buf_addf(ret, "#include \"%s\"\n", path);
		else if (*header == '.' || *header == '/')
			vec_push(o->arena, &o->includes, header); /* for its message */
		else
			buf_addf(ret, "#include <%s>\n", header);
		free(path);
	}
	bool fine = t->program(&m);
	if (fine) {
		const char *head = arena_strndup(o->arena, o->text.s, o->text.len);
		found = strstr(head, generated);
		found = found ? found + strlen(generated) : head + o->text.len;
		buf_add(ret, head, (size_t)(found - head));
		buf_add(ret, m.config.s, m.config.len);
		buf_adds(ret, found);
		buf_add(ret, m.text.s, m.text.len);
	}
	buf_fini(&m.text);
	buf_fini(&m.config);
	return fine ? NULL : m.r.error ? m.r.error : "it cannot be translated";
}

int multi_translate(struct opt *o, const struct args *args)
{
	struct multi m = { .a = o->arena, .o = o, .args = args };
	struct buf all = { 0 };
	if (!multi_tool(o))
		return 0;
	const char *wrong = multi_write(o, args, &all), *name = o->tool->name;
	bool shown = multi_value(&m, "source", 0);
	if (wrong)
		fprintf(stderr, "ERROR: %s: %s\n", name, wrong);
	else if (shown || multi_value(&m, "debug", 0) || (strcmp(name, "stackcount") && multi_value(&m, "verbose", 0)))
		fwrite(all.s, 1, all.len, shown ? stdout : stderr);
	if (shown && !wrong)
		o->mode = MODE_DONE;
	o->text = (struct str){ arena_strndup(o->arena, all.s ? all.s : "", all.len), (uint32_t)all.len };
	buf_fini(&all);
	return wrong != NULL;
}
