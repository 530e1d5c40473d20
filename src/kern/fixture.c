/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pinned kernel from a text (test/fixture/kernel.txt says how it is written): the compiler is tested against it, without
 * a kernel and without root.
 *
 * The text's C declarations are laid out as a C compiler would and written as a BTF blob, which then is read by the same
 * reader as the running kernel's: fixture and machine differ in their bytes, not in their code. Raw tracepoints, iterators
 * and functions become what the kernel's BTF has for them. Tracepoints keep the kernel's own text.
 */
#include "kern/kern_priv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

enum { NEST_MAX = 16, MEMBERS_MAX = 4096, TEXT_MAX = 4 << 20, TYPE_SIZE_MAX = 1 << 26, TOKEN_MAX = 128 };

struct fx_member {
	const char *name;
	uint32_t type;
	uint32_t bit;   /* place, in bits */
	int32_t n_bits; /* -1: no bit-field */
	int64_t value;  /* of an enumerator */
};
struct fx_type {
	enum kbtf_kind kind;
	const char *name;
	uint32_t size, align; /* of structs, unions, enums, ints */
	uint32_t to;          /* pointee, element, alias, prototype */
	uint32_t count;
	bool flag, defined;
	uint8_t encoding;
	VEC(struct fx_member) members;
};
struct fx {
	struct arena *a;
	const char *p, *end;
	uint32_t line;
	enum { TOK_END, TOK_WORD, TOK_NUMBER, TOK_PUNCT } kind;
	char tok[TOKEN_MAX];
	uint64_t number;
	const char *err;
	jmp_buf fail;
	VEC(struct fx_type) types; /* index + 1 = id */
	struct map tags;           /* "struct x", "enum x", typedef and base names -> id */
	struct fixture *out;
};

static _Noreturn void fx_fail(struct fx *x, const char *what)
{
	x->err = arena_printf(x->a, "line %u: %s%s%s%s", x->line, what, x->kind == TOK_END ? "" : " (at '",
			      x->kind == TOK_END ? "" : x->tok, x->kind == TOK_END ? "" : "')");
	longjmp(x->fail, 1);
}

/* --- tokens --- */

static bool fx_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void fx_skip_space(struct fx *x)
{
	while (x->p < x->end) {
		char c = *x->p, d = x->p + 1 < x->end ? x->p[1] : 0;
		if (c == '\n') {
			x->line++;
			x->p++;
		} else if (c == ' ' || c == '\t' || c == '\r') {
			x->p++;
		} else if (c == '#' || (c == '/' && d == '/')) {
			while (x->p < x->end && *x->p != '\n')
				x->p++;
		} else if (c == '/' && d == '*') {
			for (x->p += 2; x->p < x->end && !(x->p[0] == '*' && x->p + 1 < x->end && x->p[1] == '/'); x->p++)
				x->line += *x->p == '\n';
			x->p = x->p < x->end ? x->p + 2 : x->p;
		} else {
			break;
		}
	}
}

static void fx_next(struct fx *x)
{
	fx_skip_space(x);
	x->tok[0] = 0;
	x->kind = TOK_END;
	if (x->p >= x->end)
		return;
	const char *s = x->p;
	size_t n = 0;
	while (x->p < x->end && fx_word_char(*x->p) && n < TOKEN_MAX - 1)
		x->tok[n++] = *x->p++;
	if (n == TOKEN_MAX - 1) {
		x->tok[n] = 0;
		x->kind = TOK_WORD;
		fx_fail(x, "the name is too long");
	}
	if (!n)
		x->tok[n++] = *x->p++;
	x->tok[n] = 0;
	x->kind = !fx_word_char(*s) ? TOK_PUNCT : *s >= '0' && *s <= '9' ? TOK_NUMBER : TOK_WORD;
	if (x->kind == TOK_NUMBER) {
		char *stop;
		errno = 0;
		x->number = strtoull(x->tok, &stop, 0);
		if (*stop || errno)
			fx_fail(x, "no number");
	}
}
static bool fx_is(const struct fx *x, const char *t)
{
	return x->kind != TOK_END && strcmp(x->tok, t) == 0;
}
static bool fx_take(struct fx *x, const char *t)
{
	if (!fx_is(x, t))
		return false;
	fx_next(x);
	return true;
}
static void fx_need(struct fx *x, const char *t)
{
	if (!fx_take(x, t))
		fx_fail(x, arena_printf(x->a, "'%s' is missing", t));
}
static const char *fx_name(struct fx *x)
{
	if (x->kind != TOK_WORD)
		fx_fail(x, "a name is missing");
	const char *s = arena_strdup(x->a, x->tok);
	fx_next(x);
	return s;
}

