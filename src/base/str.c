/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings: matching, edit distance, growing buffers, and the output boundary:
 * buf_add_safe() is the one place where bytes that a traced process controls
 * become text, so that none of them can drive a terminal.
 */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

bool str_starts(struct str a, const char *prefix)
{
	size_t n = strlen(prefix);
	return a.len >= n && memcmp(a.s, prefix, n) == 0;
}

/* Iterative: on a mismatch go back to the last star only, so the cost is at most |p| * |s|. */
bool str_match(const char *p, const char *s)
{
	const char *star = NULL, *back = NULL;
	while (*s) {
		if (*p == '*') {
			star = ++p;
			back = s;
		} else if (*p == '?' || *p == *s) {
			p++;
			s++;
		} else if (star) {
			p = star;
			s = ++back;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return *p == '\0';
}

int str_edits(struct str x, struct str y, int max)
{
	enum { LIM = 64 };
	const char *a = x.s, *b = y.s;
	if (x.len >= LIM || y.len >= LIM)
		return max + 1;
	int n = (int)x.len, m = (int)y.len;
	if (abs(n - m) > max)
		return max + 1;
	/* Rows of the table: this one, the one above, and the one above that for swapped neighbours. */
	int rows[3][LIM + 1];
	for (int j = 0; j <= m; j++)
		rows[0][j] = j;
	for (int i = 1; i <= n; i++) {
		int *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
		row[0] = i;
		for (int j = 1; j <= m; j++) {
			int d = up[j - 1] + (a[i - 1] != b[j - 1]);
			if (up[j] + 1 < d)
				d = up[j] + 1;
			if (row[j - 1] + 1 < d)
				d = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < d)
				d = up2[j - 2] + 1;
			row[j] = d;
		}
	}
	return rows[n % 3][m] > max ? max + 1 : rows[n % 3][m];
}

int str_distance(const char *a, const char *b, int max)
{
	return str_edits(str_of(a), str_of(b), max);
}

void buf_fini(struct buf *b)
{
	free(b->s);
	memset(b, 0, sizeof(*b));
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

static bool buf_room(struct buf *b, size_t n)
{
	if (b->oom)
		return false;
	if (n > SIZE_MAX / 4) {
		b->oom = true;
		return false;
	}
	if (b->len + n + 1 <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : 128;
	while (cap < b->len + n + 1)
		cap *= 2;
	char *s = realloc(b->s, cap);
	if (!s) {
		b->oom = true;
		return false;
	}
	b->s = s;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (!buf_room(b, n))
		return;
	if (n)
		memcpy(b->s + b->len, p, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_pad(struct buf *b, char c, int n)
{
	if (n <= 0 || !buf_room(b, (size_t)n))
		return;
	memset(b->s + b->len, c, (size_t)n);
	b->len += (size_t)n;
	b->s[b->len] = '\0';
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list aq;
	if (!buf_room(b, 32))
		return;
	va_copy(aq, ap);
	int n = vsnprintf(b->s + b->len, b->cap - b->len, fmt, aq); /* mostly there is room already */
	va_end(aq);
	if (n >= 0 && (size_t)n >= b->cap - b->len && buf_room(b, (size_t)n))
		vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	if (n >= 0 && !b->oom)
		b->len += (size_t)n;
	b->s[b->len] = '\0';
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

/* Length of the valid UTF-8 sequence at p (of n bytes), or 0; *ret_cp = its code point. */
static unsigned utf8_decode(const unsigned char *p, size_t n, uint32_t *ret_cp)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (p[0] < 0x80) {
		*ret_cp = p[0];
		return 1;
	}
	unsigned len = 0;
	if (p[0] >= 0xc2 && p[0] <= 0xf4)
		len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len == 0 || len > n)
		return 0;
	uint32_t cp = p[0] & (0x7fu >> len);
	for (unsigned i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	*ret_cp = cp;
	return len;
}

/* Code points that steer a terminal or the direction of text, or that cannot be seen. */
static bool utf8_is_control(uint32_t cp)
{
	if (cp < 0x2000)
		return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xad || cp == 0x61c || cp == 0x180e;
	return (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) ||
	       cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) || (cp >= 0xe0000 && cp <= 0xe007f);
}

void buf_add_safe(struct buf *b, const void *ptr, size_t n, bool keep_ws)
{
	const unsigned char *p = ptr;
	if (n == 0)
		return;
	size_t done = 0; /* what lies between here and i passes as it is */
	for (size_t i = 0; i < n;) {
		if (p[i] >= 0x20 && p[i] < 0x7f) {
			i++;
			continue;
		}
		uint32_t cp = 0;
		unsigned len = utf8_decode(p + i, n - i, &cp);
		if (len && (!utf8_is_control(cp) || (keep_ws && (cp == '\n' || cp == '\t')))) {
			i += len;
			continue;
		}
		buf_add(b, p + done, i - done);
		for (unsigned j = 0; j < (len ? len : 1); j++, i++)
			buf_addf(b, "\\x%02x", p[i]);
		done = i;
	}
	buf_add(b, p + done, n - done);
}

static void add_json_escape(struct buf *b, uint32_t cp)
{
	if (cp == '"' || cp == '\\')
		buf_addf(b, "\\%c", (int)cp);
	else if (cp == '\n')
		buf_adds(b, "\\n");
	else if (cp == '\r')
		buf_adds(b, "\\r");
	else if (cp == '\t')
		buf_adds(b, "\\t");
	else if (cp > 0xffff)
		buf_addf(b, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + (cp & 0x3ff));
	else
		buf_addf(b, "\\u%04x", cp);
}

void buf_add_json(struct buf *b, const void *ptr, size_t n)
{
	const unsigned char *p = ptr;
	if (n == 0)
		return;
	size_t done = 0;
	for (size_t i = 0; i < n;) {
		uint32_t cp = 0;
		unsigned len = utf8_decode(p + i, n - i, &cp);
		if (len && cp != '"' && cp != '\\' && !utf8_is_control(cp)) {
			i += len;
			continue;
		}
		buf_add(b, p + done, i - done);
		add_json_escape(b, len ? cp : p[i]); /* not UTF-8: the byte as Latin-1 */
		i += len ? len : 1;
		done = i;
	}
	buf_add(b, p + done, n - done);
}
