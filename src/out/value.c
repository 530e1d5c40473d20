/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values: bytes of a known type to text (language reference 5.1) and to JSON (5.6).
 *
 * The bytes come from a ring or a map, so a program filled them; how many are there is told by `avail`, and nothing
 * beyond it is read, whatever a length inside says. What is missing counts as zero. The types come from the
 * compiler, but parts of them from BTF; depth is bounded, and an array prints no elements that are not there.
 *
 * Strings, names of symbols, users, groups and probes are somebody else's text and pass through val_bytes(), the only
 * door. In JSON the strings go through buf_add_json() instead, which holds every byte, escaped.
 */
#include "out/value.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/user.h"
#include "sema/provider.h"

enum { DEPTH_MAX = 32, PARTS_MAX = 1 << 20 };

/* Nested unions could multiply without end in bytes that are few: also the number of parts is bounded. */
static bool too_much(struct val *v)
{
	return v->depth >= DEPTH_MAX || ++v->parts > PARTS_MAX;
}

static const void *at(const void *p, uint32_t off)
{
	return (const char *)p + off;
}

static uint32_t left(uint32_t avail, uint64_t off)
{
	return off < avail ? avail - (uint32_t)off : 0;
}

static uint64_t load(const void *p, uint32_t avail, uint32_t size, bool is_signed)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	if (avail < size)
		return 0;
	switch (size) {
	case 1:
		memcpy(&u8, p, 1);
		return is_signed ? (uint64_t)(int8_t)u8 : u8;
	case 2:
		memcpy(&u16, p, 2);
		return is_signed ? (uint64_t)(int16_t)u16 : u16;
	case 4:
		memcpy(&u32, p, 4);
		return is_signed ? (uint64_t)(int32_t)u32 : u32;
	case 8:
		memcpy(&u64, p, 8);
		return u64;
	default:
		return 0;
	}
}

static uint64_t word(const void *p, uint32_t avail, uint32_t i)
{
	return load(at(p, avail < i * 8 ? 0 : i * 8), left(avail, i * 8), 8, false);
}

uint64_t val_divide(uint64_t x, uint64_t n, bool is_signed)
{
	if (n == 0)
		return 0;
	/* n is a count, never negative as s64; -1 could overflow only if it were. */
	return is_signed && n <= INT64_MAX ? (uint64_t)((int64_t)x / (int64_t)n) : x / n;
}

bool val_number(const struct type *t, const void *p, uint32_t avail, uint64_t *ret, bool *ret_signed)
{
	bool sg = t->is_signed && t->kind != T_COUNT;
	switch (t->kind) {
	case T_BOOL:
		*ret = load(p, avail, 1, false) != 0;
		sg = false;
		break;
	case T_INT:
	case T_ENUM:
		*ret = load(p, avail, t->size, sg);
		break;
	case T_PTR:
	case T_KSYM:
	case T_USYM:
	case T_USERNAME:
		*ret = load(p, avail, 8, false);
		sg = false;
		break;
	case T_PROBE:
		*ret = load(p, avail, 4, false);
		sg = false;
		break;
	case T_COUNT:
	case T_SUM:
		*ret = word(p, avail, 0);
		break;
	case T_MIN:
	case T_MAX:
		*ret = word(p, avail, 1) ? word(p, avail, 0) : 0;
		break;
	case T_AVG:
		*ret = val_divide(word(p, avail, 0), word(p, avail, 1), sg);
		break;
	default:
		return false;
	}
	*ret_signed = sg;
	return true;
}

bool val_number_now(const struct out_env *e, const struct type *t, const void *p, uint32_t avail, uint64_t *ret, bool *ret_signed)
{
	if (t->kind != T_FILE_NUMBER)
		return val_number(t, p, avail, ret, ret_signed);
	uint64_t file = word(p, avail, 0), name = word(p, avail, 1), n = e->module ? e->module->strings.n : 0;
	*ret = file < n && name < n && e->file_number ? e->file_number(e->arg, e->module->strings.v[file], e->module->strings.v[name]) : 0;
	*ret_signed = false;
	return true;
}

