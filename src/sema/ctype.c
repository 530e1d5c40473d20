/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types by name (reference 1.7): the language's own, those of the program's C
 * text, those of the kernel's BTF, and the C names that hold everywhere. The
 * program's definitions come before the kernel's.
 */
#include "lang/lex.h"
#include "sema/sema_priv.h"

enum { TYPE_MAX_BYTES = 1 << 20 };

/* Integers that C programs name; the kernel's BTF may be absent or lack some. */
static const struct {
	const char *name;
	uint8_t size;
	bool is_signed;
} ctype_ints[] = {
	{ "int8", 1, true }, { "int16", 2, true }, { "int32", 4, true }, { "int64", 8, true }, { "uint8", 1, false },
	{ "uint16", 2, false }, { "uint32", 4, false }, { "uint64", 8, false },
	{ "char", 1, true }, { "short", 2, true }, { "int", 4, true }, { "long", 8, true }, { "signed char", 1, true },
	{ "unsigned char", 1, false }, { "unsigned short", 2, false }, { "unsigned int", 4, false }, { "unsigned", 4, false },
	{ "unsigned long", 8, false }, { "short int", 2, true }, { "long int", 8, true }, { "long long", 8, true },
	{ "long long int", 8, true }, { "unsigned short int", 2, false }, { "unsigned long int", 8, false },
	{ "unsigned long long", 8, false }, { "unsigned long long int", 8, false }, { "long unsigned int", 8, false },
	{ "long long unsigned int", 8, false }, { "short unsigned int", 2, false }, { "signed int", 4, true }, { "signed", 4, true },
	{ "signed long", 8, true }, { "signed short", 2, true },
	{ "int8_t", 1, true }, { "int16_t", 2, true }, { "int32_t", 4, true }, { "int64_t", 8, true }, { "uint8_t", 1, false },
	{ "uint16_t", 2, false }, { "uint32_t", 4, false }, { "uint64_t", 8, false }, { "u8", 1, false }, { "u16", 2, false },
	{ "u32", 4, false }, { "u64", 8, false }, { "s8", 1, true }, { "s16", 2, true }, { "s32", 4, true }, { "s64", 8, true },
	{ "__u8", 1, false }, { "__u16", 2, false }, { "__u32", 4, false }, { "__u64", 8, false }, { "__s8", 1, true },
	{ "__s16", 2, true }, { "__s32", 4, true }, { "__s64", 8, true }, { "__be16", 2, false }, { "__be32", 4, false },
	{ "__be64", 8, false }, { "__le16", 2, false }, { "__le32", 4, false }, { "__le64", 8, false }, { "size_t", 8, false },
	{ "ssize_t", 8, true }, { "intptr_t", 8, true }, { "uintptr_t", 8, false }, { "ptrdiff_t", 8, true }, { "pid_t", 4, true },
	{ "uid_t", 4, false }, { "gid_t", 4, false }, { "off_t", 8, true }, { "loff_t", 8, true }, { "time_t", 8, true },
	{ "mode_t", 4, false }, { "umode_t", 2, false }, { "dev_t", 4, false }, { "ino_t", 8, false }, { "sector_t", 8, false },
	{ "socklen_t", 4, false }, { "in_addr_t", 4, false }, { "in_port_t", 2, false }, { "sa_family_t", 2, false },
	{ "gfp_t", 4, false }, { "u_char", 1, false }, { "u_short", 2, false }, { "u_int", 4, false }, { "u_long", 8, false },
	{ "uint", 4, false }, { "ulong", 8, false }, { "ushort", 2, false }, { "uchar", 1, false }, { "wchar_t", 4, true },
};

static const struct {
	const char *name;
	enum type_kind kind;
	uint8_t size, align;
	bool is_signed;
} ctype_own[] = {
	{ "void", T_VOID, 0, 1, false }, { "bool", T_BOOL, 1, 1, false }, { "_Bool", T_BOOL, 1, 1, false },
	{ "string", T_STRING, 0, 1, false }, { "buffer", T_BUFFER, 0, 1, false }, { "inet", T_INET, 24, 1, false },
	{ "username_t", T_USERNAME, 8, 8, false }, { "macaddr_t", T_MAC, 6, 1, false }, { "timestamp", T_TIMESTAMP, 16, 1, false },
	{ "cgroup_path_t", T_CGROUP_PATH, 16, 1, false }, { "file_number_t", T_FILE_NUMBER, 16, 1, false }, { "count_t", T_COUNT, 8, 8, false }, { "sum_t", T_SUM, 8, 8, true },
	{ "min_t", T_MIN, 8, 8, true }, { "max_t", T_MAX, 8, 8, true }, { "avg_t", T_AVG, 8, 8, true }, { "stats_t", T_STATS, 8, 8, true },
	{ "usum_t", T_SUM, 8, 8, false }, { "umin_t", T_MIN, 8, 8, false }, { "umax_t", T_MAX, 8, 8, false },
	{ "uavg_t", T_AVG, 8, 8, false }, { "ustats_t", T_STATS, 8, 8, false },
};

static struct type *ctype_tagged(struct sema_ctx *c, char keyword, struct str name)
{
	const char *tag = keyword == 's' ? "struct" : keyword == 'u' ? "union" : "enum";
	return map_get(&c->ctypes, str_of(arena_printf(c->a, "%s %.*s", tag, STR_FMT(name))));
}

