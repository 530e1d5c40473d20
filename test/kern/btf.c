/* SPDX-License-Identifier: Apache-2.0 */
/* The BTF reader against blobs made by hand: every kind of type, and every kind of damage. */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "kern/kern_priv.h"

static struct check c = { .suite = "kern" };

/* --- blobs --- */

struct blob {
	struct buf types, strs;
	uint32_t n; /* ids given */
};
static void w32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, 4);
}
static uint32_t b_str(struct blob *b, const char *s)
{
	if (!b->strs.len)
		buf_addc(&b->strs, 0);
	if (!*s)
		return 0;
	uint32_t off = (uint32_t)b->strs.len;
	buf_add(&b->strs, s, strlen(s) + 1);
	return off;
}
static uint32_t b_type(struct blob *b, const char *name, uint32_t kind, uint32_t vlen, uint32_t flag, uint32_t size_or_type)
{
	w32(&b->types, b_str(b, name));
	w32(&b->types, kind << 24 | vlen | flag << 31);
	w32(&b->types, size_or_type);
	return ++b->n;
}
static uint32_t b_int(struct blob *b, const char *name, uint32_t size, uint32_t enc, uint32_t off, uint32_t bits)
{
	uint32_t id = b_type(b, name, KB_INT, 0, 0, size);
	w32(&b->types, enc << 24 | off << 16 | bits);
	return id;
}
static uint32_t b_array(struct blob *b, uint32_t elem, uint32_t count)
{
	uint32_t id = b_type(b, "", KB_ARRAY, 0, 0, 0);
	w32(&b->types, elem);
	w32(&b->types, 0);
	w32(&b->types, count);
	return id;
}
static void b_member(struct blob *b, const char *name, uint32_t type, uint32_t where)
{
	w32(&b->types, b_str(b, name));
	w32(&b->types, type);
	w32(&b->types, where);
}
static void b_param(struct blob *b, const char *name, uint32_t type)
{
	w32(&b->types, b_str(b, name));
	w32(&b->types, type);
}
static void *b_finish(struct blob *b, size_t *ret_len)
{
	struct buf o = { 0 };
	b_str(b, "");
	w32(&o, 0xeb9f | 1 << 16);
	w32(&o, 24);
	w32(&o, 0);
	w32(&o, (uint32_t)b->types.len);
	w32(&o, (uint32_t)b->types.len);
	w32(&o, (uint32_t)b->strs.len);
	buf_add(&o, b->types.s, b->types.len);
	buf_add(&o, b->strs.s, b->strs.len);
	buf_fini(&b->types);
	buf_fini(&b->strs);
	*ret_len = o.len;
	return o.s;
}

struct reader {
	struct arena a;
	struct kern k;
	struct kbtf *b;
	const char *why;
};
static struct kbtf *r_open(struct reader *r, const void *blob, size_t len)
{
	memset(r, 0, sizeof(*r));
	arena_init(&r->a);
	facts_init(&r->k, &r->a);
	r->b = kbtf_open_mem(&r->k.facts, NULL, blob, len, &r->why);
	return r->b;
}
static void r_close(struct reader *r)
{
	kbtf_close(r->b);
	arena_fini(&r->a);
}
static void is_type(struct reader *r, const char *what, uint32_t id, const char *want)
{
	const char *got = type_str(&r->a, kbtf_make(r->b, id));
	check_bytes(&c, what, want, strlen(want), got, strlen(got));
}

/* Ask for everything there is; nothing but coming back is expected. */
static void r_walk(struct reader *r)
{
	for (uint32_t id = 0; id < r->b->n + 3; id++) {
		struct type *t = kbtf_make(r->b, id);
		if (t->kind == T_STRUCT || t->kind == T_ENUM)
			kbtf_complete(r->b, t);
		type_str(&r->a, t);
		type_field(t, STR("no such field"), NULL);
		kbtf_func(r->b, id, 1);
		int64_t v;
		const char *name = kbtf_name(r->b, id);
		kbtf_find(r->b, ~0u, str_of(name));
		if (id % 16 == 0)
			kbtf_enum_value(r->b, str_of(name), &v, NULL);
	}
}

