/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's type information (BTF), read in place.
 *
 * vmlinux BTF is some five megabytes. A program names a handful of its types, so nothing is copied or decoded up front: the
 * file is mapped (older kernels cannot: then it is read), one pass over the records notes where they lie and threads the
 * types on hash chains by name (functions, more than all types together, in a second pass when one is asked for), and a
 * `struct type` is made when something asks for it. Structs and enums are made incomplete, with name and size;
 * kbtf_complete() fills in the members.
 *
 * Invariants: ids below `n` are records that lie whole within the blob; every string is reached through
 * kbtf_str(), which checks it; type graphs are walked with a bound on depth (pointers to pointers, arrays of arrays, typedefs
 * of typedefs) and a struct is only completed when what it holds by value is a tree of bounded size. So a corrupt file
 * gives wrong types at worst, never a crash, a loop, or a cyclic type.
 *
 * The BTF of a module is appended when it is asked for (split.c).
 */
#include "kern/kern_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	HEADER_LEN = 24, MAGIC = 0xeb9f,
	STRIDE = 8,            /* every so-manyth record's place is kept; from there it is some steps */
	DEPTH_MAX = 32,        /* of derived types */
	TREE_MAX = 100000,     /* members that one struct holds by value, at any depth */
	SIZE_MAX_TYPE = 1 << 28,
	BLOB_MAX = 1 << 30,
};

static uint16_t rd16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, 2);
	return v;
}

/* --- records --- */

static const char *kbtf_str(const struct kbtf *b, uint32_t off)
{
	return off < b->strs_len ? b->strs + off : ""; /* the section ends with a NUL: checked at open */
}

bool kbtf_rec(const struct kbtf *b, uint32_t id, struct kbtf_type *ret, const unsigned char **ret_more)
{
	if (id == 0 || id >= b->n)
		return false;
	const unsigned char *p = b->types + b->off[(id - 1) / STRIDE];
	for (uint32_t i = (id - 1) % STRIDE; i > 0; i--)
		p += 12 + kbtf_extra(rd32(p + 4));
	memcpy(ret, p, sizeof(*ret));
	if (ret_more)
		*ret_more = p + 12;
	return true;
}
/* Bytes that follow a record's head; -1: kind unknown, -2: no kind. */
int64_t kbtf_extra(uint32_t info)
{
	uint32_t n = info_vlen(info);
	switch (info_kind(info)) {
	case KB_INT: case KB_VAR: case KB_DECL_TAG:
		return 4;
	case KB_ARRAY:
		return 12;
	case KB_STRUCT: case KB_UNION: case KB_DATASEC: case KB_ENUM64:
		return 12 * (int64_t)n;
	case KB_ENUM: case KB_FUNC_PROTO:
		return 8 * (int64_t)n;
	case KB_PTR: case KB_FWD: case KB_TYPEDEF: case KB_VOLATILE: case KB_CONST: case KB_RESTRICT: case KB_FUNC: case KB_FLOAT:
	case KB_TYPE_TAG:
		return 0;
	case KB_VOID:
		return -2;
	default:
		return -1;
	}
}

uint32_t kbtf_kind(const struct kbtf *b, uint32_t id)
{
	struct kbtf_type t;
	return kbtf_rec(b, id, &t, NULL) ? info_kind(t.info) : KB_VOID;
}
const char *kbtf_name(const struct kbtf *b, uint32_t id)
{
	struct kbtf_type t;
	return kbtf_rec(b, id, &t, NULL) ? kbtf_str(b, t.name_off) : "";
}

/* --- the index --- */

/* Length and both ends of a name tell almost all names apart; chains compare the whole. */
static uint32_t name_hash(const char *s, size_t len)
{
	uint64_t lo = 0, hi = 0;
	if (len >= 8) {
		memcpy(&lo, s, 8);
		memcpy(&hi, s + len - 8, 8);
	} else {
		memcpy(&lo, s, len);
	}
	uint64_t h = (lo ^ len) * 0x9e3779b97f4a7c15u;
	h = (h ^ (h >> 29) ^ hi) * 0xbf58476d1ce4e5b9u;
	return (uint32_t)(h >> 32);
}

