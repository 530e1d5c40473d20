/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words behind the name of a script that declares its options (lang/option.h). Its own options come first; what it does
 * not have is sonde's, so that `biolatency -f svg 30` draws a picture and a tool's own -p means what its help says. As users of such tools
 * expect: -T5 and -T 5, -Tm for -T -m, --name=value and --name value, long names shortened while they are unambiguous, options
 * behind arguments, and `--` before arguments that begin with '-'.
 */
#include <ctype.h>

#include "cli/args.h"

struct args_walk {
	struct arena *a;
	const struct options *o;
	char *const *words;
	int n, i;
	uint32_t positional; /* of the declared arguments, how many are taken */
	args_known *known;
	struct args *to;
};

static void args_fail(struct args_walk *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void args_fail(struct args_walk *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (!w->to->error)
		w->to->error = arena_vprintf(w->a, fmt, ap);
	va_end(ap);
}

static void args_value(struct args_walk *w, const struct option_decl *o, struct str text)
{
	struct option_value v;
	struct str rest = text, one = text;
	const char *name = o->positional ? arena_printf(w->a, "%.*s", STR_FMT(o->value)) : arena_printf(w->a, "--%.*s", STR_FMT(o->name));
	while (!w->to->error && (!o->list || o->positional || option_next(&rest, &one))) {
		const char *why = option_read(w->a, o, one, &v);
		if (why)
			args_fail(w, "%s: %s", name, why);
		if (!o->list || o->positional)
			break;
	}
	vec_push(w->a, &w->to->named, arena_printf(w->a, "--%.*s%s%.*s", STR_FMT(o->name), o->type == OPTION_FLAG ? "" : "=",
						   STR_FMT(text)));
}

static void args_engine(struct args_walk *w, char *option, char *value)
{
	vec_push(w->a, &w->to->engine, option);
	if (value)
		vec_push(w->a, &w->to->engine, value);
}

/* The word behind this option; NULL: there is none, reported. */
static char *args_next(struct args_walk *w, const char *option)
{
	if (w->i + 1 < w->n)
		return w->words[++w->i];
	args_fail(w, "%s needs a value", option);
	return NULL;
}

/* --exec CMD...: all words that are left are the command of -c, which splits its text again. */
static void args_exec(struct args_walk *w, const char *first)
{
	struct buf b = { 0 };
	for (const char *word = first ? first : w->i + 1 < w->n ? w->words[++w->i] : NULL; word;
	     word = w->i + 1 < w->n ? w->words[++w->i] : NULL) {
		buf_adds(&b, b.len ? " '" : "'");
		for (const char *p = word; *p; p++)
			buf_adds(&b, *p == '\'' ? "'\\''" : (char[]){ *p, '\0' });
		buf_addc(&b, '\'');
	}
	if (!b.len)
		args_fail(w, "--exec needs a command");
	args_engine(w, arena_strdup(w->a, "-c"), arena_strdup(w->a, b.s ? b.s : ""));
	buf_fini(&b);
}

/* A flag of the tool; of some names it is a format, too. */
static void args_flag(struct args_walk *w, const struct option_decl *d)
{
	args_value(w, d, (struct str){ "", 0 });
	if (str_is(d->name, "folded") || str_is(d->name, "csv"))
		args_engine(w, arena_strdup(w->a, "-f"), arena_strndup(w->a, d->name.s, d->name.len));
}

static void args_long(struct args_walk *w, const char *word)
{
	const char *eq = strchr(word, '=');
	struct str name = { word + 2, (uint32_t)(eq ? (size_t)(eq - word) - 2 : strlen(word + 2)) };
	const struct option_decl *found = NULL;
	uint32_t n = 0;
	bool takes = false;
	for (uint32_t i = 0; i < w->o->v.n; i++) {
		const struct option_decl *d = &w->o->v.v[i];
		if (!d->is_long || d->name.len < name.len || memcmp(d->name.s, name.s, name.len) != 0)
			continue;
		if (d->name.len == name.len) {
			found = d;
			n = 1;
			break;
		}
		found = d;
		n++;
	}
	if (n == 1 && found->type == OPTION_FLAG && eq) {
		args_fail(w, "--%.*s takes no value", STR_FMT(found->name));
	} else if (n == 1 && found->type == OPTION_FLAG) {
		args_flag(w, found);
	} else if (n == 1) {
		const char *v = eq ? eq + 1 : args_next(w, word);
		if (v)
			args_value(w, found, str_of(v));
	} else if (str_is(name, "help")) {
		w->to->help = true;
	} else if (!n && str_is(name, "exec")) {
		args_exec(w, eq ? eq + 1 : NULL);
	} else if (w->known('\0', name, &takes)) {
		args_engine(w, w->words[w->i], takes && !eq ? args_next(w, word) : NULL);
	} else if (n > 1) {
		args_fail(w, "%s is not clear: more than one option begins so", word);
	} else {
		args_fail(w, "there is no option %.*s", (int)name.len + 2, word);
	}
}

/* -f alone may be a tool's own flag (folded stacks), while -f svg is a format. */
static bool args_is_format(const struct args_walk *w, const char *letter)
{
	static const char *const formats[] = { "text", "json", "folded", "svg", "csv" };
	for (size_t i = 0; letter[0] == 'f' && !letter[1] && w->i + 1 < w->n && i < sizeof(formats) / sizeof(*formats); i++)
		if (!strcmp(w->words[w->i + 1], formats[i]))
			return true;
	return false;
}

static void args_short(struct args_walk *w, const char *word)
{
	for (const char *p = word + 1; *p && !w->to->error; p++) {
		const struct option_decl *d = NULL;
		bool takes = false;
		for (uint32_t i = 0; i < w->o->v.n; i++)
			if (w->o->v.v[i].letter == *p)
				d = &w->o->v.v[i];
		char *option = arena_printf(w->a, "-%c", *p);
		bool folded = d && d->type == OPTION_FLAG && str_is(d->name, "folded");
		if (folded && !args_is_format(w, p)) {
			args_flag(w, d);
			continue;
		}
		if (folded && (!strcmp(w->words[w->i + 1], "svg") || !strcmp(w->words[w->i + 1], "folded")))
			args_value(w, d, (struct str){ "", 0 });
		if (args_is_format(w, p))
			d = NULL;
		if (d && d->type == OPTION_FLAG) {
			args_flag(w, d);
			continue;
		}
		if (!d && *p == 'h') {
			w->to->help = true;
			continue;
		}
		if (!d && *p == 'j') {
			args_engine(w, arena_strdup(w->a, "-f"), arena_strdup(w->a, "json"));
			continue;
		}
		if (!d && *p == 'f' && (!p[1] || p != word + 1) && !args_is_format(w, p)) { /* as tools that take stacks always had it */
			args_engine(w, option, arena_strdup(w->a, "folded"));
			continue;
		}
		if (!d && !w->known(*p, (struct str){ "", 0 }, &takes)) {
			args_fail(w, "there is no option %s", option);
			return;
		}
		if (!d && !takes) {
			args_engine(w, option, NULL);
			continue;
		}
		char *v = p[1] ? (char *)(uintptr_t)(p + 1) : args_next(w, option);
		if (v && d)
			args_value(w, d, str_of(v));
		else if (v)
			args_engine(w, option, v);
		return;
	}
}

static void args_positional(struct args_walk *w, const char *word)
{
	uint32_t k = 0;
	for (uint32_t i = 0; i < w->o->v.n; i++) {
		const struct option_decl *d = &w->o->v.v[i];
		if (!d->positional || (k++ != w->positional))
			continue;
		w->positional += !d->list;
		args_value(w, d, str_of(word));
		return;
	}
	args_fail(w, "'%s' is one argument too many", word);
}

static bool args_has(const struct options *o, char letter)
{
	for (uint32_t i = 0; i < o->v.n; i++)
		if (o->v.v[i].letter == letter)
			return true;
	return false;
}

void args_parse(struct arena *a, const struct options *o, char *const *words, int n, args_known *known, struct args *ret)
{
	struct args_walk w = { .a = a, .o = o, .words = words, .n = n, .known = known, .to = ret };
	bool over = false;
	*ret = (struct args){ 0 };
	for (; w.i < n && !ret->error; w.i++) {
		const char *word = words[w.i];
		bool dash = !over && word[0] == '-' && word[1] && (!isdigit((unsigned char)word[1]) || args_has(o, word[1]));
		if (dash && !strcmp(word, "--"))
			over = true;
		else if (dash && word[1] == '-')
			args_long(&w, word);
		else if (dash)
			args_short(&w, word);
		else
			args_positional(&w, word);
	}
	for (uint32_t i = 0, k = 0; i < o->v.n && !ret->error && !ret->help; i++) {
		const struct option_decl *d = &o->v.v[i];
		k += d->positional;
		if (!d->positional || !d->required || k <= w.positional)
			continue;
		bool given = false;
		const char *prefix = arena_printf(a, "--%.*s=", STR_FMT(d->name));
		for (uint32_t j = 0; j < ret->named.n; j++)
			given |= !strncmp(ret->named.v[j], prefix, strlen(prefix));
		if (!given)
			args_fail(&w, "%.*s is missing", STR_FMT(d->value));
	}
}
