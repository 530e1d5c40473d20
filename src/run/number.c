/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number behind a word in a file, as it is now: what only the kernel's text files tell (/proc/meminfo, /proc/vmstat), not variables that a
 * program could find by name. The first line that begins with the word counts, with or without a colon; "kB" behind the number
 * makes it bytes. 0: no such file, word or number.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/run.h"

enum { NUMBER_FILE_MAX = 256 << 10 };

static uint64_t number_of_line(const char *p)
{
	char *end;
	while (*p == ' ' || *p == '\t')
		p++;
	if (!isdigit((unsigned char)*p))
		return 0;
	uint64_t x = strtoull(p, &end, 10);
	while (*end == ' ')
		end++;
	return !strncmp(end, "kB", 2) ? x * 1024 : x;
}

uint64_t file_number(void *session, struct str file, struct str word)
{
	struct buf text = { 0 };
	char part[4096], *path = strndup(file.s, file.len);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	uint64_t ret = 0;
	ssize_t n;
	(void)session;
	while (fd >= 0 && text.len < NUMBER_FILE_MAX && ((n = read(fd, part, sizeof(part))) > 0 || (n < 0 && errno == EINTR)))
		buf_add(&text, part, n > 0 ? (size_t)n : 0);
	for (const char *p = text.s; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		const char *behind = p + word.len;
		if (strncmp(p, word.s, word.len) || !memchr(": \t", *behind, 3))
			continue;
		ret = number_of_line(*behind == ':' ? behind + 1 : behind);
		break;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	buf_fini(&text);
	return ret;
}
