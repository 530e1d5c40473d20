/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skboutput(): packets to capture files. Only bpf_skb_output() reads all of a packet, also what lies in pages behind it, and it writes to perf
 * events' buffers alone. A record is one of ours (event.c) with a head of 24 bytes and the packet behind.
 *
 * The files are in the format of libpcap (version 2.4, times in ns, link type RAW: packets begin with their IP header), in our byte order, which readers
 * find out. A path is one file, however many places write there; it is made anew before anything is attached.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/run.h"

enum {
	PACKET_PAGES = 64, /* of each CPU: at least the largest record */
	PCAP_MAGIC_NS = 0xa1b23c4d, PCAP_MAJOR = 2, PCAP_MINOR = 4, PCAP_SNAPLEN = 262144, LINKTYPE_RAW = 101,
};

struct packets {
	struct perf_rings rings;
	FILE **files; /* by event; shared by those with one path */
	uint32_t n;
};

static bool packet_is(const struct session *s, uint32_t event)
{
	return s->module.events.v[event].kind == EV_PACKET;
}

static int packet_refused(struct session *s, const struct event *ev, int err)
{
	diag_add(&s->diags, D_SYSTEM, ev->span, arena_printf(&s->arena, "Cannot write '%s'", ev->fmt.s), strerror(-err));
	session_report(s);
	s->status = 1;
	return err;
}

static int packet_open_file(struct session *s, struct packets *k, uint32_t event)
{
	const struct event *ev = &s->module.events.v[event];
	for (uint32_t i = 0; i < event; i++) {
		if (k->files[i] && str_eq(s->module.events.v[i].fmt, ev->fmt)) {
			k->files[event] = k->files[i];
			return 0;
		}
	}
	if (!(k->files[event] = fopen(ev->fmt.s, "we")))
		return packet_refused(s, ev, -errno);
	const struct { uint32_t magic; uint16_t major, minor; uint32_t zone, accuracy, snaplen, link; } head = {
		PCAP_MAGIC_NS, PCAP_MAJOR, PCAP_MINOR, 0, 0, PCAP_SNAPLEN, LINKTYPE_RAW };
	if (fwrite(&head, sizeof(head), 1, k->files[event]) != 1 || fflush(k->files[event]))
		return packet_refused(s, ev, -errno);
	return 0;
}

int packets_open(struct session *s)
{
	const struct module *m = &s->module;
	uint32_t map = 0;
	for (uint32_t i = 0; i < m->maps.n; i++)
		if (m->maps.v[i].kind == MM_PACKETS && s->maps[i].fd >= 0)
			map = i;
	if (!map)
		return 0;
	struct packets *k = s->packets = calloc(1, sizeof(*k));
	int err = k && (k->files = calloc(m->events.n, sizeof(FILE *))) ? 0 : -ENOMEM;
	if (!err)
		k->n = m->events.n;
	for (uint32_t i = 0; i < m->events.n && !err; i++)
		if (packet_is(s, i) && packet_open_file(s, k, i))
			return -EIO;
	if (!err)
		err = perf_open(&k->rings, PACKET_PAGES, sys_perf_output, (uint32_t)sysconf(_SC_PAGESIZE) * PACKET_PAGES / 4);
	for (uint32_t i = 0; i < k->rings.n && !err; i++)
		err = sys_map_update(s->maps[map].fd, &k->rings.v[i].cpu, &k->rings.v[i].fd, 0);
	if (err) {
		diag_add(&s->diags, D_SYSTEM, (struct span){ 0 }, "Cannot make the buffers of packets", strerror(-err));
		session_report(s);
		s->status = 1;
	}
	return err;
}

void packet_write(struct session *s, uint32_t event, const uint8_t *p, uint32_t len)
{
	const struct event *ev = &s->module.events.v[event];
	FILE *f = s->packets && event < s->packets->n ? s->packets->files[event] : NULL;
	struct packet_head h;
	if (!f || len < sizeof(h))
		goto bad;
	memcpy(&h, p, sizeof(h));
	p += sizeof(h);
	len -= (uint32_t)sizeof(h);
	if (h.captured > len || h.offset > h.captured)
		goto bad;
	uint64_t t = h.boot_ns + (uint64_t)s->out_env.wall_minus_boot_ns;
	const uint32_t head[4] = { (uint32_t)(t / 1000000000), (uint32_t)(t % 1000000000), h.captured - h.offset, h.wanted - h.offset };
	if (fwrite(head, sizeof(head), 1, f) != 1 || fwrite(p + h.offset, 1, head[2], f) != head[2])
		goto failed;
	return;
failed:
	if (!s->packet_failed)
		packet_refused(s, ev, -errno);
	s->packet_failed = s->stopping = true;
	return;
bad:
	s->n_bad_records++;
}

static void packet_sample(void *arg, uint32_t type, uint32_t misc, const uint8_t *p, uint32_t n)
{
	uint32_t size;
	(void)misc;
	if (type != PERF_RECORD_SAMPLE || n < sizeof(size)) /* a program counts what did not fit: LOST records say nothing new */
		return;
	memcpy(&size, p, sizeof(size));
	event_handle(arg, p + sizeof(size), size < n - sizeof(size) ? size : n - (uint32_t)sizeof(size));
}

void packets_drain(struct session *s)
{
	struct packets *k = s->packets;
	if (!k)
		return;
	perf_drain(&k->rings, packet_sample, s);
	for (uint32_t i = 0; i < k->n; i++) {
		if (k->files[i] && fflush(k->files[i]) && !s->packet_failed) {
			packet_refused(s, &s->module.events.v[i], -errno);
			s->packet_failed = s->stopping = true;
		}
	}
}

int packets_fd(const struct packets *k, uint32_t i)
{
	return k && i < k->rings.n ? k->rings.v[i].fd : -1;
}

void packets_close(struct packets *k)
{
	if (!k)
		return;
	for (uint32_t i = 0; i < k->n; i++) {
		for (uint32_t j = i + 1; j < k->n && k->files[i]; j++)
			if (k->files[j] == k->files[i])
				k->files[j] = NULL;
		if (k->files[i])
			fclose(k->files[i]);
	}
	free(k->files);
	perf_close(&k->rings);
	free(k);
}