void val_int(struct buf *o, uint64_t x, bool is_signed)
{
	char s[24];
	unsigned i = sizeof(s);
	bool neg = is_signed && (int64_t)x < 0;
	if (neg)
		x = -x;
	do
		s[--i] = (char)('0' + x % 10);
	while (x /= 10);
	if (neg)
		s[--i] = '-';
	buf_add(o, s + i, sizeof(s) - i);
}

static bool fits_double(uint64_t x, bool is_signed)
{
	uint64_t m = is_signed && (int64_t)x < 0 ? -x : x;
	/* 53 significant bits, wherever they lie. */
	return m == 0 || m >> __builtin_ctzll(m) <= (1ull << 53) - 1;
}

void val_json_int(struct buf *o, uint64_t x, bool is_signed)
{
	bool ok = fits_double(x, is_signed);
	if (!ok)
		buf_addc(o, '"');
	val_int(o, x, is_signed);
	if (!ok)
		buf_addc(o, '"');
}

void val_bytes(struct val *v, const void *p, size_t n, bool trusted)
{
	if (v->raw || trusted)
		buf_add(v->o, p, n);
	else
		buf_add_safe(v->o, p, n, false);
}

static uint32_t str_within(const struct type *t, const void *p, uint32_t avail, bool *ret_full)
{
	uint32_t n = t->size < avail ? t->size : avail;
	uint32_t len = n ? (uint32_t)strnlen(p, n) : 0;
	*ret_full = len == t->size && len > 0;
	return len;
}

const uint8_t *val_buffer(const struct type *t, const void *p, uint32_t avail, uint32_t *ret_len)
{
	uint32_t n = (uint32_t)load(p, avail, 4, false);
	uint32_t room = left(avail < t->size ? avail : t->size, 4);
	*ret_len = n < room ? n : room;
	return at(p, room ? 4 : 0);
}

const void *val_arg(const struct event_arg *a, const void *payload, uint32_t len, uint32_t *tail, uint32_t *ret_avail)
{
	uint32_t room = left(len, a->offset);
	const void *p = room ? at(payload, a->offset) : payload;
	if (!a->packed) {
		*ret_avail = room;
		return p;
	}
	uint32_t n = (uint32_t)load(p, room, 2, false), rest = left(len, *tail);
	const void *s = rest ? at(payload, *tail) : payload;
	*ret_avail = n < rest ? n : rest;
	*tail = *tail > UINT32_MAX - n ? UINT32_MAX : *tail + n;
	return s;
}

const void *val_last(const struct event_arg *a, const void *payload, uint32_t len, uint32_t *ret_avail)
{
	uint32_t tail = len;
	if (a->packed && a->offset + 2ull <= len) {
		uint32_t n = (uint32_t)load(at(payload, a->offset), 2, 2, false), room = len - a->offset - 2;
		tail = len - (n < room ? n : room);
	}
	return val_arg(a, payload, len, &tail, ret_avail);
}

static void val_buffer_text(struct val *v, const struct type *t, const void *p, uint32_t avail)
{
	uint32_t n;
	const uint8_t *b = val_buffer(t, p, avail, &n);
	for (uint32_t i = 0; i < n; i++) {
		if (b[i] >= 32 && b[i] <= 126)
			buf_addc(v->o, (char)b[i]);
		else
			buf_addf(v->o, "\\x%02x", b[i]);
	}
}

static void val_inet(struct val *v, const void *p, uint32_t avail)
{
	char s[INET6_ADDRSTRLEN];
	uint64_t af = load(p, avail, 8, false);
	if (avail < 24 || (af != AF_INET && af != AF_INET6))
		return;
	if (inet_ntop((int)af, at(p, 8), s, sizeof(s)))
		buf_adds(v->o, s);
}

