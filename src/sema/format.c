/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats as text: the conversions of printf and the columns of row(), found in the same way by the checks here and by the
 * reader. No types and no state: this file needs nothing of the compiler.
 */
#include <ctype.h>

#include "sema/sema_priv.h"

/* %[-][+][ ][#][0][width|*][.precision|.*][hlLjzt...]conversion */
bool sema_format_next(struct str f, uint32_t *pos, struct format_spec *ret)
{
	static const char flags[] = "-+ #0";
	for (uint32_t i = *pos; i < f.len; i++) {
		if (f.s[i] != '%')
			continue;
		uint32_t k = i + 1;
		for (const char *fl = flags; *fl; fl++)
			if (k < f.len && f.s[k] == *fl)
				k++;
		for (int part = 0; part < 2; part++) {
			uint32_t w = k;
			if (part && (w >= f.len || f.s[w++] != '.'))
				break;
			if (w < f.len && f.s[w] == '*') {
				k = w + 1;
				continue;
			}
			uint32_t d = w;
			while (d < f.len && isdigit((unsigned char)f.s[d]))
				d++;
			if (d > w)
				k = d;
		}
		while (k < f.len && f.s[k] && strchr("hlLjzt", f.s[k]))
			k++;
		if (k >= f.len || !f.s[k] || !strchr("diouxXeEfFgGaAcspnr%", f.s[k]))
			continue;
		*ret = (struct format_spec){ .lo = i, .conv = { f.s[k] } };
		k++;
		const char *more = ret->conv[0] == 'r' ? "hx" : ret->conv[0] == 'g' ? "r" : "";
		if (k < f.len && f.s[k] && strchr(more, f.s[k]))
			ret->conv[1] = f.s[k++];
		ret->hi = *pos = k;
		return true;
	}
	*pos = f.len;
	return false;
}

static const struct { const char *name; uint64_t divisor; } column_units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
	{ "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 },
};

/* Behind the number at i, no larger than max. */
static uint32_t column_number(struct str f, uint32_t i, uint32_t max, uint32_t *ret, const char **wrong)
{
	for (*ret = 0; i < f.len && isdigit((unsigned char)f.s[i]); i++) {
		*ret = *ret * 10 + (uint32_t)(f.s[i] - '0');
		if (*ret > max) {
			*wrong = "is too wide: at most 1000 characters, 18 digits";
			*ret = max;
		}
	}
	return i;
}

/* {ms}, {/1000} at i, behind the brace. Returns behind the other one, or 0. */
static uint32_t column_unit(struct str f, uint32_t i, struct column *c)
{
	uint32_t e = i;
	while (e < f.len && f.s[e] != '}')
		e++;
	struct str unit = { f.s + i, e - i };
	if (e >= f.len)
		return 0;
	c->kind = COL_UNIT;
	c->n_values = 1;
	for (size_t u = 0; u < sizeof(column_units) / sizeof(*column_units); u++)
		if (str_is(unit, column_units[u].name))
			c->divisor = column_units[u].divisor;
	if (unit.len > 1 && unit.len < 20 && unit.s[0] == '/')
		for (uint32_t k = 1; k < unit.len; k++) {
			if (!isdigit((unsigned char)unit.s[k]))
				return 0;
			c->divisor = c->divisor * 10 + (uint64_t)(unit.s[k] - '0');
		}
	return c->divisor ? e + 1 : 0;
}

/* (%s:%d) at i, behind the bracket. Returns behind the other one, or 0. */
static uint32_t column_group(struct str f, uint32_t i, struct column *c)
{
	uint32_t e = i, pos = 0;
	struct format_spec sp;
	while (e < f.len && f.s[e] != ')')
		e++;
	c->kind = COL_FORMAT;
	c->inner = (struct str){ f.s + i, e - i };
	while (sema_format_next(c->inner, &pos, &sp))
		c->n_values += sp.conv[0] != '%';
	return e < f.len && c->n_values ? e + 1 : 0;
}

