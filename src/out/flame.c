/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of stacks as a flame graph: one SVG file with its style, its script (flame.js) and no reference to anything
 * else.
 *
 * Layout: a frame is as wide as its samples are of all samples; its row is its depth; what it calls stands on it,
 * sorted by name, so that the same program looks the same twice. Frames too narrow to be seen are left out, and
 * everything above them with them (nothing above is wider), which bounds the file by what a screen can show. The walk
 * is iterative: depth comes from the input.
 *
 * Colours are classes, not attributes, so that one file serves light and dark. The kind of code (kernel, JIT, ...)
 * gives the hue, a hash of the name one of eight shades of it; in a differential graph the change of the frame's own
 * samples gives the colour.
 */
#include <errno.h>
#include <stdlib.h>

#include "out/picture.h"

enum {
	PAD = 10, ROW = 16, ROW_FILL = 15, HEADER = 54, DETAILS = 22, LABEL_PAD = 3, NAME_MAX_BYTES = 4096,
	SHADES = 8, DEFAULT_WIDTH = 1200, LEAST_WIDTH = 300, MOST_WIDTH = 100000
};
#define CELL 7.25 /* width of a character of 12 px */

const char *const flame_palette_names[FLAME_PALETTES] = { "auto", "hot", "cold", "grey" };

static const char flame_script[] =
#include "out/flame.inc"
	;

/* --- kinds of frames */
enum kind { KIND_USER, KIND_KERNEL, KIND_JIT, KIND_INLINED, KIND_CXX, KIND_UNKNOWN, KINDS };

static const struct kind_look {
	char letter;
	const char *what;
	double hue, hue_end, saturation;
} kinds[KINDS] = {
	[KIND_USER] = { 'u', "user", 2, 20, 0.82 },
	[KIND_KERNEL] = { 'k', "kernel", 27, 40, 0.88 },
	[KIND_JIT] = { 'j', "JIT", 92, 130, 0.55 },
	[KIND_INLINED] = { 'i', "inlined", 172, 192, 0.55 },
	[KIND_CXX] = { 'c', "C++, Rust", 47, 58, 0.75 },
	[KIND_UNKNOWN] = { 'x', "unknown", 220, 230, 0.06 },
};

static bool flame_ends(struct str s, const char *end)
{
	size_t n = strlen(end);
	return s.len > n && !memcmp(s.s + s.len - n, end, n);
}

static bool flame_has(struct str s, const char *part)
{
	return memmem(s.s, s.len, part, strlen(part)) != NULL;
}

/* By the marks that profilers leave; *name loses a suffix that is only a mark. */
static enum kind flame_kind(struct str *name)
{
	static const char *const java[] = { "java/",   "javax/", "jdk/",	 "sun/",      "org/", "com/",
					    "kotlin/", "scala/", "LazyCompile:", "Function:", "py::" };
	static const char *const kernel_modules[] = { "vmlinux`", "kernel`", "[kernel]`" };
	struct str s = *name;
	if (s.len > 4 && s.s[s.len - 4] == '_' && s.s[s.len - 3] == '[' && s.s[s.len - 1] == ']') {
		enum kind k = s.s[s.len - 2] == 'k'   ? KIND_KERNEL
			      : s.s[s.len - 2] == 'j' ? KIND_JIT
			      : s.s[s.len - 2] == 'i' ? KIND_INLINED
						      : KINDS;
		if (k != KINDS) {
			name->len -= 4;
			return k;
		}
	}
	for (size_t i = 0; i < sizeof(kernel_modules) / sizeof(*kernel_modules); i++)
		if (str_starts(s, kernel_modules[i]))
			return KIND_KERNEL;
	if (flame_ends(s, "[kernel.kallsyms]") || flame_ends(s, "([kernel.kallsyms])"))
		return KIND_KERNEL;
	if (str_is(s, "-") || str_is(s, "--") || str_starts(s, "[unknown") || str_starts(s, "0x"))
		return KIND_UNKNOWN;
	struct str t = s;
	if (t.len > 1 && t.s[0] == 'L') {
		t.s++;
		t.len--;
	}
	for (size_t i = 0; i < sizeof(java) / sizeof(*java); i++)
		if (str_starts(i < 8 ? t : s, java[i]))
			return KIND_JIT;
	return flame_has(s, "::") ? KIND_CXX : KIND_USER;
}

