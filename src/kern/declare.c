/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of the kernel's BTF as its source declares them, for lists: "const struct path *path", "u8 key[16]", "int (*show)(struct
 * seq_file *, void *)". The language's own types have no typedefs and no qualifiers; people who look for a probe know those of C.
 *
 * A declarator is built from the inside out, as C's grammar has it: what stands around the name so far, then the type behind it. Depth
 * and length are bounded, so a damaged file gives odd text and no more.
 */
#include "kern/kern_priv.h"

enum { DECLARE_DEPTH = 24, DECLARE_LEN = 512 };

static const char *declare_base(struct kbtf *b, uint32_t kind, const char *name, bool is_union)
{
	const char *word = kind == KB_STRUCT ? "struct " : kind == KB_UNION ? "union " : kind == KB_ENUM || kind == KB_ENUM64 ? "enum " :
			   kind == KB_FWD ? (is_union ? "union " : "struct ") : "";
	return arena_printf(b->arena, "%s%s", word, *name ? name : "{...}");
}

static const char *declare_at(struct kbtf *b, uint32_t id, const char *inner, unsigned depth);

static const char *declare_params(struct kbtf *b, const struct kbtf_type *rec, const unsigned char *more, unsigned depth)
{
	const char *list = "";
	uint32_t n = info_vlen(rec->info);
	for (uint32_t i = 0; i < n && strlen(list) < DECLARE_LEN; i++) {
		uint32_t type = rd32(more + 8 * i + 4);
		list = arena_printf(b->arena, "%s%s%s", list, i ? ", " : "", type ? declare_at(b, type, "", depth + 1) : "...");
	}
	return n ? list : "void";
}

/* inner: the name with what is known of it, "*name", "(*name)[4]"; may be empty */
static const char *declare_at(struct kbtf *b, uint32_t id, const char *inner, unsigned depth)
{
	struct kbtf_type rec;
	const unsigned char *more;
	if (depth > DECLARE_DEPTH || strlen(inner) > DECLARE_LEN)
		return arena_printf(b->arena, "... %s", inner);
	if (!kbtf_rec(b, id, &rec, &more))
		return arena_printf(b->arena, "void%s%s", *inner ? " " : "", inner);
	uint32_t kind = info_kind(rec.info), of = kbtf_kind(b, rec.size_or_type);
	const char *word = kind == KB_CONST ? "const" : kind == KB_VOLATILE ? "volatile" : "restrict";
	switch (kind) {
	case KB_PTR:
		inner = arena_printf(b->arena, of == KB_ARRAY || of == KB_FUNC_PROTO ? "(*%s)" : "*%s", inner);
		return declare_at(b, rec.size_or_type, inner, depth + 1);
	case KB_ARRAY:
		inner = arena_printf(b->arena, "%s[%u]", inner, rd32(more + 8));
		return declare_at(b, rd32(more), inner, depth + 1);
	case KB_FUNC_PROTO:
		inner = arena_printf(b->arena, "%s(%s)", inner, declare_params(b, &rec, more, depth));
		return declare_at(b, rec.size_or_type, inner, depth + 1);
	case KB_CONST:
	case KB_VOLATILE:
	case KB_RESTRICT:
		if (of == KB_PTR) /* of the pointer: behind its star */
			return declare_at(b, rec.size_or_type, arena_printf(b->arena, "%s%s%s", word, *inner ? " " : "", inner), depth + 1);
		return arena_printf(b->arena, "%s %s", word, declare_at(b, rec.size_or_type, inner, depth + 1));
	case KB_TYPE_TAG:
		return declare_at(b, rec.size_or_type, inner, depth + 1);
	default:
		return arena_printf(b->arena, "%s%s%s", declare_base(b, kind, kbtf_name(b, id), info_flag(rec.info)), *inner ? " " : "", inner);
	}
}

const char *kbtf_declare(struct kbtf *b, uint32_t id, const char *name)
{
	return declare_at(b, id, name, 0);
}

const char *kbtf_param(struct kbtf *b, uint32_t id, const char *name)
{
	return arena_printf(b->arena, "%s %s", declare_at(b, id, "", 0), name);
}