/* --- types --- */

static struct fx_type *fx_at(struct fx *x, uint32_t id)
{
	return &x->types.v[id - 1];
}
static uint32_t fx_add(struct fx *x, struct fx_type t)
{
	vec_push(x->a, &x->types, t);
	return x->types.n;
}
static uint32_t fx_tag(struct fx *x, const char *prefix, const char *name)
{
	return (uint32_t)(uintptr_t)map_get(&x->tags, str_of(arena_printf(x->a, "%s%s", prefix, name)));
}
static void fx_set_tag(struct fx *x, const char *prefix, const char *name, uint32_t id)
{
	map_put(x->a, &x->tags, str_of(arena_printf(x->a, "%s%s", prefix, name)), (void *)(uintptr_t)id);
}

static void fx_measure(struct fx *x, uint32_t id, uint32_t *ret_size, uint32_t *ret_align)
{
	uint64_t mult = 1;
	for (uint32_t guard = 0; id && guard < 64; guard++) {
		const struct fx_type *t = fx_at(x, id);
		switch (t->kind) {
		case KB_PTR:
			*ret_size = 8 * (uint32_t)mult, *ret_align = 8;
			return;
		case KB_TYPEDEF: case KB_CONST: case KB_VOLATILE:
			id = t->to;
			break;
		case KB_ARRAY:
			mult *= t->count;
			if (mult > TYPE_SIZE_MAX / 8)
				fx_fail(x, "the array is too large");
			id = t->to;
			break;
		case KB_STRUCT: case KB_UNION: case KB_ENUM: case KB_ENUM64: case KB_INT:
			if (!t->defined)
				fx_fail(x, "the type is not defined yet, and used by value");
			if (mult * t->size > TYPE_SIZE_MAX)
				fx_fail(x, "the type is too large");
			*ret_size = (uint32_t)(mult * t->size), *ret_align = t->align;
			return;
		default:
			fx_fail(x, "no value has this type");
		}
	}
	fx_fail(x, "no value has this type");
}

/* Lay members out as C does: natural alignment; a bit-field does not cross a unit of its type. */
static void fx_layout(struct fx *x, uint32_t id)
{
	uint64_t bit = 0, max = 0;
	uint32_t align = 1;
	bool flag = false, is_union = fx_at(x, id)->kind == KB_UNION;
	for (uint32_t i = 0; i < fx_at(x, id)->members.n; i++) {
		struct fx_member *m = &fx_at(x, id)->members.v[i];
		uint32_t size, al;
		fx_measure(x, m->type, &size, &al);
		uint64_t unit = (uint64_t)size * 8;
		if (m->n_bits >= 0 && !unit)
			fx_fail(x, "a bit-field of this type has no room");
		if (is_union)
			bit = 0;
		if (m->n_bits >= 0) {
			if ((uint64_t)m->n_bits > unit || (m->n_bits == 0 && *m->name))
				fx_fail(x, arena_printf(x->a, "the bit-field '%s' is wider than its type", m->name));
			if (m->n_bits == 0 || bit / unit != (bit + (uint32_t)m->n_bits - 1) / unit)
				bit = (bit + unit - 1) / unit * unit;
			flag = true;
		} else {
			bit = (bit + al * 8 - 1) / (al * 8) * (al * 8);
		}
		m->bit = (uint32_t)bit;
		bit += m->n_bits >= 0 ? (uint32_t)m->n_bits : unit;
		if (*m->name || m->n_bits < 0)
			align = al > align ? al : align;
		max = bit > max ? bit : max;
		if (max > (uint64_t)TYPE_SIZE_MAX * 8)
			fx_fail(x, "the struct is too large");
	}
	struct fx_type *t = fx_at(x, id);
	if (flag && max >= 1 << 24)
		fx_fail(x, "a struct with bit-fields is too large");
	t->flag = flag;
	t->align = align;
	t->size = (uint32_t)(((max + 7) / 8 + align - 1) / align * align);
	t->defined = true;
}

