/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading end of a BPF ring buffer (BPF_MAP_TYPE_RINGBUF), without a library.
 *
 * The kernel offers three things to map: a page with the consumer's position, which we write; a page with the
 * producer's, which the kernel writes; and the data, which can be mapped twice in a row, so that a record that wraps is still one
 * piece of memory. We map it once, since every page counts as ours each time, and put together the one record in a ring full that wraps. Positions only grow; a record begins at position & (size - 1) with 8 bytes: its length with two flag
 * bits (busy: being written; discard: given up), and a word for the kernel. Records are finished in any order but are read in the
 * order of reservation: a busy one stops us.
 *
 * The position is given back in steps of an eighth of the ring rather than per record: the cache line is the producers', too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run/run.h"

enum { RING_HEAD = 8 };

int ring_open(struct ring *r, int map_fd, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *c = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (c == MAP_FAILED)
		return -errno;
	void *p = mmap(NULL, page + size, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (p == MAP_FAILED) {
		int err = -errno;
		munmap(c, page);
		return err;
	}
	/* A child that outlives us (probe_detach) must not keep the rings. */
	madvise(c, page, MADV_DONTFORK);
	madvise(p, page + size, MADV_DONTFORK);
	*r = (struct ring){ .consumer = c, .producer = p, .data = (uint8_t *)p + page, .size = size, .page = page };
	return 0;
}

void ring_close(struct ring *r)
{
	if (!r->consumer)
		return;
	munmap((void *)r->consumer, r->page);
	munmap((void *)r->producer, r->page + r->size);
	free(r->wrapped);
	*r = (struct ring){ 0 };
}

/* A record whose end lies at the beginning of the data, in one piece. NULL: out of memory. */
static const uint8_t *ring_unwrap(struct ring *r, const uint8_t *begin, uint32_t size)
{
	size_t first = (size_t)(r->data + r->size - begin);
	if (r->wrapped_room < size) {
		uint8_t *p = realloc(r->wrapped, size);
		if (!p)
			return NULL;
		r->wrapped = p;
		r->wrapped_room = size;
	}
	memcpy(r->wrapped, begin, first);
	memcpy(r->wrapped + first, r->data, size - first);
	return r->wrapped;
}

uint64_t ring_drain(struct ring *r, ring_each *each, void *arg, bool *ret_more)
{
	uint64_t n = 0;
	*ret_more = false;
	if (!r->consumer)
		return 0;
	unsigned long pos = *r->consumer, begun = pos, given = pos;
	unsigned long end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	bool stop = false;
	while (!stop) {
		if (pos == end) {
			end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
			if (pos == end)
				break;
		}
		if (pos - begun >= r->size) {
			*ret_more = true;
			break;
		}
		const uint8_t *head = r->data + (pos & (r->size - 1));
		uint32_t len = __atomic_load_n((const uint32_t *)head, __ATOMIC_ACQUIRE);
		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		uint32_t size = len & ~(uint32_t)(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		unsigned long step = (size + RING_HEAD + 7UL) & ~7UL;
		if (size > r->size || step > end - pos)
			break; /* the kernel never writes such a length */
		if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
			const uint8_t *p = head + RING_HEAD; /* of 8 bytes and aligned: a head never wraps */
			if (size > (size_t)(r->data + r->size - p) && !(p = ring_unwrap(r, p, size)))
				break; /* until there is memory */
			stop = each(arg, p, size) != 0;
			n++;
		}
		pos += step;
		if (pos - given >= r->size / 8) {
			__atomic_store_n(r->consumer, pos, __ATOMIC_RELEASE);
			given = pos;
		}
	}
	if (pos != given)
		__atomic_store_n(r->consumer, pos, __ATOMIC_RELEASE);
	return n;
}