/* --- layout */
struct place {
	uint32_t node, depth;
	double x; /* left edge, in samples */
};

struct flame {
	const struct stacks *s;
	const struct flame_options *o;
	struct buf *out, name; /* scratch: the safe text of one name */
	struct place *drawn, *todo;
	uint32_t n_drawn, cap_drawn, n_todo, cap_todo, depth;
	int side;              /* which of n[] is the width */
	double width, scale;   /* pixels of the picture, per sample */
	double before;         /* what n[0] is multiplied with, to be compared with n[1] */
	double most;           /* the largest change of a frame's own samples */
	double base_y;         /* of the root's row */
	bool kinds_seen[KINDS];
};

static bool flame_room(struct place **v, uint32_t n, uint32_t *cap)
{
	if (n < *cap)
		return true;
	uint32_t want = *cap ? *cap * 2 : 1024;
	struct place *p = realloc(*v, sizeof(*p) * want);
	if (!p)
		return false;
	*v = p;
	*cap = want;
	return true;
}

static int flame_compare(const void *a, const void *b, void *arg)
{
	struct str x = stack_text(arg, ((const struct place *)a)->node),
		   y = stack_text(arg, ((const struct place *)b)->node);
	int c = memcmp(x.s, y.s, x.len < y.len ? x.len : y.len);
	return c ? c : x.len < y.len ? -1 : x.len > y.len;
}

/* The children of `p` that are wide enough, onto the todo list, the first on top. */
static int flame_push(struct flame *f, struct place p)
{
	const struct stacks *s = f->s;
	double least = f->o->min_width < 0 ? 0.1 : f->o->min_width, x = p.x;
	uint32_t first = f->n_todo, kept = first;
	for (uint32_t i = s->nodes[p.node].child; i; i = s->nodes[i].next) {
		if (!flame_room(&f->todo, f->n_todo, &f->cap_todo))
			return -ENOMEM;
		f->todo[f->n_todo++] = (struct place){ i, p.depth + 1, 0 };
	}
	if (f->n_todo - first > 1)
		qsort_r(f->todo + first, f->n_todo - first, sizeof(*f->todo), flame_compare, (void *)s);
	for (uint32_t i = first; i < f->n_todo; i++) {
		double n = s->nodes[f->todo[i].node].n[f->side];
		if (n > 0 && n * f->scale >= least) {
			f->todo[kept] = f->todo[i];
			f->todo[kept++].x = x;
		}
		x += n;
	}
	f->n_todo = kept;
	for (uint32_t i = first, j = kept; i + 1 < j; i++) {
		struct place t = f->todo[i];
		f->todo[i] = f->todo[--j];
		f->todo[j] = t;
	}
	return 0;
}

static double flame_change(const struct flame *f, uint32_t node)
{
	const struct stack_node *n = &f->s->nodes[node];
	return n->self[1] - n->self[0] * f->before;
}

static int flame_layout(struct flame *f)
{
	if (!flame_room(&f->todo, 0, &f->cap_todo))
		return -ENOMEM;
	f->todo[f->n_todo++] = (struct place){ 0 };
	while (f->n_todo) {
		struct place p = f->todo[--f->n_todo];
		if (!flame_room(&f->drawn, f->n_drawn, &f->cap_drawn))
			return -ENOMEM;
		f->drawn[f->n_drawn++] = p;
		if (p.depth > f->depth)
			f->depth = p.depth;
		double c = flame_change(f, p.node);
		if (c < 0)
			c = -c;
		if (c > f->most)
			f->most = c;
		struct str name = stack_text(f->s, p.node);
		if (p.node)
			f->kinds_seen[flame_kind(&name)] = true;
		int err = flame_push(f, p);
		if (err)
			return err;
	}
	return 0;
}

/* --- colours */
static void flame_rule(struct flame *f, const char *class, int shade, uint32_t rgb)
{
	buf_addf(f->out, ".%s%d rect{fill:#%06x}", class, shade, rgb);
}

