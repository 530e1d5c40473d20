/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent over the grammar of docs/language.md: what all of it
 * shares, types, statements and blocks. Expressions are in expr.c, programs in
 * program.c.
 *
 * Errors are reported once per position; the parser then skips to the end of
 * the statement or probe and goes on, so independent errors all show. Nesting
 * is bounded (PARSE_DEPTH), so no input overflows the stack.
 */
#include "lang/parse.h"

struct node *parse_node(struct parser *p, enum node_kind k, uint32_t lo)
{
	return node_new(p->lex.arena, k, lex_span(&p->lex, lo, p->tok.hi));
}

struct node *parse_end(struct parser *p, struct node *n)
{
	n->span.hi = p->lex.base + p->prev_hi;
	if (n->span.hi < n->span.lo)
		n->span.hi = n->span.lo;
	return n;
}

/* A token that the lexer refused is reported; the parser goes on with it, but for strings without an end. */
void parse_token(struct parser *p)
{
	bool lost = p->lex.lost;
	lex_next(&p->lex, &p->tok);
	if (p->lex.lost && !lost) {
		p->panic = true;
		p->n_errors++;
	}
}

void parse_advance(struct parser *p)
{
	p->prev_hi = p->tok.hi;
	parse_token(p);
}

bool parse_accept(struct parser *p, enum token_kind k)
{
	if (p->tok.kind != k)
		return false;
	parse_advance(p);
	return true;
}

void parse_error(struct parser *p, uint32_t lo, uint32_t hi, const char *what)
{
	if (p->panic || (p->n_errors && lo == p->last_error))
		return;
	p->panic = true;
	p->n_errors++;
	p->last_error = lo;
	if (!p->lex.quiet)
		diag_add(p->lex.diags, D_SYNTAX, lex_span(&p->lex, lo, hi), what);
}

void parse_error_here(struct parser *p, const char *what)
{
	/* the end of the text may be lines away from what lacks something */
	if (p->tok.kind == TK_EOF)
		parse_error(p, p->prev_hi, p->prev_hi, what);
	else
		parse_error(p, p->tok.lo, p->tok.hi, what);
}

bool parse_expect(struct parser *p, enum token_kind k)
{
	if (parse_accept(p, k))
		return true;
	/* a missing ';' belongs behind what precedes it; a '}' may lie in a string without an end */
	bool behind = k == TK_SEMI || p->tok.kind == TK_EOF;
	uint32_t at = behind ? p->prev_hi : p->tok.lo;
	if (p->lex.lost && p->tok.kind == TK_EOF)
		p->panic = true;
	parse_error(p, at, behind ? at : p->tok.hi,
		    k == TK_STRING ? "expected string" : arena_printf(p->lex.arena, "expected '%s'", lex_text(k)));
	return false;
}

bool parse_deeper(struct parser *p)
{
	if (++p->depth <= PARSE_DEPTH)
		return true;
	parse_error_here(p, "nested too deeply");
	p->lex.lost = true; /* nothing behind it is read */
	p->lex.pos = p->lex.len;
	parse_advance(p);
	return false;
}

struct node *parse_copy(struct parser *p, const struct node *n)
{
	uint32_t height;
	p->copies += node_measure(p->lex.arena, n, &height);
	if (p->copies <= PARSE_COPIES && height <= PARSE_HEIGHT)
		return node_clone(p->lex.arena, n);
	parse_error_here(p, "the expression before '?:' is too large");
	return node_new(p->lex.arena, N_ERROR, n->span);
}

/* Move the token stream to a byte position (after raw scanning). */
void parse_seek(struct parser *p, uint32_t pos)
{
	p->lex.pos = pos;
	p->prev_hi = pos;
	parse_token(p);
}

bool parse_is_word(const struct parser *p, const char *w)
{
	return p->tok.kind == TK_IDENT && str_is(p->tok.str, w);
}

