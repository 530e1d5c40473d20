/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User stacks without frame pointers: the walk, in the kernel, by the tables that the reader has put into maps (ir/unwind.h).
 *
 * The walk is a callback of bpf_loop, a step for each frame, made once for each depth in use. Its state lies in scratch memory in front
 * of the frames. A step takes the address at hand (pc), records it, and finds the caller:
 *
 *   1. What is mapped there? The kernel's own tree of mappings is read, as it is at this moment: mm_struct, a maple tree, vm_area_struct, file,
 *      inode. So nothing has to be known of the process beforehand; one that was made or has called exec just now is walked like any other.
 *      It takes no lock and works in every context; what changes under our eyes fails a test below and ends the walk. An address in no
 *      executable mapping is no frame.
 *   2. Is the file's table there? One that the program has not met is told to the reader, by inode; this stack is taken by
 *      frame pointers, and counted (CW_UNWIND).
 *   3. Index, row, rule: the address of the frame, and where in it return address, rbp and rbx lie. Code without a rule (of a JIT compiler, or
 *      without call-frame information) is passed by the frame pointer.
 *
 * Where a return probe has put its trampoline in the place of a return address, the kernel's list of these tells the true one.
 *
 * lower_vma.c has 1 and the first half of 2, lower_walk.c the rest of a step; here is what is around them.
 */
#include "ir/walk.h"

/* -- the kernel's structures -- */

static bool unwind_member(struct facts *f, const char *type, const char *name, struct member *ret)
{
	uint32_t off;
	const struct field *m = lower_kernel_member(f, type, name, &off);
	if (!m)
		return false;
	*ret = (struct member){ off, m->type->kind == T_ARRAY ? m->type->count : m->type->size };
	return true;
}

static void unwind_span(struct member m, uint32_t *lo, uint32_t *hi)
{
	*lo = m.off < *lo ? m.off : *lo;
	*hi = m.off + m.size > *hi ? m.off + m.size : *hi;
}

static bool unwind_members(struct facts *f, struct unwind_layout *k)
{
	static const struct {
		const char *type, *name;
		size_t to;
	} rows[] = {
#define AT(x) offsetof(struct unwind_layout, x)
		{ "task_struct", "mm", AT(task_mm) }, { "task_struct", "utask", AT(task_utask) },
		{ "mm_struct", "mm_mt", AT(mm_mt) }, { "maple_tree", "ma_root", AT(mt_root) }, { "mm_struct", "context", AT(mm_context) },
		{ "mm_struct", "uprobes_state", AT(mm_uprobes) }, { "uprobes_state", "xol_area", AT(uprobes_area) },
		{ "xol_area", "vaddr", AT(area_vaddr) },
		{ "uprobe_task", "return_instances", AT(utask_ri) }, { "uprobe_task", "vaddr", AT(utask_vaddr) },
		{ "uprobe_task", "xol_vaddr", AT(utask_xol) }, { "return_instance", "stack", AT(ri_stack) },
		{ "return_instance", "orig_ret_vaddr", AT(ri_ret) }, { "return_instance", "next", AT(ri_next) },
		{ "maple_range_64", "pivot", AT(range_pivot) }, { "maple_range_64", "slot", AT(range_slot) },
		{ "maple_arange_64", "pivot", AT(arange_pivot) }, { "maple_arange_64", "slot", AT(arange_slot) },
		{ "maple_arange_64", "meta", AT(arange_meta) },
		{ "vm_area_struct", "vm_start", AT(vm_start) }, { "vm_area_struct", "vm_end", AT(vm_end) },
		{ "vm_area_struct", "vm_flags", AT(vm_flags) }, { "vm_area_struct", "vm_pgoff", AT(vm_pgoff) },
		{ "vm_area_struct", "vm_file", AT(vm_file) },
		{ "file", "f_inode", AT(file_inode) }, { "inode", "i_ino", AT(i_ino) }, { "inode", "i_sb", AT(i_sb) },
		{ "inode", "i_size", AT(i_size) }, { "super_block", "s_dev", AT(sb_dev) },
		{ "pt_regs", "ip", AT(ip) }, { "pt_regs", "sp", AT(sp) }, { "pt_regs", "bp", AT(bp) }, { "pt_regs", "bx", AT(bx) },
		{ "pt_regs", "r10", AT(r10) }, { "pt_regs", "di", AT(di) }, { "pt_regs", "cs", AT(cs) },
#undef AT
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!unwind_member(f, rows[i].type, rows[i].name, (struct member *)((char *)k + rows[i].to)))
			return false;
	/* the time of change is kept in another form by every few kernels */
	struct member t;
	if (!unwind_member(f, "inode", "i_mtime_nsec", &k->i_mtime)) {
		if ((!unwind_member(f, "inode", "__i_mtime", &k->i_mtime) && !unwind_member(f, "inode", "i_mtime", &k->i_mtime)) ||
		    !unwind_member(f, "timespec64", "tv_nsec", &t))
			return false;
		k->i_mtime = (struct member){ k->i_mtime.off + t.off, t.size };
	}
	struct type *mm = f->ops->type(f, 's', STR("mm_struct"));
	const struct field *context = mm ? type_field(mm, STR("context"), NULL) : NULL;
	struct type *ct = context ? context->type : NULL;
	if (!ct || (!ct->complete && !f->ops->complete(f, ct)))
		return false;
	uint32_t extra = 0;
	const struct field *vdso = type_field(ct, STR("vdso"), &extra);
	if (!vdso)
		return false;
	k->context_vdso = (struct member){ vdso->offset + extra, 8 };
	return true;
}

