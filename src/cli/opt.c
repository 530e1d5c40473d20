/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line (reference 6.1) and the environment (6.2).
 *
 * getopt_long permutes: options may stand before and after the script's name. What follows `--` is the script's: words that
 * begin with `--` are its named options (getopt()), everything else its positional parameters. An option before `--` that we do not
 * know is an error, and the nearest that we know is suggested.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "cli/opt.h"
#include "sema/sema.h"

enum {
	OPT_INFO = 256, OPT_UNSAFE, OPT_DRY_RUN, OPT_DUMP, OPT_EXPLAIN, OPT_READY_FD, OPT_NO_FEATURE, OPT_NO_WARNINGS, OPT_MAX_COST, OPT_JSON, OPT_IGNORED,
	OPT_IGNORED_ARG, OPT_INCLUDE, OPT_TRACEABLE, OPT_MODE, OPT_TEST, OPT_FMT, OPT_DEBUGINFO, OPT_BENCH, OPT_FILTER, OPT_COMPILED, OPT_AOT, OPT_UNWIND, OPT_LIVE, OPT_FOLLOW
};

static const struct option opt_long[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "info", no_argument, NULL, OPT_INFO },
	{ "list", no_argument, NULL, 'l' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "pid", required_argument, NULL, 'p' },
	{ "cmd", required_argument, NULL, 'c' },
	{ "follow", no_argument, NULL, OPT_FOLLOW },
	{ "output", required_argument, NULL, 'o' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "warnings", no_argument, NULL, 'k' },
	{ "no-warnings", no_argument, NULL, OPT_NO_WARNINGS },
	{ "unsafe", no_argument, NULL, OPT_UNSAFE },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "debug", required_argument, NULL, 'd' },
	{ "dump", required_argument, NULL, OPT_DUMP },
	{ "explain", no_argument, NULL, OPT_EXPLAIN },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "max-cost", required_argument, NULL, OPT_MAX_COST },
	{ "unwind", required_argument, NULL, OPT_UNWIND },
	{ "no-feature", required_argument, NULL, OPT_NO_FEATURE },
	{ "format", required_argument, NULL, 'f' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "include", required_argument, NULL, OPT_INCLUDE },
	{ "traceable-functions", required_argument, NULL, OPT_TRACEABLE },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "fmt", no_argument, NULL, OPT_FMT },
	{ "test", no_argument, NULL, OPT_TEST },
	{ "bench", no_argument, NULL, OPT_BENCH },
	{ "probe-filter", required_argument, NULL, OPT_FILTER },
	/* what others need and we do not */
	{ "btf", no_argument, NULL, OPT_IGNORED },
	{ "verify-llvm-ir", no_argument, NULL, OPT_IGNORED },
	{ "usdt-file-activation", no_argument, NULL, OPT_IGNORED },
	{ "debuginfo", required_argument, NULL, OPT_DEBUGINFO },
	{ "dwarf-pid", required_argument, NULL, OPT_IGNORED_ARG },
	/* artefacts of other compilers */
	{ "emit-elf", required_argument, NULL, OPT_COMPILED },
	{ "emit-llvm", required_argument, NULL, OPT_COMPILED },
	{ "aot", required_argument, NULL, OPT_AOT },
	{ "live", no_argument, NULL, OPT_LIVE },
	{ 0 },
};

