/* SPDX-License-Identifier: Apache-2.0 */
/* Types: constructors, layout, comparison, merging (reference 2.3), printing. */
#include "sema/type.h"

struct type *type_new(struct arena *a, enum type_kind k, uint32_t size, uint32_t align)
{
	struct type *t = arena_new(a, struct type);
	t->kind = k;
	t->size = size;
	t->align = align;
	return t;
}

struct type *type_int(struct arena *a, unsigned size, bool is_signed)
{
	struct type *t = type_new(a, T_INT, size, size);
	t->is_signed = is_signed;
	return t;
}
struct type *type_bool(struct arena *a)
{
	return type_new(a, T_BOOL, 1, 1);
}
struct type *type_none(struct arena *a)
{
	return type_new(a, T_NONE, 0, 1);
}
struct type *type_error(struct arena *a)
{
	return type_new(a, T_ERROR, 0, 1);
}
struct type *type_string(struct arena *a, uint32_t size)
{
	return type_new(a, T_STRING, size, 1);
}
struct type *type_buffer(struct arena *a, uint32_t size)
{
	return type_new(a, T_BUFFER, size, 1);
}
struct type *type_ptr(struct arena *a, struct type *to, enum addr_space as)
{
	struct type *t = type_new(a, T_PTR, 8, 8);
	t->elem = to;
	t->as = as;
	return t;
}
struct type *type_array(struct arena *a, struct type *elem, uint32_t count)
{
	struct type *t = type_new(a, T_ARRAY, elem->size * count, elem->align ? elem->align : 1);
	t->elem = elem;
	t->count = count;
	return t;
}

void type_layout(struct type *t)
{
	uint32_t at = 0, align = 1;
	for (uint32_t i = 0; i < t->fields.n; i++) {
		uint32_t al = t->fields.v[i].type->align ? t->fields.v[i].type->align : 1;
		if (al > 8)
			al = 8;
		at = (at + al - 1) / al * al;
		t->fields.v[i].offset = at;
		at += t->fields.v[i].type->size;
		if (al > align)
			align = al;
	}
	t->align = align;
	t->size = (at + align - 1) / align * align;
}

struct type *type_stack(struct arena *a, bool user, uint32_t depth, enum stack_mode mode)
{
	struct type *t = type_new(a, user ? T_USTACK : T_KSTACK, user ? 16 : 8, 8);
	t->count = depth;
	t->stack_mode = (uint8_t)mode;
	return t;
}

bool type_eq(const struct type *x, const struct type *y)
{
	if (x == y)
		return true;
	if (!x || !y || x->kind != y->kind)
		return false;
	switch (x->kind) {
	case T_INT:
		return x->size == y->size && x->is_signed == y->is_signed;
	case T_ENUM:
		return x->size == y->size && str_eq(x->name, y->name);
	case T_PTR:
		return type_eq(x->elem, y->elem) || x->elem->kind == T_VOID || y->elem->kind == T_VOID;
	case T_ARRAY:
		return x->count == y->count && type_eq(x->elem, y->elem);
	case T_STRING:
	case T_BUFFER:
		return x->size == y->size;
	case T_STRUCT:
		return str_eq(x->name, y->name) && x->origin == y->origin;
	case T_TUPLE:
	case T_RECORD:
		if (x->fields.n != y->fields.n)
			return false;
		for (uint32_t i = 0; i < x->fields.n; i++)
			if (!str_eq(x->fields.v[i].name, y->fields.v[i].name) || !type_eq(x->fields.v[i].type, y->fields.v[i].type))
				return false;
		return true;
	case T_KSTACK:
	case T_USTACK:
		return x->count == y->count && x->stack_mode == y->stack_mode;
	case T_SUM: case T_MIN: case T_MAX: case T_AVG: case T_STATS:
		return x->is_signed == y->is_signed;
	case T_HIST: case T_LHIST: case T_TSERIES:
		return x->agg.bits == y->agg.bits && x->agg.min == y->agg.min && x->agg.max == y->agg.max && x->agg.step == y->agg.step;
	default:
		return true;
	}
}