static uint32_t fx_specifiers(struct fx *x, unsigned nest);
static uint32_t fx_declarator(struct fx *x, uint32_t base, const char **ret_name, unsigned nest);

static void fx_members(struct fx *x, uint32_t id, unsigned nest)
{
	fx_need(x, "{");
	while (!fx_take(x, "}")) {
		uint32_t base = fx_specifiers(x, nest);
		if (fx_take(x, ";")) { /* an anonymous struct or union */
			vec_push(x->a, &fx_at(x, id)->members, ((struct fx_member){ .name = "", .type = base, .n_bits = -1 }));
			continue;
		}
		do {
			struct fx_member m = { .name = "", .n_bits = -1, .type = base };
			if (!fx_is(x, ":"))
				m.type = fx_declarator(x, base, &m.name, nest);
			if (fx_take(x, ":")) {
				if (x->kind != TOK_NUMBER || x->number > 64)
					fx_fail(x, "the width of a bit-field is missing");
				m.n_bits = (int32_t)x->number;
				fx_next(x);
			} else if (!*m.name) {
				fx_fail(x, "a member without a name");
			}
			if (fx_at(x, id)->members.n >= MEMBERS_MAX)
				fx_fail(x, "too many members");
			vec_push(x->a, &fx_at(x, id)->members, m);
		} while (fx_take(x, ","));
		fx_need(x, ";");
	}
	fx_layout(x, id);
}

static uint32_t fx_struct(struct fx *x, enum kbtf_kind kind, unsigned nest)
{
	const char *prefix = kind == KB_STRUCT ? "struct " : "union ", *name = "";
	uint32_t id = 0;
	if (nest >= NEST_MAX)
		fx_fail(x, "nested too deeply");
	if (x->kind == TOK_WORD) {
		name = fx_name(x);
		id = fx_tag(x, prefix, name);
	}
	if (!id) {
		if (!*name && !fx_is(x, "{"))
			fx_fail(x, "a struct needs a name or members");
		id = fx_add(x, (struct fx_type){ .kind = kind, .name = name });
		if (*name)
			fx_set_tag(x, prefix, name, id);
	}
	if (fx_is(x, "{")) {
		if (fx_at(x, id)->defined || fx_at(x, id)->members.n)
			fx_fail(x, "defined twice");
		fx_members(x, id, nest + 1);
	}
	return id;
}

static uint32_t fx_enum(struct fx *x)
{
	const char *name = "";
	uint32_t id = 0;
	if (x->kind == TOK_WORD) {
		name = fx_name(x);
		id = fx_tag(x, "enum ", name);
	}
	if (!id)
		id = fx_add(x, (struct fx_type){ .kind = KB_ENUM, .name = name, .size = 4, .align = 4 });
	if (*name)
		fx_set_tag(x, "enum ", name, id);
	if (!fx_take(x, "{"))
		return id;
	if (fx_at(x, id)->defined)
		fx_fail(x, "defined twice");
	int64_t v = 0;
	bool negative = false, wide = false;
	while (!fx_take(x, "}")) {
		struct fx_member m = { .name = fx_name(x) };
		if (fx_take(x, "=")) {
			bool minus = fx_take(x, "-");
			if (x->kind != TOK_NUMBER)
				fx_fail(x, "a value is missing");
			v = minus ? (int64_t)(0 - x->number) : (int64_t)x->number;
			negative |= minus;
			wide |= minus ? x->number > 0x80000000u : x->number > 0xffffffffu;
			fx_next(x);
		}
		m.value = v;
		v = (int64_t)((uint64_t)v + 1);
		if (fx_at(x, id)->members.n >= MEMBERS_MAX)
			fx_fail(x, "too many constants");
		vec_push(x->a, &fx_at(x, id)->members, m);
		if (!fx_take(x, ",") && !fx_is(x, "}"))
			fx_fail(x, "',' or '}' is missing");
	}
	struct fx_type *t = fx_at(x, id);
	t->kind = wide ? KB_ENUM64 : KB_ENUM;
	t->size = t->align = wide ? 8 : 4;
	t->flag = negative;
	t->defined = true;
	return id;
}