void opt_usage(int fd)
{
	static const char text[] =
		"USAGE:\n"
		"    sonde [options] FILE [-- ARGS]\n"
		"    sonde [options] -e 'PROGRAM' [-- ARGS]\n"
		"    sonde TOOL [ARGS]             (sonde tools: which there are; sonde help TOOL)\n"
		"    sonde -l [PATTERN]\n"
		"    sonde check [options] FILE|-e 'PROGRAM'   compile only, without privilege; -v: how it would be attached\n"
		"    sonde fmt [-i|--check] [FILE...]          scripts in one layout\n"
		"    sonde flame|heat [FILE] -o OUT.svg\n"
		"\n"
		"OPTIONS:\n"
		"    -e PROGRAM         run this program\n"
		"    FILE, -            run the program of this file, of standard input\n"
		"    -c, --cmd CMD      start CMD when everything is attached, trace it, end with it\n"
		"    -p, --pid PID      trace this process only, end with it\n"
		"    --follow           with -p and -c: trace their children, too, and end with the last of them\n"
		"    -o, --output FILE  write the output to FILE\n"
		"    -f FORMAT          text (default), json, csv (rows of tables), folded (stacks for flame graphs),\n"
		"                       svg (a flame graph of stacks, a heat map of histograms)\n"
		"    --live             show histograms as a heat map on the terminal while they grow\n"
		"    -B MODE            buffering of the output: line (default), full, none\n"
		"    -q, --quiet        no \"Attached N probes\"\n"
		"    -k, --warnings     also report failed reads and map lookups while running\n"
		"    --no-warnings      no warnings\n"
		"    --max-cost PCT     detach when the programs take more than PCT % of one CPU\n"
		"    --unwind HOW       user stacks: auto (default: by unwind tables, by frame pointers where there are\n"
		"                       none), fp (frame pointers only), dwarf (tables only)\n"
		"    --unsafe           allow system() and other calls that change the system\n"
		"    -I DIR             look for #include files there, too\n"
		"    --include FILE     as if the program began with #include \"FILE\"\n"
		"    --probe-filter RE  run only the probes whose name matches the regular expression\n"
		"    --test, --bench    run the program's test: or bench: probes, and report\n"
		"    --fmt              print the program in the one layout, or write it to the file of -o (see sonde fmt)\n"
		"    -l, --list [PATTERN|FILE]\n"
		"                       list the attach points that match (-v: with their arguments)\n"
		"    -v, --verbose      how each probe is attached, its hits and cost at the end; whole kernel logs\n"
		"    -h, --help         this text\n"
		"    -V, --version      the version\n"
		"    --info             what this kernel can do\n"
		"\n"
		"LOOKING INSIDE:\n"
		"    --explain          load the program, attach nothing, and say what became of each clause\n"
		"    --dump STAGES      print stages of the compilation instead of running, comma separated:\n"
		"                       tokens ast types ir ir:PASS bpf plan maps all\n"
		"    -d, --debug STAGES the same\n"
		"    --dry-run          stop when everything is attached\n"
		"    --ready-fd N       write a line to descriptor N when everything is attached\n"
		"    --debuginfo DIRS   look for debug files in these folders, too (colons between them; one without a leading slash: beside\n"
		"                       the binary)\n"
		"    --aot FILE         write the program as an executable; it is compiled where it runs\n"
		"    --traceable-functions FILE\n"
		"                       the kernel's functions that can be traced; default: tracefs' list\n"
		"    --no-feature LIST  do as if the kernel could not: kprobe_multi, kprobe_session, uprobe_multi\n"
		"\n"
		"ENVIRONMENT:\n"
		"    BPFTRACE_<KEY>, SONDE_<KEY>\n"
		"                       configuration, as in a config block: BPFTRACE_MAX_STRLEN=64\n"
		"    BPFTRACE_COLOR, SONDE_COLOR\n"
		"                       auto (default), always, never\n"
		"\n"
		"EXAMPLES:\n"
		"    sonde -l '*sleep*'\n"
		"        list the attach points with \"sleep\" in their name\n"
		"    sonde -e 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }'\n"
		"        count the files opened, by program, until Ctrl-C\n";
	ssize_t n = write(fd, text, sizeof(text) - 1);
	(void)n;
}

static int opt_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int opt_fail(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("ERROR: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return 1;
}

static int opt_unknown(char **argv)
{
	const char *word = argv[optind - 1];
	if (!optopt || strncmp(word, "--", 2) == 0) {
		const char *best = NULL, *start = word + (strncmp(word, "--", 2) ? 0 : 2);
		int least = 4;
		char name[32]; /* without its "=value" */
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(start, "="), start);
		for (const struct option *l = opt_long; l->name; l++) {
			int d = str_distance(name, l->name, 3);
			if (d < least) {
				least = d;
				best = l->name;
			}
		}
		opt_fail("unrecognized option '%s'", word);
		if (best)
			fprintf(stderr, "HINT: did you mean --%s? Options of the script itself stand after `--`.\n", best);
		else
			fputs("HINT: options of the script itself stand after `--`: sonde script.bt -- --option\n", stderr);
	} else {
		opt_fail("invalid option -- '%c'", optopt);
	}
	fputc('\n', stderr);
	opt_usage(2);
	return 1;
}

