/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sonde fmt: one layout for all scripts. Works on the tokens, which are copied as they are written, and so are comments, attach points,
 * options and C definitions; only what lies between them is new. The tree says what tokens alone do not: is this '-' a sign, this ')'
 * the end of a cast. What is printed is parsed again and must give the same tree, else nothing is printed.
 *
 * The rules. A statement is a line. A block is indented by a tab; one that was written on one line, has at most one
 * statement and is not longer than LINE_MAX_COLUMNS stays there. A line broken inside a statement stays broken, further in. Of
 * blank lines in a row one is kept; behind an item of several lines there is one. So formatting again changes nothing.
 */
#include <ctype.h>

#include "lang/lex.h"

enum { LINE_MAX_COLUMNS = 120, TAB = 8, TK_RAW = TK_COUNT };
enum role { R_NONE, R_PREFIX, R_CAST_END, R_STAR, R_ANNOTATION, R_OPEN_PREDICATE, R_CLOSE_PREDICATE };
enum sep { SEP_NONE, SEP_SPACE, SEP_LINE };

struct piece { /* a token, or raw text: an attach point, a C definition, options, the #! line */
	uint32_t kind, lo, hi;
	uint8_t role, paren; /* paren: open brackets before it, up to 255 */
};

struct fmt {
	struct arena *arena;
	const struct lexer *lex;
	VEC(struct piece) p;
	uint32_t i;          /* the next piece */
	struct buf *out;
	size_t line;         /* where the current line begins in out */
	uint32_t indent;     /* of statements here */
	uint32_t line_indent;/* of the current line */
	bool inside;         /* a statement has begun on an earlier piece: further lines go further in */
	bool fresh;          /* nothing yet in this block: no blank lines */
	bool flat;           /* a block is tried on one line */
	bool bracket;        /* ... between brackets, where another line would be no better */
	bool too_long;       /* ... and does not fit */
	bool stretch;        /* the next block does not fit on one line */
	bool apart;          /* a blank line goes before the next line */
};

/* -- pieces -- */

static void fmt_add(struct fmt *f, uint32_t kind, uint32_t lo, uint32_t hi)
{
	struct piece p = { .kind = kind, .lo = lo, .hi = hi };
	vec_push(f->arena, &f->p, p);
}

static void fmt_raw(struct fmt *f, uint32_t lo, uint32_t hi)
{
	while (hi > lo && isspace((unsigned char)f->lex->s[hi - 1]))
		hi--;
	fmt_add(f, TK_RAW, lo, hi);
}

/* Tokens from lo on that begin before hi. */
static void fmt_tokens(struct fmt *f, uint32_t lo, uint32_t hi)
{
	struct lexer l = *f->lex;
	struct token t;
	l.quiet = true;
	l.pos = lo;
	for (;;) {
		lex_next(&l, &t);
		if (t.kind == TK_EOF || t.lo >= hi)
			return;
		fmt_add(f, (uint32_t)t.kind, t.lo, t.hi);
	}
}

static uint32_t fmt_at(const struct fmt *f, struct span s)
{
	return s.lo - f->lex->base;
}

static uint32_t fmt_end(const struct fmt *f, struct span s)
{
	return s.hi - f->lex->base;
}

