/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions: precedence climbing over unary and postfix forms. The one hard
 * place is '(': a cast, a record, a tuple, grouping, or the empty tuple,
 * decided by looking ahead and going back.
 */
#include "lang/parse.h"

static const struct {
	enum token_kind tok;
	enum ast_op op;
	int prec;
} binary_rows[] = {
	{ TK_LOR, O_LOR, 1 },  { TK_LAND, O_LAND, 2 }, { TK_OR, O_OR, 3 },     { TK_XOR, O_XOR, 4 },   { TK_AND, O_AND, 5 },
	{ TK_EQ, O_EQ, 6 },    { TK_NE, O_NE, 6 },     { TK_LT, O_LT, 7 },     { TK_LE, O_LE, 7 },     { TK_GT, O_GT, 7 },
	{ TK_GE, O_GE, 7 },    { TK_SHL, O_SHL, 8 },   { TK_SHR, O_SHR, 8 },   { TK_PLUS, O_ADD, 9 },  { TK_MINUS, O_SUB, 9 },
	{ TK_STAR, O_MUL, 10 }, { TK_SLASH, O_DIV, 10 }, { TK_PERCENT, O_MOD, 10 },
};

static struct node *expr_error(struct parser *p, uint32_t lo)
{
	struct node *n = parse_node(p, N_ERROR, lo);
	return n;
}

/* In a predicate, '/' followed by '{' closes it. */
static bool expr_closes_predicate(const struct parser *p)
{
	if (!p->in_predicate || p->tok.kind != TK_SLASH)
		return false;
	uint32_t i = lex_skip(&p->lex, p->tok.hi);
	return i < p->lex.len && p->lex.s[i] == '{';
}

static struct node *expr_binary(struct parser *p, int min)
{
	uint32_t lo = p->tok.lo;
	struct node *l = parse_unary(p);
	for (;;) {
		size_t r, n = sizeof(binary_rows) / sizeof(*binary_rows);
		for (r = 0; r < n && binary_rows[r].tok != p->tok.kind; r++)
			;
		if (r == n || binary_rows[r].prec < min || expr_closes_predicate(p) || p->panic)
			return l;
		struct node *b = parse_node(p, N_BINARY, lo);
		parse_advance(p);
		b->op = binary_rows[r].op;
		b->a = l;
		b->b = expr_binary(p, binary_rows[r].prec + 1);
		l = parse_end(p, b);
	}
}

struct node *parse_expr(struct parser *p)
{
	uint32_t lo = p->tok.lo;
	if (!parse_deeper(p))
		return expr_error(p, lo);
	struct node *c = expr_binary(p, 1);
	if (p->tok.kind == TK_QUESTION && !p->panic) {
		struct node *n = parse_node(p, N_TERNARY, lo);
		parse_advance(p);
		n->a = c;
		if (p->tok.kind == TK_COLON)
			n->b = parse_copy(p, c);
		else
			n->b = parse_expr(p);
		parse_expect(p, TK_COLON);
		n->c = parse_expr(p);
		c = parse_end(p, n);
	}
	p->depth--;
	return c;
}

bool parse_is_builtin(struct str s)
{
	static const char *const words[] = { "args", "ctx", "kstack", "nsecs", "pid", "tid", "ustack" };
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (str_is(s, words[i]))
			return true;
	if (s.len <= 3 || memcmp(s.s, "arg", 3))
		return false;
	for (uint32_t i = 3; i < s.len; i++)
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
	return true;
}

/* Can this token begin an expression, so that "(type)" before it is a cast? */
static bool expr_can_start(enum token_kind k)
{
	return k == TK_INT || k == TK_VAR || k == TK_PARAM || k == TK_PARAMCOUNT || k == TK_MAP || k == TK_STRING || k == TK_LPAREN ||
	       k == TK_MINUS || k == TK_NOT || k == TK_BNOT || k == TK_STAR || k == TK_AND || k == TK_IDENT;
}

/*
 * "(" type ")" unary, or NULL and nothing consumed. `(typeof(...` can be nothing else and is parsed without a way back:
 * trying twice at each level of nesting would take forever. `(name) - x` is a cast, whatever the word means.
 */
