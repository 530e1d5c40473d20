/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent over the grammar of docs/language.md: programs, C
 * definitions, attach points, statements. Expressions are in expr.c.
 *
 * Errors are reported once per position; the parser then skips to the end of
 * the statement or probe and goes on, so independent errors all show. Nesting
 * is bounded (PARSE_DEPTH), so no input overflows the stack.
 */
#include "lang/parse.h"

#include <ctype.h>

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
static void parse_token(struct parser *p)
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
static void parse_seek(struct parser *p, uint32_t pos)
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

static bool parse_keyword_type(const struct parser *p)
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
static struct node *parse_type_annotation(struct parser *p)
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

/* -------------------------------------------------------------- top level */

/* Behind the bracket that closes the one at i, or 0. Quotes and comments are skipped. */
static uint32_t parse_balanced(const struct lexer *l, uint32_t i, char open, char close)
{
	int depth = 0;
	while ((i = lex_skip(l, i)) < l->len) {
		char c = l->s[i++];
		if (c == '"' || c == '\'') {
			for (; i < l->len && l->s[i] != c && l->s[i] != '\n'; i++)
				if (l->s[i] == '\\')
					i++;
			i++;
		} else if (c == open) {
			depth++;
		} else if (c == close && --depth == 0) {
			return i;
		}
	}
	return 0;
}

/* "struct x {" rather than a probe that begins so: identifiers and brackets may precede the brace. */
static bool parse_looks_like_c(const struct parser *p)
{
	if (parse_is_word(p, "typedef"))
		return true;
	if (!parse_keyword_type(p))
		return false;
	for (uint32_t i = p->tok.hi; (i = lex_skip(&p->lex, i)) < p->lex.len; i++) {
		char c = p->lex.s[i];
		if (c == '{')
			return true;
		if (c == ':' || c == '/' || c == ',' || c == ';')
			return false;
	}
	return false;
}

/* Behind struct x { ... } [attribute] [;], typedef ... ;  On an error where to go on. */
static uint32_t parse_c_definition(struct parser *p)
{
	const struct lexer *l = &p->lex;
	uint32_t lo = p->tok.lo, i = lex_skip(l, p->tok.hi), j;
	bool alias = parse_is_word(p, "typedef");
	while (i < l->len && l->s[i] != '{' && !(alias && l->s[i] == ';'))
		i = lex_skip(l, i + 1);
	if (i < l->len && l->s[i] == '{') {
		uint32_t open = i;
		i = parse_balanced(l, i, '{', '}');
		if (!i) {
			parse_error(p, open, open + 1, "this '{' is never closed, expected '}'");
			return l->len;
		}
	}
	while (alias && i < l->len && l->s[i] != ';')
		i = lex_skip(l, i + 1);
	if (alias && i >= l->len) {
		parse_error(p, lo, p->tok.hi, "expected ';' after typedef");
		return l->len;
	}
	while (j = lex_skip(l, i), l->len - j > 13 && !memcmp(l->s + j, "__attribute__", 13)) {
		j = lex_skip(l, j + 13);
		uint32_t k = j < l->len && l->s[j] == '(' ? lex_skip(l, j + 1) : l->len;
		i = k < l->len && l->s[k] == '(' ? parse_balanced(l, j, '(', ')') : 0;
		if (!i) {
			parse_error(p, j, j < l->len ? j + 1 : j, "__attribute__ syntax error, expected '(('");
			return j < l->len ? j + 1 : l->len;
		}
	}
	return j < l->len && l->s[j] == ';' ? j + 1 : i;
}

static struct node *parse_c_stmt(struct parser *p)
{
	uint32_t lo = p->tok.lo, i = lo;
	const struct lexer *l = &p->lex;
	if (l->s[lo] == '#') {
		while (i < l->len && l->s[i] != '\n')
			i++;
	} else {
		i = parse_c_definition(p);
	}
	struct node *n = parse_node(p, N_CSTMT, lo);
	n->str = (struct str){ arena_strndup(l->arena, l->s + lo, i - lo), i - lo };
	parse_seek(p, i);
	n->span.hi = l->base + i;
	return n;
}

