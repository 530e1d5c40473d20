/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output as text (language reference 5.1 to 5.4, 5.7): results to out->fd, and everything that is said about the
 * run (attached probes, warnings, losses, the verdict) to err_fd, after what was printed before it.
 */
#include "out/value.h"

#include <stdio.h>

const char *const out_loss_name[LOSS_COUNT] = {
	[LOSS_RING] = "ring_full",	   [LOSS_MAP] = "map_full",
	[LOSS_USER] = "user_reads_failed", [LOSS_KERNEL] = "kernel_reads_failed",
	[LOSS_SKIP] = "skipped",	   [LOSS_RETURN] = "returns_missed",
	[LOSS_ATTACH] = "not_attached",
	[LOSS_DIV] = "divisions_by_zero",  [LOSS_BOUNDS] = "out_of_bounds",
	[LOSS_LOOP] = "loops_cut",	   [LOSS_STACK] = "stacks",
	[LOSS_FOLLOW] = "children_not_traced",
	[LOSS_UNWIND] = "unwind_tables_missing", [LOSS_CUT] = "stacks_cut",
};

static void text_attached(struct out *o, uint32_t n)
{
	char s[48];
	if (o->quiet)
		return;
	int len = snprintf(s, sizeof(s), "Attached %u probe%s\n", n, n == 1 ? "" : "s");
	out_flush_err(o, s, (size_t)len);
}

static void text_text(struct out *o, enum out_text_kind kind, const char *s, size_t n)
{
	if (kind == OUT_CAT || kind == OUT_SYSTEM)
		buf_add_safe(&o->buf, s, n, true);
	else
		buf_add(&o->buf, s, n);
	out_item_done(o);
}

static void text_value(struct out *o, const struct event_arg *a, const void *payload, uint32_t len)
{
	uint32_t avail;
	const void *p = val_last(a, payload, len, &avail);
	struct val v = { .env = o->env, .o = &o->buf };
	val_text(&v, a->type, p, avail, a->trusted);
	buf_addc(&o->buf, '\n');
	out_item_done(o);
}

/* A pair of a text and an integer is one name: "malloc [181]". */
static bool text_is_named_number(const struct type *t)
{
	return t->kind == T_TUPLE && t->fields.n == 2 && t->fields.v[1].type->kind == T_INT &&
	       (t->fields.v[0].type->kind == T_STRING || t->fields.v[0].type->kind == T_PROBE);
}

static void text_map(struct out *o, const struct out_map *m)
{
	struct buf *b = &o->buf;
	bool hist = m->value->kind == T_HIST || m->value->kind == T_LHIST || m->value->kind == T_TSERIES;
	for (uint32_t i = 0; i < m->n && !o->error && m->unit.len; i++) {
		struct val v = { .env = o->env, .o = b };
		if (m->key && m->rows[i].key) {
			buf_addf(b, "\n%.*s = ", STR_FMT(m->section.len ? m->section : m->name));
			if (text_is_named_number(m->key)) {
				const struct field *f = m->key->fields.v;
				val_text(&v, f[0].type, (const char *)m->rows[i].key + f[0].offset, f[0].type->size, false);
				buf_adds(b, " [");
				val_text(&v, f[1].type, (const char *)m->rows[i].key + f[1].offset, f[1].type->size, false);
				buf_addc(b, ']');
			} else {
				val_key(&v, m->key, m->rows[i].key);
			}
			buf_addc(b, '\n');
		}
		out_hist_distribution(m->value, m->rows[i].value, m->unit, b);
		out_item_part(o);
	}
	if (!m->unit.len && block_is_wanted(o, m)) {
		block_map(o, m);
		out_item_done(o);
		return;
	}
	for (uint32_t i = 0; i < m->n && !o->error && !m->unit.len; i++) {
		struct val v = { .env = o->env, .o = b };
		buf_add(b, m->name.s, m->name.len);
		if (m->key && m->rows[i].key) {
			buf_addc(b, '[');
			val_key(&v, m->key, m->rows[i].key);
			buf_addc(b, ']');
		}
		buf_adds(b, hist ? ":\n" : ": ");
		v.depth = v.parts = 0;
		val_row(&v, m, &m->rows[i], false);
		buf_addc(b, '\n');
		out_item_part(o);
	}
	out_item_done(o);
}

static void text_message(struct out *o, enum event_kind kind, const struct diags *d, struct span span, const char *text,
			 size_t n)
{
	struct buf b = { 0 };
	if (o->no_warnings && kind != EV_ERRORF)
		return;
	diag_place(d, kind == EV_ERRORF ? DIAG_ERROR : DIAG_WARNING, span, &b);
	buf_add(&b, text, n);
	if (n == 0 || text[n - 1] != '\n')
		buf_addc(&b, '\n');
	if (kind == EV_RUNTIME)
		diag_excerpt(d, span, &b);
	out_flush_err(o, b.s, b.len);
	buf_fini(&b);
}

static void text_calls(const struct diags *d, enum diag_severity severity, const struct call_chain *c, struct buf *b)
{
	for (; c; c = c->up) {
		diag_place(d, severity, c->call, b);
		buf_adds(b, "expanded from\n");
		diag_excerpt(d, c->call, b);
	}
}

