/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C definitions of a program: struct, union, enum, typedef, laid out as the C
 * compilers of x86-64 do, with nested and anonymous members, bit-fields,
 * arrays, packed and aligned. They override the kernel's types of the same
 * name. An array of plain char is a string of that size; unsigned char stays
 * an array (reference 2.5).
 */
#include "sema/ctext.h"

enum { CDECL_MAX_BYTES = 1 << 28, CDECL_MAX_DIMS = 8 };

struct attrs { bool packed; uint32_t align; };

/* What declaration specifiers add up to. */
struct spec {
	struct type *type;
	bool is_char, is_unsigned, is_signed, seen_int, is_float, is_typedef;
	int longs, shorts;
	struct attrs attrs;
};

static struct type *cdecl_tagged(struct ctext *t, char keyword);

static bool cdecl_is_anonymous(const struct type *ty)
{
	return (ty->kind == T_STRUCT || ty->kind == T_ENUM) && str_starts(ty->name, "(anonymous");
}

static void cdecl_attribute(struct ctext *t, struct attrs *at)
{
	ctext_next(t); /* behind __attribute__ */
	struct ctext in = *t;
	if (!ctext_is(t, "(")) {
		ctext_error(t, "expected '(('");
		return;
	}
	ctext_skip_parens(t);
	uint32_t end = t->kind == CT_END ? t->len : t->lo;
	for (; in.kind != CT_END && in.lo < end && !t->st->failed; ctext_next(&in)) {
		if (ctext_is(&in, "packed") || ctext_is(&in, "__packed__")) {
			at->packed = true;
		} else if (ctext_is(&in, "aligned") || ctext_is(&in, "__aligned__")) {
			struct ctext num = in;
			ctext_next(&num);
			int64_t v = 16; /* as much as the machine ever wants */
			if (ctext_accept(&num, "("))
				v = ctext_const(&num);
			if (v < 1 || v > 4096 || (v & (v - 1)))
				ctext_error(&in, "alignment must be a power of two up to 4096");
			else if ((uint32_t)v > at->align)
				at->align = (uint32_t)v;
		}
	}
}

static bool cdecl_ignored(const struct ctext *t)
{
	static const char *const words[] = { "const", "volatile", "restrict", "__restrict", "__restrict__", "__const",
					     "__volatile__", "extern", "static", "register", "inline", "__inline",
					     "__inline__", "__extension__", "__user", "__kernel", "__rcu", "__percpu",
					     "__iomem", "__force", "__bitwise" };
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (ctext_is(t, words[i]))
			return true;
	return false;
}

/* One specifier word; false when the token is none. */
static bool cdecl_specifier(struct ctext *t, struct spec *s)
{
	bool have = s->type || s->longs || s->shorts || s->seen_int || s->is_char || s->is_unsigned || s->is_signed || s->is_float;
	if (cdecl_ignored(t)) {
		ctext_next(t);
	} else if (ctext_is(t, "__attribute__") || ctext_is(t, "__attribute")) {
		cdecl_attribute(t, &s->attrs);
	} else if (ctext_accept(t, "__packed")) {
		s->attrs.packed = true;
	} else if (ctext_accept(t, "typedef")) {
		s->is_typedef = true;
	} else if (ctext_accept(t, "unsigned")) {
		s->is_unsigned = true;
	} else if (ctext_accept(t, "signed") || ctext_accept(t, "__signed__")) {
		s->is_signed = true;
	} else if (ctext_accept(t, "long")) {
		s->longs++;
	} else if (ctext_accept(t, "short")) {
		s->shorts++;
	} else if (ctext_accept(t, "int")) {
		s->seen_int = true;
	} else if (ctext_accept(t, "char")) {
		s->is_char = true;
	} else if (ctext_is(t, "float") || ctext_is(t, "double")) {
		s->is_float = true;
		s->longs += ctext_is(t, "double");
		ctext_next(t);
	} else if (!have && (ctext_is(t, "struct") || ctext_is(t, "union") || ctext_is(t, "enum"))) {
		char keyword = t->s[t->lo];
		ctext_next(t);
		s->type = cdecl_tagged(t, keyword);
		if (!s->type)
			ctext_error(t, "expected a type");
	} else if (!have && t->kind == CT_WORD) {
		struct str w = ctext_word(t);
		const struct str *def = map_get(&t->c->defines, w);
		struct ctext sub;
		if (def && def->len && ctext_expand(&sub, t, *def)) {
			while (!t->st->failed && sub.kind != CT_END && cdecl_specifier(&sub, s))
				;
			if (sub.kind != CT_END)
				ctext_error(t, "this #define is not a type");
		} else if (!(def && !def->len)) {
			s->type = sema_named_type(t->c, 0, w);
			if (!s->type || (s->type->kind == T_STRING && !s->type->size) || s->type->kind == T_BUFFER || type_is_agg(s->type)) {
				ctext_error(t, arena_printf(t->c->a, "unknown type '%.*s'", STR_FMT(w)));
				return false;
			}
		}
		ctext_next(t);
	} else {
		return false;
	}
	return !t->st->failed;
}