static bool unwind_fits(struct unwind_layout *k)
{
	uint32_t lo = ~0u, hi = 0, zero = 0;
	unwind_span(k->i_ino, &lo, &hi);
	unwind_span(k->i_sb, &lo, &hi);
	unwind_span(k->i_size, &lo, &hi);
	unwind_span(k->i_mtime, &lo, &hi);
	k->inode_lo = lo;
	k->inode_n = hi - lo;
	unwind_span(k->vm_start, &zero, &k->vma_n);
	unwind_span(k->vm_end, &zero, &k->vma_n);
	unwind_span(k->vm_flags, &zero, &k->vma_n);
	unwind_span(k->vm_pgoff, &zero, &k->vma_n);
	unwind_span(k->vm_file, &zero, &k->vma_n);
	/* `size` of an array is the number of its elements */
	return k->inode_n <= NODE_SIZE && k->vma_n <= NODE_SIZE && k->range_pivot.size == 15 && k->range_slot.size == 16 &&
	       k->arange_pivot.size == 9 && k->arange_slot.size == 10 && k->range_slot.off + 16 * 8 <= NODE_SIZE &&
	       k->arange_meta.off < NODE_SIZE && (k->i_mtime.size == 4 || k->i_mtime.size == 8) && k->i_ino.size == 8 && k->sb_dev.size == 4;
}

static uint32_t walk_key_fn(struct lower *l, const struct unwind_layout *k);

static uint32_t unwind_map(struct lower *l, struct module_map mm)
{
	mm.by_name_only = true;
	vec_push(l->a, &l->m->maps, mm);
	return l->m->maps.n - 1;
}

/* What walks need, made when the first is met; NULL: they are not wanted, or this kernel cannot. */
static struct unwind_layout *unwind_layout(struct lower *l)
{
	struct facts *f = l->env->facts;
	if (l->unwind || l->unwind_tried)
		return l->unwind;
	l->unwind_tried = true;
	if (l->s->config.unwind == UNWIND_FP || !f || !f->ops->has || !f->ops->has(f, FEAT_UNWIND))
		return NULL;
	struct unwind_layout *k = arena_new(l->a, struct unwind_layout);
	if (!unwind_members(f, k) || !unwind_fits(k))
		return NULL;
	k->rules = unwind_map(l, (struct module_map){ .kind = MM_UNWIND_RULES, .key_size = 4, .max_entries = 1,
						     .value_size = UNWIND_RULES * sizeof(struct unwind_rule) + UNWIND_STATE });
	k->words = unwind_map(l, (struct module_map){ .kind = MM_UNWIND_WORDS, .key_size = 4, .value_size = 4, .max_entries = UNWIND_CHUNKS });
	k->files = unwind_map(l, (struct module_map){ .kind = MM_UNWIND_FILES, .key_size = sizeof(struct unwind_key),
						     .value_size = sizeof(struct unwind_file), .max_entries = UNWIND_FILES });
	l->m->key_fn = walk_key_fn(l, k);
	return l->unwind = k;
}

