/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files do processes map, from the moment that we attach? A process that lives for a millisecond has gone before anyone
 * could read its /proc/PID/maps. So, when a program records user stacks or symbols, the kernel is asked for its own records of exec, fork and
 * executable mappings: one perf event on each CPU that counts nothing and carries these records in a buffer. They are handed to sym/, which
 * keeps them by process.
 *
 * Nothing of the results depends on this, only names: when the event is refused or a buffer overruns, addresses stay addresses.
 * The buffers are emptied when they are half full, and before a name is given up. When programs walk stacks by unwind tables, we are woken by
 * every record: a file that nobody has run before shall have its table (unwind.c) when its first stack is taken.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run/run.h"

enum { MMAP_PAGES = 16, MMAP_RECORD_MAX = 8192 };

struct mmap_cpu {
	int fd;
	struct perf_event_mmap_page *page;
};
struct mmaps {
	struct mmap_cpu *cpus;
	uint32_t n;
	size_t size; /* of the data, a power of two */
	size_t page;
	const struct session *s;
};

struct mmap_record { /* PERF_RECORD_MMAP2 behind its header */
	uint32_t pid, tid;
	uint64_t addr, len, pgoff;
	uint32_t major, minor;
	uint64_t ino, generation;
	uint32_t prot, flags;
};

void mmaps_close(struct mmaps *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n; i++) {
		munmap(m->cpus[i].page, m->page + m->size);
		close(m->cpus[i].fd);
	}
	free(m->cpus);
	free(m);
}

struct mmaps *mmaps_open(const struct session *s)
{
	bool wanted = false;
	for (uint32_t i = 0; i < s->module.events.n; i++)
		wanted |= s->module.events.v[i].kind == EV_PROCESS;
	uint32_t ids[1024];
	int n = wanted ? sys_online_cpus(ids, 1024) : 0;
	if (n <= 0)
		return NULL;
	struct mmaps *m = calloc(1, sizeof(*m));
	if (m)
		m->cpus = calloc((size_t)n, sizeof(*m->cpus));
	if (!m || !m->cpus) {
		free(m);
		return NULL;
	}
	m->s = s;
	m->page = (size_t)sysconf(_SC_PAGESIZE);
	m->size = m->page * MMAP_PAGES;
	for (int i = 0; i < n && i < 1024; i++) {
		int fd = sys_perf_mappings((int)ids[i], unwind_wanted(s) ? 1 : (uint32_t)m->size / 2);
		if (fd < 0)
			continue;
		void *p = mmap(NULL, m->page + m->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED || sys_perf_enable(fd)) {
			if (p != MAP_FAILED)
				munmap(p, m->page + m->size);
			close(fd);
			continue;
		}
		m->cpus[m->n++] = (struct mmap_cpu){ fd, p };
	}
	return m;
}

int mmaps_fd(const struct mmaps *m, uint32_t i)
{
	return m && i < m->n ? m->cpus[i].fd : -1;
}

static void mmap_handle(const struct mmaps *m, struct sym_procs *procs, uint32_t type, uint32_t misc, const uint8_t *p, uint32_t n)
{
	struct mmap_record r;
	uint32_t ids[2];
	if (type == PERF_RECORD_MMAP2 && n > sizeof(r)) {
		memcpy(&r, p, sizeof(r));
		const char *path = (const char *)p + sizeof(r);
		struct sym_mapping x = { r.pid, r.addr, r.len, r.pgoff, (uint64_t)r.major << 32 | r.minor, r.ino, path };
		if (!memchr(path, '\0', n - sizeof(r)))
			return;
		unwind_mapped(m->s->unwind, &x);
		sym_procs_mapped(procs, &x);
	} else if (type == PERF_RECORD_COMM && misc & PERF_RECORD_MISC_COMM_EXEC && n >= sizeof(ids)) {
		memcpy(ids, p, sizeof(ids));
		sym_procs_exec(procs, ids[0]);
	} else if (type == PERF_RECORD_FORK && n >= sizeof(ids)) {
		memcpy(ids, p, sizeof(ids));
		if (ids[0] != ids[1]) /* a process, not a thread */
			sym_procs_fork(procs, ids[0], ids[1]);
	}
}

void mmaps_drain(struct mmaps *m, struct sym_procs *procs)
{
	uint8_t record[MMAP_RECORD_MAX];
	for (uint32_t i = 0; m && i < m->n; i++) {
		struct perf_event_mmap_page *page = m->cpus[i].page;
		const uint8_t *data = (const uint8_t *)page + m->page;
		uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), tail = page->data_tail;
		while (tail < head) {
			struct perf_event_header h;
			uint64_t at = tail & (m->size - 1);
			memcpy(&h, data + at, sizeof(h)); /* records are of 8-byte units: a header never wraps */
			if (h.size < sizeof(h) || h.size > head - tail)
				break;
			uint32_t n = h.size < sizeof(record) ? h.size : sizeof(record);
			uint32_t first = n < m->size - at ? n : (uint32_t)(m->size - at);
			memcpy(record, data + at, first);
			memcpy(record + first, data, n - first);
			mmap_handle(m, procs, h.type, h.misc, record + sizeof(h), n - (uint32_t)sizeof(h));
			tail += h.size;
		}
		__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
	}
}