/* A letter of printf at i, as the format of its own that shows it. Returns behind it, or 0. */
static uint32_t column_letter(struct str f, uint32_t i, bool alt, uint32_t zeros, struct column *c)
{
	char conv[3] = { f.s[i++] };
	if ((conv[0] == 'r' && i < f.len && (f.s[i] == 'x' || f.s[i] == 'h')) || (conv[0] == 'g' && i < f.len && f.s[i] == 'r'))
		conv[1] = f.s[i++];
	if (!conv[0] || !strchr("diuoxXcpsrg", conv[0]) || (conv[0] == 'g' && !conv[1]))
		return 0;
	c->n_values = 1;
	c->kind = conv[0] == 's' ? COL_VALUE : strchr("diu", conv[0]) && !zeros ? COL_NUMBER : COL_FORMAT;
	uint32_t n = 0;
	c->text[n++] = '%';
	if (alt)
		c->text[n++] = '#';
	if (zeros) {
		c->text[n++] = '0';
		for (uint32_t d = zeros >= 1000 ? 1000 : zeros >= 100 ? 100 : zeros >= 10 ? 10 : 1; d; d /= 10)
			c->text[n++] = (char)('0' + zeros / d % 10);
	}
	if (strchr("diuoxX", conv[0])) {
		c->text[n++] = 'l';
		c->text[n++] = 'l';
	}
	memcpy(c->text + n, conv, sizeof(conv));
	return i;
}

static uint32_t column_conversion(struct str f, uint32_t i, struct column *c, const char **wrong)
{
	bool alt = false, zero = false;
	uint32_t digits = 0;
	for (; i < f.len && (f.s[i] == '-' || f.s[i] == '#' || f.s[i] == '0'); i++) {
		c->left |= f.s[i] == '-';
		alt |= f.s[i] == '#';
		zero |= f.s[i] == '0';
	}
	i = column_number(f, i, COLUMN_WIDTH, &c->width, wrong);
	if (i < f.len && f.s[i] == '.') {
		i = column_number(f, i + 1, COLUMN_WIDTH, &digits, wrong);
		c->precision = (int)digits;
	}
	while (i < f.len && f.s[i] && strchr("hlLjzt", f.s[i]))
		i++;
	if (i >= f.len)
		return 0;
	if (f.s[i] == '{') {
		if (digits > COLUMN_DIGITS)
			*wrong = "is too wide: at most 1000 characters, 18 digits";
		return column_unit(f, i + 1, c);
	}
	return f.s[i] == '(' ? column_group(f, i + 1, c) : column_letter(f, i, alt, zero ? c->width : 0, c);
}

bool sema_column_next(struct str f, uint32_t *pos, struct column *ret, const char **ret_wrong)
{
	uint32_t i = *pos, lo = i;
	*ret = (struct column){ .lo = i, .precision = -1 };
	*ret_wrong = NULL;
	while (i < f.len && f.s[i] == ' ')
		i++;
	if (i >= f.len)
		return false;
	ret->lead = i - lo;
	uint32_t k = i;
	while (k + 1 < f.len && !(f.s[k] == ':' && f.s[k + 1] == '%'))
		k++;
	ret->name = (struct str){ f.s + i, k - i };
	ret->hi = *pos = f.len;
	if (k + 1 >= f.len || k == i) {
		*ret_wrong = "is no column: expected NAME:%CONVERSION";
		return false;
	}
	i = column_conversion(f, k + 2, ret, ret_wrong);
	if (!i && !*ret_wrong)
		*ret_wrong = "has no such conversion: expected a letter of printf, {ns us ms s K M G /N}, or (FORMAT)";
	if (*ret_wrong)
		return false;
	if (!ret->width && ret->kind != COL_NUMBER && ret->kind != COL_UNIT)
		ret->left = true;
	ret->hi = *pos = i;
	return true;
}