static int opt_pid(struct opt *o, const char *s)
{
	char *end;
	errno = 0;
	long v = strtol(s, &end, 10);
	if (end == s || *end)
		return opt_fail("Failed to parse pid: invalid integer: %s", s);
	if (errno || v < 1 || v > 0x400000)
		return opt_fail("Pid out of range: %s", s);
	o->session.pid = (int)v;
	return 0;
}

static int opt_dump(struct opt *o, const char *list, const char *option)
{
	static const struct { const char *name; uint32_t bits; } rows[] = {
		{ "tokens", DUMP_TOKENS }, { "ast", DUMP_AST }, { "types", DUMP_TYPES }, { "ir", DUMP_IR }, { "bpf", DUMP_BPF },
		{ "plan", DUMP_PLAN }, { "maps", DUMP_MAPS }, { "all", DUMP_ALL },
		/* names of other tracers */
		{ "parse", DUMP_AST }, { "codegen", DUMP_IR }, { "codegen-opt", DUMP_IR }, { "dis", DUMP_BPF },
		{ "libbpf", 0 }, { "verifier", 0 }, /* no stages: the program runs, and is loaded with all that the kernel says */
	};
	char *copy = arena_strdup(o->arena, list), *save = NULL;
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		uint32_t bits = 0;
		bool known = false;
		if (!strncmp(w, "ir:", 3) && w[3]) {
			bits = DUMP_IR;
			o->session.dump_pass = w + 3;
		}
		if (!strcmp(w, "codegen"))
			o->session.dump_pass = "lower";
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			if (!strcmp(w, rows[i].name)) {
				bits |= rows[i].bits;
				known = true;
			}
		if (known && !bits)
			o->session.verbose = true;
		if (!bits && !known)
			return opt_fail("USAGE: invalid option for %s: %s (expected: tokens, ast, types, ir, ir:PASS, bpf, plan, maps, all)",
					option, w);
		o->session.dump |= bits;
	}
	return 0;
}

static int opt_without(struct opt *o, const char *list)
{
	char *copy = arena_strdup(o->arena, list), *save = NULL;
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (!strcmp(w, "kprobe_multi"))
			o->session.without |= 1ULL << FEAT_KPROBE_MULTI;
		else if (!strcmp(w, "kprobe_session"))
			o->session.without |= 1ULL << FEAT_KPROBE_SESSION;
		else if (!strcmp(w, "uprobe_multi"))
			o->session.without |= 1ULL << FEAT_UPROBE_MULTI;
		else
			return opt_fail("USAGE: invalid feature: %s (expected: kprobe_multi, kprobe_session, uprobe_multi)", w);
	}
	return 0;
}

/* --mode: other names for what the options say; "codegen" compiles, and runs nothing. */
static int opt_mode(struct opt *o, const char *mode)
{
	static const struct { const char *name; enum session_suite suite; uint32_t dump; } rows[] = {
		{ "test", SESSION_TESTS, 0 }, { "bench", SESSION_BENCHMARKS, 0 }, { "codegen", SESSION_NO_SUITE, DUMP_NOTHING },
		{ "compiler-bench", SESSION_NO_SUITE, DUMP_NOTHING },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!strcmp(mode, rows[i].name)) {
			o->session.suite = rows[i].suite;
			o->session.dump |= rows[i].dump;
			return 0;
		}
	}
	if (strcmp(mode, "format"))
		return opt_fail("USAGE: --mode must be one of test, bench, codegen, compiler-bench, format: %s", mode);
	o->mode = MODE_FORMAT;
	return 0;
}

