/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --follow, the reader's side (ir/lower_follow.c has the programs). When -p names a process that has children, they
 * and theirs are entered once the programs are attached, so that none is missed in between. When the process of -p
 * or -c ends, the run goes on until the last of those that descend from it has ended: we wait for one after the
 * other, whichever is next.
 *
 * The map has process numbers of the initial namespace. In another one we cannot tell whose they are: there the run
 * ends with the first process, and children that are older than the run are not followed.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run/run.h"

enum { FOLLOW_LOOK_MAX = 1 << 20 };

struct follow_proc { int pid, parent; };

/* The parent's number: the second field behind the name, which may itself have parentheses. */
static int follow_parent(int pid)
{
	char path[64], text[512];
	int parent = -1;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = '\0';
	const char *close = strrchr(text, ')');
	if (!close || sscanf(close + 1, " %*c %d", &parent) != 1)
		return -1;
	return parent;
}

void follow_seed(struct session *s)
{
	VEC(struct follow_proc) all = { 0 };
	VEC(int) traced = { 0 };
	if (!s->o->follow || !s->o->pid || s->ns_ino || !s->maps || s->maps[s->module.follow_map].fd < 0)
		return;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d)) && all.n < FOLLOW_LOOK_MAX;) {
		struct follow_proc p = { .pid = atoi(e->d_name) };
		if (p.pid > 0 && (p.parent = follow_parent(p.pid)) > 0)
			vec_push(&s->arena, &all, p);
	}
	if (d)
		closedir(d);
	vec_push(&s->arena, &traced, s->o->pid);
	for (uint32_t i = 0; i < traced.n; i++) {
		for (uint32_t k = 0; k < all.n; k++) {
			if (all.v[k].parent != traced.v[i] || all.v[k].pid == s->o->pid)
				continue;
			uint64_t key = (uint64_t)all.v[k].pid, any = 0;
			sys_map_update(s->maps[s->module.follow_map].fd, &key, &any, 1 /* BPF_NOEXIST: forked since we look */);
			vec_push(&s->arena, &traced, all.v[k].pid);
			all.v[k].parent = 0;
		}
	}
}

/* A process of the map that has not ended: its descriptor, or -1. Those that have are taken out. */
static int follow_living(int map)
{
	uint64_t key;
	while (sys_map_next_key(map, NULL, &key) == 0) {
		int fd = (int)syscall(SYS_pidfd_open, (pid_t)key, 0);
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (fd >= 0 && poll(&p, 1, 0) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
		if (sys_map_delete(map, &key) != 0)
			return -1;
	}
	return -1;
}

bool follow_next(struct session *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = WAKE_PROCESS };
	if (!s->o->follow || s->ns_ino || !s->maps || s->maps[s->module.follow_map].fd < 0)
		return false;
	int fd = follow_living(s->maps[s->module.follow_map].fd);
	if (fd < 0)
		return false;
	close(s->child.pidfd);
	s->child.pidfd = fd;
	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}
