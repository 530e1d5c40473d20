/* SPDX-License-Identifier: Apache-2.0 */
/* The config block and its environment twins (reference 6.3): one table of keys. */
#include <ctype.h>
#include <stdio.h>

#include "lang/lex.h"
#include "sema/sema_priv.h"

enum config_type { CFG_U32, CFG_BOOL, CFG_MISSING, CFG_ATTACH, CFG_STACK, CFG_FORM, CFG_UNWIND, CFG_STR, CFG_LICENSE, CFG_CACHE, CFG_UNSTABLE, CFG_LANGUAGE, CFG_DEPRECATED, CFG_ENV };

static const struct {
	const char *key;
	enum config_type type;
	size_t off;
} config_rows[] = {
	{ "max_map_keys", CFG_U32, offsetof(struct sema_config, max_map_keys) },
	{ "max_strlen", CFG_U32, offsetof(struct sema_config, max_strlen) },
	{ "max_cat_bytes", CFG_U32, offsetof(struct sema_config, max_cat_bytes) },
	{ "on_stack_limit", CFG_U32, offsetof(struct sema_config, on_stack_limit) },
	{ "perf_rb_pages", CFG_U32, offsetof(struct sema_config, perf_rb_pages) },
	{ "max_stacks", CFG_U32, offsetof(struct sema_config, max_stacks) },
	{ "max_bpf_progs", CFG_U32, offsetof(struct sema_config, max_bpf_progs) },
	{ "max_probes", CFG_U32, offsetof(struct sema_config, max_probes) },
	{ "log_size", CFG_U32, offsetof(struct sema_config, log_size) },
	{ "print_maps_on_exit", CFG_BOOL, offsetof(struct sema_config, print_maps_on_exit) },
	{ "cpp_demangle", CFG_BOOL, offsetof(struct sema_config, cpp_demangle) },
	{ "lazy_symbolication", CFG_BOOL, offsetof(struct sema_config, lazy_symbolication) },
	{ "missing_probes", CFG_MISSING, offsetof(struct sema_config, missing_probes) },
	{ "attach", CFG_ATTACH, offsetof(struct sema_config, attach) },
	{ "stack_mode", CFG_STACK, offsetof(struct sema_config, stack_mode) },
	{ "unwind", CFG_UNWIND, offsetof(struct sema_config, unwind) },
	{ "str_trunc_trailer", CFG_STR, offsetof(struct sema_config, str_trunc_trailer) },
	{ "license", CFG_LICENSE, offsetof(struct sema_config, license) },
	{ "unstable_tseries", CFG_UNSTABLE, offsetof(struct sema_config, unstable_tseries) },
	{ "unstable_typeinfo", CFG_UNSTABLE, offsetof(struct sema_config, unstable_typeinfo) },
	{ "unstable_dw_ustack", CFG_UNSTABLE, offsetof(struct sema_config, unstable_dw_ustack) },
	{ "unstable_import_statement", CFG_UNSTABLE, offsetof(struct sema_config, unstable_import_statement) },
	{ "stack_marks", CFG_BOOL, offsetof(struct sema_config, stack_marks) },
	{ "stack_offsets", CFG_BOOL, offsetof(struct sema_config, stack_offsets) },
	{ "stack_form", CFG_FORM, offsetof(struct sema_config, stack_form) },
	{ "row_contains", CFG_STR, offsetof(struct sema_config, row_contains) },
	{ "max_rows", CFG_U32, offsetof(struct sema_config, max_rows) },
	{ "count_rows", CFG_BOOL, offsetof(struct sema_config, count_rows) },
	{ "show_debug_info", CFG_BOOL, offsetof(struct sema_config, show_debug_info) },
	{ "generated", CFG_BOOL, offsetof(struct sema_config, generated) },
	{ "use_blazesym", CFG_BOOL, offsetof(struct sema_config, use_blazesym) },
	{ "cache_user_symbols", CFG_CACHE, 0 },
	{ "language", CFG_LANGUAGE, 0 },
	{ "symbol_source", CFG_DEPRECATED, 0 }, { "max_type_res_iterations", CFG_DEPRECATED, 0 },
	{ "unstable_addr", CFG_DEPRECATED, 0 }, { "unstable_import", CFG_DEPRECATED, 0 },
	{ "unstable_macro", CFG_DEPRECATED, 0 }, { "unstable_map_decl", CFG_DEPRECATED, 0 },
	{ "btf", CFG_ENV, 0 }, { "kernel_source", CFG_ENV, 0 }, { "kernel_build", CFG_ENV, 0 }, { "vmlinux", CFG_ENV, 0 },
	{ "color", CFG_ENV, 0 },
};

