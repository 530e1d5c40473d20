/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: C definitions, the config block, imports, macros, functions, map
 * declarations, probes. C definitions and attach points are raw text here;
 * sema/ reads the one and the providers the other.
 */
#include <ctype.h>

#include "lang/parse.h"

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

static struct node *parse_setting(struct parser *p)
{
	if (p->tok.kind != TK_STRING && p->tok.kind != TK_INT && p->tok.kind != TK_IDENT)
		parse_error_here(p, "expected string, int, boolean, or ident");
	struct node *n = parse_node(p, p->tok.kind == TK_STRING ? N_STRING : p->tok.kind == TK_INT ? N_INT : N_IDENT, p->tok.lo);
	n->str = p->tok.str;
	n->ival = (int64_t)p->tok.ival;
	parse_advance(p);
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
		uint32_t lo = p->tok.lo;
		kv->a = parse_setting(p);
		if (kv->a->kind == N_IDENT && p->tok.kind == TK_DOT) { /* opt.name, opt.name ? a : b */
			struct node *of = kv->a;
			parse_advance(p);
			kv->a = parse_node(p, N_FIELD, lo);
			kv->a->a = of;
			kv->a->str = p->tok.str;
			parse_expect(p, TK_IDENT);
			parse_end(p, kv->a);
			if (p->tok.kind == TK_QUESTION) {
				struct node *cond = kv->a;
				parse_advance(p);
				kv->a = parse_node(p, N_TERNARY, lo);
				kv->a->a = cond;
				kv->a->b = parse_setting(p);
				parse_expect(p, TK_COLON);
				kv->a->c = parse_setting(p);
				parse_end(p, kv->a);
			}
		}
		vec_push(p->lex.arena, &n->list, parse_end(p, kv));
		if (p->tok.kind != TK_RBRACE)
			parse_expect(p, TK_SEMI);
	}
	parse_expect(p, TK_RBRACE);
	return parse_end(p, n);
}

/* options { ... }: raw text between the braces, which option.c reads. */
static struct node *parse_options(struct parser *p)
{
	const struct lexer *l = &p->lex;
	struct node *n = parse_node(p, N_OPTIONS, p->tok.lo);
	uint32_t lo = lex_skip(l, p->tok.hi), hi = parse_balanced(l, lo, '{', '}');
	if (!hi) {
		parse_error(p, lo, lo + 1, "this '{' is never closed, expected '}'");
		hi = l->len + 1;
	}
	n->str = (struct str){ arena_strndup(l->arena, l->s + lo + 1, hi - lo - 2), hi - lo - 2 };
	parse_seek(p, hi > l->len ? l->len : hi);
	n->span.hi = l->base + hi;
	return n;
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
		if (c == '$' && i + 1 < l->len && l->s[i + 1] == '{') { /* ${name}: an option */
			for (i += 2; i < l->len && l->s[i] != '}' && l->s[i] != '\n'; i++)
				;
			continue;
		}
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
	if (parse_is_word(p, "options") && after == '{') {
		if (*stage > 1)
			parse_error_here(p, "options must appear before probes and functions");
		*stage = *stage < 1 ? 1 : *stage;
		return parse_options(p);
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
