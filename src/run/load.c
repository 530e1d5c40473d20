/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into the kernel: maps, then programs.
 *
 * Only what a program refers to (its relocations say so) is created: a program that prints nothing has no ring, one that
 * counts nothing in a hash has no hash. Hashes are preallocated, which is the kernel's default: insertion then
 * works in every context and never allocates in a traced path.
 *
 * BTF is loaded only where the kernel asks for it (callbacks need their function's type). A program is loaded without a log
 * first; only when it is refused, once more with one, for log.c to explain.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "run/run.h"

#ifndef BPF_PSEUDO_KFUNC_CALL
#define BPF_PSEUDO_KFUNC_CALL 2
#endif

enum { MAP_DATA = 0, MAP_RING = 1, MAP_CONTROL = 2 };

const char *load_name(const struct session *s, uint32_t prog)
{
	const struct module_prog *p = &s->module.progs.v[prog];
	return p->attach.n ? s->module.attaches.v[p->attach.v[0]]->name.s : "?";
}

/* Names of kernel objects: 15 characters of a small alphabet; the end of a long name says more than its beginning. */
static void load_object_name(char *ret, const char *name, size_t len)
{
	size_t n = 0, skip = len > 15 ? len - 15 : 0;
	for (size_t i = skip; i < len; i++)
		ret[n++] = isalnum((unsigned char)name[i]) ? name[i] : '_';
	ret[n] = '\0';
}

/* Does a program send a few records at most, and seldom? It runs by a timer, at the begin or end, and has no loop. */
static bool load_is_seldom(const struct session *s, uint32_t prog)
{
	const struct module_prog *mp = &s->module.progs.v[prog];
	const struct bpf_code *c = s->codes[prog];
	if (c->subprogs.n > 1)
		return false;
	for (uint32_t i = 0; i < mp->attach.n; i++) {
		enum provider_id p = s->module.attaches.v[mp->attach.v[i]]->provider;
		if (p != PROV_BEGIN && p != PROV_END && p != PROV_SELF && p != PROV_INTERVAL)
			return false;
	}
	const struct func *f = s->module.funcs.v[mp->fn];
	for (uint32_t i = 0; i < f->order.n; i++)
		if (f->blocks.v[f->order.v[i]].loop_depth)
			return false;
	return true;
}

/* A ring's size in bytes: what was configured, else by the free memory; a small one where few records are sent. */
static uint32_t load_ring_size(const struct session *s)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), want = (uint64_t)s->sema.config.perf_rb_pages * page, size = page;
	bool small = true;
	for (uint32_t i = 0; i < s->module.progs.n && small; i++) {
		const struct bpf_code *c = s->codes[i];
		bool sends = false;
		for (uint32_t j = 0; j < c->relocs.n; j++)
			sends |= c->relocs.v[j].kind == REL_MAP && c->relocs.v[j].index == MAP_RING;
		small = !sends || load_is_seldom(s, i);
	}
	if (!want) {
		struct sysinfo si;
		want = 64 * page;
		if (!small && !sysinfo(&si)) {
			uint64_t by_memory = (uint64_t)si.freeram * si.mem_unit / 4096;
			want = by_memory > want ? by_memory : want;
		}
		if (want > 4096 * page)
			want = 4096 * page;
	}
	if (want > 1U << 30)
		want = 1U << 30;
	while (size * 2 <= want)
		size *= 2;
	if (s->sema.config.perf_rb_pages && size < want && size < 1U << 30)
		size *= 2; /* configured: at least that */
	return (uint32_t)size;
}

static uint32_t load_control_size(const struct session *s)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	for (uint32_t i = 0; i < s->module.events.n; i++)
		if (s->module.events.v[i].kind == EV_PROCESS || s->module.events.v[i].kind == EV_UNWIND) /* they come in bursts */
			return 32 * page;
	return page;
}

static int load_map_failed(struct session *s, const struct module_map *m, int err)
{
	struct str name = m->name.len ? m->name : m->kind == MM_DATA ? STR("(data)") : m->kind == MM_STACK ? STR("(stacks)") :
			  m->kind == MM_PACKETS ? STR("(packets)") : STR("(ring)");
	const char *why = sys_refusal(err);
	diag_add(&s->diags, D_LOAD_MAP, (struct span){ 0 }, STR_FMT(name), strerror(-err));
	if (why)
		diag_hint(&s->diags, "%s", why);
	else if (err == -ENOMEM || err == -E2BIG)
		diag_hint(&s->diags, "max_map_keys (now %u) and the sizes of key and value decide its size", m->max_entries);
	return err;
}

static int load_hash(const struct module_map *m)
{
	static const uint32_t types[] = {
		[MM_HASH] = BPF_MAP_TYPE_HASH, [MM_LRU_HASH] = BPF_MAP_TYPE_LRU_HASH,
		[MM_STACK] = BPF_MAP_TYPE_HASH, [MM_PERCPU_HASH] = BPF_MAP_TYPE_PERCPU_HASH, [MM_LRU_PERCPU_HASH] = BPF_MAP_TYPE_LRU_PERCPU_HASH,
	};
	char name[16];
	if (m->name.len)
		load_object_name(name, m->name.s, m->name.len);
	else
		strcpy(name, m->kind == MM_STACK ? "stacks" : "processes");
	if (name[0] == '_' && m->name.len)
		name[0] = '.'; /* "@x" */
	return sys_map_create(types[m->kind], name, m->key_size, (m->value_size + 7) & ~7U, m->max_entries, 0);
}

