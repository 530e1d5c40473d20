/* SPDX-License-Identifier: Apache-2.0 */
/* The config block and its environment twins (reference 6.3): one table of keys. */
#include <ctype.h>

#include "lang/lex.h"
#include "sema/sema_priv.h"

enum config_type { CFG_U32, CFG_BOOL, CFG_MISSING, CFG_ATTACH, CFG_STACK, CFG_STR, CFG_UNSTABLE, CFG_IGNORED };

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
	{ "max_bpf_progs", CFG_U32, offsetof(struct sema_config, max_bpf_progs) },
	{ "max_probes", CFG_U32, offsetof(struct sema_config, max_probes) },
	{ "log_size", CFG_U32, offsetof(struct sema_config, log_size) },
	{ "print_maps_on_exit", CFG_BOOL, offsetof(struct sema_config, print_maps_on_exit) },
	{ "cpp_demangle", CFG_BOOL, offsetof(struct sema_config, cpp_demangle) },
	{ "lazy_symbolication", CFG_BOOL, offsetof(struct sema_config, lazy_symbolication) },
	{ "missing_probes", CFG_MISSING, offsetof(struct sema_config, missing_probes) },
	{ "attach", CFG_ATTACH, offsetof(struct sema_config, attach) },
	{ "stack_mode", CFG_STACK, offsetof(struct sema_config, stack_mode) },
	{ "str_trunc_trailer", CFG_STR, offsetof(struct sema_config, str_trunc_trailer) },
	{ "license", CFG_STR, offsetof(struct sema_config, license) },
	{ "unstable_tseries", CFG_UNSTABLE, offsetof(struct sema_config, unstable_tseries) },
	{ "cache_user_symbols", CFG_IGNORED, 0 }, { "show_debug_info", CFG_IGNORED, 0 },
	{ "use_blazesym", CFG_IGNORED, 0 }, { "unstable_dw_ustack", CFG_IGNORED, 0 },
	{ "unstable_typeinfo", CFG_IGNORED, 0 }, { "unstable_import_statement", CFG_IGNORED, 0 }, { "symbol_source", CFG_IGNORED, 0 },
	{ "max_type_res_iterations", CFG_IGNORED, 0 }, { "unstable_addr", CFG_IGNORED, 0 }, { "unstable_import", CFG_IGNORED, 0 },
	{ "unstable_macro", CFG_IGNORED, 0 }, { "unstable_map_decl", CFG_IGNORED, 0 },
};

int sema_stack_mode(struct str word)
{
	return str_is(word, "bpftrace") ? STACK_BPFTRACE : str_is(word, "perf") ? STACK_PERF : str_is(word, "raw") ? STACK_RAW : -1;
}

void sema_config_init(struct sema_config *c)
{
	*c = (struct sema_config){ .max_map_keys = 4096, .max_strlen = 1024, .max_cat_bytes = 10240, .on_stack_limit = 32,
				   .max_bpf_progs = 1024, .max_probes = 1024, .log_size = 1000000, .print_maps_on_exit = true,
				   .cpp_demangle = true, .lazy_symbolication = true, .str_trunc_trailer = { "..", 2 },
				   .license = { "GPL", 3 } };
}

bool sema_config_set(struct sema_config *c, struct diags *d, struct str key, struct str value, struct span span)
{
	char low[64];
	uint32_t n = 0;
	struct str k = key;
	if (k.len > 9 && !strncasecmp(k.s, "bpftrace_", 9))
		k = (struct str){ k.s + 9, k.len - 9 };
	for (; n < k.len && n + 1 < sizeof(low); n++)
		low[n] = (char)tolower((unsigned char)k.s[n]);
	low[n] = '\0';
	for (size_t i = 0; i < sizeof(config_rows) / sizeof(*config_rows); i++) {
		if (strcmp(config_rows[i].key, low))
			continue;
		void *p = (char *)c + config_rows[i].off;
		uint64_t v;
		bool uns;
		switch (config_rows[i].type) {
		case CFG_U32:
			if (lex_integer(d->arena, value, true, &v, &uns) || v > UINT32_MAX) {
				diag_add(d, D_CONFIG_VALUE, span, STR_FMT(key),
					 arena_printf(d->arena, "expecting a number, got %.*s", STR_FMT(value)));
				return false;
			}
			*(uint32_t *)p = (uint32_t)v;
			return true;
		case CFG_BOOL:
			if (str_is(value, "true") || str_is(value, "1") || str_is(value, "false") || str_is(value, "0")) {
				*(bool *)p = str_is(value, "true") || str_is(value, "1");
				return true;
			}
			diag_add(d, D_CONFIG_VALUE, span, STR_FMT(key), "Invalid bool value: valid values are true, false, 1 or 0.");
			return false;
		case CFG_MISSING:
			if (!str_is(value, "error") && !str_is(value, "warn") && !str_is(value, "ignore")) {
				diag_add(d, D_CONFIG_VALUE, span, STR_FMT(key),
					 "Invalid value for missing_probes: valid values are ignore, warn, and error.");
				return false;
			}
			*(int *)p = str_is(value, "warn") ? 1 : str_is(value, "ignore") ? 2 : 0;
			return true;
		case CFG_ATTACH: {
			static const char *const wants[] = { [WANT_AUTO] = "auto", [WANT_KPROBE] = "kprobe", [WANT_MULTI] = "multi",
							     [WANT_FENTRY] = "fentry" };
			for (int w = 0; w < 4; w++) {
				if (str_is(value, wants[w])) {
					*(int *)p = w;
					return true;
				}
			}
			diag_add(d, D_CONFIG_VALUE, span, STR_FMT(key), "Invalid value for attach: valid values are auto, fentry, kprobe, and multi.");
			return false;
		}
		case CFG_STACK:
			if (sema_stack_mode(value) < 0) {
				diag_add(d, D_CONFIG_VALUE, span, STR_FMT(key),
					 "Invalid value for stack_mode: valid values are bpftrace, raw, perf, and build_id.");
				return false;
			}
			*(int *)p = sema_stack_mode(value);
			return true;
		case CFG_UNSTABLE:
			if (str_is(value, "enable") || str_is(value, "true") || str_is(value, "1"))
				*(int *)p = UNSTABLE_ENABLE;
			else if (str_is(value, "error") || str_is(value, "false") || str_is(value, "0"))
				*(int *)p = UNSTABLE_ERROR;
			else if (str_is(value, "warn"))
				*(int *)p = UNSTABLE_WARN;
			else {
				diag_add(d, D_CONFIG_VALUE, span, STR_FMT(key), arena_printf(d->arena,
					 "Invalid value for %s: valid values are enable, warn, and error.", low));
				return false;
			}
			return true;
		case CFG_STR:
			*(struct str *)p = value;
			return true;
		case CFG_IGNORED:
			return true;
		}
	}
	diag_add(d, D_CONFIG_KEY, span, STR_FMT(key));
	return false;
}
