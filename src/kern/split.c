/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BTF of a module ("split" BTF): its types continue the numbers of the kernel's own, and its strings the offsets of the
 * kernel's strings; so those of two modules have the same numbers.
 *
 * Here all of them shall live in one struct kbtf, whose types know their origin by number alone. So a module's records are appended to
 * those that are there, with its own numbers and offsets moved behind them, and the whole is indexed anew: some milliseconds, once for
 * each module that is asked for. Types made before stay what they are. The kernel knows a function of the module
 * by its number there: the one here less `shift`.
 *
 * The BTF of a BPF program is whole: it continues nothing, and is appended in the same way with all of its numbers moved.
 *
 * Numbers beyond all types, in a damaged file, stay so: kbtf_rec() refuses them.
 */
#include "kern/kern_priv.h"

enum { HEADER_LEN = 24, MAGIC = 0xeb9f, WHOLE_MAX = 1 << 29 };

struct moving {
	uint32_t first_id, first_str; /* the module's own begin there */
	uint32_t by_id, by_str;
};

static uint32_t get(const unsigned char *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static void move(unsigned char *p, uint32_t first, uint32_t by)
{
	uint32_t v = get(p);
	if (v >= first)
		v = v > UINT32_MAX - by ? UINT32_MAX : v + by;
	memcpy(p, &v, 4);
}

/* One record, whose extent is known to be good. */
static void split_record(unsigned char *p, const struct moving *m)
{
	uint32_t info = get(p + 4), kind = info >> 24 & 0x1f, n = info & 0xffff;
	unsigned char *more = p + 12;
	move(p, m->first_str, m->by_str);
	switch (kind) {
	case KB_PTR: case KB_TYPEDEF: case KB_VOLATILE: case KB_CONST: case KB_RESTRICT: case KB_FUNC: case KB_VAR: case KB_DECL_TAG:
	case KB_TYPE_TAG:
		move(p + 8, m->first_id, m->by_id);
		break;
	case KB_ARRAY:
		move(more, m->first_id, m->by_id);
		move(more + 4, m->first_id, m->by_id);
		break;
	case KB_STRUCT: case KB_UNION:
		for (uint32_t i = 0; i < n; i++) {
			move(more + 12 * i, m->first_str, m->by_str);
			move(more + 12 * i + 4, m->first_id, m->by_id);
		}
		break;
	case KB_ENUM:
		for (uint32_t i = 0; i < n; i++)
			move(more + 8 * i, m->first_str, m->by_str);
		break;
	case KB_ENUM64:
		for (uint32_t i = 0; i < n; i++)
			move(more + 12 * i, m->first_str, m->by_str);
		break;
	case KB_FUNC_PROTO:
		move(p + 8, m->first_id, m->by_id);
		for (uint32_t i = 0; i < n; i++) {
			move(more + 8 * i, m->first_str, m->by_str);
			move(more + 8 * i + 4, m->first_id, m->by_id);
		}
		break;
	case KB_DATASEC:
		for (uint32_t i = 0; i < n; i++)
			move(more + 12 * i, m->first_id, m->by_id);
		break;
	default:
		break;
	}
}

bool kbtf_append(struct kbtf *b, const void *blob, size_t len, bool by_itself, uint32_t *ret_shift)
{
	const unsigned char *p = blob;
	if (len < HEADER_LEN || len > WHOLE_MAX || (p[0] | p[1] << 8) != MAGIC)
		return false;
	uint64_t hdr = get(p + 4), type_off = get(p + 8), type_len = get(p + 12), str_off = get(p + 16), str_len = get(p + 20);
	if (hdr < HEADER_LEN || hdr + type_off + type_len > len || hdr + str_off + str_len > len || !str_len ||
	    p[hdr + str_off + str_len - 1] || b->types_len + type_len > WHOLE_MAX || b->strs_len + str_len > WHOLE_MAX)
		return false;
	struct moving m = { .first_id = b->base_n, .first_str = b->base_strs, .by_id = b->n - b->base_n, .by_str = b->strs_len - b->base_strs };
	if (by_itself) /* its own numbers begin at 1, its strings behind the empty one */
		m = (struct moving){ .first_id = 1, .first_str = 1, .by_id = b->n - 1, .by_str = b->strs_len };
	unsigned char *types = arena_alloc(b->arena, b->types_len + type_len);
	char *strs = arena_alloc(b->arena, b->strs_len + str_len);
	memcpy(types, b->types, b->types_len);
	memcpy(types + b->types_len, p + hdr + type_off, type_len);
	memcpy(strs, b->strs, b->strs_len);
	memcpy(strs + b->strs_len, p + hdr + str_off, str_len);
	unsigned char *at = types + b->types_len, *end = at + type_len;
	while (end - at >= 12) {
		int64_t extra = kbtf_extra(get(at + 4));
		if (extra < 0 || extra > end - at - 12)
			return false;
		split_record(at, &m);
		at += 12 + extra;
	}
	if (at != end)
		return false;
	struct kbtf whole = *b;
	whole.types = types;
	whole.types_len += (uint32_t)type_len;
	whole.strs = strs;
	whole.strs_len += (uint32_t)str_len;
	if (!kbtf_reindex(&whole, b))
		return false;
	*b = whole;
	*ret_shift = m.by_id;
	return true;
}
