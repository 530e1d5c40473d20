/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folded stacks into a tree of frames.
 *
 * A line is `frame;frame;...;frame count`, root first. Frames may hold blanks, so the count is the last field; with
 * `pairs` the last two are counts, before and after. Empty frames and empty lines mean nothing; lines that begin with
 * "# " are comments.
 *
 * Nodes are found by (parent, name) in one hash table, names are interned, and as folded text is mostly sorted, the
 * frames that a line shares with the line before are not looked up at all. A parent always has a lower number than its
 * children: sums are one backward pass, without recursion.
 *
 * Memory is bounded by NODES_MAX and TEXT_MAX. Beyond them, and beyond STACK_DEPTH_MAX, a stack loses its top: its
 * count stays with the last frame that found room, so that totals remain right, and the stack is counted as cut.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "out/picture.h"

enum { NODES_MAX = 8 << 20, TEXT_MAX = 256 << 20, BUFFER_KEEP = 64 << 10 };

/* --- lines */
static void line_give(struct line_reader *r, const char *s, size_t n)
{
	r->n_lines++;
	if (n && s[n - 1] == '\r')
		n--;
	r->line(r->arg, r->too_long ? NULL : s, n);
	r->too_long = false;
}

void line_feed(struct line_reader *r, const char *p, size_t n)
{
	while (n) {
		const char *nl = memchr(p, '\n', n);
		size_t len = nl ? (size_t)(nl - p) : n;
		if (r->part.len + len > LINE_MAX_BYTES)
			r->too_long = true;
		if (nl && !r->part.len) {
			line_give(r, p, len);
		} else {
			if (!r->too_long)
				buf_add(&r->part, p, len);
			if (nl) {
				line_give(r, r->part.s ? r->part.s : "", r->part.len);
				buf_clear(&r->part);
			}
		}
		if (!nl)
			return;
		p += len + 1;
		n -= len + 1;
	}
}

void line_end(struct line_reader *r)
{
	if (r->part.len || r->too_long)
		line_give(r, r->part.s ? r->part.s : "", r->part.len);
	buf_clear(&r->part);
}

static bool line_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str line_last(struct str *line)
{
	uint32_t end = line->len;
	while (end && line_blank(line->s[end - 1]))
		end--;
	uint32_t at = end;
	while (at && !line_blank(line->s[at - 1]))
		at--;
	struct str field = { line->s + at, end - at };
	while (at && line_blank(line->s[at - 1]))
		at--;
	line->len = at;
	return field;
}

