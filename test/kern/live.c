/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On the running kernel, as far as it lets us: every struct and enum of its BTF as libbpf reads it, every tracepoint's
 * format, the symbol table against itself, and that nothing is opened before it is asked for.
 */
#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "kern/kern_priv.h"
#include "kern/sys.h"
#include "sema/provider.h"

static struct check c = { .suite = "kern" };

static unsigned open_files(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void test_lazy(void)
{
	struct arena a;
	arena_init(&a);
	unsigned before = open_files();
	struct kern *k = kern_open(&a);
	struct facts *f = kern_facts(k);
	/* What every program may do: no file is read for it. */
	CHECK(&c, f->ops->type(f, 't', STR("int")) && f->ops->type(f, 't', STR("u64")) && f->ops->type(f, 0, STR("unsigned long")));
	CHECK(&c, !k->btf_tried && !k->tracefs_tried && !k->syms_tried && open_files() == before);
	bool probed = false;
	for (unsigned i = 0; i < FEAT_COUNT; i++)
		probed |= k->has[i] != 0;
	CHECK(&c, !probed && a.used < 8192);
	kern_close(k);
	arena_fini(&a);
}

/* Ours against libbpf's, by id. Only what ours must leave out may be missing: nothing, in the kernel's own BTF. */
static void test_btf(struct kern *k, struct kbtf *b)
{
	struct btf *oracle = btf__parse_raw("/sys/kernel/btf/vmlinux");
	if (!check_true(&c, "libbpf reads the kernel's BTF", oracle != NULL))
		return;
	CHECK(&c, btf__type_cnt(oracle) == b->n);
	unsigned structs = 0, members = 0, wrong = 0, enums = 0, sizes = 0;
	for (uint32_t id = 1; id < b->n; id++) {
		const struct btf_type *o = btf__type_by_id(oracle, id);
		uint32_t kind = btf_kind(o);
		if (strcmp(btf__name_by_offset(oracle, o->name_off), kbtf_name(b, id)) || kind != kbtf_kind(b, id))
			wrong++;
		if (kind == KB_ENUM || kind == KB_ENUM64) {
			struct type *t = kbtf_make(b, id);
			bool ok = kbtf_complete(b, t) && t->values.n == btf_vlen(o) && t->size == o->size;
			if (ok && kind == KB_ENUM && t->values.n)
				ok = (int32_t)t->values.v[t->values.n - 1].value == btf_enum(o)[t->values.n - 1].val;
			wrong += !ok;
			enums++;
		}
		if (kind == KB_PTR || kind == KB_INT || kind == KB_ARRAY || kind == KB_TYPEDEF) {
			struct type *t = kbtf_make(b, id);
			int64_t size = btf__resolve_size(oracle, id);
			if (size > 0 && t->kind != T_VOID && t->kind != T_FUNC && t->size != size && size < 1 << 28) {
				printf("  size of %u: %u, not %lld\n", id, t->size, (long long)size);
				wrong++;
			}
			sizes++;
		}
		if (kind != KB_STRUCT && kind != KB_UNION)
			continue;
		struct type *t = kbtf_make(b, id);
		structs++;
		if (!kbtf_complete(b, t) || t->size != o->size || t->fields.n != btf_vlen(o)) {
			printf("  %s %u: %u of %u members\n", kbtf_name(b, id), id, t->fields.n, btf_vlen(o));
			wrong++;
			continue;
		}
		for (uint32_t i = 0; i < t->fields.n; i++) {
			const struct field *f = &t->fields.v[i];
			uint32_t bits = btf_member_bitfield_size(o, i), at = f->offset * 8 + f->bit_offset;
			members++;
			if (at != btf_member_bit_offset(o, i) || f->bit_size != bits ||
			    !str_is(f->name, btf__name_by_offset(oracle, btf_members(o)[i].name_off)) ||
			    f->bit_offset + f->bit_size > f->type->size * 8 * (bits != 0) || (bits && f->offset + f->type->size > t->size)) {
				printf("  %s.%.*s at %u+%u\n", kbtf_name(b, id), STR_FMT(f->name), at, f->bit_size);
				wrong++;
			}
		}
	}
	CHECK(&c, wrong == 0);
	CHECK(&c, structs > 1000 && members > 10000 && enums > 100 && sizes > 1000);

	static const char *const names[] = { "task_struct", "file", "dentry", "sock_common", "mm_struct", "cred", "request" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		int32_t id = btf__find_by_name_kind(oracle, names[i], BTF_KIND_STRUCT);
		check_true(&c, names[i], id < 0 || (uint32_t)id == kbtf_find(b, 1u << KB_STRUCT, str_of(names[i])));
	}
	struct facts *f = kern_facts(k);
	struct type *t = f->ops->type(f, 's', STR("task_struct"));
	const struct field *pid = t && f->ops->complete(f, t) ? type_field(t, STR("pid"), NULL) : NULL;
	CHECK(&c, pid && pid->type->size == 4 && pid->type->is_signed);
	const struct facts_func *fn = f->ops->raw_tracepoint(f, STR(""), STR("sched_switch"));
	CHECK(&c, fn && fn->params.n >= 3 && str_is(fn->params.v[1].name, "prev") && str_is(fn->params.v[2].name, "next"));
	btf__free(oracle);
}

static void test_iter(struct kern *k)
{
	struct facts *f = kern_facts(k);
	uint32_t id = 0;
	struct type *t = f->ops->iter(f, STR("task"), &id);
	CHECK(&c, t && id && f->ops->complete(f, t) && type_field(t, STR("task"), NULL));
}

struct tally {
	struct kern *k;
	const char *dir;
	unsigned listed, fields, wrong;
};
static void tally_event(void *arg, const char *name)
{
	struct tally *t = arg;
	const char *colon = strchr(name, ':');
	char path[512];
	uint64_t id = 0;
	if (!colon)
		return;
	t->listed++;
	struct facts *f = kern_facts(t->k);
	struct type *ty = f->ops->tracepoint(f, (struct str){ name, (uint32_t)(colon - name) }, str_of(colon + 1), &id);
	snprintf(path, sizeof(path), "%s/events/%.*s/%s/format", t->dir, (int)(colon - name), name, colon + 1);
	FILE *file = fopen(path, "re");
	char line[1024];
	unsigned want = 0, end = 0;
	while (file && fgets(line, sizeof(line), file)) {
		const char *p = strstr(line, "field:"), *off = strstr(line, "offset:"), *size = strstr(line, "size:");
		if (strncmp(line, "print fmt", 9) == 0)
			break;
		if (!p || !off || !size || strstr(line, " common_"))
			continue;
		want++;
		unsigned e = (unsigned)atoi(off + 7) + (unsigned)atoi(size + 5);
		end = e > end ? e : end;
	}
	if (!file)
		return; /* gone since it was listed */
	fclose(file);
	bool ok = ty && id && ty->fields.n == want && ty->size == end;
	for (uint32_t i = 0; ok && i < ty->fields.n; i++) {
		const struct field *fd = &ty->fields.v[i];
		ok = fd->name.len && (fd->data_loc || fd->rel_loc || fd->offset + fd->type->size <= end) && fd->type->kind != T_VOID;
		t->fields++;
	}
	if (!ok) {
		printf("  %s: %u fields, %u expected\n", name, ty ? ty->fields.n : 0, want);
		t->wrong++;
	}
}

static void count_name(void *arg, const char *name)
{
	++*(unsigned *)arg;
}

static void test_tracefs(struct kern *k)
{
	const char *why = NULL, *dir = kern_tracefs(k, &why);
	if (!dir) {
		check_true(&c, "without tracefs there is a reason", why && *why);
		printf("SKIP tracefs: %s\n", why);
		return;
	}
	struct facts *f = kern_facts(k);
	struct tally t = { .k = k, .dir = dir };
	int n = f->ops->list(f, PROV_TRACEPOINT, "*", tally_event, &t);
	CHECK(&c, n > 50 && t.listed == (unsigned)n && t.fields > 100 && t.wrong == 0);
	unsigned some = 0, one = 0, none = 0;
	CHECK(&c, f->ops->list(f, PROV_TRACEPOINT, "sched:sched_process_*", count_name, &some) >= 3 && some >= 3);
	CHECK(&c, f->ops->list(f, PROV_TRACEPOINT, "sched:sched_switch", count_name, &one) == 1);
	CHECK(&c, f->ops->list(f, PROV_TRACEPOINT, "sched:../sched/sched_switch", count_name, &none) == 0 && none == 0);
	CHECK(&c, f->ops->list(f, PROV_TRACEPOINT, "sched:no_such_event", count_name, &none) == 0);
	CHECK(&c, !f->ops->tracepoint(f, STR("sched"), STR("no_such_event"), NULL));
}

static void test_symbols(struct kern *k)
{
	struct ksyms *s = ksyms_open("/proc/kallsyms");
	if (!s || ksyms_restricted(s)) {
		puts("SKIP kallsyms: the kernel hides its addresses");
		ksyms_close(s);
		return;
	}
	static const char *const names[] = { "vfs_read", "schedule", "do_exit", "kfree" };
	unsigned found = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t addr = ksyms_address(s, names[i]), off = 1;
		if (!addr)
			continue;
		found++;
		const char *back = ksyms_name(s, addr + 3, &off, NULL);
		check_true(&c, names[i], back && off == 3 && ksyms_address(s, back) == addr);
	}
	CHECK(&c, found >= 2);
	CHECK(&c, kern_symbol_address(k, "vfs_read") == ksyms_address(s, "vfs_read"));
	ksyms_close(s);
}

