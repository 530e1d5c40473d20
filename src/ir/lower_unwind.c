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
 * The search loops choose by arithmetic, not by branches: for the verifier each path through a loop with branches is another one to look at.
 */
#include "ir/lower_priv.h"
#include "ir/unwind.h"

enum { /* the state */
	ST_PC = 0, ST_SP = 8, ST_FP = 16, ST_BX = 24, ST_R10 = 32, ST_DI = 40,
	ST_RETURN = 48, /* 1: pc is a return address, the call is before it */
	ST_N = 56,      /* frames so far */
	ST_STATUS = 64, /* enum walk_status */
	ST_LO = 72, ST_HI = 80, ST_DELTA = 88, /* the mapping at hand; file offset = address + delta */
	ST_STATE = 96, ST_INDEX = 104, ST_BUCKET = 112, ST_BUCKETS = 120, /* its struct unwind_file */
	ST_ROOT = 128, ST_VDSO = 136, ST_XOL = 144, /* of the process: tree, vDSO, memory of uprobes */
	ST_UTASK = 152, ST_RI = 160,   /* of the thread: uprobes, return probes on their way; 0: none */
	ST_TMP = 168,   /* two words */
	ST_KEY = 184,   /* struct unwind_key */
	ST_LAST = 216 - ST_LO, /* the mapping before it, if it is to be had again: ST_LO to ST_BUCKETS once more, from this + ST_LO on */
	ST_NODE = 272,  /* a node, a mapping, an inode */
	NODE_SIZE = 256,
	ST_SIZE = ST_NODE + NODE_SIZE,
};
enum walk_status { WALK_OK, WALK_UNKNOWN, WALK_WAITING };
enum { NODE_DENSE, NODE_LEAF, NODE_RANGE, NODE_ARANGE, WALK_LEVELS = 8, WALK_STEPS = 10, WALK_RETURNS = 16, TRAMPOLINE = 64 /* bytes */, INSN_MAX = 15, VM_EXEC = 4, USER_CS = 0x33 };

struct member {
	uint32_t off, size;
};
struct unwind_layout { /* where the kernel keeps things */
	struct member task_mm, task_utask;
	struct member mm_mt, mt_root, mm_context, context_vdso, mm_uprobes, uprobes_area, area_vaddr;
	struct member utask_ri, utask_vaddr, utask_xol, ri_stack, ri_ret, ri_next;
	struct member range_pivot, range_slot, arange_pivot, arange_slot, arange_meta;
	struct member vm_start, vm_end, vm_flags, vm_pgoff, vm_file;
	struct member file_inode, i_ino, i_sb, i_size, i_mtime, sb_dev;
	struct member ip, sp, bp, bx, r10, di, cs;
	uint32_t inode_lo, inode_n, vma_n; /* spans that hold what we look at */
	uint32_t rules, words, files;      /* maps */
	struct walk_fn {
		uint32_t depth, fn;
	} fns[16];
	uint32_t n_fns;
};

/* -- the kernel's structures -- */

