/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering, the module's side: the layout of the data map, a function for
 * each clause, and what stands around its body: the tests that end an event
 * early (the run is over, another process), the predicate, the claim of
 * scratch memory, the way out that gives it back.
 *
 * The claim is emitted last, into a block that was left empty for it, once it
 * is known whether the predicate or the body needs scratch at all; most do not.
 * Offsets into the data map carry their region until lower_fixup() knows where
 * the regions lie.
 */
#include <ctype.h>
#include <errno.h>

#include "ir/lower_priv.h"

/* -- addresses in the data map -- */

ref lower_header(struct lower *l, enum data_word w)
{
	return ir_mapval(LB, 0, REGION(RG_HEADER, w * 8));
}

static ref lower_patched(struct lower *l, int64_t v, int what, uint32_t factor)
{
	ref r = ir_const(LB, v);
	struct patch p = { .f = l->b.f, .r = r, .what = what, .factor = factor };
	vec_push(l->a, &l->patches, p);
	return r;
}

ref lower_block_of(struct lower *l, ref cpu)
{
	/* the mask is what bounds the access for the verifier */
	ref c = ir_bin(LB, OP_AND, cpu, ir_const(LB, l->m->ncpus_pow2 - 1));
	ref off = ir_bin(LB, OP_MUL, c, lower_patched(l, 0, PATCH_STRIDE, 1));
	return ir_addptr(LB, ir_mapval(LB, 0, REGION(RG_PERCPU, 0)), off);
}

ref lower_block(struct lower *l)
{
	return lower_block_of(l, ir_call(LB, TY_I64, H_get_smp_processor_id, 0));
}

void lower_count(struct lower *l, enum cpu_word w)
{
	l->b.f->blocks.v[l->b.blk].cold = true;
	ir_atomic(LB, OP_AADD, 8, lower_block(l), w * 8, ir_const(LB, 1));
}

uint32_t lower_rodata_off(struct lower *l, const void *p, uint32_t n)
{
	struct buf *b = &l->m->rodata;
	uint32_t room = (n + 7) & ~7u;
	/* the same bytes once: programs repeat their strings, and there are few */
	for (size_t at = l->zeros_size; at + room <= b->len; at += 8) {
		size_t k = n;
		while (k < room && b->s[at + k] == 0)
			k++;
		if (k == room && !memcmp(b->s + at, p, n))
			return (uint32_t)at;
	}
	uint32_t off = (uint32_t)b->len;
	buf_add(b, p, n);
	buf_pad(b, '\0', (int)(room - n));
	if (b->oom)
		l->failed = true;
	return off;
}

ref lower_rodata(struct lower *l, const void *p, uint32_t n)
{
	return ir_mapval(LB, 0, REGION(RG_RODATA, lower_rodata_off(l, p, n)));
}

ref lower_zeros(struct lower *l)
{
	return ir_mapval(LB, 0, REGION(RG_RODATA, l->zeros_off));
}

/* -- what a function finds around it -- */

ref lower_frame(struct lower *l)
{
	return l->in_callback ? l->frame_arg : ir_slot(LB, l->frame_slot);
}

ref lower_ctx(struct lower *l)
{
	return l->in_callback ? ir_load(LB, TY_CTX, 8, false, lower_frame(l), CELL_CTX) : ir_arg(LB, 0);
}

ref lower_scratch(struct lower *l, uint32_t off)
{
	l->scratch_used = true;
	ref p = l->in_callback ? ir_load(LB, TY_MAPV, 8, false, lower_frame(l), CELL_SCRATCH) : ir_getvar(LB, l->v_scratch);
	return ir_addptr_imm(LB, p, off);
}

uint32_t lower_scratch_alloc(struct lower *l, uint32_t size)
{
	uint32_t off = l->scratch_top;
	l->scratch_top += (size + 7) & ~7u;
	if (l->scratch_top > l->scratch_max)
		l->scratch_max = l->scratch_top;
	return off;
}

struct place lower_temp(struct lower *l, uint32_t size, uint32_t align, const char *name)
{
	struct place p = { .where = W_MEM, .align = 8 };
	if (size <= (l->in_callback ? 64 : 96))
		p.base = ir_slot(LB, func_slot(l->b.f, size ? size : 8, 8, name));
	else
		p.base = lower_scratch(l, lower_scratch_alloc(l, size));
	return p;
}