static struct node *parse_config(struct parser *p)
{
	struct node *n = parse_node(p, N_CONFIG, p->tok.lo);
	parse_advance(p);
	parse_expect(p, TK_ASSIGN);
	parse_expect(p, TK_LBRACE);
	while (p->tok.kind != TK_RBRACE && p->tok.kind != TK_EOF && !p->panic) {
		struct node *kv = parse_node(p, N_CONFIGKV, p->tok.lo);
		if (p->tok.kind != TK_IDENT) {
			parse_error_here(p, "expected config key");
			break;
		}
		kv->str = p->tok.str;
		parse_advance(p);
		parse_expect(p, TK_ASSIGN);
		if (p->tok.kind != TK_STRING && p->tok.kind != TK_INT && p->tok.kind != TK_IDENT)
			parse_error_here(p, "expected string, int, boolean, or ident");
		kv->a = parse_node(p, p->tok.kind == TK_STRING ? N_STRING : p->tok.kind == TK_INT ? N_INT : N_IDENT, p->tok.lo);
		kv->a->str = p->tok.str;
		kv->a->ival = (int64_t)p->tok.ival;
		parse_advance(p);
		vec_push(p->lex.arena, &n->list, parse_end(p, kv));
		if (p->tok.kind != TK_RBRACE)
			parse_expect(p, TK_SEMI);
	}
	parse_expect(p, TK_RBRACE);
	return parse_end(p, n);
}

static struct node *parse_macro(struct parser *p)
{
	struct node *n = parse_node(p, N_MACRO, p->tok.lo);
	parse_advance(p);
	n->str = p->tok.str;
	if (p->tok.kind != TK_IDENT)
		parse_error_here(p, "expected macro name");
	parse_advance(p);
	if (parse_accept(p, TK_LPAREN)) {
		while (p->tok.kind != TK_RPAREN && p->tok.kind != TK_EOF && !p->panic) {
			if (p->tok.kind != TK_IDENT && p->tok.kind != TK_VAR && p->tok.kind != TK_MAP) {
				parse_error_here(p, "expected macro argument ($var, @map, or identifier)");
				break;
			}
			if (p->tok.kind == TK_IDENT && parse_is_builtin(p->tok.str)) {
				parse_error_here(p, arena_printf(p->lex.arena, "builtin '%.*s' can't be used as a macro argument",
								 STR_FMT(p->tok.str)));
				break;
			}
			struct node *a = parse_node(p, p->tok.kind == TK_IDENT ? N_IDENT : p->tok.kind == TK_VAR ? N_VAR : N_MAP,
						    p->tok.lo);
			a->str = p->tok.str;
			parse_advance(p);
			vec_push(p->lex.arena, &n->list, a);
			if (!parse_accept(p, TK_COMMA))
				break;
		}
		parse_expect(p, TK_RPAREN);
	}
	n->b = parse_block(p);
	return parse_end(p, n);
}

static struct node *parse_subprog(struct parser *p)
{
	struct node *n = parse_node(p, N_SUBPROG, p->tok.lo);
	parse_advance(p);
	n->str = p->tok.str;
	if (p->tok.kind != TK_IDENT)
		parse_error_here(p, "expected function name");
	parse_advance(p);
	parse_expect(p, TK_LPAREN);
	while (p->tok.kind != TK_RPAREN && p->tok.kind != TK_EOF && !p->panic) {
		struct node *a = parse_node(p, N_LET, p->tok.lo);
		if (p->tok.kind != TK_VAR) {
			parse_error_here(p, "expected variable in function argument");
			break;
		}
		a->a = parse_primary(p);
		parse_expect(p, TK_COLON);
		a->tref = parse_type_annotation(p);
		vec_push(p->lex.arena, &n->list, parse_end(p, a));
		if (!parse_accept(p, TK_COMMA))
			break;
	}
	parse_expect(p, TK_RPAREN);
	parse_expect(p, TK_COLON);
	n->tref = parse_type_annotation(p);
	n->b = parse_block(p);
	return parse_end(p, n);
}