static uint32_t walk_fn(struct lower *l, struct unwind_layout *k, uint32_t depth)
{
	for (uint32_t i = 0; i < k->n_fns; i++)
		if (k->fns[i].depth == depth)
			return k->fns[i].fn;
	uint32_t fn = walk_make(l, k, depth);
	if (k->n_fns < sizeof(k->fns) / sizeof(*k->fns))
		k->fns[k->n_fns++] = (struct walk_fn){ depth, fn };
	return fn;
}

/* -- the call -- */

/* The process into the state. */
static void unwind_process(struct walk *w, ref mm)
{
	const struct unwind_layout *k = w->k;
	walk_set(w, ST_ROOT, ir_load(&w->l->b, TY_I64, 8, false, mm, k->mm_mt.off + k->mt_root.off));
	walk_set(w, ST_VDSO, ir_load(&w->l->b, TY_I64, 8, false, mm, k->mm_context.off + k->context_vdso.off));
}

/* The reader has the kernel say what a file's key is: it maps the file and runs this, instead of guessing from stat(2). */
static uint32_t walk_key_fn(struct lower *l, const struct unwind_layout *k)
{
	struct ir_build was = l->b;
	struct func *f = func_new(l->a, arena_printf(l->a, "key_%u", l->m->funcs.n));
	uint32_t fn = l->m->funcs.n;
	f->n_args = 1;
	f->arg_types[0] = TY_CTX;
	f->span = was.span;
	vec_push(l->a, &l->m->funcs, f);
	l->b = (struct ir_build){ .f = f, .blk = 1, .span = was.span };
	struct walk w = { .l = l, .k = k, .stop = func_block(f), .key = func_slot(f, 8, 8, "key") };
	_Static_assert((int)ST_KEY == UNWIND_STATE_KEY && (int)ST_SIZE <= UNWIND_STATE && (int)UNWIND_FRAMES == UNWIND_STATE, "what the reader expects");
	w.st = ir_mapval(LB, k->rules, UNWIND_RULES * sizeof(struct unwind_rule));
	ref mm = ir_load(LB, TY_BTF, 8, false, ir_call(LB, TY_BTF, H_get_current_task_btf, 0), k->task_mm.off);
	walk_if(&w, bin(&w, OP_NE, mm, num(&w, 0)), w.stop);
	unwind_process(&w, mm);
	walk_set(&w, ST_UTASK, num(&w, 0));
	walk_mapping(&w, ir_load(LB, TY_I64, 8, false, ir_arg(LB, 0), 0));
	ir_jmp(LB, w.stop);
	ir_at(LB, w.stop);
	ir_ret(LB, num(&w, 0));
	l->b = was;
	return fn;
}

/* Registers and process into the state, or to `no`. */
static void unwind_begin(struct walk *w, uint32_t no)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	struct func *f = b->f;
	static const uint32_t zero[] = { ST_LO, ST_HI, ST_LAST + ST_LO, ST_LAST + ST_HI, ST_RETURN, ST_N, ST_STATUS, ST_XOL, ST_UTASK, ST_RI };
	uint32_t probed = func_block(f), returns = func_block(f), go = func_block(f);
	ref task = ir_call(b, TY_BTF, H_get_current_task_btf, 0);
	ref mm = ir_load(b, TY_BTF, 8, false, task, k->task_mm.off);
	walk_if(w, bin(w, OP_NE, mm, num(w, 0)), no);
	ref regs = ir_call(b, TY_BTF, H_task_pt_regs, 1, task);
	walk_if(w, bin(w, OP_EQ, ir_load(b, TY_I64, 2, false, regs, k->cs.off), num(w, USER_CS)), no);
	const struct member from[] = { k->ip, k->sp, k->bp, k->bx, k->r10, k->di };
	for (unsigned i = 0; i < 6; i++)
		walk_set(w, ST_PC + i * 8, ir_load(b, TY_I64, 8, false, regs, from[i].off));
	for (unsigned i = 0; i < sizeof(zero) / sizeof(*zero); i++)
		walk_set(w, zero[i], num(w, 0));
	unwind_process(w, mm);
	ref utask = ir_load(b, TY_BTF, 8, false, task, k->task_utask.off);
	ir_br(b, bin(w, OP_NE, utask, num(w, 0)), probed, go);
	ir_at(b, probed);
	walk_set(w, ST_UTASK, utask);
	walk_set(w, ST_XOL, ir_load(b, TY_I64, 8, false, mm, k->mm_uprobes.off + k->uprobes_area.off));
	ref ri = ir_load(b, TY_BTF, 8, false, utask, k->utask_ri.off);
	ir_br(b, bin(w, OP_NE, ri, num(w, 0)), returns, go);
	ir_at(b, returns);
	walk_set(w, ST_RI, ri);
	ir_jmp(b, go);
	ir_at(b, go);
}