/* A map that others have made and fill: it is opened to be read, and must be what the program's look-ups expect. */
static int load_pinned(struct session *s, const struct module_map *m, struct run_map *x)
{
	struct sys_map_info info;
	char why[96];
	char *path = strndup(m->name.s, m->name.len);
	int fd = path ? sys_map_pinned(path, &info) : -ENOMEM;
	bool hash = fd >= 0 && (info.type == BPF_MAP_TYPE_HASH || info.type == BPF_MAP_TYPE_LRU_HASH || info.type == BPF_MAP_TYPE_PERCPU_HASH ||
				info.type == BPF_MAP_TYPE_LRU_PERCPU_HASH);
	free(path);
	if (hash && info.key_size == m->key_size) {
		x->fd = fd;
		return 0;
	}
	if (fd >= 0 && !hash)
		snprintf(why, sizeof(why), "it is no hash (its type is %u)", info.type);
	else if (fd >= 0)
		snprintf(why, sizeof(why), "its keys have %u bytes; %u are expected", info.key_size, m->key_size);
	else
		snprintf(why, sizeof(why), "%s", fd == -EINVAL ? "it is no map" : strerror(-fd));
	diag_add(&s->diags, D_LOAD_PINNED, m->span, STR_FMT(m->name), why);
	if (fd >= 0)
		close(fd);
	return -EINVAL;
}

static int load_map(struct session *s, uint32_t i)
{
	struct module_map *m = &s->module.maps.v[i];
	struct run_map *x = &s->maps[i];
	int err = 0;
	if (m->kind == MM_GLOBAL || m->kind == MM_PERCPU || !x->used)
		return 0;
	switch (m->kind) {
	case MM_DATA:
		s->data_size = s->module.data_size;
		x->fd = sys_map_create(BPF_MAP_TYPE_ARRAY, "data", 4, s->module.data_size, 1, BPF_F_MMAPABLE);
		if (x->fd < 0)
			break;
		s->data = mmap(NULL, s->data_size, PROT_READ | PROT_WRITE, MAP_SHARED, x->fd, 0);
		if (s->data == MAP_FAILED) {
			s->data = NULL;
			err = -errno;
			break;
		}
		if (s->data)
			madvise(s->data, s->data_size, MADV_DONTFORK);
		memcpy(s->data + s->module.rodata_off, s->module.rodata.s, s->module.rodata.len);
		break;
	case MM_RING:
	case MM_CONTROL:
		m->max_entries = m->kind == MM_RING ? load_ring_size(s) : load_control_size(s);
		x->fd = sys_map_create(BPF_MAP_TYPE_RINGBUF, m->kind == MM_RING ? "events" : "control", 0, 0, m->max_entries, 0);
		if (x->fd >= 0)
			err = ring_open(m->kind == MM_RING ? &s->events : &s->control, x->fd, m->max_entries);
		break;
	case MM_PACKETS:
		m->max_entries = s->ncpus;
		x->fd = sys_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "packets", 4, 4, m->max_entries, 0);
		break;
	case MM_PINNED:
		return load_pinned(s, m, x);
	case MM_UNWIND_RULES:
	case MM_UNWIND_WORDS:
	case MM_UNWIND_FILES:
		x->fd = unwind_map_create(m);
		break;
	default:
		x->fd = load_hash(m);
		break;
	}
	if (x->fd < 0)
		err = x->fd;
	return err ? load_map_failed(s, m, err) : 0;
}

/* Mark what programs refer to. */
static void load_find_used(struct session *s)
{
	for (uint32_t i = 0; i < s->module.progs.n; i++) {
		const struct bpf_code *c = s->codes[i];
		for (uint32_t j = 0; j < c->relocs.n; j++)
			if (c->relocs.v[j].kind != REL_KFUNC && c->relocs.v[j].index < s->module.maps.n)
				s->maps[c->relocs.v[j].index].used = true;
	}
	/* Unkeyed maps live in the data map: which one a reference means is not told apart. */
	for (uint32_t i = 0; i < s->module.maps.n; i++)
		if (s->module.maps.v[i].kind == MM_GLOBAL || s->module.maps.v[i].kind == MM_PERCPU)
			s->maps[i].used = s->maps[MAP_DATA].used;
}

static void load_relocate(struct session *s, struct bpf_code *c)
{
	for (uint32_t j = 0; j < c->relocs.n; j++) {
		const struct bpf_reloc *r = &c->relocs.v[j];
		struct bpf_insn *in = &c->insns.v[r->insn];
		switch (r->kind) {
		case REL_MAP:
			in[0].src_reg = BPF_PSEUDO_MAP_FD;
			in[0].imm = s->maps[r->index].fd;
			in[1].imm = 0;
			break;
		case REL_MAPVAL:
			in[0].src_reg = BPF_PSEUDO_MAP_VALUE;
			in[0].imm = s->maps[r->index].fd;
			in[1].imm = (int32_t)r->addend;
			break;
		case REL_KFUNC:
			in->src_reg = BPF_PSEUDO_KFUNC_CALL;
			in->imm = (int32_t)r->index;
			in->off = 0;
			break;
		case REL_FUNC:
			break;
		}
	}
}