static void val_mac(struct val *v, const void *p, uint32_t avail)
{
	for (uint32_t i = 0; i < 6; i++)
		buf_addf(v->o, "%s%02X", i ? ":" : "",
			 (unsigned)load(avail > i ? at(p, i) : p, left(avail, i), 1, false));
}

static void val_timestamp(struct val *v, const void *p, uint32_t avail)
{
	const struct module *m = v->env->module;
	uint32_t id = (uint32_t)load(p, avail, 4, false);
	uint32_t mode = (uint32_t)load(avail > 4 ? at(p, 4) : p, left(avail, 4), 4, false);
	uint64_t ns = word(p, avail, 1);
	if (mode == CLOCK_MODE_BOOT)
		ns += (uint64_t)v->env->wall_minus_boot_ns;
	else
		ns += (uint64_t)v->env->wall_minus_tai_ns;
	/* Interned strings are arena strings: NUL-terminated. */
	if (m && id < m->strings.n && m->strings.v[id].s)
		out_strftime(m->strings.v[id].s, (int64_t)ns, false, v->o);
	else
		val_int(v->o, ns, true);
}

/* The function of an attach point, whose number is given plus 1. */
static bool val_place(const struct out_env *e, uint64_t place, struct buf *name)
{
	const struct attach_point *ap = place && e->module && place <= e->module->attaches.n ? e->module->attaches.v[place - 1] : NULL;
	if (ap)
		buf_add(name, ap->func.s, ap->func.len);
	return ap && ap->func.len;
}

/* Names that a callback or a table finds for a number; false: there is none. */
static bool val_lookup(struct val *v, const struct type *t, const void *p, uint32_t avail, struct buf *name)
{
	const struct out_env *e = v->env;
	uint64_t x = load(p, avail, 8, false);
	switch (t->kind) {
	case T_KSYM:
		return x && e->ksym && e->ksym(e->arg, x, name);
	case T_USYM:
		if (!x && avail >= 16)
			return val_place(e, load(at(p, 12), left(avail, 12), 4, false), name);
		return x && e->usym &&
		       e->usym(e->arg, x, (uint32_t)load(avail > 8 ? at(p, 8) : p, left(avail, 8), 4, false), name);
	case T_USERNAME:
		return user_name(x, name);
	case T_CGROUP_PATH:
		x = word(p, avail, 0); /* number of a string, or -1 */
		return e->cgroup_path && e->cgroup_path(e->arg, word(p, avail, 1),
							e->module && x < e->module->strings.n ? e->module->strings.v[x] : STR(""), name);
	case T_PROBE: {
		x = load(p, avail, 4, false);
		if (!e->module || x >= e->module->attaches.n || !e->module->attaches.v[x])
			return false;
		struct str s = type_probe_name(t, e->module->attaches.v[x]->name);
		buf_add(name, s.s, s.len);
		return true;
	}
	default:
		return false;
	}
}

static void val_name(struct val *v, const struct type *t, const void *p, uint32_t avail)
{
	struct buf name = { 0 };
	if (val_lookup(v, t, p, avail, &name)) {
		val_bytes(v, name.s, name.len, false);
	} else if (t->kind == T_KSYM || t->kind == T_USYM) {
		uint64_t x = load(p, avail, 8, false);
		buf_addf(v->o, x ? "0x%llx" : "0", (unsigned long long)x);
	} else if (t->kind == T_CGROUP_PATH) {
		val_int(v->o, word(p, avail, 1), false);
	} else {
		val_int(v->o, load(p, avail, t->kind == T_PROBE ? 4 : 8, false), false);
	}
	buf_fini(&name);
}

/* By build id and offset in the file: the same for every run and machine. What has none stays an address. */
static void val_frame_id(struct val *v, uint32_t pid, uint64_t addr)
{
	const struct out_env *e = v->env;
	const uint8_t *id;
	uint64_t offset = 0;
	uint32_t n = e->build_id ? e->build_id(e->arg, pid, addr, &id, &offset) : 0;
	for (uint32_t i = 0; i < n; i++)
		buf_addf(v->o, "%02x", id[i]);
	buf_addf(v->o, n ? " 0x%llx\n" : "0x%llx\n", (unsigned long long)(n ? offset : addr));
}

