/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats of printf and its relatives, checked at compile time: as many
 * conversions as arguments, each of a type that it can show (reference 4.3).
 * What does not look like a conversion is text, as at run time.
 */
#include "sema/sema_priv.h"

void sema_format_check(struct sema_ctx *c, struct node **arg, const char *conv)
{
	struct type *t = (*arg)->type;
	struct span span = (*arg)->span;
	if (!t || t->kind == T_ERROR)
		return;
	if (t->kind == T_NONE) {
		SERR(c, D_FORMAT_NONE, span, conv);
		return;
	}
	bool is_int = type_is_int(t) || t->kind == T_BOOL || t->kind == T_PTR || t->kind == T_FILE_NUMBER, ok;
	switch (conv[0]) {
	case 'd': case 'i': case 'u': case 'o': case 'x': case 'X': case 'c': case 'p':
		ok = is_int;
		break;
	case 'g': /* gr */
		ok = is_int;
		break;
	case 'r':
		ok = t->kind == T_BUFFER;
		break;
	default:
		if (type_is_castable(t)) {
			sema_coerce(c, arg, sema_int(c, 8, t->is_signed && t->kind != T_COUNT));
			return;
		}
		if (c->final)
			sema_complete_whole(c, t);
		if (type_is_agg(t) || !sema_printable(t))
			SERR(c, D_NOT_PRINTABLE, span, type_str(c->a, t), "printf");
		return;
	}
	if (ok)
		return;
	SERR(c, D_FORMAT_TYPE, span, type_str(c->a, t), conv);
	if (type_is_castable(t) && c->final && conv[0] != 'r')
		diag_hint(c->d, "Add a cast to integer, e.g. (int64)@x");
}

void sema_format(struct sema_ctx *c, struct node *n)
{
	struct str f = n->list.v[0]->str;
	struct format_spec sp;
	uint32_t pos = 0, want = 0, have = n->list.n - 1;
	bool bad = false;
	while (sema_format_next(f, &pos, &sp)) {
		if (sp.conv[0] == '%')
			continue;
		if (strchr("eEfFGaAn", sp.conv[0]) || (sp.conv[0] == 'g' && !sp.conv[1])) {
			SERR(c, D_FORMAT_SPEC, n->list.v[0]->span, arena_strdup(c->a, sp.conv));
			bad = true;
		} else if (want < have) {
			sema_format_check(c, &n->list.v[want + 1], arena_strdup(c->a, sp.conv));
		}
		want++;
	}
	if (bad)
		return;
	if (have < want)
		SERR(c, D_FORMAT_FEW, n->span, have, want);
	else if (have > want)
		SERR(c, D_FORMAT_MANY, n->span, have, want);
}