void lower_error(struct lower *l, struct span sp, const char *what)
{
	diag_add(l->d, D_NOT_YET, sp, what);
	l->failed = true;
}

/* -- questions about the tree -- */

static bool lower_any(const struct node *n, bool (*is)(const struct node *))
{
	if (!n)
		return false;
	if (is(n) || lower_any(n->a, is) || lower_any(n->b, is) || lower_any(n->c, is))
		return true;
	for (uint32_t i = 0; i < n->list.n; i++)
		if (lower_any(n->list.v[i], is))
			return true;
	return false;
}

static bool lower_is_exit(const struct node *n)
{
	return n->kind == N_CALL && n->builtin == B_EXIT;
}

static bool lower_is_loop(const struct node *n)
{
	return n->kind == N_FOR || (n->kind == N_CALL && n->builtin == B_LEN);
}

static bool lower_is_probe(const struct node *n)
{
	return n->kind == N_BUILTIN && (n->builtin == B_PROBE || n->builtin == B_PROBENAME);
}

static bool lower_is_argn(const struct node *n)
{
	return n->kind == N_BUILTIN && n->builtin == B_ARGN;
}

/* Programs that the kernel never runs inside one another on one CPU: all of them stand behind one per-CPU guard
 * (kernel/trace/bpf_trace.c and kernel/events/core.c: bpf_prog_active), or run before and after everything else. */
static bool lower_is_guarded(const struct clause *cl)
{
	if (cl->provider->typed)
		return false;
	switch (cl->provider->id) {
	case PROV_BEGIN: case PROV_END: case PROV_TRACEPOINT: case PROV_KPROBE: case PROV_KRETPROBE: case PROV_PROFILE:
	case PROV_INTERVAL: case PROV_SOFTWARE: case PROV_HARDWARE: case PROV_WATCHPOINT:
		return true;
	default:
		return false;
	}
}

/* -- maps -- */

static uint32_t lower_align8(uint32_t n)
{
	return (n + 7) & ~7u;
}

static uint32_t lower_value_size(const struct type *t)
{
	return lower_align8(type_is_agg(t) ? type_agg_size(t) : t->size ? t->size : 8);
}

static bool lower_map(struct lower *l, struct map_sym *sym)
{
	struct module_map mm = { .name = sym->name, .key = sym->key, .value = sym->value };
	if (!mm.value)
		mm.value = type_int(l->a, 8, true);
	sym->value = mm.value;
	bool agg = type_is_agg(mm.value);
	mm.value_size = lower_value_size(mm.value);
	if (sym->key) {
		mm.key_size = sym->key->size ? sym->key->size : 8;
		bool lru = sym->decl == MD_LRUHASH || sym->decl == MD_PERCPULRUHASH;
		mm.kind = agg ? (lru ? MM_LRU_PERCPU_HASH : MM_PERCPU_HASH) : lru ? MM_LRU_HASH : MM_HASH;
		mm.max_entries = sym->max_entries ? sym->max_entries : l->s->config.max_map_keys;
		if (mm.key_size > 512) /* MAX_BPF_STACK bounds hash keys before 5.x; larger ones are fine, but not without end */
			mm.key_size = lower_align8(mm.key_size);
	} else if (agg) {
		mm.kind = MM_PERCPU;
		mm.offset = l->percpu_top;
		mm.max_entries = 1;
		l->percpu_top += mm.value_size;
	} else {
		mm.kind = MM_GLOBAL;
		mm.offset = l->globals_top;
		mm.max_entries = 1;
		l->globals_top += mm.value_size + 8;
	}
	enum { PERCPU_VALUE_MAX = 32 << 10 }; /* of the kernel's per-CPU allocator */
	if (agg && sym->key && mm.value_size > PERCPU_VALUE_MAX) {
		lower_error(l, sym->span, "A time series of more than 1365 intervals in a map with keys");
		return false;
	}
	if (mm.value_size > l->zeros_size && sym->key)
		l->zeros_size = mm.value_size;
	sym->index = l->m->maps.n;
	vec_push(l->a, &l->m->maps, mm);
	return true;
}

/* -- clauses -- */

static const char *lower_fn_name(struct lower *l, const struct attach_point *ap)
{
	char *s = arena_printf(l->a, "%.*s_%u", STR_FMT(ap->name), l->m->funcs.n);
	for (char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p))
			*p = '_';
	if (!isalpha((unsigned char)*s))
		*s = 'p';
	return s;
}