/* Real numbers are not read, but take their place. */
static struct type *cdecl_opaque(struct ctext *t, uint32_t size)
{
	struct type *a = type_array(t->c->a, type_int(t->c->a, 1, false), size);
	a->align = size;
	return a;
}

static bool cdecl_specifiers(struct ctext *t, struct spec *s)
{
	*s = (struct spec){ 0 };
	while (cdecl_specifier(t, s))
		;
	if (t->st->failed)
		return false;
	if (s->type)
		return true;
	if (s->is_float)
		s->type = cdecl_opaque(t, s->longs == 0 ? 4 : s->longs == 1 ? 8 : 16);
	else if (s->is_char)
		s->type = type_int(t->c->a, 1, !s->is_unsigned);
	else if (s->shorts)
		s->type = type_int(t->c->a, 2, !s->is_unsigned);
	else if (s->longs)
		s->type = type_int(t->c->a, 8, !s->is_unsigned);
	else if (s->seen_int || s->is_unsigned || s->is_signed)
		s->type = type_int(t->c->a, 4, !s->is_unsigned);
	else if (t->kind == CT_WORD)
		ctext_error(t, arena_printf(t->c->a, "unknown type '%.*s'", STR_FMT(ctext_word(t))));
	else
		ctext_error(t, "expected a type");
	return s->type != NULL;
}

/* Structures of the kernel come without their members until someone asks. */
static bool cdecl_complete(struct ctext *t, struct type *x)
{
	while (x->kind == T_ARRAY)
		x = x->elem;
	if (x->kind == T_STRUCT && !x->complete) {
		struct facts *f = t->c->env->facts;
		if (!x->origin || !f || !f->ops->complete(f, x) || !x->complete) {
			ctext_error(t, arena_printf(t->c->a, "'%s' is not defined", type_str(t->c->a, x)));
			return false;
		}
	}
	if (x->kind == T_VOID || x->kind == T_FUNC) {
		ctext_error(t, "a member must have a size");
		return false;
	}
	return true;
}

/* Arrays and parameter lists behind a declarator, applied inside out. */
static struct type *cdecl_suffixes(struct ctext *t, struct type *base, bool is_char)
{
	int64_t dims[CDECL_MAX_DIMS];
	uint32_t n = 0;
	if (ctext_is(t, "(")) {
		ctext_skip_parens(t);
		return type_new(t->c->a, T_FUNC, 0, 1);
	}
	while (ctext_accept(t, "[")) {
		int64_t v = 0;
		if (!ctext_is(t, "]"))
			v = ctext_const(t);
		if (n == CDECL_MAX_DIMS || v < 0 || v > CDECL_MAX_BYTES)
			ctext_error(t, "this array is too large");
		if (!ctext_accept(t, "]"))
			ctext_error(t, "expected ']'");
		if (t->st->failed)
			return base;
		dims[n++] = v;
	}
	if (n && !cdecl_complete(t, base))
		return base;
	for (uint32_t i = n; i-- > 0;) {
		if ((uint64_t)dims[i] * (base->size ? base->size : 1) > CDECL_MAX_BYTES) {
			ctext_error(t, "this array is too large");
			return base;
		}
		if (is_char && i == n - 1 && dims[i])
			base = type_string(t->c->a, (uint32_t)dims[i]);
		else
			base = type_array(t->c->a, base, (uint32_t)dims[i]);
	}
	return base;
}

