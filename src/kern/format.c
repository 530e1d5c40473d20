/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracefs' description of an event ("events/CATEGORY/EVENT/format") to a struct type.
 *
 *	ID: 365
 *		field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
 *		field:pid_t pid;	offset:12;	size:4;	signed:1;
 *
 * The text is C declarations as the kernel's macros happened to print them, so the parser is tolerant: what it does not
 * know it makes an integer of the stated size, and a line without sense is left out. The kernel's BTF is not needed:
 * structs and enums are made by name and looked up only when a program looks inside.
 *
 * A system call's argument takes eight bytes in the record whatever its type ("int dfd" has size:8), and the upper ones
 * are what the caller's register held. The field gets the declared type where that is smaller, so that AT_FDCWD is -100.
 */
#include "kern/kern_priv.h"

enum { RECORD_MAX = 1 << 16, FIELDS_MAX = 4096, STARS_MAX = 8 };

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
static struct str str_trim(struct str s)
{
	while (s.len && (*s.s == ' ' || *s.s == '\t'))
		s.s++, s.len--;
	while (s.len && (s.s[s.len - 1] == ' ' || s.s[s.len - 1] == '\t' || s.s[s.len - 1] == '\r'))
		s.len--;
	return s;
}
static bool str_cut(struct str *s, const char *prefix)
{
	size_t n = strlen(prefix);
	if (s->len < n || memcmp(s->s, prefix, n) != 0)
		return false;
	*s = str_trim((struct str){ s->s + n, s->len - (uint32_t)n });
	return true;
}

/* "key:number" of a line; false if it is not there. */
static bool line_number(struct str line, const char *key, uint32_t *ret)
{
	size_t n = strlen(key);
	for (uint32_t i = 0; i + n < line.len; i++) {
		if (memcmp(line.s + i, key, n) != 0 || (i && is_word(line.s[i - 1])))
			continue;
		uint64_t v = 0;
		uint32_t j = i + (uint32_t)n;
		while (j < line.len && (line.s[j] == ' ' || line.s[j] == '-'))
			j++; /* "signed:-1" was seen in old kernels */
		if (j >= line.len || line.s[j] < '0' || line.s[j] > '9')
			return false;
		for (; j < line.len && line.s[j] >= '0' && line.s[j] <= '9'; j++) {
			v = v * 10 + (uint32_t)(line.s[j] - '0');
			if (v > UINT32_MAX)
				return false;
		}
		*ret = (uint32_t)v;
		return true;
	}
	return false;
}

/* Words that say nothing about the value. */
static bool is_noise(struct str w, bool *ret_user)
{
	static const char *const noise[] = { "const", "volatile", "restrict", "register", "__rcu", "__percpu", "__iomem", "__force",
					     "__seg_gs", "__seg_fs", "__restrict", "__nocast", "__bitwise" };
	if (str_is(w, "__user")) {
		*ret_user = true;
		return true;
	}
	for (size_t i = 0; i < sizeof(noise) / sizeof(*noise); i++)
		if (str_is(w, noise[i]))
			return true;
	return false;
}

/* The type that a text such as "const struct iovec *" names; NULL if it names none that is known. */
static struct type *format_type(const struct format_env *e, struct str text)
{
	char base[128]; /* the words of the base type, with one space between */
	uint32_t n = 0, stars = 0;
	bool user = false;
	for (uint32_t i = 0; i < text.len;) {
		if (text.s[i] == ' ' || text.s[i] == '\t') {
			i++;
		} else if (text.s[i] == '*') {
			stars++;
			i++;
		} else if (is_word(text.s[i])) {
			struct str w = { text.s + i, 0 };
			while (i < text.len && is_word(text.s[i]))
				i++, w.len++;
			if (is_noise(w, &user))
				continue;
			if (stars || n + w.len + 2 > sizeof(base))
				return NULL;
			if (n)
				base[n++] = ' ';
			memcpy(base + n, w.s, w.len);
			n += w.len;
		} else if (text.s[i] == '(') { /* a pointer to a function, whatever it takes */
			return type_ptr(e->arena, type_new(e->arena, T_FUNC, 0, 1), AS_KERNEL);
		} else {
			return NULL;
		}
	}
	struct str b = { base, n };
	struct type *t = NULL;
	if (stars > STARS_MAX || !n)
		return NULL;
	if (str_is(b, "void"))
		t = stars ? e->facts->void_type : NULL;
	else if (str_cut(&b, "struct "))
		t = e->named(e->arg, 's', b);
	else if (str_cut(&b, "union "))
		t = e->named(e->arg, 'u', b);
	else if (str_cut(&b, "enum "))
		t = e->named(e->arg, 'e', b);
	else if (!(t = ctype_base(e->arena, b)))
		t = e->named(e->arg, 't', b);
	if (!t && stars)
		t = e->facts->void_type;
	for (uint32_t i = 0; i < stars; i++)
		t = type_ptr(e->arena, t, user && i + 1 == stars ? AS_USER : AS_NONE);
	return t;
}

