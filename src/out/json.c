/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output as JSON, one object a line (language reference 5.6). Everything goes to out->fd, messages and the verdict too,
 * so that one stream tells the whole run. It is always valid JSON in UTF-8: bytes that are not come escaped as \u00xx.
 *
 * Two habits of the reference's implementation are not kept: keys do not lose the spaces inside their strings, and
 * integers that a double cannot hold are quoted in histograms, too.
 */
#include "out/value.h"

static void begin(struct out *o, const char *type)
{
	buf_addf(&o->buf, "{\"type\": \"%s\", \"data\": ", type);
}

static void end(struct out *o)
{
	buf_adds(&o->buf, "}\n");
	out_item_done(o);
}

static void string(struct buf *b, const char *s, size_t n)
{
	buf_addc(b, '"');
	buf_add_json(b, s, n);
	buf_addc(b, '"');
}

static void json_attached(struct out *o, uint32_t n)
{
	if (o->quiet)
		return;
	buf_addf(&o->buf, "{\"type\": \"attached_probes\", \"count\": %u, \"data\": {\"probes\": %u}}\n", n, n);
	out_item_done(o);
}

static void json_text(struct out *o, enum out_text_kind kind, const char *s, size_t n)
{
	static const char *const types[] = {
		[OUT_PRINTF] = "printf", [OUT_TIME] = "time",	   [OUT_CAT] = "cat",
		[OUT_JOIN] = "join",	 [OUT_SYSTEM] = "syscall",
	};
	if ((kind == OUT_JOIN || kind == OUT_SYSTEM) && n && s[n - 1] == '\n')
		n--;
	begin(o, types[kind]);
	string(&o->buf, s, n);
	end(o);
}

static void json_value(struct out *o, const struct event_arg *a, const void *payload, uint32_t len)
{
	uint32_t avail;
	const void *p = val_last(a, payload, len, &avail);
	struct val v = { .env = o->env, .o = &o->buf };
	begin(o, "value");
	val_json(&v, a->type, p, avail);
	end(o);
}

/* The text of a key as the name of a member. */
static void json_key(struct out *o, const struct type *t, const void *key)
{
	struct buf b = { 0 };
	struct val v = { .env = o->env, .o = &b, .raw = true, .compact = true };
	val_key(&v, t, key);
	string(&o->buf, b.s, b.len);
	if (b.oom)
		o->buf.oom = true;
	buf_fini(&b);
}

static void json_map(struct out *o, const struct out_map *m)
{
	static const char *const types[T_KIND_COUNT] = {
		[T_HIST] = "hist", [T_LHIST] = "hist", [T_STATS] = "stats", [T_TSERIES] = "tseries",
	};
	struct buf *b = &o->buf;
	if (m->n == 0)
		return;
	begin(o, types[m->value->kind] ? types[m->value->kind] : "map");
	buf_addc(b, '{');
	string(b, m->name.s, m->name.len);
	buf_adds(b, m->key ? ": {" : ": ");
	for (uint32_t i = 0; i < m->n && !o->error; i++) {
		struct val v = { .env = o->env, .o = b };
		if (m->key && m->rows[i].key) {
			if (i)
				buf_adds(b, ", ");
			json_key(o, m->key, m->rows[i].key);
			buf_adds(b, ": ");
		} else if (i) {
			break;
		}
		val_row(&v, m, &m->rows[i], true);
		out_item_part(o);
	}
	buf_adds(b, m->key ? "}}" : "}");
	end(o);
}

static void place(struct buf *b, const struct diags *d, struct span span)
{
	const struct source *src;
	uint32_t line, col;
	if (!diag_locate(d, span.lo, &src, &line, &col))
		return;
	buf_adds(b, ", \"filename\": ");
	string(b, src->name.s, src->name.len);
	buf_addf(b, ", \"line\": %u, \"col\": %u", line, col);
}

static void json_message(struct out *o, enum event_kind kind, const struct diags *d, struct span span, const char *text,
			 size_t n)
{
	struct buf *b = &o->buf;
	if (o->no_warnings && kind != EV_ERRORF)
		return;
	buf_addf(b, "{\"type\": \"%s\", \"msg\": ",
		 kind == EV_ERRORF  ? "errorf"
		 : kind == EV_WARNF ? "warnf"
				    : "runtime_error");
	string(b, text, n);
	place(b, d, span);
	end(o);
}

static void json_fault(struct out *o, const struct diags *d, const struct out_fault *f)
{
	struct buf *b = &o->buf;
	if (o->no_warnings)
		return;
	buf_addf(b, "{\"type\": \"%s\", \"msg\": ", f->helper ? "helper_error" : "runtime_error");
	string(b, f->message, strlen(f->message));
	if (f->helper)
		buf_addf(b, ", \"helper\": \"%s\", \"retcode\": %lld", f->helper, (long long)f->retcode);
	place(b, d, f->span);
	end(o);
}

static void json_lost(struct out *o, uint64_t n)
{
	buf_adds(&o->buf, "{\"type\": \"lost_events\", \"count\": ");
	val_json_int(&o->buf, n, false);
	buf_adds(&o->buf, ", \"data\": {\"events\": ");
	val_json_int(&o->buf, n, false);
	buf_addc(&o->buf, '}');
	end(o);
}

static void json_end(struct out *o)
{
}

static void json_verdict(struct out *o, const struct out_verdict *v)
{
	struct buf *b = &o->buf;
	bool any = false;
	for (int i = 0; i < LOSS_COUNT; i++)
		any |= v->n[i] != 0;
	if (!any)
		return;
	begin(o, "verdict");
	for (int i = 0; i < LOSS_COUNT; i++) {
		buf_addf(b, "%s\"%s\": ", i ? ", " : "{", out_loss_name[i]);
		val_json_int(b, v->n[i], false);
	}
	buf_addf(b, ", \"skips_counted\": %s", v->skips_unknown ? "false" : "true");
	buf_adds(b, ", \"attach\": [");
	for (uint32_t i = 0; i < v->attach.n; i++) {
		if (i)
			buf_addc(b, ',');
		string(b, v->attach.v[i], strlen(v->attach.v[i]));
	}
	buf_adds(b, "]}");
	end(o);
}

const struct out_ops out_json_ops = {
	.attached = json_attached,
	.text = json_text,
	.value = json_value,
	.row = table_json_row,
	.table = table_json,
	.screen = table_json_screen,
	.map = json_map,
	.message = json_message,
	.fault = json_fault,
	.lost = json_lost,
	.end = json_end,
	.verdict = json_verdict,
};