#define KB_NAMED (1u << KB_INT | 1u << KB_STRUCT | 1u << KB_UNION | 1u << KB_ENUM | 1u << KB_ENUM64 | 1u << KB_TYPEDEF)
#define KB_LATER (1u << KB_FUNC | 1u << KB_VAR) /* more than all others together, and most programs ask for none */

static inline void kbtf_thread(struct kbtf *b, uint32_t id, uint32_t name_off)
{
	const char *s = kbtf_str(b, name_off);
	uint32_t h = name_hash(s, strlen(s)) & b->mask;
	b->next[id] = b->head[h];
	b->head[h] = id;
}

/*
 * One pass. How many records there are is known only at its end; the arrays are made for as many as could be, and what is
 * not written is never touched: it takes address space, not memory.
 */
static bool kbtf_index(struct kbtf *b, const char **ret_why)
{
	uint32_t most = b->types_len / 12 + 1, buckets = 1024, at = 0, id;
	while (buckets < most / 4 && buckets < 1u << 20)
		buckets *= 2;
	b->mask = buckets - 1;
	b->off = arena_array(b->arena, uint32_t, most / STRIDE + 1);
	b->next = arena_array(b->arena, uint32_t, most);
	b->head = arena_array(b->arena, uint32_t, buckets);
	b->made = arena_array(b->arena, struct type *, most);
	for (id = 1; at < b->types_len; id++) {
		struct kbtf_type t = { 0 };
		if (b->types_len - at >= sizeof(t))
			memcpy(&t, b->types + at, sizeof(t));
		uint32_t kind = info_kind(t.info);
		int64_t extra = b->types_len - at >= sizeof(t) ? kbtf_extra(t.info) : -2;
		if (extra == -1)
			break; /* a kind from the future: what stands before it can be used */
		if (extra < 0 || (uint64_t)at + sizeof(t) + (uint64_t)extra > b->types_len) {
			*ret_why = "the kernel's BTF is damaged: a type record is cut off";
			return false;
		}
		if ((id - 1) % STRIDE == 0)
			b->off[(id - 1) / STRIDE] = at;
		at += 12 + (uint32_t)extra;
		if (kind == KB_ENUM || kind == KB_ENUM64)
			vec_push(b->arena, &b->enums, id);
		if (t.name_off && (KB_NAMED >> kind & 1))
			kbtf_thread(b, id, t.name_off);
	}
	b->n = id;
	return true;
}

bool kbtf_reindex(struct kbtf *b, const struct kbtf *before)
{
	const char *why;
	b->has_functions = false;
	b->enums.n = b->enums.cap = 0;
	b->enums.v = NULL;
	b->values = (struct map){ 0 };
	if (!kbtf_index(b, &why) || b->n < before->n)
		return false;
	memcpy(b->made, before->made, before->n * sizeof(*b->made));
	return true;
}

static void kbtf_index_functions(struct kbtf *b)
{
	const unsigned char *p = b->types;
	for (uint32_t id = 1; id < b->n; id++) {
		struct kbtf_type t;
		memcpy(&t, p, sizeof(t));
		p += sizeof(t) + (size_t)kbtf_extra(t.info);
		if (t.name_off && (KB_LATER >> info_kind(t.info) & 1))
			kbtf_thread(b, id, t.name_off);
	}
	b->has_functions = true;
}

