/* SPDX-License-Identifier: Apache-2.0 */
/*
 * big: what golden cases are too small for. Functions whose jumps do not fit 16 bits, with `gotol` and without; values
 * by the hundred; and BTF with function and line information, which the kernel must take where we may ask it.
 */
#include "../bpf/machine.h"

static unsigned passed, failed, skipped;

static void check(bool ok, const char *name, const char *why)
{
	if (ok) {
		passed++;
	} else {
		failed++;
		printf("FAIL bpf: %s: %s\n", name, why ? why : "");
	}
}

/* sum += ctx word, many times, on one side of a branch; a loop around it all, so that there are far jumps both ways */
static struct func *far_function(struct arena *a, unsigned adds, unsigned diamonds)
{
	struct func *f = func_new(a, "far");
	struct ir_build b = { .f = f, .blk = 1 };
	uint32_t sum = func_var(f, TY_I64, "sum"), i = func_var(f, TY_I64, "i");
	uint32_t head = func_block(f), body = func_block(f), end = func_block(f), skip = func_block(f),
		 next = func_block(f);
	ref ctx = ir_arg(&b, 0);
	ir_setvar(&b, sum, ir_const(&b, 0));
	ir_setvar(&b, i, ir_const(&b, 0));
	ir_jmp(&b, head);
	ir_at(&b, head);
	ir_br(&b, ir_bin(&b, OP_ULT, ir_getvar(&b, i), ir_const(&b, 3)), body, end);
	ir_at(&b, body);
	ir_br(&b, ir_bin(&b, OP_EQ, ir_getvar(&b, i), ir_const(&b, 1)), skip, next);
	ir_at(&b, next);
	for (unsigned k = 0; k < adds; k++) {
		ref v = ir_load(&b, TY_I64, 8, false, ctx, (k % 12) * 8);
		ir_setvar(&b, sum, ir_bin(&b, OP_ADD, ir_bin(&b, OP_XOR, ir_getvar(&b, sum), ir_const(&b, k)), v));
		if (diamonds && k % (adds / diamonds) == 0) { /* some branches in between, to the far end and near */
			uint32_t on = func_block(f);
			ir_br(&b, ir_bin(&b, OP_EQ, ir_getvar(&b, sum), ir_const(&b, k + 1000000)), skip, on);
			ir_at(&b, on);
		}
	}
	ir_jmp(&b, skip);
	ir_at(&b, skip);
	ir_setvar(&b, i, ir_bin(&b, OP_ADD, ir_getvar(&b, i), ir_const(&b, 1)));
	ir_jmp(&b, head);
	ir_at(&b, end);
	ir_ret(&b, ir_getvar(&b, sum));
	return f;
}

static uint64_t far_result(unsigned adds)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < adds && i != 1; k++)
			sum = (sum ^ k) + (k % 12 + 1);
	return sum;
}

static void fill(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	for (unsigned k = 0; k < MACHINE_CTX / 8; k++)
		m->ctx[k * 8] = (uint8_t)(k + 1);
}

static void test_far(const char *name, unsigned adds, unsigned diamonds, bool v4, bool kernel)
{
	static struct machine m;
	struct arena a;
	arena_init(&a);
	struct func *f = far_function(&a, adds, diamonds);
	const char *err = ir_optimise(f, NULL);
	struct bpf_target t = { .alu32 = true, .cpu_v4 = v4, .atomics = true };
	const struct bpf_code *c = err ? NULL : bpf_compile(&a, &f, 1, 0, &t, &err);
	check(c != NULL, name, err);
	if (c) {
		bool gotol = false;
		for (uint32_t k = 0; k < c->insns.n; k++)
			gotol |= c->insns.v[k].code == (BPF_JMP32 | BPF_JA);
		check(gotol == v4, name, gotol ? "has gotol" : "has no gotol");
		check(c->insns.n > 65536, name, "is not large enough for this test");
		fill(&m);
		check(machine_interpret(&m, c) && m.ret == far_result(adds), name, m.error ? m.error : "wrong result");
		int map = kernel ? machine_new_map(MACHINE_MAP) : -1;
		if (map >= 0) {
			fill(&m);
			int fd = machine_load(&m, &a, c, &f, map, NULL);
			check(fd >= 0, name, m.error);
			check(fd < 0 || (machine_test_run(&m, fd, map) && m.ret == (uint32_t)far_result(adds)), name,
			      "wrong result in the kernel");
			close(fd);
			close(map);
		}
	}
	arena_fini(&a);
}