static const struct {
	const char *from, *to;
} config_renamed[] = {
	{ "strlen", "max_strlen" }, { "no_cpp_demangle", "cpp_demangle" }, { "cat_bytes_max", "max_cat_bytes" },
	{ "map_keys_max", "max_map_keys" },
};

/* What the kernel takes for a licence that may call its GPL functions. */
static const char *const config_licenses[] = { "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL" };

int sema_stack_mode(struct str word)
{
	return str_is(word, "bpftrace") ? STACK_BPFTRACE : str_is(word, "perf") ? STACK_PERF : str_is(word, "raw") ? STACK_RAW :
	       str_is(word, "build_id") ? STACK_BUILD_ID : -1;
}

void sema_config_init(struct sema_config *c)
{
	*c = (struct sema_config){ .max_map_keys = 4096, .max_strlen = 1024, .max_cat_bytes = 10240, .on_stack_limit = 32,
				   .max_bpf_progs = 1024, .max_probes = 1024, .log_size = 1000000, .print_maps_on_exit = true,
				   .cpp_demangle = true, .lazy_symbolication = true, .use_blazesym = true, .stack_offsets = true,
				   .unstable_typeinfo = UNSTABLE_ERROR, .unstable_import_statement = UNSTABLE_ERROR, .str_trunc_trailer = { "..", 2 },
				   .license = { "GPL", 3 } };
}

static void config_lower(struct str k, char *low, size_t room)
{
	uint32_t n = 0;
	if (k.len > 9 && !strncasecmp(k.s, "bpftrace_", 9))
		k = (struct str){ k.s + 9, k.len - 9 };
	for (; n < k.len && n + 1 < room; n++)
		low[n] = (char)tolower((unsigned char)k.s[n]);
	low[n] = '\0';
}

bool sema_config_known(const char *key, bool foreign)
{
	char low[64];
	config_lower(str_of(key), low, sizeof(low));
	for (size_t i = 0; i < sizeof(config_rows) / sizeof(*config_rows); i++)
		if (!strcmp(config_rows[i].key, low))
			return true;
	for (size_t i = 0; i < sizeof(config_renamed) / sizeof(*config_renamed); i++)
		if (!strcmp(config_renamed[i].from, low))
			return true;
	return foreign;
}

static bool config_bad(struct diags *d, struct span span, struct str key, const char *why)
{
	diag_add(d, D_CONFIG_VALUE, span, STR_FMT(key), why);
	return false;
}

/* The value as one of `words`: its index, or -1. */
static int config_word(struct str value, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		if (str_is(value, words[i]))
			return i;
	return -1;
}

static bool config_number(struct diags *d, struct span span, struct str key, struct str value, uint32_t *ret)
{
	uint64_t v;
	bool uns;
	if (lex_integer(d->arena, value, true, &v, &uns) || v > UINT32_MAX)
		return config_bad(d, span, key, arena_printf(d->arena, "expecting a number, got %.*s", STR_FMT(value)));
	*ret = (uint32_t)v;
	return true;
}

/* One of `words`, as its index plus `first`. */
static bool config_choice(struct diags *d, struct span span, struct str key, struct str value, const char *const *words, int n, int *ret,
			  const char *why)
{
	int i = config_word(value, words, n);
	if (i < 0)
		return config_bad(d, span, key, why);
	*ret = i;
	return true;
}

static bool config_unstable(struct diags *d, struct span span, struct str key, const char *low, struct str value, int *ret)
{
	static const char *const words[] = { "warn", "enable", "error", "enable", "true", "1", "error", "false", "0" };
	int i = config_word(value, words, 9);
	if (i < 0)
		return config_bad(d, span, key, arena_printf(d->arena, "Invalid value for %s: valid values are enable, warn, and error.", low));
	*ret = i < 3 ? i : i < 6 ? UNSTABLE_ENABLE : UNSTABLE_ERROR;
	return true;
}

