/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --explain: for every clause what became of it. The source line; where it is attached, how, and why so; its size in
 * instructions, spilled registers, stack; and, when it could be loaded, how many instructions the kernel followed to verify it.
 */
#include "run/run.h"

static void explain_source(struct session *s, struct span span, struct buf *out)
{
	const struct source *src;
	uint32_t line, col;
	if (span.hi == 0) {
		buf_adds(out, "--follow\n");
		return;
	}
	if (!diag_locate(&s->diags, span.lo, &src, &line, &col))
		return;
	const char *p = src->text.s + (span.lo - src->base) - (col - 1), *end = src->text.s + src->text.len;
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	size_t n = (size_t)((nl ? nl : end) - p);
	buf_add_safe(out, src->name.s, src->name.len, false);
	buf_addf(out, ":%u: ", line);
	buf_add_safe(out, p, n > 200 ? 200 : n, true);
	buf_adds(out, n > 200 ? "...\n" : "\n");
}

static bool explain_same_line(struct session *s, struct span x, struct span y)
{
	const struct source *sx, *sy;
	uint32_t line_x, line_y, col;
	return diag_locate(&s->diags, x.lo, &sx, &line_x, &col) && diag_locate(&s->diags, y.lo, &sy, &line_y, &col) && sx == sy && line_x == line_y;
}

static void explain_attach(struct session *s, uint32_t prog, struct buf *out)
{
	enum { SHOWN = 3 };
	for (uint32_t i = 0; i < s->plan.steps.n; i++) {
		const struct plan_step *st = &s->plan.steps.v[i];
		if (st->prog != prog)
			continue;
		buf_adds(out, "  attach   ");
		for (uint32_t j = 0; j < st->attach.n && j < SHOWN; j++) {
			struct str name = s->module.attaches.v[st->attach.v[j]]->name;
			buf_adds(out, j ? ", " : "");
			buf_add_safe(out, name.s, name.len, false);
		}
		if (st->attach.n > SHOWN)
			buf_addf(out, " and %u more", st->attach.n - SHOWN);
		buf_addf(out, ": %s%s%s\n", attach_mechanism_name[st->how], st->why ? ": " : "", st->why ? st->why : "");
	}
}

static const char *explain_unwind(enum module_map_kind k)
{
	return k == MM_UNWIND_RULES ? "ways from a frame to its caller" :
	       k == MM_UNWIND_WORDS ? "rows of the unwind tables, a megabyte at a time" :
	       k == MM_UNWIND_FILES ? "hash table of files with unwind tables" : NULL;
}

void explain_print(struct session *s, struct buf *out)
{
	uint64_t insns = 0, verified = 0;
	for (uint32_t i = 0; i < s->module.progs.n; i++) {
		const struct bpf_code *c = s->codes[i];
		uint32_t stack = 0;
		for (uint32_t j = 0; j < c->subprogs.n; j++)
			stack += c->subprogs.v[j].stack;
		explain_source(s, s->module.progs.v[i].span, out);
		if (s->module.progs.v[i].n_returns && !explain_same_line(s, s->module.progs.v[i].span, s->module.progs.v[i].return_span))
			explain_source(s, s->module.progs.v[i].return_span, out);
		explain_attach(s, i, out);
		buf_addf(out, "  code     %u instructions, %u spills, %u bytes of stack", c->insns.n, c->n_spills, stack);
		if (c->subprogs.n > 1)
			buf_addf(out, ", %u %s", c->subprogs.n - 1, s->module.progs.v[i].n_returns ? "functions" : "callbacks");
		buf_addc(out, '\n');
		struct sys_prog_info info = { 0 };
		if (s->prog_fds && s->prog_fds[i] >= 0 && !sys_prog_info(s->prog_fds[i], &info)) {
			buf_addf(out, "  kernel   %u instructions verified, %u after its own rewriting\n", info.verified_insns,
				 info.xlated_insns);
			verified += info.verified_insns;
		}
		insns += c->insns.n;
	}
	buf_addf(out, "%u programs, %llu instructions", s->module.progs.n, (unsigned long long)insns);
	if (s->prog_fds)
		buf_addf(out, ", %llu verified", (unsigned long long)verified);
	else
		buf_adds(out, "; not loaded");
	buf_addf(out, "; data map of %u bytes\n", s->module.data_size);
	for (uint32_t i = 3; i < s->module.maps.n; i++) {
		const struct module_map *m = &s->module.maps.v[i];
		struct str name = m->name.len ? m->name : str_of(m->kind == MM_STACK ? "(stacks)" : m->kind == MM_PACKETS ? "(packets)" : explain_unwind(m->kind) ? "(unwind)" : "(processes)");
		buf_addf(out, "map %.*s: %s\n", STR_FMT(name),
			 explain_unwind(m->kind) ? explain_unwind(m->kind) :
			 m->kind == MM_STACK ? "hash table of frames, each stack once" :
			 m->kind == MM_PINNED ? "somebody else's, pinned there" :
			 m->kind == MM_PACKETS ? "buffers of packets, one for each CPU" :
			 m->kind == MM_GLOBAL ? "one word or region in the data map" :
			 m->kind == MM_PERCPU ? "one region for each CPU in the data map" :
			 m->kind == MM_HASH   ? "hash table" :
			 m->kind == MM_LRU_HASH ? "hash table that drops its oldest" :
			 m->kind == MM_PERCPU_HASH ? "hash table with a value for each CPU" :
						     "hash table with a value for each CPU that drops its oldest");
	}
}
