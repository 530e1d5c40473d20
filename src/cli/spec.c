/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe specifications into parts: where to attach, with which parameters, under which condition, to do what. The forms are those of bcc's
 * trace, argdist and funccount, and where those stumble (a colon in an expression, a comma in a call) these do not.
 *
 * System calls: sys_NAME, SyS_NAME, __x64_sys_NAME name functions that come and go with kernels and hide their arguments. They
 * stand for the call's tracepoint, whose fields are its arguments by position.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/spec.h"
#include "kern/kern.h"
#include "sym/sym.h"

enum { SPEC_MAX = 64 << 10 };

static bool spec_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool spec_fail(struct spec_reader *r, const char *at, const char *what)
{
	r->error = what;
	r->at = at;
	return false;
}

struct str spec_trim(struct str s)
{
	while (s.len && (*s.s == ' ' || *s.s == '\t' || *s.s == '\n')) {
		s.s++;
		s.len--;
	}
	while (s.len && (s.s[s.len - 1] == ' ' || s.s[s.len - 1] == '\t' || s.s[s.len - 1] == '\n'))
		s.len--;
	return s;
}

/* The end of what begins at `at`: a quoted text, or something in parentheses, brackets; otherwise one character. */
static uint32_t spec_skip(struct str s, uint32_t at)
{
	char c = s.s[at];
	if (c == '"' || c == '\'') {
		uint32_t i = at + 1;
		while (i < s.len && s.s[i] != c)
			i += s.s[i] == '\\' ? 2 : 1;
		return i < s.len ? i + 1 : s.len;
	}
	if (c != '(' && c != '[' && c != '{')
		return at + 1;
	uint32_t depth = 0, i = at;
	while (i < s.len) {
		if (s.s[i] == '"' || s.s[i] == '\'') {
			i = spec_skip(s, i);
			continue;
		}
		if (strchr("([{", s.s[i]))
			depth++;
		else if (strchr(")]}", s.s[i]) && !--depth)
			return i + 1;
		i++;
	}
	return s.len;
}

void spec_split(struct arena *a, struct str s, char sep, struct spec_parts *ret)
{
	uint32_t from = 0, questions = 0, i = 0;
	while (i < s.len) {
		if (sep == ':' && s.s[i] == '?') {
			questions++;
		} else if (sep == ':' && s.s[i] == ':' && questions) {
			questions--; /* of c ? a : b */
		} else if (s.s[i] == sep) {
			vec_push(a, &ret->v, spec_trim((struct str){ s.s + from, i - from }));
			from = i + 1;
		}
		i = spec_skip(s, i);
	}
	vec_push(a, &ret->v, spec_trim((struct str){ s.s + from, s.len - from }));
}

/* -- system calls -- */

/* The fields of a tracepoint behind __syscall_nr. */
static bool spec_syscall_fields(struct spec_reader *r, struct spec *s, const char *events, const char *name)
{
	char path[512], line[512];
	bool seen = false;
	snprintf(path, sizeof(path), "%s/events/syscalls/sys_enter_%s/format", events, name);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	s->syscall_args.n = 0;
	while (fgets(line, sizeof(line), f)) {
		char *semi = strchr(line, ';'), *field = strstr(line, "field:");
		if (!semi || !field)
			continue;
		*semi = 0;
		char *word = semi;
		while (word > field && spec_is_word(word[-1]))
			word--;
		if (seen)
			vec_push(r->arena, &s->syscall_args, arena_strdup(r->arena, word));
		seen |= !strcmp(word, "__syscall_nr");
	}
	fclose(f);
	return seen;
}