/* A base type by its name in BTF, made on first use. */
static uint32_t fx_base(struct fx *x, struct str name)
{
	const struct type *t = ctype_base(x->a, name);
	if (!t)
		return 0;
	struct str spelled = ctype_btf_name(name);
	const char *copy = arena_strndup(x->a, spelled.s, spelled.len);
	uint32_t id = fx_tag(x, "", copy);
	if (id)
		return id;
	id = fx_add(x, (struct fx_type){ .kind = KB_INT, .name = copy, .size = t->size,
					 .align = t->size, .defined = true,
					 .encoding = t->kind == T_BOOL ? 4 : t->is_signed ? 1 : 0 });
	fx_set_tag(x, "", copy, id);
	return id;
}

static uint32_t fx_qualify(struct fx *x, uint32_t id, bool is_const, bool is_volatile)
{
	if (is_const)
		id = fx_add(x, (struct fx_type){ .kind = KB_CONST, .name = "", .to = id });
	if (is_volatile)
		id = fx_add(x, (struct fx_type){ .kind = KB_VOLATILE, .name = "", .to = id });
	return id;
}

/* The type before a declarator; 0 is void. */
static uint32_t fx_specifiers(struct fx *x, unsigned nest)
{
	static const char *const words[] = { "unsigned", "signed", "long", "short", "int", "char", "_Bool" };
	bool is_const = false, is_volatile = false, have = false;
	char base[TOKEN_MAX];
	size_t len = 0;
	uint32_t id = 0;
	for (;;) {
		bool is_base = false;
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			is_base |= fx_is(x, words[i]);
		if (fx_take(x, "const")) {
			is_const = true;
		} else if (fx_take(x, "volatile")) {
			is_volatile = true;
		} else if (is_base && (!have || len) && len < TOKEN_MAX / 2) {
			len += (size_t)snprintf(base + len, sizeof(base) - len, "%s%s", len ? " " : "", x->tok);
			have = true;
			fx_next(x);
		} else if (have) {
			break;
		} else if (fx_is(x, "struct") || fx_is(x, "union")) {
			enum kbtf_kind kind = fx_is(x, "struct") ? KB_STRUCT : KB_UNION;
			fx_next(x);
			id = fx_struct(x, kind, nest);
			have = true;
		} else if (fx_take(x, "enum")) {
			id = fx_enum(x);
			have = true;
		} else if (fx_take(x, "void")) {
			have = true;
		} else {
			id = x->kind == TOK_WORD ? fx_tag(x, "", x->tok) : 0;
			if (!id)
				fx_fail(x, "no such type");
			fx_next(x);
			have = true;
		}
	}
	if (len && !(id = fx_base(x, str_of(base))))
		fx_fail(x, "no such type");
	return fx_qualify(x, id, is_const, is_volatile);
}

/* "(" params ")" into the members of a prototype. */
static uint32_t fx_params(struct fx *x, uint32_t ret, unsigned nest)
{
	uint32_t id = fx_add(x, (struct fx_type){ .kind = KB_FUNC_PROTO, .name = "", .to = ret });
	fx_need(x, "(");
	if (fx_take(x, ")"))
		return id;
	do {
		struct fx_member m = { .name = "" };
		m.type = fx_declarator(x, fx_specifiers(x, nest), &m.name, nest);
		if (!m.type && !*m.name && fx_at(x, id)->members.n == 0 && fx_is(x, ")"))
			break; /* (void) */
		if (fx_at(x, id)->members.n >= 64)
			fx_fail(x, "too many parameters");
		vec_push(x->a, &fx_at(x, id)->members, m);
	} while (fx_take(x, ","));
	fx_need(x, ")");
	return id;
}