static void val_frame_margin(struct val *v, const struct type *t, uint64_t addr)
{
	bool block = v->env->blocks != STACKS_MAP;
	if (t->stack_mode == STACK_PERF)
		buf_addf(v->o, block ? "  %-16llx " : "\t%llx ", (unsigned long long)addr);
	else
		buf_adds(v->o, block ? "  " : "        ");
}

static void val_frame_source(struct val *v, const char *file, uint32_t line)
{
	if (!file)
		return;
	buf_addc(v->o, '@');
	val_bytes(v, file, strlen(file), false);
	buf_addf(v->o, ":%u", line);
}

/*
 * One frame. Addresses behind the innermost one are return addresses: they name the instruction behind the call, which may
 * belong to the next function already. So the function is that of the byte before.
 */
static void val_frame(struct val *v, const struct type *t, uint32_t pid, uint64_t addr, bool is_return)
{
	const struct out_env *e = v->env;
	struct out_frame f = { 0 };
	bool user = t->kind == T_USTACK, back = is_return && addr;
	if (t->stack_mode == STACK_RAW) {
		buf_addf(v->o, "%llx\n", (unsigned long long)addr);
		return;
	}
	if (t->stack_mode == STACK_BUILD_ID) {
		val_frame_id(v, pid, addr);
		return;
	}
	bool known = e->frame && e->frame(e->arg, user, pid, addr - back, &f);
	for (uint32_t i = 0; known && i < f.n_inlined; i++) {
		val_frame_margin(v, t, addr);
		buf_adds(v->o, "[inlined] ");
		val_bytes(v, f.inlined[i].name, strlen(f.inlined[i].name), false);
		val_frame_source(v, f.inlined[i].file, f.inlined[i].line);
		buf_addc(v->o, '\n');
	}
	val_frame_margin(v, t, addr);
	if (known) {
		val_bytes(v, f.name, strlen(f.name), false);
		if (!e->no_offsets)
			buf_addf(v->o, "+%llu", (unsigned long long)(f.offset + back));
		val_frame_source(v, f.file, f.line);
	} else {
		buf_addf(v->o, "0x%llx", (unsigned long long)addr);
	}
	if (t->stack_mode == STACK_PERF) {
		const char *module = f.module ? f.module : user ? "[unknown]" : "[kernel.kallsyms]";
		buf_adds(v->o, " (");
		val_bytes(v, module, strlen(module), false);
		buf_addc(v->o, ')');
	}
	buf_addc(v->o, '\n');
}

/*
 * Frames of the tracing itself: a stack taken in a raw tracepoint begins with our program and what called it. Left out only when the
 * program comes first, so that nothing is missing where somebody traces BPF.
 */
static uint32_t val_own_frames(const struct out_env *e, const uint64_t *frames, uint32_t n)
{
	static const char *const names[] = { "bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_", "bpf_dispatcher_", "__bpf_prog_", "bpf_trampoline_" };
	struct buf b = { 0 };
	uint32_t own = 0;
	for (bool mine = e->ksym != NULL; mine && own < n; own += mine) {
		buf_clear(&b);
		mine = e->ksym(e->arg, frames[own], &b) && b.s && (own || !strncmp(b.s, names[0], strlen(names[0])));
		bool known = false;
		for (size_t i = 0; mine && i < sizeof(names) / sizeof(*names); i++)
			known |= !strncmp(b.s, names[i], strlen(names[i]));
		mine = known;
	}
	buf_fini(&b);
	return own < n ? own : 0;
}

