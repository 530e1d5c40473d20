/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of run/ share: the session and its parts. A session is one object on the stack of session_run(); each
 * descriptor and buffer in it has one owner, the part that it belongs to, whose *_fini or *_end releases it.
 */
#ifndef SONDE_RUN_RUN_H
#define SONDE_RUN_RUN_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/types.h>

#include "bpf/code.h"
#include "ir/lower.h"
#include "kern/kern.h"
#include "kern/sys.h"
#include "lang/ast.h"
#include "out/film.h"
#include "out/out.h"
#include "probe/probe.h"
#include "run/session.h"
#include "sym/sym.h"

/* -- ring.c: the reading end of a BPF ring buffer -- */
struct ring {
	volatile unsigned long *consumer; /* page of its own, writable */
	const volatile unsigned long *producer;
	const uint8_t *data;
	uint8_t *wrapped;                 /* the last record that wrapped */
	size_t wrapped_room;
	size_t size, page;
};
int ring_open(struct ring *r, int map_fd, size_t size);
void ring_close(struct ring *r);
/* Give every finished record to `each`, in order, at most about one ring full, so that a flood cannot hold the caller for
 * ever. Returns how many; *ret_more: there may be more. A non-zero return of `each` stops after that record. */
typedef int ring_each(void *arg, const void *record, uint32_t size);
uint64_t ring_drain(struct ring *r, ring_each *each, void *arg, bool *ret_more);

/* -- perf.c: the reading end of perf events' buffers, one for each CPU -- */
struct perf_ring {
	int fd;
	uint32_t cpu;
	struct perf_event_mmap_page *head; /* a page, and `size` bytes of records behind it */
};
struct perf_rings {
	struct perf_ring *v;
	uint32_t n;
	uint8_t *record;   /* the one at hand, in one piece */
	size_t size, page;
};
typedef int perf_open_cpu(int cpu, uint32_t watermark); /* an event, disabled; it wakes when so many bytes are there */
/* `pages`: a power of two. CPUs that refuse are left out: -errno when all do. */
int perf_open(struct perf_rings *r, uint32_t pages, perf_open_cpu *open_cpu, uint32_t watermark);
void perf_close(struct perf_rings *r);
/* What is there: PERF_RECORD_* with what is behind the header. */
typedef void perf_each(void *arg, uint32_t type, uint32_t misc, const uint8_t *p, uint32_t n);
void perf_drain(struct perf_rings *r, perf_each *each, void *arg);

/* -- child.c: the command of -c, and the process of -p -- */
struct child {
	pid_t pid;      /* 0: none */
	int pidfd;      /* readable when it has ended; -1: none */
	int go, status; /* pipes: written to let it start; says why exec failed */
	const char *file; /* -c: what it will execute */
};
/* Split as a shell would, with quotes and backslashes, but without any expansion. NULL and *ret_why when quotes are open. */
char **child_split(struct arena *a, const char *cmd, const char **ret_why);
/* Fork it, stopped before exec. -errno with *ret_why (arena). */
int child_start(struct child *c, struct arena *a, const char *cmd, const char **ret_why);
int child_release(struct child *c); /* let it run; -errno when exec failed */
int child_watch(struct child *c, int pid); /* -p: only the pidfd */
void child_end(struct child *c); /* SIGTERM if we started it and it still runs */

/* -- agg.c: values of several CPUs to one; order of rows -- */
/* Size of a merged value. */
uint32_t agg_size(const struct type *t, uint32_t value_size);
/* Add one CPU's value `from` to the merged value `to` (zeroed before the first). */
void agg_merge(const struct type *t, void *to, const void *from, uint32_t size);
bool agg_is_empty(const struct type *t, const void *merged, uint32_t size); /* nothing was ever counted */
/* Sort into the order of printing (reference 5.3); keeps the last `top` when that is not 0. */
void agg_sort(const struct type *key, const struct type *value, const struct sort_column *by, struct out_row *rows, uint32_t *n,
	      uint32_t top); /* by NULL, or of type NULL: as always */
int agg_compare(const struct type *t, const void *x, const void *y); /* of two keys */

/* -- map.c -- */
struct run_map {
	int fd;       /* -1: not a kernel map, or not created */
	bool used;    /* a program refers to it */
	bool zeroed;  /* zero(): its zero is a value to show */
	bool cleared; /* clear(): a zero means that there is nothing */
};
/* Rows with their memory. */
struct map_rows {
	struct out_row *rows;
	uint32_t n;
	uint8_t *mem;      /* keys and merged values, side by side */
	uint32_t row_size; /* key, then value, each rounded up to 8 */
};
struct session;
int map_read(struct session *s, uint32_t map, struct map_rows *ret);
void map_rows_fini(struct map_rows *r);
/* One element, merged, into `ret` (agg_size bytes, zero when absent). */
int map_read_element(struct session *s, uint32_t map, const void *key, void *ret);
int map_print(struct session *s, uint32_t map, const struct event *ev); /* ev NULL: at exit */
int map_clear(struct session *s, uint32_t map);
int map_zero(struct session *s, uint32_t map);
void map_print_all(struct session *s); /* at exit */

