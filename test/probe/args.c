/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where arguments lie, by the debug information of a program (test/live/work/w_args.c) that was built in several ways: the truth is the
 * calling convention, worked out by hand. Words 0 to 5 are registers, those behind them the caller's stack. And names of C++.
 * Arguments: the folder with the programs.
 */
#include "../check.h"
#include "probe/probe_priv.h"
#include "probe/site.h"
#include "sym/dwarf.h"
#include "sym/sym.h"

static struct check c = { .suite = "probe/args" };

static const struct { const char *function, *args, *result; } truth[] = {
	{ "f_simple", "a int32 0, s int8 * 1, c uint8 2, neg int16 3, flag bool 4", "int32" },
	{ "f_node", "n struct node * 0, pp struct node * * 1, list int32 * 2", "int64" },
	{ "f_structs", "p struct point 0, q struct pair 1, u union number 3", "int64" },
	{ "f_stack", "a int32 0, b int32 1, c int32 2, d int32 3, e int32 4, f int32 5, g int32 6, h int8 7, big struct big 8, pk struct packed 14, "
		     "i int64 16", "int64" },
	{ "f_split", "a int64 0, b int64 1, c int64 2, d int64 3, e int64 4, q struct pair 6, f int64 5", "int64" },
	{ "f_float", "a int32 0, d double -, f float -, b int32 1", "-" },
	{ "f_mixed", "m struct mixed -, z int32 1", "int64" },
	{ "f_wide", "a int32 0, w uint64[2] 1, ld long double 6, b int32 3", "int64" },
	{ "f_big", "a int32 1", "struct big *" },
	{ "f_color", "c enum color 0", "enum color" },
	{ "f_bool", "a int32 0", "bool" },
	{ "f_text", "s int8 * 0", "int8 *" },
};

static void args_check(struct sym_dwarfs *set, struct arena *a, struct facts *f, const char *path)
{
	struct sym_elf *e;
	const char *why = NULL;
	struct sym_dwarf *d = sym_dwarf_open(set, "", path, &why);
	check_true(&c, path, d && !why && sym_elf_open(path, &e) == 0);
	for (size_t i = 0; d && i < sizeof(truth) / sizeof(*truth); i++) {
		struct sym s;
		struct buf b = { 0 };
		const struct sym_func *fn = sym_elf_find(e, truth[i].function, &s) ? sym_dwarf_function(d, s.addr, s.name) : NULL;
		struct type *args = fn ? abi_args(a, f, fn) : NULL, *ret = fn ? abi_retval(a, f, fn, &why) : NULL;
		for (uint32_t k = 0; args && k < args->fields.n; k++) {
			const struct field *x = &args->fields.v[k];
			buf_addf(&b, "%s%.*s %s ", k ? ", " : "", STR_FMT(x->name), type_str(a, x->type));
			buf_adds(&b, x->absent ? "-" : arena_printf(a, "%u", x->offset / 8));
		}
		check_text(&c, arena_printf(a, "%s:%s", path, truth[i].function), truth[i].args, &b);
		buf_adds(&b, ret ? type_str(a, ret) : "-");
		check_text(&c, arena_printf(a, "%s:%s returns", path, truth[i].function), truth[i].result, &b);
		buf_fini(&b);
	}
	if (d)
		sym_elf_close(e);
}

/* A struct of the same name in two units is one type; its members and constants are found by name. */
static void types_check(struct sym_dwarfs *set, struct arena *a, struct facts *f, const char *path)
{
	const char *why;
	struct sym_dwarf *d = sym_dwarf_open(set, "", path, &why);
	struct type *t = d ? sym_dwarf_type(d, 's', STR("node")) : NULL, *e = NULL;
	int64_t v = 0;
	check_true(&c, "struct node", t && t->size == 88 && f->ops->complete(f, t) && t->fields.n == 9);
	const struct field *bits = t ? type_field(t, STR("bits"), NULL) : NULL;
	check_true(&c, "struct bits", bits && bits->offset == 40 && f->ops->complete(f, bits->type) && bits->type->fields.n == 4);
	check_true(&c, "a bit-field", bits && bits->type->fields.v[1].bit_size == 5 && bits->type->fields.v[1].bit_offset == 3);
	struct type *sub = t ? type_field(t, STR("sub"), NULL)->type : NULL;
	check_true(&c, "an anonymous member", sub && f->ops->complete(f, sub) && type_field(sub, STR("c4"), NULL));
	check_true(&c, "a constant", d && sym_dwarf_constant(d, STR("BLUE"), &v, &e) && v == -3 && e->kind == T_ENUM && e->is_signed);
	check_true(&c, "no constant", d && !sym_dwarf_constant(d, STR("PINK"), &v, &e));
	check_true(&c, "a typedef", d && sym_dwarf_type(d, 't', STR("node_t")) == t);
	check_true(&c, "no type", d && !sym_dwarf_type(d, 0, STR("nothing")));
	check_true(&c, "none", !sym_dwarf_open(set, "", "/nonexistent", &why) && why);
	(void)a;
}

