/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading end of perf events' buffers (perf_event_open(2)), one for each CPU that is online: a page with the kernel's position and
 * ours, and the data behind it, in which a record may wrap. What BPF's ring buffer cannot carry comes this way: news of mappings (mmap.c), packets
 * (packet.c).
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run/run.h"

enum { RECORD_MAX = 65536 }; /* a record's length has 16 bits */

int perf_open(struct perf_rings *r, uint32_t pages, perf_open_cpu *open_cpu, uint32_t watermark)
{
	uint32_t ids[1024];
	int n = sys_online_cpus(ids, 1024), err = 0;
	if (n <= 0)
		return n ? n : -ENODEV;
	*r = (struct perf_rings){ .v = calloc((size_t)n, sizeof(*r->v)), .record = malloc(RECORD_MAX), .page = (size_t)sysconf(_SC_PAGESIZE) };
	r->size = r->page * pages;
	for (int i = 0; i < n && r->v && r->record; i++) {
		int fd = open_cpu((int)ids[i], watermark);
		if (fd < 0) {
			err = fd;
			continue;
		}
		void *p = mmap(NULL, r->page + r->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		err = p == MAP_FAILED ? -errno : sys_perf_enable(fd);
		if (err) {
			if (p != MAP_FAILED)
				munmap(p, r->page + r->size);
			close(fd);
			continue;
		}
		madvise(p, r->page + r->size, MADV_DONTFORK);
		r->v[r->n++] = (struct perf_ring){ fd, ids[i], p };
	}
	if (r->n)
		return 0;
	err = r->v && r->record ? err : -ENOMEM;
	perf_close(r);
	return err;
}

void perf_close(struct perf_rings *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		munmap(r->v[i].head, r->page + r->size);
		close(r->v[i].fd);
	}
	free(r->v);
	free(r->record);
	*r = (struct perf_rings){ 0 };
}

static void perf_drain_one(struct perf_rings *r, struct perf_ring *x, perf_each *each, void *arg)
{
	struct perf_event_mmap_page *page = x->head;
	const uint8_t *data = (const uint8_t *)page + r->page;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), tail = page->data_tail;
	while (tail < head) {
		struct perf_event_header h;
		uint64_t at = tail & (r->size - 1);
		memcpy(&h, data + at, sizeof(h)); /* records are of 8-byte units: a header never wraps */
		if (h.size < sizeof(h) || h.size > head - tail)
			break;
		uint32_t first = h.size < r->size - at ? h.size : (uint32_t)(r->size - at);
		memcpy(r->record, data + at, first);
		memcpy(r->record + first, data, h.size - first);
		each(arg, h.type, h.misc, r->record + sizeof(h), h.size - (uint32_t)sizeof(h));
		tail += h.size;
	}
	__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
}

void perf_drain(struct perf_rings *r, perf_each *each, void *arg)
{
	for (uint32_t i = 0; i < r->n; i++)
		perf_drain_one(r, &r->v[i], each, arg);
}