/* The oldest version of the language that has what the program needs, "0.26". Versions number as its first implementation does. */
static bool config_language(struct diags *d, struct span span, struct str value)
{
	enum { MAJOR = 0, MINOR = 26 };
	unsigned major, minor;
	char end;
	if (sscanf(arena_strndup(d->arena, value.s, value.len), "%5u.%5u%c", &major, &minor, &end) != 2)
		return config_bad(d, span, STR("language"), "expecting a version, as in language = \"0.26\"");
	if (major > MAJOR || (major == MAJOR && minor > MINOR)) {
		diag_add(d, D_LANGUAGE, span, major, minor, MAJOR, MINOR);
		return false;
	}
	return true;
}

bool sema_config_set(struct sema_config *c, struct diags *d, struct str key, struct str value, struct span span)
{
	static const char *const missing[] = { "error", "warn", "ignore" };
	static const char *const wants[] = { [WANT_AUTO] = "auto", [WANT_KPROBE] = "kprobe", [WANT_MULTI] = "multi", [WANT_FENTRY] = "fentry" };
	static const char *const unwinds[] = { [UNWIND_AUTO] = "auto", [UNWIND_FP] = "fp", [UNWIND_DWARF] = "dwarf" };
	static const char *const forms[] = { [STACKS_MAP] = "map", [STACKS_BLOCK] = "block", [STACKS_DELIMITED] = "delimited" };
	static const char *const bools[] = { "false", "true", "0", "1" };
	static const char *const caches[] = { "PER_PID", "PER_PROGRAM", "NONE", "0", "1", "false", "true" };
	char low[64];
	config_lower(key, low, sizeof(low));
	for (size_t i = 0; i < sizeof(config_renamed) / sizeof(*config_renamed); i++) {
		if (strcmp(config_renamed[i].from, low))
			continue;
		strcpy(low, config_renamed[i].to);
		diag_add(d, D_CONFIG_RENAMED, span, STR_FMT(key), low);
	}
	for (size_t i = 0; i < sizeof(config_rows) / sizeof(*config_rows); i++) {
		if (strcmp(config_rows[i].key, low))
			continue;
		void *p = (char *)c + config_rows[i].off;
		int v;
		switch (config_rows[i].type) {
		case CFG_U32:
			c->max_probes_given |= p == &c->max_probes;
			return config_number(d, span, key, value, p);
		case CFG_BOOL:
			if (!config_choice(d, span, key, value, bools, 4, &v, "Invalid bool value: valid values are true, false, 1 or 0."))
				return false;
			*(bool *)p = v & 1;
			return true;
		case CFG_MISSING:
			return config_choice(d, span, key, value, missing, 3, p,
					     "Invalid value for missing_probes: valid values are ignore, warn, and error.");
		case CFG_ATTACH:
			return config_choice(d, span, key, value, wants, 4, p,
					     "Invalid value for attach: valid values are auto, fentry, kprobe, and multi.");
		case CFG_STACK:
			if (sema_stack_mode(value) < 0)
				return config_bad(d, span, key,
						  "Invalid value for stack_mode: valid values are bpftrace, raw, perf, and build_id.");
			*(int *)p = sema_stack_mode(value);
			return true;
		case CFG_FORM:
			return config_choice(d, span, key, value, forms, 3, p, "Invalid value for stack_form: valid values are map, block, and delimited.");
		case CFG_UNWIND:
			return config_choice(d, span, key, value, unwinds, 3, p, "Invalid value for unwind: valid values are auto, fp, and dwarf.");
		case CFG_UNSTABLE:
			return config_unstable(d, span, key, low, value, p);
		case CFG_LANGUAGE:
			return config_language(d, span, value);
		case CFG_CACHE:
			return config_choice(d, span, key, value, caches, 7, &v,
					     "Invalid value for cache_user_symbols: valid values are PER_PID, PER_PROGRAM, and NONE.");
		case CFG_LICENSE:
			if (config_word(value, config_licenses, sizeof(config_licenses) / sizeof(*config_licenses)) < 0)
				return config_bad(d, span, key, "Invalid license: valid values are GPL, GPL v2, GPL and additional rights, Dual BSD/GPL, "
							        "Dual MIT/GPL, and Dual MPL/GPL.");
			*(struct str *)p = value;
			return true;
		case CFG_STR:
			*(struct str *)p = value;
			return true;
		case CFG_DEPRECATED:
			diag_add(d, D_CONFIG_DEPRECATED, span, STR_FMT(key));
			return true;
		case CFG_ENV:
			return config_bad(d, span, key, "can only be set as an environment variable");
		}
	}
	diag_add(d, D_CONFIG_KEY, span, STR_FMT(key));
	return false;
}
