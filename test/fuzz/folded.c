/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folded: damaged stacks, which are also tried as points of a heat map, fed in pieces of every size. Whatever they are: the root holds the sum of all counts, a frame holds at least what
 * stands on it, and the picture has no markup but ours.
 */
#include <errno.h>
#include <stdlib.h>

#include "fuzz.h"
#include "out/picture.h"

static void folded_setup(struct fuzz *f)
{
	static const struct str v[] = {
		STR("# comment\na;b;c 12\na;b;d 3\na;b 1\n\nx y;z(int, char) 7\r\na;b;c 1.5\n"),
		STR("main;<script>;]]>;&amp;;\"quoted\" 4\nmain;f_[k];g_[j];h_[i];[unknown];-;std::x 20\n;;;a;;b;; 1\n"),
		STR("1 2\n3.5 4e3 7\n1760000000000000000 0\n0 1e-9\n# x\n1760000001000000000 123456 2\n"),
		STR("app;f 10 80\napp;g 60 60\napp;h 0 1e3\n\xe6\x93\x8d\xe4\xbd\x9c;\xff\xfe 9 1\n"),
	};
	f->seeds = (struct seeds){ calloc(4, sizeof(struct str)), 4 };
	memcpy(f->seeds.v, v, sizeof(v));
}

static void folded_check(struct fuzz *f, struct stacks *s, const struct buf *out)
{
	double self[2] = { 0 };
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		const struct stack_node *n = &s->nodes[i];
		if (i && n->parent >= i)
			fuzz_fail(f, "node %u is its own ancestor", i);
		for (int k = 0; k < 2; k++) {
			self[k] += n->self[k];
			if (n->n[k] < n->self[k])
				fuzz_fail(f, "node %u holds less than itself", i);
		}
	}
	for (int k = 0; k < 2; k++) {
		double d = s->nodes[0].n[k] - self[k];
		if ((d < 0 ? -d : d) > self[k] * 1e-9)
			fuzz_fail(f, "the root holds %g of %g", s->nodes[0].n[k], self[k]);
	}
	/* Every `<` is one of ours. */
	static const char *const ours[] = { "?xml ", "svg ", "/svg>", "title>", "title id", "/title>", "desc ", "/desc>", "style>", "/style>", "rect ",
					    "text ", "/text>", "g id=\"frames\">", "g id=\"legend\">", "g class=\"", "/g>", "script><![CDATA[" };
	const char *end = out->s ? strstr(out->s, "<script><![CDATA[") : NULL;
	for (const char *p = out->s; p && p < end && (p = memchr(p, '<', (size_t)(end - p))); p++) {
		size_t i = 0;
		while (i < sizeof(ours) / sizeof(*ours) && strncmp(p + 1, ours[i], strlen(ours[i])))
			i++;
		if (i == sizeof(ours) / sizeof(*ours))
			fuzz_fail(f, "markup that is not ours: %.40s", p);
	}
}

static void folded_heat(struct fuzz *f, const uint8_t *p, size_t n, uint32_t how)
{
	struct heat_options o = { .axis = how % 3, .columns = how & 4 ? 1 + how : 0, .rows = how & 8 ? 5 + how % 190 : 0, .width = how & 16 ? 300 : 0,
				  .time_scale = how & 32 ? 1e-9 : 0, .unit = how & 64 ? "<u>" : NULL };
	struct heat *h = heat_new();
	struct buf out = { 0 };
	heat_feed(h, (const char *)p, n);
	if (heat_end_file(h))
		fuzz_fail(f, "out of memory");
	int err = heat_draw(h, &o, &out);
	if (err && (err != -ENODATA || h->n_points))
		fuzz_fail(f, "heat_draw: %d", err);
	if (out.s && (strstr(out.s, "nan") || strstr(out.s, "\"inf")))
		fuzz_fail(f, "a number that is none");
	buf_fini(&out);
	heat_free(h);
}

static void folded_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	uint32_t how = n ? p[n / 2] : 0, piece = 1 + how % 61;
	struct flame_options o = { .min_width = how & 1 ? 0 : -1, .inverted = how & 2, .diff = how & 4, .absolute = how & 8, .by_before = how & 16,
				   .palette = how >> 5 & 3, .title = "<t>", .width = how & 64 ? 300 : 0 };
	struct flame_result r;
	struct stacks *s = stack_new(how & 128, o.diff && how & 32);
	struct buf out = { 0 };
	for (size_t at = 0; at < n; at += piece)
		stack_feed(s, o.diff && at > n / 2, (const char *)p + at, n - at < piece ? n - at : piece);
	if (stack_end_file(s) || stack_end(s))
		fuzz_fail(f, "out of memory");
	int err = flame_draw(s, &o, &r, &out);
	if (!err)
		f->n_accepted++;
	folded_check(f, s, &out);
	buf_fini(&out);
	stack_free(s);
	folded_heat(f, p, n, how);
}

const struct target fuzz_folded = { .name = "folded", .what = "folded stacks", .setup = folded_setup, .run = folded_run };
