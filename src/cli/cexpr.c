/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of C, as they stand in probe specifications, to expressions of our language. The two share operators, literals, member
 * walks and casts; what differs is replaced word by word: names of types, of parameters and registers, of a few functions and macros. Reading
 * kernel or user memory on the way is the compiler's affair.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/spec.h"
#include "out/out.h"

enum { DEPTH_MAX = 64 };

struct out_text { /* what is written */
	struct buf b;
	struct str e; /* what is read */
	uint32_t at;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static struct str word_at(struct str s, uint32_t at)
{
	uint32_t n = 0;
	while (at + n < s.len && (is_letter(s.s[at + n]) || is_digit(s.s[at + n])))
		n++;
	return (struct str){ s.s + at, n };
}

static const char *fail(struct cexpr *c, const char *why, struct str what)
{
	if (!c->error) {
		c->error = why;
		c->at = what.s;
	}
	return NULL;
}

/* -- types -- */

static const struct ctype {
	const char *name, *ours;
} ctypes[] = {
	{ "u8", "uint8" }, { "u16", "uint16" }, { "u32", "uint32" }, { "u64", "uint64" }, { "s8", "int8" }, { "s16", "int16" }, { "s32", "int32" },
	{ "s64", "int64" }, { "__u8", "uint8" }, { "__u16", "uint16" }, { "__u32", "uint32" }, { "__u64", "uint64" }, { "__s8", "int8" },
	{ "__s16", "int16" }, { "__s32", "int32" }, { "__s64", "int64" }, { "__be16", "uint16" }, { "__be32", "uint32" }, { "__be64", "uint64" },
	{ "uint8_t", "uint8" }, { "uint16_t", "uint16" }, { "uint32_t", "uint32" }, { "uint64_t", "uint64" }, { "int8_t", "int8" },
	{ "int16_t", "int16" }, { "int32_t", "int32" }, { "int64_t", "int64" }, { "uintptr_t", "uint64" }, { "size_t", "uint64" }, { "ssize_t", "int64" },
	{ "pid_t", "int32" }, { "uid_t", "uint32" }, { "gid_t", "uint32" }, { "loff_t", "int64" }, { "off_t", "int64" }, { "gfp_t", "uint32" },
	{ "umode_t", "uint16" }, { "mode_t", "uint32" }, { "sector_t", "uint64" }, { "dev_t", "uint32" }, { "bool", "bool" }, { "_Bool", "bool" },
	{ "time_t", "int64" }, { "void", "void" },
};

static bool is_qualifier(struct str w)
{
	return str_is(w, "const") || str_is(w, "volatile") || str_is(w, "restrict") || str_is(w, "__user") || str_is(w, "__restrict");
}

const char *cexpr_type(struct arena *a, struct str type)
{
	unsigned longs = 0, stars = 0;
	bool is_unsigned = false, plain = false, is_char = false, is_short = false;
	const char *base = NULL;
	for (uint32_t i = 0; i < type.len;) {
		struct str w = word_at(type, i);
		if (!w.len) {
			if (type.s[i] == '*')
				stars++;
			else if (type.s[i] != ' ' && type.s[i] != '\t')
				return NULL;
			i++;
			continue;
		}
		i += w.len;
		if (is_qualifier(w))
			continue;
		if (str_is(w, "unsigned")) {
			is_unsigned = plain = true;
		} else if (str_is(w, "signed") || str_is(w, "int")) {
			plain = true;
		} else if (str_is(w, "long")) {
			plain = true;
			longs++;
		} else if (str_is(w, "short")) {
			plain = is_short = true;
		} else if (str_is(w, "char")) {
			plain = is_char = true;
		} else if (str_is(w, "struct") || str_is(w, "union") || str_is(w, "enum")) {
			while (i < type.len && type.s[i] == ' ')
				i++;
			struct str tag = word_at(type, i);
			if (!tag.len || base)
				return NULL;
			i += tag.len;
			base = arena_printf(a, "%.*s %.*s", STR_FMT(w), STR_FMT(tag));
		} else if (!base && !plain) {
			for (size_t k = 0; k < sizeof(ctypes) / sizeof(*ctypes) && !base; k++)
				if (str_is(w, ctypes[k].name))
					base = ctypes[k].ours;
			if (!base)
				base = arena_strndup(a, w.s, w.len); /* a typedef: the compiler knows it or says so */
		} else {
			return NULL;
		}
	}
	if (plain) {
		unsigned bits = is_char ? 8 : is_short ? 16 : longs ? 64 : 32;
		base = arena_printf(a, "%s%u", is_unsigned ? "uint" : "int", bits);
	}
	if (!base || (!stars && !strcmp(base, "void")))
		return NULL;
	return arena_printf(a, "%s%s%.*s", base, stars ? " " : "", stars > 4 ? 4 : (int)stars, "****");
}

bool cexpr_is_string(struct str type)
{
	unsigned stars = 0;
	bool is_char = false;
	for (uint32_t i = 0; i < type.len;) {
		struct str w = word_at(type, i);
		if (!w.len) {
			stars += type.s[i++] == '*';
			continue;
		}
		i += w.len;
		if (str_is(w, "char"))
			is_char = true;
		else if (!is_qualifier(w) && !str_is(w, "unsigned") && !str_is(w, "signed"))
			return false;
	}
	return is_char && stars == 1;
}

/* Are these words, to the closing parenthesis, a type? Its text. */
static bool is_cast(struct str e, uint32_t at, struct str *ret)
{
	uint32_t i = at, words = 0;
	bool sure = false, star = false;
	for (;;) {
		while (i < e.len && e.s[i] == ' ')
			i++;
		if (i >= e.len)
			return false;
		if (e.s[i] == ')')
			break;
		if (e.s[i] == '*' && words) {
			star = true;
			i++;
			continue;
		}
		struct str w = word_at(e, i);
		if (!w.len || !is_letter(*w.s) || *w.s == '$' || star)
			return false;
		if (is_qualifier(w) || str_is(w, "struct") || str_is(w, "union") || str_is(w, "enum") || str_is(w, "unsigned") || str_is(w, "signed") ||
		    str_is(w, "int") || str_is(w, "long") || str_is(w, "short") || str_is(w, "char"))
			sure = true;
		for (size_t k = 0; k < sizeof(ctypes) / sizeof(*ctypes); k++)
			sure |= str_is(w, ctypes[k].name);
		words++;
		i += w.len;
	}
	*ret = (struct str){ e.s + at, i - at };
	return words && (sure || star);
}

/* -- names -- */

/* Macros of the kernel's and the C library's headers that no type information has. */
static const struct { const char *name; int64_t value; } constants[] = {
	{ "NULL", 0 }, { "AF_UNSPEC", 0 }, { "AF_UNIX", 1 }, { "AF_INET", 2 }, { "AF_INET6", 10 }, { "AF_NETLINK", 16 }, { "AF_PACKET", 17 },
	{ "PF_INET", 2 }, { "PF_INET6", 10 }, { "SOL_SOCKET", 1 }, { "SOL_IP", 0 }, { "SOL_TCP", 6 }, { "IPPROTO_TCP", 6 }, { "IPPROTO_UDP", 17 },
	{ "IPPROTO_IP", 0 }, { "IPPROTO_IPV6", 41 }, { "IPPROTO_ICMP", 1 }, { "O_RDONLY", 0 }, { "O_WRONLY", 1 }, { "O_RDWR", 2 }, { "O_ACCMODE", 3 },
	{ "O_CREAT", 0100 }, { "O_EXCL", 0200 }, { "O_TRUNC", 01000 }, { "O_APPEND", 02000 }, { "O_NONBLOCK", 04000 }, { "O_DIRECT", 040000 },
	{ "O_DIRECTORY", 0200000 }, { "O_CLOEXEC", 02000000 }, { "S_IFMT", 0170000 }, { "S_IFDIR", 0040000 }, { "S_IFREG", 0100000 },
	{ "S_IFLNK", 0120000 }, { "PF_EXITING", 4 }, { "PF_KTHREAD", 0x200000 }, { "PAGE_SIZE", 4096 }, { "EPERM", 1 }, { "ENOENT", 2 }, { "EINTR", 4 },
	{ "EIO", 5 }, { "EAGAIN", 11 }, { "ENOMEM", 12 }, { "EACCES", 13 }, { "EFAULT", 14 }, { "EBUSY", 16 }, { "EEXIST", 17 }, { "EINVAL", 22 },
	{ "ESRCH", 3 }, { "ENXIO", 6 }, { "EBADF", 9 }, { "ECHILD", 10 }, { "ENOTDIR", 20 }, { "EISDIR", 21 }, { "EMFILE", 24 }, { "ENOSPC", 28 },
	{ "EPIPE", 32 }, { "ENOSYS", 38 }, { "ETIMEDOUT", 110 }, { "ECONNREFUSED", 111 }, { "EINPROGRESS", 115 }, { "ERESTARTSYS", 512 },
	{ "O_SYNC", 04010000 }, { "O_DSYNC", 010000 }, { "O_NOFOLLOW", 0400000 }, { "O_NOATIME", 01000000 }, { "O_PATH", 010000000 },
	{ "S_IFSOCK", 0140000 }, { "S_IFCHR", 0020000 }, { "S_IFBLK", 0060000 }, { "S_IFIFO", 0010000 }, { "AT_FDCWD", -100 },
	{ "MAP_SHARED", 1 }, { "MAP_PRIVATE", 2 }, { "MAP_FIXED", 16 }, { "MAP_ANONYMOUS", 32 }, { "CLONE_VM", 0x100 }, { "CLONE_FS", 0x200 },
	{ "CLONE_FILES", 0x400 }, { "CLONE_THREAD", 0x10000 }, { "CLONE_NEWNS", 0x20000 }, { "CLONE_NEWUSER", 0x10000000 },
	{ "CLONE_NEWPID", 0x20000000 }, { "CLONE_NEWNET", 0x40000000 }, { "SIGHUP", 1 }, { "SIGINT", 2 }, { "SIGABRT", 6 }, { "SIGPIPE", 13 },
	{ "SIGUSR1", 10 }, { "SIGUSR2", 12 }, { "SIGSTOP", 19 }, { "EOF", -1 },
	{ "PROT_READ", 1 }, { "PROT_WRITE", 2 }, { "PROT_EXEC", 4 }, { "SIGKILL", 9 }, { "SIGTERM", 15 }, { "SIGSEGV", 11 }, { "SIGCHLD", 17 },
};

static bool has_word(struct str s, const char *word)
{
	for (uint32_t i = 0; i < s.len;) {
		struct str w = word_at(s, i);
		if (str_is(w, word))
			return true;
		i += w.len ? w.len : 1;
	}
	return false;
}

/* A parameter as its declaration says; what the kernel has from a program (__user) is read there. */
static const char *param_text(struct cexpr *c, uint32_t i, struct str type)
{
	const struct spec *s = c->spec;
	if (s->syscall && (s->kind == SPEC_ENTRY || c->at_entry)) { /* has its type and is known to be a program's */
		const char *cast = cexpr_is_string(type) ? NULL : cexpr_type(c->arena, type);
		const char *field = arena_printf(c->arena, "args.%s", s->syscall_args.v[i]);
		return cast ? arena_printf(c->arena, "((%s)%s)", cast, field) : field;
	}
	const char *cast = cexpr_type(c->arena, type);
	const char *value = arena_printf(c->arena, cast ? "((%2$s)arg%1$u)" : "arg%1$u", i, cast);
	return !s->lib.len && s->kind <= SPEC_RETURN && has_word(type, "__user") ? arena_printf(c->arena, "uptr(%s)", value) : value;
}

static bool is_shout(struct str w)
{
	for (uint32_t i = 0; i < w.len; i++)
		if (w.s[i] >= 'a' && w.s[i] <= 'z')
			return false;
	return true;
}

/* What a name means that stands alone: not behind a dot or an arrow, not before a parenthesis. */
static const char *name_text(struct cexpr *c, struct str w)
{
	static const struct ctype own[] = {
		{ "$uid", "uid" }, { "$gid", "gid" }, { "$pid", "tid" }, { "$tgid", "pid" }, { "$cpu", "cpu" }, { "$task", "((struct task_struct *)curtask)" },
		{ "$PID", "pid" }, { "$COMM", "comm" }, { "true", "true" }, { "false", "false" }, { "ctx", "ctx" }, { "sizeof", "sizeof" },
	};
	const struct spec *s = c->spec;
	const char *t = c->other ? c->other(c->arg, w) : NULL;
	if (t)
		return t;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (str_is(w, own[i].name))
			return own[i].ours;
	if (str_is(w, "retval") || str_is(w, "$retval")) {
		if (s->kind != SPEC_RETURN || c->at_entry)
			return fail(c, "there is no result where the function begins", w);
		return s->syscall ? "args.ret" : "retval";
	}
	if (*w.s == '$')
		return fail(c, "this name means nothing", w);
	for (uint32_t i = 0; i < s->params.n; i++)
		if (str_eq(w, s->params.v[i].name)) {
			if (s->kind == SPEC_RETURN && !c->at_entry)
				return fail(c, "parameters are gone when the function returns", w);
			if (s->syscall && i >= s->syscall_args.n)
				return fail(c, "the system call has no such argument", w);
			return param_text(c, i, s->params.v[i].type);
		}
	if (w.len == 4 && !memcmp(w.s, "arg", 3) && w.s[3] >= '1' && w.s[3] <= '9') {
		uint32_t n = (uint32_t)(w.s[3] - '1');
		if (s->syscall && n >= s->syscall_args.n)
			return fail(c, "the system call has no such argument", w);
		if (s->kind == SPEC_RETURN && !c->at_entry)
			return fail(c, "arguments are gone when the function returns", w);
		return param_text(c, n, STR(""));
	}
	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++)
		if (str_is(w, constants[i].name))
			return arena_printf(c->arena, "%lld", (long long)constants[i].value);
	uint64_t bits;
	if (out_gfp_bits(w, &bits))
		return arena_printf(c->arena, "%llu", (unsigned long long)bits);
	if (is_shout(w) || s->kind > SPEC_RETURN || str_is(w, "args"))
		return arena_strndup(c->arena, w.s, w.len); /* an enumerator */
	return arena_printf(c->arena, "args.%.*s", STR_FMT(w)); /* a parameter that type or debug information names */
}

