/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text to BPF instructions: the whole compiler in one function, stage after stage. Diagnostics collect in
 * s->diags; a stage that reported an error is the last one. When something is to be dumped, nothing
 * after the last wanted stage is computed: so --dump=ast works for what sema refuses.
 */
#include <errno.h>
#include <limits.h>
#include <regex.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/run.h"

enum { ONE_BY_ONE_MAX = 512 };
enum { PID_NS_INITIAL = 0xEFFFFFFC }; /* its inode: PROC_PID_INIT_INO */

struct compile_dump {
	struct session *s;
	struct buf *out;
};

/* After each pass of one function: print it if it is the pass that --dump=ir:PASS names. */
static void compile_pass(void *arg, const char *pass, const struct func *f)
{
	struct compile_dump *d = arg;
	if (strcmp(pass, d->s->o->dump_pass))
		return;
	buf_addf(d->out, "; after %s\n", pass);
	ir_print(f, d->out);
}

static void compile_env(struct session *s)
{
	const struct session_options *o = s->o;
	struct sema_env *e = &s->env;
	struct stat st;
	if (!stat("/proc/self/ns/pid", &st) && st.st_ino != PID_NS_INITIAL) {
		s->ns_dev = st.st_dev;
		s->ns_ino = st.st_ino;
	}
	*e = (struct sema_env){ .arena = &s->arena, .diags = &s->diags, .facts = kern_facts(s->kern), .providers = &probe_providers,
				.unsafe = o->unsafe, .has_child = o->cmd != NULL, .ncpus = s->ncpus, .name = o->name.s };
	if (!s->debug)
		s->debug = probe_debug_new(&s->arena);
	struct headers *h = arena_new(&s->arena, struct headers);
	*h = (struct headers){ &s->arena, o->name, o->include_dirs, o->n_include_dirs };
	e->include = header_find;
	e->include_arg = h;
	e->include_dirs = o->n_include_dirs > 0;
	e->prov = (struct provider_env){ .facts = e->facts, .diags = &s->diags, .arena = &s->arena, .pid = s->pid, .unsafe = o->unsafe,
					 .impl = s->debug, .program = s->child.file };
	for (uint32_t i = 0; i < o->n_params; i++)
		vec_push(&s->arena, &e->params, str_of(o->params[i]));
	for (uint32_t i = 0; i < o->n_named; i++)
		vec_push(&s->arena, &e->named, str_of(o->named[i]));
	for (uint32_t i = 0; i < o->n_settings; i++)
		vec_push(&s->arena, &e->settings,
			 ((struct sema_setting){ str_of(o->settings[i].key), str_of(o->settings[i].value) }));
}

/* --include: as if the program began with it. */
static void compile_includes(struct session *s)
{
	struct node *old = s->tree, *all = node_new(&s->arena, N_PROGRAM, old->span);
	char cwd[PATH_MAX];
	const char *here = getcwd(cwd, sizeof(cwd)) ? cwd : ".";
	for (uint32_t i = 0; i < s->o->n_includes; i++) {
		struct node *n = node_new(&s->arena, N_CSTMT, (struct span){ 0 });
		n->str = str_of(arena_printf(&s->arena, "#include \"%s%s%s\"", s->o->includes[i][0] == '/' ? "" : here,
					       s->o->includes[i][0] == '/' ? "" : "/", s->o->includes[i]));
		vec_push(&s->arena, &all->list, n);
	}
	for (uint32_t i = 0; i < old->list.n; i++)
		vec_push(&s->arena, &all->list, old->list.v[i]);
	if (s->o->n_includes)
		s->tree = all;
}

static int compile_optimise(struct session *s, struct buf *dump)
{
	struct compile_dump d = { s, dump };
	bool want = (s->o->dump & DUMP_IR) && s->o->dump_pass;
	bool raw = want && !strcmp(s->o->dump_pass, "lower");
	struct pass_options po = { .dump = want && !raw ? compile_pass : NULL, .dump_arg = &d };
	for (uint32_t i = 1; i < s->module.funcs.n; i++) {
		if (raw)
			ir_print(s->module.funcs.v[i], dump);
		const char *bad = ir_optimise(s->module.funcs.v[i], &po);
		if (bad) {
			struct func *f = s->module.funcs.v[i];
			diag_add(&s->diags, D_INTERNAL, f->span, arena_printf(&s->arena, "%s: %s", f->name, bad));
			return -1;
		}
	}
	return 0;
}

