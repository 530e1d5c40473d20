/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture: its layouts against the C compiler's, its facts, and what is wrong with wrong ones. */
#include <stdlib.h>

#include "check.h"
#include "kern/kern_priv.h"
#include "layout/layout.h"
#include "sema/provider.h"

static struct check c = { .suite = "kern" };

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "re");
	char *s = calloc(1, 1 << 20);
	if (!f || !s || !fread(s, 1, (1 << 20) - 1, f))
		exit(2);
	fclose(f);
	return s;
}

static struct type *complete(struct facts *f, char keyword, const char *name)
{
	struct type *t = f->ops->type(f, keyword, str_of(name));
	return t && f->ops->complete(f, t) ? t : NULL;
}

static void test_layout(struct facts *f)
{
	for (unsigned i = 0; i < n_layouts; i++) {
		const struct layout *l = &layouts[i];
		struct type *t = complete(f, 's', l->of);
		char what[128];
		uint32_t extra = 0;
		snprintf(what, sizeof(what), "layout of %s.%s", l->of, l->field);
		if (!t || !*l->field) {
			check_true(&c, what, t && t->size == l->size);
			continue;
		}
		const struct field *fd = type_field(t, str_of(l->field), &extra);
		check_true(&c, what, fd && fd->offset + extra == l->offset && fd->type->size == l->size && !fd->bit_size);
	}
	for (unsigned i = 0; i < n_layout_bits; i++) {
		const struct layout_bits *l = &layout_bits[i];
		unsigned char mem[4096] = { 0 };
		struct type *t = complete(f, 's', l->of);
		const struct field *fd = t ? type_field(t, str_of(l->field), NULL) : NULL;
		char what[128];
		snprintf(what, sizeof(what), "bit-field %s.%s", l->of, l->field);
		if (!check_true(&c, what, fd && fd->bit_size && l->size <= sizeof(mem)))
			continue;
		/* Exactly the bits that the reader names are set. */
		l->set(mem);
		unsigned wrong = 0, lo = fd->offset * 8 + fd->bit_offset;
		for (unsigned b = 0; b < l->size * 8; b++)
			wrong += (mem[b / 8] >> b % 8 & 1) != (b >= lo && b < lo + fd->bit_size);
		check_true(&c, what, wrong == 0);
		check_true(&c, "a bit-field lies in a unit of its type", fd->bit_offset + fd->bit_size <= fd->type->size * 8);
	}
}

static const char *field_type(struct facts *f, const struct type *t, const char *name)
{
	const struct field *fd = t ? type_field(t, str_of(name), NULL) : NULL;
	return fd ? type_str(f->arena, fd->type) : "none";
}
#define IS(got, want) check_bytes(&c, #got, want, strlen(want), got, strlen(got))

static void test_types(struct facts *f)
{
	struct type *t = complete(f, 's', "task_struct");
	IS(field_type(f, t, "comm"), "string[16]");
	IS(field_type(f, t, "pid"), "int32");
	IS(field_type(f, t, "real_parent"), "struct task_struct *");
	IS(field_type(f, t, "matrix"), "uint16[3][2]");
	IS(field_type(f, t, "stats"), "uint64[4]");
	IS(field_type(f, t, "hook"), "func *");
	IS(field_type(f, t, "kind"), "enum pid_type");
	IS(field_type(f, t, "parity"), "int64");
	IS(field_type(f, t, "nothing"), "none");
	IS(field_type(f, complete(f, 's', "cred"), "uid"), "struct kuid_t"); /* nameless, by its typedef */
	IS(field_type(f, complete(f, 's', "mm_struct"), "cpu_bitmap"), "uint64[0]");
	IS(type_str(f->arena, f->ops->type(f, 't', STR("unsigned long"))), "uint64");
	IS(type_str(f->arena, f->ops->type(f, 't', STR("long unsigned int"))), "uint64");
	IS(type_str(f->arena, f->ops->type(f, 't', STR("char"))), "int8");
	IS(type_str(f->arena, f->ops->type(f, 't', STR("fmode_t"))), "uint32");
	IS(type_str(f->arena, f->ops->type(f, 't', STR("bool"))), "bool");
	IS(type_str(f->arena, f->ops->type(f, 0, STR("atomic_t"))), "struct atomic_t");
	IS(type_str(f->arena, f->ops->type(f, 0, STR("task_struct"))), "struct task_struct");
	CHECK(&c, !f->ops->type(f, 's', STR("no_such_struct")));
	CHECK(&c, !f->ops->type(f, 'u', STR("task_struct")));
	CHECK(&c, !f->ops->type(f, 't', STR("")));
	CHECK(&c, f->ops->type(f, 's', STR("task_struct")) == t);
	/* Only named: a struct without members, which cannot be completed. */
	struct type *fwd = f->ops->type(f, 's', STR("linux_binprm"));
	CHECK(&c, !fwd || !f->ops->complete(f, fwd));

	int64_t v = 0;
	struct type *e = NULL;
	CHECK(&c, f->ops->enum_value(f, STR("TCP_FIN_WAIT1"), &v, &e) && v == 4 && str_is(e->name, "tcp_state"));
	CHECK(&c, f->ops->enum_value(f, STR("SE_MINUS"), &v, &e) && v == -1 && e->is_signed && e->size == 4);
	CHECK(&c, f->ops->enum_value(f, STR("WE_BIG"), &v, &e) && v == 0x100000000 && e->size == 8);
	CHECK(&c, f->ops->enum_value(f, STR("WE_HUGE"), &v, &e) && v == INT64_MIN && !e->is_signed);
	CHECK(&c, f->ops->enum_value(f, STR("TASK_COMM_LEN"), &v, NULL) && v == 16);
	CHECK(&c, !f->ops->enum_value(f, STR("TASK_COMM_LE"), &v, &e));
	CHECK(&c, !f->ops->enum_value(f, STR("TASK_COMM_LE"), &v, &e)); /* remembered */
	e = complete(f, 'e', "pid_type");
	CHECK(&c, e && e->values.n == 5 && str_is(e->values.v[3].name, "PIDTYPE_SID") && e->values.v[3].value == 3);
}

