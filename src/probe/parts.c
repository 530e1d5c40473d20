/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an attach point, as all providers read them: how many, numbers, durations, names from the kernel's lists.
 * Messages are those of the language reference 3.2; each is reported at the attach point's span.
 */
#include <errno.h>
#include <stdlib.h>

#include "probe/probe_priv.h"

int parts_bad(struct provider_env *env, struct span span, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	diag_add(env->diags, D_PROBE_BAD, span, arena_vprintf(env->arena, fmt, ap));
	va_end(ap);
	return -EINVAL;
}

void parts_warn(struct provider_env *env, struct span span, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	diag_add(env->diags, D_PROBE_WARN, span, arena_vprintf(env->arena, fmt, ap));
	va_end(ap);
}

bool parts_count(const struct provider *p, struct provider_env *env, uint32_t n, uint32_t min, uint32_t max, struct span span)
{
	if (n >= min && n <= max)
		return true;
	const char *want = min == max ? arena_printf(env->arena, "%u argument%s", min, min == 1 ? "" : "s") :
					arena_printf(env->arena, "%u or %u arguments", min, max);
	if (max > min + 1)
		want = arena_printf(env->arena, "%u to %u arguments", min, max);
	diag_add(env->diags, D_PROBE_ARGS, span, p->name, want, n);
	return false;
}

bool parts_number(struct str s, uint64_t *ret)
{
	uint64_t v = 0;
	uint32_t i = 0, base = 10, digits = 0;
	if (s.len > 2 && s.s[0] == '0' && (s.s[1] == 'x' || s.s[1] == 'X')) {
		base = 16;
		i = 2;
	} else if (s.len > 1 && s.s[0] == '0') {
		base = 8;
		i = 1;
		digits = 1;
	}
	for (; i < s.len; i++) {
		char c = s.s[i];
		if (c == '_' && digits && i + 1 < s.len && s.s[i + 1] != '_')
			continue;
		if (base == 10 && digits && (c == 'e' || c == 'E')) { /* 1e6 */
			uint64_t e = 0;
			if (i + 1 == s.len)
				return false;
			for (i++; i < s.len; i++) {
				if (s.s[i] < '0' || s.s[i] > '9' || (e = e * 10 + (uint64_t)(s.s[i] - '0')) > 19)
					return false;
			}
			for (; e > 0; e--)
				if (__builtin_mul_overflow(v, 10, &v))
					return false;
			break;
		}
		uint32_t d = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 :
			     c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10 : 99;
		if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
			return false;
		digits++;
	}
	if (digits == 0)
		return false;
	*ret = v;
	return true;
}

bool parts_has_wildcard(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.s[i] == '*' || s.s[i] == '?')
			return true;
	return false;
}