static uint32_t fx_declarator(struct fx *x, uint32_t base, const char **ret_name, unsigned nest)
{
	uint32_t stars = 0;
	if (nest >= NEST_MAX)
		fx_fail(x, "nested too deeply");
	while (fx_is(x, "*") || fx_is(x, "const") || fx_is(x, "volatile")) {
		if (fx_is(x, "*")) {
			if (++stars > 8)
				fx_fail(x, "too many pointers");
			base = fx_add(x, (struct fx_type){ .kind = KB_PTR, .name = "", .to = base });
		}
		fx_next(x);
	}
	if (fx_take(x, "(")) { /* (*name)(params) */
		fx_need(x, "*");
		*ret_name = x->kind == TOK_WORD ? fx_name(x) : "";
		fx_need(x, ")");
		uint32_t proto = fx_params(x, base, nest + 1);
		return fx_add(x, (struct fx_type){ .kind = KB_PTR, .name = "", .to = proto });
	}
	if (x->kind == TOK_WORD)
		*ret_name = fx_name(x);
	uint32_t dims[8], n = 0;
	while (fx_take(x, "[")) {
		if (n >= 8)
			fx_fail(x, "too many dimensions");
		dims[n] = 0;
		if (x->kind == TOK_NUMBER) {
			if (x->number > TYPE_SIZE_MAX)
				fx_fail(x, "the array is too large");
			dims[n] = (uint32_t)x->number;
			fx_next(x);
		}
		n++;
		fx_need(x, "]");
	}
	while (n--)
		base = fx_add(x, (struct fx_type){ .kind = KB_ARRAY, .name = "", .to = base, .count = dims[n] });
	return base;
}

/* --- items --- */

static void fx_function(struct fx *x, const char *name, uint32_t proto)
{
	uint32_t id = fx_add(x, (struct fx_type){ .kind = KB_FUNC, .name = name, .to = proto });
	fx_set_tag(x, "function ", name, id);
}

static void fx_raw_tracepoint(struct fx *x)
{
	const char *name = fx_name(x);
	uint32_t void_ptr = fx_add(x, (struct fx_type){ .kind = KB_PTR, .name = "" });
	uint32_t proto = fx_params(x, 0, 0);
	/* The kernel passes its own data first; names are in a function, the typedef's parameters have none. */
	struct fx_type full = { .kind = KB_FUNC_PROTO, .name = "" }, bare = full;
	vec_push(x->a, &full.members, ((struct fx_member){ .name = "__data", .type = void_ptr }));
	vec_push(x->a, &bare.members, ((struct fx_member){ .name = "", .type = void_ptr }));
	for (uint32_t i = 0; i < fx_at(x, proto)->members.n; i++) {
		struct fx_member m = fx_at(x, proto)->members.v[i];
		vec_push(x->a, &full.members, m);
		m.name = "";
		vec_push(x->a, &bare.members, m);
	}
	fx_function(x, arena_printf(x->a, "__traceiter_%s", name), fx_add(x, full));
	uint32_t ptr = fx_add(x, (struct fx_type){ .kind = KB_PTR, .name = "", .to = fx_add(x, bare) });
	fx_add(x, (struct fx_type){ .kind = KB_TYPEDEF, .name = arena_printf(x->a, "btf_trace_%s", name), .to = ptr });
	fx_need(x, ";");
}

static void fx_iter(struct fx *x)
{
	const char *name = fx_name(x), *full = arena_printf(x->a, "bpf_iter__%s", name);
	if (fx_tag(x, "struct ", full))
		fx_fail(x, "defined twice");
	uint32_t id = fx_add(x, (struct fx_type){ .kind = KB_STRUCT, .name = full });
	fx_set_tag(x, "struct ", full, id);
	fx_members(x, id, 1);
	fx_need(x, ";");
	struct fx_type proto = { .kind = KB_FUNC_PROTO, .name = "", .to = fx_base(x, STR("int")) };
	for (uint32_t i = 0; i < fx_at(x, id)->members.n; i++) {
		struct fx_member m = fx_at(x, id)->members.v[i];
		vec_push(x->a, &proto.members, m);
	}
	fx_function(x, arena_printf(x->a, "bpf_iter_%s", name), fx_add(x, proto));
}