static void spec_find_syscall(struct spec_reader *r, struct spec *s)
{
	static const char *const prefixes[] = { "__x64_sys_", "__se_sys_", "SyS_", "sys_" };
	const char *why, *events = NULL;
	if (s->lib.len || s->kind > SPEC_RETURN)
		return;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		uint32_t n = (uint32_t)strlen(prefixes[i]);
		if (s->func.len <= n || memcmp(s->func.s, prefixes[i], n) || s->func.len - n > 64 || memchr(s->func.s, '+', s->func.len) ||
		    memchr(s->func.s, '*', s->func.len))
			continue;
		const char *name = arena_printf(r->arena, "%.*s", (int)(s->func.len - n), s->func.s + n);
		if (!events) {
			struct kern *k = kern_open(r->arena);
			events = kern_tracefs(k, &why);
			events = events ? arena_strdup(r->arena, events) : NULL;
			kern_close(k);
		}
		if (events && spec_syscall_fields(r, s, events, name))
			s->syscall = name;
		else if (events && spec_syscall_fields(r, s, events, arena_printf(r->arena, "new%s", name)))
			s->syscall = arena_printf(r->arena, "new%s", name); /* stat, fstat, uname */
		return;
	}
}

/* -- where -- */

static bool spec_params(struct spec_reader *r, struct str list, struct spec *s)
{
	struct spec_parts parts = { 0 };
	s->has_signature = true;
	if (!spec_trim(list).len || str_is(spec_trim(list), "void"))
		return true;
	spec_split(r->arena, list, ',', &parts);
	for (uint32_t i = 0; i < parts.v.n; i++) {
		struct str p = parts.v.v[i];
		uint32_t end = p.len;
		if (end > 2 && p.s[end - 1] == ']') { /* char *argv[] */
			while (end && p.s[end - 1] != '[')
				end--;
			end -= end > 0;
		}
		uint32_t at = end;
		while (at && spec_is_word(p.s[at - 1]))
			at--;
		if (at == end || !at)
			return spec_fail(r, p.s, "a parameter needs a type and a name");
		struct spec_param x = { { p.s + at, end - at }, spec_trim((struct str){ p.s, at }) };
		if (end < p.len)
			x.type = str_of(arena_printf(r->arena, "%.*s *", STR_FMT(x.type)));
		if (i == 0 && str_is(x.name, "ctx") && x.type.len > 14 && !memcmp(x.type.s, "struct pt_regs", 14))
			continue; /* the registers, which bcc's programs are given first */
		vec_push(r->arena, &s->params, x);
	}
	return true;
}

/* lib:func, p:lib:func, t:category:event, u:lib:provider:probe, func */
static bool spec_location(struct spec_reader *r, struct str text, struct spec *s)
{
	struct spec_parts p = { 0 };
	spec_split(r->arena, text, ':', &p);
	uint32_t n = p.v.n, from = 0;
	if (n >= 3) {
		struct str kind = p.v.v[0];
		s->kind = str_is(kind, "r") ? SPEC_RETURN : str_is(kind, "t") ? SPEC_TRACEPOINT : str_is(kind, "u") ? SPEC_USDT : SPEC_ENTRY;
		if (kind.len && !str_is(kind, "p") && s->kind == SPEC_ENTRY)
			return spec_fail(r, kind.s, "a probe is of type p, r, t or u");
		from = 1;
	}
	s->func = p.v.v[n - 1];
	if (s->kind == SPEC_TRACEPOINT) {
		if (n != 3)
			return spec_fail(r, text.s, "a tracepoint is t:category:event");
		s->category = p.v.v[1];
	} else if (s->kind == SPEC_USDT) {
		if (n > 4)
			return spec_fail(r, text.s, "a static probe is u:library:probe or u:library:provider:probe");
		s->lib = p.v.v[1];
		s->category = n == 4 ? p.v.v[2] : STR("");
	} else if (n - from > 1) { /* a path may hold colons */
		const char *begin = p.v.v[from].s, *end = p.v.v[n - 2].s + p.v.v[n - 2].len;
		s->lib = (struct str){ begin, (uint32_t)(end - begin) };
	}
	if (!s->func.len)
		return spec_fail(r, s->func.s, "the probe has no name");
	spec_find_syscall(r, s);
	return true;
}

