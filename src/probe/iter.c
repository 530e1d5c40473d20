/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iter:NAME: the kernel's objects of one kind, one by one. The program is attached to the kernel's function bpf_iter_NAME; the session
 * creates the iterator and reads it to its end, which is what makes the kernel walk. `ctx` is a trusted struct bpf_iter_NAME.
 * iter:NAME:FILE is pinned instead, below /sys/fs/bpf unless FILE is a path, and runs whenever somebody reads that file.
 */
#include <errno.h>

#include "probe/probe_priv.h"

static int iter_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		       attach_each *each, void *arg)
{
	struct facts *f = env->facts;
	uint32_t btf_id = 0;
	if (!parts_count(p, env, n, 1, 2, span))
		return -1;
	if (parts_has_wildcard(parts[0]))
		return parts_bad(env, span, "iter probe type does not support wildcards");
	struct type *ctx = f->ops->iter(f, parts[0], &btf_id);
	if (!ctx) {
		parts_bad(env, span, "iter %.*s not available for your kernel version.", STR_FMT(parts[0]));
		if (!f->ops->has(f, FEAT_BTF))
			diag_hint(env->diags, "iterators need the kernel's BTF, and there is no /sys/kernel/btf/vmlinux");
		return -ENOENT;
	}
	struct attach_point *ap = parts_place(env, p, span);
	ap->name = str_of(arena_printf(env->arena, "iter:%.*s", STR_FMT(parts[0])));
	ap->func = parts[0];
	if (n == 2 && parts[1].len)
		ap->pin = parts[1].s[0] == '/' ? parts[1] : str_of(arena_printf(env->arena, "/sys/fs/bpf/%.*s", STR_FMT(parts[1])));
	ap->btf_id = btf_id;
	ap->ctx = ctx;
	each(arg, ap);
	return 1;
}

const struct provider provider_iter = {
	.id = PROV_ITER, .name = "iter", .aliases = "it", .doc = "kernel objects, one by one",
	.prog_type = BPF_PROG_TYPE_TRACING, .attach_type = TYPE_TRACE_ITER, .access = ACC_CTX, .ptr_as = AS_BTF,
	.expand = iter_expand,
};