static void flame_colours(struct flame *f, bool dark)
{
	for (int i = 1; f->o->diff && i <= SHADES; i++) {
		double part = (double)i / SHADES;
		flame_rule(f, "p", i,
			   svg_hsl(2, dark ? 0.25 + 0.4 * part : 0.9, dark ? 0.27 + 0.17 * part : 0.93 - 0.33 * part));
		flame_rule(
			f, "m", i,
			svg_hsl(218, dark ? 0.25 + 0.4 * part : 0.85, dark ? 0.27 + 0.17 * part : 0.94 - 0.29 * part));
	}
	for (int k = 0; !f->o->diff && k < KINDS; k++) {
		struct kind_look look = kinds[k];
		char class[2] = { look.letter, 0 };
		if (!f->kinds_seen[k])
			continue;
		if (f->o->palette == FLAME_HOT)
			look = (struct kind_look){ .hue = 2, .hue_end = 52, .saturation = 0.85 };
		else if (f->o->palette == FLAME_COLD)
			look = (struct kind_look){ .hue = 188, .hue_end = 225, .saturation = 0.6 };
		else if (f->o->palette == FLAME_GREY)
			look = (struct kind_look){ .hue = 220, .hue_end = 220, .saturation = 0.04 };
		for (int i = 0; i < SHADES; i++) {
			double part = (double)i / (SHADES - 1),
			       light = dark ? 0.30 + 0.055 * ((i * 5) % SHADES) / SHADES
					    : 0.66 + 0.10 * ((i * 5) % SHADES) / SHADES;
			flame_rule(f, class, i,
				   svg_hsl(look.hue + (look.hue_end - look.hue) * part,
					   dark ? look.saturation * 0.7 : look.saturation, light));
		}
	}
	buf_addf(f->out, ".z rect{fill:#%06x}.hit rect{fill:#%06x}", dark ? 0x3a3d44 : 0xe4e5e8,
		 dark ? 0xa020a8 : 0xee66ee);
}

static void flame_style(struct flame *f)
{
	buf_adds(f->out, "<style>text{font:12px ui-monospace,\"DejaVu Sans Mono\",Menlo,Consolas,monospace;fill:#111}"
			 ":root{background:#fff}#back{fill:#fff}#heading{font-size:17px;text-anchor:middle}#matched{"
			 "text-anchor:end}"
			 "#frames g{cursor:pointer}#frames text{pointer-events:none;white-space:pre}#frames g:hover "
			 "rect,.cursor rect{stroke:#000;stroke-width:.8}"
			 ".above{opacity:.5}#reset{display:none;cursor:pointer;text-decoration:underline}"
			 "#search{width:100%;height:24px;box-sizing:border-box;font:12px "
			 "sans-serif}#search.bad{outline:2px solid #d00}");
	flame_colours(f, false);
	buf_adds(f->out, "@media "
			 "(prefers-color-scheme:dark){:root{color-scheme:dark;background:#17191d}text{fill:#eee}#back{"
			 "fill:#17191d}"
			 "#frames g:hover rect,.cursor rect{stroke:#fff}");
	flame_colours(f, true);
	buf_adds(f->out, "}</style>\n");
}

static void flame_class(struct flame *f, uint32_t node, enum kind k)
{
	if (!node) {
		buf_adds(f->out, "z");
	} else if (f->o->diff) {
		double c = flame_change(f, node), part = f->most > 0 ? (c < 0 ? -c : c) / f->most : 0;
		int shade = 0;
		/* By the square root: one large change shall not hide all others. Less than a thousandth is none. */
		while (shade < SHADES && part > 0.001 && (double)shade * shade / (SHADES * SHADES) < part)
			shade++;
		if (shade)
			buf_addf(f->out, "%c%d", c < 0 ? 'm' : 'p', shade);
		else
			buf_adds(f->out, "z");
	} else {
		buf_addf(f->out, "%c%u", kinds[k].letter, f->s->names[f->s->nodes[node].name].hash >> 5 & (SHADES - 1));
	}
}

/* --- drawing */
static void flame_percent(struct flame *f, double n, double of, bool sign)
{
	buf_addf(f->out, sign ? "%+.2f%%" : "%.2f%%", of > 0 ? 100 * n / of : 0);
}