static struct type *type_merge_int(struct arena *a, struct type *x, struct type *y)
{
	uint32_t size = x->size > y->size ? x->size : y->size;
	struct type *t;
	if (x->is_signed == y->is_signed) {
		t = type_int(a, size, x->is_signed);
		t->flexible = x->flexible && y->flexible;
		return t;
	}
	if (x->flexible)
		return type_int(a, size, y->is_signed);
	if (y->flexible)
		return type_int(a, size, x->is_signed);
	const struct type *s = x->is_signed ? x : y, *u = x->is_signed ? y : x;
	if (s->size > u->size)
		return type_int(a, s->size, true);
	return type_int(a, u->size < 8 ? u->size * 2 : 8, true);
}

struct type *type_merge(struct arena *a, struct type *x, struct type *y)
{
	if (!x || !y)
		return x ? x : y;
	if (x->kind == T_ERROR || y->kind == T_ERROR)
		return x->kind == T_ERROR ? x : y;
	if (x->kind == T_INT && y->kind == T_INT)
		return type_merge_int(a, x, y);
	if (type_eq(x, y))
		return x->kind == T_PTR && x->elem->kind == T_VOID ? y : x;
	if (x->kind == T_ENUM && y->kind == T_INT)
		return type_merge_int(a, type_int(a, x->size, x->is_signed), y);
	if (x->kind == T_INT && y->kind == T_ENUM)
		return type_merge_int(a, x, type_int(a, y->size, y->is_signed));
	if ((type_is_castable(x) && type_is_int(y)) || (type_is_int(x) && type_is_castable(y)))
		return type_int(a, 8, type_is_castable(x) ? x->is_signed && x->kind != T_COUNT : y->is_signed && y->kind != T_COUNT);
	if ((x->kind == T_PROBE && y->kind == T_STRING) || (x->kind == T_STRING && y->kind == T_PROBE)) {
		const struct type *probe = x->kind == T_PROBE ? x : y, *text = probe == x ? y : x;
		return type_string(a, probe->count > text->size ? probe->count : text->size);
	}
	if (x->kind != y->kind)
		return NULL;
	if (x->kind == T_STRING || x->kind == T_BUFFER)
		return x->size >= y->size ? x : y;
	if (x->kind == T_PTR)
		return NULL; /* to different things */
	if ((x->kind == T_TUPLE || x->kind == T_RECORD) && x->fields.n == y->fields.n) {
		struct type *t = type_new(a, x->kind, 0, 1);
		for (uint32_t i = 0; i < x->fields.n; i++) {
			struct field f = x->fields.v[i];
			const struct field *g = &y->fields.v[i];
			if (x->kind == T_RECORD)
				g = type_field(y, f.name, NULL);
			f.type = g ? type_merge(a, f.type, g->type) : NULL;
			if (!f.type)
				return NULL;
			vec_push(a, &t->fields, f);
		}
		type_layout(t);
		return t;
	}
	return NULL;
}

const struct field *type_field(const struct type *t, struct str name, uint32_t *ret_extra)
{
	for (uint32_t i = 0; i < t->fields.n; i++) {
		const struct field *f = &t->fields.v[i];
		if (f->name.len && str_eq(f->name, name)) {
			if (ret_extra)
				*ret_extra = 0;
			return f;
		}
		if (!f->name.len && f->type->kind == T_STRUCT && t->kind == T_STRUCT) {
			uint32_t extra = 0;
			const struct field *g = type_field(f->type, name, &extra);
			if (g) {
				if (ret_extra)
					*ret_extra = f->offset + extra;
				return g;
			}
		}
	}
	return NULL;
}

uint32_t type_agg_buckets(const struct type *t)
{
	if (t->kind == T_HIST)
		return (uint32_t)(((64 - t->agg.bits + 1) << t->agg.bits) + 2);
	if (t->kind == T_LHIST)
		return (uint32_t)((t->agg.max - t->agg.min) / t->agg.step) + 2;
	return 0;
}

uint32_t type_agg_size(const struct type *t)
{
	switch (t->kind) {
	case T_COUNT: case T_SUM: return 8;
	case T_MIN: case T_MAX: case T_AVG: case T_STATS: return 16;
	case T_TSERIES: return (uint32_t)t->agg.max * 24;
	default: return type_agg_buckets(t) * 8;
	}
}