static struct node *parse_map_decl(struct parser *p)
{
	struct node *n = parse_node(p, N_MAPDECL, p->tok.lo);
	parse_advance(p);
	n->str = p->tok.str;
	if (p->tok.kind == TK_VAR)
		parse_error_here(p, "root-level let statements need to be map declarations, e.g. let @a = hash(2);");
	else if (p->tok.kind != TK_MAP)
		parse_error_here(p, "expected '@' in map declaration");
	parse_advance(p);
	parse_expect(p, TK_ASSIGN);
	n->a = parse_node(p, N_IDENT, p->tok.lo);
	n->a->str = p->tok.str;
	if (p->tok.kind != TK_IDENT)
		parse_error_here(p, "expected map type name");
	parse_advance(p);
	parse_expect(p, TK_LPAREN);
	n->b = parse_node(p, p->tok.kind == TK_PARAM ? N_POSPARAM : N_INT, p->tok.lo);
	n->b->ival = (int64_t)p->tok.ival;
	if ((p->tok.kind != TK_INT && p->tok.kind != TK_PARAM) || p->tok.ival == 0)
		parse_error_here(p, "expected positive integer for map declaration max entries");
	parse_advance(p);
	parse_expect(p, TK_RPAREN);
	parse_accept(p, TK_SEMI);
	return parse_end(p, n);
}

/* Raw text of one attach point: up to '{', ',', white space, or a '/' before any ':'; quotes are kept whole. */
static struct node *parse_attach(struct parser *p)
{
	const struct lexer *l = &p->lex;
	uint32_t lo = p->tok.lo, i = lo;
	bool colon = false;
	if (lo >= l->len || (!isalnum((unsigned char)l->s[lo]) && !memchr("_*?[\"$", l->s[lo], 6))) {
		parse_error_here(p, p->tok.kind == TK_BAD ? "unexpected input" : "expected attach point");
		return parse_node(p, N_ATTACH, lo);
	}
	for (; i < l->len; i++) {
		char c = l->s[i];
		if (c == '{' || c == ',' || isspace((unsigned char)c))
			break;
		if (c == '/' && !colon)
			break;
		if (c == ':')
			colon = true;
		if (c == '"') {
			for (i++; i < l->len && l->s[i] != '"' && l->s[i] != '\n'; i++)
				if (l->s[i] == '\\' && i + 1 < l->len)
					i++;
			if (i >= l->len || l->s[i] == '\n') {
				i = i < l->len ? i : l->len;
				parse_error(p, lo, i, "unterminated string");
				break;
			}
		}
	}
	struct node *n = parse_node(p, N_ATTACH, lo);
	n->str = (struct str){ arena_strndup(l->arena, l->s + lo, i - lo), i - lo };
	parse_seek(p, i);
	n->span.hi = l->base + i;
	return n;
}

static struct node *parse_probe(struct parser *p)
{
	struct node *n = parse_node(p, N_PROBE, p->tok.lo);
	do {
		if (n->list.n && (p->tok.kind == TK_LBRACE || p->tok.kind == TK_SLASH))
			break; /* trailing comma */
		vec_push(p->lex.arena, &n->list, parse_attach(p));
	} while (!p->panic && parse_accept(p, TK_COMMA));
	n->span.hi = vec_last(&n->list)->span.hi;
	if (!p->panic && p->tok.kind == TK_SLASH) {
		parse_advance(p);
		bool save = p->in_predicate;
		p->in_predicate = true;
		n->a = parse_expr(p);
		p->in_predicate = save;
		if (!parse_accept(p, TK_SLASH))
			parse_error_here(p, "expected '/' to close predicate");
	}
	if (!p->panic)
		n->b = parse_block(p);
	return n;
}

