/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of the kernel's texts: event formats, the symbol table, mounts; names of C types. */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "kern/kern_priv.h"

static struct check c = { .suite = "kern" };

/* --- event formats --- */

static struct type *named(void *arg, char keyword, struct str name)
{
	struct kern *k = arg;
	if (keyword == 't')
		return str_is(name, "known_t") ? type_int(k->arena, 2, false) : NULL;
	struct type *t = type_new(k->arena, keyword == 'e' ? T_ENUM : T_STRUCT, keyword == 'e' ? 4 : 0, 1);
	t->name = (struct str){ arena_strndup(k->arena, name.s, name.len), name.len };
	t->is_union = keyword == 'u';
	return t;
}
static void format(const char *text, const char *want)
{
	struct arena a;
	struct kern k = { 0 };
	struct buf o = { 0 };
	uint64_t id = 0;
	arena_init(&a);
	facts_init(&k, &a);
	struct format_env e = { &a, &k.facts, named, &k };
	struct type *t = format_parse(&e, str_of(text), "tracepoint:a:b_args", &id);
	if (t) {
		buf_addf(&o, "%u/%u", (unsigned)id, t->size);
		for (uint32_t i = 0; i < t->fields.n; i++) {
			const struct field *f = &t->fields.v[i];
			buf_addf(&o, " %.*s:%s@%u%s", STR_FMT(f->name), type_str(&a, f->type), f->offset, f->data_loc ? "D" : f->rel_loc ? "R" : "");
		}
	} else {
		buf_adds(&o, "none");
	}
	char what[128];
	snprintf(what, sizeof(what), "format: %.90s", text);
	check_text(&c, what, want, &o);
	buf_fini(&o);
	arena_fini(&a);
}
#define FIELD(decl, off, size, sign) "\tfield:" decl ";\toffset:" #off ";\tsize:" #size ";\tsigned:" #sign ";\n"

static void test_formats(void)
{
	format("", "none");
	format("name: x\nformat:\n" FIELD("int a", 8, 4, 1), "none"); /* no number: no event */
	format("name: sched_switch\nID: 314\nformat:\n" FIELD("unsigned short common_type", 0, 2, 0) FIELD("int common_pid", 4, 4, 1) "\n"
	       FIELD("char prev_comm[16]", 8, 16, 0) FIELD("pid_t prev_pid", 24, 4, 1) FIELD("long prev_state", 32, 8, 1)
	       "\nprint fmt: \"field:int trap;\toffset:0;\tsize:4;\", REC->x\n",
	       "314/40 prev_comm:string[16]@8 prev_pid:int32@24 prev_state:int64@32");
	format("ID: 1\n" FIELD("__data_loc char[] name", 8, 4, 0) FIELD("__rel_loc u64[] v", 12, 4, 0) FIELD("__data_loc cpumask_t m", 16, 4, 0),
	       "1/20 name:int8 *@8D v:uint64 *@12R m:void *@16D");
	format("ID: 1\n" FIELD("__data_loc char[] bad", 8, 8, 0), "1/0"); /* it would be no descriptor */
	/* What a system call declares counts where it is smaller than its place in the record. */
	format("ID: 1\n" FIELD("int dfd", 16, 8, 0) FIELD("umode_t mode", 24, 8, 0) FIELD("unsigned long n", 32, 8, 0) FIELD("known_t k", 40, 8, 0),
	       "1/48 dfd:int32@16 mode:uint16@24 n:uint64@32 k:uint16@40");
	format("ID: 1\n" FIELD("const char * f", 8, 8, 0) FIELD("const char *const * argv", 16, 8, 0) FIELD("struct sockaddr * u", 24, 8, 0)
	       FIELD("void * p", 32, 8, 0) FIELD("sigset_t * s", 40, 8, 0) FIELD("char __user *x", 48, 8, 0),
	       "1/56 f:int8 *@8 argv:int8 * *@16 u:struct sockaddr *@24 p:void *@32 s:void *@40 x:int8 *@48");
	format("ID: 1\n" FIELD("u8 a[16]", 8, 16, 0) FIELD("unsigned long args[6]", 24, 48, 0) FIELD("char c[TASK_COMM_LEN]", 72, 16, 0)
	       FIELD("struct foo s", 88, 12, 0) FIELD("struct foo z[2]", 100, 24, 0) FIELD("mystery_t y", 124, 12, 0) FIELD("long odd[1]", 136, 7, 0),
	       "1/143 a:uint8[16]@8 args:uint64[6]@24 c:string[16]@72 s:struct foo@88 z:uint8[24]@100 y:uint8[12]@124 odd:uint8[7]@136");
	format("ID: 1\n" FIELD("enum zone_type z", 8, 4, 0) FIELD("bool b", 12, 1, 0) FIELD("unsigned char c", 13, 1, 0) FIELD("char k", 14, 1, 1)
	       FIELD("some_t i", 16, 4, 1) FIELD("some_t j", 24, 8, 0) FIELD("int (*fn)(void)", 32, 8, 0) FIELD("unsigned v", 40, 4, 0),
	       "1/44 z:enum zone_type@8 b:bool@12 c:uint8@13 k:int8@14 i:int32@16 j:uint64@24 fn:func *@32 v:uint32@40");
	/* Nonsense is left out. */
	format("ID: 1\n\tfield:\n\tfield:;\n\tfield:int;\toffset:8;\tsize:4;\n\tfield:int x\n\tfield:int x;\toffset:;\tsize:4;\n"
	       "\tfield:int x;\toffset:8;\n\tfield:int x;\toffset:99999999999;\tsize:4;\n\tfield:int x[;\toffset:8;\tsize:4;\n"
	       "\tfield:int ]x;\toffset:8;\tsize:4;\n\tfield:]]]];\toffset:8;\tsize:4;\n\tfield:int x;\toffset:70000;\tsize:4;\n"
	       FIELD("int good", 8, 4, 1) "\tfield:)();\toffset:8;\tsize:4;\n\tfield:(*;\toffset:8;\tsize:4;",
	       "1/12 x:uint32@8 good:int32@8");
	format("ID: x\n", "none");
	format("ID: 99999999999999999999\n", "none");
}

