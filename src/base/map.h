/* SPDX-License-Identifier: Apache-2.0 */
/* A string-keyed hash table in an arena: open addressing, no deletion, insertion order kept. */
#ifndef SONDE_BASE_MAP_H
#define SONDE_BASE_MAP_H

#include "base/str.h"

struct map_slot {
	struct str key;
	void *val;
	uint32_t hash;
};
struct map {
	struct map_slot *slots; /* insertion order */
	uint32_t n, cap;
	uint32_t *index; /* slot + 1, 0 = empty; power of two */
	uint32_t index_cap;
};

void *map_get(const struct map *m, struct str key); /* NULL if absent */
void map_put(struct arena *a, struct map *m, struct str key, void *val); /* replaces */
/* The nearest key within edit distance 1 + len/4, or NULL. As C text: for maps whose keys are NUL-terminated. */
const char *map_nearest(const struct map *m, struct str key);

#endif
