/* SPDX-License-Identifier: Apache-2.0 */
/*
 * printf (language reference 4.3): the arguments of one record by the format of its event.
 *
 * A conversion is  % - + space # 0 width .precision length letter  with the flags in this order; whatever does not
 * match, also at its end, is text. The script was checked when it was compiled, so a conversion that does not fit its
 * argument cannot come here; if it does, the output says so at its place and goes on, and nothing is ever read that is
 * not in the record.
 *
 * Without a length an integer has 32 bits, as in C. Width counts bytes as they are printed, escapes included.
 */
#include "out/value.h"

enum { WIDTH_MAX = 1 << 16 };

/* In order of the letter's bits: what is printed. */
enum conv {
	CONV_TEXT,
	CONV_PERCENT,
	CONV_SIGNED,
	CONV_UNSIGNED,
	CONV_OCTAL,
	CONV_HEX,
	CONV_HEX_UPPER,
	CONV_POINTER,
	CONV_CHAR,
	CONV_BUFFER,
	CONV_BUFFER_HEX,
	CONV_BUFFER_LIST,
	CONV_GFP,
	CONV_OTHER
};

struct spec {
	bool minus, plus, alt, zero;
	uint32_t width;
	unsigned bits; /* of an integer */
	enum conv conv;
	uint32_t len;  /* of the conversion in the format */
};

static uint32_t spec_number(const char *s, uint32_t n, uint32_t i, uint32_t *ret)
{
	uint32_t x = 0;
	for (; i < n && s[i] >= '0' && s[i] <= '9'; i++)
		x = x * 10 + (uint32_t)(s[i] - '0') > WIDTH_MAX ? WIDTH_MAX : x * 10 + (uint32_t)(s[i] - '0');
	*ret = x;
	return i;
}

static enum conv spec_letter(const char *s, uint32_t n, uint32_t *i)
{
	char c = *i < n ? s[(*i)++] : '\0', next = *i < n ? s[*i] : '\0';
	switch (c) {
	case 'd': case 'i': return CONV_SIGNED;
	case 'u': return CONV_UNSIGNED;
	case 'o': return CONV_OCTAL;
	case 'x': return CONV_HEX;
	case 'X': return CONV_HEX_UPPER;
	case 'p': return CONV_POINTER;
	case 'c': return CONV_CHAR;
	case 's': return CONV_TEXT;
	case '%': return CONV_PERCENT;
	case 'r':
		if (next != 'x' && next != 'h')
			return CONV_BUFFER;
		++*i;
		return next == 'x' ? CONV_BUFFER_HEX : CONV_BUFFER_LIST;
	case 'g':
		if (next != 'r')
			return CONV_OTHER;
		++*i;
		return CONV_GFP;
	case 'e': case 'E': case 'f': case 'F': case 'G': case 'a': case 'A': case 'n':
		return CONV_OTHER;
	default:
		*i = UINT32_MAX;
		return CONV_OTHER;
	}
}

/* s[0] is '%'. False: not a conversion. */
static bool spec_parse(const char *s, uint32_t n, struct spec *ret)
{
	struct spec c = { .bits = 32 };
	uint32_t i = 1, ignored;
	c.minus = i < n && s[i] == '-' && ++i;
	c.plus = i < n && s[i] == '+' && ++i;
	if (i < n && s[i] == ' ')
		i++;
	c.alt = i < n && s[i] == '#' && ++i;
	c.zero = i < n && s[i] == '0' && ++i;
	if (i < n && s[i] == '*')
		i++; /* accepted, without an argument */
	else
		i = spec_number(s, n, i, &c.width);
	if (i + 1 < n && s[i] == '.' && s[i + 1] == '*')
		i += 2;
	else if (i + 1 < n && s[i] == '.' && s[i + 1] >= '0' && s[i + 1] <= '9')
		i = spec_number(s, n, i + 1, &ignored);
	unsigned halves = 0;
	for (; i < n && s[i] && strchr("hlLjzt", s[i]); i++) {
		if (s[i] != 'h')
			c.bits = 64;
		else if (++halves && c.bits != 64)
			c.bits = halves > 1 ? 8 : 16;
	}
	c.conv = spec_letter(s, n, &i);
	if (i == UINT32_MAX)
		return false;
	c.len = i;
	*ret = c;
	return true;
}

