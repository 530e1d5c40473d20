/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in one program or library. A place is a file and an offset in it (attach_point.target, .address): the
 * kernel puts the breakpoint there in every process that maps the file, or in the one of -p.
 *
 * A breakpoint inside an instruction breaks the traced program, so an offset or address is accepted only when it can
 * be shown that an instruction begins there; --unsafe turns that into a warning. Nor may the instruction there be a
 * vector one: kernels take the opcode behind a VEX or EVEX prefix for the old instruction of that number, so that
 * `vpbroadcastb %esi,%ymm17` at the entry of a string function "is" a conditional jump and is stepped over without
 * effect (seen on Linux 6.18: printf in the traced program stopped seeing its '%').
 *
 * A return probe replaces a return address on the stack; Go moves its stacks and would find it: return probes on Go
 * programs are refused, and the instructions are named on which a plain probe sees the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "probe/site.h"

#define SITE_MAX_TEXT (1u << 20) /* how far into a function instructions are followed */

static bool site_is_vector(struct site *u, uint64_t addr)
{
	uint8_t text[16];
	return sym_insn_is_vector(text, sym_elf_text(u->elf, addr, text, sizeof(text)));
}

bool site_emit(struct site *u, uint64_t addr, bool entry, const char *func, const char *part)
{
	struct arena *a = u->env->arena;
	uint64_t offset;
	if (!sym_elf_offset(u->elf, addr, &offset))
		return false;
	if (!u->env->unsafe && site_is_vector(u, addr)) {
		u->n_vector++;
		return true;
	}
	if (!u->env->unsafe && !entry && redzone_is_unsafe(u->env, u->elf, addr)) {
		u->n_redzone++;
		return true;
	}
	struct attach_point *ap = parts_place(u->env, u->p, u->span);
	ap->name = str_of(arena_printf(a, "%s:%s%s%s", u->p->name, u->file->shown, u->kind == SITE_LINE ? "@" : ":", part));
	ap->target = str_of(u->file->path);
	ap->root_len = u->file->root_len;
	ap->entry = entry ? addr : 0;
	ap->many = u->kind == SITE_PATTERN || u->many;
	ap->func = func ? str_of(arena_strdup(a, func)) : STR("");
	ap->offset = u->offset;
	ap->address = offset;
	u->each(u->arg, ap);
	u->count++;
	return true;
}

int site_doubt(struct site *u, const char *what)
{
	if (u->env->unsafe) {
		parts_warn(u->env, u->span, "Unsafe %s: %s", u->p->name, what);
		return 0;
	}
	parts_bad(u->env, u->span, "%s", what);
	diag_hint(u->env->diags, "a breakpoint there breaks the traced program; --unsafe attaches all the same");
	return -EINVAL;
}

int site_boundary(struct site *u, const struct sym *s, uint64_t offset, const char *shown)
{
	struct arena *a = u->env->arena;
	int begins = -1;
	if (offset == 0)
		return 0;
	if (offset < SITE_MAX_TEXT) {
		uint32_t n = (uint32_t)offset + 16;
		uint8_t *text = malloc(n);
		if (!text)
			return -ENOMEM;
		n = sym_elf_text(u->elf, s->addr, text, n);
		begins = sym_insn_boundary(text, n, (uint32_t)offset);
		free(text);
	}
	if (begins == 1)
		return 0;
	return site_doubt(u, begins == 0 ? arena_printf(a, "Could not add %s into middle of instruction: %s", u->p->name, shown) :
					   arena_printf(a, "Could not determine where instructions begin: %s", shown));
}

static int site_by_address(struct site *u)
{
	struct arena *a = u->env->arena;
	struct sym s;
	uint64_t offset;
	const char *shown = arena_printf(a, "%s:0x%llx", u->file->shown, (unsigned long long)u->address);
	if (!sym_elf_offset(u->elf, u->address, &offset))
		return parts_bad(u->env, u->span, "Could not resolve address: %s", shown);
	int r;
	bool known = sym_elf_at(u->elf, u->address, &s);
	if (!known)
		r = site_doubt(u, arena_printf(a, "Could not determine where instructions begin: %s is in no known function", shown));
	else if (u->p->id == PROV_URETPROBE && s.addr != u->address)
		r = parts_bad(u->env, u->span, "uretprobes can not be attached to a function offset");
	else
		r = site_boundary(u, &s, u->address - s.addr,
				  arena_printf(a, "%s+%llu", s.name, (unsigned long long)(u->address - s.addr)));
	if (r == 0)
		site_emit(u, u->address, known && s.addr == u->address, NULL, arena_printf(a, "%llu", (unsigned long long)u->address));
	return r;
}

static int site_by_name(struct site *u)
{
	struct arena *a = u->env->arena;
	struct sym s;
	if (!sym_elf_find(u->elf, u->func, &s))
		return 0;
	const char *part = u->has_offset ? arena_printf(a, "%s+%llu", u->func, (unsigned long long)u->offset) : u->func;
	int r = 0;
	if (s.is_ifunc) {
		parts_warn(u->env, u->span, "%s of %s is chosen when a program is loaded (an indirect function): this probe sees the "
			   "choice and not the calls", u->func, u->file->shown);
	}
	if (u->has_offset && u->offset) {
		if (s.size == 0)
			r = site_doubt(u, arena_printf(a, "Could not determine boundary for %s (symbol has size 0).", u->func));
		else if (u->offset >= s.size)
			r = site_doubt(u, arena_printf(a, "Offset outside the function bounds ('%s' size is %llu)", u->func,
						       (unsigned long long)s.size));
		else
			r = site_boundary(u, &s, u->offset, part);
	}
	if (r < 0)
		return r;
	if (!site_emit(u, s.addr + u->offset, u->offset == 0 && !s.is_ifunc, u->func, part))
		return parts_bad(u->env, u->span, "Could not resolve symbol: %s:%s", u->file->shown, part);
	return 0;
}