bool spec_pattern(struct spec_reader *r, const char *text, struct spec *ret)
{
	struct str s = spec_trim(str_of(text));
	*ret = (struct spec){ .kind = SPEC_ENTRY };
	if (s.len > SPEC_MAX || !s.len)
		return spec_fail(r, NULL, s.len ? "the pattern is too long" : "the pattern is empty");
	return spec_location(r, s, ret);
}

bool spec_trace(struct spec_reader *r, const char *text, struct spec *ret)
{
	struct str s = spec_trim(str_of(text));
	uint32_t i = 0;
	*ret = (struct spec){ .kind = SPEC_ENTRY };
	if (s.len > SPEC_MAX)
		return spec_fail(r, NULL, "the specification is too long");
	while (i < s.len && s.s[i] != ' ' && s.s[i] != '\t' && s.s[i] != '(')
		i++;
	if (!i || !spec_location(r, (struct str){ s.s, i }, ret))
		return r->error ? false : spec_fail(r, s.s, "a probe is expected: [p:|r:][LIB:]FUNCTION, t:CATEGORY:EVENT, u:FILE:PROBE");
	if (i < s.len && s.s[i] == '(') {
		uint32_t end = spec_skip(s, i);
		if (s.s[end - 1] != ')')
			return spec_fail(r, s.s + i, "this parenthesis is not closed");
		if (ret->kind > SPEC_RETURN)
			return spec_fail(r, s.s + i, "a signature is for functions only; a condition stands behind a blank");
		if (!spec_params(r, (struct str){ s.s + i + 1, end - i - 2 }, ret))
			return false;
		i = end;
	}
	s = spec_trim((struct str){ s.s + i, s.len - i });
	if (s.len && *s.s == '(') {
		uint32_t end = spec_skip(s, 0);
		if (end < 2 || s.s[end - 1] != ')')
			return spec_fail(r, s.s, "this parenthesis is not closed");
		ret->predicate = spec_trim((struct str){ s.s + 1, end - 2 });
		s = spec_trim((struct str){ s.s + end, s.len - end });
	}
	if (!s.len)
		return true;
	if (*s.s != '"')
		return spec_fail(r, s.s, "a format in quotes is expected");
	uint32_t end = spec_skip(s, 0);
	if (end < 2 || s.s[end - 1] != '"')
		return spec_fail(r, s.s, "the format's quotes are not closed");
	ret->format = (struct str){ s.s + 1, end - 2 };
	s = spec_trim((struct str){ s.s + end, s.len - end });
	if (!s.len)
		return true;
	if (*s.s != ',')
		return spec_fail(r, s.s, "a comma is expected behind the format");
	struct spec_parts parts = { 0 };
	spec_split(r->arena, (struct str){ s.s + 1, s.len - 1 }, ',', &parts);
	for (uint32_t k = 0; k < parts.v.n; k++)
		vec_push(r->arena, &ret->exprs, parts.v.v[k]);
	return true;
}

