/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usdt: static probes of programs and libraries. TARGET:PROVIDER:NAME or TARGET:NAME (of any provider), each with
 * wildcards; targets as with uprobes. With -p the target may be empty or left out: then every file that the process
 * has mapped is looked through.
 *
 * One probe may have many locations (the function around it was inlined, or it is written several times); each is a
 * place of its own, with the name in common and its own operands for the arguments (attach_point.usdt). A location
 * is a file and an offset, so processes that start later fire it, too; the kernel counts the semaphore in each of
 * them.
 *
 * The macros leave an instruction that does nothing where the probe is. What a note says to be a location but is no
 * such instruction may be the middle of another one: it is left out, unless --unsafe. So are places where this
 * kernel would overwrite the program's variables (redzone.c).
 */
#include <errno.h>

#include "probe/probe_priv.h"
#include "base/map.h"
#include "sym/sym.h"
#include "sym/usdt.h"

enum { USDT_NEAR = 3, USDT_SHOWN = 5 };

struct usdt {
	const struct provider *p;
	struct provider_env *env;
	struct span span;
	attach_each *each;
	void *arg;
	const char *provider, *name; /* patterns */
	struct target_files files;
	uint32_t count;
	/* the file at hand */
	const struct target_file *file;
	struct sym_usdts notes;
	struct map specs;            /* by the text of the arguments */
	struct sym_elf *elf;         /* once somebody has asked for it */
	bool elf_tried;
	uint32_t n_unsafe, n_redzone;
};

/* The arguments of a location; those that do not depend on where it is are made once for a text. */
static const struct usdt_spec *usdt_spec(struct usdt *u, const struct sym_usdt *at)
{
	struct usdt_spec *s = map_get(&u->specs, str_of(at->args));
	if (s)
		return s;
	s = sym_usdt_args(u->env->arena, &u->notes, at);
	for (uint32_t i = 0; i < s->n; i++)
		if (s->args[i].by_ip)
			return s;
	map_put(u->env->arena, &u->specs, str_of(at->args), s);
	return s;
}

static bool usdt_overwrites(struct usdt *u, const struct sym_usdt *at)
{
	if (!at->is_nop5)
		return false;
	if (!u->elf_tried && sym_elf_open(u->file->path, &u->elf) < 0)
		u->elf = NULL;
	u->elf_tried = true;
	return u->elf && redzone_is_unsafe(u->env, u->elf, at->pc);
}

static void usdt_emit(struct usdt *u, const struct sym_usdt *at)
{
	if (!u->env->unsafe && !at->is_nop) {
		u->n_unsafe++;
		return;
	}
	if (!u->env->unsafe && usdt_overwrites(u, at)) {
		u->n_redzone++;
		return;
	}
	struct attach_point *ap = parts_place(u->env, u->p, u->span);
	ap->name = str_of(arena_printf(u->env->arena, "%s:%s:%s:%s", u->p->name, u->file->shown, at->provider,
				       at->name));
	ap->target = str_of(u->file->path);
	ap->func = str_of(at->name);
	ap->address = at->offset;
	ap->cookie_ref_ctr = at->sema;
	ap->usdt = usdt_spec(u, at);
	u->each(u->arg, ap);
	u->count++;
}

/* -- nothing found: what is there? -- */

static void usdt_hint(struct usdt *u)
{
	const struct sym_usdts *n = &u->notes;
	struct diags *d = u->env->diags;
	if (!n->list.n) {
		if (n->n_bad)
			diag_hint(d, "the notes of '%s' about static probes are damaged", u->file->shown);
		else
			diag_hint(d, "'%s' has no static probes (no notes in a section .note.stapsdt)", u->file->shown);
		return;
	}
	/* The name is nearer than the provider: often the provider was only guessed. */
	const struct sym_usdt *best = NULL;
	int least = 2 * (USDT_NEAR + 1);
	for (uint32_t i = 0; i < n->list.n; i++) {
		const struct sym_usdt *s = &n->list.v[i];
		int name = str_match(u->name, s->name) ? 0 : str_distance(u->name, s->name, USDT_NEAR);
		bool same = str_match(u->provider, s->provider);
		int provider = same ? 0 : str_distance(u->provider, s->provider, USDT_NEAR);
		if (name > USDT_NEAR || (name && provider > USDT_NEAR) || name + provider >= least)
			continue;
		least = name + provider;
		best = s;
	}
	if (best) {
		diag_hint(d, "did you mean '%s:%s:%s:%s'?", u->p->name, u->file->shown, best->provider, best->name);
		return;
	}
	struct buf b = { 0 };
	uint32_t shown = 0, more = 0;
	for (uint32_t i = 0; i < n->list.n; i++) {
		const struct sym_usdt *s = &n->list.v[i], *before = i ? &n->list.v[i - 1] : NULL;
		if (before && !strcmp(before->provider, s->provider) && !strcmp(before->name, s->name))
			continue;
		if (shown < USDT_SHOWN)
			buf_addf(&b, "%s%s:%s", shown++ ? ", " : "", s->provider, s->name);
		else
			more++;
	}
	if (more)
		diag_hint(d, "it has %s and %u more: sonde -l '%s:%s:*'", b.s ? b.s : "", more, u->p->name,
			  u->file->shown);
	else
		diag_hint(d, "it has %s", b.s ? b.s : "");
	buf_fini(&b);
}

