/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wall-clock time as text: strftime with three conversions of our own for the part of the second. They are
 * replaced by their digits first, so that the library never sees them (it has its own meanings for %l and %k).
 */
#include "out/out.h"

#include <stdlib.h>
#include <time.h>

enum { TEXT_MAX = 1 << 16, NS = 1000000000 };

/* The format with %f, %l, %k resolved, and a '.' in front: a result is then never empty, which is how strftime says
 * "too long". */
static void resolve(const char *fmt, unsigned ns, struct buf *ret)
{
	buf_addc(ret, '.');
	for (const char *p = fmt; *p; p++) {
		if (p[0] != '%' || !p[1]) {
			buf_addc(ret, *p);
			/* A lone % at the end stays one. */
			if (*p == '%')
				buf_addc(ret, '%');
			continue;
		}
		switch (*++p) {
		case 'f':
			buf_addf(ret, "%06u", ns / 1000);
			break;
		case 'l':
			buf_addf(ret, "%03u", ns / 1000000);
			break;
		case 'k':
			buf_addf(ret, "%09u", ns);
			break;
		default:
			buf_addc(ret, '%');
			buf_addc(ret, *p);
		}
	}
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
void out_strftime(const char *fmt, int64_t wall_ns, bool safe, struct buf *ret)
{
	int64_t sec = wall_ns / NS, ns = wall_ns % NS;
	if (ns < 0) {
		ns += NS;
		sec--;
	}
	time_t t = (time_t)sec;
	struct tm tm;
	struct buf f = { 0 };
	char small[256], *s = small;
	size_t n = 0;

	resolve(fmt, (unsigned)ns, &f);
	if (!f.oom && localtime_r(&t, &tm)) {
		n = strftime(small, sizeof(small), f.s, &tm);
		if (n == 0 && (s = malloc(TEXT_MAX)))
			n = strftime(s, TEXT_MAX, f.s, &tm);
	}
	if (n > 1 && safe)
		buf_add_safe(ret, s + 1, n - 1, true);
	else if (n > 1)
		buf_add(ret, s + 1, n - 1);
	if (s != small)
		free(s);
	buf_fini(&f);
}
#pragma GCC diagnostic pop