/* The kernel's text up to a "}" that stands first on a line. */
static void fx_tracepoint(struct fx *x)
{
	const char *category = fx_name(x);
	fx_need(x, ":");
	const char *event = fx_name(x), *begin, *key = arena_printf(x->a, "%s:%s", category, event);
	if (!fx_is(x, "{"))
		fx_fail(x, "'{' is missing");
	for (begin = x->p;; x->p++) {
		if (x->p >= x->end)
			fx_fail(x, "the tracepoint has no end");
		x->line += *x->p == '\n';
		if (*x->p == '}' && x->p[-1] == '\n')
			break;
	}
	struct str *text = arena_new(x->a, struct str);
	*text = (struct str){ begin, (uint32_t)(x->p - begin) };
	if (map_get(&x->out->events, str_of(key)))
		fx_fail(x, "defined twice");
	map_put(x->a, &x->out->events, str_of(key), text);
	x->p++;
	fx_next(x);
}

static void fx_features(struct fx *x)
{
	do {
		const char *name = fx_name(x);
		bool found = strcmp(name, "all") == 0;
		for (unsigned f = 0; f < FEAT_COUNT; f++)
			if (strcmp(name, "all") == 0 || strcmp(name, kern_feature_name((enum feature)f)) == 0)
				found = x->out->has[f] = true;
		if (!found)
			fx_fail(x, arena_printf(x->a, "no such feature: %s", name));
	} while (!fx_is(x, ";") && x->kind != TOK_END);
	fx_need(x, ";");
}

static void fx_item(struct fx *x)
{
	if (fx_take(x, "tracepoint")) {
		fx_tracepoint(x);
	} else if (fx_take(x, "rawtracepoint")) {
		fx_raw_tracepoint(x);
	} else if (fx_take(x, "iter")) {
		fx_iter(x);
	} else if (fx_take(x, "feature")) {
		fx_features(x);
	} else if (fx_take(x, "function")) {
		const char *name = "";
		uint32_t ret = fx_declarator(x, fx_specifiers(x, 0), &name, 0);
		if (!*name)
			fx_fail(x, "the function's name is missing");
		fx_function(x, name, fx_params(x, ret, 0));
		fx_need(x, ";");
	} else if (fx_take(x, "traceable")) { /* traceable "line", ...; as in tracefs */
		struct buf lines = { 0 };
		buf_add(&lines, x->out->traceable.s ? x->out->traceable.s : "", x->out->traceable.len);
		do {
			buf_adds(&lines, fx_name(x));
			if (fx_take(x, "[")) {
				buf_addf(&lines, " [%s]", fx_name(x));
				fx_need(x, "]");
			}
			buf_addc(&lines, '\n');
		} while (fx_take(x, ","));
		fx_need(x, ";");
		x->out->traceable = (struct str){ arena_strndup(x->a, lines.s, lines.len), (uint32_t)lines.len };
		buf_fini(&lines);
	} else if (fx_take(x, "kaddr")) {
		const char *name = fx_name(x);
		uint64_t *v = arena_new(x->a, uint64_t);
		if (x->kind != TOK_NUMBER)
			fx_fail(x, "an address is missing");
		*v = x->number;
		map_put(x->a, &x->out->kaddrs, str_of(name), v);
		fx_next(x);
		fx_need(x, ";");
	} else if (fx_take(x, "typedef")) {
		const char *name = "";
		uint32_t to = fx_declarator(x, fx_specifiers(x, 0), &name, 0);
		if (!*name || fx_tag(x, "", name))
			fx_fail(x, *name ? "defined twice" : "the typedef's name is missing");
		fx_set_tag(x, "", name, fx_add(x, (struct fx_type){ .kind = KB_TYPEDEF, .name = name, .to = to }));
		fx_need(x, ";");
	} else if (fx_is(x, "struct") || fx_is(x, "union") || fx_is(x, "enum")) {
		fx_specifiers(x, 0);
		fx_need(x, ";");
	} else {
		fx_fail(x, "a definition is expected");
	}
}