/* What the compiler's lists of places say of the first instruction of each function of this very program, against what we make of the types. */
struct agreement {
	struct arena *a;
	struct facts *f;
	struct sym_dwarf *d;
	unsigned agree, contradict;
};

static bool agreement_each(void *arg, const struct sym *s)
{
	struct agreement *x = arg;
	const struct sym_func *fn = strchr(s->name, '.') ? NULL : sym_dwarf_function(x->d, s->addr, s->name);
	struct type *args = fn ? abi_args(x->a, x->f, fn) : NULL;
	for (uint32_t i = 0; args && i < args->fields.n; i++) {
		const char *why = args->fields.v[i].absent;
		x->agree += fn->params.v[i].reg >= 0 && !why;
		if (!why || !strstr(why, "as it is declared"))
			continue;
		x->contradict++;
		printf("  %s: %.*s is in register %d\n", s->name, STR_FMT(fn->params.v[i].name), fn->params.v[i].reg);
	}
	return true;
}

static void agreement_check(struct sym_dwarfs *set, struct arena *a, struct facts *f)
{
	const char *why;
	struct sym_elf *e;
	struct agreement x = { .a = a, .f = f, .d = sym_dwarf_open(set, "", "/proc/self/exe", &why) };
	check_true(&c, "this program", x.d && sym_elf_open("/proc/self/exe", &e) == 0);
	if (!x.d)
		return;
	sym_elf_each(e, "*", agreement_each, &x);
	sym_elf_close(e);
	check_true(&c, "many arguments are where the compiler says", x.agree > 200);
	check_true(&c, "no argument is elsewhere", x.contradict == 0);
}

static void names_check(void)
{
	static const struct { const char *name, *shown; bool matches; } v[] = {
		{ "f", "f(int)", true }, { "f", "g(int)", false }, { "f", "ns::f(int)", false }, { "ns::f", "ns::f(int)", true },
		{ "ns::f(int)", "ns::f(int)", true }, { "ns::f(int)", "ns::f(long)", false }, { "ns::f()", "ns::f()", true },
		{ "ns::f( char const *,long )", "ns::f(char const*, long)", true }, { "C::m", "C::m(int) const", true },
		{ "C::m(int)", "C::m(int) const", true }, { "*::m", "a::b::m()", true }, { "C::*", "C::m(int)", true }, { "C::*", "D::m(int)", false },
		{ "max<int>", "int max<int>(int, int)", true }, { "max<long>", "int max<int>(int, int)", false },
		{ "f<std::pair<int, long> >", "void f<std::pair<int, long> >(int)", true }, { "C::operator()", "C::operator()(int) const", true },
		{ "C::operator()(int)", "C::operator()(int) const", true }, { "C::operator+", "C::operator+(C const&) const", true },
		{ "C::operator new", "C::operator new(unsigned long)", true }, { "C::operator<", "C::operator<(C const&)", true },
		{ "C::~C", "C::~C()", true }, { "(anonymous namespace)::f", "(anonymous namespace)::f(int)", true }, { "main", "main", true },
		{ "f", "f(void (*)(int))", true }, { "f(void (*)(int))", "f(void (*)(int))", true }, { "", "f(int)", false },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		check_true(&c, v[i].shown, cpp_matches(v[i].name, v[i].shown) == v[i].matches);
}

int main(int argc, char **argv)
{
	struct arena a;
	const char *why;
	static const char *const programs[] = { "args-0", "args-2", "args-dwarf4", "args-split" };
	arena_init(&a);
	if (argc < 2)
		return 2;
	struct facts *f = facts_fixture(&a, "", &why);
	struct sym_dwarfs *set = sym_dwarfs_new(&a);
	if (!f || !set)
		return 2;
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		const char *path = arena_printf(&a, "%s/%s", argv[1], programs[i]);
		args_check(set, &a, f, path);
		types_check(set, &a, f, path);
	}
	agreement_check(set, &a, f);
	names_check();
	sym_dwarfs_free(set);
	arena_fini(&a);
	return check_end(&c);
}
