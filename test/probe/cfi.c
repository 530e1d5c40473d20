/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unwind tables (sym/cfi.c) against those that another program, readelf, prints of the same files: every row of it must be ours too, in what we
 * keep. And files that are cut short at any place, or are none.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "../check.h"
#include "sym/cfi.h"

static struct check c = { "probe cfi", 0, 0 };

struct columns {
	int bx, fp, ra; /* behind LOC and CFA; -1: not among them */
};
static char words[64][32];

static int split(char *line)
{
	int n = 0;
	for (char *save, *w = strtok_r(line, " \n", &save); w && n < 64; w = strtok_r(NULL, " \n", &save))
		snprintf(words[n++], sizeof(words[0]), "%s", w);
	return n;
}

static const struct unwind_rule *rule_at(const struct cfi_table *t, uint64_t off)
{
	uint32_t lo = 0, hi = t->n_rows;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (t->rows[mid].pc <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && t->rows[lo - 1].rule ? &t->rules[t->rows[lo - 1].rule - 1] : NULL;
}

/* readelf's word for a register: u, s, c-16, exp, a register. */
static int register_is(const char *w, uint8_t base, int32_t off, int is_ra)
{
	if (!strcmp(w, "exp") || !strcmp(w, "vexp") || w[0] == 'v')
		return base != UW_CFA;
	if (!strcmp(w, "u") || !strcmp(w, "s"))
		return base == (is_ra ? UW_END : UW_SAME);
	if (w[0] == 'c')
		return base == UW_CFA && off == atoi(w + 1);
	return base == UW_LOST || base == UW_DI;
}

static int frame_is(const char *w, const struct unwind_rule *r)
{
	static const struct {
		const char *name;
		uint8_t base;
	} regs[] = { { "rsp", UW_SP }, { "rbp", UW_FP }, { "rbx", UW_BX }, { "r10", UW_R10 } };
	if (!strcmp(w, "exp"))
		return r->flags & (UW_DEREF | UW_PLT) || r->base == UW_SAME;
	for (unsigned i = 0; i < 4; i++)
		if (!strncmp(w, regs[i].name, 3))
			return r->base == regs[i].base && r->off == atoi(w + 3) && !(r->flags & (UW_DEREF | UW_PLT));
	return r->base == UW_SAME;
}

static void compare(const char *file)
{
	struct cfi_table t;
	char command[PATH_MAX + 64], line[1024];
	Elf64_Ehdr eh;
	Elf64_Phdr ph[64];
	unsigned rows = 0, bad = 0, unsure = 0;
	struct columns at = { -1, -1, -1 };
	int fd = open(file, O_RDONLY | O_CLOEXEC), n;
	if (fd < 0)
		return;
	if (sym_cfi_file(fd, &t) || pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) || eh.e_phnum > 64 ||
	    pread(fd, ph, eh.e_phnum * sizeof(*ph), (off_t)eh.e_phoff) <= 0) {
		c.failed++;
		printf("FAIL probe cfi: %s has no table\n", file);
		close(fd);
		return;
	}
	close(fd);
	snprintf(command, sizeof(command), "readelf --debug-dump=frames-interp %s 2>/dev/null", file);
	FILE *f = popen(command, "r");
	int is_fde = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, " FDE ") || strstr(line, " CIE ") || strstr(line, "ZERO terminator"))
			is_fde = strstr(line, " FDE ") != NULL;
		if (strstr(line, ".debug_frame"))
			break;
		if (strstr(line, " LOC ") && strstr(line, " CFA ")) {
			n = split(line);
			at = (struct columns){ -1, -1, -1 };
			for (int i = 2; i < n; i++) {
				at.bx = !strcmp(words[i], "rbx") ? i : at.bx;
				at.fp = !strcmp(words[i], "rbp") ? i : at.fp;
				at.ra = !strcmp(words[i], "ra") ? i : at.ra;
			}
			continue;
		}
		if (strchr(line, '(')) /* a register in another one, of two words */
			continue;
		n = is_fde ? split(line) : 0;
		if (n < 3 || strlen(words[0]) != 16 || strspn(words[0], "0123456789abcdef") != 16 || at.ra < 0 || at.ra >= n)
			continue;
		uint64_t pc = strtoull(words[0], NULL, 16), off = 0;
		for (int i = 0; i < eh.e_phnum; i++)
			if (ph[i].p_type == PT_LOAD && pc >= ph[i].p_vaddr && pc - ph[i].p_vaddr < ph[i].p_filesz)
				off = pc - ph[i].p_vaddr + ph[i].p_offset;
		static const struct unwind_rule none;
		const struct unwind_rule *r = rule_at(&t, off);
		r = r ? r : &none;
		int ok = off && register_is(words[at.ra], r->ra_base, r->ra_off, 1);
		if (ok && r->ra_base != UW_END && r->base != UW_SAME)
			ok = frame_is(words[1], r) && (at.fp < 0 ? r->fp_base == UW_SAME : register_is(words[at.fp], r->fp_base, r->fp_off, 0)) &&
			     (at.bx < 0 ? r->bx_base == UW_SAME : register_is(words[at.bx], r->bx_base, r->bx_off, 0));
		else if (ok && r->ra_base != UW_END)
			ok = !strcmp(words[1], "exp");
		/* a function of which nothing is known: in registers that we do not follow, or with rows of other kinds */
		if (r == &none)
			ok = !strcmp(words[1], "exp") || words[at.ra][0] == 'r' || (strncmp(words[1], "rsp", 3) && strncmp(words[1], "rbp", 3));
		/* readelf forgets what the common entry says of a register that is put into another one somewhere in the function */
		if (!ok && !strcmp(words[at.ra], "u") && r->ra_base == UW_CFA && unsure++ < 8)
			continue;
		rows++;
		if (!ok && bad++ < 3)
			printf("FAIL probe cfi: %s: %s %s ra %s: ours %u%+d, ra %u%+d, rbp %u%+d, rbx %u%+d\n", file, words[0], words[1], words[at.ra], r->base,
			       r->off, r->ra_base, r->ra_off, r->fp_base, r->fp_off, r->bx_base, r->bx_off);
	}
	if (f)
		pclose(f);
	sym_cfi_free(&t);
	if (bad || rows < 10) {
		c.failed++;
		printf("FAIL probe cfi: %s: %u of %u rows differ\n", file, bad, rows);
	} else {
		c.passed++;
	}
}