static struct node *expr_try_cast(struct parser *p)
{
	struct parser save = *p;
	struct node *n = parse_node(p, N_CAST, p->tok.lo);
	if (p->tok.kind != TK_LPAREN)
		return NULL;
	parse_advance(p);
	if (parse_is_word(p, "typeof")) {
		n->tref = parse_type(p);
		parse_expect(p, TK_RPAREN);
	} else {
		n->tref = p->tok.kind == TK_IDENT && !parse_is_builtin(p->tok.str) ? parse_type(p) : NULL;
		if (!n->tref || p->panic || p->tok.kind != TK_RPAREN) {
			*p = save;
			return NULL;
		}
		parse_advance(p);
		if (!expr_can_start(p->tok.kind)) {
			*p = save;
			return NULL;
		}
	}
	n->a = parse_unary(p);
	return parse_end(p, n);
}

struct node *parse_unary(struct parser *p)
{
	static const struct {
		enum token_kind tok;
		enum ast_op op;
	} rows[] = { { TK_MINUS, O_NEG }, { TK_NOT, O_NOT }, { TK_BNOT, O_BNOT }, { TK_STAR, O_DEREF }, { TK_AND, O_ADDR },
		     { TK_PLUSPLUS, O_INC }, { TK_MINUSMINUS, O_DEC } };
	uint32_t lo = p->tok.lo;
	struct node *n;
	if (!parse_deeper(p))
		return expr_error(p, lo);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].tok != p->tok.kind)
			continue;
		bool incdec = rows[i].op == O_INC || rows[i].op == O_DEC;
		n = parse_node(p, incdec ? N_INCDEC : N_UNARY, lo);
		n->op = rows[i].op;
		parse_advance(p);
		n->a = parse_unary(p);
		parse_end(p, n);
		if (incdec) {
			n->ival = 1;
			if (n->a->kind != N_VAR && n->a->kind != N_MAP && n->a->kind != N_ERROR)
				parse_error(p, lo, p->prev_hi, "increment/decrement requires a variable or map");
		} else if (n->op == O_ADDR && n->a->kind != N_VAR && n->a->kind != N_MAP && n->a->kind != N_ERROR) {
			parse_error(p, lo, p->prev_hi, "address-of operator (&) can only be used on a map or variable");
		}
		p->depth--;
		return n;
	}
	n = expr_try_cast(p);
	if (!n) {
		/* postfix */
		n = parse_primary(p);
		for (;;) {
			struct node *m;
			if (p->panic)
				break;
			if (p->tok.kind == TK_DOT || p->tok.kind == TK_ARROW) {
				m = parse_node(p, N_FIELD, lo);
				parse_advance(p);
				m->a = n;
				if (p->tok.kind == TK_INT) {
					m->kind = N_TUPLEIDX;
					m->ival = (int64_t)p->tok.ival;
				} else if (p->tok.kind != TK_IDENT) {
					parse_error_here(p, "expected field name");
					break;
				}
				m->str = p->tok.str;
				parse_advance(p);
			} else if (p->tok.kind == TK_LBRACKET) {
				m = parse_node(p, N_INDEX, lo);
				parse_advance(p);
				m->a = n;
				m->b = parse_expr(p);
				parse_expect(p, TK_RBRACKET);
			} else if (p->tok.kind == TK_PLUSPLUS || p->tok.kind == TK_MINUSMINUS) {
				m = parse_node(p, N_INCDEC, lo);
				m->op = p->tok.kind == TK_PLUSPLUS ? O_INC : O_DEC;
				m->a = n;
				parse_advance(p);
				if (n->kind != N_VAR && n->kind != N_MAP)
					parse_error(p, lo, p->prev_hi, "increment/decrement requires a variable or map");
			} else {
				break;
			}
			n = parse_end(p, m);
		}
	}
	p->depth--;
	return n;
}