/* From the debug information of the program or library that the clause is about. */
static struct type *ctype_of_program(struct sema_ctx *c, char keyword, struct str name)
{
	const struct provider *p = c->clause ? c->clause->provider : NULL;
	return p && p->type && c->clause->attach.n ? p->type(p, &c->env->prov, c->clause->attach.v[0], keyword, name) : NULL;
}

struct type *sema_named_type(struct sema_ctx *c, char keyword, struct str name)
{
	struct facts *f = c->env->facts;
	struct type *t;
	if (!keyword) {
		for (size_t i = 0; i < sizeof(ctype_own) / sizeof(*ctype_own); i++) {
			if (!str_is(name, ctype_own[i].name))
				continue;
			t = type_new(c->a, ctype_own[i].kind, ctype_own[i].size, ctype_own[i].align);
			t->is_signed = ctype_own[i].is_signed;
			return t;
		}
		for (size_t i = 0; i < 8; i++) /* the language's own integers cannot be redefined */
			if (str_is(name, ctype_ints[i].name))
				return type_int(c->a, ctype_ints[i].size, ctype_ints[i].is_signed);
		t = map_get(&c->ctypes, name);
		for (int i = 0; !t && i < 3; i++)
			t = ctype_tagged(c, "sue"[i], name);
	} else {
		t = ctype_tagged(c, keyword, name);
	}
	if (t && (t->kind != T_STRUCT || t->complete))
		return t;
	/* In a probe on a program its own structs come before the kernel's, some of which have the same names. */
	struct type *known = keyword ? ctype_of_program(c, keyword, name) : NULL;
	if (!known && f)
		known = f->ops->type(f, keyword, name);
	if (!known && !keyword)
		known = ctype_of_program(c, keyword, name);
	if (known)
		return known;
	for (size_t i = 8; !keyword && !t && i < sizeof(ctype_ints) / sizeof(*ctype_ints); i++)
		if (str_is(name, ctype_ints[i].name))
			return type_int(c->a, ctype_ints[i].size, ctype_ints[i].is_signed);
	return t;
}

/* The size in [N], [$1], or 0 for [] */
static bool ctype_count(struct sema_ctx *c, const struct node *suffix, uint32_t *ret)
{
	uint64_t v = suffix->ival < 0 ? 0 : (uint64_t)suffix->ival;
	bool uns;
	if (suffix->param) {
		if (v == 0 || v > c->env->params.n || lex_integer(c->a, c->env->params.v[v - 1], true, &v, &uns)) {
			SERR(c, D_UNKNOWN_TYPE, suffix->span, "array whose size is not a number");
			return false;
		}
	}
	if (v > TYPE_MAX_BYTES) {
		SERR(c, D_TOO_MANY, suffix->span, arena_printf(c->a, "Types of more than %d bytes are not supported", TYPE_MAX_BYTES));
		return false;
	}
	*ret = (uint32_t)v;
	return true;
}

static const char *ctype_spelling(struct sema_ctx *c, const struct node *t)
{
	const char *tag = t->ival == 's' ? "struct " : t->ival == 'u' ? "union " : t->ival == 'e' ? "enum " : "";
	return arena_printf(c->a, "%s%.*s", tag, STR_FMT(t->str));
}

static struct type *ctype_base(struct sema_ctx *c, struct node *n)
{
	if (n->tref) /* typeof(type) */
		return sema_typeref(c, n->tref);
	if (n->a) { /* typeof(expression); typeof(@map) is the map's key type */
		if (n->a->kind == N_MAP && !n->a->a && n->a->map) {
			if (!n->a->map->key && !n->a->map->value)
				SERR(c, D_UNDEFINED_MAP, n->a->span, STR_FMT(n->a->map->name));
			return n->a->map->key ? n->a->map->key : n->a->map->value;
		}
		return sema_expr(c, &n->a);
	}
	struct type *t = sema_named_type(c, (char)n->ival, n->str);
	if (!t)
		SERR(c, D_UNKNOWN_TYPE, n->span, ctype_spelling(c, n));
	return t;
}

struct type *sema_typeref(struct sema_ctx *c, struct node *n)
{
	struct type *t = ctype_base(c, n);
	bool own = !n->tref && !n->a && !n->ival; /* string[N] and the like: the size, not an array */
	for (uint32_t i = 0; t && t->kind != T_ERROR && i < n->list.n; i++) {
		const struct node *s = n->list.v[i];
		uint32_t count;
		if (s->kind == N_PTRSUFFIX) {
			t = type_ptr(c->a, t, AS_NONE);
			continue;
		}
		if (!ctype_count(c, s, &count))
			return NULL;
		if (own && i == 0 && t->kind == T_STRING) {
			t = type_string(c->a, count);
		} else if (own && i == 0 && t->kind == T_BUFFER) {
			t = type_buffer(c->a, count);
		} else if (own && i == 0 && t->kind == T_INET) {
			continue;
		} else {
			if (t->kind == T_STRUCT && !t->complete && c->env->facts)
				c->env->facts->ops->complete(c->env->facts, t);
			if (t->kind == T_VOID || t->kind == T_FUNC || type_is_agg(t)) {
				SERR(c, D_UNKNOWN_TYPE, n->span, arena_printf(c->a, "%s[]", type_str(c->a, t)));
				return NULL;
			}
			if (count && (uint64_t)count * t->size > TYPE_MAX_BYTES) {
				SERR(c, D_TOO_MANY, s->span,
				     arena_printf(c->a, "Types of more than %d bytes are not supported", TYPE_MAX_BYTES));
				return NULL;
			}
			t = type_array(c->a, t, count);
		}
	}
	return t;
}
