/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutations. On bytes: flips, interesting numbers, cuts, repetitions, pieces of other seeds. On tokens: the same with words, operators
 * and literals, so that a changed program still gets past the lexer and often past the parser.
 */
#include <ctype.h>
#include <stdlib.h>

#include "fuzz.h"

static void mutate_replace(struct buf *b, size_t at, size_t cut, const void *p, size_t n)
{
	struct buf out = { 0 };
	if (at > b->len)
		at = b->len;
	if (cut > b->len - at)
		cut = b->len - at;
	buf_add(&out, b->s, at);
	buf_add(&out, p, n);
	buf_add(&out, b->s + at + cut, b->len - at - cut);
	buf_fini(b);
	*b = out;
}

void mutate_bytes(struct rng *r, const struct seeds *s, struct buf *b)
{
	static const uint64_t numbers[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
					    0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x10000, 4096 };
	for (uint32_t k = 1 + rng_below(r, 6); k && b->len < 1 << 20; k--) {
		size_t at = rng_below(r, (uint32_t)b->len + 1), n = 1 + rng_below(r, rng_one_in(r, 4) ? 64 : 8);
		uint64_t v = rng_one_in(r, 3) ? rng_next(r) : numbers[rng_below(r, sizeof(numbers) / sizeof(*numbers))];
		switch (rng_below(r, 8)) {
		case 0:
			if (at < b->len)
				b->s[at] = (char)(b->s[at] ^ (1 << rng_below(r, 8)));
			break;
		case 1:
			if (at < b->len)
				b->s[at] = (char)v;
			break;
		case 2: {
			size_t w = (size_t)1 << rng_below(r, 4);
			if (at + w <= b->len)
				memcpy(b->s + at, &v, w);
			break;
		}
		case 3: mutate_replace(b, at, n, "", 0); break;
		case 4: mutate_replace(b, at, 0, &v, 1 + rng_below(r, 8)); break;
		case 5: { /* repeat a piece */
			size_t from = rng_below(r, (uint32_t)b->len + 1), len = n < b->len - from ? n : b->len - from;
			char *copy = malloc(len + 1);
			memcpy(copy, b->s + from, len);
			for (uint32_t i = rng_one_in(r, 8) ? 200 : 1; i; i--)
				mutate_replace(b, at, 0, copy, len);
			free(copy);
			break;
		}
		case 6: { /* a piece of another seed */
			struct str o = s->v[rng_below(r, s->n)];
			uint32_t from = rng_below(r, o.len + 1), len = rng_below(r, o.len - from + 1);
			mutate_replace(b, at, rng_one_in(r, 2) ? len : 0, o.s + from, len > 256 ? 256 : len);
			break;
		}
		default: /* cut the end off */
			if (rng_one_in(r, 4))
				mutate_replace(b, at, b->len, "", 0);
		}
	}
}

/* The token that begins at p: its length; layout counts as a token. */
static size_t mutate_token(const char *p, const char *end)
{
	const char *q = p;
	unsigned char c = (unsigned char)*p;
	if (isspace(c)) {
		while (q < end && isspace((unsigned char)*q))
			q++;
	} else if (isalnum(c) || c == '_' || c == '$' || c == '@') {
		for (q++; q < end && (isalnum((unsigned char)*q) || *q == '_'); q++)
			;
	} else if (c == '"') {
		for (q++; q < end && *q != '"'; q++)
			if (*q == '\\' && q + 1 < end)
				q++;
		q += q < end;
	} else {
		q++;
		if (q < end && strchr("=&|<>+-.", *q) && strchr("=!<>&|+-*/%^.", c))
			q++;
	}
	return (size_t)(q - p);
}

/* A random token of a text: where, how long. */
static size_t mutate_pick(struct rng *r, struct str s, size_t *ret_len)
{
	size_t n = 0, at = 0;
	*ret_len = 0;
	for (size_t i = 0; i < s.len;) {
		size_t len = mutate_token(s.s + i, s.s + s.len);
		if (!isspace((unsigned char)s.s[i]) && rng_below(r, (uint32_t)++n) == 0) {
			at = i;
			*ret_len = len;
		}
		i += len;
	}
	return at;
}

void mutate_tokens(struct rng *r, const struct seeds *s, struct buf *b)
{
	static const char *const words[] = {
		"(", ")", "{", "}", "[", "]", ";", ",", ".", "->", "/", "*", "&", "=", "==", "+=", "<<", "?", ":", "..", "!", "~", "-",
		"++", "0", "1", "-1", "255", "256", "9223372036854775807", "18446744073709551615", "0x80000000", "\"\"", "\"%s%d%r\"",
		"@", "@a", "$x", "$1", "$#", "comm", "pid", "args", "ctx", "curtask", "probe", "retval", "nsecs", "count()", "hist(1)",
		"sum(pid)", "if", "else", "for", "while", "unroll", "let", "return", "break", "continue", "sizeof", "offsetof", "struct",
		"(uint8)", "(int64)", "(string[8])", "(struct task_struct *)", "str(", "buf(", "print(", "printf(", "delete(", "true",
		"macro", "config", "end", "begin", "interval:s:1", "tracepoint:syscalls:sys_enter_openat", "exit()", "typeof", "import",
	};
	for (uint32_t k = 1 + rng_below(r, 5); k; k--) {
		size_t len, olen, at = mutate_pick(r, (struct str){ b->s, (uint32_t)b->len }, &len);
		struct str o = s->v[rng_below(r, s->n)];
		size_t oat = mutate_pick(r, o, &olen);
		const char *w = words[rng_below(r, sizeof(words) / sizeof(*words))];
		switch (rng_below(r, 6)) {
		case 0: mutate_replace(b, at, len, "", 0); break;
		case 1: mutate_replace(b, at, len, o.s + oat, olen); break;
		case 2: mutate_replace(b, at, 0, o.s + oat, olen); break;
		case 3: mutate_replace(b, at, len, w, strlen(w)); break;
		case 4: mutate_replace(b, at, 0, w, strlen(w)); break;
		default: { /* a longer piece of another program */
			size_t piece = rng_below(r, 60);
			mutate_replace(b, at, len, o.s + oat, piece < o.len - oat ? piece : o.len - oat);
		}
		}
	}
}

void mutate_words(struct rng *r, const struct seeds *s, struct buf *b)
{
	for (uint32_t k = 1 + rng_below(r, 2); k; k--) {
		size_t len, olen, at = mutate_pick(r, (struct str){ b->s, (uint32_t)b->len }, &len);
		struct str o = rng_one_in(r, 2) ? (struct str){ b->s, (uint32_t)b->len } : s->v[rng_below(r, s->n)];
		size_t oat = mutate_pick(r, o, &olen);
		char word[64];
		olen = olen < sizeof(word) ? olen : sizeof(word);
		memcpy(word, o.s + oat, olen);
		mutate_replace(b, at, len, word, olen);
	}
}
