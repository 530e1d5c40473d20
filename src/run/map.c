/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps of a program, from outside: reading, printing, clear(), zero().
 *
 * Keyed maps are kernel hash tables, read in batches of many elements a system call; per-CPU ones come with a value for each possible
 * CPU and are merged while they are read, so that only one merged value per key is ever held. Unkeyed maps
 * are regions of the data map, which is mapped: one shared (MM_GLOBAL), or one in each CPU's block (MM_PERCPU).
 *
 * Programs go on while we read. An element that is deleted meanwhile is missing or not; none is seen twice.
 */
#include <errno.h>
#include <stdlib.h>

#include "run/run.h"

enum { MAP_BATCH_BYTES = 1 << 20, MAP_BATCH_MAX = 16384 };

static uint32_t map_round8(uint32_t n)
{
	return (n + 7) & ~7U;
}

static bool map_is_hash(const struct module_map *m)
{
	return m->kind >= MM_HASH && m->kind <= MM_LRU_PERCPU_HASH;
}

static bool map_is_percpu(const struct module_map *m)
{
	return m->kind == MM_PERCPU_HASH || m->kind == MM_LRU_PERCPU_HASH;
}

void map_rows_fini(struct map_rows *r)
{
	free(r->rows);
	free(r->mem);
	*r = (struct map_rows){ 0 };
}

/* Merge the value as the kernel gives it (one, or one for each CPU) into `to`. */
static void map_merge(const struct session *s, const struct module_map *m, void *to, const uint8_t *from)
{
	uint32_t size = agg_size(m->value, m->value_size), stride = map_round8(m->value_size);
	memset(to, 0, size);
	for (uint32_t cpu = 0; cpu < (map_is_percpu(m) ? s->ncpus : 1); cpu++)
		agg_merge(m->value, to, from + (size_t)cpu * stride, size < m->value_size ? size : m->value_size);
}

/* -- unkeyed maps: regions of the data map -- */

static uint8_t *map_region(const struct session *s, const struct module_map *m, uint32_t cpu)
{
	const struct module *mod = &s->module;
	uint64_t off = m->kind == MM_GLOBAL ? m->offset : (uint64_t)mod->percpu_off + (uint64_t)cpu * mod->cpu_stride + m->offset;
	return s->data && off + m->value_size + (m->kind == MM_GLOBAL ? 1 : 0) <= s->data_size ? s->data + off : NULL;
}

static uint32_t map_n_regions(const struct session *s, const struct module_map *m)
{
	return m->kind == MM_GLOBAL ? 1 : s->module.ncpus_pow2;
}

static void map_read_region(const struct session *s, const struct module_map *m, uint8_t *ret)
{
	uint32_t size = agg_size(m->value, m->value_size);
	memset(ret, 0, size);
	for (uint32_t cpu = 0; cpu < map_n_regions(s, m); cpu++) {
		const uint8_t *p = map_region(s, m, cpu);
		if (p)
			agg_merge(m->value, ret, p, size < m->value_size ? size : m->value_size);
	}
}

static void map_wipe_region(const struct session *s, const struct module_map *m, bool gone)
{
	for (uint32_t cpu = 0; cpu < map_n_regions(s, m); cpu++) {
		uint8_t *p = map_region(s, m, cpu);
		if (p)
			memset(p, 0, m->value_size + (gone && m->kind == MM_GLOBAL ? 1 : 0));
	}
}

/* -- hash tables -- */

struct map_reader {
	const struct session *s;
	const struct module_map *m;
	struct map_rows *out;
	uint32_t cap, key_room;
};

static int map_row_add(struct map_reader *r, const uint8_t *key, const uint8_t *value)
{
	struct map_rows *o = r->out;
	if (o->n == r->cap) {
		uint32_t cap = r->cap ? r->cap * 2 : 64;
		uint8_t *mem = cap > r->cap ? realloc(o->mem, (size_t)cap * o->row_size) : NULL;
		if (!mem)
			return -ENOMEM;
		o->mem = mem;
		r->cap = cap;
	}
	uint8_t *row = o->mem + (size_t)o->n++ * o->row_size;
	memcpy(row, key, r->m->key_size);
	map_merge(r->s, r->m, row + r->key_room, value);
	return 0;
}