static int compile_code(struct session *s)
{
	const struct module *m = &s->module;
	s->target = (struct bpf_target){ .alu32 = true, .cpu_v4 = kern_has(s->kern, FEAT_CPU_V4) };
	s->target.atomics = s->target.cpu_v4 || kern_has(s->kern, FEAT_ATOMICS); /* the newer set implies the older */
	s->codes = arena_array(&s->arena, struct bpf_code *, m->progs.n);
	for (uint32_t i = 0; i < m->progs.n; i++) {
		const char *why = NULL;
		s->codes[i] = bpf_compile(&s->arena, m->funcs.v, m->funcs.n, m->progs.v[i].fn, &s->target, &why);
		if (!s->codes[i]) {
			struct str name = str_of(load_name(s, i));
			diag_add(&s->diags, D_LOAD_SIZE, m->progs.v[i].span, STR_FMT(name), why ? why : "no reason given");
		}
	}
	return s->diags.n_errors ? -1 : 0;
}

/* test: and bench: probes are there for --test and --bench only. Nothing else: said here, not as "no probes". */
static void compile_suite(struct session *s)
{
	enum provider_id drop[2] = { s->o->suite == SESSION_TESTS ? PROV_COUNT : PROV_TEST, s->o->suite == SESSION_BENCHMARKS ? PROV_COUNT : PROV_BENCH };
	bool dropped[2] = { false, false };
	uint32_t n = 0;
	if (s->o->list || s->o->dump)
		return;
	for (uint32_t i = 0; i < s->sema.clauses.n; i++) {
		struct clause *cl = &s->sema.clauses.v[i];
		for (int k = 0; k < 2; k++) {
			if (!cl->attach.n || cl->provider->id != drop[k])
				continue;
			cl->attach.n = 0;
			dropped[k] = true;
		}
	}
	for (uint32_t i = 0; i < s->sema.attaches.n; i++)
		if (s->sema.attaches.v[i]->provider != drop[0] && s->sema.attaches.v[i]->provider != drop[1])
			s->sema.attaches.v[n++] = s->sema.attaches.v[i];
	s->sema.attaches.n = n;
	if (!n && (dropped[0] || dropped[1]))
		diag_add(&s->diags, D_NO_SUITE, (struct span){ 0 }, dropped[0] ? "test" : "bench", dropped[0] ? "test" : "benchmark");
}

static bool compile_matches(struct session *s, const regex_t *re, const struct attach_point *ap)
{
	return !regexec(re, arena_strndup(&s->arena, ap->name.s, ap->name.len), 0, NULL, 0);
}

/* --probe-filter: the places whose name does not match are left out. */
static int compile_filter(struct session *s, const char *pattern)
{
	regex_t re;
	int err = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);
	if (err) {
		char why[256];
		regerror(err, &re, why, sizeof(why));
		diag_add(&s->diags, D_SYSTEM, (struct span){ 0 }, "--probe-filter", arena_printf(&s->arena, "%s", why));
		return -1;
	}
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->sema.clauses.n; i++) {
		struct clause *cl = &s->sema.clauses.v[i];
		uint32_t kept = 0;
		for (uint32_t k = 0; k < cl->attach.n; k++)
			if (compile_matches(s, &re, cl->attach.v[k]))
				cl->attach.v[kept++] = cl->attach.v[k];
		cl->attach.n = kept;
	}
	for (uint32_t i = 0; i < s->sema.attaches.n; i++)
		if (compile_matches(s, &re, s->sema.attaches.v[i]))
			s->sema.attaches.v[n++] = s->sema.attaches.v[i];
	s->sema.attaches.n = n;
	regfree(&re);
	return 0;
}