static const struct { const char *name; uint64_t ns; } parts_unit[] = {
	{ "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
};
/* Of one-part durations, which may be finer and coarser. */
static const struct { const char *name; uint64_t ns; } parts_suffix[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
	{ "d", 86400000000000 },
};

/* "1s", "1h30m": the sum of its numbers with units. */
static bool parts_duration(struct str s, uint64_t *ret)
{
	uint64_t total = 0;
	if (s.len == 0)
		return false;
	for (uint32_t i = 0; i < s.len;) {
		uint32_t from = i, unit_at;
		while (i < s.len && ((s.s[i] >= '0' && s.s[i] <= '9') || s.s[i] == '_'))
			i++;
		uint64_t v, ns = 0;
		if (!parts_number((struct str){ s.s + from, i - from }, &v))
			return false;
		for (unit_at = i; i < s.len && s.s[i] >= 'a' && s.s[i] <= 'z'; i++)
			;
		for (uint32_t k = 0; k < sizeof(parts_suffix) / sizeof(parts_suffix[0]); k++)
			if (str_is((struct str){ s.s + unit_at, i - unit_at }, parts_suffix[k].name))
				ns = parts_suffix[k].ns;
		if (ns == 0 || __builtin_mul_overflow(v, ns, &v) || __builtin_add_overflow(total, v, &total))
			return false;
	}
	*ret = total;
	return true;
}

bool parts_timer(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		 struct parts_timer *ret)
{
	uint64_t v, ns = 0;
	if (!parts_count(p, env, n, 1, 2, span))
		return false;
	if (n == 1) {
		if (parts_number(parts[0], &v))
			return parts_bad(env, span, "%s probe must have unit of time", p->name) == 0;
		if (!parts_duration(parts[0], &ns))
			return parts_bad(env, span, "Invalid rate of %s probe: %.*s", p->name, STR_FMT(parts[0])) == 0;
		if (ns < 1000)
			return parts_bad(env, span, "Invalid rate of %s probe. Minimum is 1000 or 1us. Found: %llu nanoseconds", p->name,
					 (unsigned long long)ns) == 0;
		*ret = (struct parts_timer){ .period = ns, .name = arena_printf(env->arena, "us:%llu", (unsigned long long)ns / 1000) };
	} else {
		bool hz = str_is(parts[0], "hz");
		for (uint32_t k = 0; k < sizeof(parts_unit) / sizeof(parts_unit[0]); k++)
			if (str_is(parts[0], parts_unit[k].name))
				ns = parts_unit[k].ns;
		if (!hz && ns == 0) {
			parts_bad(env, span, "%.*s is not an accepted unit of time", STR_FMT(parts[0]));
			diag_hint(env->diags, "units are us, ms, s and hz");
			return false;
		}
		if (!parts_number(parts[1], &v) || v == 0) {
			if (p->id == PROV_PROFILE)
				return parts_bad(env, span, "profile frequency should be a positive integer") == 0;
			return parts_bad(env, span, "Invalid rate of %s probe: %.*s", p->name, STR_FMT(parts[1])) == 0;
		}
		if (hz ? v > 1000000 : __builtin_mul_overflow(v, ns, &ns))
			return parts_bad(env, span, "Invalid rate of %s probe: %.*s is too %s", p->name, STR_FMT(parts[1]),
					 hz ? "often: at most 1000000 times a second" : "long") == 0;
		*ret = (struct parts_timer){ .period = hz ? v : ns, .is_freq = hz,
					     .name = arena_printf(env->arena, "%.*s:%llu", STR_FMT(parts[0]), (unsigned long long)v) };
	}
	if (ret->period > INT64_MAX) /* the kernel's own bound: 292 years */
		return parts_bad(env, span, "Invalid rate of %s probe: too long", p->name) == 0;
	return true;
}

int parts_expand_timer(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		       attach_each *each, void *arg)
{
	struct parts_timer t;
	uint64_t count = 0, ns;
	/* interval:s:1:10, interval:1s:10: ten times */
	if (p->id == PROV_INTERVAL && (n == 3 || (n == 2 && parts_duration(parts[0], &ns)))) {
		if (!parts_number(parts[--n], &count))
			return parts_bad(env, span, "Invalid count of %s probe: %.*s", p->name, STR_FMT(parts[n]));
	}
	if (!parts_timer(p, env, parts, n, span, &t))
		return -1;
	struct attach_point *ap = parts_place(env, p, span);
	ap->name = str_of(arena_printf(env->arena, "%s:%s", p->name, t.name));
	ap->period = t.period;
	ap->is_freq = t.is_freq;
	ap->count = count;
	each(arg, ap);
	return 1;
}

struct attach_point *parts_place(struct provider_env *env, const struct provider *p, struct span span)
{
	struct attach_point *ap = arena_new(env->arena, struct attach_point);
	ap->provider = p->id;
	ap->span = span;
	ap->name = str_of(p->name);
	return ap;
}

static void parts_name(void *arg, const char *name)
{
	struct parts_names *n = arg;
	vec_push(n->a, &n->list, (const char *)arena_strdup(n->a, name));
}

static int parts_compare(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void parts_sort(struct parts_names *ret)
{
	uint32_t n = 0;
	if (ret->list.n > 1)
		qsort(ret->list.v, ret->list.n, sizeof(*ret->list.v), parts_compare);
	for (uint32_t i = 0; i < ret->list.n; i++)
		if (n == 0 || strcmp(ret->list.v[n - 1], ret->list.v[i]) != 0)
			ret->list.v[n++] = ret->list.v[i];
	ret->list.n = n;
}

int parts_list(struct facts *f, struct arena *a, enum provider_id id, const char *pattern, struct parts_names *ret)
{
	*ret = (struct parts_names){ .a = a };
	int r = f->ops->list(f, id, pattern, parts_name, ret);
	if (r < 0)
		return r;
	parts_sort(ret);
	return (int)ret->list.n;
}

bool parts_load_regs(const struct provider *p, struct provider_env *env, struct attach_point *ap)
{
	ap->ctx = env->facts->ops->type(env->facts, 's', STR("pt_regs"));
	return ap->ctx != NULL;
}

bool parts_load_perf(const struct provider *p, struct provider_env *env, struct attach_point *ap)
{
	ap->ctx = env->facts->ops->type(env->facts, 's', STR("bpf_perf_event_data"));
	return ap->ctx != NULL;
}
