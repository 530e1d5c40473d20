/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golden [-u] FILE...: cases of the form
 *
 *	case NAME: WHAT...
 *	functions in text form
 *	gives                       (or: refuses)
 *	the expected text
 *
 * until the next case. WHAT are, in order, names of passes, `all` for the pipeline, and at the end maybe one of: `code`
 * (the disassembly), `old-code` (for a processor before cpu v4), `run` (what the interpreter returns; the context holds
 * 1, 2, 3 ... in 8-byte words). Without one of them the functions are printed. After `refuses` stands the error of the
 * parser, the IR's verifier or the back end. Lines with `#` before the functions are comments. Cases run in the
 *interpreter are also given to the kernel with -k; -p asks whether that is possible. -u prints the file with what the
 *cases give now: to be judged before it takes the place of the old one.
 */
#include "../bpf/machine.h"

enum { MAX_FUNCS = 8 };

struct golden {
	bool update, kernel;
	unsigned passed, failed, skipped;
};
struct one { /* a case */
	struct arena a;
	char name[128], what[256];
	char *input;
	struct func *funcs[MAX_FUNCS];
	uint32_t n;
	bool refused;
	struct buf out;
};

static void refuse(struct one *c, const char *why)
{
	c->refused = true;
	buf_addf(&c->out, "%s\n", why);
}

/* funcs[0] first; the function behind "end" is the next one; FNREF and CALLFN count from 0 in this order. */
static bool parse(struct one *c)
{
	char *p = c->input;
	while (*p && c->n < MAX_FUNCS) {
		char *end = strstr(p, "\nend\n"), keep;
		end = end ? end + 5 : p + strlen(p);
		keep = *end;
		*end = '\0';
		const char *err = NULL;
		struct func *f = ir_parse(&c->a, p, &err);
		*end = keep;
		if (!f) {
			refuse(c, err);
			return false;
		}
		c->funcs[c->n++] = f;
		p = end;
	}
	return true;
}

static const char *map_name(void *arg, uint32_t index)
{
	return arena_printf(arg, "map%u", index);
}

static void fill(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	for (unsigned k = 0; k < MACHINE_CTX / 8; k++)
		m->ctx[k * 8] = (uint8_t)(k + 1);
}

static void run_code(struct golden *g, struct one *c, const struct bpf_code *code)
{
	static struct machine m, k;
	fill(&m);
	if (!machine_interpret(&m, code)) {
		refuse(c, m.error);
		return;
	}
	buf_addf(&c->out, "0x%llx\n", (unsigned long long)m.ret);
	if (!g->kernel)
		return;
	fill(&k);
	int map = machine_new_map(MACHINE_MAP), fd = machine_load(&k, &c->a, code, c->funcs, map, NULL);
	if (fd < 0 || !machine_test_run(&k, fd, map))
		refuse(c, k.error);
	else if (k.ret != (uint32_t)m.ret || memcmp(k.map, m.map, MACHINE_MAP) != 0)
		refuse(c, "the kernel gives something else");
	close(fd);
	close(map);
}