uint32_t val_stack_frames(const struct out_env *e, const struct type *t, const void *p, uint32_t avail, uint64_t *frames, bool *ret_lost)
{
	uint64_t id = word(p, avail, 0);
	uint32_t n = id && e->stack ? e->stack(e->arg, t, id, frames) : 0, want = (uint32_t)(id & ((1 << STACK_ID_BITS) - 1));
	*ret_lost = id && !n;
	n = n < want ? n : want;
	uint32_t own = t->kind == T_KSTACK && n ? val_own_frames(e, frames, n) : 0;
	memmove(frames, frames + own, (n - own) * sizeof(*frames));
	return n - own;
}

static void val_stack(struct val *v, const struct type *t, const void *p, uint32_t avail)
{
	uint64_t frames[STACK_MAX];
	bool lost;
	uint32_t pid = t->kind == T_USTACK ? (uint32_t)word(p, avail, 1) : 0;
	buf_addc(v->o, '\n');
	if (t->count > STACK_MAX)
		return;
	uint32_t n = val_stack_frames(v->env, t, p, avail, frames, &lost);
	for (uint32_t i = 0; i < n; i++)
		val_frame(v, t, pid, frames[i], i > 0);
	if (lost)
		buf_adds(v->o, t->stack_mode == STACK_PERF ? "\t<lost>\n" : t->stack_mode == STACK_RAW ? "<lost>\n" : "        <lost>\n");
}

static void val_stats(const struct type *t, const void *p, uint32_t avail, uint64_t *ret_count, uint64_t *ret_avg,
		      uint64_t *ret_total)
{
	*ret_total = word(p, avail, 0);
	*ret_count = word(p, avail, 1);
	*ret_avg = val_divide(*ret_total, *ret_count, t->is_signed);
}

/*
 * A member in place: where its bytes lie. Bit-fields come back as a number in *ret_bits; data that a tracepoint lays
 * behind its record (__data_loc) is found relative to the record's begin.
 */
static const void *val_member(const struct field *f, const void *p, uint32_t avail, uint64_t *ret_bits,
			      uint32_t *ret_avail)
{
	uint64_t off = f->offset;
	uint32_t n = left(avail, off);
	if (f->data_loc || f->rel_loc) {
		uint32_t loc = (uint32_t)load(n ? at(p, f->offset) : p, n, 4, false);
		off = (loc & 0xffff) + (f->rel_loc ? off + 4 : 0);
		n = left(avail, off);
		if (n > loc >> 16)
			n = loc >> 16;
	}
	const void *q = n ? at(p, (uint32_t)off) : p;
	if (f->bit_size) {
		uint64_t x = load(q, n, f->type->size, false);
		unsigned lo = f->bit_offset < 64 ? f->bit_offset : 63, bits = f->bit_size < 64 ? f->bit_size : 64;
		x >>= lo;
		if (bits < 64) {
			x &= (1ull << bits) - 1;
			if (f->type->is_signed && x >> (bits - 1))
				x |= ~0ull << bits;
		}
		*ret_bits = x;
	}
	*ret_avail = n;
	return q;
}

/* Members of a record or struct; those of anonymous members stand among their parent's. */
static void val_members(struct val *v, const struct type *t, const void *p, uint32_t avail, bool json, bool *first)
{
	if (too_much(v))
		return;
	v->depth++;
	for (uint32_t i = 0; i < t->fields.n; i++) {
		const struct field *f = &t->fields.v[i];
		uint64_t bits = 0;
		uint32_t n;
		const void *q = val_member(f, p, avail, &bits, &n);
		if (f->absent)
			continue;
		if (!f->name.len && f->type->kind == T_STRUCT) {
			val_members(v, f->type, q, n, json, first);
			continue;
		}
		if (!*first)
			buf_adds(v->o, v->compact ? "," : ", ");
		*first = false;
		if (json) {
			buf_addc(v->o, '"');
			buf_add_json(v->o, f->name.s, f->name.len);
			buf_adds(v->o, "\": ");
		} else {
			buf_addc(v->o, '.');
			val_bytes(v, f->name.s, f->name.len, false);
			buf_adds(v->o, v->compact ? "=" : " = ");
		}
		struct type num = *f->type;
		if (f->bit_size) { /* an integer of its unit's type again, in full width */
			if (num.kind != T_BOOL)
				num.size = 8;
			q = &bits;
			n = sizeof(bits);
		} else if ((f->data_loc || f->rel_loc) && num.kind == T_STRING) {
			num.size = n + 1;
		} else if ((f->data_loc || f->rel_loc) && num.kind == T_ARRAY && num.elem->size) {
			num.count = n / num.elem->size;
		}
		if (json)
			val_json(v, &num, q, n);
		else
			val_text(v, &num, q, n, false);
	}
	v->depth--;
}

