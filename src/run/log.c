/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the kernel refuses a program: what of the user's text it does not like.
 *
 * The verifier's log is long and speaks of instructions. What matters are the complaint, the last line that is neither
 * statistics nor state, and the instruction that it was looking at, the last one printed ("12: (79) r1 = ..."). Our
 * own table maps the instruction to a span of the source. So the message is a caret under the expression, and the two lines; the whole
 * log comes with -v. A refusal of code that we made is our bug, unless the program is too large.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/run.h"

struct log_line { const char *s; int n; };

static bool log_is_noise(struct log_line l)
{
	static const char *const noise[] = { "processed ", "verification time", "stack depth", "func#", "mark_precise", "regs=",
					     "parent ", "last_idx", "from ", "arg#", "Live regs", "cur state:", "old state:", "func '" };
	for (size_t i = 0; i < sizeof(noise) / sizeof(*noise); i++)
		if ((size_t)l.n >= strlen(noise[i]) && !strncmp(l.s, noise[i], strlen(noise[i])))
			return true;
	if (l.n == 0 || *l.s == ';')
		return true;
	/* "R1=ctx() R10=fp0" is a state, "R1 type=scalar expected=sock" a complaint */
	int i = 1;
	while (i < l.n && isdigit((unsigned char)l.s[i]))
		i++;
	return *l.s == 'R' && i > 1 && i < l.n && l.s[i] != ' ';
}

/* "12: (79) r1 = *(u64 *)(r6 +8)": the number; "12: R0=..." is a state. */
static bool log_instruction(struct log_line l, uint32_t *ret)
{
	char *end;
	if (!l.n || !isdigit((unsigned char)*l.s))
		return false;
	unsigned long n = strtoul(l.s, &end, 10);
	if (end - l.s + 3 > l.n || end[0] != ':' || end[1] != ' ' || end[2] != '(')
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* Find the complaint, the instruction's line and its index. */
static bool log_find(const char *log, uint32_t size, struct log_line *ret_what, struct log_line *ret_insn, uint32_t *ret_index)
{
	const char *end = memchr(log, '\0', size);
	bool found = false;
	if (!end)
		end = log + size;
	*ret_what = *ret_insn = (struct log_line){ 0 };
	for (const char *p = log; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		struct log_line l = { p, (int)((nl ? nl : end) - p) };
		uint32_t index;
		if (log_instruction(l, &index)) {
			*ret_insn = l;
			*ret_index = index;
			found = true;
		} else if (!log_is_noise(l) && !isdigit((unsigned char)*l.s)) {
			*ret_what = l;
		}
		p = nl ? nl + 1 : end;
	}
	return found;
}

static struct span log_span(const struct bpf_code *c, uint32_t insn, struct span otherwise)
{
	for (uint32_t i = c->lines.n; i-- > 0;)
		if (c->lines.v[i].insn <= insn)
			return c->lines.v[i].span.lo ? c->lines.v[i].span : otherwise;
	return otherwise;
}

static bool log_says(const char *log, const char *what)
{
	return log && strstr(log, what);
}

void log_report(struct session *s, uint32_t prog, int err, const char *log, uint32_t log_size)
{
	const struct module_prog *mp = &s->module.progs.v[prog];
	const struct bpf_code *c = s->codes[prog];
	struct str name = str_of(load_name(s, prog));
	struct log_line what = { 0 }, insn = { 0 };
	uint32_t index = 0;
	if (log && log_size)
		((char *)log)[log_size - 1] = '\0';
	bool located = log && log_find(log, log_size, &what, &insn, &index);
	const char *refusal = sys_refusal(err);
	if (err == -E2BIG || log_says(log, "BPF program is too large") || log_says(log, "too many jumps") ||
	    log_says(log, "is too complex")) {
		diag_add(&s->diags, D_LOAD_SIZE, mp->span, STR_FMT(name),
			 what.n ? arena_strndup(&s->arena, what.s, (size_t)what.n) : "the kernel's limit of instructions is exceeded");
		diag_hint(&s->diags, "It has %u instructions. The kernel follows every path: loops and branches in loops multiply them.",
			  c->insns.n);
		return;
	}
	if (log_says(log, "infinite loop detected")) {
		diag_add(&s->diags, D_LOAD_LOOP, located ? log_span(c, index, mp->span) : mp->span, STR_FMT(name));
		diag_hint(&s->diags, "`for ($i : 0..100) { ... }` always ends.");
		return;
	}
	/* A list of the kernel's own, which no other question tells us: the functions in which paths may be asked for. */
	if (what.n && memmem(what.s, (size_t)what.n, "helper call is not allowed in probe", 35) && insn.n && memmem(insn.s, (size_t)insn.n, "bpf_d_path", 10)) {
		diag_add(&s->diags, D_LOAD_HELPER, located ? log_span(c, index, mp->span) : mp->span, "bpf_d_path");
		diag_hint(&s->diags, "the kernel allows path() in a few functions only, as filp_close and security_file_open, and in iterators");
		return;
	}
	diag_add(&s->diags, D_LOAD_PROGRAM, located ? log_span(c, index, mp->span) : mp->span, STR_FMT(name),
		 what.n ? arena_strndup(&s->arena, what.s, (size_t)what.n) : strerror(-err));
	if (located)
		diag_hint(&s->diags, "at the instruction %.*s", insn.n, insn.s);
	if (!log || !*log) { /* not the verifier: who? */
		if (refusal)
			diag_hint(&s->diags, "%s", refusal);
		return;
	}
	if (s->o->verbose) {
		session_report(s);
		struct buf b = { 0 };
		buf_addf(&b, "Kernel error log (%s):\n%s\n", strerror(-err), log);
		for (size_t off = 0; off < b.len;) {
			ssize_t n = write(s->o->err_fd, b.s + off, b.len - off);
			if (n <= 0)
				break;
			off += (size_t)n;
		}
		buf_fini(&b);
	} else {
		diag_hint(&s->diags, "This is a bug of sonde; -v shows the kernel's whole log (%s).", strerror(-err));
	}
}
