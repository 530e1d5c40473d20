/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_sccp: sparse conditional constant propagation (Wegman and Zadeck 1991).
 * Values start unknown and blocks unreachable; two work lists move both up
 * their lattices together, so constants through branches that they decide are
 * found. Afterwards constants replace their definitions; pass_branch drops
 * what became unreachable. Needs SSA.
 */
#include "ir/pass.h"

enum { UNKNOWN, CONSTANT, VARYING };
struct sccp {
	struct func *f;
	uint8_t *state;
	int64_t *val;
	uint8_t *edge_t, *edge_f, *reached; /* per block */
	VEC(uint32_t) blocks;
	VEC(ref) values;
	uint32_t *use_at, *uses; /* users of each value */
};

static void sccp_set(struct sccp *s, ref r, uint8_t state, int64_t val)
{
	if (s->state[r] == state && (state != CONSTANT || s->val[r] == val))
		return;
	if (s->state[r] == CONSTANT && state == CONSTANT)
		state = VARYING;
	if (s->state[r] == VARYING)
		return;
	s->state[r] = state;
	s->val[r] = val;
	vec_push(s->f->arena, &s->values, r);
}

static bool sccp_edge(const struct sccp *s, uint32_t from, uint32_t to)
{
	const struct ins *t = &s->f->ins.v[vec_last(&s->f->blocks.v[from].ins)];
	return (s->edge_t[from] && t->t == to) || (s->edge_f[from] && t->f == to);
}

static void sccp_visit(struct sccp *s, ref r)
{
	struct func *f = s->f;
	const struct ins *i = &f->ins.v[r];
	if (i->op == OP_CONST) {
		sccp_set(s, r, CONSTANT, i->imm);
		return;
	}
	if (i->op == OP_PHI) {
		uint8_t st = UNKNOWN;
		int64_t v = 0;
		for (uint32_t j = 0; j < f->blocks.v[i->blk].preds.n; j++) {
			ref o = f->phis.v[i->aux + j];
			if (!sccp_edge(s, f->blocks.v[i->blk].preds.v[j], i->blk) || s->state[o] == UNKNOWN)
				continue;
			if (s->state[o] == VARYING || (st == CONSTANT && s->val[o] != v) || i->ty != TY_I64) {
				st = VARYING;
				break;
			}
			st = CONSTANT;
			v = s->val[o];
		}
		if (st != UNKNOWN)
			sccp_set(s, r, st, v);
		return;
	}
	if (i->op == OP_JMP || i->op == OP_BR) {
		bool t = i->op == OP_JMP || s->state[i->a[0]] == VARYING ||
			 (s->state[i->a[0]] == CONSTANT && s->val[i->a[0]]);
		bool e = i->op == OP_BR &&
			 (s->state[i->a[0]] == VARYING || (s->state[i->a[0]] == CONSTANT && !s->val[i->a[0]]));
		if (t && !s->edge_t[i->blk]) {
			s->edge_t[i->blk] = 1;
			vec_push(f->arena, &s->blocks, i->t);
		}
		if (e && !s->edge_f[i->blk]) {
			s->edge_f[i->blk] = 1;
			vec_push(f->arena, &s->blocks, i->f);
		}
		return;
	}
	if (!(op_info[i->op].flags & OF_D))
		return;
	uint8_t st = (op_info[i->op].flags & OF_P) && i->ty == TY_I64 && i->n > 0 ? CONSTANT : VARYING;
	for (unsigned k = 0; k < i->n && st == CONSTANT; k++)
		if (s->state[i->a[k]] != CONSTANT)
			st = s->state[i->a[k]];
	int64_t v = 0;
	if (st == CONSTANT && !fold_eval((enum ir_op)i->op, i->w, s->val[i->a[0]], i->n > 1 ? s->val[i->a[1]] : 0, &v))
		st = VARYING;
	if (st != UNKNOWN)
		sccp_set(s, r, st, v);
}

