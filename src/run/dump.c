/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --dump shows of a module, as text: IR, annotated BPF, maps and the layout of the data map, the plan; and the list of attach
 * points of a program (-l FILE).
 */
#include "run/run.h"

static const char *dump_kind(enum module_map_kind k)
{
	static const char *const names[] = {
		[MM_DATA] = "data", [MM_RING] = "ring", [MM_CONTROL] = "control", [MM_HASH] = "hash", [MM_LRU_HASH] = "lruhash",
		[MM_PERCPU_HASH] = "percpuhash", [MM_LRU_PERCPU_HASH] = "percpulruhash", [MM_STACK] = "stack", [MM_GLOBAL] = "global",
		[MM_UNWIND_RULES] = "unwindrules", [MM_UNWIND_WORDS] = "unwindwords", [MM_UNWIND_FILES] = "unwindfiles",
		[MM_PERCPU] = "percpu", [MM_PACKETS] = "packets", [MM_PINNED] = "pinned",
	};
	return names[k];
}

const char *dump_map_name(void *session, uint32_t index)
{
	struct session *s = session;
	if (index >= s->module.maps.n)
		return "?";
	const struct module_map *m = &s->module.maps.v[index];
	return m->name.len ? m->name.s : dump_kind(m->kind);
}

void dump_ir(struct session *s, struct buf *out)
{
	for (uint32_t i = 1; i < s->module.funcs.n; i++)
		ir_print(s->module.funcs.v[i], out);
}

void dump_bpf(struct session *s, struct buf *out)
{
	for (uint32_t i = 0; i < s->module.progs.n; i++) {
		buf_addf(out, "; program %u: %s", i, load_name(s, i));
		if (s->module.progs.v[i].attach.n > 1)
			buf_addf(out, " and %u more", s->module.progs.v[i].attach.n - 1);
		buf_addf(out, "; %u instructions, %u spills\n", s->codes[i]->insns.n, s->codes[i]->n_spills);
		bpf_disassemble(s->codes[i], s->module.funcs.v, &s->diags, dump_map_name, s, out);
	}
}

void dump_maps(struct session *s, struct buf *out)
{
	const struct module *m = &s->module;
	for (uint32_t i = 0; i < m->maps.n; i++) {
		const struct module_map *x = &m->maps.v[i];
		buf_addf(out, "%2u %-13s %s", i, dump_kind(x->kind), x->name.len ? x->name.s : "-");
		if (x->key)
			buf_addf(out, " key %s (%u)", type_str(&s->arena, x->key), x->key_size);
		if (x->value)
			buf_addf(out, " value %s (%u)", type_str(&s->arena, x->value), x->value_size);
		if (x->kind == MM_GLOBAL || x->kind == MM_PERCPU)
			buf_addf(out, " at %u", x->offset);
		else if (x->kind >= MM_HASH)
			buf_addf(out, " entries %u", x->max_entries);
		buf_addc(out, '\n');
	}
	buf_addf(out, "data map: %u bytes: header 0, constants %u (%zu), globals %u (%u), blocks %u: %u of %u", m->data_size,
		 m->rodata_off, m->rodata.len, m->globals_off, m->globals_size, m->percpu_off, m->ncpus_pow2, m->cpu_stride);
	if (m->scratch_size)
		buf_addf(out, ", scratch %u: %u of %u", m->scratch_off, SCRATCH_SLOTS, m->scratch_size);
	buf_addc(out, '\n');
}

void dump_plan(struct session *s, struct buf *out)
{
	probe_plan_print(&s->plan, &s->module, out);
}

void dump_list(struct session *s, struct buf *out)
{
	for (uint32_t i = 0; i < s->sema.attaches.n; i++) {
		struct attach_point *ap = s->sema.attaches.v[i];
		if (ap->provider == PROV_BEGIN || ap->provider == PROV_END || ap->provider == PROV_SELF)
			continue;
		buf_add_safe(out, ap->name.s, ap->name.len, false);
		buf_addc(out, '\n');
		if (s->o->verbose)
			probe_list_args(&s->arena, s->kern, &s->diags, s->debug, ap, out);
	}
}
