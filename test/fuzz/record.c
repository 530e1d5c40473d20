/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets of the reading side: what comes from the kernel's memory may be anything.
 *
 *   event  random records against the events of a compiled program, to text and to JSON
 *   ring   random memory as a ring: positions, lengths, flags
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "run/run.h"
#include "script.h"

/* A seed program and, as the rest of the input, the records: the choice of the program is the first byte. */
static void event_make(struct fuzz *f, struct buf *b)
{
	buf_addc(b, (char)rng_below(&f->rng, f->seeds.n));
	for (uint32_t i = 1 + rng_below(&f->rng, 40); i; i--) {
		uint32_t n = rng_one_in(&f->rng, 8) ? rng_below(&f->rng, 3000) : rng_below(&f->rng, 120);
		uint32_t head[3] = { n, rng_one_in(&f->rng, 20) ? (uint32_t)rng_next(&f->rng) : rng_below(&f->rng, 24),
				     rng_one_in(&f->rng, 5) ? (uint32_t)rng_next(&f->rng) : n > 8 ? n - 8 : 0 };
		buf_add(b, head, sizeof(head));
		bool text = rng_one_in(&f->rng, 3), small = rng_one_in(&f->rng, 3);
		for (uint32_t k = 8; k < n; k++)
			buf_addc(b, (char)(text ? 32 + rng_below(&f->rng, 95) : small ? rng_below(&f->rng, 9) : rng_below(&f->rng, 256)));
	}
}

static void event_feed(struct session *s, const uint8_t *p, size_t n)
{
	while (n >= 12) {
		uint32_t size;
		memcpy(&size, p, 4);
		size_t room = size < 8 ? 8 : size;
		if (room > n - 4)
			break;
		uint8_t *rec = malloc(size ? size : 1); /* its end is the end of an allocation */
		memcpy(rec, p + 4, size);
		event_handle(s, rec, size);
		free(rec);
		p += 4 + room;
		n -= 4 + room;
	}
}

static void event_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct script c;
	struct session_options o = { .err_fd = -1, .out_fd = -1 };
	if (!n)
		return;
	struct str text = f->seeds.v[*p % f->seeds.n];
	bool ok = script_compile(f, &c, text.s, text.len);
	/* Commands and files of random names are not for here. */
	for (uint32_t i = 0; ok && i < c.m.events.n; i++)
		if (c.m.events.v[i].kind == EV_SYSTEM || c.m.events.v[i].kind == EV_CAT)
			c.m.events.v[i].kind = EV_PRINTF;
	for (int json = 0; ok && json < 2; json++) {
		struct session *s = calloc(1, sizeof(*s));
		s->o = &o;
		s->module = c.m;
		s->sema = c.sema;
		s->diags = c.d;
		s->ncpus = 4;
		arena_init(&s->arena);
		s->maps = arena_array(&s->arena, struct run_map, c.m.maps.n);
		for (uint32_t i = 0; i < c.m.maps.n; i++)
			s->maps[i].fd = -1;
		s->sample_timer = -1; /* no pictures */
		s->data_size = c.m.data_size;
		s->data = calloc(1, s->data_size ? s->data_size : 1);
		for (size_t i = 0; i < s->data_size; i++)
			s->data[i] = (uint8_t)(i * 31 + n);
		s->out_env = (struct out_env){ .module = &s->module, .trunc_trailer = STR("..") };
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		s->out = (struct out){ .ops = json ? &out_json_ops : &out_text_ops, .env = &s->out_env, .fd = null, .err_fd = null,
				       .buffering = OUT_BUF_FULL };
		event_feed(s, p + 1, n - 1);
		faults_summary(s);
		map_print_all(s);
		verdict_print(s);
		if (s->out.buf.oom)
			fuzz_fail(f, "output without end");
		close(null);
		buf_fini(&s->out.buf);
		buf_fini(&s->text);
		free(s->data);
		arena_fini(&s->arena);
		free(s);
	}
	script_close(&c);
}

/* -- ring -- */

struct ring_seen { const struct ring *ring; const uint8_t *lo, *hi; uint64_t n, sum; bool out; };

static int ring_each_seen(void *arg, const void *record, uint32_t size)
{
	struct ring_seen *x = arg;
	const uint8_t *p = record;
	x->n++;
	/* one that wraps is put together elsewhere */
	bool inside = (p >= x->lo && p + size <= x->hi) ||
		      (p >= x->ring->wrapped && p + size <= x->ring->wrapped + x->ring->wrapped_room);
	if (!inside)
		x->out = true;
	else
		for (uint32_t i = 0; i < size; i++)
			x->sum += p[i];
	return 0;
}

static void ring_make(struct fuzz *f, struct buf *b)
{
	/* positions, then a chain of records, some of them broken */
	uint64_t pos = rng_one_in(&f->rng, 3) ? rng_next(&f->rng) & ~7ULL : rng_below(&f->rng, 4096) & ~7U;
	uint64_t end = pos + (rng_one_in(&f->rng, 6) ? rng_next(&f->rng) : rng_below(&f->rng, 9000) & ~7U);
	buf_add(b, &pos, 8);
	buf_add(b, &end, 8);
	for (uint32_t n = 0; n < 8192;) {
		uint32_t len = rng_below(&f->rng, rng_one_in(&f->rng, 10) ? 5000 : 100), word = len;
		if (rng_one_in(&f->rng, 12))
			word |= rng_one_in(&f->rng, 2) ? BPF_RINGBUF_BUSY_BIT : BPF_RINGBUF_DISCARD_BIT;
		if (rng_one_in(&f->rng, 60))
			word = (uint32_t)rng_next(&f->rng);
		buf_add(b, &word, 4);
		for (uint32_t k = 4; k < ((len + 15) & ~7U); k++)
			buf_addc(b, (char)k);
		n += (len + 15) & ~7U;
	}
}

static void ring_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	enum { SIZE = 4096 };
	unsigned long consumer, producer;
	if (n < 16)
		return;
	memcpy(&consumer, p, 8);
	memcpy(&producer, p + 8, 8);
	fuzz_temp(f, p + 16, n - 16 < SIZE ? n - 16 : SIZE);
	if (ftruncate(f->temp_fd, SIZE))
		return;
	/* The kernel's picture; around it nothing. */
	uint8_t *area = mmap(NULL, 3 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return;
	mmap(area + SIZE, SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, f->temp_fd, 0);
	struct ring r = { .consumer = &consumer, .producer = &producer, .data = area + SIZE, .size = SIZE, .page = SIZE };
	struct ring_seen seen = { .ring = &r, .lo = area + SIZE, .hi = area + 2 * SIZE };
	bool more = true;
	for (int i = 0; i < 4 && more; i++)
		ring_drain(&r, ring_each_seen, &seen, &more);
	if (seen.out)
		fuzz_fail(f, "a record outside the ring");
	if (producer - consumer > producer - *(const uint64_t *)p)
		fuzz_fail(f, "the consumer overtook the producer");
	free(r.wrapped);
	munmap(area, 3 * SIZE);
}

const struct target fuzz_event = { .name = "event", .what = "records to output", .make = event_make, .run = event_run,
				   .finish = script_finish };
const struct target fuzz_ring = { .name = "ring", .what = "memory as a ring buffer", .make = ring_make, .run = ring_run };