/* Any bytes: it comes back. */
static void test_format_noise(void)
{
	static const char base[] = "ID: 7\n" FIELD("__data_loc char[] name", 8, 4, 0) FIELD("struct foo * p[2]", 16, 16, 0) FIELD("int (*f)(int)", 32, 8, 0);
	static const char some[] = "[]()*;: \t\n0123456789abcfield:offset:size:signed:__data_loc";
	uint64_t seed = 7;
	unsigned events = 0;
	for (unsigned round = 0; round < 20000; round++) {
		char *t = strdup(base);
		for (unsigned i = 0; i < 1 + round % 8; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			t[(seed >> 33) % (sizeof(base) - 1)] = some[(seed >> 20) % (sizeof(some) - 1)];
		}
		struct arena a;
		struct kern k = { 0 };
		arena_init(&a);
		facts_init(&k, &a);
		struct format_env e = { &a, &k.facts, named, &k };
		struct type *ty = format_parse(&e, str_of(t), "x", NULL);
		events += ty != NULL;
		for (uint32_t i = 0; ty && i < ty->fields.n; i++)
			if (!ty->fields.v[i].type || !ty->fields.v[i].name.len)
				check_true(&c, t, 0);
		arena_fini(&a);
		free(t);
	}
	CHECK(&c, events > 1000);
}

/* --- symbols --- */

static struct ksyms *symbols(const char *text)
{
	char path[] = "/tmp/sonde-kallsyms-XXXXXX";
	int fd = mkstemp(path);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return NULL;
	close(fd);
	struct ksyms *s = ksyms_open(path);
	unlink(path);
	return s;
}
static void see(void *arg, const char *name)
{
	buf_addf(arg, "%s ", name);
}
static void where(const struct ksyms *s, uint64_t addr, const char *want)
{
	struct buf o = { 0 };
	uint64_t off = 0;
	const char *module = NULL, *name = ksyms_name(s, addr, &off, &module);
	if (name)
		buf_addf(&o, "%s+%u%s%s%s", name, (unsigned)off, module ? " [" : "", module ? module : "", module ? "]" : "");
	char what[48];
	snprintf(what, sizeof(what), "symbol of %#llx", (unsigned long long)addr);
	check_text(&c, what, want, &o);
	buf_fini(&o);
}

