/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of a script: its usage, its manual page, from two places only, the head comment and the options that it declares, so that they
 * cannot drift apart. The head comment is the first of the file:
 *
 *	 * opensnoop - trace open(2) and its kin
 *	 *
 *	 * One line for each file opened ...
 *	 *
 *	 * EXAMPLES
 *	 *     opensnoop -x
 *	 *         only those that fail
 *
 * A line in capitals alone begins a section. Lines that are indented by four and more stand as they are.
 */
#include <ctype.h>

#include "cli/args.h"

static struct str page_trim(struct str s)
{
	while (s.len && isspace((unsigned char)s.s[s.len - 1]))
		s.len--;
	while (s.len && s.s[0] == '\n') {
		s.s++;
		s.len--;
	}
	return s;
}

/* The next line of `text`, without its end. False: there is none. */
static bool page_line(struct str *text, struct str *ret)
{
	if (!text->len)
		return false;
	const char *nl = memchr(text->s, '\n', text->len);
	uint32_t n = nl ? (uint32_t)(nl - text->s) : text->len;
	*ret = (struct str){ text->s, n };
	n += nl != NULL;
	*text = (struct str){ text->s + n, text->len - n };
	return true;
}

static bool page_is_title(struct str line)
{
	bool letters = false;
	for (uint32_t i = 0; i < line.len; i++) {
		if (!isupper((unsigned char)line.s[i]) && line.s[i] != ' ')
			return false;
		letters |= line.s[i] != ' ';
	}
	return letters && line.s[0] != ' ';
}

void page_read(struct arena *a, struct str script, struct page *ret)
{
	const char *lo = memmem(script.s, script.len, "/*", 2), *hi = lo ? memmem(lo, script.len - (size_t)(lo - script.s), "*/", 2) : NULL;
	/* a licence on a line of its own is not the head */
	while (hi && !memchr(lo, '\n', (size_t)(hi - lo))) {
		lo = memmem(hi, script.len - (size_t)(hi - script.s), "/*", 2);
		hi = lo ? memmem(lo, script.len - (size_t)(lo - script.s), "*/", 2) : NULL;
	}
	*ret = (struct page){ 0 };
	if (!hi)
		return;
	struct str text = { lo + 2, (uint32_t)(hi - lo) - 2 }, line;
	struct buf b = { 0 };
	struct str title = { "", 0 };
	bool first = true;
	for (bool more = true; more;) {
		more = page_line(&text, &line);
		while (more && line.len && (line.s[0] == ' ' || line.s[0] == '\t')) {
			line.s++;
			line.len--;
		}
		if (more && line.len && line.s[0] == '*') {
			uint32_t skip = line.len > 1 && line.s[1] == ' ' ? 2 : 1;
			line = (struct str){ line.s + skip, line.len - skip };
		}
		const char *dash = more && first ? memmem(line.s, line.len, " - ", 3) : NULL;
		if (dash) {
			ret->names = (struct str){ line.s, (uint32_t)(dash - line.s) };
			ret->summary = (struct str){ dash + 3, line.len - (uint32_t)(dash - line.s) - 3 };
			first = false;
		} else if (!more || page_is_title(line)) {
			struct str body = page_trim((struct str){ arena_strndup(a, b.s ? b.s : "", b.len), (uint32_t)b.len });
			if (title.len)
				vec_push(a, &ret->parts, ((struct page_part){ title, body }));
			else
				ret->text = body;
			buf_clear(&b);
			title = line;
		} else {
			buf_add(&b, line.s, line.len);
			buf_addc(&b, '\n');
		}
	}
	buf_fini(&b);
}

const struct page_part *page_part(const struct page *p, const char *title)
{
	for (uint32_t i = 0; i < p->parts.n; i++)
		if (str_is(p->parts.v[i].title, title))
			return &p->parts.v[i];
	return NULL;
}

/* What every script takes, where its own options do not mean something else. */
static const struct { char letter; const char *name, *value, *help; } page_common[] = {
	{ 'j', "json", "", "print JSON, an object per line" },
	{ 'f', "", "[FORMAT]", "text, json, csv, svg (a picture), folded (stacks; -f alone)" },
	{ 'o', "output", "FILE", "write to this file" },
	{ 'v', "verbose", "", "say how each probe is attached, and what it cost" },
	{ '\0', "max-cost", "PCT", "stop when tracing takes more than PCT % of one CPU" },
	{ '\0', "exec", "CMD...", "run this command, trace nothing else, end with it (the last option)" },
	{ '\0', "explain", "", "do not run: say what would be attached, and how" },
	{ 'h', "help", "", "this text" },
};

