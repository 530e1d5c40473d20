/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uprobe and uretprobe: TARGET:FUNCTION[+OFFSET] or TARGET:ADDRESS. The target is a path, a program in PATH or a library by its
 * short name; both target and function may have wildcards; with -p the target may be left out, and everything is looked up in that
 * process's file system. A place is a file and an offset in it (attach_point.target, .address): the kernel puts the breakpoint
 * there in every process that maps the file, or in the one of -p.
 *
 * A breakpoint inside an instruction breaks the traced program, so an offset or address is accepted only when it can be shown that an
 * instruction begins there; --unsafe turns that into a warning. Nor may the instruction there be a vector one: kernels take the opcode
 * behind a VEX or EVEX prefix for the old instruction of that number, so that `vpbroadcastb %esi,%ymm17` at the entry of a string
 * function "is" a conditional jump and is stepped over without effect (seen on Linux 6.18: printf in the traced program stopped seeing
 * its '%'). A return probe replaces a return address on the stack; Go moves its
 * stacks and would find it: uretprobes on Go programs are refused.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "probe/probe_priv.h"
#include "sym/sym.h"

#define UPROBE_MAX_TEXT (1u << 20) /* how far into a function an offset is checked */

struct uprobe {
	const struct provider *p;
	struct provider_env *env;
	struct span span;
	attach_each *each;
	void *arg;
	struct target_files files;
	/* what is looked for */
	const char *func;
	uint64_t offset, address;
	bool has_offset, has_address, wildcard;
	/* the file at hand */
	const struct target_file *file;
	struct sym_elf *elf;
	uint32_t count, n_ifunc, n_vector;
};

/* FUNCTION, FUNCTION+OFFSET or ADDRESS. */
static int uprobe_function(struct uprobe *u, struct str f)
{
	struct provider_env *env = u->env;
	bool ret = u->p->id == PROV_URETPROBE;
	if (f.len == 0)
		return parts_bad(env, u->span, "%s should be attached to a function and/or address", u->p->name);
	if (isdigit((unsigned char)f.s[0])) {
		if (!parts_number(f, &u->address))
			return parts_bad(env, u->span, "Invalid address: %.*s", STR_FMT(f));
		u->has_address = true;
		return 0;
	}
	const char *plus = memchr(f.s, '+', f.len);
	if (plus) {
		struct str off = { plus + 1, f.len - (uint32_t)(plus - f.s) - 1 };
		if (ret)
			return parts_bad(env, u->span, "uretprobes can not be attached to a function offset");
		if (memchr(off.s, '+', off.len))
			return parts_bad(env, u->span, "Cannot take more than one offset");
		if (!parts_number(off, &u->offset))
			return parts_bad(env, u->span, "Invalid offset: %.*s", STR_FMT(off));
		u->has_offset = true;
		f.len = (uint32_t)(plus - f.s);
		if (f.len == 0)
			return parts_bad(env, u->span, "%s should be attached to a function and/or address", u->p->name);
	}
	u->func = arena_strndup(env->arena, f.s, f.len);
	u->wildcard = parts_has_wildcard(f);
	if (u->wildcard && u->has_offset)
		return parts_bad(env, u->span, "Cannot use wildcards with a function offset");
	return 0;
}

static bool uprobe_is_vector(struct uprobe *u, uint64_t addr)
{
	uint8_t text[16];
	return sym_insn_is_vector(text, sym_elf_text(u->elf, addr, text, sizeof(text)));
}

/* entry: a function begins there */
static bool uprobe_emit(struct uprobe *u, uint64_t addr, bool entry, const char *func, const char *part)
{
	struct arena *a = u->env->arena;
	uint64_t offset;
	if (!sym_elf_offset(u->elf, addr, &offset))
		return false;
	if (!u->env->unsafe && uprobe_is_vector(u, addr)) {
		u->n_vector++;
		return true;
	}
	struct attach_point *ap = parts_place(u->env, u->p, u->span);
	ap->name = str_of(arena_printf(a, "%s:%s:%s", u->p->name, u->file->shown, part));
	ap->target = str_of(u->file->path);
	ap->root_len = (uint32_t)(strlen(u->file->path) - strlen(u->file->shown));
	ap->entry = entry ? addr : 0;
	ap->many = u->wildcard;
	ap->func = func ? str_of(arena_strdup(a, func)) : STR("");
	ap->offset = u->offset;
	ap->address = offset;
	u->each(u->arg, ap);
	u->count++;
	return true;
}

