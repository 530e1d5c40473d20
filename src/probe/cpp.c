/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TARGET:cpp:NAME: functions by their name in C++ ("ns::Class::method"), which symbols have in mangled form.
 * Overloads differ in their parameters only; a name without parameters means all of them, one with parameters
 * ("f(int, char const*)") that one. White space does not matter, and what the language does not count as part of the
 * name neither: the result type that templates have in front, and `const` behind. `*` and `?` are patterns, where
 * they are not a pointer's star: inside of parameters they are text.
 *
 * Demangling costs microseconds and programs have a hundred thousand symbols: only those are demangled that contain
 * the last word of the name, which mangling leaves as it is.
 */
#include <ctype.h>
#include <stdlib.h>

#include "probe/site.h"

enum { CPP_NAME = 4096 };

/* Without white space, but for one blank between words. */
static void cpp_squeeze(const char *s, size_t n, char *ret, size_t room)
{
	size_t k = 0;
	for (size_t i = 0; i < n && k + 2 < room; i++) {
		if (!isspace((unsigned char)s[i])) {
			ret[k++] = s[i];
			continue;
		}
		bool before = k && (isalnum((unsigned char)ret[k - 1]) || ret[k - 1] == '_');
		while (i + 1 < n && isspace((unsigned char)s[i + 1]))
			i++;
		if (before && i + 1 < n && (isalnum((unsigned char)s[i + 1]) || s[i + 1] == '_'))
			ret[k++] = ' ';
	}
	ret[k] = 0;
}

size_t cpp_params(const char *s)
{
	size_t n = strlen(s);
	while (n && s[n - 1] != ')' && strchr(" const&volatile", s[n - 1]))
		n--;
	if (!n || s[n - 1] != ')')
		return strlen(s);
	for (int depth = 0; n > 0;) {
		n--;
		depth += s[n] == ')' ? 1 : s[n] == '(' ? -1 : 0;
		if (depth == 0)
			break;
	}
	/* "operator()" is a name; its parameters would follow */
	if (n >= 8 && strncmp(s + n - 8, "operator", 8) == 0)
		return strlen(s);
	return n;
}

/* Where the name begins, behind the result type that templates have: the last blank outside of <> and (). */
static size_t cpp_start(const char *s, size_t end)
{
	int depth = 0;
	for (size_t i = end; i-- > 0;) {
		char c = s[i];
		if (c == '>' && i > 0 && s[i - 1] != '-' && !(i >= 8 && strncmp(s + i - 8, "operator", 8) == 0))
			depth++;
		else if (c == '<' && depth)
			depth--;
		else if (c == ')')
			depth++;
		else if (c == '(' && depth)
			depth--;
		else if (isspace((unsigned char)c) && depth == 0 && !(i >= 8 && strncmp(s + i - 8, "operator", 8) == 0) &&
			 !(i >= 12 && strncmp(s + i - 12, "operator new", 12) == 0))
			return i + 1;
	}
	return 0;
}

bool cpp_matches(const char *name, const char *shown)
{
	char want[CPP_NAME], have[CPP_NAME];
	size_t end = cpp_params(shown), start = cpp_start(shown, end), name_end = cpp_params(name);
	cpp_squeeze(name, name_end, want, sizeof(want));
	cpp_squeeze(shown + start, end - start, have, sizeof(have));
	if (!str_match(want, have))
		return false;
	if (!name[name_end])
		return true;
	size_t close = strlen(name), last = strlen(shown);
	while (close && name[close - 1] != ')')
		close--;
	while (last && shown[last - 1] != ')')
		last--;
	cpp_squeeze(name + name_end, close - name_end, want, sizeof(want));
	cpp_squeeze(shown + end, last > end ? last - end : 0, have, sizeof(have));
	return strcmp(want, have) == 0;
}

/* The last word of a name, which its mangled form contains; "" when there is none that is sure to. */
static const char *cpp_word(struct arena *a, const char *name)
{
	size_t end = cpp_params(name), i;
	if (memmem(name, end, "operator", 8))
		return "";
	for (size_t k = 0; k < end; k++) /* of a template: what stands before its arguments */
		if (name[k] == '<' && k) {
			end = k;
			break;
		}
	while (end && !isalnum((unsigned char)name[end - 1]) && name[end - 1] != '_' && name[end - 1] != '*' && name[end - 1] != '?')
		end--;
	for (i = end; i > 0 && (isalnum((unsigned char)name[i - 1]) || name[i - 1] == '_'); i--)
		;
	if (i > 0 && (name[i - 1] == '*' || name[i - 1] == '?'))
		return "";
	return arena_strndup(a, name + i, end - i);
}

struct cpp_search {
	struct site *u;
	const char *word;
	struct buf shown;
};

static bool cpp_match(void *arg, const struct sym *s)
{
	struct cpp_search *x = arg;
	if (*x->word && !strstr(s->name, x->word))
		return true;
	if (!sym_demangle(s->name, &x->shown) || !x->shown.len) { /* extern "C" */
		buf_clear(&x->shown);
		buf_adds(&x->shown, s->name);
		if (x->shown.oom)
			return false;
	}
	char *clone = strstr(x->shown.s, " [clone ");
	if (clone) {
		if (strstr(clone, ".cold") || strstr(clone, ".part")) /* pieces of functions, not entered as such */
			return true;
		*clone = 0;
	}
	if (!cpp_matches(x->u->func, x->shown.s))
		return true;
	if (s->is_ifunc)
		x->u->n_ifunc++;
	else
		site_emit(x->u, s->addr, true, s->name, arena_printf(x->u->env->arena, "cpp:%s", x->shown.s));
	return true;
}

void cpp_places(struct site *u)
{
	struct cpp_search x = { .u = u, .word = cpp_word(u->env->arena, u->func) };
	sym_elf_each(u->elf, "*", cpp_match, &x);
	buf_fini(&x.shown);
}
