/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output: what a session produces is data until here. run/ calls the functions of struct out_ops; text.c, json.c
 * and folded.c implement them; no producer asks which one it is. Formats to the byte: language reference 5.
 *
 * Everything that a traced process controls (comm, strings, keys, paths) is escaped here and nowhere else
 * (buf_add_safe, buf_add_json).
 */
#ifndef SONDE_OUT_OUT_H
#define SONDE_OUT_OUT_H

#include "ir/module.h"
#include "sema/sema.h"

/* A place in code: function, offset, and the file or kernel module that it is of; NULL: not known. */
struct out_frame {
	const char *name, *module;
	uint64_t offset;
	const char *file; /* of the source; NULL: not known, or not asked for */
	uint32_t line;
	uint32_t n_inlined;
	const struct out_inlined { const char *name, *file; uint32_t line; } *inlined; /* functions inlined at that place, the innermost first */
};

/* What rendering needs besides the bytes. Callbacks may be NULL: then numbers are printed. */
struct out_env {
	const struct module *module;  /* names of attach points (T_PROBE), interned strings */
	bool marks;                   /* folded: frames of the kernel end in _[k], those of JIT compilers in _[j], inlined ones in _[i] */
	bool no_offsets;              /* in frames */
	enum stack_form blocks;       /* of maps by stacks */
	struct film *film;            /* folded: histograms and time series are shown as pictures, not as text; or NULL */
	struct str trunc_trailer;     /* appended to a string that fills its type without a NUL: ".." */
	int64_t wall_minus_boot_ns;   /* CLOCK_REALTIME - CLOCK_BOOTTIME */
	int64_t wall_minus_tai_ns;    /* CLOCK_REALTIME - CLOCK_TAI */
	bool json; /* out_format and out_join leave the escaping to out_json_ops.text: set it exactly with those
		    * ops, so that the string in the record holds the bytes that were traced */
	void *arg;
	bool (*ksym)(void *arg, uint64_t addr, struct buf *ret);
	bool (*usym)(void *arg, uint64_t addr, uint32_t pid, struct buf *ret);
	/* The frames of a stack value, innermost first: how many were put into `frames`, which has room for t->count; 0: it is lost. */
	uint32_t (*stack)(void *arg, const struct type *t, uint64_t id, uint64_t *frames);
	/* One frame. false: no name is known; ret->module may be. Strings live until the next call. */
	bool (*frame)(void *arg, bool user, uint32_t pid, uint64_t addr, struct out_frame *ret);
	/* The build id of the file at an address (its length, or 0), and the address's offset in that file. */
	uint32_t (*build_id)(void *arg, uint32_t pid, uint64_t addr, const uint8_t **ret_id, uint64_t *ret_offset);
	uint64_t (*file_number)(void *arg, struct str file, struct str word);
	bool (*cgroup_path)(void *arg, uint64_t id, struct str filter, struct buf *ret); /* filter: of hierarchies; empty: all */
};

/* value.c: one value of `type` at `p`, of which `avail` bytes are valid (a shorter record never reads past it: what is
 * missing prints as zero/empty). Aggregation types take their merged layout (type.h), AVG divides here.
 * `trusted`: a string that is the script's own literal: not escaped. */
void out_value_text(const struct out_env *e, const struct type *t, const void *p, uint32_t avail, bool trusted,
		    struct buf *ret);
void out_value_json(const struct out_env *e, const struct type *t, const void *p, uint32_t avail, struct buf *ret);
/* The text of a map key: outer parentheses of a tuple stripped. */
void out_key_text(const struct out_env *e, const struct type *t, const void *p, struct buf *ret);

/* gfp.c: the bits that a name of allocation flags stands for, "GFP_ATOMIC". */
bool out_gfp_bits(struct str name, uint64_t *ret);
/* format.c: printf. The arguments of one record (payload of len bytes) by ev->fmt; reference 4.3. Escapes of the
 * script's format string are already resolved; they pass unchanged. */
void out_format(const struct out_env *e, const struct event *ev, const void *payload, uint32_t len, struct buf *ret);
/* EV_JOIN: the NUL-terminated strings of the payload with ev->fmt between them. The newline is the caller's. */
void out_join(const struct out_env *e, const struct event *ev, const void *payload, uint32_t len, struct buf *ret);
/* hist.c: the rows of a histogram (hist, lhist) in text and JSON, reference 5.4. `buckets`: type_agg_buckets() of them,
 * already divided by `div`. */
/* The lower bound of a bucket; of the one behind the last: where that ends, 2^64 as 0. Bucket 0 has none. */
uint64_t out_hist_bound(const struct type *t, uint32_t index);
void out_hist_text(const struct type *t, const uint64_t *buckets, struct buf *ret);
/* As a table by powers of two (or steps), from the lowest, in this unit. */
void out_hist_distribution(const struct type *t, const uint64_t *buckets, struct str unit, struct buf *ret);
void out_hist_json(const struct type *t, const uint64_t *buckets, struct buf *ret);