bool line_number(struct str s, double *ret)
{
	char copy[64], *end;
	uint64_t n = 0;
	uint32_t i = 0;
	for (; i < s.len && i < 16 && s.s[i] >= '0' && s.s[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(s.s[i] - '0');
	if (i && i == s.len) {
		*ret = (double)n;
		return true;
	}
	/* No signs, no "inf", no hexadecimal: digits, a point, an exponent. */
	if (!s.len || s.len >= sizeof(copy) || !memchr("0123456789.", s.s[0], 11))
		return false;
	for (i = 0; i < s.len; i++)
		if (!memchr("0123456789.eE+-", s.s[i], 15))
			return false;
	memcpy(copy, s.s, s.len);
	copy[s.len] = '\0';
	*ret = strtod(copy, &end);
	return end == copy + s.len && *ret >= 0 && *ret <= 1e20;
}

static void stack_bad(struct stacks *s, const char *p, size_t n)
{
	if (!s->stats.n_bad++) {
		struct buf b = { 0 };
		s->stats.first_bad = s->lines.n_lines;
		if (p)
			buf_add_safe(&b, p, n < 60 ? n : 60, false);
		snprintf(s->stats.first_text, sizeof(s->stats.first_text), "%s",
			 p ? b.s ? b.s : "" : "(longer than a megabyte)");
		buf_fini(&b);
	}
}

/* --- tables */
static uint32_t stack_hash(const char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ n, w;
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	w = 0;
	memcpy(&w, p, n);
	h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(h ^ h >> 32);
}

static uint32_t stack_node_hash(uint32_t parent, uint32_t name)
{
	uint64_t h = ((uint64_t)parent << 32 | name) * 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(h ^ h >> 32);
}

/* Room for one more in an array and its index, which is kept at most half full. */
static bool stack_room(struct stacks *s, void **v, size_t size, uint32_t n, uint32_t *cap, uint32_t **index,
		       uint32_t *index_cap, uint32_t (*hash)(const struct stacks *s, uint32_t i))
{
	if (n < *cap)
		return true;
	uint32_t want = *cap ? *cap * 2 : 1024, index_want = want * 2;
	uint32_t *x = calloc(index_want, sizeof(*x));
	void *p = x ? realloc(*v, size * want) : NULL;
	if (!p) {
		free(x);
		s->err = -ENOMEM;
		return false;
	}
	*v = p;
	free(*index);
	*index = x;
	*cap = want;
	*index_cap = index_want;
	for (uint32_t i = 1; i < n; i++) {
		uint32_t at = hash(s, i) & (index_want - 1);
		while (x[at])
			at = (at + 1) & (index_want - 1);
		x[at] = i;
	}
	return true;
}

static uint32_t stack_hash_of_name(const struct stacks *s, uint32_t i)
{
	return s->names[i].hash;
}

static uint32_t stack_hash_of_node(const struct stacks *s, uint32_t i)
{
	return stack_node_hash(s->nodes[i].parent, s->nodes[i].name);
}

/* The number of a name; 0: no room. */
static uint32_t stack_intern(struct stacks *s, const char *p, uint32_t len)
{
	uint32_t h = stack_hash(p, len), at = h & (s->name_index_cap - 1);
	for (uint32_t i; (i = s->name_index[at]); at = (at + 1) & (s->name_index_cap - 1))
		if (s->names[i].hash == h && s->names[i].len == len && !memcmp(s->text.s + s->names[i].at, p, len))
			return i;
	if (s->text.len + len > TEXT_MAX)
		return 0;
	if (!stack_room(s, (void **)&s->names, sizeof(*s->names), s->n_names, &s->cap_names, &s->name_index,
			&s->name_index_cap, stack_hash_of_name))
		return 0;
	for (at = h & (s->name_index_cap - 1); s->name_index[at]; at = (at + 1) & (s->name_index_cap - 1))
		;
	s->names[s->n_names] = (struct stack_name){ s->text.len, len, h };
	buf_add(&s->text, p, len);
	if (s->text.oom) {
		s->err = -ENOMEM;
		return 0;
	}
	s->name_index[at] = s->n_names;
	return s->n_names++;
}

/* The child of `parent` with this name, made if need be; 0: no room. */
static uint32_t stack_child(struct stacks *s, uint32_t parent, const char *p, uint32_t len)
{
	uint32_t name = stack_intern(s, p, len);
	if (!name)
		return 0;
	uint32_t h = stack_node_hash(parent, name), at = h & (s->node_index_cap - 1);
	for (uint32_t i; (i = s->node_index[at]); at = (at + 1) & (s->node_index_cap - 1))
		if (s->nodes[i].parent == parent && s->nodes[i].name == name)
			return i;
	if (s->n_nodes >= NODES_MAX || !stack_room(s, (void **)&s->nodes, sizeof(*s->nodes), s->n_nodes, &s->cap_nodes,
						   &s->node_index, &s->node_index_cap, stack_hash_of_node))
		return 0;
	for (at = h & (s->node_index_cap - 1); s->node_index[at]; at = (at + 1) & (s->node_index_cap - 1))
		;
	uint32_t i = s->n_nodes++;
	s->nodes[i] = (struct stack_node){ .name = name, .parent = parent, .next = s->nodes[parent].child };
	s->nodes[parent].child = i;
	s->node_index[at] = i;
	return i;
}

/* --- stacks */

/* The frames of `t` that are also those of the line before, as bytes to skip. Sets *ret_node and *ret_depth. */
static uint32_t stack_shared(struct stacks *s, struct str t, uint32_t *ret_node, uint32_t *ret_depth)
{
	uint32_t n = 0, max = t.len < s->last.len ? t.len : (uint32_t)s->last.len, d = 0;
	while (n < max && t.s[n] == s->last.s[n])
		n++;
	/* A frame is shared if it ends within what is equal, and ends there in both lines. */
	while (d < s->n_last && s->last_end[d] <= n &&
	       (s->last_end[d] == t.len || (s->last_end[d] < t.len && t.s[s->last_end[d]] == ';')))
		d++;
	s->n_last = d;
	*ret_depth = d;
	*ret_node = d ? s->last_node[d - 1] : 0;
	return d ? s->last_end[d - 1] : 0;
}

static uint32_t stack_walk(struct stacks *s, struct str t)
{
	uint32_t node, depth, at = stack_shared(s, t, &node, &depth);
	bool cut = false;
	while (at < t.len && !cut) {
		const char *semi = memchr(t.s + at, ';', t.len - at);
		uint32_t end = semi ? (uint32_t)(semi - t.s) : t.len;
		if (end > at) {
			uint32_t child = depth < STACK_DEPTH_MAX ? stack_child(s, node, t.s + at, end - at) : 0;
			cut = !child;
			if (child) {
				node = child;
				s->last_end[depth] = end;
				s->last_node[depth] = node;
				s->n_last = ++depth;
			}
		}
		at = end + 1;
	}
	s->stats.n_cut += cut;
	if (s->last.cap > BUFFER_KEEP)
		buf_fini(&s->last);
	buf_clear(&s->last);
	buf_add(&s->last, t.s, t.len);
	if (s->last.oom)
		s->err = -ENOMEM;
	return node;
}

/* The same from the leaf; lines share nothing worth looking for. */
static uint32_t stack_walk_back(struct stacks *s, struct str t)
{
	uint32_t node = 0, depth = 0, end = t.len;
	for (;;) {
		const char *semi = memrchr(t.s, ';', end);
		uint32_t at = semi ? (uint32_t)(semi - t.s) + 1 : 0;
		if (end > at) {
			uint32_t child = depth++ < STACK_DEPTH_MAX ? stack_child(s, node, t.s + at, end - at) : 0;
			if (!child) {
				s->stats.n_cut++;
				return node;
			}
			node = child;
		}
		if (!semi)
			return node;
		end = at - 1;
	}
}

static void stack_line(void *arg, const char *p, size_t n)
{
	struct stacks *s = arg;
	struct str t = { p, (uint32_t)n };
	double v[2] = { 0 };
	if (s->err)
		return;
	while (p && t.len && line_blank(*t.s)) {
		t.s++;
		t.len--;
	}
	if (p && (!t.len || (t.len > 1 && t.s[0] == '#' && line_blank(t.s[1]))))
		return;
	s->stats.n_lines++;
	if (p) {
		uint32_t i = 0;
		bool good = line_number(line_last(&t), &v[s->pairs ? 1 : s->side]);
		if (good && s->pairs)
			good = line_number(line_last(&t), &v[0]);
		while (i < t.len && t.s[i] == ';')
			i++;
		if (good && i < t.len) {
			uint32_t node = s->reverse ? stack_walk_back(s, t) : stack_walk(s, t);
			s->nodes[node].self[0] += v[0];
			s->nodes[node].self[1] += v[1];
			return;
		}
	}
	stack_bad(s, p, n);
}

struct stacks *stack_new(bool reverse, bool pairs)
{
	struct stacks *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->lines.line = stack_line;
	s->lines.arg = s;
	s->reverse = reverse;
	s->pairs = pairs;
	/* Number 0 is the root, and no name: the indexes call 0 "free". */
	if (!stack_room(s, (void **)&s->nodes, sizeof(*s->nodes), 0, &s->cap_nodes, &s->node_index, &s->node_index_cap,
			stack_hash_of_node) ||
	    !stack_room(s, (void **)&s->names, sizeof(*s->names), 0, &s->cap_names, &s->name_index, &s->name_index_cap,
			stack_hash_of_name)) {
		stack_free(s);
		return NULL;
	}
	s->nodes[0] = (struct stack_node){ 0 };
	s->n_nodes = 1;
	buf_adds(&s->text, "all");
	s->names[0] = (struct stack_name){ 0, 3, 0 };
	s->n_names = 1;
	return s;
}

void stack_free(struct stacks *s)
{
	if (!s)
		return;
	free(s->nodes);
	free(s->names);
	free(s->node_index);
	free(s->name_index);
	buf_fini(&s->text);
	buf_fini(&s->last);
	buf_fini(&s->lines.part);
	free(s);
}

void stack_feed(struct stacks *s, int side, const char *p, size_t n)
{
	s->side = side;
	line_feed(&s->lines, p, n);
	if (s->lines.part.oom)
		s->err = -ENOMEM;
}

int stack_end_file(struct stacks *s)
{
	line_end(&s->lines);
	return s->err;
}

int stack_end(struct stacks *s)
{
	if (s->err)
		return s->err;
	for (uint32_t i = 0; i < s->n_nodes; i++)
		for (int k = 0; k < 2; k++)
			s->nodes[i].n[k] = s->nodes[i].self[k];
	for (uint32_t i = s->n_nodes - 1; i > 0; i--)
		for (int k = 0; k < 2; k++)
			s->nodes[s->nodes[i].parent].n[k] += s->nodes[i].n[k];
	return 0;
}