/* After an error at the top level: behind the next '}' that closes as many as were opened. */
static void parse_recover_item(struct parser *p)
{
	int depth = 0;
	p->panic = false;
	for (; p->tok.kind != TK_EOF; parse_advance(p)) {
		if (p->tok.kind == TK_LBRACE) {
			depth++;
		} else if (p->tok.kind == TK_RBRACE && --depth <= 0) {
			parse_advance(p);
			return;
		}
	}
}

static struct node *parse_item(struct parser *p, int *stage)
{
	uint32_t next = lex_skip(&p->lex, p->lex.pos);
	char after = next < p->lex.len ? p->lex.s[next] : '\0';

	if (p->lex.s[p->tok.lo] == '#' || parse_looks_like_c(p)) {
		if (*stage > 0)
			parse_error_here(p, "C definitions must appear before probes and functions");
		p->panic = false;
		return parse_c_stmt(p);
	}
	if (parse_is_word(p, "config") && after != ':') {
		if (*stage > 1)
			parse_error_here(p, "config must appear before probes and functions");
		if (p->seen_config)
			parse_error_here(p, "duplicate config block");
		p->panic = false; /* misplaced, but well-formed for all we know */
		p->seen_config = true;
		*stage = *stage < 1 ? 1 : *stage;
		return parse_config(p);
	}
	if (parse_is_word(p, "import") && after != ':') {
		struct node *n = parse_node(p, N_IMPORT, p->tok.lo);
		if (*stage > 1)
			parse_error_here(p, "root imports must appear before probes and functions");
		*stage = *stage < 1 ? 1 : *stage;
		parse_advance(p);
		n->str = p->tok.str;
		parse_expect(p, TK_STRING);
		parse_expect(p, TK_SEMI);
		return parse_end(p, n);
	}
	*stage = 2;
	if (parse_is_word(p, "macro") && after != ':')
		return parse_macro(p);
	if (parse_is_word(p, "fn") && after != ':')
		return parse_subprog(p);
	if (parse_is_word(p, "let") && after != ':')
		return parse_map_decl(p);
	return parse_probe(p);
}

struct node *parse_program(struct arena *a, struct diags *d, uint32_t source)
{
	struct parser p = { 0 };
	int stage = 0;
	lex_init(&p.lex, a, d, source);
	if (p.lex.len >= 3 && !memcmp(p.lex.s, "\xef\xbb\xbf", 3))
		p.lex.pos = 3; /* a byte order mark is layout */
	uint32_t at = lex_skip(&p.lex, p.lex.pos);
	if (at + 1 < p.lex.len && p.lex.s[at] == '#' && p.lex.s[at + 1] == '!') {
		const char *nl = memchr(p.lex.s + at, '\n', p.lex.len - at);
		p.lex.pos = nl ? (uint32_t)(nl - p.lex.s) : p.lex.len;
	}
	parse_token(&p);
	p.panic = false;
	struct node *prog = parse_node(&p, N_PROGRAM, 0);
	prog->span.hi = p.lex.base + p.lex.len;
	while (p.tok.kind != TK_EOF) {
		uint32_t lo = p.tok.lo, height;
		struct node *item = parse_item(&p, &stage);
		node_measure(a, item, &height);
		if (height > PARSE_HEIGHT) {
			p.last_error = UINT32_MAX;
			parse_error(&p, lo, lo + 1, "an expression here is nested too deeply, or has too many operators");
			p.panic = false;
		} else {
			vec_push(a, &prog->list, item);
		}
		if (p.panic)
			parse_recover_item(&p);
		if (p.tok.lo == lo && p.tok.kind != TK_EOF)
			parse_advance(&p);
		p.depth = 0;
	}
	return prog;
}

struct node *parse_expression(struct arena *a, struct diags *d, uint32_t source)
{
	struct parser p = { 0 };
	lex_init(&p.lex, a, d, source);
	p.lex.quiet = true;
	parse_token(&p);
	struct node *n = parse_expr(&p);
	uint32_t height;
	node_measure(a, n, &height);
	return p.n_errors || p.lex.n_errors || p.tok.kind != TK_EOF || height > PARSE_HEIGHT ? NULL : n;
}
