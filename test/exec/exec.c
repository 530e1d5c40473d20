/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec [-c] FILE FIXTURE: compile a program with the pinned kernel's facts and run its `begin` clauses in the interpreter,
 * with maps, rings and helpers of our own; print what printf and print send, exactly as the session would. So the
 * whole compiler is tested without a kernel; test/exec/run compares the output with the expected one and, where it can, with the
 * kernel's. With -c: only compile, all clauses, and say what went wrong (test/lower).
 *
 * Helpers read only memory that they know: a stray address fails as it does in the kernel.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bpf/code.h"
#include "ir/lower.h"
#include "kern/kern.h"
#include "out/out.h"
#include "probe/probe.h"

enum { CPUS = 1, ENTRIES = 65536 };

struct entry {
	uint8_t *key, *value;
	bool used;
};
struct hostmap {
	struct entry *e;
	uint32_t n, live;
};
struct host {
	struct arena arena;
	struct module m;
	struct hostmap *maps;
	uint8_t *data;
	struct buf ring;        /* records: u32 size, bytes */
	uint8_t *reserved;
	uint32_t reserved_size;
	uint64_t now, random;
	bool exited;
};

static void *host_map_value(void *h, uint32_t index, uint32_t *ret_size)
{
	struct host *x = h;
	*ret_size = x->m.data_size;
	return index == 0 ? x->data : NULL;
}

static bool host_in(const void *p, uint32_t n, const uint8_t *base, uint32_t size)
{
	return base && (const uint8_t *)p >= base && (const uint8_t *)p + n <= base + size;
}

/* Values and keys of hash maps, and the reserved record. */
static bool host_mem_ok(void *h, const void *p, uint32_t n, bool write)
{
	struct host *x = h;
	if (host_in(p, n, x->reserved, x->reserved_size) || host_in(p, n, x->data, x->m.data_size))
		return true;
	for (uint32_t i = 3; i < x->m.maps.n; i++) {
		const struct module_map *mm = &x->m.maps.v[i];
		for (uint32_t k = 0; k < x->maps[i].n; k++) {
			const struct entry *e = &x->maps[i].e[k];
			if (host_in(p, n, e->value, mm->value_size) || (!write && host_in(p, n, e->key, mm->key_size)))
				return true;
		}
	}
	return false;
}

static struct entry *host_find(struct host *x, uint32_t map, const void *key)
{
	for (uint32_t k = 0; k < x->maps[map].n; k++)
		if (x->maps[map].e[k].used && !memcmp(x->maps[map].e[k].key, key, x->m.maps.v[map].key_size))
			return &x->maps[map].e[k];
	return NULL;
}

static int64_t host_update(struct host *x, uint32_t map, const void *key, const void *value, uint64_t flags)
{
	const struct module_map *mm = &x->m.maps.v[map];
	struct hostmap *hm = &x->maps[map];
	struct entry *e = host_find(x, map, key);
	if (e && flags == 1)
		return -17;
	if (!e) {
		if (hm->live >= mm->max_entries || hm->n >= ENTRIES)
			return -7;
		hm->e = arena_grow(&x->arena, hm->e, sizeof(*e) * hm->n, sizeof(*e) * (hm->n + 1));
		e = &hm->e[hm->n++];
		e->key = arena_dup(&x->arena, key, mm->key_size);
		e->value = arena_alloc(&x->arena, mm->value_size);
		e->used = true;
		hm->live++;
	}
	memcpy(e->value, value, mm->value_size);
	return 0;
}

static void host_record(struct host *x, const void *p, uint32_t n)
{
	buf_add(&x->ring, &n, 4);
	buf_add(&x->ring, p, n);
}

static bool host_readable(struct bpf_interp *in, uint64_t addr, uint64_t n)
{
	struct host *x = in->host;
	const uint8_t *stack = (const uint8_t *)__builtin_frame_address(0);
	/* the interpreter's frames lie on our stack, above us; the rest is what mem_ok knows */
	bool mine = (const uint8_t *)(uintptr_t)addr > stack && (const uint8_t *)(uintptr_t)addr < stack + (1 << 20);
	return mine || host_mem_ok(x, (const void *)(uintptr_t)addr, (uint32_t)n, false);
}

static int64_t host_read(struct bpf_interp *in, const uint64_t a[5])
{
	if (!host_readable(in, a[2], a[1])) {
		memset((void *)(uintptr_t)a[0], 0, a[1]);
		return -14;
	}
	memmove((void *)(uintptr_t)a[0], (const void *)(uintptr_t)a[2], a[1]);
	return 0;
}