struct seen {
	struct buf b;
};
static void see(void *arg, const char *name)
{
	struct seen *s = arg;
	buf_adds(&s->b, name);
	buf_addc(&s->b, ' ');
}
static void test_events(struct facts *f)
{
	uint64_t id = 0;
	struct type *t = f->ops->tracepoint(f, STR("syscalls"), STR("sys_enter_openat"), &id);
	CHECK(&c, t && id > 0 && t->complete && str_is(t->name, "tracepoint:syscalls:sys_enter_openat_args"));
	IS(field_type(f, t, "dfd"), "int32"); /* eight bytes in the record, an int in the system call */
	IS(field_type(f, t, "filename"), "int8 *");
	IS(field_type(f, t, "common_pid"), "none");
	CHECK(&c, !f->ops->tracepoint(f, STR("syscalls"), STR("sys_enter_nothing"), &id));
	CHECK(&c, !f->ops->tracepoint(f, STR(".."), STR("sys_enter_openat"), &id));
	t = f->ops->tracepoint(f, STR("fixture"), STR("every_kind"), &id);
	CHECK(&c, t && id == 4001 && t->size == 108);
	IS(field_type(f, t, "c8"), "uint8");
	IS(field_type(f, t, "flag"), "bool");
	IS(field_type(f, t, "addr"), "uint8[16]");
	IS(field_type(f, t, "words"), "uint64[3]");
	IS(field_type(f, t, "kind"), "enum pid_type");
	IS(field_type(f, t, "task"), "struct task_struct *");
	IS(field_type(f, t, "numbers"), "uint64 *");
	IS(field_type(f, t, "tail"), "int8 *");
	IS(field_type(f, t, "argv"), "int8 * *");
	IS(field_type(f, t, "mystery"), "int32");
	const struct field *n = type_field(t, STR("numbers"), NULL), *r = type_field(t, STR("tail"), NULL);
	CHECK(&c, n->data_loc && !n->rel_loc && n->offset == 88 && n->type->as == AS_KERNEL);
	CHECK(&c, r->rel_loc && !r->data_loc && r->offset == 92);
	/* What a record points to is the same type as everywhere else, and can be looked into. */
	struct type *task = type_field(t, STR("task"), NULL)->type->elem;
	CHECK(&c, task == f->ops->type(f, 's', STR("task_struct")) && f->ops->complete(f, task) && task->fields.n > 20);

	const struct facts_func *fn = f->ops->raw_tracepoint(f, STR(""), STR("sched_switch"));
	CHECK(&c, fn && fn->params.n == 4 && str_is(fn->params.v[1].name, "prev") && str_is(fn->params.v[3].name, "prev_state"));
	CHECK(&c, fn == f->ops->raw_tracepoint(f, STR(""), STR("sched_switch")));
	CHECK(&c, !f->ops->raw_tracepoint(f, STR(""), STR("sched_swatch")));
	fn = f->ops->function(f, (struct str){ 0 }, STR("vfs_read"));
	CHECK(&c, fn && fn->params.n == 4 && str_is(fn->params.v[0].name, "file") && fn->ret->size == 8 && fn->btf_id);
	CHECK(&c, !f->ops->function(f, STR("some_module"), STR("vfs_read")));
	uint32_t btf_id = 0;
	t = f->ops->iter(f, STR("task"), &btf_id);
	CHECK(&c, t && btf_id && f->ops->complete(f, t) && type_field(t, STR("task"), NULL));
	CHECK(&c, !f->ops->iter(f, STR("tosk"), &btf_id));
	CHECK(&c, f->ops->kaddr(f, STR("vfs_write")) == 0xffffffff81300420 && !f->ops->kaddr(f, STR("nothing")));
	CHECK(&c, f->ops->has(f, FEAT_RINGBUF) && f->ops->has(f, FEAT_PMU));

	struct seen s = { { 0 } };
	CHECK(&c, f->ops->list(f, PROV_TRACEPOINT, "syscalls:sys_e*_getppid", see, &s) == 2);
	check_text(&c, "tracepoints that match", "syscalls:sys_enter_getppid syscalls:sys_exit_getppid ", &s.b);
	CHECK(&c, f->ops->list(f, PROV_RAWTRACEPOINT, "sched_wakeup*", see, &s) == 2);
	check_text(&c, "raw tracepoints that match", "sched_wakeup sched_wakeup_new ", &s.b);
	CHECK(&c, f->ops->list(f, PROV_ITER, "*", see, &s) == 2);
	check_text(&c, "iterators", "task task_file ", &s.b);
	CHECK(&c, f->ops->list(f, PROV_KPROBE, "vfs_*", see, &s) == 2);
	check_text(&c, "functions that match", "vfs_read vfs_write ", &s.b);
	CHECK(&c, f->ops->list(f, PROV_TRACEPOINT, "nothing:*", see, &s) == 0);
	buf_fini(&s.b);
}

