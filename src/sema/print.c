/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed tree as text (--dump=types): a line per node, its type behind a
 * colon; address spaces of pointers and of aggregates in place; then the maps.
 */
#include "sema/sema.h"

static const char *const print_kinds[N_COUNT] = {
#define NODE(kind, name) [N_##kind] = name,
#include "lang/ast.def"
#undef NODE
};

static const char *const print_spaces[] = {
	[AS_NONE] = "", [AS_KERNEL] = "kernel", [AS_USER] = "user", [AS_BTF] = "btf", [AS_CTX] = "ctx"
};

static void print_type(const struct node *n, struct buf *out)
{
	buf_adds(out, " : ");
	type_print(n->type, out);
	if (n->type->kind == T_PTR && n->type->as)
		buf_addf(out, " to %s", print_spaces[n->type->as]);
	else if (n->as && (n->type->kind == T_STRUCT || n->type->kind == T_ARRAY || n->type->kind == T_STRING))
		buf_addf(out, " in %s", print_spaces[n->as]);
}

static void print_value(const struct node *n, struct buf *out)
{
	switch (n->kind) {
	case N_INT:
	case N_TUPLEIDX:
		buf_addf(out, n->is_unsigned ? " %llu" : " %lld", (long long)n->ival);
		break;
	case N_BOOL:
		buf_adds(out, n->ival ? " true" : " false");
		break;
	case N_STRING:
		buf_adds(out, " \"");
		buf_add_json(out, n->str.s, n->str.len);
		buf_addc(out, '"');
		break;
	case N_BUILTIN:
	case N_CALL:
		buf_addf(out, " %s", n->builtin == B_ARGN ? "arg" : n->builtin == B_SARGN ? "sarg" : builtin_info[n->builtin].name);
		if (n->builtin == B_ARGN || n->builtin == B_SARGN)
			buf_addf(out, "%lld", (long long)n->ival);
		else if (n->ival && (n->builtin == B_NSECS || n->builtin == B_PID || n->builtin == B_TID ||
				     n->builtin == B_REG || n->builtin == B_STRFTIME))
			buf_addf(out, " %lld", (long long)n->ival);
		break;
	case N_CAST:
		buf_adds(out, n->ival ? " implicit" : "");
		break;
	case N_INCDEC:
		buf_addf(out, " %s %s", ast_op_text[n->op], n->ival ? "prefix" : "postfix");
		break;
	default:
		if (n->op)
			buf_addf(out, " %s", ast_op_text[n->op]);
		if (n->str.len)
			buf_addf(out, " %.*s", STR_FMT(n->str));
	}
}

static void print_node(const struct node *n, struct buf *out, int depth, const char *label)
{
	if (!n)
		return;
	buf_pad(out, ' ', depth * 2);
	buf_addf(out, "%s%s", label, print_kinds[n->kind]);
	print_value(n, out);
	if (n->type && (n->kind < N_EXPRSTMT && n->kind != N_FIELDINIT) && n->type->kind != T_NONE)
		print_type(n, out);
	buf_addc(out, '\n');
	print_node(n->a, out, depth + 1, n->kind == N_BLOCK ? "value: " : "");
	print_node(n->b, out, depth + 1, "");
	print_node(n->c, out, depth + 1, n->kind == N_IF ? "else: " : "");
	for (uint32_t i = 0; i < n->list.n; i++)
		print_node(n->list.v[i], out, depth + 1, "");
}

void sema_print(const struct sema *s, struct buf *out)
{
	for (uint32_t i = 0; i < s->clauses.n; i++) {
		const struct clause *cl = &s->clauses.v[i];
		buf_addf(out, "clause %u", cl->index);
		for (uint32_t k = 0; k < cl->attach.n; k++)
			buf_addf(out, "%s%.*s", k ? ", " : ": ", STR_FMT(cl->attach.v[k]->name));
		buf_addc(out, '\n');
		print_node(cl->predicate, out, 1, "predicate: ");
		print_node(cl->body, out, 1, "");
	}
	static const char *const decls[] = { [MD_DEFAULT] = "", [MD_HASH] = " hash", [MD_LRUHASH] = " lruhash",
					     [MD_PERCPUHASH] = " percpuhash", [MD_PERCPULRUHASH] = " percpulruhash" };
	for (uint32_t i = 0; i < s->maps.n; i++) {
		const struct map_sym *m = s->maps.v[i];
		buf_addf(out, "map %.*s", STR_FMT(m->name));
		if (m->key) {
			buf_addc(out, '[');
			type_print(m->key, out);
			buf_addc(out, ']');
		}
		buf_adds(out, " : ");
		if (m->value)
			type_print(m->value, out);
		if (m->value && m->value->kind == T_HIST)
			buf_addf(out, " of %lld bits", (long long)m->value->agg.bits);
		if (m->value && m->value->kind == T_LHIST)
			buf_addf(out, " from %lld to %lld by %lld", (long long)m->value->agg.min, (long long)m->value->agg.max,
				 (long long)m->value->agg.step);
		if (m->value && m->value->kind == T_TSERIES)
			buf_addf(out, " of %lld intervals of %lld ns, mode %lld", (long long)m->value->agg.max,
				 (long long)m->value->agg.step, (long long)m->value->agg.bits);
		buf_adds(out, decls[m->decl]);
		if (m->max_entries)
			buf_addf(out, "(%u)", m->max_entries);
		buf_addc(out, '\n');
	}
}