static void test_symbols(void)
{
	struct ksyms *s = symbols("0000000000000000 A fixed_percpu_data\n"
				  "0000000000001000 D cpu_number\n"
				  "ffffffff81000000 T _text\n"
				  "ffffffff81000000 T startup_64\n"
				  "ffffffff81000200 t local_one\n"
				  "garbage\n"
				  "\n"
				  "ffffffff81000300 T\n"
				  "ffffffffc0100000 t ext_fn\t[ext4]\n"
				  "ffffffffc0000000 t other_fn\t[xfs]\n"
				  "ffffffffc0100040 T ext_two\t[ext4]\n"
				  "ffffffff81000300 W weak_one\n"
				  "ffffffff81000400 T twice\n"
				  "ffffffffc0100080 t twice\t[ext4]\n"
				  "ffffffff82000000 D data_one");
	if (!check_true(&c, "a symbol table is read", s != NULL))
		return;
	CHECK(&c, !ksyms_restricted(s));
	CHECK(&c, ksyms_address(s, "local_one") == 0xffffffff81000200 && ksyms_address(s, "data_one") == 0xffffffff82000000);
	CHECK(&c, ksyms_address(s, "ext_two") == 0xffffffffc0100040 && ksyms_address(s, "twice") == 0xffffffff81000400);
	CHECK(&c, ksyms_address(s, "local_on") == 0 && ksyms_address(s, "") == 0);
	CHECK(&c, ksyms_address(s, "cpu_number") == 0x1000);
	where(s, 0xffffffff81000000, "_text+0"); /* the first of one address */
	where(s, 0xffffffff810001ff, "_text+511");
	where(s, 0xffffffff81000200, "local_one+0");
	where(s, 0xffffffff81000301, "weak_one+1");
	where(s, 0xffffffffc0000004, "other_fn+4 [xfs]");
	where(s, 0xffffffffc0100010, "ext_fn+16 [ext4]");
	where(s, 0xffffffffc0100081, "twice+1 [ext4]");
	where(s, 0xffffffff80ffffff, "");
	where(s, 0xffffffff90000000, ""); /* too far from any */
	where(s, 0x1004, "");             /* an offset of per-CPU data, or a user's address */
	where(s, 0, "");
	where(s, UINT64_MAX, "");
	struct buf o = { 0 };
	CHECK(&c, ksyms_functions(s, see, &o) == 9);
	check_text(&c, "functions by address", "_text startup_64 local_one weak_one twice other_fn ext_fn ext_two twice ", &o);
	buf_fini(&o);
	ksyms_close(s);

	s = symbols("0000000000000000 T _text\n0000000000000000 t local\n"); /* kptr_restrict */
	CHECK(&c, s && ksyms_restricted(s) && !ksyms_address(s, "local") && !ksyms_name(s, 0xffffffff81000000, NULL, NULL) &&
		  !ksyms_name(s, 0, NULL, NULL));
	ksyms_close(s);
	s = symbols("");
	CHECK(&c, s && !ksyms_address(s, "x") && !ksyms_name(s, 0xffffffff81000000, NULL, NULL));
	ksyms_close(s);
	CHECK(&c, !ksyms_open("/nonexistent") && !ksyms_open("/"));
	/* A line longer than the reader's buffer, among good ones. */
	struct buf big = { 0 };
	buf_adds(&big, "ffffffff81000000 T first\nffffffff81000010 T ");
	buf_pad(&big, 'x', 200000);
	buf_adds(&big, "\nffffffff81000020 T last\n");
	s = symbols(big.s);
	CHECK(&c, s && ksyms_address(s, "first") == 0xffffffff81000000 && ksyms_address(s, "last") == 0xffffffff81000020);
	ksyms_close(s);
	buf_clear(&big);
	for (unsigned i = 0; i < 50000; i++)
		buf_addf(&big, "ffffffff%08x t symbol_%u\t[module_%u]\n", 0xf0000000 - i * 16, i, i % 300);
	s = symbols(big.s);
	CHECK(&c, s && ksyms_address(s, "symbol_49999") == 0xffffffff00000000 + 0xf0000000 - 49999 * 16);
	where(s, 0xffffffff00000000 + 0xf0000000 - 777 * 16 + 3, "symbol_777+3 [module_177]");
	ksyms_close(s);
	buf_fini(&big);
}

/* --- mounts, C names --- */

static void test_mounts(void)
{
	struct arena a;
	arena_init(&a);
	static const struct {
		const char *mounts, *want;
	} t[] = {
		{ "", NULL },
		{ "proc /proc proc rw 0 0\n", NULL },
		{ "proc /proc proc rw 0 0\ntracefs /sys/kernel/tracing tracefs rw,nosuid 0 0\n", "/sys/kernel/tracing" },
		{ "nodev /a\\040b/\\134t tracefs rw 0 0", "/a b/\\t" },
		{ "tracefs /not/one debugfs rw\ntracefs\n tracefs tracefs\nx relative tracefs rw\ny /yes tracefs rw\n", "/yes" },
		{ "x /bad\\04 tracefs rw", "/bad\\04" },
		{ "x /bad\\ tracefs", "/bad\\" },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		const char *got = tracefs_find(&a, str_of(t[i].mounts), "tracefs"), *want = t[i].want ? t[i].want : "none";
		got = got ? got : "none";
		check_bytes(&c, t[i].mounts, want, strlen(want), got, strlen(got));
	}
	static const struct {
		const char *name, *want;
	} n[] = {
		{ "int", "int32" }, { "unsigned", "uint32" }, { "long", "int64" }, { "unsigned long long", "uint64" }, { "long long unsigned int", "uint64" },
		{ "short unsigned", "uint16" }, { "signed char", "int8" }, { "unsigned char", "uint8" }, { "size_t", "uint64" }, { "pid_t", "int32" },
		{ "_Bool", "bool" }, { "__be16", "uint16" }, { "long long long", "unknown" }, { "unsigned signed", "unknown" }, { "short long", "unknown" },
		{ "int int", "unknown" }, { "", "unknown" }, { "  ", "unknown" }, { "task_struct", "unknown" }, { "long char", "unknown" },
	};
	for (size_t i = 0; i < sizeof(n) / sizeof(*n); i++) {
		const char *got = type_str(&a, ctype_base(&a, str_of(n[i].name)));
		check_bytes(&c, n[i].name, n[i].want, strlen(n[i].want), got, strlen(got));
	}
	arena_fini(&a);
}

int main(void)
{
	test_formats();
	test_format_noise();
	test_symbols();
	test_mounts();
	return check_end(&c);
}