static bool site_match(void *arg, const struct sym *s)
{
	struct site *u = arg;
	if (s->is_ifunc)
		u->n_ifunc++;
	else
		site_emit(u, s->addr, true, s->name, arena_strdup(u->env->arena, s->name));
	return true;
}

/* -- Go -- */

/* The cure: the return instructions of the function, each of which a plain probe can be put on. */
static void site_returns_hint(struct site *u)
{
	struct sym s;
	struct buf b = { 0 };
	uint32_t n, shown = 0, more = 0;
	if (u->kind != SITE_NAME || !sym_elf_find(u->elf, u->func, &s) || s.size == 0 || s.size > SITE_MAX_TEXT)
		return;
	uint8_t *text = malloc(s.size);
	n = text ? sym_elf_text(u->elf, s.addr, text, (uint32_t)s.size) : 0;
	for (uint32_t at = 0, len; at < n && (len = sym_insn_length(text + at, n - at)); at += len) {
		if (text[at] != 0xc3 && text[at] != 0xc2)
			continue;
		if (shown < 4)
			buf_addf(&b, "%suprobe:%s:%s+%u", shown++ ? ", " : "", u->file->shown, u->func, at);
		else
			more++;
	}
	free(text);
	if (shown)
		diag_hint(u->env->diags, "its return%s: %s%s", shown + more > 1 ? "s" : "", b.s, more ? ", ..." : "");
	buf_fini(&b);
}

static int site_refuse_go(struct site *u)
{
	if (u->many)
		return 0;
	parts_bad(u->env, u->span, "a uretprobe would crash '%s': it is a Go program, and Go moves its stacks. "
		  "Probe the function's entry instead, or its return instructions.", u->file->shown);
	site_returns_hint(u);
	return -EINVAL;
}

/* -- the file -- */

static int site_look(struct site *u)
{
	switch (u->kind) {
	case SITE_ADDRESS: return site_by_address(u);
	case SITE_LINE: return source_places(u);
	case SITE_CPP: cpp_places(u); return 0;
	case SITE_PATTERN: sym_elf_each(u->elf, u->func, site_match, u); return 0;
	default: return site_by_name(u);
	}
}

/* Places that were found and left out. */
static int site_left_out(struct site *u)
{
	uint32_t n = u->n_vector, n_redzone = u->n_redzone;
	u->n_vector = u->n_redzone = 0;
	if (n_redzone)
		return site_doubt(u, arena_printf(u->env->arena, "On this kernel a probe on a 5-byte nop overwrites what a function that calls "
						  "no other keeps below its stack: %s", u->func ? u->func : u->file->shown));
	if (n == 0)
		return 0;
	if (u->kind == SITE_PATTERN || u->many) {
		parts_warn(u->env, u->span, "%u function%s of %s left out: %s with a vector instruction, which a probe would disable", n,
			   n == 1 ? "" : "s", u->file->shown, n == 1 ? "it begins" : "they begin");
		return 0;
	}
	return site_doubt(u, arena_printf(u->env->arena, "A probe on a vector instruction would disable it: %s", u->func ? u->func :
					  u->file->shown));
}

static int site_none(struct site *u)
{
	const char *func = u->func ? u->func : "";
	const char *what = arena_printf(u->env->arena, "%s:%s:%s%s", u->p->name, u->file->shown, u->kind == SITE_CPP ? "cpp:" : "", func);
	diag_add(u->env->diags, D_PROBE_NO_MATCH, u->span, (int)strlen(what), what);
	near_hint(u);
	return -ENOENT;
}

/* With the symbols of its separate debug file, as the process sees it. */
static int site_open(struct site *u)
{
	struct arena *a = u->env->arena;
	struct sym_file f = { .debug_fd = -1, .path = u->file->shown, .fetch = !u->many };
	f.root = arena_strndup(a, u->file->path, u->file->root_len);
	f.fd = open(u->file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return f.fd < 0 ? -errno : sym_elf_open_file(&f, &u->elf);
}

int site_file(struct site *u)
{
	int r = site_open(u);
	if (r < 0)
		return u->many ? 0 : target_refuse(u->p, u->env, u->span, u->file, r);
	uint32_t before = u->count;
	if (!sym_elf_is_native(u->elf))
		r = u->many ? 0 : target_refuse(u->p, u->env, u->span, u->file, -ENOEXEC);
	else if (u->p->id == PROV_URETPROBE && sym_elf_is_go(u->elf) && !u->env->unsafe)
		r = site_refuse_go(u);
	else
		r = site_look(u);
	r = r ? r : site_left_out(u);
	if (r == 0 && !u->many && u->count == before && u->env->missing_probes == 0)
		r = site_none(u);
	sym_elf_close(u->elf);
	u->elf = NULL;
	return r;
}