void type_print(const struct type *t, struct buf *o)
{
	static const char *const names[T_KIND_COUNT] = {
		[T_NONE] = "none", [T_ERROR] = "error", [T_BOOL] = "bool", [T_VOID] = "void", [T_FUNC] = "func", [T_MAC] = "mac_address",
		[T_TIMESTAMP] = "timestamp", [T_KSYM] = "ksym_t", [T_USYM] = "usym_t", [T_USERNAME] = "username_t",
		[T_CGROUP_PATH] = "cgroup_path_t", [T_FILE_NUMBER] = "file_number_t", [T_KSTACK] = "kstack", [T_USTACK] = "ustack", [T_PROBE] = "probe", [T_COUNT] = "count_t",
		[T_SUM] = "sum_t", [T_MIN] = "min_t", [T_MAX] = "max_t", [T_AVG] = "avg_t", [T_STATS] = "stats_t", [T_HIST] = "hist_t",
		[T_LHIST] = "lhist_t", [T_TSERIES] = "tseries_t", [T_INET] = "inet" };
	static const char *const modes[] = { [STACK_BPFTRACE] = "bpftrace", [STACK_PERF] = "perf", [STACK_RAW] = "raw", [STACK_BUILD_ID] = "build_id" };
	switch (t->kind) {
	case T_INT:
		buf_addf(o, "%sint%u", t->is_signed ? "" : "u", t->size * 8);
		break;
	case T_ENUM:
		buf_addf(o, "enum %.*s", STR_FMT(t->name));
		break;
	case T_PTR:
		type_print(t->elem, o);
		buf_adds(o, " *");
		break;
	case T_ARRAY:
		if (t->is_float) {
			buf_addf(o, "%.*s", STR_FMT(t->name));
			break;
		}
		type_print(t->elem, o);
		buf_addf(o, "[%u]", t->count);
		break;
	case T_STRING:
		buf_addf(o, "string[%u]", t->size);
		break;
	case T_BUFFER:
		buf_addf(o, "buffer[%u]", t->size);
		break;
	case T_INET:
		buf_adds(o, "inet[24]");
		break;
	case T_STRUCT:
		buf_addf(o, "%s %.*s", t->is_union ? "union" : "struct", STR_FMT(t->name));
		break;
	case T_TUPLE:
		buf_addc(o, '(');
		for (uint32_t i = 0; i < t->fields.n; i++) {
			if (i)
				buf_addc(o, ',');
			type_print(t->fields.v[i].type, o);
		}
		buf_addc(o, ')');
		break;
	case T_RECORD:
		buf_adds(o, "record {");
		for (uint32_t i = 0; i < t->fields.n; i++) {
			buf_addf(o, "%s .%.*s = ", i ? "," : "", STR_FMT(t->fields.v[i].name));
			type_print(t->fields.v[i].type, o);
		}
		buf_adds(o, " }");
		break;
	case T_KSTACK:
	case T_USTACK:
		buf_addf(o, "%s_%s_%u", names[t->kind], modes[t->stack_mode % 4], t->count);
		break;
	case T_SUM: case T_MIN: case T_MAX: case T_AVG: case T_STATS:
		buf_addf(o, "%s%s", t->is_signed ? "" : "u", names[t->kind]);
		break;
	default:
		buf_adds(o, names[t->kind] ? names[t->kind] : "?");
	}
}

const char *type_str(struct arena *a, const struct type *t)
{
	struct buf b = { 0 };
	if (!t)
		return "unknown";
	type_print(t, &b);
	const char *s = arena_strndup(a, b.s ? b.s : "", b.len);
	buf_fini(&b);
	return s;
}

struct str type_probe_name(const struct type *t, struct str name)
{
	static const char *const events[] = { "tracepoint:", "rawtracepoint:" };
	if (!t->brief)
		return name;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		uint32_t n = (uint32_t)strlen(events[i]);
		if (name.len > n && !memcmp(name.s, events[i], n))
			return (struct str){ name.s + n, name.len - n };
	}
	uint32_t at = name.len;
	while (at && name.s[at - 1] != ':')
		at--;
	return at < name.len ? (struct str){ name.s + at, name.len - at } : name;
}