static int usdt_none(struct usdt *u)
{
	const char *what = arena_printf(u->env->arena, "%s:%s:%s%s%s", u->p->name, u->file->shown, u->provider,
					u->provider[0] ? ":" : "", u->name);
	diag_add(u->env->diags, D_PROBE_NO_MATCH, u->span, (int)strlen(what), what);
	if (!u->n_unsafe && !u->n_redzone)
		usdt_hint(u);
	return -ENOENT;
}

/* -- files -- */

static void usdt_left_out(struct usdt *u, uint32_t n, const char *why)
{
	if (!n)
		return;
	parts_warn(u->env, u->span, "%u location%s in %s left out: %s", n, n == 1 ? "" : "s", u->file->shown, why);
	diag_hint(u->env->diags, "--unsafe attaches all the same");
}

static int usdt_places(struct usdt *u, bool many)
{
	uint32_t before = u->count;
	const char *provider = u->provider[0] ? u->provider : "*";
	u->specs = (struct map){ 0 };
	u->n_unsafe = u->n_redzone = 0;
	for (uint32_t i = 0; i < u->notes.list.n; i++) {
		const struct sym_usdt *s = &u->notes.list.v[i];
		if (str_match(provider, s->provider) && str_match(u->name, s->name))
			usdt_emit(u, s);
	}
	usdt_left_out(u, u->n_unsafe, "a breakpoint there could break the traced program, since the instruction is "
		      "not the one that static probes have");
	usdt_left_out(u, u->n_redzone, "on this kernel a probe on a 5-byte nop overwrites what a function that calls "
		      "no other keeps below its stack");
	sym_elf_close(u->elf);
	u->elf = NULL;
	u->elf_tried = false;
	if (u->count > before || many || u->env->missing_probes)
		return 0;
	return usdt_none(u);
}

/* many: one of several files, so that one which is no program is passed over. */
static int usdt_file(struct usdt *u, bool many)
{
	const struct target_file *f = u->file;
	int r = sym_usdt_read(u->env->arena, f->path, &u->notes);
	if (r == 0 && u->notes.state != SYM_USDT_OK)
		r = -ENOEXEC;
	if (r < 0)
		return many ? 0 : target_refuse(u->p, u->env, u->span, f, r);
	u->notes.root = arena_strndup(u->env->arena, f->path, f->root_len);
	return usdt_places(u, many);
}

static int usdt_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n,
		       struct span span, attach_each *each, void *arg)
{
	struct usdt u = { .p = p, .env = env, .span = span, .each = each, .arg = arg, .provider = "" };
	struct arena *a = env->arena;
	if (!parts_count(p, env, n, 1, 3, span))
		return -EINVAL;
	struct str target = n == 1 ? STR("") : parts[0], name = parts[n - 1];
	if (n == 1 && memchr(name.s, '/', name.len))
		return parts_bad(env, span, "usdt probe must have a target function or wildcard");
	if (name.len == 0)
		return parts_bad(env, span, "usdt probe must have a target function or wildcard");
	if (target.len == 0 && env->pid <= 0) {
		parts_bad(env, span,
			  "usdt probe must specify at least path or pid to probe. To target all paths/pids set the "
			  "path to '*'.");
		return -EINVAL;
	}
	u.name = arena_strndup(a, name.s, name.len);
	if (n == 3)
		u.provider = arena_strndup(a, parts[1].s, parts[1].len);
	int r = target_find(p, env, target, span, &u.files);
	if (r < 0)
		return r;
	bool many = target.len == 0 || parts_has_wildcard(target);
	for (uint32_t i = 0; i < u.files.list.n; i++) {
		u.file = &u.files.list.v[i];
		r = usdt_file(&u, many);
		if (r < 0)
			return r;
	}
	return (int)u.count;
}

const struct provider provider_usdt = {
	.id = PROV_USDT, .name = "usdt", .aliases = "U", .doc = "user static probe",
	.prog_type = BPF_PROG_TYPE_KPROBE, .access = ACC_ARGN | ACC_CTX | ACC_REG, .ptr_as = AS_USER,
	.has_pt_regs = true, .expand = usdt_expand, .load_args = parts_load_regs,
	.type = debug_type, .constant = debug_constant, .symbol = object_find,
};