/* After an error in a statement: to just behind the next ';', behind a block, or before the '}' of the block around it. */
static void parse_recover_stmt(struct parser *p)
{
	int depth = 0;
	p->panic = false;
	for (; p->tok.kind != TK_EOF; parse_advance(p)) {
		if (p->tok.kind == TK_LBRACE) {
			depth++;
		} else if (p->tok.kind == TK_RBRACE) {
			if (depth == 0)
				return;
			if (--depth == 0) {
				parse_advance(p);
				return;
			}
		} else if (p->tok.kind == TK_SEMI && depth == 0) {
			parse_advance(p);
			return;
		}
	}
}

/* ------------------------------------------------------------------ types */

bool parse_keyword_type(const struct parser *p)
{
	return parse_is_word(p, "struct") || parse_is_word(p, "union") || parse_is_word(p, "enum");
}

void parse_suffixes(struct parser *p, struct node *n)
{
	for (;;) {
		struct node *s = NULL;
		uint32_t lo = p->tok.lo;
		if (p->tok.kind == TK_STAR) {
			s = parse_node(p, N_PTRSUFFIX, lo);
			parse_advance(p);
		} else if (p->tok.kind == TK_LBRACKET) {
			struct parser save = *p;
			s = parse_node(p, N_ARRSUFFIX, lo);
			s->ival = -1;
			parse_advance(p);
			if (p->tok.kind == TK_INT || p->tok.kind == TK_PARAM) {
				s->ival = p->tok.ival > INT64_MAX ? INT64_MAX : (int64_t)p->tok.ival;
				s->param = p->tok.kind == TK_PARAM;
				parse_advance(p);
			}
			if (p->tok.kind != TK_RBRACKET) {
				*p = save;
				return;
			}
			parse_advance(p);
			parse_end(p, s);
		} else {
			return;
		}
		vec_push(p->lex.arena, &n->list, s);
	}
}

/* typeof "(" type | expr ")" */
static void parse_typeof(struct parser *p, struct node *n)
{
	parse_advance(p);
	parse_expect(p, TK_LPAREN);
	if (!parse_deeper(p))
		return;
	parse_type_or_expr(p, &n->tref, &n->a);
	p->depth--;
	parse_expect(p, TK_RPAREN);
}

/* type = ( [keyword] ident | typeof ) { "*" | "[" [INT] "]" } ; NULL if there is none (nothing reported) */
struct node *parse_type(struct parser *p)
{
	static const char *const longer[] = { "unsigned", "signed", "long", "short" };
	struct node *n = parse_node(p, N_TYPEREF, p->tok.lo);
	bool more = false;
	if (parse_is_word(p, "typeof")) {
		parse_typeof(p, n);
		parse_suffixes(p, n);
		return parse_end(p, n);
	}
	if (parse_keyword_type(p)) {
		n->ival = p->tok.str.s[0];
		parse_advance(p);
	}
	if (p->tok.kind != TK_IDENT)
		return NULL;
	n->str = p->tok.str;
	parse_advance(p);
	for (size_t i = 0; i < sizeof(longer) / sizeof(*longer); i++)
		more |= n->ival == 0 && str_is(n->str, longer[i]);
	for (int words = 1; more && words < 5; words++) {
		more = parse_is_word(p, "int") || parse_is_word(p, "char");
		for (size_t i = 0; i < sizeof(longer) / sizeof(*longer); i++)
			more |= parse_is_word(p, longer[i]);
		if (!more)
			break;
		n->str = str_of(arena_printf(p->lex.arena, "%.*s %.*s", STR_FMT(n->str), STR_FMT(p->tok.str)));
		parse_advance(p);
	}
	parse_suffixes(p, n);
	return parse_end(p, n);
}

/* the type after a ':' */
struct node *parse_type_annotation(struct parser *p)
{
	struct node *t = parse_type(p);
	if (!t)
		parse_error_here(p, "expected type name");
	return t;
}

/* ------------------------------------------------------------- statements */