static bool unwind_member(struct facts *f, const char *type, const char *name, struct member *ret)
{
	struct type *t = f->ops->type(f, 's', str_of(type));
	uint32_t extra = 0;
	if (!t || (!t->complete && !f->ops->complete(f, t)))
		return false;
	const struct field *m = type_field(t, str_of(name), &extra);
	if (!m)
		return false;
	*ret = (struct member){ m->offset + extra, m->type->kind == T_ARRAY ? m->type->count : m->type->size };
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

/* -- a step -- */

struct walk {
	struct lower *l;
	const struct unwind_layout *k;
	ref st;
	uint32_t stop;  /* block: there is no more frame */
	uint32_t key;   /* slot of 4 bytes */
	uint32_t v_pc, v_sp, v_fp, v_bx; /* the caller's registers */
};

static ref walk_get(struct walk *w, uint32_t off)
{
	return ir_load(&w->l->b, TY_I64, 8, false, w->st, off);
}
static void walk_set(struct walk *w, uint32_t off, ref v)
{
	ir_store(&w->l->b, 8, w->st, off, v);
}
static ref num(struct walk *w, int64_t v)
{
	return ir_const(&w->l->b, v);
}
static ref bin(struct walk *w, enum ir_op op, ref a, ref b)
{
	return ir_bin(&w->l->b, op, a, b);
}

/* Go on in a new block when `c` is not 0, else in `no`. */
static void walk_if(struct walk *w, ref c, uint32_t no)
{
	uint32_t yes = func_block(w->l->b.f);
	ir_br(&w->l->b, c, yes, no);
	ir_at(&w->l->b, yes);
}

/* Read into the state, or go to `bad`. */
static void walk_read(struct walk *w, enum helper h, uint32_t to, uint32_t n, ref addr, uint32_t bad)
{
	struct ir_build *b = &w->l->b;
	uint32_t good = func_block(b->f);
	ir_br(b, ir_call(b, TY_I64, (int)h, 3, ir_addptr_imm(b, w->st, to), ir_const(b, n), addr), bad, good);
	ir_at(b, good);
}

/* A word of the tables. */
static ref walk_word(struct walk *w, ref at, uint32_t none)
{
	struct ir_build *b = &w->l->b;
	ref key = ir_slot(b, w->key);
	ir_store(b, 4, key, 0, bin(w, OP_LSHR, at, num(w, UNWIND_CHUNK_BITS)));
	ref chunk = ir_call(b, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(b, w->k->words), key);
	walk_if(w, bin(w, OP_NE, chunk, num(w, 0)), none);
	ir_store(b, 4, key, 0, num(w, 0));
	ref words = ir_call(b, TY_MAPV_NULL, H_map_lookup_elem, 2, chunk, key);
	walk_if(w, bin(w, OP_NE, words, num(w, 0)), none);
	ref in = bin(w, OP_AND, at, num(w, (1 << UNWIND_CHUNK_BITS) - 1));
	return ir_load(b, TY_I64, 8, false, ir_addptr(b, words, bin(w, OP_SHL, in, num(w, 3))), 0);
}

/* How many of the node's `n` pivots at `off` that are in use (below `end`) are less than the address? Each is the last byte of a range. */
static ref walk_pivots(struct walk *w, ref half, uint32_t off, uint32_t n, ref end)
{
	ref sum = num(w, 0), one = num(w, 1), top = num(w, 63);
	for (uint32_t i = 0; i < n; i++) {
		ref pivot = bin(w, OP_LSHR, bin(w, OP_SUB, walk_get(w, ST_NODE + off + i * 8), one), one);
		ref less = bin(w, OP_LSHR, bin(w, OP_SUB, pivot, half), top);
		ref used = bin(w, OP_LSHR, bin(w, OP_SUB, num(w, i), end), top);
		sum = bin(w, OP_ADD, sum, bin(w, OP_AND, less, used));
	}
	return sum;
}

/* The mapping (struct vm_area_struct) that the tree has for the address, or one behind it, or 0. */
static ref walk_tree(struct walk *w, ref addr)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	struct func *f = b->f;
	uint32_t v_node = func_var(f, TY_I64, "node"), v_i = func_var(f, TY_I64, "level"), v_slot = func_var(f, TY_I64, "slot");
	uint32_t v_end = func_var(f, TY_I64, "end"), v_half = func_var(f, TY_I64, "half");
	uint32_t head = func_block(f), body = func_block(f), wide = func_block(f), narrow = func_block(f), full = func_block(f), some = func_block(f),
		 count = func_block(f), join = func_block(f), done = func_block(f);
	ref root = walk_get(w, ST_ROOT);
	ir_setvar(b, v_half, bin(w, OP_LSHR, addr, num(w, 1)));
	ir_setvar(b, v_node, root);
	ir_setvar(b, v_i, num(w, 0));
	/* a tree of one entry has no node */
	walk_if(w, bin(w, OP_EQ, bin(w, OP_AND, root, num(w, 3)), num(w, 2)), done);
	ir_jmp(b, head);
	ir_at(b, head);
	ir_br(b, bin(w, OP_ULT, ir_getvar(b, v_i), num(w, WALK_LEVELS)), body, w->stop);
	ir_at(b, body);
	ir_setvar(b, v_i, bin(w, OP_ADD, ir_getvar(b, v_i), num(w, 1)));
	walk_read(w, H_probe_read_kernel, ST_NODE, NODE_SIZE, bin(w, OP_AND, ir_getvar(b, v_node), num(w, ~0xffll)), w->stop);
	ref type = bin(w, OP_AND, bin(w, OP_LSHR, ir_getvar(b, v_node), num(w, 3)), num(w, 15));
	ir_br(b, bin(w, OP_EQ, type, num(w, NODE_ARANGE)), wide, narrow);
	ir_at(b, wide);
	ref end = ir_load(b, TY_I64, 1, false, w->st, ST_NODE + k->arange_meta.off);
	ref at = walk_pivots(w, ir_getvar(b, v_half), k->arange_pivot.off, 9, end);
	ir_setvar(b, v_slot, bin(w, OP_ADD, bin(w, OP_SHL, bin(w, OP_AND, at, num(w, 15)), num(w, 3)), num(w, k->arange_slot.off)));
	ir_jmp(b, join);
	ir_at(b, narrow);
	ir_br(b, walk_get(w, ST_NODE + k->range_pivot.off + 14 * 8), full, some);
	ir_at(b, full);
	ir_setvar(b, v_end, num(w, 15));
	ir_jmp(b, count);
	ir_at(b, some); /* a node that is not full has its end where the last slot would be */
	ir_setvar(b, v_end, ir_load(b, TY_I64, 1, false, w->st, ST_NODE + k->range_slot.off + 15 * 8));
	ir_jmp(b, count);
	ir_at(b, count);
	at = walk_pivots(w, ir_getvar(b, v_half), k->range_pivot.off, 15, ir_getvar(b, v_end));
	ir_setvar(b, v_slot, bin(w, OP_ADD, bin(w, OP_SHL, bin(w, OP_AND, at, num(w, 15)), num(w, 3)), num(w, k->range_slot.off)));
	ir_jmp(b, join);
	ir_at(b, join);
	ref leaf = bin(w, OP_EQ, bin(w, OP_AND, bin(w, OP_LSHR, ir_getvar(b, v_node), num(w, 3)), num(w, 15)), num(w, NODE_LEAF));
	ref slot = bin(w, OP_AND, ir_getvar(b, v_slot), num(w, 0xff));
	ir_setvar(b, v_node, ir_load(b, TY_I64, 8, false, ir_addptr(b, w->st, slot), ST_NODE));
	ir_br(b, leaf, done, head);
	ir_at(b, done);
	return ir_getvar(b, v_node);
}

