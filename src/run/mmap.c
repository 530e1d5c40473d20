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
#include <linux/perf_event.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/run.h"

enum { MMAP_PAGES = 16 };

struct mmaps {
	struct perf_rings rings;
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
	if (m)
		perf_close(&m->rings);
	free(m);
}

struct mmaps *mmaps_open(const struct session *s)
{
	bool wanted = false;
	for (uint32_t i = 0; i < s->module.events.n; i++)
		wanted |= s->module.events.v[i].kind == EV_PROCESS;
	struct mmaps *m = wanted ? calloc(1, sizeof(*m)) : NULL;
	if (!m)
		return NULL;
	m->s = s;
	uint32_t size = (uint32_t)sysconf(_SC_PAGESIZE) * MMAP_PAGES;
	if (perf_open(&m->rings, MMAP_PAGES, sys_perf_mappings, unwind_wanted(s) ? 1 : size / 2)) {
		free(m);
		return NULL;
	}
	return m;
}

int mmaps_fd(const struct mmaps *m, uint32_t i)
{
	return m && i < m->rings.n ? m->rings.v[i].fd : -1;
}

static void mmap_handle(void *arg, uint32_t type, uint32_t misc, const uint8_t *p, uint32_t n)
{
	const struct mmaps *m = arg;
	struct mmap_record r;
	uint32_t ids[2];
	if (type == PERF_RECORD_MMAP2 && n > sizeof(r)) {
		memcpy(&r, p, sizeof(r));
		const char *path = (const char *)p + sizeof(r);
		struct sym_mapping x = { r.pid, r.addr, r.len, r.pgoff, (uint64_t)r.major << 32 | r.minor, r.ino, path };
		if (!memchr(path, '\0', n - sizeof(r)))
			return;
		unwind_mapped(m->s->unwind, &x);
		sym_procs_mapped(m->s->procs, &x);
	} else if (type == PERF_RECORD_COMM && misc & PERF_RECORD_MISC_COMM_EXEC && n >= sizeof(ids)) {
		memcpy(ids, p, sizeof(ids));
		sym_procs_exec(m->s->procs, ids[0]);
	} else if (type == PERF_RECORD_FORK && n >= sizeof(ids)) {
		memcpy(ids, p, sizeof(ids));
		if (ids[0] != ids[1]) /* a process, not a thread */
			sym_procs_fork(m->s->procs, ids[0], ids[1]);
	}
}

void mmaps_drain(struct mmaps *m)
{
	if (m)
		perf_drain(&m->rings, mmap_handle, m);
}
