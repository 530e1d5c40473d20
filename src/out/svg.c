/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pictures are made of: text that cannot become markup, numbers, colours, and how much text fits into a place.
 *
 * Text is measured in columns of a fixed-width font, the only measure that holds in every browser without asking it.
 */
#include <stdio.h>

#include "out/picture.h"

/* XML 1.0 has no way to write most controls, U+FFFE and U+FFFF: the first are escaped by buf_add_safe, the others here.
 */
static void svg_escape(struct buf *b, const char *p, size_t n)
{
	size_t from = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		const char *as = c == '&'    ? "&amp;"
				 : c == '<'  ? "&lt;"
				 : c == '>'  ? "&gt;"
				 : c == '"'  ? "&quot;"
				 : c == '\'' ? "&#39;"
					     : NULL;
		size_t skip = 1;
		if (c == 0xef && i + 2 < n && (unsigned char)p[i + 1] == 0xbf &&
		    ((unsigned char)p[i + 2] & 0xfe) == 0xbe) {
			as = "\\ufffe";
			skip = 3;
		}
		if (!as)
			continue;
		buf_add(b, p + from, i - from);
		buf_adds(b, as);
		i += skip - 1;
		from = i + 1;
	}
	buf_add(b, p + from, n - from);
}

void svg_add_text(struct buf *b, struct str s, uint32_t max)
{
	struct buf safe = { 0 };
	uint32_t n = s.len;
	if (n > max) {
		n = max;
		while (n && ((unsigned char)s.s[n] & 0xc0) == 0x80) /* not within a character */
			n--;
	}
	buf_add_safe(&safe, s.s, n, false);
	if (n < s.len)
		buf_adds(&safe, "..");
	if (safe.oom)
		b->oom = true;
	else
		svg_escape(b, safe.s ? safe.s : "", safe.len);
	buf_fini(&safe);
}

void svg_add_count(struct buf *b, double n)
{
	char digits[32];
	if (!(n > -1e15 && n < 1e15) || n != (double)(int64_t)n) {
		buf_addf(b, "%.6g", n);
		return;
	}
	snprintf(digits, sizeof(digits), "%.0f", n < 0 ? -n : n);
	if (n < 0)
		buf_addc(b, '-');
	size_t len = strlen(digits);
	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_addc(b, ',');
		buf_addc(b, digits[i]);
	}
}

void svg_add_pixels(struct buf *b, double px)
{
	char s[40];
	int n = snprintf(s, sizeof(s), "%.2f", px);
	while (n > 0 && s[n - 1] == '0')
		n--;
	if (n > 0 && s[n - 1] == '.')
		n--;
	buf_add(b, s, (size_t)n);
}

uint32_t svg_hsl(double hue, double saturation, double light)
{
	double a = saturation * (light < 0.5 ? light : 1 - light);
	uint32_t rgb = 0;
	static const int shift[3] = { 0, 8, 4 };
	for (int i = 0; i < 3; i++) {
		double k = shift[i] + hue / 30;
		k = k >= 12 ? k - 12 : k;
		double m = k - 3 < 9 - k ? k - 3 : 9 - k;
		m = m > 1 ? 1 : m < -1 ? -1 : m;
		rgb = rgb << 8 | (uint32_t)((light - a * m) * 255 + 0.5);
	}
	return rgb;
}

/* Bytes of the character at p, and its columns. Invalid bytes are shown as \xNN, four columns. */
static uint32_t svg_char(const unsigned char *p, uint32_t n, uint32_t *ret_cells)
{
	uint32_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	if (!len || len > n || p[0] < 0x20 || p[0] == 0x7f) {
		*ret_cells = 4;
		return 1;
	}
	/* From Hangul on (U+1100), two: too much for some, never too little. */
	*ret_cells = len == 4 || (len == 3 && (p[0] > 0xe1 || p[1] >= 0x84)) ? 2 : 1;
	return len;
}

uint32_t svg_cells(struct str s)
{
	uint32_t cells = 0, c;
	for (uint32_t i = 0; i < s.len;) {
		i += svg_char((const unsigned char *)s.s + i, s.len - i, &c);
		cells += c;
	}
	return cells;
}

uint32_t svg_fit(struct str s, uint32_t cells)
{
	uint32_t used = 0, c;
	for (uint32_t i = 0; i < s.len;) {
		uint32_t n = svg_char((const unsigned char *)s.s + i, s.len - i, &c);
		if (used + c > cells)
			return i;
		used += c;
		i += n;
	}
	return s.len;
}