uint32_t kbtf_find_in(struct kbtf *b, uint32_t kinds, struct str name, uint32_t first, uint32_t end)
{
	uint32_t found = 0;
	if ((kinds & KB_LATER) && !b->has_functions)
		kbtf_index_functions(b);
	if (!name.len || memchr(name.s, 0, name.len))
		return 0;
	/* Among types, and among functions, chains run from high ids to low ones; the first definition wins. */
	for (uint32_t id = b->head[name_hash(name.s, name.len) & b->mask]; id; id = b->next[id]) {
		struct kbtf_type t;
		if (id < first || id >= end || !kbtf_rec(b, id, &t, NULL) || !(kinds >> info_kind(t.info) & 1))
			continue;
		const char *s = kbtf_str(b, t.name_off);
		if (strncmp(s, name.s, name.len) == 0 && !s[name.len])
			found = id;
	}
	return found;
}
uint32_t kbtf_find(struct kbtf *b, uint32_t kinds, struct str name)
{
	return kbtf_find_in(b, kinds, name, 0, b->n);
}

struct kbtf *kbtf_open_mem(struct facts *f, struct map *named, const void *blob, size_t len, const char **ret_why)
{
	const unsigned char *p = blob;
	*ret_why = "the kernel's BTF is damaged: its header makes no sense";
	if (len < HEADER_LEN || len > BLOB_MAX)
		return NULL;
	if (rd16(p) != MAGIC) {
		*ret_why = "the kernel's BTF is of another byte order, or no BTF";
		return NULL;
	}
	uint64_t hdr = rd32(p + 4), type_off = rd32(p + 8), type_len = rd32(p + 12), str_off = rd32(p + 16), str_len = rd32(p + 20);
	if (hdr < HEADER_LEN || hdr + type_off + type_len > len || hdr + str_off + str_len > len || !str_len)
		return NULL;
	struct kbtf *b = arena_new(f->arena, struct kbtf);
	b->arena = f->arena;
	b->facts = f;
	b->named = named;
	b->types = p + hdr + type_off;
	b->types_len = (uint32_t)type_len;
	b->strs = (const char *)p + hdr + str_off;
	b->strs_len = (uint32_t)str_len;
	if (b->strs[0] || b->strs[str_len - 1]) {
		*ret_why = "the kernel's BTF is damaged: its strings have no end";
		return NULL;
	}
	if (!kbtf_index(b, ret_why))
		return NULL;
	b->func_type = type_new(b->arena, T_FUNC, 0, 1);
	b->base_n = b->n;
	b->base_strs = b->strs_len;
	*ret_why = NULL;
	return b;
}

struct kbtf *kbtf_open_path(struct facts *f, struct map *named, const char *path, const char **ret_why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < HEADER_LEN || st.st_size > BLOB_MAX) {
		*ret_why = fd >= 0 || errno != ENOENT ? "the kernel's BTF cannot be read" :
			   "this kernel has no BTF (it was built without CONFIG_DEBUG_INFO_BTF)";
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	size_t len = (size_t)st.st_size;
	void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		size_t got = 0;
		map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		while (map != MAP_FAILED && got < len) {
			ssize_t r = read(fd, (char *)map + got, len - got);
			if (r <= 0 && !(r < 0 && errno == EINTR))
				break;
			got += r > 0 ? (size_t)r : 0;
		}
		if (map != MAP_FAILED && got < len) {
			munmap(map, len);
			map = MAP_FAILED;
		}
	}
	close(fd);
	if (map == MAP_FAILED) {
		*ret_why = "the kernel's BTF cannot be read";
		return NULL;
	}
	struct kbtf *b = kbtf_open_mem(f, named, map, len, ret_why);
	if (!b) {
		munmap(map, len);
		return NULL;
	}
	b->map = map;
	b->map_len = len;
	return b;
}

void kbtf_close(struct kbtf *b)
{
	if (b && b->map)
		munmap(b->map, b->map_len);
	if (b)
		b->map = NULL;
}

/* --- making types --- */

static struct type *kbtf_make_at(struct kbtf *b, uint32_t id, unsigned depth);