/* Give every aggregate variable its place, count assignments: before the body, whose temporaries come and go. */
static void lower_homes(struct lower *l)
{
	uint32_t stack = 0;
	for (uint32_t i = 0; i < l->cl->vars.n; i++) {
		struct var_sym *v = l->cl->vars.v[i];
		struct var_home *h = arena_new(l->a, struct var_home);
		v->lower = h;
		if (!v->type || v->type->kind == T_NONE || v->type->kind == T_ERROR)
			continue;
		if (lower_is_value(v->type)) {
			if (v->captured) {
				h->kind = VK_CELL;
				h->index = l->frame_size;
				l->frame_size += 8;
			}
			continue;
		}
		if (!v->captured && v->type->size <= 64 && stack + v->type->size <= 160) {
			h->kind = VK_SLOT; /* the slot is made where the variable is first met: its function is known there */
			h->index = ~0u;
			stack += lower_align8(v->type->size);
		} else {
			h->kind = VK_SCRATCH;
			h->index = lower_scratch_alloc(l, v->type->size);
		}
	}
	lower_count_assignments(l, l->cl->predicate);
	lower_count_assignments(l, l->cl->body);
}

/* Fill the block that was left for the claim: scratch address to its variable, then on to `next`. */
static void lower_claim(struct lower *l, uint32_t blk, uint32_t next, uint32_t none)
{
	struct func *f = l->b.f;
	ir_at(LB, blk);
	ref block = lower_block(l);
	uint32_t done = func_block(f);
	if (l->serial) {
		ir_setvar(LB, l->v_scratch, ir_addptr(LB, block, ir_const(LB, l->m->scratch_off)));
		ir_jmp(LB, done);
	}
	for (uint32_t i = 0; i < SCRATCH_SLOTS && !l->serial; i++) {
		uint32_t got = func_block(f), more = func_block(f);
		ref bit = ir_const(LB, 1 << i);
		ref old = ir_atomic(LB, OP_AFOR, 8, block, CW_CLAIM * 8, bit);
		ir_br(LB, ir_bin(LB, OP_AND, old, bit), more, got);
		f->blocks.v[more].cold = true;
		ir_at(LB, got);
		ir_setvar(LB, l->v_bit, ir_const(LB, 1 << i));
		ir_setvar(LB, l->v_scratch,
			  ir_addptr(LB, block, i ? lower_patched(l, l->m->scratch_off, PATCH_SCRATCH_SIZE, i) : ir_const(LB, l->m->scratch_off)));
		ir_jmp(LB, done);
		ir_at(LB, more);
	}
	if (!l->serial) {
		lower_count(l, CW_SKIP);
		ir_jmp(LB, none);
	}
	ir_at(LB, done);
	if (l->has_frame)
		ir_store(LB, 8, lower_frame(l), CELL_SCRATCH, ir_getvar(LB, l->v_scratch));
	ir_jmp(LB, next);
}

static void lower_entry_tests(struct lower *l, uint32_t leave)
{
	struct func *f = l->b.f;
	enum provider_id p = l->cl->provider->id;
	if (l->has_exit && p != PROV_END) {
		uint32_t go = func_block(f);
		ir_br(LB, ir_load(LB, TY_I64, 8, false, lower_header(l, DW_EXITING), 0), leave, go);
		ir_at(LB, go);
	}
	if (p == PROV_ITER) { /* the kernel calls once more at the end, without an object: ctx is { meta, object, ... } */
		uint32_t go = func_block(f);
		ref object = ir_load(LB, TY_BTF, 8, false, ir_arg(LB, 0), 8);
		ir_br(LB, ir_bin(LB, OP_NE, object, ir_const(LB, 0)), go, leave);
		ir_at(LB, go);
	}
	/* Probes in user programs are bound to the process by the kernel, but not to its children. */
	bool user = p == PROV_UPROBE || p == PROV_URETPROBE || p == PROV_USDT;
	if (l->o->pid_filter && (l->cl->uses_pid_filter || (user && l->o->follow))) {
		uint32_t go = func_block(f), other = l->o->follow ? func_block(f) : leave;
		ref tgid = ir_bin(LB, OP_LSHR, lower_pid_tgid(l, false), ir_const(LB, 32));
		ref want = ir_load(LB, TY_I64, 8, false, lower_header(l, DW_PID), 0);
		ir_br(LB, ir_bin(LB, OP_EQ, tgid, want), go, other);
		if (l->o->follow) {
			ir_at(LB, other);
			lower_follow_test(l, tgid, go, leave);
		}
		ir_at(LB, go);
	}
}