/* cond = "(" expr ")" | unary; a parenthesised start may still be a longer unary, e.g. (a).b */
static struct node *parse_cond(struct parser *p)
{
	return parse_unary(p);
}

static bool parse_assign_op(enum token_kind k, enum ast_op *ret)
{
	static const struct {
		enum token_kind k;
		enum ast_op op;
	} rows[] = { { TK_ASSIGN, O_NONE }, { TK_SHLEQ, O_SHL },  { TK_SHREQ, O_SHR },     { TK_PLUSEQ, O_ADD },
		     { TK_MINUSEQ, O_SUB }, { TK_STAREQ, O_MUL }, { TK_SLASHEQ, O_DIV },   { TK_PERCENTEQ, O_MOD },
		     { TK_ANDEQ, O_AND },   { TK_OREQ, O_OR },	  { TK_XOREQ, O_XOR } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].k == k) {
			*ret = rows[i].op;
			return true;
		}
	}
	return false;
}

static void parse_stmt_end(struct parser *p)
{
	if (p->tok.kind != TK_RBRACE)
		parse_expect(p, TK_SEMI);
}

static struct node *parse_let(struct parser *p)
{
	struct node *n = parse_node(p, N_LET, p->tok.lo);
	parse_advance(p);
	if (p->tok.kind != TK_VAR) {
		parse_error_here(p, "expected variable after 'let'");
		return n;
	}
	n->a = parse_primary(p);
	if (parse_accept(p, TK_COLON))
		n->tref = parse_type_annotation(p);
	if (parse_accept(p, TK_ASSIGN))
		n->b = parse_expr(p);
	parse_end(p, n);
	parse_stmt_end(p);
	return n;
}

static struct node *parse_for(struct parser *p)
{
	struct node *n = parse_node(p, N_FOR, p->tok.lo);
	parse_advance(p);
	bool paren = parse_accept(p, TK_LPAREN);
	if (p->tok.kind != TK_VAR) {
		parse_error_here(p, "expected variable in for loop");
		return n;
	}
	n->a = parse_primary(p);
	parse_expect(p, TK_COLON);
	uint32_t lo = p->tok.lo;
	switch (p->tok.kind) {
	case TK_MAP: case TK_INT: case TK_VAR: case TK_PARAM: case TK_PARAMCOUNT: case TK_LPAREN: case TK_IDENT: case TK_LBRACE: case TK_STRING:
		break;
	default:
		parse_error_here(p, "expected map or range in for loop");
		return n;
	}
	struct node *first = parse_primary(p);
	if (parse_accept(p, TK_DOTDOT)) {
		n->b = parse_node(p, N_RANGE, lo);
		n->b->a = first;
		n->b->b = parse_primary(p);
		parse_end(p, n->b);
	} else {
		n->b = first;
		if ((first->kind != N_MAP || first->a) && first->kind != N_ERROR)
			parse_error(p, lo, p->prev_hi, "expected map or range in for loop");
	}
	if (paren)
		parse_expect(p, TK_RPAREN);
	n->c = parse_block(p);
	return parse_end(p, n);
}

static struct node *parse_simple(struct parser *p, enum node_kind k)
{
	struct node *n = parse_node(p, k, p->tok.lo);
	parse_advance(p);
	if (k == N_RETURN && p->tok.kind != TK_SEMI && p->tok.kind != TK_RBRACE)
		n->a = parse_expr(p);
	parse_end(p, n);
	parse_stmt_end(p);
	return n;
}

/* Is this `_ = expr`? */
static bool parse_is_discard(struct parser *p)
{
	uint32_t at = lex_skip(&p->lex, p->lex.pos);
	return parse_is_word(p, "_") && at + 1 < p->lex.len && p->lex.s[at] == '=' && p->lex.s[at + 1] != '=';
}