static int64_t host_read_str(struct bpf_interp *in, const uint64_t a[5])
{
	char *to = (char *)(uintptr_t)a[0];
	const char *from = (const char *)(uintptr_t)a[2];
	if (a[1] == 0)
		return 0;
	for (uint64_t k = 0; k < a[1]; k++) {
		if (!host_readable(in, a[2] + k, 1)) {
			memset(to, 0, a[1]);
			return -14;
		}
		to[k] = from[k];
		if (!from[k])
			return (int64_t)k + 1;
	}
	to[a[1] - 1] = '\0';
	return (int64_t)a[1];
}

static int64_t host_for_each(struct bpf_interp *in, uint32_t map, const uint64_t a[5])
{
	struct host *x = in->host;
	int64_t visited = 0;
	for (uint32_t k = 0; k < x->maps[map].n; k++) {
		struct entry e = x->maps[map].e[k];
		uint64_t r, args[5] = { a[0], (uint64_t)(uintptr_t)e.key, (uint64_t)(uintptr_t)e.value, a[2] };
		if (!e.used)
			continue;
		visited++;
		if (bpf_interp_callback(in, a[1], args, &r) || r)
			break;
	}
	return visited;
}

static uint64_t host_helper(struct bpf_interp *in, int id, uint64_t a[5])
{
	struct host *x = in->host;
	uint32_t map = (uint32_t)a[0];
	struct entry *e;
	switch (id) {
	case 1:
		e = host_find(x, map, (void *)(uintptr_t)a[1]);
		return e ? (uint64_t)(uintptr_t)e->value : 0;
	case 195:
		e = a[2] < CPUS ? host_find(x, map, (void *)(uintptr_t)a[1]) : NULL;
		return e ? (uint64_t)(uintptr_t)e->value : 0;
	case 2:
		return (uint64_t)host_update(x, map, (void *)(uintptr_t)a[1], (void *)(uintptr_t)a[2], a[3]);
	case 3:
		e = host_find(x, map, (void *)(uintptr_t)a[1]);
		if (!e)
			return (uint64_t)-2;
		e->used = false;
		x->maps[map].live--;
		return 0;
	case 5: case 125: case 208: return x->now += 1000;
	case 7: return (uint32_t)(x->random = x->random * 6364136223846793005ull + 1442695040888963407ull);
	case 8: case 42: return 0;
	case 14: return 1000ull << 32 | 1001;
	case 15: return 0;
	case 16:
		memset((void *)(uintptr_t)a[0], 0, a[1]);
		memcpy((void *)(uintptr_t)a[0], "interp", a[1] < 7 ? a[1] : 7);
		return 0;
	case 35: case 158: return 0;
	case 80: return 1;
	case 112: case 113: return (uint64_t)host_read(in, a);
	case 114: case 115: return (uint64_t)host_read_str(in, a);
	case 118: return 4711;
	case 130:
		host_record(x, (void *)(uintptr_t)a[1], (uint32_t)a[2]);
		return 0;
	case 131:
		x->reserved = arena_alloc(&x->arena, a[1]);
		x->reserved_size = (uint32_t)a[1];
		memset(x->reserved, 0xa5, a[1]); /* what a ring holds: whatever was there */
		return (uint64_t)(uintptr_t)x->reserved;
	case 132:
		host_record(x, (void *)(uintptr_t)a[0], x->reserved_size);
		return 0;
	case 164: return (uint64_t)host_for_each(in, map, a);
	case 181:
		for (uint64_t k = 0; k < a[0]; k++) {
			uint64_t r, args[5] = { k, a[2] };
			if (bpf_interp_callback(in, a[1], args, &r) || r)
				return k + 1;
		}
		return a[0];
	default:
		in->error = "a helper that the test does not have";
		return 0;
	}
}

static void exec_record(struct host *x, const struct out_env *env, const uint8_t *p, uint32_t n)
{
	uint32_t head[2];
	struct buf b = { 0 };
	if (n < 8)
		return;
	memcpy(head, p, 8);
	if (head[0] >= x->m.events.n)
		return;
	const struct event *ev = &x->m.events.v[head[0]];
	uint32_t len = head[1] < n - 8 ? head[1] : n - 8;
	switch (ev->kind) {
	case EV_PRINTF:
		out_format(env, ev, p + 8, len, &b);
		break;
	case EV_PRINT: {
		const struct event_arg *a = &ev->args.v[0];
		struct event one = *ev;
		(void)a;
		one.fmt = STR("%s\n");
		out_format(env, &one, p + 8, len, &b);
		break;
	}
	case EV_EXIT:
		x->exited = true;
		break;
	default:
		buf_adds(&b, "(another event)\n");
	}
	fwrite(b.s ? b.s : "", 1, b.len, stdout);
	buf_fini(&b);
}