/* -- signal.c -- */
struct signals {
	sigset_t blocked;  /* while we do not wait: SIGINT, SIGTERM, SIGHUP, and those with a probe */
	sigset_t waiting;  /* the mask while we wait */
	sigset_t before;
	int fd;            /* signalfd of the signals that have a probe; -1 */
};
int signals_open(struct signals *s, const sigset_t *probes);
bool signals_stop(void);  /* has one of SIGINT, SIGTERM, SIGHUP come? */
void signals_default(void); /* the next one kills */
void signals_close(struct signals *s);

/* -- iter.c: reads iterator links to their end, beside the session -- */
struct iter_reader {
	pthread_t thread;
	bool started;
	int *links;
	uint32_t n;
	int done_fd; /* eventfd */
	bool stop;   /* atomic: leave after the read at hand */
	int error;   /* -errno of the first that failed */
};
int iter_start(struct iter_reader *r, const int *links, uint32_t n);
void iter_join(struct iter_reader *r);

/* -- cost.c: the cost governor -- */
struct cost {
	int stats;      /* holds the kernel's run-time statistics on; -1 */
	int timer;      /* timerfd: the next look; -1 */
	bool always;    /* measured throughout */
	uint64_t from, spent; /* ns: when the look began, what had been spent */
};
struct session;
int cost_open(struct session *s);   /* before attaching; -errno only when --max-cost cannot be kept */
void cost_tick(struct session *s);  /* the timer has fired */
void cost_print(struct session *s); /* -v: hits and average cost of each probe */
void cost_close(struct session *s);

/* -- sample.c: histograms over time -- */
int sample_open(struct session *s);  /* when everything is attached; -ENODATA: --live, and no histogram */
void sample_tick(struct session *s); /* the timer has fired */
void sample_take(struct session *s); /* a look, now */
void sample_clear(struct session *s, uint32_t map); /* before the map is cleared */
void sample_close(struct session *s);

/* -- follow.c: --follow -- */
void follow_seed(struct session *s); /* when everything is attached: the children that are there already */
bool follow_next(struct session *s); /* the process that we waited for has ended: wait for another; false: that was the last */

/* -- the session -- */
enum session_place { /* what a wait was woken by */
	WAKE_CONTROL, WAKE_EVENTS, WAKE_PROCESS, WAKE_SIGNAL, WAKE_OUTPUT, WAKE_ITER, WAKE_COST, WAKE_MMAP, WAKE_SAMPLE, WAKE_PACKET
};

struct session {
	const struct session_options *o;
	struct arena arena;
	jmp_buf oom;
	struct diags diags;
	struct kern *kern;
	int pid;                /* to keep: of -p or -c */
	uint64_t ns_dev, ns_ino; /* our pid namespace; 0: the initial one */
	struct node *tree;
	struct sema_env env;
	struct probe_debug *debug; /* debug information of programs; as long as we compile or list */
	struct sema sema;
	struct module module;
	struct bpf_code **codes; /* by module.progs index */
	struct bpf_target target;
	struct plan plan;
	bool planned;
	uint32_t ncpus;
	/* loaded */
	struct run_map *maps;   /* by module.maps index; map_fds of the kernel's */
	int *prog_fds;          /* by module.progs index */
	uint8_t *data;          /* the data map, mapped; NULL when no program uses it */
	size_t data_size;
	struct ring events, control;
	struct attached attached;
	struct child child;
	struct iter_reader iter;
	struct signals signals;
	struct cost cost;
	int sample_timer;       /* -1: none */
	bool on_screen;         /* the terminal shows our picture */
	bool has_signals;
	int epoll_fd;
	/* running */
	struct out out;
	struct out_env out_env;
	struct sym_procs *procs; /* user symbols */
	struct mmaps *mmaps;    /* NULL: none wanted, or none to be had */
	struct packets *packets; /* NULL: no program writes any */
	bool packet_failed;     /* a file could not be written, and that was said */
	struct unwind *unwind;  /* NULL: no program walks user stacks by tables */
	struct buf text;        /* of the item at hand */
	struct buf module_name; /* of a kernel module, in brackets */
	struct buf kernel_name; /* demangled */
	struct out_inlined inlined[SYM_INLINES]; /* of the last frame */
	bool rank_failed;       /* a row was not kept, and that was said */
	uint64_t n_bad_records; /* that could not be decoded: our bug, said in the verdict */
	uint64_t lost_said;     /* lost events already reported */
	int64_t lost_second;    /* when */
	uint64_t n_errors;      /* errorf() */
	int64_t exit_code;
	bool exiting;           /* exit() was called */
	bool stopping;          /* any other reason to end */
	int status;             /* exit status when exit() did not say one */
};