/* A doubt about safety: an error, or with --unsafe a warning. */
static int uprobe_doubt(struct uprobe *u, const char *what)
{
	if (u->env->unsafe) {
		parts_warn(u->env, u->span, "Unsafe %s: %s", u->p->name, what);
		return 0;
	}
	parts_bad(u->env, u->span, "%s", what);
	diag_hint(u->env->diags, "a breakpoint there breaks the traced program; --unsafe attaches all the same");
	return -EINVAL;
}

/* Does an instruction begin `offset` bytes behind the start of the function? */
static int uprobe_boundary(struct uprobe *u, const struct sym *s, uint64_t offset, const char *shown)
{
	struct arena *a = u->env->arena;
	int begins = -1;
	if (offset == 0)
		return 0;
	if (offset < UPROBE_MAX_TEXT) {
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
	return uprobe_doubt(u, begins == 0 ? arena_printf(a, "Could not add %s into middle of instruction: %s", u->p->name, shown) :
					     arena_printf(a, "Could not determine where instructions begin: %s", shown));
}

static int uprobe_by_address(struct uprobe *u)
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
		r = uprobe_doubt(u, arena_printf(a, "Could not determine where instructions begin: %s is in no known function", shown));
	else if (u->p->id == PROV_URETPROBE && s.addr != u->address)
		r = parts_bad(u->env, u->span, "uretprobes can not be attached to a function offset");
	else
		r = uprobe_boundary(u, &s, u->address - s.addr,
				    arena_printf(a, "%s+%llu", s.name, (unsigned long long)(u->address - s.addr)));
	if (r == 0)
		uprobe_emit(u, u->address, known && s.addr == u->address, NULL, arena_printf(a, "%llu", (unsigned long long)u->address));
	return r;
}

static int uprobe_by_name(struct uprobe *u)
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
			r = uprobe_doubt(u, arena_printf(a, "Could not determine boundary for %s (symbol has size 0).", u->func));
		else if (u->offset >= s.size)
			r = uprobe_doubt(u, arena_printf(a, "Offset outside the function bounds ('%s' size is %llu)", u->func,
							 (unsigned long long)s.size));
		else
			r = uprobe_boundary(u, &s, u->offset, part);
	}
	if (r < 0)
		return r;
	if (!uprobe_emit(u, s.addr + u->offset, u->offset == 0 && !s.is_ifunc, u->func, part))
		return parts_bad(u->env, u->span, "Could not resolve symbol: %s:%s", u->file->shown, part);
	return 0;
}

static bool uprobe_match(void *arg, const struct sym *s)
{
	struct uprobe *u = arg;
	if (s->is_ifunc)
		u->n_ifunc++;
	else
		uprobe_emit(u, s->addr, true, s->name, arena_strdup(u->env->arena, s->name));
	return true;
}

