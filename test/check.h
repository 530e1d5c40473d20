/* SPDX-License-Identifier: Apache-2.0 */
/* Counting and comparing for the test drivers in C. A driver prints its failures and ends with check_end(). */
#ifndef SONDE_TEST_CHECK_H
#define SONDE_TEST_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct check {
	const char *suite;
	unsigned passed, failed;
};

static inline void check_show(const char *what, const char *s, size_t n)
{
	printf("  %s: \"", what);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == '\n')
			fputs(n > 100 ? "\\n\n    " : "\\n", stdout);
		else if (c < 32 || c >= 127 || c == '"' || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	puts("\"");
}

static inline int check_bytes(struct check *c, const char *name, const char *want, size_t want_n, const char *got, size_t got_n)
{
	if (want_n == got_n && (want_n == 0 || memcmp(want, got, got_n) == 0)) {
		c->passed++;
		return 1;
	}
	c->failed++;
	printf("FAIL %s: %s\n", c->suite, name);
	check_show("want", want, want_n);
	check_show("got ", got, got_n);
	return 0;
}

/* Takes what the buffer holds and empties it. */
static inline int check_text(struct check *c, const char *name, const char *want, struct buf *got)
{
	int ok = check_bytes(c, name, want, strlen(want), got->s ? got->s : "", got->len);
	buf_clear(got);
	return ok;
}

static inline int check_true(struct check *c, const char *name, int cond)
{
	if (cond) {
		c->passed++;
		return 1;
	}
	c->failed++;
	printf("FAIL %s: %s\n", c->suite, name);
	return 0;
}
#define CHECK(c, cond) check_true((c), #cond, (cond) != 0)

static inline int check_end(const struct check *c)
{
	printf("%u passed, %u failed\n", c->passed, c->failed);
	return c->failed != 0;
}

#endif