/* An interval with a count: the last run ends the program. There is one timer, on one CPU: no run is beside another. */
static void lower_counted(struct lower *l, const struct attach_point *ap, uint32_t blk, uint32_t leave)
{
	uint32_t off = (l->globals_top + 7) & ~7u, last = func_block(l->b.f);
	l->globals_top = off + 8;
	ir_at(LB, blk);
	ref at = ir_mapval(LB, 0, REGION(RG_GLOBALS, off));
	ref n = ir_bin(LB, OP_ADD, ir_load(LB, TY_I64, 8, false, at, 0), ir_const(LB, 1));
	ir_store(LB, 8, at, 0, n);
	ir_br(LB, ir_bin(LB, OP_EQ, n, ir_const(LB, (int64_t)ap->count)), last, leave);
	ir_at(LB, last);
	l->flow.exit = leave;
	lower_exit(l, l->cl->span, ir_const(LB, 0));
}

uint32_t lower_clause_fn(struct lower *l, const struct clause *cl, const struct attach_point *ap, uint32_t attach)
{
	struct func *f = func_new(l->a, lower_fn_name(l, ap));
	uint32_t fn = l->m->funcs.n;
	vec_push(l->a, &l->m->funcs, f);
	f->span = cl->span;
	l->cl = cl;
	l->attach = attach;
	l->fn = l->entry_fn = fn;
	l->b = (struct ir_build){ .f = f, .blk = 1, .span = cl->span };
	l->in_callback = false;
	l->scratch_top = l->scratch_max = 0;
	l->scratch_used = false;
	l->entry = NULL;
	l->frame_size = CELL_FIRST;
	l->has_frame = lower_any(cl->body, lower_is_loop) || lower_any(cl->predicate, lower_is_loop);
	l->v_scratch = func_var(f, TY_MAPV, "scratch");
	l->v_bit = func_var(f, TY_I64, "bit");
	lower_homes(l);
	ref frame_zero = NOREF;
	if (l->has_frame) {
		l->frame_slot = func_slot(f, 8, 8, "frame");
		ir_zero(LB, ir_slot(LB, l->frame_slot), 0, 8, 8);
		frame_zero = f->ins.n - 1;
		ir_store(LB, 8, ir_slot(LB, l->frame_slot), CELL_CTX, ir_arg(LB, 0));
	}
	uint32_t leave = func_block(f), leave_claimed = func_block(f), claim1 = func_block(f), claim2 = func_block(f);
	uint32_t test = func_block(f), body = func_block(f), no = func_block(f);
	lower_entry_tests(l, leave);
	if (l->group)
		lower_group_tests(l, leave);
	ir_jmp(LB, claim1);
	uint32_t ran = ap->count ? func_block(f) : leave_claimed;
	l->flow = (struct flow){ .exit = ran };
	ir_at(LB, test);
	if (cl->predicate) {
		uint32_t top = l->scratch_top;
		lower_condition(l, cl->predicate, claim2, no);
		l->scratch_top = top;
	} else {
		ir_jmp(LB, claim2);
	}
	bool early = l->scratch_used;
	ir_at(LB, body);
	lower_stmt(l, cl->body);
	ir_jmp(LB, ran);
	l->b.span = cl->span;
	if (ap->count)
		lower_counted(l, ap, ran, leave_claimed);
	bool claimed = l->scratch_used;
	for (int i = 0; i < 2; i++) {
		uint32_t blk = i ? claim2 : claim1, next = i ? body : test;
		if (claimed && early == (i == 0)) {
			lower_claim(l, blk, next, leave);
		} else {
			ir_at(LB, blk);
			ir_jmp(LB, next);
		}
	}
	ir_at(LB, no);
	ir_jmp(LB, early ? leave_claimed : leave);
	ir_at(LB, leave_claimed);
	if (claimed && !l->serial)
		ir_atomic(LB, OP_AAND, 8, lower_block(l), CW_CLAIM * 8, ir_un(LB, OP_NOT, 8, ir_getvar(LB, l->v_bit)));
	ir_jmp(LB, leave);
	ir_at(LB, leave);
	ir_ret(LB, ir_const(LB, 0));
	if (l->has_frame) {
		f->slots.v[l->frame_slot].size = l->frame_size;
		f->ins.v[frame_zero].aux = l->frame_size;
	}
	if (claimed && l->scratch_max > l->m->scratch_size)
		l->m->scratch_size = (l->scratch_max + 63) & ~63u;
	return fn;
}