/* --- kinds --- */

static void test_kinds(void)
{
	struct blob b = { 0 };
	uint32_t i4 = b_int(&b, "int", 4, 1, 0, 32), u8 = b_int(&b, "unsigned char", 1, 0, 0, 8), ch = b_int(&b, "char", 1, 0, 0, 8);
	uint32_t bo = b_int(&b, "_Bool", 1, 4, 0, 8), big = b_int(&b, "__int128", 16, 1, 0, 128), u8l = b_int(&b, "long unsigned int", 8, 0, 0, 64);
	uint32_t flt = b_type(&b, "double", KB_FLOAT, 0, 0, 8);
	uint32_t con = b_type(&b, "", KB_CONST, 0, 0, ch), pc = b_type(&b, "", KB_PTR, 0, 0, con);
	uint32_t pv = b_type(&b, "", KB_PTR, 0, 0, 0), ppv = b_type(&b, "", KB_PTR, 0, 0, pv);
	uint32_t tag = b_type(&b, "user", KB_TYPE_TAG, 0, 0, con), pu = b_type(&b, "", KB_PTR, 0, 0, tag);
	uint32_t rcu = b_type(&b, "rcu", KB_TYPE_TAG, 0, 0, con), pr = b_type(&b, "", KB_PTR, 0, 0, rcu);
	uint32_t str = b_array(&b, ch, 16), a2 = b_array(&b, i4, 3), a3 = b_array(&b, a2, 2), flex = b_array(&b, ch, 0), ub = b_array(&b, u8, 6);
	uint32_t ab = b_array(&b, bo, 4);
	/* struct { ... } of a typedef only */
	uint32_t anon = b_type(&b, "", KB_STRUCT, 1, 0, 4);
	b_member(&b, "counter", i4, 0);
	uint32_t td = b_type(&b, "atomic_t", KB_TYPEDEF, 0, 0, anon), td2 = b_type(&b, "my_atomic_t", KB_TYPEDEF, 0, 0, td);
	uint32_t e = b_type(&b, "e", KB_ENUM, 2, 1, 4);
	b_param(&b, "E_MINUS", (uint32_t)-1);
	b_param(&b, "E_TWO", 2);
	uint32_t eu = b_type(&b, "eu", KB_ENUM, 1, 0, 4);
	b_param(&b, "EU_HIGH", 0xffffffff);
	uint32_t e64 = b_type(&b, "e64", KB_ENUM64, 1, 0, 8);
	b_member(&b, "E_WIDE", 5, 7);
	uint32_t proto = b_type(&b, "", KB_FUNC_PROTO, 4, 0, i4);
	b_param(&b, "ctx", pv);
	b_param(&b, "", u8l);
	b_param(&b, "s", pc);
	b_param(&b, "", 0);
	uint32_t func = b_type(&b, "do_it", KB_FUNC, 1, 0, proto), pf = b_type(&b, "", KB_PTR, 0, 0, proto);
	uint32_t bt = b_type(&b, "btf_trace_it", KB_TYPEDEF, 0, 0, pf);
	uint32_t fwd = b_type(&b, "later", KB_FWD, 0, 0, 0), pfwd = b_type(&b, "", KB_PTR, 0, 0, fwd), never = b_type(&b, "never", KB_FWD, 0, 1, 0);
	uint32_t var = b_type(&b, "jiffies", KB_VAR, 0, 0, u8l);
	w32(&b.types, 1);
	uint32_t sec = b_type(&b, ".data", KB_DATASEC, 1, 0, 8);
	b_member(&b, "", 0, 8); /* the same size as a section's entry */
	uint32_t dtag = b_type(&b, "deco", KB_DECL_TAG, 0, 0, func);
	w32(&b.types, 0);
	uint32_t later = b_type(&b, "later", KB_STRUCT, 1, 0, 8);
	b_member(&b, "p", ppv, 0);
	uint32_t later2 = b_type(&b, "later", KB_STRUCT, 0, 0, 99);
	size_t len;
	void *blob = b_finish(&b, &len);
	struct reader r;
	if (!check_true(&c, "a blob with every kind opens", r_open(&r, blob, len) != NULL)) {
		puts(r.why);
		return;
	}
	is_type(&r, "int", i4, "int32");
	is_type(&r, "unsigned char", u8, "uint8");
	is_type(&r, "char", ch, "int8");
	is_type(&r, "_Bool", bo, "bool");
	is_type(&r, "__int128", big, "uint64[2]");
	is_type(&r, "double", flt, "uint8[8]");
	is_type(&r, "const char *", pc, "int8 *");
	is_type(&r, "void **", ppv, "void * *");
	is_type(&r, "char[16]", str, "string[16]");
	is_type(&r, "u8[6]", ub, "string[6]");
	is_type(&r, "char[]", flex, "int8[0]");
	is_type(&r, "bool[4]", ab, "bool[4]");
	is_type(&r, "int[2][3]", a3, "int32[3][2]");
	is_type(&r, "nameless struct by typedef", td2, "struct atomic_t");
	is_type(&r, "pointer to function", pf, "func *");
	is_type(&r, "no type: variable", var, "void");
	is_type(&r, "no type: section", sec, "void");
	is_type(&r, "no type: tag of a declaration", dtag, "void");
	is_type(&r, "no such id", 100000, "void");
	is_type(&r, "forward declaration with a definition", pfwd, "struct later *");
	CHECK(&c, kbtf_make(r.b, pu)->as == AS_USER && kbtf_make(r.b, pr)->as == AS_NONE && kbtf_make(r.b, pc)->as == AS_NONE);
	CHECK(&c, kbtf_make(r.b, pc) == kbtf_make(r.b, pc));
	CHECK(&c, kbtf_make(r.b, fwd) == kbtf_make(r.b, later) && kbtf_make(r.b, later) != kbtf_make(r.b, later2));
	CHECK(&c, kbtf_find(r.b, 1u << KB_STRUCT, STR("later")) == later);
	CHECK(&c, kbtf_find(r.b, 1u << KB_UNION, STR("later")) == 0);
	CHECK(&c, kbtf_find(r.b, 1u << KB_FUNC, STR("do_it")) == func && !kbtf_find(r.b, 1u << KB_FUNC, STR("do_i")));
	CHECK(&c, kbtf_find(r.b, ~0u, STR("")) == 0 && kbtf_find(r.b, ~0u, ((struct str){ "int\0x", 5 })) == 0);
	CHECK(&c, !kbtf_complete(r.b, kbtf_make(r.b, never)) && kbtf_make(r.b, never)->is_union);
	struct type *t = kbtf_make(r.b, later);
	CHECK(&c, !t->complete && t->size == 8 && kbtf_complete(r.b, t) && t->complete && t->fields.n == 1 && t->origin == later);
	t = kbtf_make(r.b, e);
	CHECK(&c, t->is_signed && kbtf_complete(r.b, t) && t->values.n == 2 && t->values.v[0].value == -1 && t->values.v[1].value == 2);
	t = kbtf_make(r.b, eu);
	CHECK(&c, !t->is_signed && kbtf_complete(r.b, t) && t->values.v[0].value == 0xffffffff);
	int64_t v = 0;
	CHECK(&c, kbtf_enum_value(r.b, STR("E_WIDE"), &v, &t) && v == (int64_t)((7ull << 32) | 5) && t->size == 8 && t->origin == e64);
	CHECK(&c, kbtf_enum_value(r.b, STR("E_MINUS"), &v, &t) && v == -1);
	struct facts_func *f = kbtf_func(r.b, func, 1);
	CHECK(&c, f && f->params.n == 2 && str_is(f->params.v[0].name, "arg0") && str_is(f->params.v[1].name, "s") && f->ret->size == 4);
	f = kbtf_func(r.b, bt, 0);
	CHECK(&c, f && f->params.n == 3 && str_is(f->params.v[0].name, "ctx"));
	CHECK(&c, !kbtf_func(r.b, i4, 0) && !kbtf_func(r.b, td, 0) && !kbtf_func(r.b, 0, 0));
	r_walk(&r);
	r_close(&r);
	/* Cut off anywhere, it is refused: the sections would lie outside. */
	unsigned opened = 0;
	for (size_t n = 0; n < len; n++) {
		void *part = malloc(n ? n : 1); /* of just that size: the sanitiser sees a byte too far */
		memcpy(part, blob, n);
		opened += r_open(&r, part, n) != NULL;
		r_close(&r);
		free(part);
	}
	CHECK(&c, opened == 0);
	free(blob);
}

