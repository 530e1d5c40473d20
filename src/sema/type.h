/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of the language (language reference 2.1), shared by sema, lowering and
 * the runtime's printing. Arena objects; compare with type_eq, not by address.
 */
#ifndef SONDE_SEMA_TYPE_H
#define SONDE_SEMA_TYPE_H

#include "base/diag.h"
#include "base/str.h"
#include "base/vec.h"

enum type_kind {
	T_NONE,      /* no value: statements, clear(), the empty tuple */
	T_ERROR,     /* poisoned: already reported, silences its parents */
	T_BOOL,      /* 1 byte */
	T_INT,       /* size 1, 2, 4, 8; is_signed */
	T_ENUM,      /* like T_INT, with a name and (facts_enum_name) symbols */
	T_PTR,       /* elem = pointee (T_VOID possible), as = address space */
	T_VOID,      /* C void, only behind a pointer */
	T_ARRAY,     /* elem, count (0 = unsized) */
	T_STRING,    /* size = bytes including the NUL's place */
	T_BUFFER,    /* size = 4 (u32 length) + data bytes */
	T_TUPLE,     /* fields without names */
	T_RECORD,    /* fields with names */
	T_STRUCT,    /* C struct or union (is_union), maybe incomplete until facts_complete() */
	T_FUNC,      /* C function, only behind a pointer */
	T_INET,      /* 24: i64 address family, 16 bytes of address */
	T_MAC,       /* 6 */
	T_TIMESTAMP, /* 16: u32 format id (index in module.strings), u32 enum clock_mode, u64 ns */
	T_KSYM,      /* 8: address */
	T_USYM,      /* 16: u64 address, u32 pid, u32 attach point + 1, which names the function where the address is 0; or 0 */
	T_USERNAME,  /* 8: uid */
	T_CGROUP_PATH, /* 16 */
	T_FILE_NUMBER, /* 16: two u64 ids of strings, a file and a word in it: the number behind that when it is printed */
	T_KSTACK,    /* 8: u64 id (below); depth in count, mode in stack_mode */
	T_USTACK,    /* 16: u64 id, u64 pid */
	T_PROBE,     /* 4: index of an attach point, shown as its name: the type of `probe` */
	/* aggregations: only as map values */
	T_COUNT, T_SUM, T_MIN, T_MAX, T_AVG, T_STATS, T_HIST, T_LHIST, T_TSERIES,
	T_KIND_COUNT
};

/* What the ns of a T_TIMESTAMP count from: nsecs(boot), nsecs(tai), nsecs(sw_tai). The monotonic clock is refused by sema. */
enum clock_mode { CLOCK_MODE_BOOT, CLOCK_MODE_TAI, CLOCK_MODE_SW_TAI };

/*
 * A stack as a value is small: the frames lie once in a map of the program (module.h, MM_STACK), and the value is their id:
 * (hash << STACK_ID_BITS | number of frames), 0 for a stack without frames.
 */
/* How print() shows a map by stacks: as any map; as blocks of frames; with a line between the kernel's and the program's frames. */
enum stack_form { STACKS_MAP, STACKS_BLOCK, STACKS_DELIMITED };
enum stack_mode { STACK_BPFTRACE, STACK_PERF, STACK_RAW, STACK_BUILD_ID };
enum { STACK_ID_BITS = 11, STACK_MAX = 1024, STACK_DEFAULT = 127 };

enum addr_space { AS_NONE, AS_KERNEL, AS_USER, AS_BTF /* trusted kernel pointer: direct loads */, AS_CTX };

enum { TYPE_ORIGIN_DEBUG = 1u << 30 };

struct type;
struct field {
	struct str name; /* empty for tuples and anonymous members */
	struct type *type;
	uint32_t offset;     /* bytes from the start (of the storage unit for bit-fields) */
	uint8_t bit_offset, bit_size; /* bit-field: bits from the LSB of the type-sized unit at `offset`; size 0 = not one */
	bool data_loc;       /* tracepoint __data_loc: u32 at offset, low half = offset of the data, high half = length */
	bool rel_loc;        /* __rel_loc: the same, relative to the end of the field */
	const char *text;    /* the declaration as C writes it, where facts.texts asked for it; or NULL */
	const char *absent;  /* argument of a user function: why it cannot be read where the probe is; NULL: it can */
};
struct enum_value { struct str name; int64_t value; };

/* Who completes a type that is not the kernel's: the debug information of a program. */
struct type_maker {
	bool (*complete)(struct type_maker *, struct type *);
};
/* What C calls a floating-point number is bytes to the language; calling conventions care. */
enum type_float { FLOAT_NONE, FLOAT_SSE /* of 8 bytes at most */, FLOAT_PAIR /* two of them: double _Complex */, FLOAT_WIDE /* one register of 16
	bytes and more */, FLOAT_X87 /* long double */ };

