/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --aot FILE: an executable of a program. Compiling takes milliseconds and is right only for the kernel that it is done on, so what is
 * written is the program as it stands, behind a first line that names us: it is compiled where it runs. Here it is compiled to see
 * whether it can be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/opt.h"

enum { SHEBANG_MAX = 120 /* the oldest kernels' limit, less "#!" and some */ };

int executable_write(const struct opt *o)
{
	char self[SHEBANG_MAX + 1];
	if (!strcmp(o->aot, "-")) {
		fputs("ERROR: --aot needs the name of a file\n", stderr);
		return 1;
	}
	struct str text = o->program ? str_of(o->program) : o->text;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
	struct buf b = { 0 };
	if (n <= 0 || n > SHEBANG_MAX || memchr(self, ' ', (size_t)n))
		buf_adds(&b, "#!/usr/bin/env sonde\n");
	else
		buf_addf(&b, "#!%.*s\n", (int)n, self);
	if (text.len > 1 && text.s[0] == '#' && text.s[1] == '!') { /* the same number of lines: messages tell the right ones */
		const char *end = memchr(text.s, '\n', text.len);
		uint32_t line = end ? (uint32_t)(end - text.s) + 1 : text.len;
		text.s += line;
		text.len -= line;
	}
	buf_add(&b, text.s, text.len);
	if (text.len && text.s[text.len - 1] != '\n')
		buf_addc(&b, '\n');
	int status = picture_write(o->aot, &b);
	buf_fini(&b);
	struct stat st; /* whoever may read it may run it */
	if (!status && (stat(o->aot, &st) || chmod(o->aot, (st.st_mode & 07777) | (st.st_mode & 0444) >> 2))) {
		fprintf(stderr, "ERROR: failed to make \"%s\" executable: %s\n", o->aot, strerror(errno));
		status = 1;
	}
	return status;
}