/* A struct with one member after another; what became of them as text. */
static void fields_text(struct reader *r, uint32_t id, struct buf *o)
{
	struct type *t = kbtf_make(r->b, id);
	if (!kbtf_complete(r->b, t)) {
		buf_adds(o, "incomplete");
		return;
	}
	for (uint32_t i = 0; i < t->fields.n; i++) {
		const struct field *f = &t->fields.v[i];
		buf_addf(o, "%.*s:%s@%u", STR_FMT(f->name), type_str(&r->a, f->type), f->offset);
		if (f->bit_size)
			buf_addf(o, ".%u+%u", f->bit_offset, f->bit_size);
		buf_addc(o, ' ');
	}
}

static void test_bitfields(void)
{
	struct blob b = { 0 };
	uint32_t u4 = b_int(&b, "unsigned int", 4, 0, 0, 32), bo = b_int(&b, "_Bool", 1, 4, 0, 8);
	uint32_t old3 = b_int(&b, "unsigned int", 4, 0, 0, 3), old5 = b_int(&b, "unsigned int", 4, 0, 3, 5);
	uint32_t u8l = b_int(&b, "long unsigned int", 8, 0, 0, 64), i4 = b_int(&b, "int", 4, 1, 0, 32);
	uint32_t s = b_type(&b, "flagged", KB_STRUCT, 5, 1, 12);
	b_member(&b, "plain", u4, 0);
	b_member(&b, "a", u4, 1u << 24 | 32);
	b_member(&b, "b", i4, 7u << 24 | 33);
	b_member(&b, "c", u4, 20u << 24 | 44);
	b_member(&b, "d", bo, 1u << 24 | 64);
	uint32_t p = b_type(&b, "packed", KB_STRUCT, 2, 1, 7);
	b_member(&b, "x", u4, 20u << 24 | 20);  /* crosses a unit: read from its first byte */
	b_member(&b, "y", u4, 12u << 24 | 40);  /* its unit would end outside */
	uint32_t w = b_type(&b, "wide", KB_STRUCT, 1, 1, 16);
	b_member(&b, "z", u4, 30u << 24 | 30);  /* five bytes of a four-byte type */
	uint32_t n = b_type(&b, "nine", KB_STRUCT, 1, 1, 16);
	b_member(&b, "z", u8l, 64u << 24 | 1);  /* nine bytes: nothing reads that */
	uint32_t o = b_type(&b, "old", KB_STRUCT, 3, 0, 8);
	b_member(&b, "lo", old3, 0);
	b_member(&b, "hi", old5, 0);
	b_member(&b, "mid", old3, 32 + 7);
	uint32_t out = b_type(&b, "outside", KB_STRUCT, 3, 0, 4);
	b_member(&b, "in", u4, 0);
	b_member(&b, "over", u8l, 0);
	b_member(&b, "far", u4, 0xfffffff8);
	size_t len;
	void *blob = b_finish(&b, &len);
	struct reader r;
	struct buf t = { 0 };
	if (!check_true(&c, "a blob with bit-fields opens", r_open(&r, blob, len) != NULL))
		return;
	fields_text(&r, s, &t);
	check_text(&c, "bit-fields", "plain:uint32@0 a:uint32@4.0+1 b:int32@4.1+7 c:uint32@4.12+20 d:bool@8.0+1 ", &t);
	fields_text(&r, p, &t);
	check_text(&c, "packed bit-fields", "x:uint32@2.4+20 y:uint32@3.16+12 ", &t);
	fields_text(&r, w, &t);
	check_text(&c, "a bit-field of five bytes", "z:uint64@3.6+30 ", &t);
	fields_text(&r, n, &t);
	check_text(&c, "a bit-field of nine bytes", "", &t);
	fields_text(&r, o, &t);
	check_text(&c, "bit-fields of old compilers", "lo:uint32@0.0+3 hi:uint32@0.3+5 mid:uint32@4.7+3 ", &t);
	fields_text(&r, out, &t);
	check_text(&c, "members outside of their struct are left out", "in:uint32@0 ", &t);
	buf_fini(&t);
	r_close(&r);
	free(blob);
}