static int load_program(struct session *s, uint32_t i)
{
	const struct module_prog *mp = &s->module.progs.v[i];
	const struct attach_point *ap = mp->attach.n ? s->module.attaches.v[mp->attach.v[0]] : NULL;
	struct bpf_code *c = s->codes[i];
	struct bpf_btf btf = { 0 };
	struct str full = ap ? (ap->func.len ? ap->func : ap->name) : STR("sonde");
	char name[16];
	load_object_name(name, full.s, full.len);
	load_relocate(s, c);
	struct sys_prog p = { .type = mp->prog_type, .expected_attach_type = s->plan.steps.v[i].attach_type, .attach_btf_id = mp->btf_id,
			      .name = name, .license = s->module.license ? s->module.license : "GPL",
			      .insns = c->insns.v, .n_insns = c->insns.n };
	int module = -1;
	if (mp->btf_id && ap && ap->in_module && mp->prog_type == BPF_PROG_TYPE_TRACING) { /* the number is one of the module's BTF */
		module = sys_btf_module(arena_strndup(&s->arena, ap->target.s, ap->target.len));
		p.attach_btf_fd = module < 0 ? 0 : module;
	} else if (ap && ap->program.id && mp->prog_type == BPF_PROG_TYPE_TRACING) { /* the number is one of the program's own BTF */
		module = sys_prog_get(ap->program.id);
		p.attach_btf_fd = module < 0 ? 0 : module;
	}
	if (c->subprogs.n > 1) {
		int err = bpf_make_btf(&s->arena, c, s->module.funcs.v, &s->diags, &btf);
		p.btf_fd = err ? err : sys_btf_load(btf.btf, btf.btf_size, NULL, 0);
		if (p.btf_fd < 0) {
			if (module >= 0)
				close(module);
			log_report(s, i, p.btf_fd, NULL, 0);
			return p.btf_fd;
		}
		p.func_info = btf.func_info;
		p.n_func_info = btf.n_func_info;
		p.line_info = btf.line_info;
		p.n_line_info = btf.n_line_info;
	}
	int fd = sys_prog_load(&p);
	if (fd < 0) {
		p.log_size = s->sema.config.log_size < 4096 ? 4096 : s->sema.config.log_size;
		p.log = calloc(1, p.log_size);
		p.log_level = 1;
		int err = p.log ? sys_prog_load(&p) : fd;
		if (err < 0)
			log_report(s, i, fd, p.log, p.log_size);
		fd = err; /* with the log's buffer it may work the second time: out of memory before, or a race */
		free(p.log);
	}
	if (p.btf_fd > 0)
		close(p.btf_fd);
	if (module >= 0)
		close(module);
	return fd;
}

int load_function(struct session *s, uint32_t fn, const char *name)
{
	const char *why = NULL;
	struct bpf_code *c = bpf_compile(&s->arena, s->module.funcs.v, s->module.funcs.n, fn, &s->target, &why);
	if (!c)
		return -EINVAL;
	load_relocate(s, c);
	struct sys_prog p = { .type = BPF_PROG_TYPE_RAW_TRACEPOINT, .name = name, .license = s->module.license ? s->module.license : "GPL",
			      .insns = c->insns.v, .n_insns = c->insns.n };
	return sys_prog_load(&p);
}

int session_load(struct session *s)
{
	const struct module *m = &s->module;
	s->maps = arena_array(&s->arena, struct run_map, m->maps.n);
	s->prog_fds = arena_array(&s->arena, int, m->progs.n);
	for (uint32_t i = 0; i < m->maps.n; i++)
		s->maps[i].fd = -1;
	for (uint32_t i = 0; i < m->progs.n; i++)
		s->prog_fds[i] = -1;
	load_find_used(s);
	for (uint32_t i = 0; i < m->maps.n; i++) {
		int err = load_map(s, i);
		if (err)
			return err;
	}
	for (uint32_t i = 0; i < m->progs.n; i++) {
		int fd = load_program(s, i);
		if (fd < 0)
			return fd;
		s->prog_fds[i] = fd;
	}
	return 0;
}

void session_unload(struct session *s)
{
	for (uint32_t i = 0; s->prog_fds && i < s->module.progs.n; i++)
		if (s->prog_fds[i] >= 0)
			close(s->prog_fds[i]);
	ring_close(&s->events);
	ring_close(&s->control);
	if (s->data)
		munmap(s->data, s->data_size);
	s->data = NULL;
	for (uint32_t i = 0; s->maps && i < s->module.maps.n; i++)
		if (s->maps[i].fd >= 0)
			close(s->maps[i].fd);
	s->maps = NULL;
	s->prog_fds = NULL;
}