/* -- calls -- */

static uint32_t literal_bytes(struct str s)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s.len; i++, n++) {
		if (s.s[i] != '\\' || i + 1 >= s.len)
			continue;
		i++;
		if (s.s[i] == 'x') {
			for (int k = 0; k < 2 && i + 1 < s.len && strchr("0123456789abcdefABCDEF", s.s[i + 1]); k++)
				i++;
		} else {
			for (int k = 0; k < 2 && s.s[i] >= '0' && s.s[i] <= '7' && i + 1 < s.len && s.s[i + 1] >= '0' && s.s[i + 1] <= '7'; k++)
				i++;
		}
	}
	return n;
}

/* What stands between single quotes; -1: not one character. */
static int character(struct str s)
{
	static const char names[] = "ntr0abfv\\'\"", values[] = "\n\t\r\0\a\b\f\v\\'\"";
	char digits[4] = "", *end;
	if (s.len == 1 && *s.s != '\\')
		return (unsigned char)*s.s;
	if (s.len < 2 || *s.s != '\\')
		return -1;
	for (size_t i = 0; s.len == 2 && i < sizeof(names) - 1; i++)
		if (s.s[1] == names[i])
			return values[i];
	bool hex = s.s[1] == 'x';
	if (s.len - 1 - hex > 3 || s.len - 1 - hex == 0)
		return -1;
	memcpy(digits, s.s + 1 + hex, s.len - 1 - hex);
	long v = strtol(digits, &end, hex ? 16 : 8);
	return *end || v < 0 || v > 255 ? -1 : (int)v;
}