bool spec_argdist(struct spec_reader *r, const char *text, struct argdist *ret)
{
	struct str s = spec_trim(str_of(text));
	struct spec_parts p = { 0 }, list = { 0 };
	*ret = (struct argdist){ 0 };
	if (s.len > SPEC_MAX)
		return spec_fail(r, NULL, "the specification is too long");
	for (uint32_t i = 0; i < s.len; i = spec_skip(s, i)) {
		if (s.s[i] != '#')
			continue;
		ret->label = spec_trim((struct str){ s.s + i + 1, s.len - i - 1 });
		s.len = i;
		break;
	}
	spec_split(r->arena, s, ':', &p);
	uint32_t open = 2; /* the part with the parentheses: colons in a path move it */
	while (open < p.v.n && !memchr(p.v.v[open].s, '(', p.v.v[open].len))
		open++;
	if (open >= p.v.n || p.v.n - open > 4)
		return spec_fail(r, s.s, "the form is {p|r|t|u}:{[library]|category}:function(signature)[:type[,type...]:expr[,expr...][:filter]][#label]");
	struct str call = p.v.v[open];
	const char *paren = memchr(call.s, '(', call.len);
	if (call.s[call.len - 1] != ')')
		return spec_fail(r, paren, "this parenthesis is not closed");
	if (!spec_location(r, (struct str){ s.s, (uint32_t)(paren - s.s) }, &ret->spec))
		return false;
	if (!spec_params(r, (struct str){ paren + 1, (uint32_t)(call.s + call.len - paren) - 2 }, &ret->spec))
		return false;
	if (p.v.n == open + 2)
		return spec_fail(r, p.v.v[open + 1].s, "types need expressions: :type[,type...]:expr[,expr...]");
	if (p.v.n > open + 2) {
		spec_split(r->arena, p.v.v[open + 1], ',', &list);
		for (uint32_t i = 0; i < list.v.n; i++)
			vec_push(r->arena, &ret->types, list.v.v[i]);
		list.v.n = 0;
		spec_split(r->arena, p.v.v[open + 2], ',', &list);
		for (uint32_t i = 0; i < list.v.n; i++)
			vec_push(r->arena, &ret->exprs, list.v.v[i]);
		if (ret->types.n != ret->exprs.n)
			return spec_fail(r, p.v.v[open + 1].s, "each expression needs a type, and each type an expression");
	}
	if (p.v.n > open + 3)
		ret->filter = p.v.v[open + 3];
	return true;
}

/* -- the attach point -- */

/* "c", "pthread": a library before a program, as bcc looks for them; anything else is left to the compiler. */
static const char *spec_file(struct spec_reader *r, struct str lib)
{
	const char *name = arena_strndup(r->arena, lib.s, lib.len);
	if (strchr(name, '/'))
		return name;
	const char *found = r->pid > 0 ? sym_lib_mapped(r->arena, r->pid, name) : NULL;
	found = found ? found : sym_lib_find(r->arena, sym_root(r->arena, r->pid), name);
	return found ? found : name;
}

/* Libraries that newer C libraries have taken in, and keep as empty files: what was in them is in libc. */
static const char *spec_file_now(struct spec_reader *r, struct str lib)
{
	static const char *const taken[] = { "pthread", "libpthread", "dl", "libdl", "rt", "librt", "util", "libutil" };
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (str_is(lib, taken[i]))
			return spec_file(r, STR("c"));
	return NULL;
}

const char *spec_attach(struct spec_reader *r, const struct spec *s, bool entry)
{
	bool ret = s->kind == SPEC_RETURN && !entry;
	const char *file = s->lib.len ? spec_file(r, s->lib) : "", *now = s->lib.len ? spec_file_now(r, s->lib) : NULL, *head = ret ? "uretprobe" : "uprobe";
	if (s->kind == SPEC_TRACEPOINT)
		return arena_printf(r->arena, "tracepoint:%.*s:%.*s", STR_FMT(s->category), STR_FMT(s->func));
	if (s->syscall)
		return arena_printf(r->arena, "tracepoint:syscalls:sys_%s_%s", ret ? "exit" : "enter", s->syscall);
	if (!s->lib.len && s->kind != SPEC_USDT)
		return arena_printf(r->arena, "%s:%.*s", ret ? "kretprobe" : "kprobe", STR_FMT(s->func));
	const char *rest = arena_printf(r->arena, "%.*s%s%.*s", STR_FMT(s->category), s->category.len ? ":" : "", STR_FMT(s->func));
	head = s->kind == SPEC_USDT ? "usdt" : head;
	return now && strcmp(now, file) ? arena_printf(r->arena, "%s:%s:%s|%s:%s:%s", head, file, rest, head, now, rest)
					: arena_printf(r->arena, "%s:%s:%s", head, file, rest);
}