/* declarator = { "*" } ( name | "(" declarator ")" | nothing ) { "[" n "]" | "(" ... ")" } */
static struct type *cdecl_declarator(struct ctext *t, struct type *base, bool is_char, struct attrs *at, struct str *ret_name)
{
	if (t->depth > CTEXT_DEPTH) {
		ctext_error(t, "nested too deeply");
		return base;
	}
	for (;;) {
		if (ctext_accept(t, "*")) {
			base = type_ptr(t->c->a, base, AS_NONE);
			is_char = false;
		} else if (cdecl_ignored(t)) {
			ctext_next(t);
		} else if (ctext_is(t, "__attribute__")) {
			cdecl_attribute(t, at);
		} else {
			break;
		}
	}
	if (ctext_is(t, "(")) {
		struct ctext in = *t;
		in.depth++;
		ctext_next(&in);
		ctext_skip_parens(t);
		base = cdecl_suffixes(t, base, is_char);
		base = cdecl_declarator(&in, base, false, at, ret_name);
		if (!ctext_is(&in, ")"))
			ctext_error(&in, "expected ')'");
	} else {
		if (t->kind == CT_WORD) {
			*ret_name = ctext_word(t);
			ctext_next(t);
		}
		base = cdecl_suffixes(t, base, is_char);
	}
	while (ctext_is(t, "__attribute__"))
		cdecl_attribute(t, at);
	return base;
}

/* ----------------------------------------------------------------- layout */

struct layout {
	struct type *type;
	uint64_t bits;  /* where the next bit-field may begin; a struct's size so far, in bits */
	uint64_t end;   /* bytes used */
	uint32_t align;
	bool packed;
};

static void layout_add(struct ctext *t, struct layout *l, struct field *f, struct attrs at)
{
	uint32_t align = l->packed || at.packed ? 1 : f->type->align ? f->type->align : 1;
	if (at.align > align)
		align = at.align;
	uint64_t at_byte = l->type->is_union ? 0 : (l->bits + 7) / 8;
	at_byte = (at_byte + align - 1) / align * align;
	f->offset = (uint32_t)at_byte;
	l->bits = (at_byte + f->type->size) * 8;
	if (align > l->align)
		l->align = align;
	if (at_byte + f->type->size > l->end)
		l->end = at_byte + f->type->size;
	if (l->end > CDECL_MAX_BYTES)
		ctext_error(t, "this structure is too large");
	else
		vec_push(t->c->a, &l->type->fields, *f);
}

static void layout_bits(struct ctext *t, struct layout *l, struct field *f, int64_t width)
{
	uint64_t unit = (uint64_t)f->type->size * 8, bit = l->type->is_union ? 0 : l->bits;
	if (!type_is_int(f->type) && f->type->kind != T_BOOL) {
		ctext_error(t, "a bit-field must be an integer");
		return;
	}
	if (width < 0 || (uint64_t)width > unit || (width == 0 && f->name.len)) {
		ctext_error(t, "this bit-field has an impossible width");
		return;
	}
	if (width == 0) { /* the next one begins a new unit */
		l->bits = (l->bits + unit - 1) / unit * unit;
		return;
	}
	if (!l->packed && bit / unit != (bit + (uint64_t)width - 1) / unit)
		bit = (bit + unit - 1) / unit * unit;
	uint64_t byte = l->packed ? bit / 8 : bit / unit * f->type->size;
	if (bit - byte * 8 + (uint64_t)width > unit) {
		ctext_error(t, "packed bit-fields across storage units are not supported");
		return;
	}
	f->offset = (uint32_t)byte;
	f->bit_offset = (uint8_t)(bit - byte * 8);
	f->bit_size = (uint8_t)width;
	l->bits = bit + (uint64_t)width;
	if ((l->bits + 7) / 8 > l->end)
		l->end = (l->bits + 7) / 8;
	if (!f->name.len)
		return; /* padding has no influence on alignment */
	if (!l->packed && f->type->align > l->align)
		l->align = f->type->align;
	vec_push(t->c->a, &l->type->fields, *f);
}