/* From an inode's bytes to the key of its file. */
static void walk_key(struct walk *w)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	uint32_t at = ST_NODE - k->inode_lo;
	ref sb = walk_get(w, at + k->i_sb.off);
	walk_set(w, ST_KEY + offsetof(struct unwind_key, ino), walk_get(w, at + k->i_ino.off));
	walk_set(w, ST_KEY + offsetof(struct unwind_key, size), walk_get(w, at + k->i_size.off));
	walk_set(w, ST_KEY + offsetof(struct unwind_key, mtime_ns), ir_load(b, TY_I64, k->i_mtime.size, false, w->st, at + k->i_mtime.off));
	walk_read(w, H_probe_read_kernel, ST_TMP, 4, bin(w, OP_ADD, sb, num(w, k->sb_dev.off)), w->stop);
	walk_set(w, ST_KEY + offsetof(struct unwind_key, dev), ir_load(b, TY_I64, 4, false, w->st, ST_TMP));
}

/*
 * Is `look` in the memory where uprobes work? There are two kinds of code. The trampoline, on the way back from a function with a return probe: the
 * function has returned, the walk goes on with its caller. And the copy of an instruction with a probe, which is executed there: it stands for
 * the original. Continues when it is neither.
 */
static void walk_uprobe(struct walk *w, ref look)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	struct func *f = b->f;
	uint32_t probed = func_block(f), trampoline = func_block(f), copy = func_block(f), again = func_block(f), join = func_block(f);
	ref utask = walk_get(w, ST_UTASK), ri = walk_get(w, ST_RI);
	ir_br(b, utask, probed, join);
	ir_at(b, probed);
	f->blocks.v[probed].cold = true;
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, walk_get(w, ST_XOL), num(w, k->area_vaddr.off)), join);
	ir_br(b, bin(w, OP_ULT, bin(w, OP_SUB, look, walk_get(w, ST_TMP)), num(w, TRAMPOLINE)), trampoline, copy);
	ir_at(b, trampoline);
	walk_if(w, ri, join);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ri, num(w, k->ri_ret.off)), w->stop);
	walk_set(w, ST_PC, walk_get(w, ST_TMP));
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ri, num(w, k->ri_stack.off)), w->stop);
	walk_set(w, ST_SP, bin(w, OP_ADD, walk_get(w, ST_TMP), num(w, 8)));
	walk_set(w, ST_RETURN, num(w, 1));
	ir_jmp(b, again);
	ir_at(b, copy);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, utask, num(w, k->utask_xol.off)), join);
	ref at = bin(w, OP_SUB, look, walk_get(w, ST_TMP));
	walk_if(w, bin(w, OP_ULE, at, num(w, INSN_MAX)), join);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, utask, num(w, k->utask_vaddr.off)), w->stop);
	walk_set(w, ST_PC, bin(w, OP_ADD, walk_get(w, ST_TMP), at));
	ir_jmp(b, again);
	ir_at(b, again);
	walk_set(w, ST_HI, walk_get(w, ST_LO)); /* of no use for the next */
	ir_ret(b, num(w, 0));
	ir_at(b, join);
}