static void sccp_users(struct sccp *s)
{
	struct func *f = s->f;
	s->use_at = arena_array(f->arena, uint32_t, f->ins.n + 2);
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t b = 1; b < f->blocks.n; b++) {
			for (uint32_t k = 0; k < f->blocks.v[b].ins.n; k++) {
				ref r = f->blocks.v[b].ins.v[k];
				const struct ins *i = &f->ins.v[r];
				uint32_t np = i->op == OP_PHI ? f->blocks.v[b].preds.n : 0;
				for (uint32_t j = 0; j < i->n + np; j++) {
					ref o = j < i->n ? i->a[j] : f->phis.v[i->aux + j - i->n];
					if (pass == 0)
						s->use_at[o + 2]++;
					else
						s->uses[s->use_at[o + 1]++] = r;
				}
			}
		}
		if (pass == 0) {
			for (uint32_t r = 1; r < f->ins.n + 2; r++)
				s->use_at[r] += s->use_at[r - 1];
			s->uses = arena_array(f->arena, uint32_t, s->use_at[f->ins.n + 1] + 1);
		}
	}
}

/* Constants take the place of their definitions, decided branches become jumps. */
static void sccp_rewrite(struct sccp *s, struct pass_ctx *c, uint32_t b)
{
	struct func *f = s->f;
	struct block *x = &f->blocks.v[b];
	VEC(ref) was_phi = { 0 }; /* constants may not stand among the PHIs: they follow them */
	uint32_t n = 0, k = 0;
	for (; k < x->ins.n; k++) {
		ref r = x->ins.v[k];
		struct ins *i = &f->ins.v[r];
		bool phi = i->op == OP_PHI;
		if (!phi)
			break;
		if (s->state[r] == CONSTANT)
			vec_push(f->arena, &was_phi, r);
		else
			x->ins.v[n++] = r;
	}
	for (uint32_t j = 0; j < was_phi.n; j++)
		x->ins.v[n++] = was_phi.v[j];
	for (k = 0; k < x->ins.n; k++) {
		ref r = x->ins.v[k];
		struct ins *i = &f->ins.v[r];
		if (s->state[r] != CONSTANT || i->op == OP_CONST || i->ty != TY_I64 || !(op_info[i->op].flags & OF_P))
			continue;
		i->op = OP_CONST;
		i->w = 8;
		i->n = 0;
		i->aux = 0;
		i->imm = s->val[r];
		c->changed = true;
	}
	struct ins *t = &f->ins.v[vec_last(&x->ins)];
	if (t->op == OP_BR && s->state[t->a[0]] == CONSTANT) {
		if (!s->val[t->a[0]])
			t->t = t->f;
		t->op = OP_JMP;
		t->n = 0;
		t->f = 0;
		c->changed = true;
	}
}

void pass_sccp(struct pass_ctx *c)
{
	struct func *f = c->f;
	struct sccp s = { .f = f };
	ir_cfg(f);
	s.state = arena_array(f->arena, uint8_t, f->ins.n);
	s.val = arena_array(f->arena, int64_t, f->ins.n);
	s.edge_t = arena_array(f->arena, uint8_t, f->blocks.n);
	s.edge_f = arena_array(f->arena, uint8_t, f->blocks.n);
	s.reached = arena_array(f->arena, uint8_t, f->blocks.n);
	sccp_users(&s);
	vec_push(f->arena, &s.blocks, 1);
	while (s.blocks.n || s.values.n) {
		if (s.values.n) {
			ref r = vec_pop(&s.values);
			for (uint32_t k = r ? s.use_at[r] : 0; k < s.use_at[r + 1]; k++)
				if (s.reached[f->ins.v[s.uses[k]].blk])
					sccp_visit(&s, s.uses[k]);
			continue;
		}
		uint32_t b = vec_pop(&s.blocks);
		bool first = !s.reached[b];
		s.reached[b] = 1;
		for (uint32_t k = 0; k < f->blocks.v[b].ins.n; k++)
			if (first || f->ins.v[f->blocks.v[b].ins.v[k]].op == OP_PHI)
				sccp_visit(&s, f->blocks.v[b].ins.v[k]);
	}
	for (uint32_t b = 1; b < f->blocks.n; b++)
		if (s.reached[b])
			sccp_rewrite(&s, c, b);
	ir_cfg(f);
}
