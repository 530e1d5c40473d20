/* SPDX-License-Identifier: Apache-2.0 */
/* String-keyed hash table: slots in insertion order, an open-addressed index of slot numbers beside them. */
#include "base/map.h"

static uint32_t map_hash(struct str k)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	for (uint32_t i = 0; i < k.len; i++)
		h = (h ^ (uint8_t)k.s[i]) * 16777619u;
	return h;
}

static uint32_t *map_find(const struct map *m, struct str key, uint32_t hash)
{
	for (uint32_t i = hash & (m->index_cap - 1);; i = (i + 1) & (m->index_cap - 1)) {
		uint32_t s = m->index[i];
		if (s == 0 || (m->slots[s - 1].hash == hash && str_eq(m->slots[s - 1].key, key)))
			return &m->index[i];
	}
}

void *map_get(const struct map *m, struct str key)
{
	if (m->n == 0)
		return NULL;
	uint32_t s = *map_find(m, key, map_hash(key));
	return s ? m->slots[s - 1].val : NULL;
}

void map_put(struct arena *a, struct map *m, struct str key, void *val)
{
	uint32_t hash = map_hash(key);
	if ((m->n + 1) * 2 > m->index_cap) {
		m->index_cap = m->index_cap ? m->index_cap * 2 : 16;
		m->index = arena_array(a, uint32_t, m->index_cap);
		for (uint32_t i = 0; i < m->n; i++)
			*map_find(m, m->slots[i].key, m->slots[i].hash) = i + 1;
	}
	uint32_t *p = map_find(m, key, hash);
	if (*p) {
		m->slots[*p - 1].val = val;
		return;
	}
	if (m->n == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 8;
		m->slots = arena_grow(a, m->slots, sizeof(*m->slots) * m->cap, sizeof(*m->slots) * cap);
		m->cap = cap;
	}
	m->slots[m->n] = (struct map_slot){ key, val, hash };
	*p = ++m->n;
}

const char *map_nearest(const struct map *m, struct str key)
{
	int best = 1 + (int)key.len / 4;
	const char *r = NULL;
	for (uint32_t i = 0; i < m->n; i++) {
		int d = str_edits(m->slots[i].key, key, best);
		if (d <= best) {
			best = d - 1;
			r = m->slots[i].key.s;
		}
	}
	return r;
}