static void text_expanded(struct out *o, enum event_kind kind, const struct diags *d, const struct call_chain *c)
{
	struct buf b = { 0 };
	if (!c || (o->no_warnings && kind != EV_ERRORF))
		return;
	text_calls(d, kind == EV_ERRORF ? DIAG_ERROR : DIAG_WARNING, c, &b);
	out_flush_err(o, b.s, b.len);
	buf_fini(&b);
}

static void text_fault(struct out *o, const struct diags *d, const struct out_fault *f)
{
	struct buf b = { 0 };
	if (o->no_warnings)
		return;
	diag_place(d, DIAG_WARNING, f->span, &b);
	buf_addf(&b, "%s\n", f->message);
	if (f->helper)
		buf_addf(&b, "Additional Info - helper: %s, retcode: %lld\n", f->helper, (long long)f->retcode);
	diag_excerpt(d, f->span, &b);
	text_calls(d, DIAG_WARNING, f->calls, &b);
	out_flush_err(o, b.s, b.len);
	buf_fini(&b);
}

static void text_lost(struct out *o, uint64_t n)
{
	char s[48];
	int len = snprintf(s, sizeof(s), "Lost %llu event%s\n", (unsigned long long)n, n == 1 ? "" : "s");
	out_flush_err(o, s, (size_t)len);
}

static void text_end(struct out *o)
{
	buf_adds(&o->buf, "\n\n");
	out_item_done(o);
}

static const struct {
	const char *one, *many;
} loss_text[LOSS_COUNT] = {
	[LOSS_RING] = { "event was lost: the ring was full (raise perf_rb_pages, or print less)",
			"events were lost: the ring was full (raise perf_rb_pages, or print less)" },
	[LOSS_MAP] = { "map update was refused: the map was full (raise max_map_keys)",
		       "map updates were refused: the map was full (raise max_map_keys)" },
	[LOSS_USER] = { "read of user memory failed: its value is empty or 0",
			"reads of user memory failed: their values are empty or 0" },
	[LOSS_KERNEL] = { "read of kernel memory failed: its value is empty or 0",
			  "reads of kernel memory failed: their values are empty or 0" },
	[LOSS_SKIP] = { "event was skipped: it came while another one was being handled on the same CPU (nested)",
			"events were skipped: they came while other ones were being handled on the same CPU (nested)" },
	[LOSS_RETURN] = { "return of a function was missed: the kernel remembers only so many calls at once (fexit has no such limit)",
			  "returns of functions were missed: the kernel remembers only so many calls at once (fexit has no such limit)" },
	[LOSS_ATTACH] = { "probe did not attach", "probes did not attach" },
	[LOSS_DIV] = { "division by zero: its result is 1", "divisions by zero: their results are 1" },
	[LOSS_BOUNDS] = { "array index was out of bounds: its result is 0",
			  "array indices were out of bounds: their results are 0" },
	[LOSS_LOOP] = { "loop was cut short: the kernel bounds how long a loop may run",
			"loops were cut short: the kernel bounds how long a loop may run" },
	[LOSS_STACK] = { "stack was lost: it could not be walked, or there were too many different ones (raise max_map_keys)",
			 "stacks were lost: they could not be walked, or there were too many different ones (raise max_map_keys)" },
	[LOSS_UNWIND] = { "user stack was walked by frame pointers, for a program or library had just been met: frames may be missing",
			  "user stacks were walked by frame pointers, for programs or libraries had just been met: frames may be missing" },
	[LOSS_FOLLOW] = { "child process was not traced: there were too many at once (--follow: raise max_map_keys)",
			  "child processes were not traced: there were too many at once (--follow: raise max_map_keys)" },
	[LOSS_CUT] = { "user stack ends early: memory of the process could not be read",
		       "user stacks end early: memory of the process could not be read" },
};

static void text_verdict(struct out *o, const struct out_verdict *v)
{
	struct buf b = { 0 };
	for (int i = 0; i < LOSS_COUNT; i++) {
		if (!v->n[i])
			continue;
		buf_addf(&b, "sonde: %llu %s", (unsigned long long)v->n[i],
			 v->n[i] == 1 ? loss_text[i].one : loss_text[i].many);
		for (uint32_t j = 0; i == LOSS_ATTACH && j < v->attach.n; j++) {
			/* One stands in the line, several in lines of their own. */
			buf_adds(&b, v->n[i] == 1 && v->attach.n == 1 ? ": " : j ? "\nsonde:   " : ":\nsonde:   ");
			buf_add_safe(&b, v->attach.v[j], strlen(v->attach.v[j]), false);
		}
		buf_addc(&b, '\n');
	}
	if (v->skips_unknown && (b.len || v->verbose))
		buf_adds(&b, "sonde: events that came while another one was being handled on the same CPU are not counted by this kernel "
			     "(before 6.7): there may have been some\n");
	if (b.len)
		out_flush_err(o, b.s, b.len);
	buf_fini(&b);
}

const struct out_ops out_text_ops = {
	.attached = text_attached,
	.text = text_text,
	.value = text_value,
	.row = table_text_row,
	.table = table_text,
	.screen = table_text_screen,
	.map = text_map,
	.message = text_message,
	.expanded = text_expanded,
	.fault = text_fault,
	.lost = text_lost,
	.end = text_end,
	.verdict = text_verdict,
};