/* What is mapped at `look`? Into the state; continues when it is code. */
static void walk_mapping(struct walk *w, ref look)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	struct func *f = b->f;
	uint32_t file = func_block(f), no_file = func_block(f), vdso = func_block(f), nothing = func_block(f), find = func_block(f),
		 unknown = func_block(f), wait = func_block(f), join = func_block(f);
	ref vma = walk_tree(w, look);
	walk_if(w, vma, w->stop);
	walk_read(w, H_probe_read_kernel, ST_NODE, k->vma_n, vma, w->stop);
	ref lo = walk_get(w, ST_NODE + k->vm_start.off), hi = walk_get(w, ST_NODE + k->vm_end.off);
	walk_if(w, bin(w, OP_ULT, bin(w, OP_SUB, look, lo), bin(w, OP_SUB, hi, lo)), w->stop);
	walk_if(w, bin(w, OP_AND, walk_get(w, ST_NODE + k->vm_flags.off), num(w, VM_EXEC)), w->stop);
	walk_set(w, ST_LO, lo);
	walk_set(w, ST_HI, hi);
	walk_set(w, ST_DELTA, bin(w, OP_SUB, bin(w, OP_SHL, walk_get(w, ST_NODE + k->vm_pgoff.off), num(w, 12)), lo));
	ref fp = walk_get(w, ST_NODE + k->vm_file.off);
	ir_br(b, fp, file, no_file);

	ir_at(b, no_file);
	ir_br(b, bin(w, OP_EQ, lo, walk_get(w, ST_VDSO)), vdso, nothing);
	ir_at(b, nothing);
	walk_uprobe(w, look);
	walk_set(w, ST_STATE, num(w, UF_NONE));
	ir_jmp(b, join);
	ir_at(b, vdso);
	walk_set(w, ST_DELTA, ir_un(b, OP_NEG, 8, lo));
	walk_set(w, ST_KEY, num(w, -1));
	walk_set(w, ST_KEY + 8, num(w, 0));
	walk_set(w, ST_KEY + 16, num(w, 0));
	walk_set(w, ST_KEY + 24, num(w, 0));
	ir_jmp(b, find);

	ir_at(b, file);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, fp, num(w, k->file_inode.off)), w->stop);
	walk_read(w, H_probe_read_kernel, ST_NODE, k->inode_n, bin(w, OP_ADD, walk_get(w, ST_TMP), num(w, k->inode_lo)), w->stop);
	walk_key(w);
	ir_jmp(b, find);

	ir_at(b, find);
	ref x = ir_call(b, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(b, k->files), ir_addptr_imm(b, w->st, ST_KEY));
	walk_if(w, bin(w, OP_NE, x, num(w, 0)), unknown);
	ref state = ir_load(b, TY_I64, 4, false, x, offsetof(struct unwind_file, state));
	walk_if(w, bin(w, OP_AND, bin(w, OP_LSHR, num(w, 1 << UF_TABLE | 1 << UF_NONE), state), num(w, 1)), wait);
	walk_set(w, ST_STATE, state);
	walk_set(w, ST_INDEX, ir_load(b, TY_I64, 4, false, x, offsetof(struct unwind_file, index)));
	walk_set(w, ST_BUCKET, ir_load(b, TY_I64, 4, false, x, offsetof(struct unwind_file, bucket)));
	walk_set(w, ST_BUCKETS, ir_load(b, TY_I64, 4, false, x, offsetof(struct unwind_file, n_buckets)));
	ir_jmp(b, join);
	ir_at(b, unknown);
	walk_set(w, ST_STATUS, num(w, WALK_UNKNOWN));
	ir_jmp(b, w->stop);
	ir_at(b, wait);
	walk_set(w, ST_STATUS, num(w, WALK_WAITING));
	ir_jmp(b, w->stop);
	ir_at(b, join);
}