/* One system call for each element, for kernels without batches. */
static int map_read_each(struct map_reader *r, int fd, uint8_t *key, uint8_t *value)
{
	uint8_t *next = key + map_round8(r->m->key_size);
	bool first = true;
	/* A key that is deleted under us begins the walk anew; the bound keeps that finite. */
	for (uint64_t i = 0; i < 4ULL * r->m->max_entries + 16; i++) {
		int err = sys_map_next_key(fd, first ? NULL : key, next);
		if (err)
			return err == -ENOENT ? 0 : err;
		first = false;
		memcpy(key, next, r->m->key_size);
		err = sys_map_lookup(fd, key, value);
		if (!err)
			err = map_row_add(r, key, value);
		else if (err == -ENOENT)
			err = 0;
		if (err)
			return err;
	}
	return 0;
}

static int map_read_hash(struct map_reader *r, int fd)
{
	const struct module_map *m = r->m;
	size_t value_bytes = (size_t)map_round8(m->value_size) * (map_is_percpu(m) ? r->s->ncpus : 1);
	uint64_t room = MAP_BATCH_BYTES / (m->key_size + value_bytes) + 1, most = m->max_entries ? m->max_entries : 1;
	if (room > MAP_BATCH_MAX)
		room = MAP_BATCH_MAX;
	if (room < 64)
		room = 64;
	if (room > most + 8)
		room = most + 8;
	uint32_t token = 0;
	bool first = true;
	uint8_t *keys = NULL, *values = NULL;
	int err = 0;
	for (;;) {
		if (!keys) {
			keys = malloc(room * m->key_size + 2UL * map_round8(m->key_size));
			values = malloc(room * value_bytes);
			if (!keys || !values) {
				err = -ENOMEM;
				break;
			}
		}
		uint32_t n = (uint32_t)room, next = 0;
		err = sys_map_lookup_batch(fd, first ? NULL : &token, &next, keys, values, &n);
		if (err == -ENOSPC && room < 1 << 24) { /* one bucket holds more than the room */
			free(keys);
			free(values);
			keys = values = NULL;
			room *= 4;
			continue;
		}
		if (err && err != -ENOENT) {
			if (first && err != -ENOMEM && err != -EPERM)
				err = map_read_each(r, fd, keys, values);
			break;
		}
		for (uint32_t i = 0; i < n && i < room; i++) {
			int bad = map_row_add(r, keys + (size_t)i * m->key_size, values + i * value_bytes);
			if (bad) {
				err = bad;
				goto out;
			}
		}
		if (err == -ENOENT) {
			err = 0;
			break;
		}
		token = next;
		first = false;
	}
out:
	free(keys);
	free(values);
	return err;
}

int map_read(struct session *s, uint32_t map, struct map_rows *ret)
{
	const struct module_map *m = &s->module.maps.v[map];
	struct map_reader r = { .s = s, .m = m, .out = ret, .key_room = map_round8(m->key_size) };
	uint32_t size = agg_size(m->value, m->value_size);
	int err = 0;
	*ret = (struct map_rows){ .row_size = r.key_room + map_round8(size) };
	if (map_is_hash(m)) {
		if (s->maps[map].fd >= 0)
			err = map_read_hash(&r, s->maps[map].fd);
	} else {
		ret->mem = calloc(1, ret->row_size);
		if (ret->mem) {
			map_read_region(s, m, ret->mem + r.key_room);
			ret->n = 1;
		} else {
			err = -ENOMEM;
		}
	}
	ret->rows = err ? NULL : malloc((ret->n ? ret->n : 1) * sizeof(*ret->rows));
	if (!ret->rows) {
		map_rows_fini(ret);
		return err ? err : -ENOMEM;
	}
	for (uint32_t i = 0; i < ret->n; i++) {
		const uint8_t *row = ret->mem + (size_t)i * ret->row_size;
		ret->rows[i] = (struct out_row){ m->key ? row : NULL, row + r.key_room };
	}
	return 0;
}

int map_read_element(struct session *s, uint32_t map, const void *key, void *ret)
{
	const struct module_map *m = &s->module.maps.v[map];
	memset(ret, 0, agg_size(m->value, m->value_size));
	if (!map_is_hash(m)) {
		map_read_region(s, m, ret);
		return 0;
	}
	if (s->maps[map].fd < 0)
		return 0;
	uint8_t *value = malloc((size_t)map_round8(m->value_size) * (map_is_percpu(m) ? s->ncpus : 1));
	if (!value)
		return -ENOMEM;
	int err = sys_map_lookup(s->maps[map].fd, key, value);
	if (!err)
		map_merge(s, m, ret, value);
	free(value);
	return err == -ENOENT ? 0 : err;
}

/* Is there anything to show of an unkeyed map? A word behind a plain value tells whether it was written; of aggregations, only a sum of
 * nothing and one of zeros look alike. */
