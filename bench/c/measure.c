/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure PID N: write(2) 64 bytes to /dev/null N times on one CPU, and read what the kernel says about the BPF programs
 * that PID holds, before and after (kernel.bpf_stats_enabled must be 1). PID 0: only the loop.
 * Prints: programs, ns of BPF per call, instructions (after the kernel's rewriting), bytes of machine code, ns per call.
 * measure programs PID: only their number.
 * measure attached PID, held PID: the number of its BPF links, of programs of any type.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX = 4096 };
struct sum { uint64_t ns, runs, insns, bytes; int programs; };

/* Numbers behind `key` in what PID's descriptors say of themselves, each once. */
static int ids_of(int pid, const char *key, uint32_t *ids)
{
	char path[300], line[256];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	d = opendir(path);
	while (d && (e = readdir(d)) && n < MAX) {
		unsigned id;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, e->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			if (!strncmp(line, key, strlen(key)) && sscanf(line + strlen(key), ": %u", &id) == 1) {
				int i = 0;

				while (i < n && ids[i] != id)
					i++;
				if (i == n)
					ids[n++] = id;
			}
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

static struct sum stats_of(int pid)
{
	static uint32_t ids[MAX];
	struct sum s = { 0 };
	int n = pid ? ids_of(pid, "prog_id", ids) : 0;

	for (int i = 0; i < n; i++) {
		struct bpf_prog_info info;
		union bpf_attr a;
		int fd;

		memset(&a, 0, sizeof(a));
		a.prog_id = ids[i];
		fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &a, sizeof(a));
		memset(&a, 0, sizeof(a));
		memset(&info, 0, sizeof(info));
		a.info.bpf_fd = (uint32_t)fd;
		a.info.info_len = sizeof(info);
		a.info.info = (uint64_t)(uintptr_t)&info;
		/* Programs for begin and end are not on the path. */
		if (fd >= 0 && !syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &a, sizeof(a)) && info.type == BPF_PROG_TYPE_TRACEPOINT) {
			s.ns += info.run_time_ns;
			s.runs += info.run_cnt;
			s.insns += info.xlated_prog_len / 8;
			s.bytes += info.jited_prog_len;
			s.programs++;
		}
		if (fd >= 0)
			close(fd);
	}
	return s;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	static const char text[65] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	int asked = argc > 2 && (!strcmp(argv[1], "programs") || !strcmp(argv[1], "attached") || !strcmp(argv[1], "held"));
	int pid = argc > 2 ? atoi(argv[asked ? 2 : 1]) : 0;
	long n = argc > 2 ? atol(argv[2]) : 0;
	struct sum before, after;
	cpu_set_t one;
	double t;
	int fd;

	if (asked) {
		static uint32_t ids[MAX];

		printf("%d\n", argv[1][0] == 'p' ? stats_of(pid).programs : ids_of(pid, argv[1][0] == 'a' ? "link_id" : "prog_id", ids));
		return 0;
	}
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	fd = fcntl(open("/dev/null", O_WRONLY), F_DUPFD, 100); /* printf's program sends only writes to descriptors >= 100 */
	for (long i = 0; i < n / 10; i++)
		if (write(fd, text, 64) != 64)
			return 1;
	before = stats_of(pid);
	t = now();
	for (long i = 0; i < n; i++)
		if (write(fd, text, 64) != 64)
			return 1;
	t = now() - t;
	after = stats_of(pid);
	printf("%d %.1f %llu %llu %.1f\n", after.programs, (double)(after.ns - before.ns) / (double)n,
	       (unsigned long long)after.insns, (unsigned long long)after.bytes, t / (double)n);
	return 0;
}