/* "{0x6C, 0x00}": as a literal. NULL with c->error. */
static const char *byte_list(struct cexpr *c, struct str list, uint32_t *ret_n)
{
	struct spec_parts p = { 0 };
	struct buf b = { 0 };
	if (list.len < 2 || *list.s != '{' || list.s[list.len - 1] != '}')
		return fail(c, "expecting bytes: {0x6C, 0x00}", list);
	spec_split(c->arena, (struct str){ list.s + 1, list.len - 2 }, ',', &p);
	p.v.n -= p.v.n && !p.v.v[p.v.n - 1].len; /* a comma may end the list */
	for (uint32_t i = 0; i < p.v.n; i++) {
		const char *text = arena_strndup(c->arena, p.v.v[i].s, p.v.v[i].len);
		char *end = "";
		uint32_t n = p.v.v[i].len;
		bool quoted = n > 2 && text[0] == '\'' && text[n - 1] == '\'';
		long v = quoted ? character((struct str){ text + 1, n - 2 }) : strtol(text, &end, 0);
		if (!*text || *end || v < (quoted ? 0 : -128) || v > 255) {
			buf_fini(&b);
			return fail(c, "this is no byte", p.v.v[i]);
		}
		buf_addf(&b, "\\x%02x", (unsigned)v & 0xff);
	}
	*ret_n = p.v.n;
	const char *t = arena_strndup(c->arena, b.s ? b.s : "", b.len);
	buf_fini(&b);
	return *ret_n ? t : fail(c, "expecting bytes: {0x6C, 0x00}", list);
}