static struct node *parse_stmt(struct parser *p, bool *ret_value)
{
	static const struct {
		const char *word;
		enum node_kind k;
	} simple[] = { { "break", N_BREAK }, { "continue", N_CONTINUE }, { "return", N_RETURN } };
	uint32_t lo = p->tok.lo;
	struct node *n;

	*ret_value = false;
	for (size_t i = 0; i < 3; i++)
		if (parse_is_word(p, simple[i].word))
			return parse_simple(p, simple[i].k);
	if (parse_is_word(p, "let"))
		return parse_let(p);
	if (parse_is_word(p, "for"))
		return parse_for(p);
	if (parse_is_word(p, "while") || parse_is_word(p, "unroll")) {
		n = parse_node(p, p->tok.str.s[0] == 'w' ? N_WHILE : N_UNROLL, lo);
		parse_advance(p);
		n->a = parse_cond(p);
		n->b = parse_block(p);
		return parse_end(p, n);
	}
	if (parse_is_word(p, "import")) {
		n = parse_node(p, N_STMTIMPORT, lo);
		parse_advance(p);
		n->str = p->tok.str;
		parse_expect(p, TK_STRING);
		parse_stmt_end(p);
		return parse_end(p, n);
	}
	if (parse_is_discard(p)) {
		n = parse_node(p, N_DISCARD, lo);
		parse_advance(p);
		parse_advance(p);
		n->a = parse_expr(p);
		parse_end(p, n);
		parse_stmt_end(p);
		return n;
	}
	if (p->tok.kind == TK_BAD) {
		parse_error_here(p, "unexpected input in block");
		return parse_node(p, N_ERROR, lo);
	}
	/* `if` and blocks end with their brace here: what follows is another statement, not an operator */
	struct node *e = parse_is_word(p, "if") ? parse_if(p) : p->tok.kind == TK_LBRACE ? parse_block(p) : parse_expr(p);
	enum ast_op op;
	uint32_t op_lo = p->tok.lo, op_hi = p->tok.hi;
	if (parse_assign_op(p->tok.kind, &op)) {
		n = parse_node(p, N_ASSIGN, lo);
		parse_advance(p);
		n->op = op;
		n->a = e;
		if (e->kind == N_TUPLEIDX || e->kind == N_FIELD)
			parse_error(p, op_lo, op_hi,
				    "Tuples and records are immutable once created. Consider creating a new value and assigning it instead.");
		else if (e->kind != N_VAR && e->kind != N_MAP && e->kind != N_ERROR)
			parse_error(p, op_lo, op_hi, "invalid assignment target");
		n->b = parse_expr(p);
		parse_end(p, n);
		parse_stmt_end(p);
		return n;
	}
	n = parse_node(p, N_EXPRSTMT, lo);
	n->a = e;
	parse_end(p, n);
	if (parse_accept(p, TK_SEMI))
		return n;
	if (p->tok.kind == TK_RBRACE) {
		*ret_value = true;
		return n;
	}
	if (e->kind != N_IF && e->kind != N_BLOCK)
		parse_expect(p, TK_SEMI);
	return n;
}

struct node *parse_block(struct parser *p)
{
	struct node *n = parse_node(p, N_BLOCK, p->tok.lo);
	if (p->panic || !parse_expect(p, TK_LBRACE) || !parse_deeper(p))
		return n;
	bool save = p->in_predicate;
	p->in_predicate = false;
	while (p->tok.kind != TK_RBRACE && p->tok.kind != TK_EOF) {
		bool value;
		uint32_t at = p->tok.lo;
		if (parse_accept(p, TK_SEMI))
			continue;
		struct node *s = parse_stmt(p, &value);
		if (value)
			n->a = s->a;
		else
			vec_push(p->lex.arena, &n->list, s);
		if (p->panic) {
			parse_recover_stmt(p);
			if (p->tok.lo == at && p->tok.kind != TK_RBRACE)
				parse_advance(p);
		}
	}
	p->depth--;
	p->in_predicate = save;
	parse_expect(p, TK_RBRACE);
	return parse_end(p, n);
}
