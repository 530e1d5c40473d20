/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C type names whose meaning is fixed by the ABI of 64-bit Linux. Most fields of tracepoints and most casts name one of
 * these; a table answers them without reading the kernel's BTF, which costs milliseconds.
 */
#include "kern/kern_priv.h"

static const struct ctype {
	const char *name;
	uint8_t size; /* 0: bool */
	bool is_signed;
} ctypes[] = {
	{ "int", 4, true }, { "unsigned int", 4, false }, { "long", 8, true }, { "unsigned long", 8, false },
	{ "long long", 8, true }, { "unsigned long long", 8, false }, { "short", 2, true }, { "unsigned short", 2, false },
	{ "signed char", 1, true }, { "unsigned char", 1, false }, { "bool", 0, false }, { "_Bool", 0, false },
	{ "u8", 1, false }, { "u16", 2, false }, { "u32", 4, false }, { "u64", 8, false },
	{ "s8", 1, true }, { "s16", 2, true }, { "s32", 4, true }, { "s64", 8, true },
	{ "__u8", 1, false }, { "__u16", 2, false }, { "__u32", 4, false }, { "__u64", 8, false },
	{ "__s8", 1, true }, { "__s16", 2, true }, { "__s32", 4, true }, { "__s64", 8, true },
	{ "uint8_t", 1, false }, { "uint16_t", 2, false }, { "uint32_t", 4, false }, { "uint64_t", 8, false },
	{ "int8_t", 1, true }, { "int16_t", 2, true }, { "int32_t", 4, true }, { "int64_t", 8, true },
	{ "__be16", 2, false }, { "__be32", 4, false }, { "__be64", 8, false },
	{ "size_t", 8, false }, { "ssize_t", 8, true }, { "uintptr_t", 8, false }, { "loff_t", 8, true }, { "off_t", 8, true },
	{ "pid_t", 4, true }, { "uid_t", 4, false }, { "gid_t", 4, false }, { "qid_t", 4, false }, { "key_t", 4, true },
	{ "mode_t", 4, false }, { "umode_t", 2, false }, { "dev_t", 4, false }, { "ino_t", 8, false }, { "sector_t", 8, false },
	{ "blkcnt_t", 8, false }, { "gfp_t", 4, false }, { "clockid_t", 4, true }, { "clock_t", 8, true }, { "time64_t", 8, true },
	{ "ktime_t", 8, true }, { "key_serial_t", 4, true }, { "mqd_t", 4, true }, { "timer_t", 4, true }, { "rwf_t", 4, true },
	{ "aio_context_t", 8, false }, { "uint", 4, false }, { "ulong", 8, false }, { "ushort", 2, false },
};

/* Words of an integer type in any order ("long unsigned int") to one spelling: the index in base_names, or -1. */
enum { BASE_CHAR, BASE_SCHAR, BASE_UCHAR, BASE_SHORT, BASE_USHORT, BASE_INT, BASE_UINT, BASE_LONG, BASE_ULONG, BASE_LLONG, BASE_ULLONG };
static const char *const base_names[][2] = { /* ours, BTF's */
	[BASE_CHAR] = { "char", "char" }, [BASE_SCHAR] = { "signed char", "signed char" },
	[BASE_UCHAR] = { "unsigned char", "unsigned char" }, [BASE_SHORT] = { "short", "short int" },
	[BASE_USHORT] = { "unsigned short", "short unsigned int" }, [BASE_INT] = { "int", "int" },
	[BASE_UINT] = { "unsigned int", "unsigned int" }, [BASE_LONG] = { "long", "long int" },
	[BASE_ULONG] = { "unsigned long", "long unsigned int" }, [BASE_LLONG] = { "long long", "long long int" },
	[BASE_ULLONG] = { "unsigned long long", "long long unsigned int" },
};

static int ctype_words(struct str s)
{
	unsigned n_long = 0, n_short = 0, n_int = 0, n_char = 0, n_signed = 0, n_unsigned = 0;
	uint32_t i = 0;
	while (i < s.len) {
		if (s.s[i] == ' ' || s.s[i] == '\t') {
			i++;
			continue;
		}
		struct str w = { s.s + i, 0 };
		while (i < s.len && s.s[i] != ' ' && s.s[i] != '\t')
			i++, w.len++;
		if (str_is(w, "long"))
			n_long++;
		else if (str_is(w, "short"))
			n_short++;
		else if (str_is(w, "int"))
			n_int++;
		else if (str_is(w, "char"))
			n_char++;
		else if (str_is(w, "signed"))
			n_signed++;
		else if (str_is(w, "unsigned"))
			n_unsigned++;
		else
			return -1;
	}
	if (n_long > 2 || n_short > 1 || n_int > 1 || n_char > 1 || n_signed + n_unsigned > 1 || (n_long && n_short) ||
	    (n_char && (n_long || n_short || n_int)) || !(n_long + n_short + n_int + n_char + n_signed + n_unsigned))
		return -1;
	if (n_char)
		return n_unsigned ? BASE_UCHAR : n_signed ? BASE_SCHAR : BASE_CHAR;
	return (n_short ? BASE_SHORT : n_long == 2 ? BASE_LLONG : n_long ? BASE_LONG : BASE_INT) + (n_unsigned ? 1 : 0);
}

struct str ctype_btf_name(struct str name)
{
	int w = ctype_words(name);
	return w < 0 ? name : str_of(base_names[w][1]);
}

struct type *ctype_base(struct arena *a, struct str name)
{
	int w = ctype_words(name);
	if (w == BASE_CHAR) /* int8, as the language has it on every machine */
		return type_int(a, 1, true);
	if (w >= 0)
		name = str_of(base_names[w][0]);
	for (size_t i = 0; i < sizeof(ctypes) / sizeof(*ctypes); i++)
		if (str_is(name, ctypes[i].name))
			return ctypes[i].size ? type_int(a, ctypes[i].size, ctypes[i].is_signed) : type_bool(a);
	return NULL;
}