/* series.c: a time series in text and JSON, reference 5.5. `newest`: the newest epoch of all rows of the map. */
struct out_point { bool there; uint64_t value; };
/* The points from this key's first one to the newest epoch of the map (malloc); NULL: none (*ret_n = 0), or no memory. */
struct out_point *out_series_points(const struct type *t, const void *value, uint64_t newest, uint64_t *ret_first, uint64_t *ret_n);
uint64_t out_series_newest(const struct type *t, const void *value);
void out_series_text(const struct out_env *e, const struct type *t, const void *value, uint64_t newest, struct buf *ret);
void out_series_json(const struct out_env *e, const struct type *t, const void *value, uint64_t newest, struct buf *ret);

/* strftime with %f (6 digits of microseconds), %l (3, ms), %k (9, ns) added. Wall-clock ns. `safe`: the result is
 * escaped, but for newlines and tabs (a format that is not the script's own). */
void out_strftime(const char *fmt, int64_t wall_ns, bool safe, struct buf *ret);

/* A map ready to print: rows merged over CPUs and in the order of printing (run/agg.c does both). */
struct out_row {
	const void *key;   /* key_size bytes; NULL when unkeyed */
	const void *value; /* merged: non-aggregations: the value; else words as type.h says, without per-CPU copies */
};
struct out_map {
	struct str name;   /* "@x" */
	const struct type *key, *value; /* key NULL: unkeyed */
	uint32_t value_size;
	const struct out_row *rows;
	uint32_t n;
	uint64_t div;      /* 0 and 1: as they are */
	uint64_t newest;   /* time series: epoch at the right end */
	struct str unit, section; /* of a histogram that is printed as a distribution: "usecs", "pid"; unit.len 0: it is not */
};

/*
 * table.c: rows with columns (docs/language.md, Tables). A cell is text, or a value in JSON; columns beyond the format's are empty.
 * Rows of rank() are kept here, in their cells, until they are printed.
 */
struct out_cells {
	struct buf text;               /* the cells, one behind the other */
	uint32_t end[COLUMNS_MAX], n;  /* where each of them ends */
};
struct out_kept {
	const struct event *ev;
	uint64_t key;                  /* orders as an unsigned number */
	uint32_t seq, n, *end;         /* end and text in one piece of memory */
	char *text;
};
struct out_table {
	const struct event *header;    /* whose header stands above the next row; NULL: none does */
	VEC(struct out_kept) rows;
	bool was_screen;
};
enum out_cell_form { CELL_TEXT, CELL_JSON, CELL_CSV };
void out_cells(const struct out_env *e, const struct event *ev, uint32_t from_arg, const void *payload, uint32_t len,
	       enum out_cell_form form, struct out_cells *ret);
struct out;
/* rank(): 0, or -ENOMEM, -E2BIG when there are too many. */
int out_table_keep(struct out *o, const struct event *ev, const void *payload, uint32_t len);
void out_table_sort(struct out_table *t); /* the largest key first */
void out_table_clear(struct out_table *t);
void out_table_fini(struct out_table *t);
/* Other formats may show the same header. */
bool out_same_header(enum out_cell_form form, const struct event *x, const struct event *y);

/* rows.c: which rows of row() are printed, and how. */
struct out_rows {
	struct str contains; /* only those with this text in their last column; empty: all */
	uint64_t max, n;     /* so many are enough, 0: never; how many there were */
	bool counted;        /* equal ones are printed once, at the end, with their number, the most frequent first */
	VEC(struct out_counted { char *text; size_t len; uint64_t n; }) kept; /* malloc */
	uint32_t *index, index_cap;
};
/* A row; p NULL: its header, if that is not there yet. True: that was the last one that is wanted. */
bool out_row(struct out *o, const struct event *ev, const void *p, uint32_t len);
void out_rows_end(struct out *o);
void out_rows_fini(struct out_rows *r);

