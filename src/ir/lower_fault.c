/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong while a program runs, and where in the source (reference 7.4). Each place that can fail has two words in the data
 * map: how often it failed, and what the helper returned last. Programs count there, in code behind the code that matters; the
 * reader says it once, with the place (run/fault.c). A record for each failure would fill the ring when it is needed most.
 *
 * Besides, all failures of a kind are counted for the verdict. Reads and look-ups that fail are told of with -k only.
 */
#include "ir/lower_priv.h"

static const struct {
	enum cpu_word word;
	bool asked_for;      /* only with -k */
	const char *message; /* NULL: the text of the error number */
	const char *helper;
} faults[] = {
	[FAULT_UPDATE] = { CW_MAP_FULL, false, "Map full; can't update element. Try increasing max_map_keys config or manually setting the max "
			   "entries in a map declaration e.g. `let @a = hash(5000)`", "map_update_elem" },
	[FAULT_LOOKUP] = { 0, true, "Can't lookup map element because it does not exist.", "map_lookup_elem" },
	[FAULT_READ_KERNEL] = { CW_KERN_READ, true, NULL, "probe_read_kernel" },
	[FAULT_READ_USER] = { CW_USER_READ, true, NULL, "probe_read_user" },
	[FAULT_READ_KERNEL_STR] = { CW_KERN_READ, true, NULL, "probe_read_kernel_str" },
	[FAULT_READ_USER_STR] = { CW_USER_READ, true, NULL, "probe_read_user_str" },
	[FAULT_DIVIDE] = { CW_DIV_ZERO, false, "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.",
			   NULL },
	[FAULT_BOUNDS] = { CW_OOB, false, "Array access out of bounds. This can lead to unexpected results.", NULL },
	[FAULT_KSTACK] = { CW_STACK, true, "Error reading kstack.", NULL },
	[FAULT_USTACK] = { CW_STACK, true, "Error reading ustack.", NULL },
};

void lower_fault(struct lower *l, enum fault kind, ref ret)
{
	struct module *m = l->m;
	if (faults[kind].word)
		lower_count(l, faults[kind].word);
	l->b.f->blocks.v[l->b.blk].cold = true;
	if (faults[kind].asked_for && !l->o->report_reads)
		return;
	uint32_t i = 0;
	while (i < m->faults.n && (m->faults.v[i].message != faults[kind].message || m->faults.v[i].helper != faults[kind].helper ||
				   m->faults.v[i].span.lo != l->b.span.lo || m->faults.v[i].span.hi != l->b.span.hi ||
				   m->faults.v[i].calls != l->calls))
		i++;
	if (i == m->faults.n) {
		struct module_fault x = { .span = l->b.span, .message = faults[kind].message, .helper = faults[kind].helper, .calls = l->calls,
					  .offset = (l->globals_top + 7) & ~7u };
		l->globals_top = x.offset + 16;
		vec_push(l->a, &m->faults, x);
	}
	ref at = ir_mapval(LB, 0, REGION(RG_GLOBALS, m->faults.v[i].offset));
	if (faults[kind].helper)
		ir_store(LB, 8, at, 8, ret ? ret : ir_const(LB, 0));
	ir_atomic(LB, OP_AADD, 8, at, 0, ir_const(LB, 1));
}