static void work(struct golden *g, struct one *c)
{
	char *save = NULL, *last = NULL;
	for (char *w = strtok_r(c->what, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		last = w;
		if (!strcmp(w, "code") || !strcmp(w, "old-code") || !strcmp(w, "run") || !strcmp(w, "print"))
			break;
		for (uint32_t k = 0; k < c->n; k++) {
			struct pass_options o = { .only = w };
			const char *bad = ir_optimise(c->funcs[k], !strcmp(w, "all") ? NULL : &o);
			if (bad) {
				refuse(c, bad);
				return;
			}
		}
	}
	if (!last || (strcmp(last, "code") != 0 && strcmp(last, "old-code") != 0 && strcmp(last, "run") != 0)) {
		for (uint32_t k = 0; k < c->n; k++)
			ir_print(c->funcs[k], &c->out);
		return;
	}
	struct bpf_target t = { .alu32 = true,
				.cpu_v4 = strcmp(last, "old-code") != 0,
				.atomics = strcmp(last, "old-code") != 0 };
	const char *err = NULL;
	const struct bpf_code *code = bpf_compile(&c->a, c->funcs, c->n, 0, &t, &err);
	if (!code)
		refuse(c, err);
	else if (!strcmp(last, "run"))
		run_code(g, c, code);
	else
		bpf_disassemble(code, c->funcs, NULL, map_name, &c->a, &c->out);
}

/* `text`: from behind "case " to the next case. */
static void do_case(struct golden *g, const char *file, char *text)
{
	struct one c = { 0 };
	arena_init(&c.a);
	char *nl = strchr(text, '\n'), *colon = strchr(text, ':'), *body, *want, *head = text;
	if (!nl || !colon || colon > nl) {
		printf("FAIL %s: bad case\n", file);
		g->failed++;
		return;
	}
	snprintf(c.name, sizeof(c.name), "%.*s", (int)(colon - text), text);
	snprintf(c.what, sizeof(c.what), "%.*s", (int)(nl - colon - 1), colon + 1);
	body = nl + 1;
	want = strstr(body, "\ngives\n");
	bool refuses = !want;
	if (!want)
		want = strstr(body, "\nrefuses\n");
	if (!want) {
		printf("FAIL %s: %s: neither gives nor refuses\n", file, c.name);
		g->failed++;
		return;
	}
	c.input = arena_strndup(&c.a, body, (size_t)(want + 1 - body));
	want += refuses ? 9 : 7;
	size_t n = strlen(want);
	while (n && want[n - 1] == '\n')
		n--;
	if (parse(&c))
		work(g, &c);
	size_t have = c.out.len;
	while (have && c.out.s[have - 1] == '\n')
		have--;
	if (g->update) {
		printf("case %.*s%s\n%.*s\n\n", (int)(want - head - (refuses ? 8 : 6)), head,
		       c.refused ? "refuses" : "gives", (int)have, c.out.s);
	} else if (c.refused != refuses || have != n || memcmp(want, c.out.s ? c.out.s : "", n) != 0) {
		printf("FAIL %s: %s\n--- wanted\n%.*s\n--- got%s\n%.*s\n", file, c.name, (int)n, want,
		       c.refused ? ", refused" : "", (int)have, c.out.s ? c.out.s : "");
		g->failed++;
	} else {
		g->passed++;
	}
	buf_fini(&c.out);
	arena_fini(&c.a);
}

static void do_file(struct golden *g, const char *file)
{
	FILE *in = fopen(file, "r");
	static char text[1 << 20];
	size_t n = in ? fread(text, 1, sizeof(text) - 1, in) : 0;
	text[n] = '\0';
	if (in)
		fclose(in);
	char *p = !strncmp(text, "case ", 5) ? text : strstr(text, "\ncase ");
	if (p && p != text)
		p++;
	if (!p) {
		printf("FAIL %s: no cases\n", file);
		g->failed++;
		return;
	}
	if (g->update)
		printf("%.*s", (int)(p - text), text);
	while (p) {
		char *next = strstr(p, "\ncase ");
		if (next)
			*next++ = '\0';
		do_case(g, file, p + 5);
		p = next;
	}
}

int main(int argc, char **argv)
{
	struct golden g = { 0 };
	for (int k = 1; k < argc; k++) {
		if (!strcmp(argv[k], "-u"))
			g.update = true;
		else if (!strcmp(argv[k], "-k"))
			g.kernel = true;
		else if (!strcmp(argv[k], "-p")) /* may we use the kernel? */
			return machine_new_map(MACHINE_MAP) < 0;
		else
			do_file(&g, argv[k]);
	}
	if (!g.update)
		printf("%u passed, %u failed\n", g.passed, g.failed);
	return g.failed != 0;
}