static int opt_one(struct opt *o, int c, char **argv)
{
	struct session_options *s = &o->session;
	char *end;
	switch (c) {
	case 'h': o->mode = MODE_HELP; return 0;
	case 'V': o->mode = MODE_VERSION; return 0;
	case OPT_INFO: o->mode = MODE_INFO; return 0;
	case 'l': o->mode = MODE_LIST; return 0;
	case 'e': o->program = optarg; return 0;
	case 'v': s->verbose = true; return 0;
	case 'q': s->quiet = true; return 0;
	case 'c': s->cmd = optarg; return 0;
	case 'p': return opt_pid(o, optarg);
	case 'o': o->output = optarg; return 0;
	case OPT_JSON:
		s->json = true;
		return 0;
	case 'f':
		if (strcmp(optarg, "text") && strcmp(optarg, "json") && strcmp(optarg, "folded") && strcmp(optarg, "svg") &&
		    strcmp(optarg, "csv")) {
			opt_fail("Invalid output format \"%s\"", optarg);
			fputs("Valid formats: 'text', 'json', 'folded', 'svg', 'csv'\n", stderr);
			return 1;
		}
		s->json = !strcmp(optarg, "json");
		s->csv = !strcmp(optarg, "csv");
		s->svg = !strcmp(optarg, "svg");
		s->folded = s->svg || !strcmp(optarg, "folded");
		return 0;
	case 'B':
		if (strcmp(optarg, "line") && strcmp(optarg, "full") && strcmp(optarg, "none"))
			return opt_fail("USAGE: -B must be either 'line', 'full', or 'none'.");
		s->buffering = *optarg == 'l' ? SESSION_LINE : *optarg == 'f' ? SESSION_FULL : SESSION_NONE;
		return 0;
	case 'k':
		if (s->runtime_warnings)
			return opt_fail("USAGE: -kk has been deprecated. Use a single -k for runtime warnings for errors in map lookups "
					"and probe reads.");
		s->runtime_warnings = true;
		return 0;
	case 'd': return opt_dump(o, optarg, "-d");
	case OPT_DUMP: return opt_dump(o, optarg, "--dump");
	case OPT_NO_WARNINGS: s->no_warnings = true; return 0;
	case OPT_MAX_COST: {
		double pct = strtod(optarg, &end);
		if (end == optarg || (*end && strcmp(end, "%")) || !(pct >= 0.1 && pct <= 100000))
			return opt_fail("USAGE: --max-cost needs a share of one CPU in percent, 0.1 or more, as 5%%: %s", optarg);
		s->max_cost = (uint32_t)(pct * 10 + 0.5);
		return 0;
	}
	case OPT_FOLLOW: s->follow = true; return 0;
	case OPT_LIVE: s->screen_fd = 1; return 0;
	case OPT_UNWIND:
		vec_push(o->arena, &o->settings, ((struct session_setting){ "unwind", optarg }));
		return 0;
	case OPT_UNSAFE: s->unsafe = true; return 0;
	case 'I': vec_push(o->arena, &o->include_dirs, optarg); return 0;
	case OPT_INCLUDE: vec_push(o->arena, &o->includes, optarg); return 0;
	case OPT_TRACEABLE: s->traceable = optarg; return 0;
	case OPT_MODE: return opt_mode(o, optarg);
	case OPT_FMT: return opt_mode(o, "format");
	case OPT_TEST: s->suite = SESSION_TESTS; return 0;
	case OPT_BENCH: s->suite = SESSION_BENCHMARKS; return 0;
	case OPT_FILTER: s->filter = optarg; return 0;
	case OPT_COMPILED:
		return opt_fail("sonde has its own compiler and makes no ELF or LLVM files; --dump=ir,bpf shows what it makes");
	case OPT_AOT:
		o->aot = optarg;
		s->check = true;
		return 0;
	case OPT_DRY_RUN: s->dry_run = s->quiet = true; return 0;
	case OPT_EXPLAIN: s->explain = true; return 0;
	case OPT_NO_FEATURE: return opt_without(o, optarg);
	case OPT_READY_FD: {
		long fd = strtol(optarg, &end, 10);
		if (end == optarg || *end || fd < 0 || fd > INT_MAX)
			return opt_fail("USAGE: --ready-fd needs the number of a descriptor: %s", optarg);
		s->ready_fd = (int)fd;
		return 0;
	}
	case OPT_DEBUGINFO: /* where symbols are read, also by helpers, it is looked at as DEBUGINFOD_URLS is */
		return setenv("SONDE_DEBUGINFO", optarg, 1) ? opt_fail("out of memory") : 0;
	case 'b':
	case OPT_IGNORED:
	case OPT_IGNORED_ARG: return 0;
	case ':':
		opt_fail("option '%s' requires an argument", argv[optind - 1]);
		fputc('\n', stderr);
		opt_usage(2);
		return 1;
	default: return opt_unknown(argv);
	}
}