/* STRCMP: does what is at `e` begin with that text? */
static const char *compare_text(struct cexpr *c, struct str lit, struct str e)
{
	bool quoted = lit.len >= 2 && *lit.s == '"' && lit.s[lit.len - 1] == '"';
	struct str inner = quoted ? spec_trim((struct str){ lit.s + 1, lit.len - 2 }) : lit;
	uint32_t n = 0;
	if (c->bin_cmp || (!quoted && lit.len && *lit.s == '{')) {
		const char *bytes = byte_list(c, inner, &n), *t = bytes ? cexpr_text(c, e) : NULL;
		return t ? arena_printf(c->arena, "(memcmp((uint8 *)%s, \"%s\", %u) == 0)", t, bytes, n) : NULL;
	}
	if (!quoted)
		return fail(c, "expecting a text in quotes first: STRCMP(\"text\", expression)", lit);
	inner = (struct str){ lit.s + 1, lit.len - 2 };
	n = literal_bytes(inner);
	const char *t = cexpr_text(c, e);
	return t && n ? arena_printf(c->arena, "(strncmp(str(%s, %u), \"%.*s\", %u) == 0)", t, n + 1, STR_FMT(inner), n) : t ? "(true)" : NULL;
}

/* What may stand between words: operators of C, and blanks. */
static bool is_operator(char ch)
{
	return ch && strchr("+-*/%&|^~!<>=?:.,()[] \t\n", ch);
}