/* Cut anywhere, it is an error or gives a part. */
static void cut(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	uint8_t *image = size > 0 ? malloc((size_t)size) : NULL;
	struct cfi_table t, whole;
	if (!image || pread(fd, image, (size_t)size, 0) != size || sym_cfi_image(image, (size_t)size, &whole)) {
		c.failed++;
		printf("FAIL probe cfi: %s has no table\n", file);
		return;
	}
	for (size_t n = 0; n < (size_t)size; n += n < 2048 ? 1 : 61) {
		uint8_t *copy = malloc(n ? n : 1); /* its end is the end of an allocation */
		memcpy(copy, image, n);
		int err = sym_cfi_image(copy, n, &t);
		if (!err)
			sym_cfi_free(&t);
		if (err && err != -ENOEXEC && err != -ENODATA && err != -EBADMSG) {
			c.failed++;
			printf("FAIL probe cfi: %s cut to %zu bytes: error %d\n", file, n, err);
		}
		free(copy);
	}
	image[18] = 0xf7; /* another processor */
	check_true(&c, "a file of another processor", sym_cfi_image(image, (size_t)size, &t) == -ENOEXEC);
	image[18] = 62;
	image[4] = 1;
	check_true(&c, "a file of 32 bits", sym_cfi_image(image, (size_t)size, &t) == -ENOEXEC);
	sym_cfi_free(&whole);
	free(image);
	close(fd);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "target", "target-exec", "target-stripped" };
	static const char *const files[] = { "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2", "/bin/bash", "/usr/bin/git",
					     "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
					     "/usr/lib/x86_64-linux-gnu/libelf.so.1", "/usr/bin/perl" };
	char path[PATH_MAX];
	if (argc < 2)
		return 2;
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]);
		compare(path);
		cut(path);
	}
	for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++)
		compare(files[i]);
	return check_end(&c);
}