/* Behind typedefs, qualifiers and tags. *ret_name: the last typedef's name (for structs that have none of their own). */
static uint32_t kbtf_strip(const struct kbtf *b, uint32_t id, const char **ret_name, bool *ret_user)
{
	for (unsigned i = 0; i < 2 * DEPTH_MAX; i++) {
		struct kbtf_type t;
		if (!kbtf_rec(b, id, &t, NULL))
			return 0;
		switch (info_kind(t.info)) {
		case KB_TYPEDEF:
			if (ret_name)
				*ret_name = kbtf_str(b, t.name_off);
			break;
		case KB_TYPE_TAG:
			if (ret_user && strcmp(kbtf_str(b, t.name_off), "user") == 0)
				*ret_user = true;
			break;
		case KB_VOLATILE: case KB_CONST: case KB_RESTRICT:
			break;
		default:
			return id;
		}
		id = t.size_or_type;
	}
	return 0;
}

/* Something of a known size that the language has no type for. */
static struct type *kbtf_opaque(struct kbtf *b, uint32_t size)
{
	return type_array(b->arena, type_int(b->arena, 1, false), size <= SIZE_MAX_TYPE ? size : 0);
}

static struct type *kbtf_make_int(struct kbtf *b, const struct kbtf_type *t, const unsigned char *more)
{
	const char *name = kbtf_str(b, t->name_off);
	uint32_t enc = rd32(more) >> 24 & 0xf, size = t->size_or_type;
	if ((enc & 4) && size == 1)
		return type_bool(b->arena);
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return size == 16 ? type_array(b->arena, type_int(b->arena, 8, false), 2) : kbtf_opaque(b, size);
	return type_int(b->arena, size, (enc & 1) || (size == 1 && strcmp(name, "char") == 0));
}

static uint32_t size_align(uint32_t size)
{
	return size % 8 == 0 ? 8 : size % 4 == 0 ? 4 : size % 2 == 0 ? 2 : 1;
}

/* A struct, union or enum made by name earlier is that same object, now with a size. */
static struct type *kbtf_make_named(struct kbtf *b, uint32_t id, enum type_kind kind, const char *name)
{
	if (b->named && *name) {
		struct str key = str_of(arena_printf(b->arena, "%c:%s", kind == T_ENUM ? 'e' : 's', name));
		struct type *t = map_get(b->named, key);
		if (t && t->kind == kind && !t->origin) {
			t->origin = id;
			return t;
		}
	}
	struct type *t = type_new(b->arena, kind, 0, 1);
	t->name = str_of(name);
	t->origin = id;
	return t;
}

static struct type *kbtf_make_struct(struct kbtf *b, uint32_t id, const struct kbtf_type *rec, const char *alias)
{
	uint32_t kind = info_kind(rec->info);
	const char *name = kbtf_str(b, rec->name_off);
	if (kind == KB_FWD) {
		bool is_union = info_flag(rec->info);
		uint32_t full = kbtf_find(b, is_union ? 1u << KB_UNION : 1u << KB_STRUCT, str_of(name));
		if (full)
			return kbtf_make_at(b, full, DEPTH_MAX - 1); /* a struct needs no depth */
		struct type *t = kbtf_make_named(b, id, T_STRUCT, name);
		t->is_union = is_union;
		return t;
	}
	struct type *t = kbtf_make_named(b, id, T_STRUCT, *name || !alias ? name : alias);
	t->size = rec->size_or_type <= SIZE_MAX_TYPE ? rec->size_or_type : 0;
	t->align = size_align(t->size);
	t->is_union = kind == KB_UNION;
	return t;
}

static struct type *kbtf_make_enum(struct kbtf *b, uint32_t id, const struct kbtf_type *rec, const char *alias)
{
	const char *name = kbtf_str(b, rec->name_off);
	struct type *t = kbtf_make_named(b, id, T_ENUM, *name || !alias ? name : alias);
	uint32_t size = rec->size_or_type;
	t->size = size == 1 || size == 2 || size == 8 ? size : 4;
	t->align = t->size;
	t->is_signed = info_flag(rec->info);
	return t;
}