/* ---------------------------------------------------- struct, union, enum */

static void cdecl_member(struct ctext *t, struct layout *l)
{
	struct spec s;
	if (!cdecl_specifiers(t, &s))
		return;
	if (ctext_is(t, ";")) { /* anonymous member, or a definition for its tag alone */
		struct field f = { .type = s.type };
		if (cdecl_is_anonymous(s.type) && s.type->kind == T_STRUCT && cdecl_complete(t, s.type))
			layout_add(t, l, &f, s.attrs);
		return;
	}
	do {
		struct attrs at = s.attrs;
		struct field f = { .name = { "", 0 } };
		f.type = cdecl_declarator(t, s.type, s.is_char && !s.is_unsigned && !s.is_signed, &at, &f.name);
		if (t->st->failed || !cdecl_complete(t, f.type))
			return;
		for (uint32_t i = 0; f.name.len && i < l->type->fields.n; i++)
			if (str_eq(l->type->fields.v[i].name, f.name))
				ctext_error(t, arena_printf(t->c->a, "member '%.*s' is there twice", STR_FMT(f.name)));
		if (ctext_accept(t, ":")) {
			int64_t width = ctext_const(t);
			while (ctext_is(t, "__attribute__"))
				cdecl_attribute(t, &at);
			if (!t->st->failed)
				layout_bits(t, l, &f, width);
		} else if (!f.name.len) {
			ctext_error(t, "expected the name of a member");
		} else {
			layout_add(t, l, &f, at);
		}
	} while (!t->st->failed && ctext_accept(t, ","));
}

/* The '{' is the current token. Members must be known before packing is: attributes may follow the brace, so look ahead. */
static void cdecl_body(struct ctext *t, struct type *ty, struct attrs at)
{
	struct ctext end = *t;
	int depth = 0;
	for (; end.kind != CT_END; ctext_next(&end)) {
		if (ctext_is(&end, "{"))
			depth++;
		else if (ctext_is(&end, "}") && --depth == 0)
			break;
	}
	ctext_next(&end);
	while (ctext_is(&end, "__attribute__"))
		cdecl_attribute(&end, &at);
	if (ctext_is(&end, "__packed"))
		at.packed = true;
	struct layout l = { .type = ty, .align = 1, .packed = at.packed };
	if (t->depth++ > CTEXT_DEPTH)
		ctext_error(t, "nested too deeply");
	ctext_next(t);
	while (!t->st->failed && t->kind != CT_END && !ctext_is(t, "}")) {
		cdecl_member(t, &l);
		if (!t->st->failed && !ctext_accept(t, ";"))
			ctext_error(t, "expected ';'");
	}
	if (!ctext_accept(t, "}"))
		ctext_error(t, "expected '}'");
	t->depth--;
	if (at.align > l.align)
		l.align = at.align;
	ty->align = l.align;
	ty->size = (uint32_t)((l.end + l.align - 1) / l.align * l.align);
	ty->complete = true;
}

static void cdecl_enum(struct ctext *t, struct type *ty, bool anonymous)
{
	int64_t next = 0, lo = 0, hi = 0;
	ctext_next(t);
	while (!t->st->failed && t->kind == CT_WORD) {
		struct enum_value v = { .name = ctext_word(t) };
		struct enum_const *ec = arena_new(t->c->a, struct enum_const);
		ctext_next(t);
		if (ctext_accept(t, "="))
			next = ctext_const(t);
		v.value = ec->value = next;
		ec->type = anonymous ? NULL : ty;
		lo = next < lo ? next : lo;
		hi = next > hi ? next : hi;
		next = (int64_t)((uint64_t)next + 1);
		if (map_get(&t->c->enums, v.name))
			ctext_error(t, arena_printf(t->c->a, "constant '%.*s' is there twice", STR_FMT(v.name)));
		map_put(t->c->a, &t->c->enums, v.name, ec);
		vec_push(t->c->a, &ty->values, v);
		if (!ctext_accept(t, ","))
			break;
	}
	if (!ctext_accept(t, "}"))
		ctext_error(t, "expected '}'");
	ty->is_signed = lo < 0;
	ty->size = ty->align = lo < INT32_MIN || hi > (ty->is_signed ? INT32_MAX : UINT32_MAX) ? 8 : 4;
	ty->complete = true;
}