struct type {
	enum type_kind kind;
	uint32_t size;      /* bytes; 0 = unknown/void */
	uint32_t align;     /* inside tuples and records */
	bool is_signed;     /* integers, enums; aggregations: of their argument */
	bool flexible;      /* literal integer that may still turn unsigned */
	bool is_union, complete;
	bool whole;         /* with all that is inside it */
	enum addr_space as; /* T_PTR: where the pointee lives; T_STRUCT/T_ARRAY values in place: where they live */
	struct type *elem;  /* T_PTR, T_ARRAY */
	uint32_t count;     /* T_ARRAY; stacks: depth; T_PROBE: room for the longest name, with its NUL */
	bool brief;         /* T_PROBE: shown by the last part of its name */
	struct str name;    /* T_STRUCT, T_ENUM, typedef'd anonymous ones: "struct task_struct", "enum x" without the keyword */
	VEC(struct field) fields; /* T_TUPLE, T_RECORD, T_STRUCT (after completion) */
	VEC(struct enum_value) values; /* T_ENUM (after completion) */
	uint32_t origin;    /* facts' own id (BTF id); from TYPE_ORIGIN_DEBUG on: of `maker`; 0 = from the program text */
	struct type_maker *maker;
	uint8_t is_float;   /* enum type_float; T_ARRAY, whose name is that in C */
	struct { /* T_HIST, T_LHIST, T_TSERIES parameters */
		int64_t bits, min, max, step;
	} agg;
	uint8_t stack_mode;
};

/* Value layouts of aggregations, per CPU (u64/s64 words):
 * COUNT, SUM: [0] value.  MIN, MAX: [0] value, [1] is_set.  AVG, STATS: [0] total, [1] count.
 * HIST: one u64 per bucket, index as in the language reference 4.6: number of buckets = 2 + ((64 - bits) << bits) rounded
 * as type_agg_size() says. LHIST: (max - min) / step + 2 buckets.
 * TSERIES: agg.max buckets of three words: value, meta, epoch = sw_tai / agg.step; agg.bits = enum tseries_mode. meta is 0 when the
 * bucket is unset; for the average the count; for the last value when it came. */
enum tseries_mode { TS_LAST, TS_AVG, TS_MAX, TS_MIN, TS_SUM };
/* What of an attach point's name a value of type T_PROBE shows. */
struct str type_probe_name(const struct type *t, struct str name);
uint32_t type_agg_size(const struct type *t); /* bytes per CPU */
uint32_t type_agg_buckets(const struct type *t);

static inline bool type_is_agg(const struct type *t) { return t->kind >= T_COUNT && t->kind <= T_TSERIES; }
static inline bool type_is_int(const struct type *t) { return t->kind == T_INT || t->kind == T_ENUM; }
/* Readable in the kernel as an integer: count sum min max avg */
static inline bool type_is_castable(const struct type *t) { return t->kind >= T_COUNT && t->kind <= T_AVG; }
/* Held in one register by lowering; everything else is held in memory, by address. */
static inline bool type_is_scalar(const struct type *t)
{
	return t->kind == T_BOOL || type_is_int(t) || t->kind == T_PTR || t->kind == T_KSYM || t->kind == T_USERNAME ||
	       t->kind == T_PROBE || type_is_castable(t);
}

/* Constructors. Basic ones are shared constants (never modify a type that you did not make). */
struct type *type_new(struct arena *a, enum type_kind k, uint32_t size, uint32_t align);
struct type *type_int(struct arena *a, unsigned size, bool is_signed);
struct type *type_bool(struct arena *a);
struct type *type_none(struct arena *a);
struct type *type_error(struct arena *a);
struct type *type_string(struct arena *a, uint32_t size);
struct type *type_buffer(struct arena *a, uint32_t size);
struct type *type_ptr(struct arena *a, struct type *to, enum addr_space as);
struct type *type_array(struct arena *a, struct type *elem, uint32_t count);
struct type *type_stack(struct arena *a, bool user, uint32_t depth, enum stack_mode mode);
/* Lay out fields (offsets, size, align) as the reference 2.1 says. */
void type_layout(struct type *tuple_or_record);
bool type_eq(const struct type *x, const struct type *y); /* address spaces and flexibility aside */
/* The type that holds both (reference 2.3), or NULL when there is none; NULL merges with anything. */
struct type *type_merge(struct arena *a, struct type *x, struct type *y);
/* As messages and typeinfo print it: "int8", "string[2]", "struct task_struct *", "(int8,string[2])". */
void type_print(const struct type *t, struct buf *out);
const char *type_str(struct arena *a, const struct type *t);
const struct field *type_field(const struct type *t, struct str name, uint32_t *ret_extra_offset); /* looks into anonymous members */

#endif