/* The rule for the file offset: its address. `none`: there is no rule. */
static ref walk_rule(struct walk *w, ref off, uint32_t none)
{
	struct ir_build *b = &w->l->b;
	struct func *f = b->f;
	uint32_t v_at = func_var(f, TY_I64, "row"), v_step = func_var(f, TY_I64, "step"), v_i = func_var(f, TY_I64, "i");
	uint32_t head = func_block(f), more = func_block(f), body = func_block(f), done = func_block(f);
	ref bucket = bin(w, OP_SUB, bin(w, OP_LSHR, off, num(w, UNWIND_BUCKET_BITS)), walk_get(w, ST_BUCKET));
	walk_if(w, bin(w, OP_ULT, bucket, walk_get(w, ST_BUCKETS)), none);
	ref x = walk_word(w, bin(w, OP_ADD, walk_get(w, ST_INDEX), bucket), none);
	ref first = ir_un(b, OP_ZEXT, 4, x), n = ir_un(b, OP_ZEXT, 2, bin(w, OP_LSHR, x, num(w, 32)));
	ref end = bin(w, OP_ADD, first, n), top = num(w, 63);
	ir_setvar(b, v_at, first);
	ir_setvar(b, v_step, bin(w, OP_LSHR, x, num(w, 48)));
	ir_setvar(b, v_i, num(w, 0));
	ir_jmp(b, head);
	ir_at(b, head);
	ir_br(b, bin(w, OP_ULT, ir_getvar(b, v_i), num(w, WALK_STEPS)), more, done);
	ir_at(b, more);
	ir_br(b, ir_getvar(b, v_step), body, done);
	ir_at(b, body);
	ref step = ir_getvar(b, v_step), at = bin(w, OP_ADD, ir_getvar(b, v_at), step);
	ref pc = ir_un(b, OP_ZEXT, 4, walk_word(w, at, none));
	/* all ones: the row is one of the bucket's, and not behind the address */
	ref take = bin(w, OP_AND, bin(w, OP_ASHR, bin(w, OP_SUB, at, end), top),
		       bin(w, OP_ASHR, bin(w, OP_SUB, bin(w, OP_SUB, pc, off), num(w, 1)), top));
	ir_setvar(b, v_at, bin(w, OP_ADD, ir_getvar(b, v_at), bin(w, OP_AND, step, take)));
	ir_setvar(b, v_step, bin(w, OP_LSHR, step, num(w, 1)));
	ir_setvar(b, v_i, bin(w, OP_ADD, ir_getvar(b, v_i), num(w, 1)));
	ir_jmp(b, head);
	ir_at(b, done);
	x = walk_word(w, ir_getvar(b, v_at), none);
	walk_if(w, bin(w, OP_ULE, ir_un(b, OP_ZEXT, 4, x), off), none);
	ref rule = bin(w, OP_LSHR, x, num(w, 32));
	walk_if(w, rule, none);
	_Static_assert(sizeof(struct unwind_rule) == 32, "a power of two: the shift below");
	ref in = bin(w, OP_SHL, bin(w, OP_AND, rule, num(w, UNWIND_RULES - 1)), num(w, 5));
	return ir_addptr(b, ir_mapval(b, w->k->rules, 0), in);
}

static ref walk_field(struct walk *w, ref rule, uint32_t width, size_t off)
{
	return ir_load(&w->l->b, TY_I64, width, width == 4, rule, (int64_t)off);
}

/* Where a register was saved: into v, if it was. `base`, `off`: of the rule. */
static void walk_saved(struct walk *w, uint32_t v, ref base, ref off, uint32_t v_cfa, uint32_t lost)
{
	struct ir_build *b = &w->l->b;
	struct func *f = b->f;
	uint32_t saved = func_block(f), gone = func_block(f), other = func_block(f), by_cfa = func_block(f), by_sp = func_block(f),
		 by_fp = func_block(f), not_sp = func_block(f), read = func_block(f), join = func_block(f), v_addr = func_var(f, TY_I64, "addr");
	ir_br(b, base, saved, join);
	ir_at(b, saved);
	ir_br(b, bin(w, OP_EQ, base, num(w, UW_CFA)), by_cfa, other);
	ir_at(b, by_cfa);
	ir_setvar(b, v_addr, ir_getvar(b, v_cfa));
	ir_jmp(b, read);
	ir_at(b, other);
	ir_br(b, bin(w, OP_EQ, base, num(w, UW_SP)), by_sp, not_sp);
	ir_at(b, by_sp);
	ir_setvar(b, v_addr, walk_get(w, ST_SP));
	ir_jmp(b, read);
	ir_at(b, not_sp);
	ir_br(b, bin(w, OP_EQ, base, num(w, UW_FP)), by_fp, gone);
	ir_at(b, by_fp);
	ir_setvar(b, v_addr, walk_get(w, ST_FP));
	ir_jmp(b, read);
	ir_at(b, read);
	walk_read(w, H_probe_read_user, ST_TMP, 8, bin(w, OP_ADD, ir_getvar(b, v_addr), off), lost);
	ir_setvar(b, v, walk_get(w, ST_TMP));
	ir_jmp(b, join);
	ir_at(b, gone);
	ir_setvar(b, v, num(w, 0));
	ir_jmp(b, join);
	ir_at(b, join);
}