/* All places in one file. many: one of several files, so that one which is no program is passed over. */
static int uprobe_file(struct uprobe *u, bool many)
{
	int r = sym_elf_open(u->file->path, &u->elf);
	if (r < 0) {
		if (many)
			return 0;
		return r == -ENOEXEC ? parts_bad(u->env, u->span, "%s target file '%s' is not an ELF program or library", u->p->name,
						 u->file->shown) :
				       parts_bad(u->env, u->span, "%s target file '%s' cannot be read: %s", u->p->name, u->file->shown,
						 strerror(-r));
	}
	uint32_t before = u->count;
	if (!sym_elf_is_native(u->elf))
		r = many ? 0 : parts_bad(u->env, u->span, "%s target file '%s' is for another processor", u->p->name, u->file->shown);
	else if (u->p->id == PROV_URETPROBE && sym_elf_is_go(u->elf) && !u->env->unsafe)
		r = many ? 0 : parts_bad(u->env, u->span, "a uretprobe would crash '%s': it is a Go program, and Go moves its stacks. "
					 "Probe the function's entry instead.", u->file->shown);
	else if (u->has_address)
		r = uprobe_by_address(u);
	else if (u->wildcard)
		sym_elf_each(u->elf, u->func, uprobe_match, u);
	else
		r = uprobe_by_name(u);
	if (r == 0 && u->n_vector && (u->wildcard || many))
		parts_warn(u->env, u->span, "%u function%s of %s left out: %s with a vector instruction, which a probe would disable",
			   u->n_vector, u->n_vector == 1 ? "" : "s", u->file->shown, u->n_vector == 1 ? "it begins" : "they begin");
	else if (r == 0 && u->n_vector)
		r = uprobe_doubt(u, arena_printf(u->env->arena, "A probe on a vector instruction would disable it: %s", u->func ? u->func :
						 u->file->shown));
	u->n_vector = 0;
	if (r == 0 && !many && u->count == before && u->env->missing_probes == 0) {
		const char *what = arena_printf(u->env->arena, "%s:%s:%s", u->p->name, u->file->shown, u->func ? u->func : "");
		diag_add(u->env->diags, D_PROBE_NO_MATCH, u->span, (int)strlen(what), what);
		if (u->n_ifunc)
			diag_hint(u->env->diags, "the functions that match are chosen when a program is loaded (indirect functions)");
		else if (sym_elf_is_stripped(u->elf))
			diag_hint(u->env->diags, "'%s' has no symbol table (it is stripped); only exported functions are known",
				  u->file->shown);
		r = -ENOENT;
	}
	sym_elf_close(u->elf);
	u->elf = NULL;
	return r;
}

static int uprobe_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			 attach_each *each, void *arg)
{
	struct uprobe u = { .p = p, .env = env, .span = span, .each = each, .arg = arg };
	/* With -p the target may be left out. */
	if (n == 1 && env->pid > 0) {
		int r = uprobe_function(&u, parts[0]);
		if (r == 0 && u.has_address)
			r = parts_bad(env, span, "Cannot use wildcards with absolute address");
		r = r ? r : target_find(p, env, STR(""), span, &u.files);
		if (r < 0)
			return r;
	} else {
		if (!parts_count(p, env, n, 2, 3, span))
			return -EINVAL;
		if (n == 3 && !str_is(parts[1], "cpp"))
			return parts_bad(env, span, "unsupported language type: %.*s", STR_FMT(parts[1]));
		if (n == 3) {
			diag_add(env->diags, D_NOT_YET, span, "a probe by C++ name");
			return -ENOSYS;
		}
		int r = uprobe_function(&u, parts[1]);
		if (r == 0 && u.has_address && parts_has_wildcard(parts[0]))
			r = parts_bad(env, span, "Cannot use wildcards with absolute address");
		r = r ? r : target_find(p, env, parts[0], span, &u.files);
		if (r < 0)
			return r;
	}
	bool many = n == 1 || parts[0].len == 0 || parts_has_wildcard(parts[0]);
	for (uint32_t i = 0; i < u.files.list.n; i++) {
		u.file = &u.files.list.v[i];
		int r = uprobe_file(&u, many);
		if (r < 0)
			return r;
	}
	return (int)u.count;
}

const struct provider provider_uprobe = {
	.id = PROV_UPROBE, .name = "uprobe", .aliases = "u", .doc = "user function entry",
	.prog_type = BPF_PROG_TYPE_KPROBE, .access = ACC_ARGS | ACC_ARGN | ACC_CTX | ACC_FUNC | ACC_REG, .ptr_as = AS_USER, .has_pt_regs = true,
	.expand = uprobe_expand, .load_args = debug_load_args,
};
const struct provider provider_uretprobe = {
	.id = PROV_URETPROBE, .name = "uretprobe", .aliases = "ur", .doc = "user function return",
	.prog_type = BPF_PROG_TYPE_KPROBE, .access = ACC_RETVAL | ACC_CTX | ACC_FUNC | ACC_REG, .ptr_as = AS_USER, .has_pt_regs = true,
	.expand = uprobe_expand, .load_args = debug_load_args,
};
