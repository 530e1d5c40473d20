/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile [-s SEED] [N] FILE...: the text of the golden files, damaged at random N times, through ir_parse. Whatever
 * comes back must be an error or a function that all passes and the back end take without harm and that prints the same
 * again.
 */
#include "../bpf/machine.h"

static uint64_t state;

static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static void damage(char *s, size_t n)
{
	static const char bits[] = "0123456789%b.,:[]() \n-x!\"\\#=";
	for (uint32_t k = 1 + rnd(4); k-- > 0 && n;) {
		size_t at = rnd((uint32_t)n), to = rnd((uint32_t)n), len = 1 + rnd(20);
		switch (rnd(4)) {
		case 0: s[at] = bits[rnd(sizeof(bits) - 1)]; break;
		case 1: s[at] = (char)(1 + rnd(255)); break;
		case 2: /* a piece over another */
			len = at + len > n ? n - at : len;
			len = to + len > n ? n - to : len;
			memmove(s + to, s + at, len);
			break;
		default: if (rnd(20) == 0) s[at] = '\0';
		}
	}
}

static const char *try(const char *text, unsigned long *parsed)
{
	struct arena a;
	const char *err = NULL, *bad = NULL;
	struct buf one = { 0 }, two = { 0 };
	arena_init(&a);
	struct func *f = ir_parse(&a, text, &err);
	if (!f && !err)
		bad = "neither a function nor an error";
	if (f) {
		(*parsed)++;
		ir_print(f, &one);
		struct func *g = ir_parse(&a, one.s, &err);
		if (g)
			ir_print(g, &two);
		if (!g || strcmp(one.s, two.s) != 0)
			bad = "does not print the same again";
		const char *broke = ir_optimise(f, NULL);
		if (broke)
			bad = "the passes broke it";
		struct func *funcs[1] = { f };
		struct bpf_target t = { .alu32 = true, .cpu_v4 = rnd(2), .atomics = rnd(2) };
		const struct bpf_code *c = broke ? NULL : bpf_compile(&a, funcs, 1, 0, &t, &err);
		if (!broke && !c && !err)
			bad = "neither code nor an error";
		if (c && strstr(err ? err : "", "writes r0"))
			bad = err;
		if (bad)
			printf("%s\n%s\n", broke ? broke : err ? err : "", one.s);
	}
	buf_fini(&one);
	buf_fini(&two);
	bad = bad ? strdup(bad) : NULL;
	arena_fini(&a);
	return bad;
}

int main(int argc, char **argv)
{
	static char text[1 << 20], one[1 << 16];
	unsigned long n = 1000, parsed = 0, failed = 0, tried = 0;
	uint64_t seed = 1;
	int k = 1;
	if (k + 1 < argc && !strcmp(argv[k], "-s")) {
		seed = strtoull(argv[k + 1], NULL, 0);
		k += 2;
	}
	if (k < argc)
		n = strtoul(argv[k++], NULL, 0);
	size_t len = 0;
	for (; k < argc; k++) {
		FILE *in = fopen(argv[k], "r");
		if (in) {
			len += fread(text + len, 1, sizeof(text) - 1 - len, in);
			fclose(in);
		}
	}
	const char *funcs[4096];
	uint32_t n_funcs = 0;
	for (const char *p = strstr(text, "\nfunc "); p && n_funcs < 4096; p = strstr(p + 1, "\nfunc "))
		funcs[n_funcs++] = p + 1;
	for (unsigned long i = 0; i < n && n_funcs && failed < 5; i++, tried++) {
		state = (seed + i) * 0x9e3779b97f4a7c15ull | 1;
		rnd(2);
		const char *f = funcs[rnd(n_funcs)], *end = strstr(f, "\nend\n");
		size_t size = end ? (size_t)(end + 5 - f) : strlen(f);
		if (size >= sizeof(one))
			continue;
		memcpy(one, f, size);
		one[size] = '\0';
		damage(one, size);
		const char *bad = try(one, &parsed);
		if (bad) {
			printf("FAIL hostile: -s %llu: %s\n%s\n", (unsigned long long)(seed + i), bad, one);
			failed++;
		}
	}
	printf("%lu damaged texts, %lu of them still functions\n", tried, parsed);
	return failed || !tried || !parsed;
}
