/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C headers: what #include and import "x.h" bring. A header is taken apart into its preprocessor lines and its declarations; lines are
 * interpreted, definitions of types are kept, and everything else (prototypes, variables, bodies of inline functions) is skipped: there
 * is no C compiler here, and nothing of it could be called.
 *
 * Headers of the kernel are not read when the kernel describes its types itself (BTF), which is better; unless -I says where they are.
 * Of system headers what cannot be understood is left out without a word, and a type that the kernel has under that name is the kernel's.
 */
#include "sema/ctext.h"

enum { HEADER_DEPTH = 32, HEADER_FILES = 512, HEADER_BYTES = 8 << 20 };

/* Comments become blanks, lines that end in a backslash one line, nothing moves. */
static char *header_blank(struct arena *a, struct str text)
{
	char *s = arena_strndup(a, text.s, text.len), quote = 0;
	for (uint32_t i = 0; i < text.len; i++) {
		char next = i + 1 < text.len ? s[i + 1] : '\0';
		if (s[i] == '\\' && next == '\n') {
			s[i] = s[i + 1] = ' ';
		} else if (quote) {
			if (s[i] == '\\' && next)
				i++;
			else if (s[i] == quote || s[i] == '\n')
				quote = 0;
		} else if (s[i] == '"' || s[i] == '\'') {
			quote = s[i];
		} else if (s[i] == '/' && next == '*') {
			uint32_t end = i + 2;
			while (end + 1 < text.len && !(s[end] == '*' && s[end + 1] == '/'))
				end++;
			end = end + 1 < text.len ? end + 2 : text.len;
			for (; i < end; i++)
				s[i] = ' ';
			i--;
		} else if (s[i] == '/' && next == '/') {
			while (i < text.len && s[i] != '\n')
				s[i++] = ' ';
		}
	}
	return s;
}

static bool header_letter(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || (ch >= '0' && ch <= '9');
}

static uint32_t header_word(const char *s, uint32_t i, uint32_t len, struct str *ret)
{
	while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r'))
		i++;
	uint32_t lo = i;
	while (i < len && header_letter(s[i]))
		i++;
	*ret = (struct str){ s + lo, i - lo };
	return i;
}

/* The end of the declaration at i, behind its ';', or behind the body of a function, which *ret_body says it is; at a word that stands alone
 * in its line (__BEGIN_DECLS and the like), behind that; at a preprocessor line between declarations, before it. */
static uint32_t header_declaration(const char *s, uint32_t i, uint32_t len, bool *ret_body)
{
	uint32_t depth = 0;
	char quote = 0, last = 0; /* last: before the brace that opens */
	bool parens = false;
	struct str word;
	uint32_t behind = header_word(s, i, len, &word);
	while (behind < len && (s[behind] == ' ' || s[behind] == '\t' || s[behind] == '\r'))
		behind++;
	if (word.len > 2 && word.s[0] == '_' && word.s[1] == '_' && (behind >= len || s[behind] == '\n'))
		return behind;
	for (; i < len; i++) {
		if (quote) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == quote)
				quote = 0;
			continue;
		}
		switch (s[i]) {
		case '"': case '\'':
			quote = s[i];
			break;
		case '{':
			if (depth++ == 0)
				*ret_body = parens = last == ')';
			break;
		case '}':
			if (depth && --depth == 0 && parens)
				return i + 1;
			break;
		case ';':
			if (!depth)
				return i + 1;
			break;
		case '\n':
			if (!depth && i + 1 < len && s[i + 1] == '#')
				return i + 1;
			break;
		default:
			break;
		}
		if (s[i] > ' ')
			last = s[i];
	}
	return len;
}

/* Does the kernel have a type of the name that "struct x {" or "typedef ... x;" would define? */
static bool header_is_kernels(const struct sema_ctx *c, const char *s, uint32_t lo, uint32_t hi)
{
	struct facts *f = c->env->facts;
	struct str word, name;
	uint32_t i = header_word(s, lo, hi, &word);
	if (!f || !f->ops->has(f, FEAT_BTF))
		return false;
	if (str_is(word, "typedef")) {
		uint32_t end = hi;
		while (end > lo && !header_letter(s[end - 1]))
			end--;
		uint32_t from = end;
		while (from > lo && header_letter(s[from - 1]))
			from--;
		return f->ops->type(f, 't', (struct str){ s + from, end - from }) != NULL;
	}
	header_word(s, i, hi, &name);
	return !str_is(word, "enum") && name.len && f->ops->type(f, word.s[0], name) != NULL;
}

static bool header_defines(const char *s, uint32_t lo, uint32_t hi, bool body)
{
	struct str word;
	header_word(s, lo, hi, &word);
	if (body)
		return false;
	if (str_is(word, "typedef"))
		return true;
	return (str_is(word, "struct") || str_is(word, "union") || str_is(word, "enum")) && memchr(s + lo, '{', hi - lo);
}

/* The pieces of one header, in order. `system`: what is not understood is passed over. */
static void header_pieces(struct sema_ctx *c, struct cpp *p, const char *s, uint32_t len, uint32_t base, bool system)
{
	for (uint32_t i = 0; i < len;) {
		if (s[i] <= ' ') {
			i++;
			continue;
		}
		uint32_t lo = i, list = c->d->list.n, errors = c->d->n_errors, warnings = c->d->n_warnings;
		bool line = s[i] == '#', body = false;
		if (line) {
			const char *nl = memchr(s + i, '\n', len - i);
			i = nl ? (uint32_t)(nl - s) : len;
		} else {
			i = header_declaration(s, i, len, &body);
		}
		struct node *n = node_new(c->a, N_CSTMT, (struct span){ base + lo, base + i });
		n->str = (struct str){ arena_strndup(c->a, s + lo, i - lo), i - lo };
		if (line)
			cpp_line(c, p, n);
		else if (cpp_live(p) && header_defines(s, lo, i, body) && !(system && header_is_kernels(c, s, lo, i)))
			cdecl_statement(c, n);
		if (!system)
			continue;
		c->d->list.n = list;
		c->d->n_errors = errors;
		c->d->n_warnings = warnings;
	}
}

/* What other compilers define by themselves, and headers of the system ask for. */
static void header_predefine(struct sema_ctx *c)
{
	static const char *const names[] = { "__x86_64__", "__LP64__", "__linux__", "__STDC__" };
	struct str *one = arena_new(c->a, struct str);
	*one = STR("1");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		map_put(c->a, &c->defines, str_of(names[i]), one);
}

bool sema_header(struct sema_ctx *c, struct cpp *p, struct str name, bool angled, struct span span)
{
	const struct sema_env *e = c->env;
	struct sema_include in = { .name = name, .angled = angled, .from = c->header };
	if (!e->include || c->header_depth >= HEADER_DEPTH || c->n_headers >= HEADER_FILES || c->header_bytes > HEADER_BYTES ||
	    !e->include(e->include_arg, &in))
		return false;
	struct str outer = c->header;
	uint32_t source = diags_add_source(c->d, in.path, in.text);
	if (!c->n_headers++)
		header_predefine(c);
	c->header_bytes += in.text.len;
	c->header = in.path;
	c->header_depth++;
	uint32_t depth = p->depth;
	header_pieces(c, p, header_blank(c->a, in.text), in.text.len, c->d->sources.v[source].base, angled);
	p->depth = p->depth > depth ? depth : p->depth;
	c->header_depth--;
	c->header = outer;
	(void)span;
	return true;
}
