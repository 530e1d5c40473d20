/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a cgroup from its id, in every hierarchy that is mounted and has one of that id: "unified:/user.slice,cpu:/x" (reference 4.4).
 * The id is the file handle of the cgroup's directory; a mount of the hierarchy turns it into a path.
 */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <unistd.h>

#include "run/run.h"

enum { FILEID_KERNFS = 0xfe };

/* The path within the mount, "/" being its root; false: there is no such cgroup. */
static bool cgroup_of_mount(const char *dir, uint64_t id, char *ret, size_t room)
{
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + sizeof(uint64_t)];
	} u = { .h.handle_bytes = sizeof(id), .h.handle_type = FILEID_KERNFS };
	char link[64];
	memcpy(u.h.f_handle, &id, sizeof(id));
	int mount = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount < 0)
		return false;
	int fd = open_by_handle_at(mount, &u.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(mount);
	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret, room - 1);
	close(fd);
	size_t skip = strlen(dir);
	if (n < (ssize_t)skip || strncmp(ret, dir, skip))
		return false;
	ret[n] = '\0';
	memmove(ret, ret + skip, (size_t)n - skip + 1);
	if (!*ret)
		strcpy(ret, "/");
	return true;
}

bool cgroup_path(void *arg, uint64_t id, struct str filter, struct buf *ret)
{
	char path[4096], pattern[256], line[4096];
	struct mntent e;
	FILE *f = setmntent("/proc/self/mounts", "re");
	(void)arg;
	snprintf(pattern, sizeof(pattern), "%.*s", (int)filter.len, filter.s ? filter.s : "");
	while (f && getmntent_r(f, &e, line, sizeof(line))) {
		bool v2 = !strcmp(e.mnt_type, "cgroup2");
		if (!v2 && strcmp(e.mnt_type, "cgroup"))
			continue;
		const char *slash = strrchr(e.mnt_dir, '/'), *name = v2 ? "unified" : slash ? slash + 1 : e.mnt_dir;
		if (*pattern && !str_match(pattern, name))
			continue;
		if (!cgroup_of_mount(e.mnt_dir, id, path, sizeof(path)))
			continue;
		size_t before = ret->len;
		buf_addf(ret, "%s%s:%s", before ? "," : "", name, path);
		if (before && ret->s && memmem(ret->s, before, ret->s + before + 1, ret->len - before - 1))
			ret->len = before; /* mounted twice */
	}
	if (f)
		endmntent(f);
	return true;
}