/* "(" already seen: empty tuple, record, grouping, tuple */
static struct node *expr_paren(struct parser *p)
{
	uint32_t lo = p->tok.lo;
	bool save = p->in_predicate;
	struct node *n;
	parse_advance(p);
	p->in_predicate = false;
	if (p->tok.kind == TK_RPAREN) {
		n = parse_node(p, N_TUPLE, lo);
		parse_advance(p);
		p->in_predicate = save;
		return parse_end(p, n);
	}
	uint32_t at = lex_skip(&p->lex, p->lex.pos);
	if (p->tok.kind == TK_IDENT && !parse_is_builtin(p->tok.str) && at + 1 < p->lex.len && p->lex.s[at] == '=' &&
	    p->lex.s[at + 1] != '=') {
		n = parse_node(p, N_RECORD, lo);
		do {
			if (p->tok.kind == TK_RPAREN)
				break;
			struct node *f = parse_node(p, N_FIELDINIT, p->tok.lo);
			f->str = p->tok.str;
			if (p->tok.kind != TK_IDENT) {
				parse_error_here(p, "expected field name");
				break;
			}
			for (uint32_t i = 0; i < n->list.n; i++)
				if (str_eq(n->list.v[i]->str, f->str))
					parse_error_here(p, arena_printf(p->lex.arena, "Named argument list already contains name: %.*s",
									 STR_FMT(f->str)));
			parse_advance(p);
			parse_expect(p, TK_ASSIGN);
			f->a = parse_expr(p);
			vec_push(p->lex.arena, &n->list, parse_end(p, f));
		} while (!p->panic && parse_accept(p, TK_COMMA));
	} else {
		n = parse_expr(p);
		if (p->tok.kind == TK_COMMA) {
			struct node *t = parse_node(p, N_TUPLE, lo);
			vec_push(p->lex.arena, &t->list, n);
			while (!p->panic && parse_accept(p, TK_COMMA) && p->tok.kind != TK_RPAREN)
				vec_push(p->lex.arena, &t->list, parse_expr(p));
			n = t;
		} else {
			n->paren = true;
		}
	}
	p->in_predicate = save;
	parse_expect(p, TK_RPAREN);
	if (n->kind == N_TUPLE || n->kind == N_RECORD)
		parse_end(p, n);
	return n;
}

struct node *parse_if(struct parser *p)
{
	struct node *n = parse_node(p, N_IF, p->tok.lo);
	parse_advance(p);
	n->a = parse_unary(p);
	n->b = parse_block(p);
	if (parse_is_word(p, "else") && !p->panic) {
		parse_advance(p);
		if (parse_is_word(p, "if")) {
			if (!parse_deeper(p))
				return n;
			n->c = parse_if(p);
			p->depth--;
		} else {
			n->c = parse_block(p);
		}
	}
	return parse_end(p, n);
}

/* Argument of sizeof, offsetof, typeinfo, typeof: a bare word stays an expression (IDENT), "struct x", "x *", "x[2]" are types. */
void parse_type_or_expr(struct parser *p, struct node **ret_type, struct node **ret_expr)
{
	struct parser save = *p;
	if (parse_is_word(p, "typeof")) {
		*ret_type = parse_type(p);
		return;
	}
	if (p->tok.kind == TK_IDENT && !parse_is_builtin(p->tok.str)) {
		bool quiet = p->lex.quiet;
		p->lex.quiet = true;
		struct node *t = parse_type(p);
		p->lex.quiet = quiet;
		bool word = t && !t->ival && !t->list.n && !memchr(t->str.s, ' ', t->str.len);
		if (t && !word && (p->tok.kind == TK_RPAREN || p->tok.kind == TK_COMMA)) {
			*ret_type = t;
			return;
		}
		*p = save;
	}
	*ret_expr = parse_expr(p);
}

static struct node *expr_call(struct parser *p, struct node *n)
{
	n->kind = N_CALL;
	parse_advance(p);
	bool save = p->in_predicate;
	p->in_predicate = false;
	while (p->tok.kind != TK_RPAREN && p->tok.kind != TK_EOF && !p->panic) {
		struct node *a;
		if (parse_is_word(p, "typeof")) {
			a = parse_node(p, N_TYPEOF, p->tok.lo);
			parse_advance(p);
			parse_expect(p, TK_LPAREN);
			parse_type_or_expr(p, &a->tref, &a->a);
			parse_expect(p, TK_RPAREN);
			parse_end(p, a);
		} else {
			a = parse_expr(p);
		}
		vec_push(p->lex.arena, &n->list, a);
		if (!parse_accept(p, TK_COMMA))
			break;
		if (p->tok.kind == TK_RPAREN)
			parse_error_here(p, "expected expression");
	}
	p->in_predicate = save;
	parse_expect(p, TK_RPAREN);
	return parse_end(p, n);
}