/* Hundreds of values alive at once: refused with the number of bytes. */
static void test_pressure(void)
{
	struct arena a;
	arena_init(&a);
	struct func *f = func_new(&a, "wide");
	struct ir_build b = { .f = f, .blk = 1 };
	ref ctx = ir_arg(&b, 0), v[100], sum = ir_const(&b, 0);
	for (unsigned k = 0; k < 100; k++)
		v[k] = ir_call(&b, TY_I64, 5, 0);
	for (unsigned k = 0; k < 100; k++)
		sum = ir_bin(&b, OP_SUB, sum, v[k]);
	ir_ret(&b, ir_bin(&b, OP_ADD, sum, ir_load(&b, TY_I64, 8, false, ctx, 0)));
	const char *err = ir_optimise(f, NULL);
	struct bpf_target t = { .alu32 = true, .cpu_v4 = true, .atomics = true };
	const struct bpf_code *c = err ? NULL : bpf_compile(&a, &f, 1, 0, &t, &err);
	check(!c && err && strstr(err, "bytes of stack, more than the kernel's 512"), "pressure", err);
	arena_fini(&a);
}

/* Functions with odd names, spans, a callback: accepted by the kernel, and its line info names our lines. */
static void test_btf(void)
{
	static const char source[] = "tracepoint:a:b {\n\t@x = count(); // h\xc3\xa9\n  print(1)\n}\n";
	static struct machine m;
	struct arena a;
	struct diags d;
	arena_init(&a);
	diags_init(&d, &a);
	diags_add_source(&d, STR("stdin"), (struct str){ source, sizeof(source) - 1 });
	struct func *funcs[2] = { func_new(&a, "9 lives:of-a/cat*"), func_new(&a, "caf\xc3\xa9") };
	struct ir_build b = { .f = funcs[0], .blk = 1, .span = { 1, 16 } };
	ref zero = ir_const(&b, 0);
	b.span = (struct span){ 19, 31 };
	ref n = ir_call(&b, TY_I64, 181, 4, ir_const(&b, 3), ir_fnref(&b, 1), zero, zero);
	b.span = (struct span){ 42, 50 };
	ir_store(&b, 8, ir_mapval(&b, 0, 8), 0, n);
	b.span = (struct span){ 19, 31 };
	ir_ret(&b, ir_bin(&b, OP_ADD, n, ir_const(&b, 4)));
	b = (struct ir_build){ .f = funcs[1], .blk = 1, .span = { 42, 50 } };
	funcs[1]->n_args = 2;
	funcs[1]->arg_types[0] = funcs[1]->arg_types[1] = TY_I64;
	funcs[1]->is_callback = true;
	ir_ret(&b, ir_const(&b, 0));
	const char *err = ir_optimise(funcs[0], NULL);
	err = err ? err : ir_optimise(funcs[1], NULL);
	struct bpf_target t = { .alu32 = true, .cpu_v4 = true, .atomics = true };
	const struct bpf_code *c = err ? NULL : bpf_compile(&a, funcs, 2, 0, &t, &err);
	check(c != NULL, "btf", err);
	int map = machine_new_map(MACHINE_MAP);
	if (c && map >= 0) {
		fill(&m);
		int fd = machine_load(&m, &a, c, funcs, map, &d);
		check(fd >= 0, "btf: load", m.error);
		check(fd < 0 || (machine_test_run(&m, fd, map) && m.ret == 7), "btf: run", m.error);
		struct bpf_prog_info info = { 0 };
		union bpf_attr q = {
			.info = { .bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = (uintptr_t)&info }
		};
		check(fd < 0 || (machine_bpf(BPF_OBJ_GET_INFO_BY_FD, &q) == 0 && info.nr_func_info == 2 &&
				 info.nr_line_info >= 4 && info.btf_id),
		      "btf: the kernel's information", NULL);
		close(fd);
		close(map);
	} else {
		skipped++;
		printf("SKIP btf: no map: %s\n", strerror(errno));
	}
	if (c) {
		struct buf o = { 0 };
		bpf_disassemble(c, funcs, &d, NULL, NULL, &o);
		check(strstr(o.s, "; 2:2 @x = count()") && strstr(o.s, "; 3:3 print(1)"), "disassembly with source",
		      o.s);
		buf_fini(&o);
		struct bpf_btf btf;
		bpf_make_btf(&a, c, funcs, &d, &btf);
		bool name = memmem(btf.btf, btf.btf_size, "_9_lives_of_a_cat_", 19),
		     line = memmem(btf.btf, btf.btf_size, "  print(1)", 11);
		check(name, "btf: name", "not made an identifier");
		check(line, "btf: line", "the text is not there");
	}
	arena_fini(&a);
}

int main(int argc, char **argv)
{
	bool kernel = argc > 1 && !strcmp(argv[1], "-k");
	test_far("far jumps, gotol", 30000, 0, true, kernel);
	test_far("far jumps, islands", 30000, 0, false, kernel);
	test_far("far branches, gotol", 30000, 40, true, kernel);
	test_far("far branches, islands", 30000, 40, false, kernel);
	test_pressure();
	test_btf();
	if (skipped)
		printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	else
		printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