static uint32_t array_count(const struct type *t, uint32_t avail)
{
	uint32_t size = t->elem ? t->elem->size : 0;
	if (size == 0)
		return 0;
	uint32_t there = avail / size + (avail % size != 0);
	return t->count < there ? t->count : there;
}

static void val_text_list(struct val *v, const struct type *t, const void *p, uint32_t avail)
{
	bool first = true;
	if (t->kind == T_ARRAY) {
		buf_addc(v->o, '[');
		for (uint32_t i = 0, n = array_count(t, avail); i < n; i++) {
			if (i)
				buf_addc(v->o, ',');
			val_text(v, t->elem, at(p, i * t->elem->size), left(avail, i * t->elem->size), false);
		}
		buf_addc(v->o, ']');
	} else if (t->kind == T_TUPLE) {
		buf_addc(v->o, '(');
		for (uint32_t i = 0; i < t->fields.n; i++) {
			uint32_t off = t->fields.v[i].offset, n = left(avail, off);
			if (i)
				buf_adds(v->o, v->compact ? "," : ", ");
			val_text(v, t->fields.v[i].type, n ? at(p, off) : p, n, false);
		}
		buf_addc(v->o, ')');
	} else if (t->fields.n == 0) {
		buf_adds(v->o, "{}");
	} else {
		buf_adds(v->o, v->compact ? "{" : "{ ");
		val_members(v, t, p, avail, false, &first);
		buf_adds(v->o, v->compact ? "}" : " }");
	}
}

static const struct enum_value *enum_find(const struct type *t, uint64_t x)
{
	for (uint32_t i = 0; i < t->values.n; i++)
		if ((uint64_t)t->values.v[i].value == x)
			return &t->values.v[i];
	return NULL;
}

/* A histogram as a value stands for itself only in `print` of a whole map; here for completeness. */
static bool val_hist(const struct type *t, const void *p, uint32_t avail, bool json, struct buf *o)
{
	uint32_t n = type_agg_buckets(t);
	if (n == 0 || avail / 8 < n)
		return false;
	uint64_t *w = malloc((size_t)n * 8);
	if (!w)
		return false;
	memcpy(w, p, (size_t)n * 8);
	(json ? out_hist_json : out_hist_text)(t, w, o);
	free(w);
	return true;
}