static struct type *kbtf_make_array(struct kbtf *b, const unsigned char *more, unsigned depth)
{
	struct type *elem = kbtf_make_at(b, rd32(more), depth + 1);
	uint32_t count = rd32(more + 8);
	if (elem->kind == T_VOID || elem->kind == T_FUNC || (uint64_t)elem->size * count > SIZE_MAX_TYPE)
		return kbtf_opaque(b, 0);
	if (elem->kind == T_INT && elem->size == 1 && count)
		return type_string(b->arena, count);
	return type_array(b->arena, elem, count);
}

static struct type *kbtf_make_at(struct kbtf *b, uint32_t id, unsigned depth)
{
	const char *alias = NULL;
	struct kbtf_type rec;
	const unsigned char *more;
	struct type *t;
	id = kbtf_strip(b, id, &alias, NULL);
	if (depth >= DEPTH_MAX || !kbtf_rec(b, id, &rec, &more))
		return b->facts->void_type;
	if (b->made[id])
		return b->made[id];
	switch (info_kind(rec.info)) {
	case KB_INT:
		t = kbtf_make_int(b, &rec, more);
		break;
	case KB_PTR: {
		bool user = false;
		uint32_t to = kbtf_strip(b, rec.size_or_type, NULL, &user);
		/* What it points to is made from the unstripped id, so that a nameless struct finds its typedef's name. */
		t = type_ptr(b->arena, to ? kbtf_make_at(b, rec.size_or_type, depth + 1) : b->facts->void_type,
			     user ? AS_USER : AS_NONE);
		break;
	}
	case KB_ARRAY:
		t = kbtf_make_array(b, more, depth);
		break;
	case KB_STRUCT: case KB_UNION: case KB_FWD:
		t = kbtf_make_struct(b, id, &rec, alias);
		break;
	case KB_ENUM: case KB_ENUM64:
		t = kbtf_make_enum(b, id, &rec, alias);
		break;
	case KB_FUNC: case KB_FUNC_PROTO:
		t = b->func_type;
		break;
	case KB_FLOAT:
		t = kbtf_opaque(b, rec.size_or_type);
		break;
	default: /* VAR, DATASEC, tags of declarations: no types */
		return b->facts->void_type;
	}
	b->made[id] = t;
	return t;
}

struct type *kbtf_make(struct kbtf *b, uint32_t id)
{
	return kbtf_make_at(b, id, 0);
}

/* --- completion --- */

/* What a struct holds by value must be a tree, and not a forest: each member, at any depth, costs one of the budget. */
static bool kbtf_tree(const struct kbtf *b, uint32_t id, unsigned depth, uint32_t *budget)
{
	struct kbtf_type rec;
	const unsigned char *more;
	id = kbtf_strip(b, id, NULL, NULL);
	if (depth > DEPTH_MAX || *budget == 0)
		return false;
	--*budget;
	if (!kbtf_rec(b, id, &rec, &more))
		return true;
	if (info_kind(rec.info) == KB_ARRAY)
		return kbtf_tree(b, rd32(more), depth + 1, budget);
	if (info_kind(rec.info) != KB_STRUCT && info_kind(rec.info) != KB_UNION)
		return true;
	for (uint32_t i = 0; i < info_vlen(rec.info); i++)
		if (!kbtf_tree(b, rd32(more + 12 * i + 4), depth + 1, budget))
			return false;
	return true;
}

/* A bit-field's place: in a unit of its type's size, aligned to it as compilers do; else from the byte where it begins. */
static bool field_bits(struct kbtf *b, struct field *f, uint32_t bit, uint32_t n_bits, uint32_t struct_size)
{
	uint32_t size = f->type->size;
	if (!(type_is_int(f->type) || f->type->kind == T_BOOL) || n_bits > 64 || !size)
		return false;
	f->offset = bit / (size * 8) * size;
	if (bit - f->offset * 8 + n_bits > size * 8 || f->offset + size > struct_size) {
		f->offset = bit / 8;
		while (bit - f->offset * 8 + n_bits > size * 8 && size < 8)
			size *= 2;
		if (bit - f->offset * 8 + n_bits > size * 8)
			return false; /* nine bytes: no compiler of the kernel does that */
		if (size != f->type->size)
			f->type = type_int(b->arena, size, f->type->is_signed);
		if (f->offset + size > struct_size && struct_size >= size)
			f->offset = struct_size - size;
	}
	f->bit_offset = (uint8_t)(bit - f->offset * 8);
	f->bit_size = (uint8_t)n_bits;
	return f->bit_offset + n_bits <= size * 8;
}