static bool map_is_unset(const struct session *s, uint32_t map, const struct out_row *row)
{
	const struct module_map *m = &s->module.maps.v[map];
	const struct run_map *x = &s->maps[map];
	const uint8_t *region = m->kind == MM_GLOBAL ? map_region(s, m, 0) : NULL;
	if (m->kind == MM_GLOBAL)
		return !region || !region[m->value_size];
	if (!agg_is_empty(m->value, row->value, agg_size(m->value, m->value_size)))
		return false;
	return !x->used || x->cleared || (type_is_agg(m->value) && !x->zeroed);
}

int map_print(struct session *s, uint32_t map, const struct event *ev)
{
	const struct module_map *m = &s->module.maps.v[map];
	struct map_rows r;
	if (s->on_screen && ev) /* there is the picture */
		return 0;
	int err = map_read(s, map, &r);
	if (err)
		return err;
	bool hist = m->value->kind == T_HIST || m->value->kind == T_LHIST || m->value->kind == T_TSERIES;
	bool skip = !r.n || (!m->key && (!ev || hist) && map_is_unset(s, map, &r.rows[0]));
	if (!skip) {
		agg_sort(m->key, m->value, ev ? &ev->by : NULL, r.rows, &r.n, ev ? ev->top : 0);
		struct out_map o = { .name = m->name, .key = m->key, .value = m->value,
				     .value_size = agg_size(m->value, m->value_size), .rows = r.rows, .n = r.n, .div = ev ? ev->div : 0 };
		if (ev && ev->fmt.len) {
			o.unit = ev->fmt;
			o.section = ev->section;
		}
		for (uint32_t i = 0; m->value->kind == T_TSERIES && i < r.n; i++) {
			uint64_t newest = out_series_newest(m->value, r.rows[i].value);
			o.newest = newest > o.newest ? newest : o.newest;
		}
		s->out.ops->map(&s->out, &o);
	}
	map_rows_fini(&r);
	return 0;
}

int map_clear(struct session *s, uint32_t map)
{
	const struct module_map *m = &s->module.maps.v[map];
	struct map_rows r;
	s->maps[map].cleared = true;
	s->maps[map].zeroed = false;
	if (!map_is_hash(m)) {
		map_wipe_region(s, m, true);
		return 0;
	}
	int err = map_read(s, map, &r);
	for (uint32_t i = 0; !err && i < r.n; i++)
		sys_map_delete(s->maps[map].fd, r.mem + (size_t)i * r.row_size); /* gone already: as good */
	map_rows_fini(&r);
	return err;
}

int map_zero(struct session *s, uint32_t map)
{
	const struct module_map *m = &s->module.maps.v[map];
	struct map_rows r;
	s->maps[map].zeroed = !s->maps[map].cleared;
	if (!map_is_hash(m)) {
		map_wipe_region(s, m, false);
		return 0;
	}
	uint8_t *zero = calloc(map_is_percpu(m) ? s->ncpus : 1, map_round8(m->value_size));
	if (!zero)
		return -ENOMEM;
	int err = map_read(s, map, &r);
	for (uint32_t i = 0; !err && i < r.n; i++)
		sys_map_update(s->maps[map].fd, r.mem + (size_t)i * r.row_size, zero, BPF_EXIST);
	map_rows_fini(&r);
	free(zero);
	return err;
}

static int map_name_compare(const void *px, const void *py, void *arg)
{
	const struct session *s = arg;
	struct str x = s->module.maps.v[*(const uint32_t *)px].name, y = s->module.maps.v[*(const uint32_t *)py].name;
	int c = memcmp(x.s, y.s, x.len < y.len ? x.len : y.len);
	return c ? c : (int)x.len - (int)y.len;
}

void map_print_all(struct session *s)
{
	uint32_t *order = arena_array(&s->arena, uint32_t, s->module.maps.n), n = 0;
	for (uint32_t i = 0; i < s->module.maps.n; i++)
		if (s->module.maps.v[i].kind >= MM_HASH && s->module.maps.v[i].name.len && !s->module.maps.v[i].by_name_only)
			order[n++] = i;
	qsort_r(order, n, sizeof(*order), map_name_compare, s);
	for (uint32_t i = 0; i < n; i++) {
		int err = map_print(s, order[i], NULL);
		if (err) {
			struct str name = s->module.maps.v[order[i]].name;
			diag_add(&s->diags, D_SYSTEM, (struct span){ 0 }, arena_printf(&s->arena, "Cannot read %.*s", STR_FMT(name)),
				 strerror(-err));
			session_report(s);
			s->status = 1;
		}
	}
}
