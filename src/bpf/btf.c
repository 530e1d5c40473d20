/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTF for what we emit: a FUNC for every function (the kernel wants func_info
 * for callbacks) and line info, so that the verifier's log and the kernel's
 * own dumps show the script's source. Format: Documentation/bpf/btf.rst.
 */
#include <linux/btf.h>

#include "bpf/code.h"

struct blob {
	struct arena *a;
	VEC(char) bytes;
};

static uint32_t blob_add(struct blob *b, const void *p, size_t n)
{
	uint32_t at = b->bytes.n;
	vec_reserve(b->a, &b->bytes, at + (uint32_t)n);
	memcpy(b->bytes.v + at, p, n);
	b->bytes.n += (uint32_t)n;
	return at;
}

static uint32_t blob_str(struct blob *b, const char *s, size_t n)
{
	uint32_t at = blob_add(b, s, n);
	blob_add(b, "", 1);
	return at;
}

static void btf_type(struct blob *b, uint32_t name, uint32_t kind, uint32_t vlen, uint32_t size_or_type)
{
	struct btf_type t = { .name_off = name, .info = kind << 24 | vlen, .size = size_or_type };
	blob_add(b, &t, sizeof(t));
}

static bool btf_is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static uint32_t btf_source_line(struct blob *strs, const struct source *s, uint32_t line)
{
	const char *p = s->text.s, *end = p + s->text.len;
	for (uint32_t l = 1; l < line && p < end; l++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		p = nl ? nl + 1 : end;
	}
	const char *nl = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	size_t n = (size_t)((nl ? nl : end) - p);
	char text[256];
	if (n >= sizeof(text))
		n = sizeof(text) - 1;
	for (size_t i = 0; i < n; i++)
		text[i] = p[i] >= ' ' && p[i] < 127 ? p[i] : ' ';
	return blob_str(strs, text, n);
}

static void btf_lines(struct blob *strs, const struct bpf_code *c, const struct diags *d, struct arena *a,
		      struct bpf_btf *ret)
{
	struct blob lines = { .a = a };
	struct {
		const struct source *s;
		uint32_t line, text;
	} known[64] = { 0 }; /* texts that are there already, by line */
	uint32_t file = blob_str(strs, "sonde", 5), last = 0, last_line = 1;
	for (uint32_t k = 0; k < c->lines.n; k++) {
		const struct source *s;
		uint32_t line = last_line, col = 0;
		struct bpf_line_info li = { .insn_off = c->lines.v[k].insn, .file_name_off = file };
		if (diag_locate(d, c->lines.v[k].span.lo, &s, &line, &col)) {
			uint32_t h = line % 64;
			if (known[h].s != s || known[h].line != line) {
				known[h].s = s;
				known[h].line = line;
				known[h].text = btf_source_line(strs, s, line);
			}
			last = known[h].text;
			last_line = line;
		}
		li.line_off = last; /* offset 0 is the empty string */
		li.line_col = line << 10 | (col > 1023 ? 1023 : col);
		blob_add(&lines, &li, sizeof(li));
	}
	ret->line_info = lines.bytes.v;
	ret->n_line_info = c->lines.n;
}

int bpf_make_btf(struct arena *a, const struct bpf_code *c, struct func *const *funcs, const struct diags *d,
		 struct bpf_btf *ret)
{
	struct blob types = { .a = a }, strs = { .a = a }, infos = { .a = a };
	memset(ret, 0, sizeof(*ret));
	blob_add(&strs, "", 1);
	uint32_t int_name = blob_str(&strs, "int", 3), arg = blob_str(&strs, "a", 1);
	btf_type(&types, int_name, BTF_KIND_INT, 0, 4);
	uint32_t enc = BTF_INT_SIGNED << 24 | 32;
	blob_add(&types, &enc, sizeof(enc));
	btf_type(&types, 0, BTF_KIND_PTR, 0, 0);
	uint32_t id = 2;
	for (uint32_t k = 0; k < c->subprogs.n; k++) {
		const struct func *f = funcs[c->subprogs.v[k].fn];
		char name[128];
		size_t n = 0;
		if ((f->name[0] >= '0' && f->name[0] <= '9') || !f->name[0])
			name[n++] = '_';
		for (const char *p = f->name; *p && n + 1 < sizeof(name); p++)
			name[n++] = btf_is_name_char(*p) ? *p : '_';
		btf_type(&types, 0, BTF_KIND_FUNC_PROTO, f->n_args, 1);
		for (uint32_t j = 0; j < f->n_args; j++) {
			struct btf_param p = { .name_off = arg, .type = 2 };
			blob_add(&types, &p, sizeof(p));
		}
		btf_type(&types, blob_str(&strs, name, n), BTF_KIND_FUNC, k ? BTF_FUNC_STATIC : BTF_FUNC_GLOBAL,
			 id + 1);
		id += 2;
		struct bpf_func_info fi = { .insn_off = c->subprogs.v[k].insn, .type_id = id };
		blob_add(&infos, &fi, sizeof(fi));
	}
	ret->func_info = infos.bytes.v;
	ret->n_func_info = c->subprogs.n;
	if (d)
		btf_lines(&strs, c, d, a, ret);
	struct btf_header h = { .magic = BTF_MAGIC,
				.version = BTF_VERSION,
				.hdr_len = sizeof(h),
				.type_len = types.bytes.n,
				.str_off = types.bytes.n,
				.str_len = strs.bytes.n };
	struct blob all = { .a = a };
	blob_add(&all, &h, sizeof(h));
	blob_add(&all, types.bytes.v, types.bytes.n);
	blob_add(&all, strs.bytes.v, strs.bytes.n);
	ret->btf = all.bytes.v;
	ret->btf_size = all.bytes.n;
	return 0;
}