static const char *call_text(struct cexpr *c, struct str name, struct str args)
{
	static const struct ctype own[] = {
		{ "bpf_ktime_get_ns", "nsecs" }, { "bpf_get_current_pid_tgid", "(((uint64)pid << 32) | (uint64)tid)" }, { "bpf_get_smp_processor_id", "cpu" },
		{ "bpf_get_prandom_u32", "rand" }, { "bpf_get_current_uid_gid", "(((uint64)gid << 32) | (uint64)uid)" },
		{ "bpf_get_current_cgroup_id", "cgroup" }, { "bpf_get_current_task", "curtask" },
	};
	struct spec_parts p = { 0 };
	const char *t = c->call ? c->call(c->arg, name, args) : NULL;
	if (t || c->error)
		return t;
	spec_split(c->arena, args, ',', &p);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (str_is(name, own[i].name))
			return own[i].ours;
	if (str_is(name, "STRCMP")) {
		if (p.v.n != 2)
			return fail(c, "expecting STRCMP(\"text\", expression)", name);
		return compare_text(c, p.v.v[0], p.v.v[1]);
	}
	bool is16 = str_is(name, "ntohs") || str_is(name, "htons") || str_is(name, "bpf_ntohs") || str_is(name, "bpf_htons");
	bool is32 = str_is(name, "ntohl") || str_is(name, "htonl") || str_is(name, "bpf_ntohl") || str_is(name, "bpf_htonl");
	if ((is16 || is32) && p.v.n == 1) {
		const char *e = cexpr_text(c, p.v.v[0]);
		return e ? arena_printf(c->arena, "bswap((uint%d)%s)", is16 ? 16 : 32, e) : NULL;
	}
	static const struct { const char *name; unsigned bits; } modes[] = {
		{ "S_ISREG", 0100000 }, { "S_ISDIR", 0040000 }, { "S_ISLNK", 0120000 }, { "S_ISCHR", 0020000 }, { "S_ISBLK", 0060000 },
		{ "S_ISFIFO", 0010000 }, { "S_ISSOCK", 0140000 },
	};
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes) && p.v.n == 1; i++) {
		if (!str_is(name, modes[i].name))
			continue;
		const char *e = cexpr_text(c, p.v.v[0]);
		return e ? arena_printf(c->arena, "((%s & 61440) == %u)", e, modes[i].bits) : NULL;
	}
	struct buf b = { 0 };
	buf_addf(&b, "%.*s(", STR_FMT(name)); /* a function of our language */
	for (uint32_t i = 0; i < p.v.n && args.len; i++) {
		const char *e = cexpr_text(c, p.v.v[i]);
		if (!e) {
			buf_fini(&b);
			return NULL;
		}
		buf_addf(&b, "%s%s", i ? ", " : "", e);
	}
	buf_addc(&b, ')');
	t = arena_strndup(c->arena, b.s, b.len);
	buf_fini(&b);
	return t;
}