enum out_text_kind { OUT_PRINTF, OUT_TIME, OUT_CAT, OUT_JOIN, OUT_SYSTEM };
enum out_loss {
	LOSS_RING,    /* records that did not fit the ring */
	LOSS_MAP,     /* updates refused by a full map */
	LOSS_USER,    /* reads of user memory that failed */
	LOSS_KERNEL,  /* reads of kernel memory that failed */
	LOSS_SKIP,    /* events skipped: no scratch slot (nesting) or the kernel's recursion guard */
	LOSS_RETURN,  /* returns of kernel functions that the kernel had no room to remember the call of, or that came nested */
	LOSS_ATTACH,  /* probes that did not attach */
	LOSS_DIV, LOSS_BOUNDS, /* divisions by zero, indices out of bounds: results were replaced */
	LOSS_LOOP,    /* loops that were cut short by the kernel's bound */
	LOSS_STACK,   /* stacks that could not be walked or kept */
	LOSS_UNWIND,  /* user stacks by frame pointers, as an unwind table was not there yet */
	LOSS_CUT,     /* user stacks cut short: unreadable memory */
	LOSS_FOLLOW,  /* processes that --follow had no room for */
	LOSS_COUNT
};
extern const char *const out_loss_name[LOSS_COUNT]; /* "ring_full", ...: names in JSON and in docs */
struct out_verdict {
	uint64_t n[LOSS_COUNT];
	VEC(const char *) attach; /* one text each: probe and reason */
	bool skips_unknown;       /* this kernel keeps no count of events that it skips */
	bool verbose;             /* say that also when nothing is known to be lost */
};

/* A failure at run time, and where. */
struct out_fault {
	struct span span;
	const char *message, *helper; /* helper NULL: none */
	int64_t retcode;
	const struct call_chain *calls;
};

struct out;
struct out_ops {
	void (*attached)(struct out *, uint32_t n_probes);
	/* Already formatted. OUT_JOIN and OUT_SYSTEM end in a newline more, which JSON drops. OUT_CAT and OUT_SYSTEM
	 * (contents of files, output of commands) may come as they were read: they are escaped here, but for newlines
	 * and tabs. */
	void (*text)(struct out *, enum out_text_kind, const char *s, size_t n);
	/* print(value). A packed string's bytes are the last ones of the payload. */
	void (*value)(struct out *, const struct event_arg *, const void *payload, uint32_t len);
	/* One row of a table, with its header where that is not there yet; p NULL: only the header. */
	void (*row)(struct out *, const struct event *, const void *p, uint32_t len);
	/* The kept rows, sorted, `n` of them at most; header NULL: unknown, as there are none. */
	void (*table)(struct out *, const struct event *header, uint64_t n);
	void (*screen)(struct out *);
	void (*map)(struct out *, const struct out_map *); /* print(@m) and at exit */
	void (*message)(struct out *, enum event_kind /* EV_ERRORF, EV_WARNF, EV_RUNTIME */, const struct diags *,
			struct span, const char *text, size_t n);   /* stderr in text mode */
	/* The calls around the place of the last message, innermost first; stderr in text mode. NULL: not shown. */
	void (*expanded)(struct out *, enum event_kind, const struct diags *, const struct call_chain *);
	void (*fault)(struct out *, const struct diags *, const struct out_fault *); /* stderr in text mode */
	void (*lost)(struct out *, uint64_t n);                     /* since the last call, stderr in text mode */
	void (*end)(struct out *); /* before the maps are printed at exit: "\n\n" in text */
	void (*verdict)(struct out *, const struct out_verdict *);  /* says nothing when all is zero */
};
struct out {
	const struct out_ops *ops;
	const struct out_env *env;
	struct buf buf;      /* not yet written */
	int fd;              /* results */
	int err_fd;          /* messages in text mode: 2 */
	enum { OUT_BUF_LINE, OUT_BUF_FULL, OUT_BUF_NONE } buffering;
	bool tty;            /* fd is a terminal */
	enum out_cell_form form; /* of the cells of tables */
	struct out_table table;
	struct out_rows rows;
	bool waiting;        /* nothing is attached yet: what comes stays in buf, unless something else is written */
	bool held;           /* what comes stays in buf: see rows.c */
	bool quiet;          /* no "Attached N probes" */
	bool no_warnings;
	int error; /* -errno of the first failed write; then output is dropped and the session ends (-EPIPE quietly) */
};
extern const struct out_ops out_text_ops, out_json_ops, out_folded_ops, out_csv_ops;
/* table.c, for text and CSV */
void table_text_row(struct out *o, const struct event *ev, const void *p, uint32_t len);
void table_text(struct out *o, const struct event *header, uint64_t n);
void table_text_screen(struct out *o);
void table_json_row(struct out *o, const struct event *ev, const void *p, uint32_t len);
void table_json(struct out *o, const struct event *header, uint64_t n);
void table_json_screen(struct out *o);
/* write.c: hand buf to the descriptor. Short writes and EINTR are handled; sets error. */
void out_flush(struct out *o);
/* The same for a message: what is in buf goes first, then the text to err_fd, whose errors are nobody's. */
void out_flush_err(struct out *o, const char *s, size_t n);
/* Between the rows of one long item: keeps buf small, whatever the buffering. */
void out_item_part(struct out *o);
/* Called by ops after each item: flushes as `buffering` says. */
void out_item_done(struct out *o);

#endif
