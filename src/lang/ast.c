/* SPDX-License-Identifier: Apache-2.0 */
/* Tree nodes: making, cloning, printing. */
#include "lang/ast.h"

static const char *const node_name[N_COUNT] = {
#define NODE(kind, name) [N_##kind] = name,
#include "lang/ast.def"
#undef NODE
};

const char *const ast_op_text[O_COUNT] = {
	[O_NONE] = "",	   [O_LOR] = "||", [O_LAND] = "&&", [O_OR] = "|",   [O_XOR] = "^",  [O_AND] = "&",  [O_EQ] = "==",
	[O_NE] = "!=",	   [O_LT] = "<",   [O_LE] = "<=",   [O_GT] = ">",   [O_GE] = ">=",  [O_SHL] = "<<", [O_SHR] = ">>",
	[O_ADD] = "+",	   [O_SUB] = "-",  [O_MUL] = "*",   [O_DIV] = "/",  [O_MOD] = "%",  [O_NEG] = "-",  [O_NOT] = "!",
	[O_BNOT] = "~",	   [O_DEREF] = "*", [O_ADDR] = "&", [O_INC] = "++", [O_DEC] = "--",
};

struct node *node_new(struct arena *a, enum node_kind kind, struct span span)
{
	struct node *n = arena_new(a, struct node);
	n->kind = kind;
	n->span = span;
	return n;
}

struct node *node_clone(struct arena *a, const struct node *n)
{
	if (!n)
		return NULL;
	struct node *m = arena_dup(a, n, sizeof(*n));
	m->a = node_clone(a, n->a);
	m->b = node_clone(a, n->b);
	m->c = node_clone(a, n->c);
	m->tref = node_clone(a, n->tref);
	memset(&m->list, 0, sizeof(m->list));
	for (uint32_t i = 0; i < n->list.n; i++)
		vec_push(a, &m->list, node_clone(a, n->list.v[i]));
	return m;
}

uint32_t node_measure(struct arena *a, const struct node *root, uint32_t *ret_height)
{
	struct item {
		const struct node *n;
		uint32_t height;
	};
	VEC(struct item) stack = { 0 };
	uint32_t count = 0, height = 0;
	if (root)
		vec_push(a, &stack, ((struct item){ root, 1 }));
	while (stack.n) {
		struct item it = vec_pop(&stack);
		const struct node *sub[] = { it.n->a, it.n->b, it.n->c, it.n->tref };
		count++;
		if (it.height > height)
			height = it.height;
		for (int i = 0; i < 4; i++)
			if (sub[i])
				vec_push(a, &stack, ((struct item){ sub[i], it.height + 1 }));
		for (uint32_t i = 0; i < it.n->list.n; i++)
			if (it.n->list.v[i])
				vec_push(a, &stack, ((struct item){ it.n->list.v[i], it.height + 1 }));
	}
	*ret_height = height;
	return count;
}

static void ast_print_at(const struct node *n, struct buf *out, bool spans, int depth, const char *label)
{
	if (!n)
		return;
	buf_pad(out, ' ', depth * 2);
	buf_adds(out, label);
	buf_adds(out, node_name[n->kind]);
	if (n->op)
		buf_addf(out, " %s", ast_op_text[n->op]);
	if (n->kind == N_STRING && !n->str.len) {
		buf_adds(out, " \"\"");
	} else if (n->kind == N_INT || n->kind == N_BOOL || n->kind == N_POSPARAM || n->kind == N_TUPLEIDX || n->kind == N_ARRSUFFIX) {
		if (n->is_unsigned)
			buf_addf(out, " %lluu", (unsigned long long)n->ival);
		else
			buf_addf(out, " %lld", (long long)n->ival);
	} else if (n->str.len) {
		if (n->kind == N_TYPEREF && n->ival)
			buf_adds(out, n->ival == 's' ? " struct" : n->ival == 'u' ? " union" : " enum");
		buf_adds(out, n->kind == N_STRING ? " \"" : " ");
		buf_add_json(out, n->str.s, n->str.len);
		if (n->kind == N_STRING)
			buf_addc(out, '"');
	}
	if (n->param)
		buf_adds(out, " param");
	if (n->kind == N_INCDEC)
		buf_adds(out, n->ival ? " prefix" : " postfix");
	if (spans)
		buf_addf(out, " %u-%u", n->span.lo, n->span.hi);
	buf_addc(out, '\n');
	ast_print_at(n->tref, out, spans, depth + 1, "");
	ast_print_at(n->a, out, spans, depth + 1, n->kind == N_BLOCK ? "value: " : n->kind == N_PROBE ? "predicate: " : "");
	ast_print_at(n->b, out, spans, depth + 1, "");
	ast_print_at(n->c, out, spans, depth + 1, "");
	for (uint32_t i = 0; i < n->list.n; i++)
		ast_print_at(n->list.v[i], out, spans, depth + 1, "");
}

void ast_print(const struct node *n, struct buf *out, bool spans)
{
	ast_print_at(n, out, spans, 0, "");
}