/* `name (1,234 samples, 5.60%, kernel)`; flame.js takes the name from before the last " (". */
static void flame_title(struct flame *f, uint32_t node, enum kind k)
{
	const struct stack_node *n = &f->s->nodes[node], *root = &f->s->nodes[0];
	buf_adds(f->out, "<title>");
	svg_add_text(f->out, (struct str){ f->name.s, (uint32_t)f->name.len }, NAME_MAX_BYTES);
	buf_adds(f->out, " (");
	svg_add_count(f->out, n->n[f->side]);
	buf_addc(f->out, ' ');
	svg_add_text(f->out, str_of(f->o->unit), 64);
	buf_adds(f->out, ", ");
	flame_percent(f, n->n[f->side], root->n[f->side], false);
	if (f->o->diff) {
		double of = f->o->absolute ? root->n[f->side] : root->n[1] > 0 ? root->n[1] : root->n[0];
		buf_adds(f->out, f->side ? "; before " : "; after ");
		flame_percent(f, n->n[!f->side], f->o->absolute ? of : root->n[!f->side], false);
		buf_adds(f->out, "; own change ");
		flame_percent(f, flame_change(f, node), of, true);
	} else if (node && k != KIND_USER) {
		buf_addf(f->out, ", %s", kinds[k].what);
	}
	buf_adds(f->out, ")</title>");
}

static void flame_frame(struct flame *f, const struct place *p)
{
	struct str name = stack_text(f->s, p->node);
	enum kind k = p->node ? flame_kind(&name) : KIND_USER;
	double n = f->s->nodes[p->node].n[f->side], px = n * f->scale, x = PAD + p->x * f->scale;
	double y = f->base_y + (f->o->inverted ? 1.0 : -1.0) * ROW * p->depth;
	struct str safe;
	buf_clear(&f->name);
	buf_add_safe(&f->name, name.s, name.len, false);
	safe = (struct str){ f->name.s, (uint32_t)f->name.len };
	buf_adds(f->out, "<g class=\"");
	flame_class(f, p->node, k);
	buf_addf(f->out, "\" data-n=\"%.15g\" data-x=\"%.15g\">", n, p->x);
	flame_title(f, p->node, k);
	buf_adds(f->out, "<rect x=\"");
	svg_add_pixels(f->out, x);
	buf_addf(f->out, "\" y=\"%.0f\" width=\"", y);
	svg_add_pixels(f->out, px > 3 ? px - 0.5 : px);
	buf_addf(f->out, "\" height=\"%d\" rx=\"1\"/>", ROW_FILL);
	double room = (px - 2 * LABEL_PAD) / CELL;
	if (room >= 3) {
		uint32_t cells = (uint32_t)room, fit = svg_fit(safe, cells);
		if (fit < safe.len)
			fit = svg_fit(safe, cells - 2);
		if (fit) {
			buf_adds(f->out, "<text x=\"");
			svg_add_pixels(f->out, x + LABEL_PAD);
			buf_addf(f->out, "\" y=\"%.1f\">", y + 11.5);
			svg_add_text(f->out, safe, fit);
			buf_adds(f->out, "</text>");
		}
	}
	buf_adds(f->out, "</g>\n");
}

/* Which colour is what, in one centred line. */
static void flame_legend(struct flame *f)
{
	struct { const char *class, *what; } item[KINDS + 1];
	char class[KINDS][3];
	double w = 0, x;
	uint32_t n = 0;
	if (f->o->diff) {
		item[n].class = "m6", item[n++].what = "less than before";
		item[n].class = "z", item[n++].what = "same";
		item[n].class = "p6", item[n++].what = "more than before";
	} else if (f->o->palette == FLAME_AUTO) {
		for (int k = 0; k < KINDS; k++) {
			if (!f->kinds_seen[k])
				continue;
			class[k][0] = kinds[k].letter, class[k][1] = '3', class[k][2] = '\0';
			item[n].class = class[k], item[n++].what = kinds[k].what;
		}
	}
	buf_adds(f->out, "<g id=\"legend\">");
	for (uint32_t i = 0; i < n; i++)
		w += 16 + CELL * (double)strlen(item[i].what) + (i ? 18 : 0);
	x = (f->width - w) / 2;
	for (uint32_t i = 0; n > 1 && i < n; i++) {
		buf_addf(f->out,
			 "<g class=\"%s\"><rect x=\"%.1f\" y=\"35\" width=\"11\" height=\"11\" rx=\"1\"/><text "
			 "x=\"%.1f\" y=\"45\">%s</text></g>",
			 item[i].class, x, x + 16, item[i].what);
		x += 16 + CELL * (double)strlen(item[i].what) + 18;
	}
	buf_adds(f->out, "</g>\n");
}

