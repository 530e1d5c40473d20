/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records for the reader. A record of fixed size is reserved in the ring and
 * written there. One with long strings is put together in scratch memory, the
 * strings behind the fixed part at their real length, and given to the ring as
 * a whole: a path of 30 bytes then takes 30 bytes of ring, not 1,024.
 *
 * The reader is woken for every WAKE_BYTES that a CPU has sent, not for each
 * record; in between, its own timer finds what came. A record that does not fit
 * is counted on the CPU that lost it.
 */
#include "ir/lower_priv.h"

enum {
	RECORD_HEAD = 8,      /* u32 event, u32 len */
	WAKE_BYTES = 8192,    /* a power of two */
	INLINE_STRING = 64,   /* longer ones go to the tail */
	JOIN_BYTES = 7168,    /* of all arguments together */
	JOIN_ONE = 1024,
	JOIN_MAX = 512,       /* arguments */
	PACKET_MAX = 65000,   /* bytes of a packet: a perf record with its heads has less than 65536 */
	PACKET_EINVAL = 22,
	NO_WAKEUP = 1, FORCE_WAKEUP = 2, /* BPF_RB_* */
};

/* var = which ? b : a */
static void lower_choose(struct lower *l, uint32_t var, ref which, ref a, ref b)
{
	uint32_t other = func_block(l->b.f), join = func_block(l->b.f);
	ir_setvar(LB, var, a);
	ir_br(LB, which, other, join);
	ir_at(LB, other);
	ir_setvar(LB, var, b);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

static uint32_t lower_event(struct lower *l, enum event_kind kind, struct span span)
{
	if (lower_is_pinned(l))
		diag_add(l->d, D_PROBE_BAD, span, "An iterator that is pinned has readers of its own, and can only print to them");
	struct event e = { .kind = kind, .span = span, .calls = l->calls };
	vec_push(l->a, &l->m->events, e);
	return l->m->events.n - 1;
}

ref lower_strftime_id(struct lower *l, struct str fmt)
{
	for (uint32_t i = 0; i < l->m->strings.n; i++)
		if (str_eq(l->m->strings.v[i], fmt))
			return ir_const(LB, i);
	vec_push(l->a, &l->m->strings, fmt);
	return ir_const(LB, l->m->strings.n - 1);
}

/* Wake the reader with this record? Each time that a CPU's sum of bytes passes a multiple of WAKE_BYTES. */
static ref lower_wake_flags(struct lower *l, ref size)
{
	ref block = lower_block(l);
	ref old = ir_load(LB, TY_I64, 8, false, block, CW_SENT * 8);
	ref now = ir_bin(LB, OP_ADD, old, size);
	ir_store(LB, 8, block, CW_SENT * 8, now);
	ref passed = ir_bin(LB, OP_AND, ir_bin(LB, OP_LSHR, ir_bin(LB, OP_XOR, old, now), ir_const(LB, 13)), ir_const(LB, 1));
	_Static_assert(WAKE_BYTES == 1 << 13, "the shift above");
	return ir_bin(LB, OP_ADD, passed, ir_const(LB, NO_WAKEUP));
}

struct record { /* in place, in the ring */
	struct place at;    /* of the payload */
	uint32_t size, join;
};

/* Reserve; continues where there is room. */
static struct record lower_reserve(struct lower *l, uint32_t ring, uint32_t ev, uint32_t payload)
{
	struct func *f = l->b.f;
	struct record r = { .size = RECORD_HEAD + ((payload + 7) & ~7u), .join = func_block(f) };
	uint32_t full = func_block(f), room = func_block(f);
	ref p = ir_call(LB, TY_RING_NULL, H_ringbuf_reserve, 3, ir_mapref(LB, ring), ir_const(LB, r.size), ir_const(LB, 0));
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), room, full);
	ir_at(LB, full);
	lower_count(l, CW_RING_FULL);
	ir_jmp(LB, r.join);
	ir_at(LB, room);
	ir_store(LB, 4, p, 0, ir_const(LB, ev));
	ir_store(LB, 4, p, 4, ir_const(LB, payload));
	r.at = (struct place){ .base = p, .off = RECORD_HEAD, .where = W_MEM, .align = 8 };
	return r;
}