static void kbtf_fields(struct kbtf *b, struct type *t, const struct kbtf_type *rec, const unsigned char *more)
{
	bool flag = info_flag(rec->info);
	uint32_t n = info_vlen(rec->info);
	vec_reserve(b->arena, &t->fields, n);
	for (uint32_t i = 0; i < n; i++, more += 12) {
		uint32_t type_id = rd32(more + 4), where = rd32(more + 8), bit = flag ? where & 0xffffff : where;
		uint32_t n_bits = flag ? where >> 24 : 0;
		struct field f = { .name = str_of(kbtf_str(b, rd32(more))), .type = kbtf_make(b, type_id), .offset = bit / 8 };
		if (f.type->kind == T_VOID || f.type->kind == T_FUNC)
			f.type = kbtf_opaque(b, 0);
		if (!flag) { /* old style: the width is in the integer type, or shows in a place between bytes */
			struct kbtf_type ir;
			const unsigned char *im;
			uint32_t id = kbtf_strip(b, type_id, NULL, NULL);
			if (kbtf_rec(b, id, &ir, &im) && info_kind(ir.info) == KB_INT) {
				uint32_t bits = rd32(im) & 0xff, first = rd32(im) >> 16 & 0xff;
				if (first || (bits && bits != ir.size_or_type * 8 && ir.size_or_type <= 8) || bit % 8) {
					n_bits = bits;
					bit += first;
				}
			}
		}
		if (bit / 8 > t->size || (!n_bits && (uint64_t)f.offset + f.type->size > t->size))
			continue; /* lies outside: not a field that anyone can use */
		if (n_bits && !field_bits(b, &f, bit, n_bits, t->size))
			continue;
		if (!f.name.len && f.type->kind == T_STRUCT && !kbtf_complete(b, f.type))
			continue;
		if (b->facts->texts)
			f.text = arena_printf(b->arena, n_bits ? "%s : %u" : "%s", kbtf_declare(b, type_id, f.name.s), n_bits);
		vec_push(b->arena, &t->fields, f);
	}
}

static void kbtf_values(struct kbtf *b, struct type *t, const struct kbtf_type *rec, const unsigned char *more)
{
	bool wide = info_kind(rec->info) == KB_ENUM64, sign = info_flag(rec->info);
	uint32_t n = info_vlen(rec->info);
	vec_reserve(b->arena, &t->values, n);
	for (uint32_t i = 0; i < n; i++, more += wide ? 12 : 8) {
		uint64_t v = rd32(more + 4);
		if (wide)
			v |= (uint64_t)rd32(more + 8) << 32;
		else if (sign)
			v = (uint64_t)(int64_t)(int32_t)v;
		vec_push(b->arena, &t->values, ((struct enum_value){ str_of(kbtf_str(b, rd32(more))), (int64_t)v }));
	}
}

bool kbtf_complete(struct kbtf *b, struct type *t)
{
	struct kbtf_type rec;
	const unsigned char *more;
	if (t->complete)
		return true;
	if (!kbtf_rec(b, t->origin, &rec, &more))
		return false;
	uint32_t kind = info_kind(rec.info), budget = TREE_MAX;
	if (t->kind == T_ENUM && (kind == KB_ENUM || kind == KB_ENUM64)) {
		kbtf_values(b, t, &rec, more);
	} else if (t->kind == T_STRUCT && (kind == KB_STRUCT || kind == KB_UNION) && kbtf_tree(b, t->origin, 0, &budget)) {
		t->complete = true; /* before its members: nothing below may start on it again */
		kbtf_fields(b, t, &rec, more);
	} else {
		return false;
	}
	t->complete = true;
	return true;
}