uint32_t lower_attach_index(struct lower *l, const struct attach_point *ap, uint32_t *cursor)
{
	uint32_t n = l->m->attaches.n;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = (*cursor + k) % n;
		if (l->m->attaches.v[i] == ap) {
			*cursor = i + 1;
			return i;
		}
	}
	return 0;
}

static void lower_clause(struct lower *l, const struct clause *cl)
{
	const struct provider *p = cl->provider;
	/* programs of these types are loaded for one place each; the others are loaded once and attached many times */
	bool one_each = p->typed || p->id == PROV_ITER;
	bool asks = lower_any(cl->body, lower_is_probe) || lower_any(cl->predicate, lower_is_probe);
	asks |= lower_usdt_differs(cl) && (lower_any(cl->body, lower_is_argn) || lower_any(cl->predicate, lower_is_argn));
	struct facts *facts = l->env->facts;
	bool cookies = !asks || cl->attach.n < 2 || one_each || (facts && facts->ops->has && facts->ops->has(facts, FEAT_COOKIE));
	bool split = asks && (one_each || !cookies);
	for (uint32_t i = 0; i < cl->attach.n; i++)
		split |= cl->attach.v[i]->count != 0; /* each counts for itself */
	uint32_t fn = ~0u, prog = ~0u, cursor = 0, *indices = arena_array(l->a, uint32_t, cl->attach.n);
	bool *done = arena_array(l->a, bool, cl->attach.n);
	for (uint32_t i = 0; i < cl->attach.n; i++)
		indices[i] = lower_attach_index(l, cl->attach.v[i], &cursor);
	lower_groups(l, cl, indices, done);
	for (uint32_t i = 0; i < cl->attach.n; i++) {
		struct attach_point *ap = cl->attach.v[i];
		uint32_t index = indices[i];
		if (done[i])
			continue;
		if (fn == ~0u || split)
			fn = lower_clause_fn(l, cl, ap, split || cl->attach.n == 1 ? index : ~0u);
		if (prog == ~0u || one_each || split) {
			struct module_prog mp = { .fn = fn, .clause = cl->index, .prog_type = p->prog_type, .attach_type = p->attach_type,
						  .btf_id = ap->btf_id, .span = cl->span };
			prog = l->m->progs.n;
			vec_push(l->a, &l->m->progs, mp);
		}
		vec_push(l->a, &l->m->progs.v[prog].attach, index);
	}
}

/* -- the end: offsets and sizes are known now -- */

static void lower_fixup(struct lower *l)
{
	struct module *m = l->m;
	m->rodata_off = (DW_COUNT * 8 + 63) & ~63u;
	m->globals_off = (m->rodata_off + (uint32_t)m->rodata.len + 63) & ~63u;
	m->globals_size = l->globals_top;
	m->percpu_off = (m->globals_off + l->globals_top + 63) & ~63u;
	m->cpu_stride = (m->scratch_off + (l->serial ? 1 : SCRATCH_SLOTS) * m->scratch_size + 63) & ~63u;
	/* the C twins of our programs use whole cache lines, too; a power of two makes the product a shift when that is cheap */
	uint32_t pow2 = 64;
	while (pow2 < m->cpu_stride)
		pow2 *= 2;
	if (pow2 - m->cpu_stride <= 4096)
		m->cpu_stride = pow2;
	/* The tail of a string is cleared from its length on; the verifier bounds the start and the size each by itself, so behind the last
	 * block there must be room for both. Nothing is ever written there. */
	m->data_size = m->percpu_off + m->ncpus_pow2 * m->cpu_stride + l->zeros_size;
	for (uint32_t i = 0; i < m->maps.n; i++)
		if (m->maps.v[i].kind == MM_GLOBAL)
			m->maps.v[i].offset += m->globals_off; /* the reader's offset is from the beginning */
	const int64_t base[] = { [RG_HEADER] = 0, [RG_RODATA] = m->rodata_off, [RG_GLOBALS] = m->globals_off, [RG_PERCPU] = m->percpu_off };
	for (uint32_t i = 1; i < m->funcs.n; i++) {
		struct func *f = m->funcs.v[i];
		for (uint32_t r = 1; r < f->ins.n; r++) {
			struct ins *x = &f->ins.v[r];
			if (x->op == OP_MAPVAL && x->aux == 0)
				x->imm = base[x->imm >> 32] + (x->imm & 0xffffffff);
		}
	}
	for (uint32_t i = 0; i < l->patches.n; i++) {
		const struct patch *p = &l->patches.v[i];
		p->f->ins.v[p->r].imm += (int64_t)(p->what == PATCH_STRIDE ? m->cpu_stride : m->scratch_size) * p->factor;
	}
}