static void lower_submit(struct lower *l, struct record *r, bool wake)
{
	ref flags = wake ? ir_const(LB, FORCE_WAKEUP) : lower_wake_flags(l, ir_const(LB, r->size + 8));
	ir_call(LB, TY_I64, H_ringbuf_submit, 2, r->at.base, flags);
	ir_jmp(LB, r->join);
	ir_at(LB, r->join);
}

/* A record without payload. */
static void lower_signal(struct lower *l, uint32_t ev)
{
	struct record r = lower_reserve(l, 1, ev, 0);
	lower_submit(l, &r, false);
}

/* -- printf and its family -- */

static bool lower_is_packed(const struct type *t)
{
	return t->kind == T_STRING && t->size > INLINE_STRING;
}

static uint32_t lower_arg_align(const struct type *t)
{
	uint32_t a = t->align ? t->align : 1;
	return a > 8 ? 8 : a;
}

static struct type *lower_arg_type(struct node *n)
{
	return n->type;
}

/* Lay out the arguments: the fixed part in order, each aligned; packed strings leave a u16. */
static uint32_t lower_layout(struct lower *l, struct event *e, struct node *const *args, uint32_t n)
{
	uint32_t at = 0, tail = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct event_arg a = { .type = lower_arg_type(args[i]), .trusted = args[i]->kind == N_STRING };
		a.packed = lower_is_packed(a.type);
		uint32_t align = a.packed ? 2 : lower_arg_align(a.type), size = a.packed ? 2 : a.type->size;
		if (!a.packed && !lower_is_value(a.type) && size >= 8)
			align = 8; /* so that it is copied by words */
		at = (at + align - 1) & ~(align - 1);
		a.offset = at;
		at += size;
		if (a.packed)
			tail += a.type->size;
		vec_push(l->a, &e->args, a);
	}
	e->fixed_size = (at + 7) & ~7u;
	return tail;
}

/* May it be evaluated while a record is reserved? Statements inside an expression may leave the program. */
static bool lower_is_plain(const struct node *n)
{
	if (!n)
		return true;
	if (n->kind == N_BLOCK || n->kind == N_INLINE || n->kind == N_FOR || (n->kind == N_CALL && (builtin_info[n->builtin].flags & BF_ASYNC)))
		return false;
	if (!lower_is_plain(n->a) || !lower_is_plain(n->b) || !lower_is_plain(n->c))
		return false;
	for (uint32_t i = 0; i < n->list.n; i++)
		if (!lower_is_plain(n->list.v[i]))
			return false;
	return true;
}

/* The fixed part at `at`: scalars were evaluated before (vals), aggregates are made in place. */
static void lower_fixed(struct lower *l, const struct event *e, struct node *const *args, const ref *vals, struct place at)
{
	for (uint32_t i = 0; i < e->args.n; i++) {
		const struct event_arg *a = &e->args.v[i];
		if (a->packed)
			continue;
		if (vals[i])
			lower_write(l, lower_at(at, a->offset), a->type, vals[i]);
		else
			lower_into(l, args[i], lower_at(at, a->offset));
	}
}

/* One packed string: read or copied to the tail, its length to the fixed part, the tail moved on. */
static void lower_pack(struct lower *l, const struct event_arg *a, struct node *n, struct place payload, uint32_t fixed, uint32_t v_tail)
{
	struct span old = l->b.span;
	l->b.span = n->span;
	ref tail = ir_getvar(LB, v_tail);
	struct place dst = { .base = ir_addptr(LB, lower_address(l, lower_at(payload, fixed)), tail), .where = W_MEM, .align = 1 };
	ref len;
	while (n->kind == N_CAST && n->type->kind == T_STRING && n->a->type->kind == T_STRING && n->type->size >= n->a->type->size)
		n = n->a;
	struct node *p = n->kind == N_CALL && n->builtin == B_STR ? n->list.v[0] : NULL;
	if (p && (p->type->kind == T_PTR || type_is_int(p->type)) && (n->list.n < 2 || n->list.v[1]->kind == N_INT)) {
		ref ptr = lower_scalar(l, p);
		len = lower_read_str(l, dst, n->type->size, NOREF, ptr, lower_arg_where(l, p, ptr), false);
	} else {
		struct place src = lower_place(l, n);
		len = lower_read_str(l, dst, n->type->size, NOREF, lower_address(l, src), src.where == W_USER ? W_USER : W_KERN, false);
	}
	ir_store(LB, 2, payload.base, payload.off + a->offset, len);
	ir_setvar(LB, v_tail, ir_bin(LB, OP_ADD, tail, len));
	l->b.span = old;
}