static void fmt_pieces(struct fmt *f, const struct node *prog)
{
	uint32_t at = 0, bom = f->lex->len >= 3 && !memcmp(f->lex->s, "\xef\xbb\xbf", 3) ? 3 : 0, hash = lex_skip(f->lex, bom);
	if (hash + 1 < f->lex->len && f->lex->s[hash] == '#' && f->lex->s[hash + 1] == '!') {
		const char *nl = memchr(f->lex->s + hash, '\n', f->lex->len - hash);
		at = nl ? (uint32_t)(nl - f->lex->s) : f->lex->len;
		fmt_raw(f, hash, at);
	} else {
		at = bom;
	}
	for (uint32_t i = 0; i < prog->list.n; i++) {
		const struct node *n = prog->list.v[i];
		uint32_t lo = fmt_at(f, n->span), hi = i + 1 < prog->list.n ? fmt_at(f, prog->list.v[i + 1]->span) : f->lex->len;
		fmt_tokens(f, at, lo); /* nothing, or what the parser passed over */
		if (n->kind == N_CSTMT || n->kind == N_OPTIONS) {
			fmt_add(f, TK_RAW, lo, fmt_end(f, n->span)); /* with the blanks at its end: they are part of it */
			lo = fmt_end(f, n->span);
		}
		for (uint32_t k = 0; n->kind == N_PROBE && k < n->list.n; k++) {
			const struct node *a = n->list.v[k];
			fmt_tokens(f, lo, fmt_at(f, a->span));
			fmt_raw(f, fmt_at(f, a->span), fmt_end(f, a->span));
			lo = fmt_end(f, a->span);
		}
		uint32_t from = f->p.n;
		fmt_tokens(f, lo, hi);
		at = hi;
		if (n->kind != N_PROBE || !n->a)
			continue;
		/* the first '/' opens the predicate, the last one before the block closes it */
		for (uint32_t k = from, close = 0; k < f->p.n; k++) {
			struct piece *p = &f->p.v[k];
			if (p->kind == TK_SLASH && k == from)
				p->role = R_OPEN_PREDICATE;
			else if (p->kind == TK_SLASH)
				close = k;
			if (p->lo >= fmt_at(f, n->b->span)) {
				if (close)
					f->p.v[close].role = R_CLOSE_PREDICATE;
				break;
			}
		}
	}
	uint32_t depth = 0;
	for (uint32_t i = 0; i < f->p.n; i++) {
		uint32_t k = f->p.v[i].kind;
		if ((k == TK_RPAREN || k == TK_RBRACKET) && depth)
			depth--;
		f->p.v[i].paren = depth > 255 ? 255 : (uint8_t)depth;
		if (k == TK_LPAREN || k == TK_LBRACKET)
			depth++;
	}
}