/* --- enum constants --- */

struct kbtf_value {
	int64_t value;
	uint32_t id; /* of the enum; 0: there is no such constant */
};

void kbtf_names(struct kbtf *b, uint32_t kinds, const char *pattern, void (*each)(void *arg, const char *name), void *arg)
{
	struct map seen = { 0 };
	for (uint32_t id = 1; id < b->n; id++) {
		if (!(kinds >> kbtf_kind(b, id) & 1))
			continue;
		const char *name = kbtf_name(b, id);
		if (!*name || !str_match(pattern, name) || map_get(&seen, str_of(name)))
			continue;
		map_put(b->arena, &seen, str_of(name), b);
		each(arg, name);
	}
}

bool kbtf_enum_value(struct kbtf *b, struct str name, int64_t *ret, struct type **ret_enum)
{
	if (!name.len || memchr(name.s, 0, name.len))
		return false;
	struct kbtf_value *v = map_get(&b->values, name);
	if (!v) {
		v = arena_new(b->arena, struct kbtf_value);
		for (uint32_t e = 0; e < b->enums.n && !v->id; e++) {
			struct kbtf_type rec;
			const unsigned char *more;
			if (!kbtf_rec(b, b->enums.v[e], &rec, &more))
				continue;
			uint32_t step = info_kind(rec.info) == KB_ENUM64 ? 12 : 8;
			for (uint32_t i = 0; i < info_vlen(rec.info); i++, more += step) {
				const char *s = kbtf_str(b, rd32(more));
				if (s[0] != name.s[0] || strncmp(s, name.s, name.len) != 0 || s[name.len])
					continue;
				uint64_t x = rd32(more + 4);
				if (step == 12)
					x |= (uint64_t)rd32(more + 8) << 32;
				else if (info_flag(rec.info))
					x = (uint64_t)(int64_t)(int32_t)x;
				v->value = (int64_t)x;
				v->id = b->enums.v[e];
				break;
			}
		}
		map_put(b->arena, &b->values, (struct str){ arena_strndup(b->arena, name.s, name.len), name.len }, v);
	}
	if (!v->id)
		return false;
	*ret = v->value;
	if (ret_enum)
		*ret_enum = kbtf_make(b, v->id);
	return true;
}

/* --- functions --- */

struct facts_func *kbtf_func(struct kbtf *b, uint32_t id, uint32_t skip)
{
	struct kbtf_type rec;
	const unsigned char *more;
	struct facts_func *f = arena_new(b->arena, struct facts_func);
	f->btf_id = id;
	f->name = str_of(kbtf_name(b, id));
	for (unsigned i = 0;; i++) { /* FUNC -> proto; typedef -> pointer -> proto */
		id = kbtf_strip(b, id, NULL, NULL);
		if (i > 3 || !kbtf_rec(b, id, &rec, &more))
			return NULL;
		if (info_kind(rec.info) == KB_FUNC_PROTO)
			break;
		if (info_kind(rec.info) != KB_FUNC && info_kind(rec.info) != KB_PTR)
			return NULL;
		id = rec.size_or_type;
	}
	f->ret = kbtf_make(b, rec.size_or_type);
	f->ret_text = b->facts->texts && rec.size_or_type ? kbtf_param(b, rec.size_or_type, "retval") : NULL;
	for (uint32_t i = skip; i < info_vlen(rec.info); i++) {
		struct facts_param p = { str_of(kbtf_str(b, rd32(more + 8 * i))), NULL, NULL };
		uint32_t type_id = rd32(more + 8 * i + 4);
		if (!type_id) { /* "..." */
			f->variadic = true;
			break;
		}
		if (!p.name.len)
			p.name = str_of(arena_printf(b->arena, "arg%u", i - skip));
		p.type = kbtf_make(b, type_id);
		p.text = b->facts->texts ? kbtf_param(b, type_id, p.name.s) : NULL;
		vec_push(b->arena, &f->params, p);
	}
	return f;
}