/* The frame's address, by the rule. */
static void walk_cfa(struct walk *w, ref rule, ref look, ref flags, uint32_t v_cfa, uint32_t lost)
{
	struct ir_build *b = &w->l->b;
	struct func *f = b->f;
	static const struct {
		uint8_t base;
		uint32_t from;
	} bases[] = { { UW_SP, ST_SP }, { UW_FP, ST_FP }, { UW_BX, ST_BX }, { UW_R10, ST_R10 } };
	uint32_t have = func_block(f), special = func_block(f), deref = func_block(f), plt = func_block(f), sane = func_block(f), join = func_block(f);
	ref base = walk_field(w, rule, 1, offsetof(struct unwind_rule, base));
	for (unsigned i = 0; i < 4; i++) {
		uint32_t yes = func_block(f), no = func_block(f);
		ir_br(b, bin(w, OP_EQ, base, num(w, bases[i].base)), yes, no);
		ir_at(b, yes);
		ir_setvar(b, v_cfa, walk_get(w, bases[i].from));
		ir_jmp(b, have);
		ir_at(b, no);
	}
	ir_jmp(b, w->stop); /* the outermost frame */
	ir_at(b, have);
	ir_setvar(b, v_cfa, bin(w, OP_ADD, ir_getvar(b, v_cfa), walk_field(w, rule, 4, offsetof(struct unwind_rule, off))));
	ir_br(b, flags, special, sane);
	ir_at(b, sane); /* stacks grow downwards; only frames of signals lie elsewhere than their callers */
	ir_br(b, bin(w, OP_UGE, ir_getvar(b, v_cfa), walk_get(w, ST_SP)), join, w->stop);
	ir_at(b, special);
	uint32_t no_deref = func_block(f);
	ir_br(b, bin(w, OP_AND, flags, num(w, UW_DEREF)), deref, no_deref);
	ir_at(b, deref);
	walk_read(w, H_probe_read_user, ST_TMP, 8, ir_getvar(b, v_cfa), lost);
	ir_setvar(b, v_cfa, bin(w, OP_ADD, walk_get(w, ST_TMP), walk_field(w, rule, 4, offsetof(struct unwind_rule, add))));
	ir_jmp(b, join);
	ir_at(b, no_deref);
	ir_br(b, bin(w, OP_AND, flags, num(w, UW_PLT)), plt, join);
	ir_at(b, plt);
	ref behind = bin(w, OP_SUB, bin(w, OP_SUB, walk_field(w, rule, 4, offsetof(struct unwind_rule, add)), num(w, 1)),
			 bin(w, OP_AND, look, num(w, 15)));
	ref eight = bin(w, OP_SHL, bin(w, OP_LSHR, behind, num(w, 63)), num(w, 3));
	ir_setvar(b, v_cfa, bin(w, OP_ADD, ir_getvar(b, v_cfa), eight));
	ir_jmp(b, join);
	ir_at(b, join);
}

/* The trampoline of a return probe in the place of a return address: the true one is in the kernel's list, which begins with the innermost. */
static void walk_return_probe(struct walk *w, ref sp)
{
	struct ir_build *b = &w->l->b;
	const struct unwind_layout *k = w->k;
	struct func *f = b->f;
	uint32_t head = func_block(f), body = func_block(f), look = func_block(f), found = func_block(f), next = func_block(f), probed = func_block(f),
		 join = func_block(f), v_i = func_var(f, TY_I64, "i"), v_ri = func_var(f, TY_I64, "ri");
	ref ri = walk_get(w, ST_RI);
	ir_br(b, ri, probed, join);
	ir_at(b, probed);
	f->blocks.v[probed].cold = true;
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, walk_get(w, ST_XOL), num(w, k->area_vaddr.off)), join);
	walk_if(w, bin(w, OP_EQ, walk_get(w, ST_TMP), ir_getvar(b, w->v_pc)), join);
	ir_setvar(b, v_ri, ri);
	ir_setvar(b, v_i, num(w, 0));
	ir_jmp(b, head);
	ir_at(b, head);
	ir_br(b, bin(w, OP_ULT, ir_getvar(b, v_i), num(w, WALK_RETURNS)), body, w->stop);
	ir_at(b, body);
	ir_setvar(b, v_i, bin(w, OP_ADD, ir_getvar(b, v_i), num(w, 1)));
	ir_br(b, ir_getvar(b, v_ri), look, w->stop);
	ir_at(b, look);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ir_getvar(b, v_ri), num(w, k->ri_stack.off)), w->stop);
	ir_br(b, bin(w, OP_EQ, walk_get(w, ST_TMP), bin(w, OP_SUB, sp, num(w, 8))), found, next);
	ir_at(b, next);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ir_getvar(b, v_ri), num(w, k->ri_next.off)), w->stop);
	ir_setvar(b, v_ri, walk_get(w, ST_TMP));
	ir_jmp(b, head);
	ir_at(b, found);
	walk_read(w, H_probe_read_kernel, ST_TMP, 8, bin(w, OP_ADD, ir_getvar(b, v_ri), num(w, k->ri_ret.off)), w->stop);
	ir_setvar(b, w->v_pc, walk_get(w, ST_TMP));
	walk_set(w, ST_RI, ir_getvar(b, v_ri));
	ir_jmp(b, join);
	ir_at(b, join);
}

