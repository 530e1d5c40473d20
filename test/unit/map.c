/* SPDX-License-Identifier: Apache-2.0 */
/* map.c: against a plain list, over growth; the nearest key. */
#include <stdlib.h>

#include "../check.h"
#include "base/map.h"

static struct check c = { .suite = "unit" };

int main(void)
{
	struct arena a = { 0 };
	struct map m = { 0 };
	enum { N = 20000 };
	static int values[N], other;
	bool good = true;

	CHECK(&c, map_get(&m, STR("x")) == NULL);
	CHECK(&c, map_nearest(&m, STR("x")) == NULL);
	for (int i = 0; i < N; i++) {
		map_put(&a, &m, str_of(arena_printf(&a, "key%d", i)), &values[i]);
		if (i % 1000 == 0)
			good &= map_get(&m, STR("key0")) == &values[0] && m.n == (uint32_t)i + 1;
	}
	for (int i = 0; i < N; i++) {
		char key[16];
		snprintf(key, sizeof(key), "key%d", i);
		good &= map_get(&m, str_of(key)) == &values[i];
		good &= str_is(m.slots[i].key, key); /* order of insertion */
		key[0] = 'K';
		good &= map_get(&m, str_of(key)) == NULL;
	}
	check_true(&c, "20,000 keys are found, in order, and no others", good && m.n == N);
	map_put(&a, &m, STR("key77"), &other);
	CHECK(&c, m.n == N && map_get(&m, STR("key77")) == &other && m.slots[77].val == &other);
	map_put(&a, &m, STR(""), &other);
	CHECK(&c, map_get(&m, STR("")) == &other);
	map_put(&a, &m, STR("a\0b"), &values[1]);
	map_put(&a, &m, STR("a\0c"), &values[2]);
	CHECK(&c, map_get(&m, STR("a\0b")) == &values[1] && map_get(&m, STR("a\0c")) == &values[2] &&
		      map_get(&m, STR("a")) == NULL);
	map_put(&a, &m, STR("null"), NULL);
	CHECK(&c, map_get(&m, STR("null")) == NULL);

	struct map names = { 0 };
	static const char *const words[] = { "count", "sum", "printf", "print", "str", "strncmp", "elapsed" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		map_put(&a, &names, str_of(words[i]), &other);
	CHECK(&c, strcmp(map_nearest(&names, STR("coutn")), "count") == 0);
	CHECK(&c, strcmp(map_nearest(&names, STR("pritn")), "print") == 0);
	CHECK(&c, strcmp(map_nearest(&names, STR("prinf")), "printf") == 0 ||
		      strcmp(map_nearest(&names, STR("prinf")), "print") == 0);
	CHECK(&c, strcmp(map_nearest(&names, STR("sum")), "sum") == 0);
	CHECK(&c, strcmp(map_nearest(&names, STR("sun")), "sum") == 0);
	CHECK(&c, map_nearest(&names, STR("xyzzy")) == NULL);
	CHECK(&c, map_nearest(&names, STR("kubernetes_pod")) == NULL);
	/* The key is a slice: what follows it in memory does not count. */
	char *s = malloc(4);
	memcpy(s, "coun", 4);
	const char *near = map_nearest(&names, (struct str){ s, 4 });
	CHECK(&c, near && strcmp(near, "count") == 0);
	near = map_nearest(&names, (struct str){ "sum(args.count) and more", 3 });
	CHECK(&c, near && strcmp(near, "sum") == 0);
	free(s);
	arena_fini(&a);
	return check_end(&c);
}