/* A text, and what its error says ("" = none). */
static void test_error(const char *text, const char *want)
{
	struct arena a;
	const char *err = NULL;
	char what[160];
	arena_init(&a);
	struct facts *f = facts_fixture(&a, text, &err);
	snprintf(what, sizeof(what), "fixture: %.100s", text);
	check_bytes(&c, what, want, strlen(want), err ? err : "", err ? strlen(err) : 0);
	CHECK(&c, (f == NULL) == (err != NULL));
	arena_fini(&a);
}

static void test_errors(void)
{
	test_error("", "");
	test_error("# nothing\n/* at\nall */", "");
	test_error("struct a { int x; };\nstruct a { int y; };", "line 2: defined twice (at '{')");
	test_error("struct a { struct b b; };", "line 1: the type is not defined yet, and used by value (at ';')");
	test_error("struct a { struct a a; };", "line 1: the type is not defined yet, and used by value (at ';')");
	test_error("struct a { void v; };", "line 1: no value has this type (at ';')");
	test_error("\n\nstruct a { int x:33; };", "line 3: the bit-field 'x' is wider than its type (at ';')");
	test_error("struct a { int x[70000000]; };", "line 1: the array is too large (at '70000000')");
	test_error("struct a { int x[10000][10000]; };", "line 1: the array is too large (at ';')");
	test_error("struct a { int x", "line 1: ';' is missing");
	test_error("struct a { foo_t x; };", "line 1: no such type (at 'foo_t')");
	test_error("struct a { long char x; };", "line 1: no such type (at 'x')");
	test_error("enum e { A = };", "line 1: a value is missing (at '}')");
	test_error("enum e { A B };", "line 1: ',' or '}' is missing (at 'B')");
	test_error("typedef int x; typedef long x;", "line 1: defined twice (at ';')");
	test_error("feature flying;", "line 1: no such feature: flying (at ';')");
	test_error("kaddr x;", "line 1: an address is missing (at ';')");
	test_error("kaddr x 0x1ffffffffffffffff;", "line 1: no number (at '0x1ffffffffffffffff')");
	test_error("tracepoint a:b {\n\tID: 1\n", "line 3: the tracepoint has no end (at '{')");
	test_error("tracepoint a:b {\n}\ntracepoint a:b {\n}\n", "line 4: defined twice (at '{')");
	test_error("function void f(int a, struct s *p, void (*g)(int, char **), ...);", "line 1: no such type (at '.')");
	test_error("nonsense;", "line 1: a definition is expected (at 'nonsense')");
	/* Nesting is bounded, whatever nests. */
	struct buf deep = { 0 };
	for (int i = 0; i < 100000; i++)
		buf_adds(&deep, "struct {");
	test_error(deep.s, "line 1: nested too deeply (at '{')");
	buf_clear(&deep);
	buf_adds(&deep, "function void f(");
	for (int i = 0; i < 100000; i++)
		buf_adds(&deep, "int (*)(");
	test_error(deep.s, "line 1: nested too deeply (at '(')");
	buf_clear(&deep);
	buf_adds(&deep, "struct a { int ");
	for (int i = 0; i < 100000; i++)
		buf_addc(&deep, '*');
	test_error(deep.s, "line 1: too many pointers (at '*')");
	buf_fini(&deep);
}

int main(void)
{
	struct arena a;
	const char *err = NULL;
	char *text = slurp("test/fixture/kernel.txt");
	size_t len = strlen(text);
	arena_init(&a);
	struct facts *f = facts_fixture(&a, text, &err);
	check_bytes(&c, "test/fixture/kernel.txt", "", 0, err ? err : "", err ? strlen(err) : 0);
	if (f) {
		test_layout(f);
		test_types(f);
		test_events(f);
	}
	arena_fini(&a);
	test_errors();
	/* Cut off anywhere: an error or a smaller fixture, nothing else. */
	unsigned neither = 0;
	for (size_t n = 0; n < len; n += 41) {
		char *part = strndup(text, n);
		arena_init(&a);
		f = facts_fixture(&a, part, &err);
		neither += (f == NULL) == (err == NULL);
		arena_fini(&a);
		free(part);
	}
	CHECK(&c, neither == 0);
	free(text);
	return check_end(&c);
}