/* BPFTRACE_<KEY> and SONDE_<KEY> of the environment, except what is no configuration; the latter wins. */
static void opt_environment(struct opt *o, char **env)
{
	static const char *const other[] = { "COLOR", "BTF", "KERNEL_SOURCE", "KERNEL_BUILD", "VMLINUX", "DUMMY_TS_MAP", "DEBUGINFO" };
	static const char *const prefixes[] = { "BPFTRACE_", "SONDE_" };
	const char *colour = "auto";
	for (size_t p = 0; p < 2; p++) {
		size_t len = strlen(prefixes[p]);
		for (char **e = env; e && *e; e++) {
			const char *eq = strchr(*e, '=');
			bool is_key = true;
			if (!strncmp(*e, "__BPFTRACE_NOTIFY_PROBES_ATTACHED=", 34))
				o->session.notify = true;
			if (strncmp(*e, prefixes[p], len) || !eq)
				continue;
			char *key = arena_strndup(o->arena, *e + len, (size_t)(eq - *e) - len);
			if (!strcmp(key, "COLOR"))
				colour = eq + 1;
			for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
				is_key &= strcmp(key, other[i]) != 0;
			if (is_key && sema_config_known(key, p == 0)) /* SONDE_* may be anybody's */
				vec_push(o->arena, &o->settings, ((struct session_setting){ key, eq + 1 }));
		}
	}
	o->session.colour = !strcmp(colour, "always") || (strcmp(colour, "never") && isatty(2));
}

static const char opt_short[] = ":d:bB:f:e:hlp:vqc:Vo:I:k";

static bool opt_known(char letter, struct str name, bool *ret_value)
{
	if (letter) {
		const char *p = strchr(":elVh", letter) ? NULL : strchr(opt_short, letter); /* what makes no sense behind a script */
		*ret_value = p && p[1] == ':';
		return p != NULL;
	}
	for (const struct option *l = opt_long; l->name; l++) {
		if (!str_is(name, l->name))
			continue;
		*ret_value = l->has_arg == required_argument;
		return true;
	}
	return false;
}

/* The place of a script that takes all words behind it, or 0. */
static int opt_find_script(struct opt *o, int argc, char **argv)
{
	struct opt first = { .arena = o->arena };
	char posix[sizeof(opt_short) + 1] = "+";
	int c;
	strcat(posix, opt_short);
	optind = 0;
	while ((c = getopt_long(argc, argv, posix, opt_long, NULL)) != -1)
		if (c == '?' || c == ':' || c == 'e' || c == 'l' || c == 'h' || c == 'V' || c == OPT_INFO)
			return 0;
	if (optind >= argc)
		return 0;
	bool found = script_find(&first, argv[optind]);
	o->text = first.text; /* standard input is read but once */
	if (!found)
		return 0;
	o->file = first.file;
	o->tool = first.tool;
	return optind;
}

static int opt_words(struct opt *o, int argc, char **argv, const char *letters)
{
	int c, status;
	optind = 0;
	while ((c = getopt_long(argc, argv, letters, opt_long, NULL)) != -1)
		if ((status = opt_one(o, c, argv)))
			return status;
	return 0;
}