static char *exec_slurp(struct arena *a, const char *path)
{
	FILE *f = fopen(path, "re");
	struct buf b = { 0 };
	char chunk[4096];
	size_t n;
	if (!f)
		return NULL;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&b, chunk, n);
	fclose(f);
	char *text = arena_strndup(a, b.s ? b.s : "", b.len);
	buf_fini(&b);
	return text;
}

static int exec_diagnose(const struct diags *d)
{
	struct buf b = { 0 };
	diag_render(d, &b, false, false);
	fputs(b.s ? b.s : "failed\n", stderr);
	buf_fini(&b);
	return 1;
}

static int exec_compile(struct host *x, struct diags *d, const char *path, const char *fixture, struct bpf_code ***ret)
{
	const char *err = NULL, *text = exec_slurp(&x->arena, path), *kernel = exec_slurp(&x->arena, fixture);
	struct sema sema = { 0 };
	if (!text || !kernel) {
		fprintf(stderr, "cannot read %s\n", text ? fixture : path);
		return 1;
	}
	struct facts *facts = facts_fixture(&x->arena, kernel, &err);
	if (!facts) {
		fprintf(stderr, "%s: %s\n", fixture, err);
		return 1;
	}
	uint32_t src = diags_add_source(d, str_of(path), str_of(text));
	struct node *tree = parse_program(&x->arena, d, src);
	struct sema_env env = { .arena = &x->arena, .diags = d, .facts = facts, .providers = &probe_providers, .ncpus = CPUS, .name = path };
	env.prov = (struct provider_env){ .facts = facts, .diags = d, .arena = &x->arena };
	struct lower_options lo = { .ncpus = CPUS };
	if (d->n_errors || sema_run(&env, tree, &sema) || d->n_errors || lower_module(&env, &sema, &lo, &x->m) || d->n_errors)
		return exec_diagnose(d);
	struct bpf_target target = { .alu32 = true, .atomics = true, .cpu_v4 = true };
	*ret = arena_array(&x->arena, struct bpf_code *, x->m.progs.n + 1);
	for (uint32_t i = 1; i < x->m.funcs.n; i++) {
		struct pass_options po = { .skip = getenv("EXEC_SKIP") }; /* test/fuzz/run: what the passes change must not be seen */
		const char *bad = ir_verify(x->m.funcs.v[i]);
		if (!bad)
			bad = ir_optimise(x->m.funcs.v[i], &po);
		if (bad) {
			fprintf(stderr, "%s: %s\n", x->m.funcs.v[i]->name, bad);
			return 1;
		}
	}
	for (uint32_t i = 0; i < x->m.progs.n; i++) {
		(*ret)[i] = bpf_compile(&x->arena, x->m.funcs.v, x->m.funcs.n, x->m.progs.v[i].fn, &target, &err);
		if (!(*ret)[i]) {
			fprintf(stderr, "%s\n", err);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool only = argc == 4 && !strcmp(argv[1], "-c");
	struct host x = { .now = 1000000, .random = 1 };
	struct diags d;
	struct bpf_code **codes;
	jmp_buf oom;
	if (argc != 3 && !only)
		return 2;
	arena_init(&x.arena);
	diags_init(&d, &x.arena);
	x.arena.oom = &oom;
	if (setjmp(oom)) {
		fputs("out of memory\n", stderr);
		return 1;
	}
	if (exec_compile(&x, &d, argv[argc - 2], argv[argc - 1], &codes))
		return 1;
	x.data = arena_alloc(&x.arena, x.m.data_size);
	memcpy(x.data + x.m.rodata_off, x.m.rodata.s, x.m.rodata.len);
	x.maps = arena_array(&x.arena, struct hostmap, x.m.maps.n);
	struct out_env env = { .module = &x.m, .trunc_trailer = STR("..") };
	for (uint32_t i = 0; i < x.m.progs.n && !only; i++) {
		uint64_t ctx[12] = { 0 }, r0;
		if (x.m.attaches.v[x.m.progs.v[i].attach.v[0]]->provider != PROV_BEGIN)
			continue;
		struct bpf_interp in = { .ctx = ctx, .ctx_size = sizeof(ctx), .map_value = host_map_value, .helper = host_helper,
					 .mem_ok = host_mem_ok, .host = &x, .max_insns = 10000000 };
		if (bpf_interp_run(&in, codes[i], &r0)) {
			fprintf(stderr, "interpreter: %s at instruction %u\n", in.error ? in.error : "failed", in.error_insn);
			return 1;
		}
		for (size_t at = 0; at + 4 <= x.ring.len;) {
			uint32_t n;
			memcpy(&n, x.ring.s + at, 4);
			exec_record(&x, &env, (const uint8_t *)x.ring.s + at + 4, n);
			at += 4 + n;
		}
		buf_clear(&x.ring);
	}
	buf_fini(&x.ring);
	buf_fini(&x.m.rodata);
	arena_fini(&x.arena);
	return 0;
}