static void format_pad(const struct spec *c, const char *s, size_t n, struct buf *o)
{
	int fill = c->width > n ? (int)(c->width - n) : 0;
	if (!c->minus)
		buf_pad(o, c->zero ? '0' : ' ', fill);
	buf_add(o, s, n);
	if (c->minus)
		buf_pad(o, ' ', fill);
}

/* Zeros stand between sign or prefix and digits. */
static void format_digits(const struct spec *c, const char *prefix, const char *digits, uint32_t n, struct buf *o)
{
	uint32_t pre = (uint32_t)strlen(prefix);
	int fill = c->width > n + pre ? (int)(c->width - n - pre) : 0;
	bool zeros = c->zero && !c->minus;
	if (!zeros && !c->minus)
		buf_pad(o, ' ', fill);
	buf_add(o, prefix, pre);
	if (zeros)
		buf_pad(o, '0', fill);
	buf_add(o, digits, n);
	if (c->minus)
		buf_pad(o, ' ', fill);
}

static void format_int(const struct spec *c, uint64_t x, struct buf *o)
{
	char s[24];
	uint32_t i = sizeof(s);
	unsigned base = c->conv == CONV_OCTAL ? 8 : c->conv == CONV_SIGNED || c->conv == CONV_UNSIGNED ? 10 : 16;
	const char *prefix = "", *digits = c->conv == CONV_HEX_UPPER ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned drop = c->conv == CONV_POINTER ? 0 : 64 - c->bits;

	if (c->conv == CONV_SIGNED) {
		int64_t v = (int64_t)(x << drop) >> drop;
		prefix = v < 0 ? "-" : c->plus ? "+" : "";
		x = v < 0 ? -(uint64_t)v : (uint64_t)v;
	} else {
		x = x << drop >> drop;
	}
	if (x && (c->alt || c->conv == CONV_POINTER))
		prefix = base == 16 ? c->conv == CONV_HEX_UPPER ? "0X" : "0x" : base == 8 ? "0" : prefix;
	do
		s[--i] = digits[x % base];
	while (x /= base);
	format_digits(c, prefix, s + i, sizeof(s) - i, o);
}

static void format_text(const struct spec *c, struct val *v, const struct event_arg *a, const void *p, uint32_t avail)
{
	const struct type *t = a->type;
	if (c->width == 0) {
		val_text(v, t, p, avail, a->trusted);
		return;
	}
	bool composite = t->kind == T_TUPLE || t->kind == T_RECORD || t->kind == T_STRUCT || t->kind == T_ARRAY ||
			 t->kind == T_STATS;
	if (composite && !c->minus) { /* the width belongs to the opening bracket */
		buf_pad(v->o, c->zero ? '0' : ' ', (int)c->width - 1);
		val_text(v, t, p, avail, a->trusted);
		return;
	}
	struct buf b = { 0 };
	struct val w = *v;
	w.o = &b;
	val_text(&w, t, p, avail, a->trusted);
	format_pad(c, b.s, b.len, v->o);
	if (b.oom)
		v->o->oom = true;
	buf_fini(&b);
}