/* -- the walk -- */

static uint32_t closing(struct str e, uint32_t open)
{
	char opens = e.s[open], closes = opens == '[' ? ']' : ')';
	uint32_t depth = 0;
	for (uint32_t i = open; i < e.len; i++) {
		if (e.s[i] == '"' || e.s[i] == '\'') {
			char q = e.s[i++];
			while (i < e.len && e.s[i] != q)
				i += e.s[i] == '\\' ? 2 : 1;
		} else if (e.s[i] == opens) {
			depth++;
		} else if (e.s[i] == closes && !--depth) {
			return i;
		}
	}
	return e.len;
}

/* Members that are macros in the kernel's headers: of a struct sock, and of a struct inet_sock. */
static const char *member_text(struct cexpr *c, struct str w)
{
	static const char *const common[] = {
		"family", "state", "num", "dport", "daddr", "rcv_saddr", "addrpair", "portpair", "hash", "reuse", "reuseport", "ipv6only", "bound_dev_if",
		"prot", "net", "net_refcnt", "v6_daddr", "v6_rcv_saddr", "cookie", "incoming_cpu", "flags", "refcnt", "node", "bind_node",
	};
	static const char *const inet[] = { "num", "dport", "daddr", "rcv_saddr" };
	bool sk = w.len > 3 && !memcmp(w.s, "sk_", 3), in = w.len > 5 && !memcmp(w.s, "inet_", 5);
	for (size_t i = 0; sk && i < sizeof(common) / sizeof(*common); i++)
		if (str_is((struct str){ w.s + 3, w.len - 3 }, common[i]))
			return arena_printf(c->arena, "__sk_common.skc_%s", common[i]);
	for (size_t i = 0; in && i < sizeof(inet) / sizeof(*inet); i++)
		if (str_is((struct str){ w.s + 5, w.len - 5 }, inet[i]))
			return arena_printf(c->arena, "sk.__sk_common.skc_%s", inet[i]);
	return arena_strndup(c->arena, w.s, w.len);
}

static bool walk_word(struct cexpr *c, struct out_text *o, bool member)
{
	struct str e = o->e, w = word_at(e, o->at);
	uint32_t after = o->at + w.len;
	while (after < e.len && e.s[after] == ' ')
		after++;
	if (member) {
		buf_adds(&o->b, member_text(c, w));
		o->at += w.len;
		return true;
	}
	if (after < e.len && e.s[after] == '(' && !str_is(w, "sizeof")) {
		uint32_t end = closing(e, after);
		if (end == e.len)
			return fail(c, "this parenthesis is not closed", (struct str){ e.s + after, 1 }) != NULL;
		const char *t = call_text(c, w, spec_trim((struct str){ e.s + after + 1, end - after - 1 }));
		buf_adds(&o->b, t ? t : "");
		o->at = end + 1;
		return t != NULL;
	}
	const char *t = name_text(c, w);
	o->at += w.len;
	if (!t)
		return false;
	if (o->at + 4 < e.len && !memcmp(e.s + o->at, "@user", 5)) {
		t = arena_printf(c->arena, "uptr(%s)", t);
		o->at += 5;
	}
	buf_adds(&o->b, t);
	if (str_is(w, "args") && after + 1 < e.len && e.s[after] == '-' && e.s[after + 1] == '>') {
		buf_addc(&o->b, '.');
		o->at = after + 2;
		while (o->at < e.len && e.s[o->at] == ' ')
			o->at++;
		w = word_at(e, o->at);
		buf_add(&o->b, w.s, w.len);
		o->at += w.len;
	}
	return true;
}