void val_text(struct val *v, const struct type *t, const void *p, uint32_t avail, bool trusted)
{
	uint64_t x, count, avg;
	bool sg, full;
	uint32_t n;

	if (too_much(v)) {
		buf_adds(v->o, "...");
		return;
	}
	switch (t->kind) {
	case T_BOOL:
		buf_adds(v->o, load(p, avail, 1, false) ? "true" : "false");
		return;
	case T_ENUM: {
		val_number(t, p, avail, &x, &sg);
		const struct enum_value *ev = enum_find(t, x);
		if (ev)
			val_bytes(v, ev->name.s, ev->name.len, false);
		else
			val_int(v->o, x, sg);
		return;
	}
	case T_PTR:
		buf_addf(v->o, "0x%llx", (unsigned long long)load(p, avail, 8, false));
		return;
	case T_INT: case T_COUNT: case T_SUM: case T_MIN: case T_MAX: case T_AVG: case T_FILE_NUMBER:
		val_number_now(v->env, t, p, avail, &x, &sg);
		val_int(v->o, x, sg);
		return;
	case T_STRING:
		n = str_within(t, p, avail, &full);
		val_bytes(v, p, n, trusted);
		if (full)
			buf_add(v->o, v->env->trunc_trailer.s, v->env->trunc_trailer.len);
		return;
	case T_BUFFER:
		val_buffer_text(v, t, p, avail);
		return;
	case T_ARRAY: case T_TUPLE: case T_RECORD: case T_STRUCT:
		v->depth++;
		val_text_list(v, t, p, avail);
		v->depth--;
		return;
	case T_INET:
		val_inet(v, p, avail);
		return;
	case T_MAC:
		val_mac(v, p, avail);
		return;
	case T_TIMESTAMP:
		val_timestamp(v, p, avail);
		return;
	case T_KSYM: case T_USYM: case T_USERNAME: case T_CGROUP_PATH: case T_PROBE:
		val_name(v, t, p, avail);
		return;
	case T_KSTACK: case T_USTACK:
		val_stack(v, t, p, avail);
		return;
	case T_STATS:
		val_stats(t, p, avail, &count, &avg, &x);
		buf_addf(v->o, "{ .count = %llu, .average = ", (unsigned long long)count);
		val_int(v->o, avg, t->is_signed);
		buf_adds(v->o, ", .total = ");
		val_int(v->o, x, t->is_signed);
		buf_adds(v->o, " }");
		return;
	case T_HIST: case T_LHIST:
		val_hist(t, p, avail, false, v->o);
		return;
	case T_TSERIES:
		buf_adds(v->o, "<no data>");
		return;
	default:
		buf_adds(v->o, "null");
		return;
	}
}

/* What is a string in JSON though it is none in the language: its text. */
static void val_json_text(struct val *v, const struct type *t, const void *p, uint32_t avail)
{
	struct buf b = { 0 };
	struct val raw = { .env = v->env, .o = &b, .raw = true };
	val_text(&raw, t, p, avail, false);
	buf_addc(v->o, '"');
	buf_add_json(v->o, b.s, b.len);
	buf_addc(v->o, '"');
	if (b.oom)
		v->o->oom = true;
	buf_fini(&b);
}

static void val_json_list(struct val *v, const struct type *t, const void *p, uint32_t avail)
{
	bool first = true;
	if (t->kind == T_RECORD || t->kind == T_STRUCT) {
		buf_addc(v->o, '{');
		val_members(v, t, p, avail, true, &first);
		buf_addc(v->o, '}');
		return;
	}
	buf_addc(v->o, '[');
	for (uint32_t i = 0, n = t->kind == T_TUPLE ? t->fields.n : array_count(t, avail); i < n; i++) {
		uint32_t off = t->kind == T_TUPLE ? t->fields.v[i].offset : i * t->elem->size, there = left(avail, off);
		if (i)
			buf_addc(v->o, ',');
		val_json(v, t->kind == T_TUPLE ? t->fields.v[i].type : t->elem, there ? at(p, off) : p, there);
	}
	buf_addc(v->o, ']');
}