/* --- damage --- */

static void test_cycles(void)
{
	struct blob b = { 0 };
	uint32_t i4 = b_int(&b, "int", 4, 1, 0, 32);
	uint32_t loop = b_type(&b, "loop", KB_TYPEDEF, 0, 0, 2);              /* itself */
	uint32_t pp = b_type(&b, "", KB_PTR, 0, 0, 3);                        /* to itself */
	uint32_t arr = b_array(&b, 4, 2);                                     /* of itself */
	uint32_t self = b_type(&b, "self", KB_STRUCT, 1, 0, 4);
	b_member(&b, "", 5, 0);                                               /* holds itself, without a name */
	uint32_t x = b_type(&b, "x", KB_STRUCT, 2, 0, 8), y = x + 1;
	b_member(&b, "i", i4, 0);
	b_member(&b, "y", y, 0);
	b_type(&b, "y", KB_UNION, 1, 0, 8);
	b_member(&b, "x", x, 0);
	uint32_t fn = b_type(&b, "fn", KB_FUNC, 0, 0, b.n + 1);               /* a function of type itself */
	uint32_t list = b_type(&b, "list", KB_STRUCT, 1, 0, 8), pl = list + 1; /* the cycle that is right */
	b_member(&b, "next", pl, 0);
	b_type(&b, "", KB_PTR, 0, 0, list);
	/* Not a cycle, but 2^40 members when written out: each holds the next twice. */
	uint32_t first = b.n + 1;
	for (int i = 0; i < 40; i++) {
		uint32_t next = b.n + 2;
		b_type(&b, "", KB_STRUCT, 2, 0, 64);
		b_member(&b, "", i == 39 ? i4 : next, 0);
		b_member(&b, "", i == 39 ? i4 : next, 0);
	}
	uint32_t deep = b.n + 1; /* a chain of typedefs, arrays, pointers longer than anybody's */
	for (int i = 0; i < 300; i++)
		b_type(&b, "d", i % 2 ? KB_TYPEDEF : KB_PTR, 0, 0, b.n + 2);
	b_int(&b, "end", 4, 1, 0, 32);
	size_t len;
	void *blob = b_finish(&b, &len);
	struct reader r;
	if (!check_true(&c, "a blob with cycles opens", r_open(&r, blob, len) != NULL))
		return;
	clock_t begun = clock();
	is_type(&r, "a typedef of itself", loop, "void");
	CHECK(&c, !kbtf_complete(r.b, kbtf_make(r.b, self)));
	CHECK(&c, !kbtf_complete(r.b, kbtf_make(r.b, x)) && !kbtf_complete(r.b, kbtf_make(r.b, y)));
	CHECK(&c, !kbtf_complete(r.b, kbtf_make(r.b, first)));
	CHECK(&c, !kbtf_func(r.b, fn, 0));
	unsigned depth = 0;
	for (const struct type *t = kbtf_make(r.b, pp); t->kind == T_PTR && depth < 1000; t = t->elem)
		depth++;
	CHECK(&c, depth < 100);
	for (const struct type *t = kbtf_make(r.b, deep); t->kind == T_PTR && depth < 1000; t = t->elem)
		depth++;
	CHECK(&c, depth < 200);
	CHECK(&c, kbtf_make(r.b, arr)->kind == T_ARRAY);
	struct type *t = kbtf_make(r.b, list);
	CHECK(&c, kbtf_complete(r.b, t) && t->fields.v[0].type->elem == t);
	r_walk(&r);
	CHECK(&c, (clock() - begun) / CLOCKS_PER_SEC < 5);
	r_close(&r);
	free(blob);
}