static void page_options(const struct options *o, struct buf *out)
{
	option_help(o, out);
	for (size_t i = 0; i < sizeof(page_common) / sizeof(*page_common); i++) {
		struct options one = { 0 };
		struct option_decl d = { .letter = page_common[i].letter, .name = str_of(page_common[i].name),
					 .is_long = page_common[i].name[0] != '\0', .value = str_of(page_common[i].value),
					 .help = str_of(page_common[i].help) };
		for (uint32_t k = 0; k < o->v.n; k++) {
			if (d.letter && o->v.v[k].letter == d.letter)
				d.letter = '\0';
			if (str_eq(o->v.v[k].name, d.name))
				d.is_long = false;
		}
		if (!d.letter && !d.is_long)
			continue;
		one.v.v = &d;
		one.v.n = 1;
		option_help(&one, out);
	}
}

static void page_indented(struct str text, int n, struct buf *out)
{
	struct str line;
	while (page_line(&text, &line)) {
		if (line.len)
			buf_pad(out, ' ', n);
		buf_add(out, line.s, line.len);
		buf_addc(out, '\n');
	}
}

void page_usage(const struct page *p, const struct options *o, const char *name, struct buf *out)
{
	const struct page_part *examples = page_part(p, "EXAMPLES");
	if (p->summary.len)
		buf_addf(out, "%s - %.*s\n\n", name, STR_FMT(p->summary));
	buf_adds(out, "USAGE:\n");
	if (o->declared) {
		option_synopsis(o, name, 78, out);
		buf_adds(out, "\nOPTIONS:\n");
		page_options(o, out);
	} else { /* all that sonde takes stands before `--`, and in its own help */
		struct buf before = { 0 };
		buf_addf(&before, "sonde %s --", name);
		option_synopsis(o, before.s ? before.s : name, 78, out);
		buf_fini(&before);
		buf_adds(out, o->v.n ? "\nOPTIONS:\n" : "");
		option_help(o, out);
	}
	if (examples) {
		buf_adds(out, "\nEXAMPLES:\n");
		page_indented(examples->text, 0, out);
	}
}

void page_manual(const struct page *p, const struct options *o, const char *name, struct buf *out)
{
	buf_addf(out, "NAME\n    %.*s - %.*s\n\nSYNOPSIS\n", STR_FMT(p->names), STR_FMT(p->summary));
	option_synopsis(o, name, 78, out);
	buf_adds(out, "\nDESCRIPTION\n");
	page_indented(p->text, 4, out);
	buf_adds(out, "\nOPTIONS\n");
	page_options(o, out);
	for (uint32_t i = 0; i < p->parts.n; i++) {
		buf_addf(out, "\n%.*s\n", STR_FMT(p->parts.v[i].title));
		page_indented(p->parts.v[i].text, p->parts.v[i].text.len && p->parts.v[i].text.s[0] == ' ' ? 0 : 4, out);
	}
}

/* Text for roff: no line may begin with a control character, no backslash is one. */
static void page_escape(struct str s, struct buf *out)
{
	if (s.len && (s.s[0] == '.' || s.s[0] == '\''))
		buf_adds(out, "\\&");
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.s[i] == '\\')
			buf_adds(out, "\\e");
		else if (s.s[i] == '-')
			buf_adds(out, "\\-");
		else
			buf_addc(out, s.s[i]);
	}
}

static void page_roff_text(struct str text, struct buf *out)
{
	struct str line;
	bool literal = false;
	while (page_line(&text, &line)) {
		bool want = line.len >= 2 && line.s[0] == ' ' && line.s[1] == ' ';
		if (line.len && want != literal) {
			buf_adds(out, want ? ".nf\n" : ".fi\n");
			literal = want;
		}
		if (!line.len)
			buf_adds(out, literal ? "\n" : ".PP\n");
		else {
			page_escape(line, out);
			buf_addc(out, '\n');
		}
	}
	if (literal)
		buf_adds(out, ".fi\n");
}

void page_roff(const struct page *p, const struct options *o, const char *name, struct buf *out)
{
	struct buf b = { 0 };
	buf_adds(out, ".TH ");
	for (const char *c = name; *c; c++)
		buf_addc(out, (char)toupper((unsigned char)*c));
	buf_addf(out, " 8 \"\" \"sonde\" \"sonde tools\"\n.SH NAME\n%.*s \\- ", STR_FMT(p->names));
	page_escape(p->summary, out);
	buf_adds(out, "\n.SH SYNOPSIS\n.nf\n");
	option_synopsis(o, name, 78, &b);
	page_roff_text((struct str){ b.s ? b.s : "", (uint32_t)b.len }, out);
	buf_clear(&b);
	buf_adds(out, ".fi\n.SH DESCRIPTION\n");
	page_roff_text(p->text, out);
	buf_adds(out, ".SH OPTIONS\n");
	page_options(o, &b);
	page_roff_text((struct str){ b.s ? b.s : "", (uint32_t)b.len }, out);
	for (uint32_t i = 0; i < p->parts.n; i++) {
		buf_addf(out, ".SH %.*s\n", STR_FMT(p->parts.v[i].title));
		page_roff_text(p->parts.v[i].text, out);
	}
	buf_fini(&b);
}