/* Why so, and what else. */
static const char *compile_one_by_one(const struct session *s)
{
	if (s->o->without >> FEAT_KPROBE_MULTI & 1)
		return "What attaches many at once (kprobe_multi) is switched off by --no-feature";
	if (!kern_has(s->kern, FEAT_KPROBE_MULTI))
		return "This kernel has nothing to attach many at once (5.18 and later, with CONFIG_FPROBE)";
	return "kprobe and kretprobe attach many at once; fentry, fexit and attach = \"kprobe\" do not";
}

int session_compile(struct session *s, struct buf *dump)
{
	const uint32_t want = s->o->dump;
	uint32_t source = diags_add_source(&s->diags, s->o->name, s->o->text);

	if (want & DUMP_TOKENS) {
		lex_dump(&s->arena, &s->diags, source, dump);
		if (want < DUMP_AST)
			return 0;
		s->diags.list.n = s->diags.n_errors = s->diags.n_warnings = 0; /* the parser reports them again */
	}
	s->tree = parse_program(&s->arena, &s->diags, source);
	if (!s->diags.n_errors)
		import_resolve(&s->arena, &s->diags, s->o->name, s->tree);
	if (want & DUMP_AST)
		ast_print(s->tree, dump, s->o->verbose);
	if (s->diags.n_errors)
		return -1;
	if (want && want < DUMP_TYPES)
		return 0;

	compile_includes(s);
	s->kern = kern_open(&s->arena);
	kern_facts(s->kern)->texts = s->o->list && s->o->verbose;
	for (int f = 0; f < FEAT_COUNT; f++)
		if (s->o->without >> f & 1)
			kern_without(s->kern, (enum feature)f);
	if (s->o->traceable)
		kern_traceable(s->kern, s->o->traceable);
	compile_env(s);
	if (sema_run(&s->env, s->tree, &s->sema) || s->diags.n_errors)
		return -1;
	compile_suite(s);
	if (s->o->filter && compile_filter(s, s->o->filter))
		return -1;
	if (s->diags.n_errors)
		return -1;
	if (want & DUMP_TYPES)
		sema_print(&s->sema, dump);
	if (s->o->list || (want && want < DUMP_IR))
		return 0;

	struct lower_options lo = { .ncpus = s->ncpus, .report_reads = s->o->runtime_warnings, .pid_filter = s->pid != 0, .follow = s->o->follow,
				    .pid_ns = s->ns_ino != 0, .ns_dev = s->ns_dev, .ns_ino = s->ns_ino };
	if (lower_module(&s->env, &s->sema, &lo, &s->module) || s->diags.n_errors)
		return -1;
	if (compile_optimise(s, dump))
		return -1;
	if ((want & DUMP_IR) && !s->o->dump_pass)
		dump_ir(s, dump);
	if (want && want < DUMP_BPF)
		return 0;
	if (compile_code(s))
		return -1;
	if (want & DUMP_BPF)
		dump_bpf(s, dump);
	if (want & DUMP_MAPS)
		dump_maps(s, dump);
	if (want && !(want & DUMP_PLAN))
		return 0;

	int err = probe_plan(&s->arena, s->kern, &s->module, s->pid, &s->plan);
	if (err) {
		if (!s->diags.n_errors)
			diag_add(&s->diags, D_SYSTEM, (struct span){ 0 }, "Cannot plan the attachment", strerror(-err));
		return -1;
	}
	if (s->plan.one_by_one > ONE_BY_ONE_MAX && !s->sema.config.max_probes_given) {
		diag_add(&s->diags, D_TOO_MANY, (struct span){ 0 },
			 arena_printf(&s->arena, "Can't attach to %u functions of the kernel one by one (at most %u): the kernel takes up to a tenth of a "
				      "second for each, and as long to let it go. %s", s->plan.one_by_one, ONE_BY_ONE_MAX,
				      compile_one_by_one(s)));
		diag_hint(&s->diags, "setting max_probes (BPFTRACE_MAX_PROBES), also to its default of 1024, attaches them all the same");
		return -1;
	}
	s->planned = true;
	if (want & DUMP_PLAN)
		dump_plan(s, dump);
	return 0;
}