/* A declaration to its name, the text of its type, and whether it is an array. False if it has no name. */
static bool format_declaration(struct str decl, struct str *ret_name, struct str *ret_type, bool *ret_array)
{
	decl = str_trim(decl);
	*ret_array = false;
	uint32_t end = decl.len;
	if (decl.len && decl.s[decl.len - 1] == ')') { /* "int (*f)(void)" */
		for (uint32_t i = 0; i + 2 < decl.len; i++)
			if (decl.s[i] == '(' && decl.s[i + 1] == '*') {
				uint32_t j = i + 2;
				while (j < decl.len && is_word(decl.s[j]))
					j++;
				*ret_name = (struct str){ decl.s + i + 2, j - i - 2 };
				*ret_type = decl;
				return ret_name->len > 0;
			}
		return false;
	}
	while (end && decl.s[end - 1] == ']') {
		uint32_t depth = 0;
		do {
			end--;
			depth += decl.s[end] == ']';
			depth -= decl.s[end] == '[';
		} while (end && depth);
		*ret_array = true;
		while (end && decl.s[end - 1] == ' ')
			end--;
	}
	uint32_t begin = end;
	while (begin && is_word(decl.s[begin - 1]))
		begin--;
	*ret_name = (struct str){ decl.s + begin, end - begin };
	*ret_type = str_trim((struct str){ decl.s, begin });
	return end > begin && ret_type->len > 0;
}

static struct type *format_array(const struct format_env *e, struct type *elem, struct str type_text, uint32_t size, bool is_signed)
{
	bool is_char = str_is(type_text, "char") || str_is(type_text, "const char");
	if (is_char && size)
		return type_string(e->arena, size);
	if (!elem || !elem->size || size % elem->size || elem->kind == T_STRUCT)
		elem = type_int(e->arena, 1, is_signed);
	return type_array(e->arena, elem, size / elem->size);
}

static struct type *format_plain(const struct format_env *e, struct type *t, uint32_t size, bool is_signed)
{
	if (t && t->kind == T_STRUCT) { /* by value */
		if (!t->size && !t->complete)
			t->size = size;
		return t->size <= size ? t : type_array(e->arena, type_int(e->arena, 1, false), size);
	}
	if (t && t->kind == T_ENUM && !t->complete && !t->origin && (size == 1 || size == 2 || size == 4)) {
		t->size = t->align = size; /* made by name only; the kernel's BTF has the last word */
		t->is_signed = is_signed;
	}
	if (t && type_is_scalar(t) && t->size && t->size <= size)
		return t;
	if (size == 1 || size == 2 || size == 4 || size == 8)
		return type_int(e->arena, size, is_signed);
	return type_array(e->arena, type_int(e->arena, 1, false), size);
}

static void format_field(const struct format_env *e, struct type *event, struct str line)
{
	struct field f = { 0 };
	struct str decl = { line.s, 0 }, type_text;
	uint32_t size, sign = 0;
	bool array;
	while (decl.len < line.len && decl.s[decl.len] != ';')
		decl.len++;
	struct str rest = { line.s + decl.len, line.len - decl.len };
	if (!line_number(rest, "offset:", &f.offset) || !line_number(rest, "size:", &size) || f.offset > RECORD_MAX ||
	    size > RECORD_MAX || !format_declaration(decl, &f.name, &type_text, &array) || event->fields.n >= FIELDS_MAX)
		return;
	line_number(rest, "signed:", &sign);
	if (str_starts(f.name, "common_"))
		return;
	f.data_loc = str_cut(&type_text, "__data_loc ");
	f.rel_loc = !f.data_loc && str_cut(&type_text, "__rel_loc ");
	if (f.data_loc || f.rel_loc) {
		if (size != 4)
			return;
		while (type_text.len && type_text.s[type_text.len - 1] != '[')
			type_text.len--;
		if (type_text.len) {
			type_text.len--;
		} else { /* "__data_loc cpumask_t mask": one of it */
			type_text = (struct str){ decl.s, (uint32_t)(f.name.s - decl.s) };
			str_cut(&type_text, f.data_loc ? "__data_loc " : "__rel_loc ");
		}
		struct type *elem = format_type(e, str_trim(type_text));
		f.type = type_ptr(e->arena, elem ? elem : e->facts->void_type, AS_KERNEL);
	} else {
		struct type *t = format_type(e, type_text);
		f.type = array ? format_array(e, t, type_text, size, sign) : format_plain(e, t, size, sign);
	}
	f.name.s = arena_strndup(e->arena, f.name.s, f.name.len);
	f.text = e->facts->texts ? arena_strndup(e->arena, decl.s, decl.len) : NULL;
	uint32_t end = f.offset + size;
	if (end > event->size)
		event->size = end;
	vec_push(e->arena, &event->fields, f);
}

struct type *format_parse(const struct format_env *e, struct str text, const char *type_name, uint64_t *ret_id)
{
	struct type *t = type_new(e->arena, T_STRUCT, 0, 8);
	bool has_id = false;
	uint32_t id = 0;
	t->name = str_of(arena_strdup(e->arena, type_name));
	t->complete = true;
	for (uint32_t at = 0; at < text.len;) {
		struct str line = { text.s + at, 0 };
		while (at < text.len && text.s[at] != '\n')
			at++, line.len++;
		at++;
		line = str_trim(line);
		if (str_cut(&line, "field:") || str_cut(&line, "field special:"))
			format_field(e, t, line);
		else if (str_starts(line, "print fmt:"))
			break; /* the rest is for people */
		else if (line_number(line, "ID:", &id))
			has_id = true;
	}
	if (!has_id)
		return NULL;
	if (ret_id)
		*ret_id = id;
	return t;
}