/* On to the caller. */
static void walk_advance(struct walk *w, ref is_return)
{
	struct ir_build *b = &w->l->b;
	walk_return_probe(w, ir_getvar(b, w->v_sp));
	walk_if(w, ir_getvar(b, w->v_pc), w->stop);
	walk_set(w, ST_PC, ir_getvar(b, w->v_pc));
	walk_set(w, ST_SP, ir_getvar(b, w->v_sp));
	walk_set(w, ST_FP, ir_getvar(b, w->v_fp));
	walk_set(w, ST_BX, ir_getvar(b, w->v_bx));
	walk_set(w, ST_R10, num(w, 0));
	walk_set(w, ST_DI, num(w, 0));
	walk_set(w, ST_RETURN, is_return);
	ir_ret(b, num(w, 0));
}

/* One of the words that were read at once: v, if it is among them. */
static void walk_pick(struct walk *w, uint32_t v, ref at)
{
	struct ir_build *b = &w->l->b;
	uint32_t saved = func_block(b->f), join = func_block(b->f);
	ir_br(b, bin(w, OP_ULT, at, num(w, UNWIND_SPAN_MAX)), saved, join);
	ir_at(b, saved);
	ir_setvar(b, v, ir_load(b, TY_I64, 8, false, ir_addptr(b, w->st, at), ST_NODE));
	ir_jmp(b, join);
	ir_at(b, join);
}

/* The usual case: everything in one read. */
static void walk_at_once(struct walk *w, ref rule, ref span, ref cfa, uint32_t done, uint32_t lost)
{
	struct ir_build *b = &w->l->b;
	uint32_t read = func_block(b->f), good = func_block(b->f);
	ir_br(b, bin(w, OP_ULE, span, num(w, UNWIND_SPAN_MAX)), read, lost);
	ir_at(b, read);
	ref bad = ir_call(b, TY_I64, H_probe_read_user, 3, ir_addptr_imm(b, w->st, ST_NODE), span, bin(w, OP_SUB, cfa, span));
	ir_br(b, bad, lost, good);
	ir_at(b, good);
	ir_setvar(b, w->v_pc, ir_load(b, TY_I64, 8, false, ir_addptr(b, w->st, span), ST_NODE - 8));
	walk_pick(w, w->v_fp, walk_field(w, rule, 1, offsetof(struct unwind_rule, fp_at)));
	walk_pick(w, w->v_bx, walk_field(w, rule, 1, offsetof(struct unwind_rule, bx_at)));
	ir_jmp(b, done);
}

static void walk_by_rule(struct walk *w, ref rule, ref look, uint32_t lost)
{
	struct ir_build *b = &w->l->b;
	struct func *f = b->f;
	uint32_t together = func_block(f), apart = func_block(f), done = func_block(f);
	uint32_t v_cfa = func_var(f, TY_I64, "cfa"), in_memory = func_block(f), in_register = func_block(f), have = func_block(f);
	ref flags = walk_field(w, rule, 1, offsetof(struct unwind_rule, flags));
	walk_cfa(w, rule, look, bin(w, OP_AND, flags, num(w, UW_DEREF | UW_PLT)), v_cfa, lost);
	ir_setvar(b, w->v_pc, num(w, 0));
	ir_setvar(b, w->v_fp, walk_get(w, ST_FP));
	ir_setvar(b, w->v_bx, walk_get(w, ST_BX));
	ref span = walk_field(w, rule, 1, offsetof(struct unwind_rule, span));
	ir_br(b, span, together, apart);
	ir_at(b, together);
	walk_at_once(w, rule, span, ir_getvar(b, v_cfa), done, lost);
	ir_at(b, apart);
	ref ra = walk_field(w, rule, 1, offsetof(struct unwind_rule, ra_base));
	ir_br(b, bin(w, OP_EQ, ra, num(w, UW_DI)), in_register, in_memory);
	ir_at(b, in_register);
	ir_setvar(b, w->v_pc, walk_get(w, ST_DI));
	ir_jmp(b, have);
	ir_at(b, in_memory);
	walk_saved(w, w->v_pc, ra, walk_field(w, rule, 4, offsetof(struct unwind_rule, ra_off)), v_cfa, lost);
	ir_jmp(b, have);
	ir_at(b, have);
	walk_saved(w, w->v_fp, walk_field(w, rule, 1, offsetof(struct unwind_rule, fp_base)),
		   walk_field(w, rule, 4, offsetof(struct unwind_rule, fp_off)), v_cfa, lost);
	walk_saved(w, w->v_bx, walk_field(w, rule, 1, offsetof(struct unwind_rule, bx_base)),
		   walk_field(w, rule, 4, offsetof(struct unwind_rule, bx_off)), v_cfa, lost);
	ir_jmp(b, done);
	ir_at(b, done);
	ir_setvar(b, w->v_sp, ir_getvar(b, v_cfa));
	ref is_signal = bin(w, OP_AND, bin(w, OP_LSHR, walk_field(w, rule, 1, offsetof(struct unwind_rule, flags)), num(w, 2)), num(w, 1));
	_Static_assert(UW_SIGNAL == 4, "the shift above");
	walk_advance(w, bin(w, OP_XOR, is_signal, num(w, 1)));
}