void val_json(struct val *v, const struct type *t, const void *p, uint32_t avail)
{
	uint64_t x, count, avg;
	bool sg;
	uint32_t n;
	const uint8_t *b;

	if (too_much(v)) {
		buf_adds(v->o, "null");
		return;
	}
	switch (t->kind) {
	case T_BOOL:
		buf_adds(v->o, load(p, avail, 1, false) ? "true" : "false");
		return;
	case T_INT: case T_ENUM: case T_PTR: case T_COUNT: case T_SUM: case T_MIN: case T_MAX: case T_AVG: case T_FILE_NUMBER:
		val_number_now(v->env, t, p, avail, &x, &sg);
		val_json_int(v->o, x, sg);
		return;
	case T_BUFFER:
		b = val_buffer(t, p, avail, &n);
		buf_addc(v->o, '[');
		for (uint32_t i = 0; i < n; i++) {
			if (i)
				buf_addc(v->o, ',');
			val_int(v->o, (uint64_t)(int8_t)b[i], true);
		}
		buf_addc(v->o, ']');
		return;
	case T_ARRAY: case T_TUPLE: case T_RECORD: case T_STRUCT:
		v->depth++;
		val_json_list(v, t, p, avail);
		v->depth--;
		return;
	case T_STATS:
		val_stats(t, p, avail, &count, &avg, &x);
		buf_adds(v->o, "{\"count\": ");
		val_json_int(v->o, count, false);
		buf_adds(v->o, ", \"average\": ");
		val_json_int(v->o, avg, t->is_signed);
		buf_adds(v->o, ", \"total\": ");
		val_json_int(v->o, x, t->is_signed);
		buf_addc(v->o, '}');
		return;
	case T_HIST: case T_LHIST:
		if (!val_hist(t, p, avail, true, v->o))
			buf_adds(v->o, "[]");
		return;
	case T_TSERIES:
		buf_adds(v->o, "[]");
		return;
	case T_STRING:
	case T_INET:
	case T_MAC:
	case T_TIMESTAMP:
	case T_KSYM:
	case T_USYM:
	case T_USERNAME:
	case T_CGROUP_PATH:
	case T_PROBE: case T_KSTACK: case T_USTACK:
		val_json_text(v, t, p, avail);
		return;
	default:
		buf_adds(v->o, "null");
		return;
	}
}

void val_key(struct val *v, const struct type *t, const void *p)
{
	if (t->kind != T_TUPLE) {
		val_text(v, t, p, t->size, false);
		return;
	}
	for (uint32_t i = 0; i < t->fields.n; i++) {
		const struct field *f = &t->fields.v[i];
		if (i)
			buf_adds(v->o, v->compact ? "," : ", ");
		uint32_t n = left(t->size, f->offset);
		val_text(v, f->type, n ? at(p, f->offset) : p, n, false);
	}
}

/*
 * print(@m, top, div) divides each value: numbers as such, the buckets of a histogram one by one. Statistics and linear
 * histograms stay as they are.
 */
void val_row(struct val *v, const struct out_map *m, const struct out_row *row, bool json)
{
	const struct type *t = m->value;
	uint64_t x;
	bool sg;
	if (t->kind == T_TSERIES) {
		if (m->value_size >= type_agg_size(t))
			(json ? out_series_json : out_series_text)(v->env, t, row->value, m->newest, v->o);
		return;
	}
	if (m->div > 1 && t->kind == T_HIST) {
		uint32_t n = type_agg_buckets(t);
		uint64_t *w = m->value_size / 8 < n ? NULL : malloc((size_t)n * 8);
		for (uint32_t i = 0; w && i < n; i++)
			w[i] = word(row->value, m->value_size, i) / m->div;
		if (w)
			(json ? out_hist_json : out_hist_text)(t, w, v->o);
		free(w);
		return;
	}
	bool number = t->kind == T_INT || type_is_castable(t);
	if (m->div > 1 && number && val_number(t, row->value, m->value_size, &x, &sg)) {
		x = val_divide(x, m->div, sg);
		(json ? val_json_int : val_int)(v->o, x, sg);
		return;
	}
	if (json)
		val_json(v, t, row->value, m->value_size);
	else
		val_text(v, t, row->value, m->value_size, false);
}

void out_value_text(const struct out_env *e, const struct type *t, const void *p, uint32_t avail, bool trusted,
		    struct buf *ret)
{
	struct val v = { .env = e, .o = ret };
	val_text(&v, t, p, avail, trusted);
}

void out_value_json(const struct out_env *e, const struct type *t, const void *p, uint32_t avail, struct buf *ret)
{
	struct val v = { .env = e, .o = ret };
	val_json(&v, t, p, avail);
}

void out_key_text(const struct out_env *e, const struct type *t, const void *p, struct buf *ret)
{
	struct val v = { .env = e, .o = ret };
	val_key(&v, t, p);
}