/* The first piece at or behind an offset. */
static uint32_t fmt_find(const struct fmt *f, uint32_t at)
{
	uint32_t lo = 0, hi = f->p.n;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (f->p.v[mid].lo < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void fmt_mark(struct fmt *f, uint32_t i, uint32_t kind, enum role role)
{
	if (i < f->p.n && (!kind || f->p.v[i].kind == kind) && f->p.v[i].kind != TK_RAW)
		f->p.v[i].role = (uint8_t)role;
}

static void fmt_roles(struct fmt *f, const struct node *n)
{
	if (!n)
		return;
	uint32_t lo = fmt_find(f, fmt_at(f, n->span));
	if (n->kind == N_UNARY || (n->kind == N_INCDEC && n->ival))
		fmt_mark(f, lo, 0, R_PREFIX);
	if (n->kind == N_PTRSUFFIX)
		fmt_mark(f, lo, TK_STAR, R_STAR);
	if (n->kind == N_CAST && n->tref)
		fmt_mark(f, fmt_find(f, fmt_end(f, n->tref->span)), TK_RPAREN, R_CAST_END);
	if ((n->kind == N_LET || n->kind == N_SUBPROG) && n->tref) {
		uint32_t t = fmt_find(f, fmt_at(f, n->tref->span));
		if (t)
			fmt_mark(f, t - 1, TK_COLON, R_ANNOTATION);
	}
	fmt_roles(f, n->tref);
	fmt_roles(f, n->a);
	fmt_roles(f, n->b);
	fmt_roles(f, n->c);
	for (uint32_t i = 0; i < n->list.n; i++)
		fmt_roles(f, n->list.v[i]);
}

/* -- what lies between two pieces -- */

static bool fmt_is_word(const struct fmt *f, const struct piece *p, const char *w)
{
	return p->kind == TK_IDENT && p->hi - p->lo == strlen(w) && !memcmp(f->lex->s + p->lo, w, p->hi - p->lo);
}

static bool fmt_is_keyword(const struct fmt *f, const struct piece *p)
{
	static const char *const words[] = { "if", "else", "while", "for", "return" };
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (fmt_is_word(f, p, words[i]))
			return true;
	return false;
}

/* Does something that could be indexed or called end here? */
static bool fmt_is_operand(const struct fmt *f, const struct piece *p)
{
	return (p->kind == TK_IDENT && !fmt_is_keyword(f, p)) || p->kind == TK_VAR || p->kind == TK_MAP || p->kind == TK_RPAREN ||
	       p->kind == TK_RBRACKET || p->kind == TK_PARAM || p->kind == TK_STRING || p->role == R_STAR;
}

static enum sep fmt_sep(const struct fmt *f, const struct piece *x, const struct piece *y)
{
	const char *s = f->lex->s;
	if (x->kind == TK_RAW || y->kind == TK_RAW)
		return y->kind == TK_COMMA ? SEP_NONE : SEP_SPACE;
	if (x->role == R_OPEN_PREDICATE)
		return y->kind == TK_STAR || s[y->lo] == '/' ? SEP_SPACE : SEP_NONE; /* no comment begins here */
	if (y->role == R_CLOSE_PREDICATE)
		return x->kind == TK_SLASH || x->kind == TK_STAR ? SEP_SPACE : SEP_NONE;
	if (y->role == R_OPEN_PREDICATE || x->role == R_CLOSE_PREDICATE)
		return SEP_SPACE;
	switch (y->kind) {
	case TK_SEMI: case TK_COMMA: case TK_RPAREN: case TK_RBRACKET: case TK_DOT: case TK_ARROW: case TK_DOTDOT:
		return SEP_NONE;
	default:
		break;
	}
	if (x->kind == TK_LPAREN || x->kind == TK_LBRACKET || x->kind == TK_DOT || x->kind == TK_ARROW || x->kind == TK_DOTDOT ||
	    x->role == R_CAST_END)
		return SEP_NONE;
	if (x->role == R_PREFIX) /* "- -x", "& &x": two that would be another one */
		return s[x->hi - 1] == s[y->lo] && s[y->lo] != '!' && s[y->lo] != '~' && s[y->lo] != '*' ? SEP_SPACE : SEP_NONE;
	if ((y->kind == TK_PLUSPLUS || y->kind == TK_MINUSMINUS) && y->role != R_PREFIX)
		return SEP_NONE;
	if (y->role == R_ANNOTATION || (x->kind == TK_QUESTION && y->kind == TK_COLON))
		return SEP_NONE;
	if (y->role == R_STAR)
		return x->role == R_STAR || x->kind == TK_RPAREN ? SEP_NONE : SEP_SPACE;
	if (y->kind == TK_LPAREN)
		return x->kind == TK_IDENT && !fmt_is_keyword(f, x) ? SEP_NONE : SEP_SPACE;
	if (y->kind == TK_LBRACKET)
		return fmt_is_operand(f, x) ? SEP_NONE : SEP_SPACE;
	return SEP_SPACE;
}

/* -- writing -- */

static uint32_t fmt_column(const struct fmt *f)
{
	uint32_t c = 0;
	for (size_t i = f->line; i < f->out->len; i++)
		c = f->out->s[i] == '\t' ? c + TAB : c + ((f->out->s[i] & 0xc0) != 0x80);
	return c;
}

static void fmt_newline(struct fmt *f, bool blank, uint32_t indent)
{
	if (f->out->len) {
		buf_addc(f->out, '\n');
		if ((blank || f->apart) && !f->fresh)
			buf_addc(f->out, '\n');
	}
	f->line = f->out->len;
	buf_pad(f->out, '\t', (int)indent);
	f->line_indent = indent;
	f->apart = f->fresh = false;
}

/* A comment at i: behind it. */
static uint32_t fmt_comment(struct fmt *f, uint32_t i, uint32_t end)
{
	const char *s = f->lex->s;
	uint32_t lo = i, hi;
	if (s[i + 1] == '*') {
		for (i += 2; i + 1 < end && !(s[i] == '*' && s[i + 1] == '/'); i++)
			;
		hi = i = i + 2 < end ? i + 2 : end;
	} else {
		while (i < end && s[i] != '\n')
			i++;
		for (hi = i; hi > lo && isspace((unsigned char)s[hi - 1]); hi--)
			;
	}
	for (uint32_t k = lo; k < hi; k++) {
		if (s[k] == '\r' && k + 1 < hi && s[k + 1] == '\n')
			continue;
		buf_addc(f->out, s[k]);
		if (s[k] == '\n')
			f->line = f->out->len;
	}
	return i;
}

/*
 * From the end of the last piece to the next one, `end`: comments, and then what separates them. `broken`: a line break that is there
 * stays. `indent`: of the next piece, should it begin a line.
 */
static void fmt_gap(struct fmt *f, uint32_t at, uint32_t end, enum sep sep, bool broken, uint32_t indent, bool closes)
{
	const char *s = f->lex->s;
	uint32_t lines = 0, inner = sep == SEP_LINE ? f->indent : indent;
	bool line_comment = false, comment = false;
	for (;;) {
		while (at < end && (isspace((unsigned char)s[at]) || (unsigned char)s[at] >= 0x80))
			lines += s[at++] == '\n';
		if (at + 1 >= end || s[at] != '/' || (s[at + 1] != '/' && s[at + 1] != '*'))
			break;
		if (lines && f->flat)
			f->too_long = true;
		if (!f->out->len || lines || line_comment)
			fmt_newline(f, lines > 1, inner);
		else if (f->out->len > f->line + f->line_indent)
			buf_addc(f->out, ' ');
		line_comment = s[at + 1] == '/';
		comment = true;
		at = fmt_comment(f, at, end);
		lines = 0;
	}
	if (end >= f->lex->len)
		return;
	if (sep == SEP_LINE || line_comment || (lines && (broken || comment)))
		fmt_newline(f, sep == SEP_LINE && lines > 1 && !closes, indent);
	else if ((sep == SEP_SPACE || (closes && comment)) && f->out->len)
		buf_addc(f->out, ' ');
}

static void fmt_put(struct fmt *f, enum sep sep, bool broken, uint32_t indent)
{
	const struct piece *p = &f->p.v[f->i], *last = f->i ? p - 1 : NULL;
	fmt_gap(f, last ? last->hi : 0, p->lo, sep, broken, indent, p->kind == TK_RBRACE);
	for (uint32_t k = p->lo; k < p->hi; k++) {
		buf_addc(f->out, f->lex->s[k]);
		if (f->lex->s[k] == '\n')
			f->line = f->out->len;
	}
	f->i++;
	f->inside = true;
	f->fresh = false;
	if (f->flat && !f->bracket && fmt_column(f) > LINE_MAX_COLUMNS)
		f->too_long = true;
}

/* The next piece of a statement. */
static void fmt_next(struct fmt *f)
{
	const struct piece *p = &f->p.v[f->i];
	bool closes = p->kind == TK_RPAREN || p->kind == TK_RBRACKET;
	if (!f->inside)
		fmt_put(f, SEP_LINE, true, f->indent);
	else
		fmt_put(f, fmt_sep(f, p - 1, p), p->kind != TK_SEMI && p->kind != TK_COMMA, f->indent + !closes);
}

static bool fmt_more(const struct fmt *f)
{
	return f->i < f->p.n && !f->too_long;
}

static uint32_t fmt_kind(const struct fmt *f)
{
	return f->i < f->p.n ? f->p.v[f->i].kind : TK_EOF;
}

/* -- statements and blocks -- */

static void fmt_block(struct fmt *f, bool broken);

/* The '}' of the '{' at i. */
static uint32_t fmt_closing(const struct fmt *f, uint32_t i)
{
	int depth = 0;
	for (; i < f->p.n; i++) {
		if (f->p.v[i].kind == TK_LBRACE)
			depth++;
		else if (f->p.v[i].kind == TK_RBRACE && --depth == 0)
			return i;
	}
	return f->p.n - 1;
}

/* May the block at the next piece stay on one line, by how it was written? With its else branches. */
static bool fmt_may_be_flat(const struct fmt *f)
{
	uint32_t end = f->i;
	for (;;) {
		uint32_t from = end;
		end = fmt_closing(f, end);
		for (uint32_t k = from; k < end; k++) {
			const struct piece *p = &f->p.v[k];
			bool word = p[1].kind == TK_IDENT || p[1].kind == TK_VAR || p[1].kind == TK_MAP || p[1].kind == TK_LBRACE;
			if (p->kind == TK_SEMI ? p[1].kind != TK_RBRACE : p->kind == TK_RBRACE && word && !fmt_is_word(f, p + 1, "else"))
				return false; /* another statement follows */
		}
		if (end + 1 >= f->p.n || !fmt_is_word(f, &f->p.v[end + 1], "else"))
			break;
		for (end++; end < f->p.n && f->p.v[end].kind != TK_LBRACE; end++)
			;
		if (end >= f->p.n)
			return false;
	}
	return !memchr(f->lex->s + f->p.v[f->i].lo, '\n', f->p.v[end].hi - f->p.v[f->i].lo);
}

/* A statement that begins with a word before a block: it ends with the block. */
static bool fmt_is_control(const struct fmt *f)
{
	static const char *const words[] = { "if", "for", "while", "unroll" };
	const struct piece *p = &f->p.v[f->i];
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (fmt_is_word(f, p, words[i]))
			return true;
	return p->kind == TK_LBRACE;
}

static void fmt_head(struct fmt *f)
{
	uint8_t paren = f->p.v[f->i].paren;
	while (fmt_more(f) && !(fmt_kind(f) == TK_LBRACE && f->p.v[f->i].paren == paren) && fmt_kind(f) != TK_RBRACE) {
		if (fmt_kind(f) == TK_LBRACE)
			fmt_block(f, false);
		else
			fmt_next(f);
	}
}

static void fmt_stmt(struct fmt *f)
{
	if (fmt_kind(f) == TK_SEMI) { /* an empty one */
		fmt_put(f, SEP_NONE, false, f->indent);
		f->inside = false;
		return;
	}
	if (fmt_is_control(f)) {
		fmt_head(f);
		if (fmt_more(f) && fmt_kind(f) == TK_LBRACE)
			fmt_block(f, false);
		if (fmt_more(f) && fmt_kind(f) == TK_SEMI)
			fmt_next(f);
	} else {
		uint8_t paren = f->p.v[f->i].paren;
		while (fmt_more(f) && fmt_kind(f) != TK_RBRACE) {
			bool ends = fmt_kind(f) == TK_SEMI && f->p.v[f->i].paren <= paren;
			if (fmt_kind(f) == TK_LBRACE)
				fmt_block(f, false);
			else
				fmt_next(f);
			if (ends)
				break;
		}
	}
	f->inside = false;
}

static void fmt_flat(struct fmt *f)
{
	fmt_put(f, SEP_SPACE, false, f->indent);
	bool empty = fmt_kind(f) == TK_RBRACE, first = true;
	while (fmt_more(f) && fmt_kind(f) != TK_RBRACE) {
		const struct piece *p = &f->p.v[f->i];
		if (p->kind == TK_LBRACE)
			fmt_flat(f);
		else
			fmt_put(f, first ? SEP_SPACE : fmt_sep(f, p - 1, p), false, f->indent);
		first = false;
	}
	if (fmt_more(f))
		fmt_put(f, empty ? SEP_NONE : SEP_SPACE, false, f->indent);
}

static void fmt_tall(struct fmt *f, bool broken)
{
	uint32_t indent = f->indent;
	if (!f->inside)
		fmt_put(f, SEP_LINE, true, indent);
	else
		fmt_put(f, SEP_SPACE, broken, indent);
	uint32_t outer = f->line_indent;
	f->indent = outer + 1;
	f->inside = false;
	f->fresh = true;
	while (fmt_more(f) && fmt_kind(f) != TK_RBRACE) {
		fmt_stmt(f);
		f->fresh = false;
	}
	f->inside = false;
	if (fmt_more(f))
		fmt_put(f, SEP_LINE, true, outer);
	f->indent = indent;
}

/* A block with its else branches: all of them on one line, or none. `broken`: a line break before it stays. */
static void fmt_block(struct fmt *f, bool broken)
{
	struct fmt save = *f;
	size_t len = f->out->len;
	f->bracket = f->flat ? f->bracket : f->p.v[f->i].paren > 0;
	bool flat = f->flat || (f->inside && !broken && !f->stretch && fmt_may_be_flat(f));
	f->flat = flat;
	f->stretch = false;
	for (;;) {
		if (flat)
			fmt_flat(f);
		else
			fmt_tall(f, broken);
		if (!fmt_more(f) || !fmt_is_word(f, &f->p.v[f->i], "else"))
			break;
		fmt_put(f, SEP_SPACE, false, f->indent);
		fmt_head(f);
		if (!fmt_more(f) || fmt_kind(f) != TK_LBRACE)
			break;
	}
	f->flat = save.flat;
	if (!f->too_long || save.flat)
		return;
	*f = save;
	f->out->len = len;
	f->out->s[len] = '\0';
	f->stretch = true;
	fmt_block(f, broken);
}

/* -- the top level -- */

static void fmt_item(struct fmt *f, const struct node *n, bool first, uint32_t end)
{
	size_t from = f->out->len, begin = 0;
	bool body = n->kind == N_PROBE || n->kind == N_MACRO || n->kind == N_SUBPROG;
	f->inside = false;
	f->indent = 0;
	while (fmt_more(f) && f->p.v[f->i].lo < end) {
		const struct piece *p = &f->p.v[f->i];
		if (p->kind == TK_LBRACE) {
			const struct piece *x = p - 1;
			bool broken = body && f->i && memchr(f->lex->s + x->hi, '\n', p->lo - x->hi);
			fmt_block(f, broken);
		} else if (f->inside && n->kind == N_PROBE && (p->kind == TK_RAW || p->role == R_OPEN_PREDICATE)) {
			fmt_put(f, SEP_SPACE, true, 0);
		} else {
			fmt_next(f);
		}
		begin = n->kind == N_OPTIONS ? from : begin ? begin : f->out->len;
	}
	f->apart = n->kind != N_CSTMT && begin && memchr(f->out->s + begin, '\n', f->out->len - begin);
	const char *nl = f->apart && !first ? memchr(f->out->s + from, '\n', f->out->len - from) : NULL;
	if (nl && nl[1] != '\n') { /* a blank line before it, too */
		size_t at = (size_t)(nl - f->out->s) + 1;
		buf_addc(f->out, '\n');
		if (f->out->oom)
			return;
		memmove(f->out->s + at + 1, f->out->s + at, f->out->len - at - 1);
		f->out->s[at] = '\n';
		f->line += f->line >= at;
	}
}

static void fmt_layout(struct fmt *f, const struct node *prog)
{
	if (f->p.n && f->p.v[0].kind == TK_RAW && f->p.v[0].hi > f->p.v[0].lo + 1 && !memcmp(f->lex->s + f->p.v[0].lo, "#!", 2))
		fmt_put(f, SEP_NONE, false, 0); /* #! */
	for (uint32_t i = 0; i < prog->list.n; i++) {
		uint32_t end = i + 1 < prog->list.n ? fmt_at(f, prog->list.v[i + 1]->span) : f->lex->len;
		fmt_item(f, prog->list.v[i], i == 0, end);
	}
	f->inside = false;
	f->indent = 0;
	fmt_gap(f, f->p.n ? f->p.v[f->p.n - 1].hi : 0, f->lex->len, SEP_NONE, false, 0, true);
	if (f->out->len && f->out->s[f->out->len - 1] != '\n')
		buf_addc(f->out, '\n');
}

/* Only layout may differ: white space, and the byte order mark, which is left out. */
static bool fmt_is_same_text(const struct lexer *l, const struct buf *text)
{
	size_t i = l->len >= 3 && !memcmp(l->s, "\xef\xbb\xbf", 3) ? 3 : 0, k = 0;
	for (;; i++, k++) {
		while (i < l->len && isspace((unsigned char)l->s[i]))
			i++;
		while (k < text->len && isspace((unsigned char)text->s[k]))
			k++;
		if (i >= l->len || k >= text->len)
			return i >= l->len && k >= text->len;
		if (l->s[i] != text->s[k])
			return false;
	}
}

/* Without spans two trees are equal when they print the same. */
static bool fmt_is_same_tree(struct arena *a, const struct node *prog, const struct buf *text)
{
	struct diags d;
	struct buf x = { 0 }, y = { 0 };
	diags_init(&d, a);
	uint32_t source = diags_add_source(&d, STR("formatted"), (struct str){ text->s ? text->s : "", (uint32_t)text->len });
	struct node *again = parse_program(a, &d, source);
	ast_print(prog, &x, false);
	ast_print(again, &y, false);
	bool same = !d.n_errors && !x.oom && !y.oom && x.len == y.len && !memcmp(x.s, y.s, x.len);
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

bool fmt_program(struct arena *a, struct diags *d, uint32_t source, struct buf *out)
{
	struct lexer lex;
	struct node *prog = parse_program(a, d, source);
	if (d->n_errors)
		return false;
	lex_init(&lex, a, d, source);
	struct fmt f = { .arena = a, .lex = &lex, .out = out };
	fmt_pieces(&f, prog);
	fmt_roles(&f, prog);
	fmt_layout(&f, prog);
	if (out->oom || !fmt_is_same_text(&lex, out) || !fmt_is_same_tree(a, prog, out)) {
		diag_add(d, D_INTERNAL, (struct span){ 0 }, "formatting would change the program");
		return false;
	}
	return true;
}