static void test_headers(void)
{
	struct blob b = { 0 };
	struct reader r;
	size_t len;
	b_int(&b, "int", 4, 1, 0, 32);
	uint32_t *blob = b_finish(&b, &len), good[6];
	memcpy(good, blob, sizeof(good));
	static const struct {
		unsigned word;
		uint32_t value;
	} bad[] = {
		{ 0, 0x1eb9f + 1 }, { 0, 0x9feb0001 }, { 1, 0 }, { 1, 23 }, { 1, 0xffffffff }, { 1, 28 }, { 2, 4 }, { 2, 0xfffffff0 }, { 3, 17 },
		{ 3, 0xffffffff }, { 4, 17 }, { 4, 0xffffffff }, { 5, 0 }, { 5, 4 }, { 5, 6 }, { 5, 0xffffffff }, { 3, 12 }, { 3, 8 },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		memcpy(blob, good, sizeof(good));
		blob[bad[i].word] = bad[i].value;
		char what[64];
		snprintf(what, sizeof(what), "header word %u = %#x is refused, with a reason", bad[i].word, bad[i].value);
		check_true(&c, what, !r_open(&r, blob, len) && r.why && *r.why);
		r_close(&r);
	}
	memcpy(blob, good, sizeof(good));
	CHECK(&c, r_open(&r, blob, len) && !r.why && r.b->n == 2);
	r_close(&r);
	/* A kind that this program does not know: what stands before it is there. */
	struct blob f = { 0 };
	b_int(&f, "int", 4, 1, 0, 32);
	b_type(&f, "new", 25, 3, 0, 7);
	b_int(&f, "after", 4, 1, 0, 32);
	free(blob);
	blob = b_finish(&f, &len);
	CHECK(&c, r_open(&r, blob, len) && r.b->n == 2 && kbtf_find(r.b, ~0u, STR("int")) == 1);
	r_close(&r);
	free(blob);
	CHECK(&c, !kbtf_open_path(&r.k.facts, NULL, "/nonexistent", &r.why) && strstr(r.why, "no BTF"));
	CHECK(&c, !kbtf_open_path(&r.k.facts, NULL, "/dev/null", &r.why) && r.why);
}