/* Gives the ring a record that lies in scratch, of `len` bytes behind its head. */
static void lower_output(struct lower *l, uint32_t ev, struct place rec, ref len)
{
	struct func *f = l->b.f;
	uint32_t full = func_block(f), join = func_block(f);
	ref size = ir_bin(LB, OP_ADD, len, ir_const(LB, RECORD_HEAD));
	ir_store(LB, 4, rec.base, rec.off, ir_const(LB, ev));
	ir_store(LB, 4, rec.base, rec.off + 4, len);
	ref flags = lower_wake_flags(l, size);
	ref r = ir_call(LB, TY_I64, H_ringbuf_output, 4, ir_mapref(LB, 1), lower_address(l, rec), size, flags);
	ir_br(LB, ir_bin(LB, OP_SLT, r, ir_const(LB, 0)), full, join);
	ir_at(LB, full);
	lower_count(l, CW_RING_FULL);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

static void lower_send(struct lower *l, uint32_t ev, struct node *const *args, uint32_t n)
{
	struct event e = l->m->events.v[ev];
	ref *vals = arena_array(l->a, ref, n + 1);
	bool plain = true;
	uint32_t tail = lower_layout(l, &e, args, n);
	l->m->events.v[ev] = e;
	for (uint32_t i = 0; i < n; i++) {
		if (lower_is_value(args[i]->type) && !type_is_agg(args[i]->type))
			vals[i] = lower_scalar(l, args[i]);
		else
			plain &= lower_is_plain(args[i]);
	}
	if (!tail && plain && e.fixed_size <= 4096) {
		struct record r = lower_reserve(l, 1, ev, e.fixed_size);
		lower_fixed(l, &e, args, vals, r.at);
		lower_submit(l, &r, false);
		return;
	}
	struct func *f = l->b.f;
	uint32_t top = l->scratch_top, off = lower_scratch_alloc(l, RECORD_HEAD + e.fixed_size + tail);
	uint32_t v_tail = func_var(f, TY_I64, "tail");
	struct place rec = { .base = lower_scratch(l, off), .where = W_MEM, .align = 8 }, payload = lower_at(rec, RECORD_HEAD);
	lower_fixed(l, &e, args, vals, payload);
	ir_setvar(LB, v_tail, ir_const(LB, 0));
	for (uint32_t i = 0; i < n; i++)
		if (e.args.v[i].packed)
			lower_pack(l, &e.args.v[i], args[i], payload, e.fixed_size, v_tail);
	ref len = ir_bin(LB, OP_ADD, ir_getvar(LB, v_tail), ir_const(LB, e.fixed_size));
	lower_output(l, ev, rec, len);
	l->scratch_top = top;
}

void lower_printf(struct lower *l, struct node *n, enum event_kind k)
{
	if (k == EV_PRINTF && lower_is_pinned(l)) {
		lower_seq_printf(l, n);
		return;
	}
	uint32_t ev = lower_event(l, k, n->span);
	l->m->events.v[ev].fmt = n->list.v[0]->str;
	lower_send(l, ev, n->list.v + 1, n->list.n - 1);
}

/* The key goes as the first value, before the format's. */
void lower_rank(struct lower *l, struct node *n)
{
	uint32_t ev = lower_event(l, EV_RANK, n->span);
	struct node **args = arena_array(l->a, struct node *, n->list.n);
	l->m->events.v[ev].fmt = n->list.v[1]->str;
	args[0] = n->list.v[0];
	for (uint32_t i = 2; i < n->list.n; i++)
		args[i - 1] = n->list.v[i];
	lower_send(l, ev, args, n->list.n - 1);
}

/* A table without rows has a header, too: that of the rank() before it. */
void lower_top(struct lower *l, struct node *n)
{
	uint32_t ev = lower_event(l, EV_TABLE, n->span), header = ev;
	while (header && l->m->events.v[header].kind != EV_RANK)
		header--;
	ref rows = n->list.n ? lower_scalar(l, n->list.v[0]) : ir_const(LB, 0);
	struct event *e = &l->m->events.v[ev];
	e->fixed_size = 8;
	e->map = l->m->events.v[header].kind == EV_RANK ? header : UINT32_MAX;
	struct record r = lower_reserve(l, 1, ev, 8);
	ir_store(LB, 8, r.at.base, r.at.off, rows);
	lower_submit(l, &r, false);
}

void lower_screen(struct lower *l, struct node *n)
{
	lower_signal(l, lower_event(l, EV_SCREEN, n->span));
}

void lower_message(struct lower *l, struct node *n, enum event_kind k, struct str fmt, ref v)
{
	uint32_t ev = lower_event(l, k, n->span);
	struct event_arg a = { .type = type_int(l->a, 8, true) };
	l->m->events.v[ev].fmt = fmt;
	l->m->events.v[ev].fixed_size = 8;
	vec_push(l->a, &l->m->events.v[ev].args, a);
	struct record r = lower_reserve(l, 1, ev, 8);
	ir_store(LB, 8, r.at.base, r.at.off, v);
	lower_submit(l, &r, false);
}

/* debugf(): the kernel formats, whose %d is of 32 bits and whose %s is an address. sema has counted the conversions. */
void lower_debugf(struct lower *l, struct node *n)
{
	struct str fmt = n->list.v[0]->str;
	struct buf b = { 0 };
	ref args[3] = { 0 };
	uint32_t k = 0;
	for (uint32_t i = 0; i < fmt.len; i++) {
		buf_addc(&b, fmt.s[i]);
		if (fmt.s[i] != '%' || i + 1 >= fmt.len)
			continue;
		char conv = fmt.s[++i];
		if (conv != '%' && k < 3 && k + 1 < n->list.n) {
			struct node *x = n->list.v[1 + k];
			args[k++] = lower_is_value(x->type) ? lower_scalar(l, x) : lower_address(l, lower_place(l, x));
			if (conv == 'p')
				buf_adds(&b, "llx"); /* %p would be a hash of it */
			else if (conv != 's')
				buf_adds(&b, "ll");
		}
		if (conv != 'p')
			buf_addc(&b, conv);
	}
	char *text = arena_strndup(l->a, b.s ? b.s : "", (uint32_t)b.len);
	uint32_t len = (uint32_t)b.len + 1;
	buf_fini(&b);
	ref r[5] = { lower_rodata(l, text, len), ir_const(LB, len), args[0], args[1], args[2] };
	ir_call(LB, TY_I64, H_trace_printk, 2 + k, r[0], r[1], r[2], r[3], r[4]);
}

void lower_print(struct lower *l, struct node *n)
{
	struct node *x = n->list.v[0];
	if (lower_is_pinned(l)) {
		lower_seq_print(l, n);
		return;
	}
	if (x->kind == N_MAP && !x->a) {
		uint32_t ev = lower_event(l, EV_PRINT_MAP, n->span);
		struct event *e = &l->m->events.v[ev];
		e->map = x->map->index;
		if (n->list.n > 1 && n->list.v[1]->kind == N_STRING) {
			e->fmt = n->list.v[1]->str;
			e->section = n->list.n > 2 ? n->list.v[2]->str : (struct str){ "", 0 };
			lower_signal(l, ev);
			return;
		}
		e->top = n->list.n > 1 ? (uint32_t)n->list.v[1]->ival : 0;
		e->div = n->list.n > 2 ? (uint32_t)n->list.v[2]->ival : 0;
		const char *wrong;
		if (n->list.n > 3)
			sema_sort_column(x->map->key, x->map->value, n->list.v[3]->str, &e->by, &wrong);
		lower_signal(l, ev);
		return;
	}
	if (x->kind == N_MAP && type_is_agg(x->map->value)) {
		/* the reader sums the element up: it gets the key */
		uint32_t ev = lower_event(l, EV_PRINT_ELEM, n->span);
		l->m->events.v[ev].map = x->map->index;
		uint32_t size = l->m->maps.v[x->map->index].key_size;
		struct event_arg a = { .type = x->map->key };
		vec_push(l->a, &l->m->events.v[ev].args, a);
		l->m->events.v[ev].fixed_size = (size + 7) & ~7u;
		struct place key = { .base = lower_key(l, x->map, x->a), .where = W_MEM, .align = 8 };
		struct record r = lower_reserve(l, 1, ev, (size + 7) & ~7u);
		lower_copy(l, r.at, key, size);
		lower_submit(l, &r, false);
		return;
	}
	uint32_t ev = lower_event(l, EV_PRINT, n->span);
	lower_send(l, ev, n->list.v, 1);
}

void lower_map_event(struct lower *l, struct node *n, enum event_kind k)
{
	uint32_t ev = lower_event(l, k, n->span);
	l->m->events.v[ev].map = n->list.v[0]->map->index;
	lower_signal(l, ev);
}

void lower_time(struct lower *l, struct node *n)
{
	uint32_t ev = lower_event(l, EV_TIME, n->span);
	l->m->events.v[ev].fmt = n->list.n ? n->list.v[0]->str : STR("%H:%M:%S\n");
	lower_signal(l, ev);
}

/*
 * join(argv): every string of a NULL-terminated array of pointers, one behind the other, until JOIN_BYTES are used; an ellipsis then
 * says that there was more. A loop that the verifier walks through: each turn is short.
 */
void lower_join(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	uint32_t ev = lower_event(l, EV_JOIN, n->span);
	l->m->events.v[ev].fmt = n->list.n > 1 ? n->list.v[1]->str : STR(" ");
	ref argv = lower_scalar(l, n->list.v[0]);
	enum where w = lower_arg_where(l, n->list.v[0], argv);
	uint32_t top = l->scratch_top, off = lower_scratch_alloc(l, RECORD_HEAD + JOIN_BYTES + JOIN_ONE + 8);
	struct place rec = { .base = lower_scratch(l, off), .where = W_MEM, .align = 8 }, payload = lower_at(rec, RECORD_HEAD);
	uint32_t v_i = func_var(f, TY_I64, "i"), v_used = func_var(f, TY_I64, "used");
	uint32_t head = func_block(f), room = func_block(f), body = func_block(f), more = func_block(f), done = func_block(f);
	struct type pt = { .kind = T_PTR, .size = 8, .align = 8 };
	ir_setvar(LB, v_i, ir_const(LB, 0));
	ir_setvar(LB, v_used, ir_const(LB, 0));
	lower_loop(l, head, done);
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, v_i), ir_const(LB, JOIN_MAX)), body, more);
	ir_at(LB, body);
	struct place at = { .base = ir_bin(LB, OP_ADD, argv, ir_bin(LB, OP_SHL, ir_getvar(LB, v_i), ir_const(LB, 3))), .align = 1, .where = w };
	ref p = lower_read(l, at, &pt, NULL);
	uint32_t one = func_block(f);
	ir_br(LB, p, room, done);
	ir_at(LB, room);
	ir_br(LB, ir_bin(LB, OP_ULE, ir_getvar(LB, v_used), ir_const(LB, JOIN_BYTES - 1)), one, more);
	ir_at(LB, one);
	struct place dst = { .base = ir_addptr(LB, lower_address(l, payload), ir_getvar(LB, v_used)), .where = W_MEM, .align = 1 };
	ref len = lower_read_str(l, dst, JOIN_ONE, NOREF, p, w, false);
	ir_setvar(LB, v_used, ir_bin(LB, OP_ADD, ir_getvar(LB, v_used), len));
	ir_setvar(LB, v_i, ir_bin(LB, OP_ADD, ir_getvar(LB, v_i), ir_const(LB, 1)));
	ir_jmp(LB, head);
	ir_at(LB, more);
	uint32_t fits = func_block(f);
	ir_br(LB, ir_bin(LB, OP_ULE, ir_getvar(LB, v_used), ir_const(LB, JOIN_BYTES + JOIN_ONE)), fits, done);
	ir_at(LB, fits);
	ref end = ir_addptr(LB, lower_address(l, payload), ir_getvar(LB, v_used));
	for (unsigned k = 0; k < 4; k++)
		ir_store(LB, 1, end, k, ir_const(LB, k < 3 ? '.' : 0));
	ir_setvar(LB, v_used, ir_bin(LB, OP_ADD, ir_getvar(LB, v_used), ir_const(LB, 4)));
	ir_jmp(LB, done);
	ir_at(LB, done);
	ref used = ir_getvar(LB, v_used);
	uint32_t send = func_block(f), join = func_block(f);
	ir_br(LB, ir_bin(LB, OP_ULE, used, ir_const(LB, JOIN_BYTES + JOIN_ONE + 8)), send, join);
	ir_at(LB, send);
	lower_output(l, ev, rec, used);
	ir_jmp(LB, join);
	ir_at(LB, join);
	l->scratch_top = top;
}

