/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tracefs is. Distributions mount it at /sys/kernel/tracing; small systems do not mount it at all, and every tracer
 * mounts it then. So do we, at its own place and nowhere else, when we may; otherwise the user hears what is missing.
 */
#include "kern/kern_priv.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL "/sys/kernel/tracing"

/* One blank-separated word; octal escapes (\040 is a blank in a path) undone. */
static const char *mounts_word(struct arena *a, struct str w)
{
	char *s = arena_strndup(a, w.s, w.len), *o = s;
	for (uint32_t i = 0; i < w.len; i++) {
		const char *p = w.s + i;
		if (p[0] == '\\' && i + 3 < w.len && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
		    p[3] <= '7') {
			*o++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			i += 3;
		} else {
			*o++ = *p;
		}
	}
	*o = 0;
	return s;
}

const char *tracefs_find(struct arena *a, struct str mounts, const char *fstype)
{
	for (uint32_t at = 0; at < mounts.len;) {
		struct str word[3] = { { 0 } };
		unsigned n = 0;
		while (at < mounts.len && mounts.s[at] != '\n') {
			uint32_t begin = at;
			while (at < mounts.len && mounts.s[at] != ' ' && mounts.s[at] != '\n')
				at++;
			if (n < 3)
				word[n++] = (struct str){ mounts.s + begin, at - begin };
			if (at < mounts.len && mounts.s[at] == ' ')
				at++;
		}
		at++;
		if (n == 3 && str_is(word[2], fstype) && word[1].len && word[1].s[0] == '/')
			return mounts_word(a, word[1]);
	}
	return NULL;
}

const char *kern_tracefs(struct kern *k, const char **ret_why)
{
	size_t len = 0;
	struct stat st;
	if (k->tracefs_tried || k->fixture)
		goto out;
	k->tracefs_tried = true;
	/* The usual place first: one access instead of reading all mounts. */
	if (stat(USUAL "/events", &st) == 0) {
		k->tracefs = USUAL;
	} else if (errno == EACCES) {
		k->tracefs_why = USUAL " may be read by root only; run as root or with CAP_DAC_READ_SEARCH";
		goto out;
	} else {
		const char *s = kern_read_file(k->arena, "/proc/self/mounts", 4 << 20, &len);
		k->tracefs = s ? tracefs_find(k->arena, (struct str){ s, (uint32_t)len }, "tracefs") : NULL;
	}
	if (!k->tracefs) {
		if (mount("tracefs", USUAL, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
			k->tracefs = USUAL;
		else
			k->tracefs_why = errno == EPERM || errno == EACCES ?
						 "tracefs is not mounted at " USUAL ", and mounting it needs CAP_SYS_ADMIN" :
					 errno == ENODEV ? "this kernel has no tracefs (it was built without CONFIG_TRACING)" :
							   "tracefs is not mounted, and it cannot be mounted at " USUAL;
	}
	if (k->tracefs && access(arena_printf(k->arena, "%s/events", k->tracefs), R_OK | X_OK) != 0) {
		k->tracefs = NULL;
		k->tracefs_why = "tracefs may be read by root only; run as root or with CAP_DAC_READ_SEARCH";
	}
out:
	if (!k->tracefs && ret_why)
		*ret_why = k->tracefs_why ? k->tracefs_why : "there is no tracefs";
	return k->tracefs;
}