static struct node *expr_typeop(struct parser *p, enum node_kind k)
{
	struct node *n = parse_node(p, k, p->tok.lo);
	parse_advance(p);
	parse_expect(p, TK_LPAREN);
	parse_type_or_expr(p, &n->tref, &n->a);
	if (k == N_OFFSETOF) {
		parse_expect(p, TK_COMMA);
		do {
			struct node *f = parse_node(p, N_IDENT, p->tok.lo);
			f->str = p->tok.str;
			if (p->tok.kind != TK_IDENT)
				parse_error_here(p, "expected field name");
			parse_advance(p);
			vec_push(p->lex.arena, &n->list, f);
		} while (!p->panic && parse_accept(p, TK_DOT));
	}
	parse_expect(p, TK_RPAREN);
	return parse_end(p, n);
}

static struct node *expr_word(struct parser *p)
{
	static const struct {
		const char *word;
		enum node_kind k;
	} rows[] = { { "sizeof", N_SIZEOF }, { "offsetof", N_OFFSETOF }, { "typeinfo", N_TYPEINFO } };
	uint32_t lo = p->tok.lo;
	struct node *n;
	if (parse_is_word(p, "if"))
		return parse_if(p);
	for (size_t i = 0; i < 3; i++)
		if (parse_is_word(p, rows[i].word))
			return expr_typeop(p, rows[i].k);
	if (parse_is_word(p, "comptime")) {
		n = parse_node(p, N_COMPTIME, lo);
		parse_advance(p);
		n->a = parse_unary(p);
		return parse_end(p, n);
	}
	if (parse_is_word(p, "true") || parse_is_word(p, "false")) {
		n = parse_node(p, N_BOOL, lo);
		n->ival = p->tok.str.s[0] == 't';
		parse_advance(p);
		return n;
	}
	n = parse_node(p, N_IDENT, lo);
	n->str = p->tok.str;
	if (str_starts(n->str, "__builtin_") && !str_is(n->str, "__builtin_arch") && !str_is(n->str, "__builtin_safe_mode"))
		n->str = (struct str){ n->str.s + 10, n->str.len - 10 };
	parse_advance(p);
	return p->tok.kind == TK_LPAREN ? expr_call(p, n) : n;
}

struct node *parse_primary(struct parser *p)
{
	uint32_t lo = p->tok.lo;
	struct node *n;
	switch (p->tok.kind) {
	case TK_LPAREN:
		if (!parse_deeper(p))
			return expr_error(p, lo);
		n = expr_paren(p);
		p->depth--;
		return n;
	case TK_LBRACE:
		return parse_block(p);
	case TK_IDENT:
		return expr_word(p);
	case TK_MAP:
		n = parse_node(p, N_MAP, lo);
		n->str = p->tok.str;
		parse_advance(p);
		if (p->tok.kind == TK_LBRACKET) {
			uint32_t klo = p->tok.hi;
			bool save = p->in_predicate;
			p->in_predicate = false;
			parse_advance(p);
			klo = p->tok.lo;
			n->a = parse_expr(p);
			if (p->tok.kind == TK_COMMA) {
				struct node *t = parse_node(p, N_TUPLE, klo);
				vec_push(p->lex.arena, &t->list, n->a);
				while (!p->panic && parse_accept(p, TK_COMMA))
					vec_push(p->lex.arena, &t->list, parse_expr(p));
				n->a = parse_end(p, t);
			}
			p->in_predicate = save;
			parse_expect(p, TK_RBRACKET);
			parse_end(p, n);
		}
		return n;
	case TK_VAR:
	case TK_INT:
	case TK_STRING:
	case TK_PARAM:
	case TK_PARAMCOUNT:
		n = parse_node(p, p->tok.kind == TK_VAR ? N_VAR : p->tok.kind == TK_INT ? N_INT : p->tok.kind == TK_STRING ? N_STRING :
			       p->tok.kind == TK_PARAM ? N_POSPARAM : N_PARAMCOUNT, lo);
		n->str = p->tok.str;
		n->ival = (int64_t)p->tok.ival;
		n->is_unsigned = p->tok.is_unsigned;
		parse_advance(p);
		return n;
	default:
		parse_error_here(p, "expected expression");
		return expr_error(p, lo);
	}
}