static void flame_head(struct flame *f, double height)
{
	const struct stack_node *root = &f->s->nodes[0];
	struct str title = str_of(f->o->title);
	double room = (f->width - 2 * 230) / (CELL * 17 / 12);
	uint32_t fit = svg_fit(title, room < 3 ? 3 : (uint32_t)room);
	buf_addf(f->out,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
		 "height=\"%.0f\" "
		 "viewBox=\"0 0 %.0f %.0f\" data-width=\"%.0f\"%s role=\"group\" aria-labelledby=\"name "
		 "what\">\n<title id=\"name\">",
		 f->width, height, f->width, height, f->width, f->o->inverted ? " data-inverted=\"1\"" : "");
	svg_add_text(f->out, title, 1024);
	buf_adds(f->out, "</title>\n<desc id=\"what\">Flame graph: ");
	svg_add_count(f->out, root->n[f->side]);
	buf_addc(f->out, ' ');
	svg_add_text(f->out, str_of(f->o->unit), 64);
	buf_addf(f->out,
		 ", %u frames, %u left out as too narrow. A frame is as wide as its share; what it calls is %s it.",
		 f->n_drawn - 1, f->s->n_nodes - f->n_drawn, f->o->inverted ? "below" : "above");
	if (f->o->diff)
		buf_addf(f->out, " Colours: how a frame's own share changed. Widths: %s.",
			 f->side ? "after" : "before");
	buf_adds(f->out, "</desc>\n");
	flame_style(f);
	buf_addf(f->out,
		 "<rect id=\"back\" width=\"%.0f\" height=\"%.0f\"/>\n<text id=\"heading\" x=\"%.1f\" y=\"24\" "
		 "data-text=\"",
		 f->width, height, f->width / 2);
	svg_add_text(f->out, title, 1024);
	buf_adds(f->out, "\">");
	svg_add_text(f->out, title, fit);
	buf_addf(f->out, "</text>\n<text id=\"reset\" x=\"%d\" y=\"24\">Reset zoom</text>\n", PAD);
	flame_legend(f);
	double y = f->o->inverted ? HEADER + 12 : height - 9;
	buf_addf(f->out,
		 "<text id=\"details\" x=\"%d\" y=\"%.0f\"></text><text id=\"matched\" x=\"%.0f\" "
		 "y=\"%.0f\"></text>\n<g id=\"frames\">",
		 PAD, y, f->width - PAD, y);
}

int flame_draw(struct stacks *s, const struct flame_options *opt, struct flame_result *ret, struct buf *out)
{
	struct flame_options o = *opt;
	struct flame f = { .s = s, .o = &o, .out = out, .side = !o.by_before, .before = 1 };
	const double *total = s->nodes[0].n;
	if (!o.diff)
		f.side = 0;
	o.title = o.title ? o.title : o.diff ? "Differential flame graph" : "Flame graph";
	o.unit = o.unit ? o.unit : "samples";
	f.width = !o.width		  ? DEFAULT_WIDTH
		  : o.width < LEAST_WIDTH ? LEAST_WIDTH
		  : o.width > MOST_WIDTH  ? MOST_WIDTH
					  : o.width;
	*ret = (struct flame_result){ .total = { total[0], total[1] } };
	if (!(total[f.side] > 0))
		return -ENODATA;
	f.scale = (f.width - 2 * PAD) / total[f.side];
	if (o.diff && !o.absolute && total[0] > 0 && total[1] > 0)
		f.before = total[1] / total[0];
	int err = flame_layout(&f);
	if (!err) {
		double rows = (f.depth + 1.0) * ROW, height = HEADER + rows + DETAILS + PAD;
		f.base_y = o.inverted ? HEADER + DETAILS : HEADER + rows - ROW;
		flame_head(&f, height);
		for (uint32_t i = 0; i < f.n_drawn; i++)
			flame_frame(&f, &f.drawn[i]);
		buf_adds(out, "</g>\n<script><![CDATA[\n");
		buf_add(out, flame_script, sizeof(flame_script) - 1);
		buf_adds(out, "]]></script>\n</svg>\n");
		err = out->oom || f.name.oom ? -ENOMEM : 0;
	}
	ret->n_drawn = f.n_drawn;
	ret->n_hidden = s->n_nodes - f.n_drawn;
	ret->depth = f.depth;
	free(f.drawn);
	free(f.todo);
	buf_fini(&f.name);
	return err;
}