/* sonde [options] SCRIPT words, where the words are the script's. */
static int opt_script(struct opt *o, int argc, char **argv, int at)
{
	struct args args;
	int status = opt_words(o, at, argv, opt_short);
	if (!status)
		status = script_args(o, argv + at + 1, argc - at - 1, opt_known, &args);
	if (status || o->mode == MODE_DONE)
		return status;
	VEC(char *) engine = { 0 };
	vec_push(o->arena, &engine, argv[0]);
	for (uint32_t i = 0; i < args.engine.n; i++)
		vec_push(o->arena, &engine, args.engine.v[i]);
	vec_push(o->arena, &engine, NULL);
	for (uint32_t i = 0; i < args.named.n; i++)
		vec_push(o->arena, &o->named, args.named.v[i]);
	o->session.tool = o->tool != NULL;
	if (o->tool && !o->session.verbose && !o->session.explain)
		o->session.quiet = true;
	status = opt_words(o, (int)engine.n - 1, engine.v, opt_short);
	if (!status && o->tool && !strcmp(o->tool->name, "tplist"))
		return tplist_run(o, &args);
	return status ? status : multi_translate(o, &args);
}

static int opt_finish(struct opt *o)
{
	struct session_options *s = &o->session;
	if (s->cmd && s->pid)
		return opt_fail("USAGE: Cannot use both -c and -p.");
	if (o->session.follow && !o->session.pid && !o->session.cmd)
		return opt_fail("USAGE: --follow needs -p or -c: whose children?");
	if (s->runtime_warnings && o->aot)
		return opt_fail("Cannot use -k with --aot");
	if (s->runtime_warnings && s->no_warnings)
		return opt_fail("USAGE: -k, --warnings conflicts with --no-warnings");
	if (s->screen_fd >= 0 && (s->json || s->csv || s->folded || o->output))
		return opt_fail("USAGE: --live shows text on the terminal: it goes without -f and -o.");
	if (s->screen_fd >= 0 && !isatty(s->screen_fd))
		return opt_fail("USAGE: --live needs a terminal; -f svg -o FILE writes the picture to a file.");
	if ((o->mode == MODE_RUN || o->mode == MODE_FORMAT) && (o->program ? !*o->program : !o->file))
		return opt_fail("USAGE: filename or -e 'program' required.");
	s->params = o->params.v;
	s->n_params = o->params.n;
	s->named = o->named.v;
	s->n_named = o->named.n;
	s->include_dirs = o->include_dirs.v;
	s->n_include_dirs = o->include_dirs.n;
	s->includes = o->includes.v;
	s->n_includes = o->includes.n;
	s->settings = o->settings.v;
	s->n_settings = o->settings.n;
	return 0;
}

int opt_parse(struct opt *o, int argc, char **argv, char **env)
{
	struct session_options *s = &o->session;
	int status, at;
	bool help = false;
	s->ready_fd = -1;
	s->out_fd = 1;
	s->err_fd = 2;
	s->screen_fd = -1;
	opt_environment(o, env);
	if (argc < 2) {
		opt_usage(2);
		return 1;
	}
	opterr = 0;
	at = opt_find_script(o, argc, argv);
	if (at) {
		status = opt_script(o, argc, argv, at);
		return status || o->mode == MODE_DONE ? status : opt_finish(o);
	}
	if ((status = opt_words(o, argc, argv, opt_short)))
		return status;
	int i = optind;
	if (o->mode == MODE_LIST && !o->program) {
		o->pattern = i < argc ? argv[i++] : NULL;
		if (o->pattern && (!strcmp(o->pattern, "-") || (!strpbrk(o->pattern, ":*") && !access(o->pattern, R_OK))))
			o->file = o->pattern;
	} else if ((o->mode == MODE_RUN || o->mode == MODE_FORMAT) && !o->program) {
		o->file = i < argc ? argv[i++] : NULL;
	}
	for (; i < argc; i++) {
		if (!strncmp(argv[i], "--", 2) && argv[i][2])
			vec_push(o->arena, &o->named, argv[i]);
		else
			vec_push(o->arena, &o->params, argv[i]);
		help |= !strcmp(argv[i], "--help");
	}
	if (help && o->mode == MODE_RUN && (o->file || o->program) && (status = script_help(o)))
		return status;
	return o->mode == MODE_DONE ? 0 : opt_finish(o);
}