static void lower_log2_table(struct lower *l)
{
	uint8_t table[256] = { 0 }; /* position of the highest bit of a byte: lower_map.c */
	for (unsigned i = 2; i < 256; i++)
		table[i] = (uint8_t)(table[i / 2] + 1);
	l->log2_off = lower_rodata_off(l, table, sizeof(table));
}

static bool lower_limits(struct lower *l)
{
	struct module *m = l->m;
	if (m->scratch_size > 256 * 1024 || m->data_size > 512u << 20) {
		diag_add(l->d, D_TOO_MANY, (struct span){ 0 },
			 arena_printf(l->a, "the program needs %u bytes of scratch memory for each event and %u KiB in all: use fewer or shorter "
				      "strings (max_strlen)", m->scratch_size, m->data_size >> 10));
		return false;
	}
	return true;
}

int lower_module(struct sema_env *env, const struct sema *s, const struct lower_options *o, struct module *m)
{
	struct lower lw = { .a = env->arena, .d = env->diags, .env = env, .s = s, .o = o, .m = m };
	struct lower *l = &lw;
	static const enum module_map_kind first[] = { MM_DATA, MM_RING, MM_CONTROL };
	*m = (struct module){ .arena = env->arena, .max_strlen = s->config.max_strlen };
	m->license = arena_strndup(env->arena, s->config.license.s, s->config.license.len);
	vec_push(l->a, &m->funcs, NULL);
	for (unsigned i = 0; i < 3; i++) {
		struct module_map mm = { .kind = first[i] };
		vec_push(l->a, &m->maps, mm);
	}
	for (uint32_t i = 0; i < s->attaches.n; i++)
		vec_push(l->a, &m->attaches, s->attaches.v[i]);
	for (m->ncpus_pow2 = 1; m->ncpus_pow2 < (o->ncpus ? o->ncpus : 1);)
		m->ncpus_pow2 *= 2;
	l->percpu_top = CW_COUNT * 8;
	l->zeros_size = (s->config.max_strlen + 8 + 63) & ~63u;
	for (uint32_t i = 0; i < s->maps.n; i++)
		lower_map(l, s->maps.v[i]);
	l->zeros_size = (l->zeros_size + 63) & ~63u;
	m->scratch_off = (l->percpu_top + 63) & ~63u;
	buf_pad(&m->rodata, '\0', (int)l->zeros_size);
	lower_log2_table(l);
	l->serial = true;
	for (uint32_t i = 0; i < s->clauses.n; i++)
		l->serial &= !lower_is_grouped(l, &s->clauses.v[i]);
	for (uint32_t i = 0; i < s->clauses.n; i++) {
		const struct clause *cl = &s->clauses.v[i];
		l->has_exit |= lower_any(cl->body, lower_is_exit) || lower_any(cl->predicate, lower_is_exit);
		for (uint32_t k = 0; k < cl->attach.n; k++)
			l->has_exit |= cl->attach.v[k]->count != 0;
		l->serial &= lower_is_guarded(cl);
	}
	if (o->pid_filter && o->follow)
		lower_follow(l);
	bool *taken = arena_array(l->a, bool, s->clauses.n);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < s->clauses.n; i++) {
			const struct clause *cl = &s->clauses.v[i];
			int when = cl->provider->id == PROV_BEGIN ? 0 : cl->provider->id == PROV_END ? 2 : 1;
			if (when != round || !cl->attach.n || taken[i])
				continue;
			uint32_t partner = lower_session_partner(l, i, taken);
			if (partner != ~0u && lower_session(l, cl, &s->clauses.v[partner]))
				taken[partner] = true;
			else
				lower_clause(l, cl);
		}
	}
	lower_fixup(l);
	return l->failed || m->rodata.oom || !lower_limits(l) ? -EINVAL : 0;
}