/* Behind struct, union, enum: a reference or a definition. */
static struct type *cdecl_tagged(struct ctext *t, char keyword)
{
	struct sema_ctx *c = t->c;
	const char *word = keyword == 's' ? "struct" : keyword == 'u' ? "union" : "enum";
	struct attrs at = { 0 };
	struct str name = { "", 0 };
	while (ctext_is(t, "__attribute__"))
		cdecl_attribute(t, &at);
	if (ctext_accept(t, "__packed"))
		at.packed = true;
	if (t->kind == CT_WORD) {
		name = ctext_word(t);
		ctext_next(t);
	}
	bool anonymous = !name.len;
	if (!ctext_is(t, "{")) {
		if (anonymous)
			return NULL;
		struct type *known = sema_named_type(c, keyword, name);
		if (known)
			return known;
	}
	if (anonymous)
		name = str_of(arena_printf(c->a, "(anonymous %u)", c->ctypes.n));
	struct str key = str_of(arena_printf(c->a, "%s %.*s", word, STR_FMT(name)));
	struct type *ty = map_get(&c->ctypes, key);
	if (!ty) {
		ty = type_new(c->a, keyword == 'e' ? T_ENUM : T_STRUCT, 0, 1);
		ty->name = name;
		ty->is_union = keyword == 'u';
		map_put(c->a, &c->ctypes, key, ty);
	}
	if (!ctext_is(t, "{"))
		return ty;
	if (ty->complete || ty->fields.n) {
		ctext_error(t, arena_printf(c->a, "%.*s is there twice", STR_FMT(key)));
		return ty;
	}
	if (keyword == 'e')
		cdecl_enum(t, ty, anonymous);
	else
		cdecl_body(t, ty, at);
	return ty;
}

struct type *ctext_type_name(struct ctext *t)
{
	struct spec s;
	struct str name = { "", 0 };
	if (!cdecl_specifiers(t, &s))
		return NULL;
	struct type *ty = cdecl_declarator(t, s.type, s.is_char, &s.attrs, &name);
	return cdecl_complete(t, ty) ? ty : NULL;
}

void cdecl_statement(struct sema_ctx *c, struct node *n)
{
	struct ctext_state st = { 0 };
	struct ctext t;
	struct spec s;
	ctext_init(&t, c, n->str, n->span, &st);
	if (!cdecl_specifiers(&t, &s))
		return;
	while (s.is_typedef && !st.failed) {
		struct str name = { "", 0 };
		struct type *ty = cdecl_declarator(&t, s.type, s.is_char && !s.is_unsigned && !s.is_signed, &s.attrs, &name);
		if (!name.len)
			ctext_error(&t, "typedef wants a name");
		if (st.failed)
			return;
		if (ty == s.type && cdecl_is_anonymous(ty))
			ty->name = name;
		map_put(c->a, &c->ctypes, name, ty);
		if (!ctext_accept(&t, ","))
			break;
	}
	while (ctext_accept(&t, ";"))
		;
	if (t.kind != CT_END)
		ctext_error(&t, "expected ';'");
}

void sema_c(struct sema_ctx *c, struct node *program)
{
	struct cpp p = { 0 };
	if (c->env->facts && c->env->facts->ops->has(c->env->facts, FEAT_BTF)) {
		struct str *one = arena_new(c->a, struct str);
		*one = STR("1");
		map_put(c->a, &c->defines, STR("BPFTRACE_HAVE_BTF"), one);
	}
	for (uint32_t i = 0; i < program->list.n; i++) {
		struct node *n = program->list.v[i];
		if (n->kind != N_CSTMT || !n->str.len)
			continue;
		if (n->str.s[0] == '#')
			cpp_line(c, &p, n);
		else if (cpp_live(&p))
			cdecl_statement(c, n);
	}
	if (p.depth)
		diag_add(c->d, D_C_TEXT, p.stack[p.depth - 1].span, "conditional without #endif");
}