static void test_cpus(void)
{
	uint32_t cpus[4096];
	int possible = sys_possible_cpus(), online = sys_online_cpus(cpus, 4096);
	CHECK(&c, possible >= 1 && online >= 1 && online <= possible && (long)online == sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(&c, sys_online_cpus(cpus, 1) == 1);
	CHECK(&c, sys_refusal(-EPERM) && sys_refusal(EPERM) && sys_refusal(-ENOMEM) && !sys_refusal(0) && !strchr(sys_refusal(-EPERM), '\n'));
}

/* System calls: what goes in comes out. */
static void test_sys(void)
{
	int fd = sys_map_create(BPF_MAP_TYPE_HASH, "a strange-name, and too long", 4, 8, 8, 0);
	if (fd < 0) {
		printf("SKIP bpf: %s\n", sys_refusal(fd) ? sys_refusal(fd) : "refused");
		return;
	}
	uint32_t keys[8], batch, count = 8;
	uint64_t values[8] = { 0 }, v;
	for (uint32_t i = 0; i < 5; i++) {
		v = i * 100;
		CHECK(&c, sys_map_update(fd, &i, &v, 0) == 0);
	}
	uint32_t key = 3;
	CHECK(&c, sys_map_lookup(fd, &key, &v) == 0 && v == 300);
	CHECK(&c, sys_map_delete(fd, &key) == 0 && sys_map_lookup(fd, &key, &v) == -ENOENT && sys_map_delete(fd, &key) == -ENOENT);
	CHECK(&c, sys_map_next_key(fd, NULL, &key) == 0 && key < 5);
	int r = sys_map_lookup_batch(fd, NULL, &batch, keys, values, &count);
	if (r != -EINVAL) { /* kernels before 5.6 have no batches */
		unsigned bad = 0;
		for (uint32_t i = 0; i < count; i++)
			bad += values[i] != keys[i] * 100;
		CHECK(&c, r == -ENOENT && count == 4 && bad == 0);
		CHECK(&c, sys_map_delete_batch(fd, keys, &count) == 0 && count == 4);
		CHECK(&c, sys_map_next_key(fd, NULL, &key) == -ENOENT);
	}
	close(fd);
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 42 }, { .code = BPF_JMP | BPF_EXIT } };
	struct sys_prog p = { .type = BPF_PROG_TYPE_RAW_TRACEPOINT, .name = "answer", .license = "GPL", .insns = insns, .n_insns = 2 };
	struct sys_prog_info info = { 0 };
	uint32_t answer = 0;
	fd = sys_prog_load(&p);
	CHECK(&c, fd >= 0 && sys_prog_info(fd, &info) == 0 && info.id && info.xlated_insns >= 2 && info.run_cnt == 0);
	uint64_t ctx[2] = { 0 };
	CHECK(&c, sys_prog_test_run(fd, ctx, sizeof(ctx), &answer) == 0 && answer == 42);
	close(fd);
	char log[256];
	p.n_insns = 1;
	p.log = log;
	p.log_size = sizeof(log);
	p.log_level = 1;
	CHECK(&c, sys_prog_load(&p) < 0 && log[0]);
	CHECK(&c, sys_link_perf(-1, -1, 0) < 0 && sys_link_tracing(-1, 0, 0) < 0 && sys_link_raw_tracepoint(-1, "sched_switch", 1) < 0 &&
		  sys_iter_create(-1) < 0 && sys_prog_info(-1, &info) < 0);
}

int main(void)
{
	struct arena a;
	const char *why;
	test_lazy();
	arena_init(&a);
	struct kern *k = kern_open(&a);
	struct kbtf *b = kern_btf(k);
	if (b) {
		test_btf(k, b);
		test_iter(k);
	} else {
		check_true(&c, "without BTF there is a reason", k->btf_why && *k->btf_why);
		printf("SKIP btf: %s\n", k->btf_why);
	}
	test_tracefs(k);
	test_symbols(k);
	test_cpus();
	test_sys();
	/* A feature's answer stays. */
	for (unsigned i = 0; i < FEAT_COUNT; i++) {
		bool has = kern_has(k, (enum feature)i);
		check_true(&c, kern_feature_name((enum feature)i), k->has[i] == (has ? 1 : -1) && kern_has(k, (enum feature)i) == has);
	}
	CHECK(&c, kern_has(k, FEAT_BTF) == (b != NULL) && kern_has(k, FEAT_TRACEFS) == (kern_tracefs(k, &why) != NULL));
	unsigned before = open_files();
	kern_close(k);
	CHECK(&c, open_files() == before);
	arena_fini(&a);
	return check_end(&c);
}