/* compile.c: text to BPF instructions. 0, or -1 with diagnostics in s->diags. Stops early after the last stage of o->dump. */
int session_compile(struct session *s, struct buf *dump);
/* import.c: import "path"; at the top, replaced by what the scripts hold */
void import_resolve(struct arena *a, struct diags *d, struct str name, struct node *program);
/* dump.c */
const char *dump_map_name(void *session, uint32_t index);
void dump_ir(struct session *s, struct buf *out);
void dump_bpf(struct session *s, struct buf *out);
void dump_maps(struct session *s, struct buf *out);
void dump_plan(struct session *s, struct buf *out);
void dump_list(struct session *s, struct buf *out);
/* explain.c: --explain; after loading also the kernel's figures. */
void explain_print(struct session *s, struct buf *out);
/* load.c: create maps, load programs. 0, or -errno (reported). */
int session_load(struct session *s);
void session_unload(struct session *s);
int load_function(struct session *s, uint32_t fn, const char *name); /* as a raw tracepoint's program, to be run by us: its descriptor */
const char *load_name(const struct session *s, uint32_t prog); /* the attach point that stands for a program */
/* log.c: report what the verifier refused, at the source. */
void log_report(struct session *s, uint32_t prog, int err, const char *log, uint32_t log_size);
/* event.c: one record of a ring (arg: the session). */
int event_handle(void *session, const void *record, uint32_t size);
void event_header(struct session *s);  /* of the only table, before its first row */
/* import.c: C headers, for sema: where they may be. */
struct headers {
	struct arena *a;
	struct str script;
	const char *const *dirs;
	uint32_t n_dirs;
};
bool header_find(void *headers, struct sema_include *);
/* number.c */
uint64_t file_number(void *session, struct str file, struct str word);
/* cgroup.c */
bool cgroup_path(void *session, uint64_t id, struct str filter, struct buf *ret);
/* suite.c: --test, --bench */
int suite_run(struct session *s);
/* fault.c */
void faults_tell(struct session *s);    /* what failed for the first time since the last look */
void faults_summary(struct session *s); /* at the end: what failed more than once */
/* loop.c: from attached to the reason to end. */
int loop_run(struct session *s);
void loop_drain(struct session *s); /* both rings, until nothing is left */
/* mmap.c: news of processes and their mappings, for user symbols. */
struct mmaps;
struct mmaps *mmaps_open(const struct session *s); /* NULL: not wanted, or refused */
void mmaps_close(struct mmaps *m);
int mmaps_fd(const struct mmaps *m, uint32_t i);   /* of the i-th CPU, to wait for; -1: there are no more */
void mmaps_drain(struct mmaps *m); /* into the session's processes */
/* packet.c: skboutput(), packets to files. */
struct packets;
int packets_open(struct session *s);   /* before attaching: the files and the buffers; -errno (reported) */
void packets_close(struct packets *k);
int packets_fd(const struct packets *k, uint32_t i); /* of the i-th CPU, to wait for; -1: there are no more */
void packets_drain(struct session *s);
void packet_write(struct session *s, uint32_t event, const uint8_t *p, uint32_t len); /* EV_PACKET */
/* unwind.c: tables for walking user stacks without frame pointers. */
struct unwind;
int unwind_map_create(const struct module_map *m); /* one of the MM_UNWIND_*: its descriptor */
int unwind_open(struct session *s);     /* before attaching: s->unwind (NULL when no program walks); -errno */
void unwind_close(struct unwind *u);
bool unwind_wanted(const struct session *s); /* do programs walk by tables? */
void unwind_mapped(struct unwind *u, const struct sym_mapping *m); /* the kernel's news: has it a table? u may be NULL */
void unwind_asked(struct session *s, const void *payload); /* EV_UNWIND */
/* stack.c: what output asks for to show stacks and symbols (struct out_env; arg: the session). */
bool stack_ksym(void *session, uint64_t addr, struct buf *ret);
bool stack_usym(void *session, uint64_t addr, uint32_t pid, struct buf *ret);
uint32_t stack_frames(void *session, const struct type *t, uint64_t id, uint64_t *frames);
uint32_t stack_build_id(void *session, uint32_t pid, uint64_t addr, const uint8_t **ret_id, uint64_t *ret_offset);
bool stack_frame(void *session, bool user, uint32_t pid, uint64_t addr, struct out_frame *ret);
/* verdict.c */
uint64_t verdict_lost(const struct session *s); /* events that did not fit the ring, up to now */
void verdict_print(struct session *s);
/* session.c */
void session_report(struct session *s);   /* render and forget the diagnostics */
bool session_test_run(struct session *s, int provider, uint64_t signal); /* begin, end, self; false when one failed */
#endif
