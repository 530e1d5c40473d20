/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks and symbols for output: frames from the map of stacks by their id, names from kallsyms or from the process's files. Nothing is looked up
 * before it is printed, but for the mappings of processes, which event.c has remembered when they were met.
 */
#include "run/run.h"

bool stack_frame(void *arg, bool user, uint32_t pid, uint64_t addr, struct out_frame *ret)
{
	struct session *s = arg;
	struct sym_frame f;
	*ret = (struct out_frame){ 0 };
	if (!user) {
		ret->name = kern_symbol_name(s->kern, addr, &ret->offset);
		const char *module = ret->name ? kern_symbol_module(s->kern, addr) : NULL;
		if (module) {
			buf_clear(&s->module_name);
			buf_addf(&s->module_name, "[%s]", module);
			ret->module = s->module_name.s;
		}
		if (ret->name && s->sema.config.cpp_demangle && sym_demangle(ret->name, &s->kernel_name))
			ret->name = s->kernel_name.s; /* of Rust */
		return ret->name != NULL;
	}
	if (!s->procs)
		return false;
	mmaps_drain(s->mmaps);
	bool known = sym_procs_at(s->procs, pid, addr, &f);
	*ret = (struct out_frame){ .name = f.name, .module = f.file, .offset = f.offset };
	if (f.place) {
		ret->file = f.place->file;
		ret->line = f.place->line;
		ret->n_inlined = f.place->n;
		for (uint32_t i = 0; i < f.place->n; i++)
			s->inlined[i] = (struct out_inlined){ f.place->in[i].name, f.place->in[i].file, f.place->in[i].line };
		ret->inlined = s->inlined;
	}
	return known;
}

uint32_t stack_build_id(void *arg, uint32_t pid, uint64_t addr, const uint8_t **ret_id, uint64_t *ret_offset)
{
	struct session *s = arg;
	if (!s->procs)
		return 0;
	mmaps_drain(s->mmaps);
	return sym_procs_id(s->procs, pid, addr, ret_id, ret_offset);
}

bool stack_ksym(void *arg, uint64_t addr, struct buf *ret)
{
	struct out_frame f;
	bool known = stack_frame(arg, false, 0, addr, &f);
	if (known)
		buf_adds(ret, f.name);
	return known;
}

bool stack_usym(void *arg, uint64_t addr, uint32_t pid, struct buf *ret)
{
	struct out_frame f;
	bool known = stack_frame(arg, true, pid, addr, &f);
	if (known)
		buf_adds(ret, f.name);
	return known;
}

uint32_t stack_frames(void *arg, const struct type *t, uint64_t id, uint64_t *frames)
{
	struct session *s = arg;
	for (uint32_t i = 0; s->maps && i < s->module.maps.n; i++) {
		const struct module_map *m = &s->module.maps.v[i];
		if (m->kind != MM_STACK || m->value_size != t->count * 8 || s->maps[i].fd < 0)
			continue;
		if (sys_map_lookup(s->maps[i].fd, &id, frames))
			return 0;
		uint32_t n = 0;
		while (n < t->count && frames[n])
			n++;
		return n;
	}
	return 0;
}
