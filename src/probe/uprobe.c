/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uprobe and uretprobe: functions of programs and libraries.
 *
 *	TARGET:FUNCTION[+OFFSET]    with wildcards
 *	TARGET:ADDRESS              as the file's symbols count
 *	TARGET:cpp:NAME             a name of C++
 *	TARGET@FILE:LINE[:COLUMN]   where the code of a source line begins
 *
 * The target is a path, a program in PATH or a library by its short name (target.c); it may have wildcards; with -p
 * it may be left out, and everything is looked up in that process's file system. What is looked for in each file is
 * site.c's.
 */
#include <ctype.h>
#include <errno.h>

#include "probe/site.h"

/* FUNCTION, FUNCTION+OFFSET or ADDRESS. */
static int uprobe_function(struct site *u, struct str f)
{
	struct provider_env *env = u->env;
	bool ret = u->p->id == PROV_URETPROBE;
	if (f.len == 0)
		return parts_bad(env, u->span, "%s should be attached to a function, address, or source file and line (using DWARF)", u->p->name);
	if (isdigit((unsigned char)f.s[0])) {
		if (!parts_number(f, &u->address))
			return parts_bad(env, u->span, "Invalid address: %.*s", STR_FMT(f));
		u->kind = SITE_ADDRESS;
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
			return parts_bad(env, u->span, "%s should be attached to a function, address, or source file and line (using DWARF)", u->p->name);
	}
	u->func = arena_strndup(env->arena, f.s, f.len);
	u->kind = parts_has_wildcard(f) ? SITE_PATTERN : SITE_NAME;
	if (u->kind == SITE_PATTERN && u->has_offset)
		return parts_bad(env, u->span, "Cannot use wildcards with a function offset");
	return 0;
}

/* The parts behind "cpp:", which splitting at colons has taken apart. */
static const char *uprobe_join(struct arena *a, const struct str *parts, uint32_t n)
{
	const char *s = arena_strndup(a, parts[0].s, parts[0].len);
	for (uint32_t i = 1; i < n; i++)
		s = arena_printf(a, "%s:%.*s", s, STR_FMT(parts[i]));
	return s;
}

/* TARGET@FILE:LINE[:COLUMN]. An '@' may also be part of a file's name: then that file is there. */
static bool uprobe_is_line(struct provider_env *env, struct str target, uint32_t n)
{
	int err;
	if (n < 1 || n > 3 || !memchr(target.s, '@', target.len))
		return false;
	return n == 1 || !sym_path_resolve(env->arena, sym_root(env->arena, env->pid), arena_strndup(env->arena, target.s, target.len), &err);
}

static int uprobe_line(struct site *u, const struct str *parts, uint32_t n, struct str *ret_target)
{
	struct provider_env *env = u->env;
	const char *at = memrchr(parts[0].s, '@', parts[0].len);
	struct str file = { at + 1, parts[0].len - (uint32_t)(at - parts[0].s) - 1 };
	uint64_t line = 0, column = 0;
	*ret_target = (struct str){ parts[0].s, (uint32_t)(at - parts[0].s) };
	if (u->p->id == PROV_URETPROBE)
		return parts_bad(env, u->span, "uretprobes can not be attached to a source line: a line does not return");
	if (file.len == 0 || n < 2 || !parts_number(parts[1], &line) || line == 0 || line > INT32_MAX ||
	    (n == 3 && (!parts_number(parts[2], &column) || column > INT32_MAX)))
		return parts_bad(env, u->span, "Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]");
	if (parts_has_wildcard(file))
		return parts_bad(env, u->span, "Cannot use wildcards with source code location");
	u->kind = SITE_LINE;
	u->source = arena_strndup(env->arena, file.s, file.len);
	u->line = (uint32_t)line;
	u->column = (uint32_t)column;
	return 0;
}

static int uprobe_parse(struct site *u, const struct str *parts, uint32_t n, struct str *ret_target)
{
	struct provider_env *env = u->env;
	*ret_target = STR("");
	if (n && uprobe_is_line(env, parts[0], n))
		return uprobe_line(u, parts, n, ret_target);
	if (n == 1 && env->pid > 0) /* with -p the target may be left out */
		return uprobe_function(u, parts[0]);
	if (n > 2 && str_is(parts[1], "cpp")) {
		*ret_target = parts[0];
		u->kind = SITE_CPP;
		u->func = uprobe_join(env->arena, parts + 2, n - 2);
		return *u->func ? 0 : parts_bad(env, u->span, "%s should be attached to a function and/or address", u->p->name);
	}
	if (!parts_count(u->p, env, n, 2, 3, u->span))
		return -EINVAL;
	if (n == 3)
		return parts_bad(env, u->span, "unsupported language type: %.*s", STR_FMT(parts[1]));
	*ret_target = parts[0];
	return uprobe_function(u, parts[1]);
}

static int uprobe_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			 attach_each *each, void *arg)
{
	struct site u = { .p = p, .env = env, .span = span, .each = each, .arg = arg };
	struct target_files files = { 0 };
	struct str target;
	int r = uprobe_parse(&u, parts, n, &target);
	if (r < 0)
		return r;
	u.many = target.len == 0 || parts_has_wildcard(target);
	if (u.kind == SITE_ADDRESS && u.many)
		return parts_bad(env, span, "Cannot use wildcards with absolute address");
	if (u.kind == SITE_LINE && parts_has_wildcard(target))
		return parts_bad(env, span, "Cannot use wildcards with source code location");
	if (target.len == 0 && env->pid <= 0)
		return parts_bad(env, span, "%s needs a target: a program, a library, or a process (-p)", p->name);
	r = target_find(p, env, target, span, &files);
	for (uint32_t i = 0; r >= 0 && i < files.list.n; i++) {
		u.file = &files.list.v[i];
		r = site_file(&u);
	}
	return r < 0 ? r : (int)u.count;
}

const struct provider provider_uprobe = {
	.id = PROV_UPROBE, .name = "uprobe", .aliases = "u", .doc = "user function entry",
	.prog_type = BPF_PROG_TYPE_KPROBE, .access = ACC_ARGS | ACC_ARGN | ACC_CTX | ACC_FUNC | ACC_REG, .ptr_as = AS_USER, .has_pt_regs = true,
	.expand = uprobe_expand, .load_args = debug_load_args, .type = debug_type, .constant = debug_constant, .symbol = object_find,
};
const struct provider provider_uretprobe = {
	.id = PROV_URETPROBE, .name = "uretprobe", .aliases = "ur", .doc = "user function return",
	.prog_type = BPF_PROG_TYPE_KPROBE, .access = ACC_RETVAL | ACC_CTX | ACC_FUNC | ACC_REG, .ptr_as = AS_USER, .has_pt_regs = true,
	.expand = uprobe_expand, .load_args = debug_load_args, .type = debug_type, .constant = debug_constant, .symbol = object_find,
};