/* The reader is told of the file that the walk has met; not again, once that has worked. */
static void unwind_tell(struct walk *w)
{
	struct ir_build *b = &w->l->b;
	struct func *f = b->f;
	uint32_t room = func_block(f), join = func_block(f);
	ref p = lower_control(w->l, EV_UNWIND, sizeof(struct unwind_ask), room, join);
	ir_at(b, room);
	f->blocks.v[room].cold = true;
	ir_store(b, 8, p, CONTROL_HEAD + offsetof(struct unwind_ask, pid), bin(w, OP_LSHR, lower_pid_tgid(w->l, false), num(w, 32)));
	ir_store(b, 8, p, CONTROL_HEAD + offsetof(struct unwind_ask, pc), bin(w, OP_SUB, walk_get(w, ST_PC), walk_get(w, ST_RETURN)));
	for (unsigned i = 0; i < sizeof(struct unwind_key); i += 8)
		ir_store(b, 8, p, CONTROL_HEAD + offsetof(struct unwind_ask, key) + i, walk_get(w, ST_KEY + i));
	lower_control_submit(w->l, p);
	ref none = ir_slot(b, func_slot(f, sizeof(struct unwind_file), 8, "asked"));
	ir_zero(b, none, 0, sizeof(struct unwind_file), 8);
	ir_call(b, TY_I64, H_map_update_elem, 4, ir_mapref(b, w->k->files), ir_addptr_imm(b, w->st, ST_KEY), none, num(w, 1 /* BPF_NOEXIST */));
	ir_jmp(b, join);
	ir_at(b, join);
}

bool lower_unwind(struct lower *l, ref state, uint32_t depth, uint32_t v_bytes, uint32_t done, uint32_t by_pointer)
{
	struct unwind_layout *k = unwind_layout(l);
	if (!k)
		return false;
	struct func *f = l->b.f;
	uint32_t fn = walk_fn(l, k, depth), ended = func_block(f), some = func_block(f), unknown = func_block(f), tell = func_block(f), missed = func_block(f);
	struct walk w = { .l = l, .k = k, .st = state };
	unwind_begin(&w, by_pointer);
	lower_zero(l, (struct place){ .base = state, .off = UNWIND_FRAMES, .where = W_MEM, .align = 8 }, depth * 8);
	ref slot = ir_slot(LB, func_slot(f, 8, 8, "walk"));
	ir_store(LB, 8, slot, 0, state);
	ir_call(LB, TY_I64, H_loop, 4, num(&w, depth), ir_fnref(LB, fn), slot, num(&w, 0));
	ref status = walk_get(&w, ST_STATUS);
	ir_br(LB, status, unknown, ended);
	ir_at(LB, ended);
	ir_setvar(LB, v_bytes, bin(&w, OP_SHL, walk_get(&w, ST_N), num(&w, 3)));
	ir_br(LB, walk_get(&w, ST_N), some, by_pointer);
	ir_at(LB, some);
	ir_jmp(LB, done);
	ir_at(LB, unknown);
	f->blocks.v[unknown].cold = true;
	ir_br(LB, bin(&w, OP_EQ, status, num(&w, WALK_UNKNOWN)), tell, missed);
	ir_at(LB, tell);
	unwind_tell(&w);
	ir_jmp(LB, missed);
	ir_at(LB, missed);
	lower_count(l, CW_UNWIND);
	ir_jmp(LB, by_pointer);
	return true;
}