/* --- the blob --- */

static void put32(struct buf *b, uint64_t v)
{
	uint32_t w = (uint32_t)v;
	buf_add(b, &w, 4);
}
static uint32_t put_str(struct buf *strs, const char *s)
{
	if (!*s)
		return 0;
	uint32_t off = (uint32_t)strs->len;
	buf_add(strs, s, strlen(s) + 1);
	return off;
}

static void fx_emit(const struct fx *x, const struct fx_type *t, struct buf *o, struct buf *strs)
{
	uint32_t n = t->members.n;
	enum kbtf_kind kind = t->kind;
	if ((kind == KB_STRUCT || kind == KB_UNION) && !t->defined) { /* named only: a forward declaration */
		put32(o, put_str(strs, t->name));
		put32(o, (uint32_t)KB_FWD << 24 | (kind == KB_UNION ? 1u << 31 : 0));
		put32(o, 0);
		return;
	}
	put32(o, put_str(strs, t->name));
	put32(o, (uint32_t)kind << 24 | n | (t->flag ? 1u << 31 : 0));
	bool sized = kind == KB_INT || kind == KB_STRUCT || kind == KB_UNION || kind == KB_ENUM || kind == KB_ENUM64;
	put32(o, sized ? t->size : kind == KB_ARRAY ? 0 : t->to);
	if (kind == KB_INT)
		put32(o, (uint32_t)t->encoding << 24 | (kind == KB_INT && t->encoding == 4 ? 8 : t->size * 8));
	if (kind == KB_ARRAY) {
		put32(o, t->to);
		put32(o, 0);
		put32(o, t->count);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct fx_member *m = &t->members.v[i];
		put32(o, put_str(strs, m->name));
		if (kind == KB_ENUM || kind == KB_ENUM64) {
			put32(o, (uint64_t)m->value);
			if (kind == KB_ENUM64)
				put32(o, (uint64_t)m->value >> 32);
			continue;
		}
		put32(o, m->type);
		if (kind != KB_FUNC_PROTO)
			put32(o, t->flag && m->n_bits > 0 ? (uint32_t)m->n_bits << 24 | m->bit : m->bit);
	}
}

static bool fx_blob(struct fx *x)
{
	struct buf types = { 0 }, strs = { 0 }, all = { 0 };
	buf_addc(&strs, 0);
	for (uint32_t i = 0; i < x->types.n; i++)
		fx_emit(x, &x->types.v[i], &types, &strs);
	put32(&all, 0xeb9f | 1 << 16); /* magic, version */
	put32(&all, 24);
	put32(&all, 0);
	put32(&all, types.len);
	put32(&all, types.len);
	put32(&all, strs.len);
	buf_add(&all, types.s, types.len);
	buf_add(&all, strs.s, strs.len);
	bool ok = !types.oom && !strs.oom && !all.oom;
	if (ok) {
		x->out->btf = arena_dup(x->a, all.s, all.len);
		x->out->btf_len = (uint32_t)all.len;
	}
	buf_fini(&types);
	buf_fini(&strs);
	buf_fini(&all);
	return ok;
}

struct fixture *fixture_parse(struct arena *a, struct str text, const char **ret_err)
{
	struct fx *x = arena_new(a, struct fx);
	x->a = a;
	x->line = 1;
	x->out = arena_new(a, struct fixture);
	*ret_err = NULL;
	if (text.len > TEXT_MAX) {
		*ret_err = "the fixture is too large";
		return NULL;
	}
	/* A copy: what it holds outlives the caller's text. */
	x->p = arena_strndup(a, text.s, text.len);
	x->end = x->p + text.len;
	if (setjmp(x->fail)) {
		*ret_err = x->err;
		return NULL;
	}
	for (fx_next(x); x->kind != TOK_END;)
		fx_item(x);
	if (!fx_blob(x)) {
		*ret_err = "out of memory";
		return NULL;
	}
	return x->out;
}
