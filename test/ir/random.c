/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random [-k] [-v] [-s SEED] [N]: N random programs, each evaluated as IR, and compiled after SSA construction only,
 * after each single pass, after passes in random order, and after the whole pipeline, and then run by the interpreter.
 * All must give the same result and leave the same bytes in the map. Also: the text form parses back to the same.
 * With -k the program goes to the kernel, too: its verifier must accept it, and the result must be the same again.
 *
 * A failure prints the seed, which repeats it: random -s SEED 1. -v prints the program's IR and code.
 */
#include "eval.h"

enum { MAX_VARS = 64, MAX_FUNCS = 4, SLOT_SIZE = 32 };

struct gen {
	struct arena *a;
	struct ir_build b;
	struct func *funcs[MAX_FUNCS];
	uint32_t n_funcs;
	uint64_t state;
	bool kernel, env; /* env: callbacks get the address of an address */
	uint32_t n_vars, vars[MAX_VARS]; /* of the function that is being made */
	uint32_t n_slots;
	ref shared; /* callbacks: the caller's slot */
	ref ctx;
	int budget; /* statements left */
};

static uint32_t rnd(struct gen *g, uint32_t n)
{
	g->state ^= g->state << 13;
	g->state ^= g->state >> 7;
	g->state ^= g->state << 17;
	return (uint32_t)((g->state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static int64_t gen_number(struct gen *g)
{
	static const int64_t special[] = { 0,
					   1,
					   -1,
					   2,
					   3,
					   7,
					   8,
					   10,
					   31,
					   32,
					   33,
					   63,
					   64,
					   65,
					   127,
					   128,
					   255,
					   256,
					   65535,
					   65536,
					   -128,
					   -129,
					   -32768,
					   INT32_MAX,
					   INT32_MIN,
					   (int64_t)INT32_MAX + 1,
					   (int64_t)INT32_MIN - 1,
					   UINT32_MAX,
					   (int64_t)UINT32_MAX + 1,
					   INT64_MAX,
					   INT64_MIN,
					   0x123456789abcdef };
	if (rnd(g, 3))
		return special[rnd(g, sizeof(special) / sizeof(*special))];
	return rnd(g, 2) ? (int64_t)rnd(g, 100) - 50
			 : (int64_t)((uint64_t)rnd(g, UINT32_MAX) << 33 ^ rnd(g, UINT32_MAX));
}

static unsigned gen_width(struct gen *g)
{
	return 1u << rnd(g, 4);
}

static ref gen_expr(struct gen *g, int depth);

/* An address with `w` valid, aligned bytes at +*ret_off: in a slot, the map, or the caller's slot. */
static ref gen_address(struct gen *g, unsigned w, int64_t *ret_off, bool atomic)
{
	uint32_t kind = rnd(g, g->shared ? 3 : 2), size = kind == 1 ? MACHINE_MAP / 2 : SLOT_SIZE;
	ref p = kind == 0   ? ir_slot(&g->b, rnd(g, g->n_slots))
		: kind == 1 ? ir_mapval(&g->b, 0, rnd(g, 8) * 8)
			    : g->shared;
	*ret_off = rnd(g, size / w) * w;
	if (rnd(g, 5) == 0 && !atomic) { /* a variable index, bounded by a mask; the kernel takes no atomics there */
		ref mask = ir_const(&g->b, (int64_t)((SLOT_SIZE - 1) & ~(w - 1)));
		ref idx = ir_bin(&g->b, OP_AND, gen_expr(g, 1), mask);
		*ret_off = 0;
		return ir_addptr(&g->b, p, idx);
	}
	if (rnd(g, 4) == 0) {
		p = ir_addptr_imm(&g->b, p, *ret_off);
		*ret_off = 0;
	}
	return p;
}

static ref gen_binary(struct gen *g, int depth)
{
	static const uint8_t ops[] = { OP_ADD, OP_SUB, OP_MUL, OP_UDIV, OP_UMOD, OP_SDIV, OP_SMOD, OP_AND,
				       OP_OR,  OP_XOR, OP_SHL, OP_LSHR, OP_ASHR, OP_ADD,  OP_SUB,  OP_AND };
	ref x = gen_expr(g, depth - 1), y = rnd(g, 3) ? gen_expr(g, depth - 1) : ir_const(&g->b, gen_number(g));
	return ir_bin(&g->b, ops[rnd(g, sizeof(ops))], x, y);
}

static ref gen_expr(struct gen *g, int depth)
{
	int64_t off;
	unsigned w = gen_width(g);
	if (depth <= 0 || rnd(g, 6) == 0) {
		switch (rnd(g, 5)) {
		case 0: return ir_const(&g->b, gen_number(g));
		case 1:
			if (g->ctx)
				return ir_load(&g->b, TY_I64, w, rnd(g, 2), g->ctx, rnd(g, MACHINE_CTX / w) * w);
			return ir_arg(&g->b, 0);
		default: return ir_getvar(&g->b, g->vars[rnd(g, g->n_vars)]);
		}
	}
	switch (rnd(g, 12)) {
	case 0: {
		ref p = gen_address(g, w, &off, false);
		return ir_load(&g->b, TY_I64, w, rnd(g, 2), p, off);
	}
	case 1: return ir_un(&g->b, rnd(g, 2) ? OP_NEG : OP_NOT, 8, gen_expr(g, depth - 1));
	case 2: return ir_un(&g->b, rnd(g, 2) ? OP_ZEXT : OP_SEXT, w, gen_expr(g, depth - 1));
	case 3: return ir_un(&g->b, OP_BSWAP, w == 1 ? 2 : w, gen_expr(g, depth - 1));
	case 4: case 5: {
		ref x = gen_expr(g, depth - 1), y = rnd(g, 2) ? gen_expr(g, depth - 1) : ir_const(&g->b, gen_number(g));
		return ir_bin(&g->b, (enum ir_op)(OP_EQ + rnd(g, 10)), x, y);
	}
	case 6:
		if (!g->kernel) /* the kernel has its own idea of these values */
			return ir_call(&g->b, TY_I64, rnd(g, 2) ? 14 : 8, 0);
		return gen_binary(g, depth);
	default: return gen_binary(g, depth);
	}
}

static void gen_block(struct gen *g, int depth, int loops);

static void gen_if(struct gen *g, int depth, int loops)
{
	uint32_t t = func_block(g->b.f), e = func_block(g->b.f), end = func_block(g->b.f);
	if (rnd(g, 3) == 0) { /* x && y, x || y as lowering writes them */
		uint32_t var = func_var(g->b.f, TY_I64, "and"), second = func_block(g->b.f), join = func_block(g->b.f);
		bool or = rnd(g, 2);
		ir_setvar(&g->b, var, ir_const(&g->b, or));
		ref x = gen_expr(g, 2);
		ir_br(&g->b, x, or ? join : second, or ? second : join);
		ir_at(&g->b, second);
		ir_setvar(&g->b, var, ir_bin(&g->b, OP_NE, gen_expr(g, 2), ir_const(&g->b, 0)));
		ir_jmp(&g->b, join);
		ir_at(&g->b, join);
		ir_br(&g->b,
		      rnd(g, 2) ? ir_getvar(&g->b, var)
				: ir_bin(&g->b, OP_EQ, ir_getvar(&g->b, var), ir_const(&g->b, rnd(g, 2))),
		      t, e);
	} else {
		ir_br(&g->b, gen_expr(g, 2), t, e);
	}
	if (rnd(g, 6) == 0)
		g->b.f->blocks.v[e].cold = true;
	ir_at(&g->b, t);
	gen_block(g, depth - 1, loops);
	ir_jmp(&g->b, end);
	ir_at(&g->b, e);
	if (rnd(g, 2))
		gen_block(g, depth - 1, loops);
	ir_jmp(&g->b, end);
	ir_at(&g->b, end);
}

static void gen_loop(struct gen *g, int depth, int loops)
{
	uint32_t var = func_var(g->b.f, TY_I64, "i"), head = func_block(g->b.f), body = func_block(g->b.f),
		 end = func_block(g->b.f);
	bool at_end = rnd(g, 3) == 0; /* do ... while: a loop of one block when the body has no branches */
	int64_t times = 1 + rnd(g, g->kernel ? 3 : 5);
	ir_setvar(&g->b, var, ir_const(&g->b, 0));
	if (g->n_vars < MAX_VARS && rnd(g, 2))
		g->vars[rnd(g, g->n_vars)] =
			var; /* the body may read it (and another function variable is forgotten) */
	uint32_t keep = g->n_vars;
	ir_jmp(&g->b, at_end ? body : head);
	ir_at(&g->b, head);
	ir_br(&g->b, ir_bin(&g->b, OP_ULT, ir_getvar(&g->b, var), ir_const(&g->b, times)), body, end);
	ir_at(&g->b, body);
	/* not to be set by the body: hide it */
	uint32_t saved[MAX_VARS];
	memcpy(saved, g->vars, sizeof(saved));
	for (uint32_t k = 0; k < g->n_vars; k++)
		if (g->vars[k] == var)
			g->vars[k] = g->vars[(k + 1) % g->n_vars] != var ? g->vars[(k + 1) % g->n_vars] : 0;
	gen_block(g, depth - 1, loops - 1);
	memcpy(g->vars, saved, sizeof(saved));
	g->n_vars = keep;
	ref next = ir_bin(&g->b, OP_ADD, ir_getvar(&g->b, var), ir_const(&g->b, 1));
	ir_setvar(&g->b, var, next);
	if (at_end)
		ir_br(&g->b, ir_bin(&g->b, OP_ULT, next, ir_const(&g->b, times)), body, end);
	else
		ir_jmp(&g->b, head);
	ir_at(&g->b, end);
}

static void gen_call(struct gen *g)
{
	uint32_t dst = rnd(g, g->n_slots), src = rnd(g, g->n_slots);
	if (g->funcs[0] != g->b.f || g->n_funcs < 3 || rnd(g, 2)) {
		ref d = ir_slot(&g->b, dst), n = ir_const(&g->b, 8 << rnd(g, 3)), s = ir_slot(&g->b, src);
		ref r = dst == src ? ir_const(&g->b, 3) : ir_call(&g->b, TY_I64, 113, 3, d, n, s);
		ir_setvar(&g->b, g->vars[rnd(g, g->n_vars)], r);
		return;
	}
	uint32_t fn = 2 + rnd(g, g->n_funcs - 2);
	if (g->env) { /* a captured variable: its address is stored where the callback finds it */
		ir_store(&g->b, 8, ir_slot(&g->b, g->n_slots), 8, ir_slot(&g->b, dst));
		dst = g->n_slots;
	}
	ref r = ir_call(&g->b, TY_I64, 181, 4, ir_const(&g->b, 1 + rnd(g, 4)), ir_fnref(&g->b, fn), ir_slot(&g->b, dst),
			ir_const(&g->b, 0));
	ir_setvar(&g->b, g->vars[rnd(g, g->n_vars)], r);
}

/* p = map_lookup_elem(map, &key); if (p) ... */
static void gen_lookup(struct gen *g, int depth, int loops)
{
	int64_t off;
	unsigned w = gen_width(g);
	uint32_t found = func_block(g->b.f), end = func_block(g->b.f), key = rnd(g, g->n_slots);
	ir_store(&g->b, 4, ir_slot(&g->b, key), 4,
		 rnd(g, 3) ? ir_const(&g->b, 0) : ir_bin(&g->b, OP_AND, gen_expr(g, 1), ir_const(&g->b, 1)));
	ref p = ir_call(&g->b, TY_MAPV_NULL, 1, 2, ir_mapref(&g->b, 0), ir_addptr_imm(&g->b, ir_slot(&g->b, key), 4));
	if (rnd(g, 2))
		ir_br(&g->b, p, found, end);
	else
		ir_br(&g->b, ir_bin(&g->b, OP_EQ, p, ir_const(&g->b, 0)), end, found);
	ir_at(&g->b, found);
	off = rnd(g, 64 / w) * w;
	ref q = rnd(g, 2) ? p : ir_addptr(&g->b, p, ir_bin(&g->b, OP_AND, gen_expr(g, 1), ir_const(&g->b, 24)));
	ref v = ir_load(&g->b, TY_I64, w, rnd(g, 2), q, off);
	ir_setvar(&g->b, g->vars[rnd(g, g->n_vars)], v);
	if (rnd(g, 2))
		gen_block(g, depth - 1, loops);
	ir_store(&g->b, w, q, off, ir_bin(&g->b, OP_ADD, v, ir_const(&g->b, 1)));
	ir_jmp(&g->b, end);
	ir_at(&g->b, end);
}

static void gen_statement(struct gen *g, int depth, int loops)
{
	int64_t off, soff;
	unsigned w = gen_width(g);
	uint32_t kind = rnd(g, 43) / 2;
	if (kind == 21 && depth > 0) { /* leave early */
		uint32_t t = func_block(g->b.f), e = func_block(g->b.f);
		g->b.f->blocks.v[t].cold = rnd(g, 2);
		ir_br(&g->b, gen_expr(g, 2), t, e);
		ir_at(&g->b, t);
		ir_ret(&g->b, ir_const(&g->b, rnd(g, 2)));
		ir_at(&g->b, e);
	} else if (kind == 20 && depth > 0) {
		gen_lookup(g, depth, loops);
	} else if (kind < 8) {
		ir_setvar(&g->b, g->vars[rnd(g, g->n_vars)], gen_expr(g, 3));
	} else if (kind < 11) {
		ref p = gen_address(g, w, &off, false);
		ir_store(&g->b, w, p, off, rnd(g, 4) ? gen_expr(g, 2) : ir_const(&g->b, gen_number(g)));
	} else if (kind < 12) {
		w = rnd(g, 2) ? 4 : 8;
		static const uint8_t ops[] = { OP_AADD, OP_AFADD, OP_AFOR, OP_AAND };
		enum ir_op op = ops[rnd(g, 4)];
		ref p = ir_mapval(&g->b, 0, rnd(g, 8) * 8);
		if (rnd(g, 2))
			p = gen_address(g, w, &off, true);
		else
			off = rnd(g, 8) * w;
		ref v = gen_expr(g, 2), r = ir_atomic(&g->b, op, w, p, off, v);
		if (op_info[op].flags & OF_D && rnd(g, 2))
			ir_setvar(&g->b, g->vars[rnd(g, g->n_vars)], r);
	} else if (kind < 13) {
		uint32_t d = rnd(g, g->n_slots), s = rnd(g, g->n_slots);
		off = rnd(g, 2) * 8;
		soff = rnd(g, 3) * 8;
		ref src = rnd(g, 2) && s != d ? ir_slot(&g->b, s) : ir_mapval(&g->b, 0, rnd(g, 4) * 8);
		src = ir_addptr_imm(&g->b, src, soff);
		ir_copy(&g->b, ir_slot(&g->b, d), off, src, 1 + rnd(g, 8), w);
	} else if (kind < 14) {
		off = rnd(g, SLOT_SIZE / w) * w;
		ir_zero(&g->b, ir_slot(&g->b, rnd(g, g->n_slots)), off, 1 + rnd(g, (uint32_t)(SLOT_SIZE - off)), w);
	} else if (kind < 15) {
		gen_call(g);
	} else if (kind < 18 && depth > 0) {
		gen_if(g, depth, loops);
	} else if (kind < 19 && depth > 0 && loops > 0) {
		gen_loop(g, depth, loops);
	} else {
		ir_setvar(&g->b, g->vars[rnd(g, g->n_vars)], gen_expr(g, 4));
	}
}

static void gen_block(struct gen *g, int depth, int loops)
{
	for (uint32_t n = 1 + rnd(g, 5); n-- > 0 && g->budget-- > 0;)
		gen_statement(g, depth, loops);
}

static void gen_function(struct gen *g, uint32_t idx, bool callback)
{
	struct func *f = func_new(g->a, callback ? arena_printf(g->a, "back%u", idx) : "prog");
	g->funcs[idx] = f;
	g->b = (struct ir_build){ .f = f, .blk = 1 };
	g->shared = g->ctx = NOREF;
	f->is_callback = callback;
	if (callback) {
		f->n_args = 2;
		f->arg_types[0] = TY_I64;
		f->arg_types[1] = TY_STACK;
		g->shared = g->env ? ir_load(&g->b, TY_STACK, 8, false, ir_arg(&g->b, 1), 8) : ir_arg(&g->b, 1);
	} else {
		g->ctx = ir_arg(&g->b, 0);
	}
	/* every tenth program keeps many values alive */
	g->n_vars = callback ? 1 + rnd(g, 4) : rnd(g, 10) ? 1 + rnd(g, 12) : 24 + rnd(g, 20);
	g->n_slots = callback ? 1 : 1 + rnd(g, 3);
	g->budget = callback ? 5 : 10 + (int)rnd(g, 40);
	for (uint32_t k = 0; k < g->n_vars; k++)
		g->vars[k] = func_var(f, TY_I64, "v");
	for (uint32_t k = 0; k < g->n_slots; k++)
		func_slot(f, SLOT_SIZE, 8, "s");
	if (g->env && !callback)
		func_slot(f, 16, 8, "env");
	for (uint32_t k = 0; k < g->n_slots; k++)
		ir_zero(&g->b, ir_slot(&g->b, k), 0, SLOT_SIZE, 8);
	for (uint32_t k = 0; k < g->n_vars; k++)
		if (rnd(g, 4))
			ir_setvar(&g->b, g->vars[k], gen_expr(g, 1));
	uint32_t all = f->vars.n;
	while (g->budget > 0)
		gen_block(g, 3, g->kernel ? 1 : 2);
	ref sum = ir_const(&g->b, 0);
	for (uint32_t k = 0; k < all; k++)
		sum = ir_bin(&g->b, OP_ADD, ir_bin(&g->b, OP_MUL, sum, ir_const(&g->b, 31)), ir_getvar(&g->b, k));
	for (uint32_t k = 0; k < g->n_slots; k++)
		sum = ir_bin(&g->b, OP_XOR, sum, ir_load(&g->b, TY_I64, 8, false, ir_slot(&g->b, k), rnd(g, 4) * 8));
	ref place = callback ? g->shared : ir_mapval(&g->b, 0, MACHINE_MAP - 8);
	ir_store(&g->b, 8, place, 0, sum);
	/* callbacks may return 0 or 1 only */
	ir_ret(&g->b, callback ? ir_bin(&g->b, OP_AND, sum, ir_const(&g->b, 1)) : sum);
}

/* funcs[0] is the program, [1] unused, the rest are callbacks. */
static void gen_program(struct gen *g, struct arena *a, uint64_t seed, bool kernel)
{
	memset(g, 0, sizeof(*g));
	g->a = a;
	g->kernel = kernel;
	g->state = seed * 0x9e3779b97f4a7c15ull + 0x1234567;
	for (int k = 0; k < 8; k++)
		rnd(g, 2);
	uint32_t backs = rnd(g, 3);
	g->env = rnd(g, 2);
	g->n_funcs = backs ? 2 + backs : 1;
	for (uint32_t k = 0; k < backs; k++)
		gen_function(g, 2 + k, true);
	g->funcs[0] = NULL;
	gen_function(g, 0, false);
}

static void gen_input(struct machine *m, uint64_t seed, unsigned run)
{
	struct gen g = { .state = seed * 77 + run * 1234567 + 99 };
	memset(m, 0, sizeof(*m));
	for (unsigned k = 0; k < MACHINE_CTX / 8; k++) {
		int64_t v = gen_number(&g);
		memcpy(m->ctx + k * 8, &v, 8);
	}
	for (unsigned k = 0; k < MACHINE_MAP / 2; k++)
		m->map[k] = (uint8_t)rnd(&g, 256);
}

/* -- ways to compile -- */

static const char *run_passes(struct gen *g, const char *only)
{
	for (uint32_t k = 0; k < g->n_funcs; k++) {
		struct pass_options o = { .only = only };
		const char *bad = g->funcs[k] ? ir_optimise(g->funcs[k], only ? &o : NULL) : NULL;
		if (bad)
			return bad;
	}
	return NULL;
}

static const char *reparse(struct gen *g)
{
	for (uint32_t k = 0; k < g->n_funcs; k++) {
		struct buf one = { 0 }, two = { 0 };
		const char *err = NULL;
		if (!g->funcs[k])
			continue;
		ir_print(g->funcs[k], &one);
		struct func *f = ir_parse(g->a, one.s, &err);
		if (f)
			ir_print(f, &two);
		if (f && strcmp(one.s, two.s) != 0)
			err = "the text form changed";
		if (err) {
			puts(one.s);
			puts(two.s ? two.s : "");
		}
		buf_fini(&one);
		buf_fini(&two);
		if (err)
			return err;
		g->funcs[k] = f;
	}
	return NULL;
}

enum { WAYS = 16 };
static const char *const way_names[WAYS] = { "ssa alone",
					     "everything",
					     "fold",
					     "sccp",
					     "branch",
					     "cse",
					     "check",
					     "mem",
					     "dce",
					     "sink",
					     "random order",
					     "everything, text",
					     "everything, old cpu",
					     "ssa alone, old cpu",
					     "fold,text",
					     "without cse" };

static const char *way_compile(struct gen *g, unsigned way)
{
	static const char *const names[] = { "fold", "sccp", "branch", "cse", "check", "mem", "dce", "sink" };
	const char *bad = NULL;
	if (way != 1 && way != 11 && way != 12 && way != 15)
		bad = run_passes(g, "ssa");
	if (bad)
		return bad;
	if (way >= 2 && way <= 9)
		bad = run_passes(g, way_names[way]);
	if (way == 10)
		for (int k = 0; k < 12 && !bad; k++)
			bad = run_passes(g, names[rnd(g, 8)]);
	if (way == 1 || way == 11 || way == 12)
		bad = run_passes(g, NULL);
	if (way == 15)
		for (uint32_t k = 0; k < g->n_funcs && !bad; k++) {
			struct pass_options o = { .skip = "cse,check" };
			bad = g->funcs[k] ? ir_optimise(g->funcs[k], &o) : NULL;
		}
	if (way == 14)
		bad = run_passes(g, "fold");
	if (!bad && (way == 11 || way == 14))
		bad = reparse(g);
	return bad;
}

struct tally {
	unsigned long programs, runs, spills, insns, insns_ssa, too_big, kernel, refused;
};

static void show(struct gen *g, const struct bpf_code *c)
{
	struct buf o = { 0 };
	for (uint32_t k = 0; k < g->n_funcs; k++)
		if (g->funcs[k])
			ir_print(g->funcs[k], &o);
	if (c)
		bpf_disassemble(c, g->funcs, NULL, NULL, NULL, &o);
	fputs(o.s ? o.s : "", stdout);
	buf_fini(&o);
}

static const char *map_difference(struct arena *a, const struct machine *m, const struct machine *want)
{
	unsigned k = 0;
	while (k < MACHINE_MAP && m->map[k] == want->map[k])
		k++;
	return k == MACHINE_MAP ? NULL
				: arena_printf(a, "leaves %02x at %u in the map, not %02x", m->map[k], k, want->map[k]);
}

static bool one_way(uint64_t seed, unsigned way, bool kernel, bool verbose, int map_fd, const struct machine want[2],
		    struct tally *t)
{
	struct arena a;
	struct gen g;
	const char *bad = NULL;
	static struct machine m;
	bool old = way == 12 || way == 13;
	struct bpf_target target = { .alu32 = true, .cpu_v4 = !old, .atomics = true };
	arena_init(&a);
	gen_program(&g, &a, seed, kernel);
	bad = way_compile(&g, way);
	const struct bpf_code *c = NULL;
	if (!bad) {
		bad = NULL;
		c = bpf_compile(&a, g.funcs, g.n_funcs, 0, &target, &bad);
		if (!c && bad && strstr(bad, "bytes of stack")) { /* a fair answer */
			t->too_big++;
			arena_fini(&a);
			return true;
		}
	}
	for (unsigned run = 0; run < 2 && !bad; run++) {
		gen_input(&m, seed, run);
		t->runs++;
		if (!machine_interpret(&m, c))
			bad = arena_strdup(&a, m.error);
		else if (m.ret != want[run].ret)
			bad = arena_printf(&a, "gives 0x%llx, not 0x%llx", (unsigned long long)m.ret,
					   (unsigned long long)want[run].ret);
		else
			bad = map_difference(&a, &m, &want[run]);
	}
	if (!bad) {
		t->spills += c->n_spills;
		t->insns += way == 1 ? c->insns.n : 0;
		t->insns_ssa += way == 0 ? c->insns.n : 0;
	}
	if (!bad && kernel && way <= 1) {
		int fd = machine_load(&m, &a, c, g.funcs, map_fd, NULL);
		if (fd < 0 && (strstr(m.log, "too large") || strstr(m.log, "too complex"))) {
			t->refused++; /* the verifier's own limits */
		} else if (fd < 0) {
			bad = arena_strdup(&a, m.error);
		}
		for (unsigned run = 0; run < 2 && fd >= 0 && !bad; run++) {
			gen_input(&m, seed, run);
			t->kernel++;
			if (!machine_test_run(&m, fd, map_fd))
				bad = arena_strdup(&a, m.error);
			else if (m.ret != (uint32_t)want[run].ret)
				bad = arena_printf(&a, "gives 0x%x in the kernel, not 0x%x", (unsigned)m.ret,
						   (unsigned)want[run].ret);
			else if ((bad = map_difference(&a, &m, &want[run])) != NULL)
				bad = arena_printf(&a, "%s (kernel)", bad);
		}
		if (fd >= 0)
			close(fd);
	}
	if (bad && c) { /* whose fault? */
		gen_input(&m, seed, 0);
		struct eval e = { .funcs = g.funcs, .m = &m, .budget = 10000000 };
		uint64_t args[5] = { (uintptr_t)m.ctx }, ret = eval_func(&e, 0, args);
		bool same = ret == want[0].ret && memcmp(m.map, want[0].map, MACHINE_MAP) == 0;
		bad = arena_printf(&a, "%s (%s)", bad, same ? "the IR is right" : "the passes changed its meaning");
	}
	if (bad || verbose) {
		if (bad)
			printf("FAIL random: seed %llu%s, %s: %s\n", (unsigned long long)seed, kernel ? " -k" : "",
			       way_names[way], bad);
		if (verbose)
			show(&g, c);
	}
	arena_fini(&a);
	return !bad;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1;
	unsigned long n = 1000, failed = 0;
	bool kernel = false, verbose = false;
	struct tally t = { 0 };
	int opt, map_fd = -1;
	while ((opt = getopt(argc, argv, "kvs:")) != -1) {
		if (opt == 'k')
			kernel = true;
		else if (opt == 'v')
			verbose = true;
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	if (optind < argc)
		n = strtoul(argv[optind], NULL, 0);
	if (kernel && (map_fd = machine_new_map(MACHINE_MAP)) < 0) {
		printf("SKIP random -k: no map: %s\n", strerror(errno));
		return 77;
	}
	for (unsigned long k = 0; k < n && failed < 10; k++, seed++) {
		static struct machine want[2];
		struct arena a;
		struct gen g;
		arena_init(&a);
		gen_program(&g, &a, seed, kernel);
		for (unsigned run = 0; run < 2; run++) {
			struct eval e = { .funcs = g.funcs, .m = &want[run], .budget = 10000000 };
			gen_input(&want[run], seed, run);
			uint64_t args[5] = { (uintptr_t)want[run].ctx };
			want[run].ret = eval_func(&e, 0, args);
		}
		if (verbose)
			show(&g, NULL);
		arena_fini(&a);
		t.programs++;
		bool ok = true;
		for (unsigned way = 0; way < (kernel ? 2 : WAYS) && ok; way++)
			ok = one_way(seed, way, kernel, verbose, map_fd, want, &t);
		failed += !ok;
	}
	printf("%lu programs, %lu runs, %lu spills, %lu -> %lu instructions, %lu over the stack, %lu in the kernel, "
	       "%lu too complex for it\n",
	       t.programs, t.runs, t.spills, t.insns_ssa, t.insns, t.too_big, t.kernel, t.refused);
	return failed ? 1 : 0;
}