static bool walk_number(struct out_text *o)
{
	struct str w = word_at(o->e, o->at);
	uint32_t n = w.len;
	bool hex = n > 2 && w.s[0] == '0' && (w.s[1] == 'x' || w.s[1] == 'X');
	while (n > 1 && strchr("uUlL", w.s[n - 1]) && !(hex && n <= 2))
		n--;
	buf_add(&o->b, w.s, n);
	o->at += w.len;
	return true;
}

const char *cexpr_text(struct cexpr *c, struct str e)
{
	struct out_text o = { .e = spec_trim(e) };
	bool member = false, fine = true;
	int depth = 0;
	const char *t = NULL;
	if (!o.e.len)
		return fail(c, "an expression is missing", o.e);
	if (c->depth == DEPTH_MAX)
		return fail(c, "calls are nested too deep", (struct str){ e.s, e.len < 40 ? e.len : 40 });
	c->depth++;
	buf_addc(&o.b, '(');
	while (fine && o.at < o.e.len) {
		char ch = o.e.s[o.at];
		struct str type;
		if (is_letter(ch)) {
			fine = walk_word(c, &o, member);
		} else if (is_digit(ch)) {
			fine = walk_number(&o);
		} else if (ch == '"' || ch == '\'') {
			uint32_t end = o.at + 1;
			while (end < o.e.len && o.e.s[end] != ch)
				end += o.e.s[end] == '\\' ? 2 : 1;
			if (end >= o.e.len) {
				fine = fail(c, "this quote is not closed", (struct str){ o.e.s + o.at, 1 }) != NULL;
				break;
			}
			int value = ch == '\'' ? character((struct str){ o.e.s + o.at + 1, end - o.at - 1 }) : 0;
			if (value < 0)
				fine = fail(c, "write this character as a number", (struct str){ o.e.s + o.at, 1 }) != NULL;
			else if (ch == '\'')
				buf_addf(&o.b, "%d", value);
			else
				buf_add(&o.b, o.e.s + o.at, end + 1 - o.at);
			o.at = end + 1;
		} else if (ch == '(' && is_cast(o.e, o.at + 1, &type)) {
			const char *ours = cexpr_type(c->arena, type);
			if (!ours)
				fine = fail(c, "a cast to a type that is not known", type) != NULL;
			else
				buf_addf(&o.b, "(%s)", ours);
			o.at += type.len + 2;
		} else if (!is_operator(ch)) {
			fine = fail(c, "this does not belong into an expression", (struct str){ o.e.s + o.at, 1 }) != NULL;
		} else if (ch == '=' && o.at && !strchr("=!<>", o.e.s[o.at - 1]) && (o.at + 1 == o.e.len || o.e.s[o.at + 1] != '=')) {
			fine = fail(c, "expressions change nothing: compare with ==", (struct str){ o.e.s + o.at, 1 }) != NULL;
		} else {
			if (strchr("([", ch) && closing(o.e, o.at) == o.e.len) {
				fine = fail(c, ch == '(' ? "this parenthesis is not closed" : "this bracket is not closed", (struct str){ o.e.s + o.at, 1 }) != NULL;
				break;
			}
			depth += strchr("([", ch) ? 1 : strchr(")]", ch) ? -1 : 0;
			if (depth < 0) {
				fine = fail(c, "nothing was opened that this closes", (struct str){ o.e.s + o.at, 1 }) != NULL;
				break;
			}
			buf_addc(&o.b, ch == '\n' ? ' ' : ch);
			o.at++;
		}
		if (ch != ' ') /* does a member's name come next? */
			member = ch == '.' || (ch == '>' && o.at >= 2 && o.e.s[o.at - 2] == '-');
	}
	c->depth--;
	buf_addc(&o.b, ')');
	if (fine && !o.b.oom)
		t = arena_strndup(c->arena, o.b.s, o.b.len);
	buf_fini(&o.b);
	return t;
}

const char *cexpr_as(struct cexpr *c, struct str e, struct str type)
{
	const char *t = cexpr_text(c, e), *cast;
	if (!t)
		return NULL;
	if (cexpr_is_string(type)) {
		if (str_is(spec_trim(e), "$COMM"))
			return "comm";
		return arena_printf(c->arena, "str(%s, %u)", t, c->string_size);
	}
	cast = cexpr_type(c->arena, type);
	if (!cast)
		return fail(c, "this type is not known", type);
	return arena_printf(c->arena, "(%s)%s", cast, t);
}