static void format_buffer(const struct spec *c, struct val *v, const struct type *t, const void *p, uint32_t avail)
{
	struct buf b = { 0 };
	uint32_t n;
	const uint8_t *d = val_buffer(t, p, avail, &n);
	for (uint32_t i = 0; i < n; i++) {
		if (c->conv == CONV_BUFFER_LIST)
			buf_addf(&b, "%s%02x", i ? " " : "", d[i]);
		else if (c->conv == CONV_BUFFER && d[i] >= 32 && d[i] <= 126)
			buf_addc(&b, (char)d[i]);
		else
			buf_addf(&b, "\\x%02x", d[i]);
	}
	format_pad(c, b.s, b.len, v->o);
	if (b.oom)
		v->o->oom = true;
	buf_fini(&b);
}

static void format_mismatch(struct val *v, const struct event_arg *a)
{
	buf_adds(v->o, "!{invalid integer conversion: ");
	type_print(a->type, v->o);
	buf_addc(v->o, '}');
}

static void format_arg(const struct spec *c, struct val *v, const struct event_arg *a, const void *p, uint32_t avail)
{
	uint64_t x;
	bool sg;
	char ch;

	switch (c->conv) {
	case CONV_TEXT:
		format_text(c, v, a, p, avail);
		return;
	case CONV_BUFFER: case CONV_BUFFER_HEX: case CONV_BUFFER_LIST:
		if (a->type->kind == T_BUFFER)
			format_buffer(c, v, a->type, p, avail);
		else
			format_mismatch(v, a);
		return;
	default:
		break;
	}
	if (!val_number_now(v->env, a->type, p, avail, &x, &sg)) {
		format_mismatch(v, a);
		return;
	}
	struct buf b = { 0 };
	struct val w = *v;
	w.o = &b;
	switch (c->conv) {
	case CONV_CHAR:
		ch = (char)x;
		val_bytes(&w, &ch, 1, a->trusted);
		format_pad(c, b.s, b.len, v->o);
		break;
	case CONV_GFP:
		val_gfp(x, &b);
		format_pad(c, b.s, b.len, v->o);
		break;
	default:
		format_int(c, x, v->o);
		break;
	}
	if (b.oom)
		v->o->oom = true;
	buf_fini(&b);
}

uint32_t val_format(struct val *v, struct str fmt, const struct event *ev, uint32_t arg, uint32_t *tail, const void *payload,
		    uint32_t len)
{
	const char *s = fmt.s, *end = s + fmt.len;
	while (s < end) {
		const char *p = memchr(s, '%', (size_t)(end - s));
		struct spec c;
		if (!p) {
			buf_add(v->o, s, (size_t)(end - s));
			break;
		}
		buf_add(v->o, s, (size_t)(p - s));
		if (!spec_parse(p, (uint32_t)(end - p), &c)) {
			buf_addc(v->o, '%');
			s = p + 1;
			continue;
		}
		s = p + c.len;
		if (c.conv == CONV_PERCENT) {
			buf_addc(v->o, '%');
		} else if (c.conv == CONV_OTHER || arg >= ev->args.n) {
			buf_add(v->o, p, c.len);
		} else {
			const struct event_arg *a = &ev->args.v[arg++];
			uint32_t avail;
			const void *q = val_arg(a, payload, len, tail, &avail);
			v->depth = v->parts = 0;
			format_arg(&c, v, a, q, avail);
		}
	}
	return arg;
}

void out_format(const struct out_env *e, const struct event *ev, const void *payload, uint32_t len, struct buf *ret)
{
	struct val v = { .env = e, .o = ret, .raw = e->json };
	uint32_t tail = ev->fixed_size;
	val_format(&v, ev->fmt, ev, 0, &tail, payload, len);
}

void out_join(const struct out_env *e, const struct event *ev, const void *payload, uint32_t len, struct buf *ret)
{
	struct val v = { .env = e, .o = ret, .raw = e->json };
	const char *p = payload, *end = len ? p + len : p;
	for (bool first = true; p < end; first = false) {
		size_t n = strnlen(p, (size_t)(end - p));
		if (!first)
			buf_add(ret, ev->fmt.s, ev->fmt.len);
		val_bytes(&v, p, n, false);
		p += n + (n < (size_t)(end - p));
	}
}