/* On the control ring, for it must be read soon: the process may end. When it does not fit, nothing is lost but names. */
ref lower_control(struct lower *l, enum event_kind k, uint32_t size, uint32_t room, uint32_t full)
{
	uint32_t ev = 0, there = func_block(l->b.f);
	while (ev < l->m->events.n && l->m->events.v[ev].kind != k)
		ev++;
	if (ev == l->m->events.n)
		ev = lower_event(l, k, l->b.span);
	l->m->events.v[ev].fixed_size = size;
	ref p = ir_call(LB, TY_RING_NULL, H_ringbuf_reserve, 3, ir_mapref(LB, 2), ir_const(LB, CONTROL_HEAD + size), ir_const(LB, 0));
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), there, full);
	ir_at(LB, there);
	l->b.f->blocks.v[there].cold = true;
	ir_store(LB, 4, p, 0, ir_const(LB, ev));
	ir_store(LB, 4, p, 4, ir_const(LB, size));
	ir_jmp(LB, room);
	return p;
}

void lower_control_submit(struct lower *l, ref p)
{
	ir_call(LB, TY_I64, H_ringbuf_submit, 2, p, ir_const(LB, FORCE_WAKEUP));
}

void lower_process_event(struct lower *l, ref pid)
{
	struct func *f = l->b.f;
	uint32_t room = func_block(f), join = func_block(f);
	ref p = lower_control(l, EV_PROCESS, 8, room, join);
	ir_at(LB, room);
	f->blocks.v[room].cold = true;
	ir_store(LB, 8, p, CONTROL_HEAD, pid);
	lower_control_submit(l, p);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

/* exit(): first the word that makes later events return at once, then a record that cannot be crowded out; then leave. */
void lower_exit(struct lower *l, struct span span, ref code)
{
	uint32_t ev = lower_event(l, EV_EXIT, span);
	l->m->events.v[ev].fixed_size = 8;
	ir_store(LB, 8, lower_header(l, DW_EXITING), 0, ir_const(LB, 1));
	struct record r = lower_reserve(l, 2, ev, 8);
	ir_store(LB, 8, r.at.base, r.at.off, code);
	lower_submit(l, &r, true);
	ir_jmp(LB, l->flow.exit);
}

/* skboutput(): the helper copies the packet behind our head, into the buffer of a perf event. More of it than there is would be an error:
 * the kernel's own length bounds what is asked for, and the largest record does. */
ref lower_packet(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	uint32_t ev = lower_event(l, EV_PACKET, n->span), len, map = 0;
	uint32_t some = func_block(f), send = func_block(f), lost = func_block(f), join = func_block(f);
	uint32_t v_ret = func_var(f, TY_I64, "sent"), v_bytes = func_var(f, TY_I64, "bytes"), v_wanted = func_var(f, TY_I64, "wanted");
	struct node *x = n->list.v[1];
	struct type word = { .kind = T_INT, .size = 4, .align = 4 };
	if (!lower_kernel_member(l->env->facts, "sk_buff", "len", &len)) {
		lower_error(l, n->span, "skboutput()");
		return NOREF;
	}
	while (map < l->m->maps.n && l->m->maps.v[map].kind != MM_PACKETS)
		map++;
	if (map == l->m->maps.n) {
		struct module_map mm = { .kind = MM_PACKETS, .key_size = 4, .value_size = 4, .by_name_only = true };
		vec_push(l->a, &l->m->maps, mm);
	}
	l->m->events.v[ev].fmt = n->list.v[0]->str;
	ref p = lower_scalar(l, x), most = lower_scalar(l, n->list.v[2]), offset = lower_scalar(l, n->list.v[3]);
	ir_setvar(LB, v_ret, ir_const(LB, (uint32_t)-PACKET_EINVAL));
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), some, join);
	ir_at(LB, some);
	struct place at = lower_at(lower_deref(l, p, x->type), len);
	at.maybe_null = false;
	ref size = lower_read(l, at, &word, NULL), end = ir_bin(LB, OP_ADD, most, offset);
	lower_choose(l, v_wanted, ir_bin(LB, OP_ULT, end, most), end, ir_const(LB, UINT32_MAX)); /* over the top */
	lower_choose(l, v_wanted, ir_bin(LB, OP_ULT, size, ir_getvar(LB, v_wanted)), ir_getvar(LB, v_wanted), size);
	lower_choose(l, v_bytes, ir_bin(LB, OP_ULT, ir_const(LB, PACKET_MAX), ir_getvar(LB, v_wanted)), ir_getvar(LB, v_wanted),
		      ir_const(LB, PACKET_MAX));
	ir_setvar(LB, v_ret, ir_const(LB, 0));
	ir_br(LB, ir_bin(LB, OP_ULT, offset, ir_getvar(LB, v_bytes)), send, join); /* nothing is left of it: nothing to write */
	ir_at(LB, send);
	ref bytes = ir_getvar(LB, v_bytes), head = ir_slot(LB, func_slot(f, RECORD_HEAD + sizeof(struct packet_head), 8, "packet"));
	enum { AT = RECORD_HEAD };
	ir_store(LB, 4, head, 0, ir_const(LB, ev));
	ir_store(LB, 4, head, 4, ir_bin(LB, OP_ADD, bytes, ir_const(LB, sizeof(struct packet_head))));
	ir_store(LB, 8, head, AT + offsetof(struct packet_head, boot_ns), ir_call(LB, TY_I64, H_ktime_get_boot_ns, 0));
	ir_store(LB, 4, head, AT + offsetof(struct packet_head, captured), bytes);
	ir_store(LB, 4, head, AT + offsetof(struct packet_head, offset), offset);
	ir_store(LB, 4, head, AT + offsetof(struct packet_head, wanted), ir_getvar(LB, v_wanted));
	ir_store(LB, 4, head, AT + offsetof(struct packet_head, pad), ir_const(LB, 0));
	ref flags = ir_bin(LB, OP_OR, ir_bin(LB, OP_SHL, bytes, ir_const(LB, 32)), ir_const(LB, UINT32_MAX /* BPF_F_CURRENT_CPU */));
	ref r = ir_call(LB, TY_I64, H_skb_output, 5, p, ir_mapref(LB, map), flags, head, ir_const(LB, RECORD_HEAD + sizeof(struct packet_head)));
	ir_setvar(LB, v_ret, ir_un(LB, OP_ZEXT, 4, r));
	ir_br(LB, r, lost, join);
	ir_at(LB, lost);
	f->blocks.v[lost].cold = true;
	lower_count(l, CW_RING_FULL);
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v_ret);
}

void lower_unwatch(struct lower *l, struct node *n)
{
	uint32_t ev = lower_event(l, EV_UNWATCH, n->span);
	ref addr = lower_scalar(l, n->list.v[0]);
	l->m->events.v[ev].fixed_size = 8;
	struct record r = lower_reserve(l, 2, ev, 8);
	ir_store(LB, 8, r.at.base, r.at.off, addr);
	lower_submit(l, &r, true);
}
