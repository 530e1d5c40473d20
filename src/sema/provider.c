/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a provider by name (any case) or alias (exact). */
#include "sema/provider.h"

const struct provider *provider_find(const struct provider_table *t, struct str name)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const struct provider *p = t->v[i];
		if (name.len == strlen(p->name) && !strncasecmp(p->name, name.s, name.len))
			return p;
		for (const char *a = p->aliases; *a;) {
			size_t n = strcspn(a, " ");
			if (n == name.len && !memcmp(a, name.s, n))
				return p;
			a += n + (a[n] == ' ');
		}
	}
	return NULL;
}
