/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec: damaged specifications of the multi-tools. Each becomes a program, or one message that is a line of reasons, and if it shows the
 * specification, with a mark below it, inside of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/opt.h"
#include "fuzz.h"
#include "run/tool.h"

static const struct {
	const char *tool, *option, *seed;
} specs[] = {
	{ "trace", "probe", "p:c:open(char *filename, int flags) (STRCMP(\"/etc/x\", filename) && flags & O_CREAT) \"%s %d%%\", filename, (int)flags" },
	{ "trace", "probe", "sys_read(struct pt_regs *ctx, int fd, void *buf, size_t n) (n > 0x10UL ? fd > 2 : 0) \"%hd (%llx) %K\", fd, buf@user, arg1" },
	{ "trace", "probe", "t:block:block_rq_complete (args->nr_sector > '\\n' || $task->fs->users) \"sectors=%d %c\", args->nr_sector, 'x'" },
	{ "trace", "probe", "u:/bin/true:prov:probe (((struct sock *)arg1)->sk_dport == ntohs(53)) \"%U %lu\", arg2, sizeof(struct file)" },
	{ "trace", "probe", "r::__kmalloc (retval == 0 && STRCMP({0x6C, 'a', 0x00,}, retval)) \"failed!\"" },
	{ "trace", "probe", "vfs_read+0x12 \"%llx %llx\", ctx->dx, ((struct a *)arg1)->b[3].c" },
	{ "argdist", "count", "r:c:open(const char __user *file, int a[], char **b):u64,char*:$latency/1000,$entry(file):STRCMP(\"a\", $entry(file))#label" },
	{ "argdist", "histogram", "p::__kmalloc(size_t size, gfp_t flags):size_t:flags & GFP_ATOMIC ? size : 1:$PID != 3 && $COMM" },
	{ "argdist", "count", "t:irq:irq_handler_entry():int:args->irq" },
	{ "funccount", "pattern", "u:/lib/a:b/c.so:pthread*" },
	{ "stackcount", "pattern", "p:c:str*cmp" },
	{ "funclatency", "pattern", "pthread:pthread_mutex_lock" },
	{ "funcslower", "function", "/usr/sbin/nginx:database_write" },
	{ "funcinterval", "pattern", "t:block:block_rq_issue" },
};
enum { SPECS = sizeof(specs) / sizeof(*specs) };

static void spec_setup(struct fuzz *f)
{
	f->seeds = (struct seeds){ calloc(SPECS, sizeof(struct str)), SPECS };
	for (uint32_t i = 0; i < SPECS; i++)
		f->seeds.v[i] = str_of(specs[i].seed);
}

/* The first byte says whose specification it is. */
static void spec_make(struct fuzz *f, struct buf *b)
{
	uint32_t i = rng_below(&f->rng, SPECS);
	buf_addc(b, (char)i);
	struct buf text = { 0 };
	buf_adds(&text, specs[i].seed);
	for (uint32_t n = 1 + rng_below(&f->rng, 4); n--;)
		(rng_one_in(&f->rng, 3) ? mutate_bytes : mutate_tokens)(&f->rng, &f->seeds, &text);
	buf_add(b, text.s, text.len);
	buf_fini(&text);
}

static void spec_check_message(struct fuzz *f, const char *why)
{
	size_t n = strlen(why);
	if (!n)
		fuzz_fail(f, "an error without a message");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)why[i] < 32 && why[i] != '\n')
			fuzz_fail(f, "a message with a control character");
	const char *shown = strchr(why, '\n'), *mark = shown ? strchr(shown + 1, '\n') : NULL;
	if (shown && (!mark || strchr(mark + 1, '\n') || mark[strspn(mark + 1, " ") + 1] != '^' || (size_t)(mark - shown) < strlen(mark) - 1))
		fuzz_fail(f, "a mark that points nowhere: %s", why);
}

static void spec_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct arena a;
	struct args args = { 0 };
	struct buf text = { 0 };
	if (!n)
		return;
	arena_init(&a);
	const char *spec = arena_strndup(&a, (const char *)p + 1, n - 1);
	uint32_t i = *p % SPECS;
	struct opt o = { .arena = &a, .tool = tool_find(str_of(specs[i].tool)) };
	o.text = tool_text(o.tool);
	vec_push(&a, &args.named, arena_printf(&a, "--%s=%s", specs[i].option, spec));
	if (n % 3 == 0)
		vec_push(&a, &args.named, "--bin_cmp");
	if (n % 5 == 0)
		vec_push(&a, &args.named, "--level=3");
	const char *wrong = multi_write(&o, &args, &text);
	if (wrong)
		spec_check_message(f, wrong);
	else if (!text.s || strlen(text.s) != text.len)
		fuzz_fail(f, "a program with a zero byte");
	f->n_accepted += !wrong;
	if (f->show)
		fprintf(stderr, "%s\n", wrong ? wrong : text.s);
	buf_fini(&text);
	arena_fini(&a);
}

const struct target fuzz_spec = { .name = "spec", .what = "specifications of the multi-tools", .make = spec_make, .run = spec_run, .setup = spec_setup };