/* The pinned kernel with bytes changed at random (the same each time). */
static void test_random(void)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen("test/fixture/kernel.txt", "re");
	struct arena a;
	const char *err;
	if (!check_true(&c, "the fixture can be read", f && fread(text, 1, (1 << 20) - 1, f)))
		return;
	fclose(f);
	arena_init(&a);
	struct fixture *fx = fixture_parse(&a, str_of(text), &err);
	uint64_t seed = 1;
	unsigned opened = 0;
	for (unsigned round = 0; fx && round < 400; round++) {
		unsigned char *blob = malloc(fx->btf_len);
		memcpy(blob, fx->btf, fx->btf_len);
		for (unsigned i = 0; i < 1 + round % 30; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			uint32_t at = 24 + (uint32_t)(seed >> 33) % (fx->btf_len - 24);
			blob[at] = (unsigned char)(seed >> 20);
		}
		struct reader r;
		if (r_open(&r, blob, fx->btf_len)) {
			opened++;
			r_walk(&r);
		}
		r_close(&r);
		free(blob);
	}
	CHECK(&c, opened > 20); /* else nothing was tried */
	arena_fini(&a);
	free(text);
}

int main(void)
{
	test_kinds();
	test_bitfields();
	test_cycles();
	test_headers();
	test_random();
	return check_end(&c);
}