static void walk_by_pointer(struct walk *w)
{
	struct ir_build *b = &w->l->b;
	if (w->l->s->config.unwind == UNWIND_DWARF) {
		ir_jmp(b, w->stop);
		return;
	}
	ref fp = walk_get(w, ST_FP);
	walk_if(w, bin(w, OP_UGE, fp, walk_get(w, ST_SP)), w->stop);
	walk_if(w, bin(w, OP_EQ, bin(w, OP_AND, fp, num(w, 7)), num(w, 0)), w->stop);
	walk_read(w, H_probe_read_user, ST_TMP, 16, fp, w->stop);
	ir_setvar(b, w->v_fp, walk_get(w, ST_TMP));
	ir_setvar(b, w->v_pc, walk_get(w, ST_TMP + 8));
	ir_setvar(b, w->v_sp, bin(w, OP_ADD, fp, num(w, 16)));
	ir_setvar(b, w->v_bx, num(w, 0));
	walk_advance(w, num(w, 1));
}

static uint32_t walk_make(struct lower *l, const struct unwind_layout *k, uint32_t depth)
{
	struct ir_build was = l->b;
	struct func *f = func_new(l->a, arena_printf(l->a, "walk_%u", l->m->funcs.n));
	uint32_t fn = l->m->funcs.n;
	f->n_args = 2;
	f->is_callback = true;
	f->span = was.span;
	f->arg_types[0] = TY_I64;
	f->arg_types[1] = TY_STACK;
	vec_push(l->a, &l->m->funcs, f);
	l->b = (struct ir_build){ .f = f, .blk = 1, .span = was.span };
	struct walk w = { .l = l, .k = k, .stop = func_block(f), .key = func_slot(f, 8, 8, "key"), .v_pc = func_var(f, TY_I64, "pc"),
			  .v_sp = func_var(f, TY_I64, "sp"), .v_fp = func_var(f, TY_I64, "fp"), .v_bx = func_var(f, TY_I64, "bx") };
	w.st = ir_load(LB, TY_MAPV, 8, false, ir_arg(LB, 1), 0);
	uint32_t find = func_block(f), have = func_block(f), other = func_block(f), by_pointer = func_block(f), table = func_block(f), lost = func_block(f);
	ref pc = walk_get(&w, ST_PC), look = bin(&w, OP_SUB, pc, walk_get(&w, ST_RETURN)), lo = walk_get(&w, ST_LO);
	ir_br(LB, bin(&w, OP_ULT, bin(&w, OP_SUB, look, lo), bin(&w, OP_SUB, walk_get(&w, ST_HI), lo)), have, other);
	ir_at(LB, other); /* stacks go to and fro between a program and a library */
	ref was_lo = walk_get(&w, ST_LAST + ST_LO), was_hi = walk_get(&w, ST_LAST + ST_HI);
	for (uint32_t i = ST_LO; i <= ST_BUCKETS; i += 8) {
		ref mine = walk_get(&w, i), others = walk_get(&w, ST_LAST + i);
		walk_set(&w, i, others);
		walk_set(&w, ST_LAST + i, mine);
	}
	ir_br(LB, bin(&w, OP_ULT, bin(&w, OP_SUB, look, was_lo), bin(&w, OP_SUB, was_hi, was_lo)), have, find);
	ir_at(LB, find);
	walk_mapping(&w, look);
	ir_jmp(LB, have);
	ir_at(LB, have);
	ref n = walk_get(&w, ST_N);
	walk_if(&w, bin(&w, OP_ULT, n, num(&w, depth)), w.stop);
	ir_store(LB, 8, ir_addptr(LB, w.st, bin(&w, OP_SHL, n, num(&w, 3))), UNWIND_FRAMES, pc);
	walk_set(&w, ST_N, bin(&w, OP_ADD, n, num(&w, 1)));
	ir_br(LB, bin(&w, OP_EQ, walk_get(&w, ST_STATE), num(&w, UF_TABLE)), table, by_pointer);
	ir_at(LB, table);
	ref rule = walk_rule(&w, bin(&w, OP_ADD, look, walk_get(&w, ST_DELTA)), by_pointer);
	walk_by_rule(&w, rule, look, lost);
	ir_at(LB, by_pointer);
	walk_by_pointer(&w);
	ir_at(LB, lost);
	lower_count(l, CW_CUT);
	ir_jmp(LB, w.stop);
	ir_at(LB, w.stop);
	ir_ret(LB, num(&w, 1));
	l->b = was;
	return fn;
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
