/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz TARGET SECONDS SEED SAVE FIXTURE SEED-FILE...   mutate for that long; fuzz TARGET file SAVE FIXTURE SEED-FILE... : one input
 *
 * Every input lies in the file SAVE (mapped) before it is tried, so that it survives whatever happens. A crash ends the process by a
 * signal or by the sanitizer; a hang by SIGALRM; other failures are printed. The same SEED makes the same inputs.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum { HANG_SECONDS = 10, SAVE_MAX = 4 << 20, FAILURES_MAX = 5 };

static const struct target *const targets[] = {
#define TARGET(name) &fuzz_##name,
#include "target.def"
#undef TARGET
};

void fuzz_fail(struct fuzz *f, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(f->why, sizeof(f->why), fmt, ap);
	va_end(ap);
	f->failure = f->why;
}

void fuzz_temp(struct fuzz *f, const void *p, size_t n)
{
	if (f->temp_fd < 0) {
		f->temp_fd = memfd_create("fuzz", MFD_CLOEXEC);
		snprintf(f->temp_path, sizeof(f->temp_path), "/proc/self/fd/%d", f->temp_fd);
	}
	if (ftruncate(f->temp_fd, 0) || pwrite(f->temp_fd, p, n, 0) != (ssize_t)n)
		fuzz_fail(f, "cannot write the memory file");
}

static struct str fuzz_read(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	char *p = calloc(1, (size_t)st.st_size + 1);
	ssize_t n = read(fd, p, (size_t)st.st_size);
	close(fd);
	return (struct str){ p, n > 0 ? (uint32_t)n : 0 };
}

/* Sanitizers only see a read past the end when the end is the end of an allocation. */
static void fuzz_try(struct fuzz *f, const struct target *t, const void *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	memcpy(copy, p, n);
	alarm(t->patience ? t->patience : HANG_SECONDS);
	t->run(f, copy, n);
	alarm(0);
	free(copy);
}

static double fuzz_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fuzz_input(struct fuzz *f, const struct target *t, struct buf *b)
{
	if (t->make) {
		t->make(f, b);
		return;
	}
	struct str s = f->seeds.v[rng_below(&f->rng, f->seeds.n)];
	buf_add(b, s.s, s.len);
	mutate_bytes(&f->rng, &f->seeds, b);
}

int main(int argc, char **argv)
{
	const struct target *t = NULL;
	struct fuzz f = { .temp_fd = -1 };
	for (size_t i = 0; argc > 1 && i < sizeof(targets) / sizeof(*targets); i++)
		if (!strcmp(argv[1], targets[i]->name))
			t = targets[i];
	if (t && t->make && argc == 4 && !strcmp(argv[2], "print")) { /* only show what it makes */
		struct buf b = { 0 };
		f.rng.s = strtoull(argv[3], NULL, 0);
		t->make(&f, &b);
		fwrite(b.s ? b.s : "", 1, b.len, stdout);
		return 0;
	}
	bool one = argc > 2 && !strcmp(argv[2], "file");
	int first = one ? 3 : 4;
	if (!t || argc < first + 3) {
		fputs("usage: fuzz TARGET SECONDS SEED SAVE FIXTURE SEED-FILE...\n       fuzz TARGET file SAVE FIXTURE SEED-FILE...\n", stderr);
		return 2;
	}
	f.fixture = fuzz_read(argv[first + 1]).s;
	f.seeds.n = (uint32_t)(argc - first - 2);
	f.seeds.v = calloc(f.seeds.n, sizeof(*f.seeds.v));
	for (uint32_t i = 0; i < f.seeds.n; i++)
		f.seeds.v[i] = fuzz_read(argv[first + 2 + (int)i]);
	if (one) {
		struct str in = fuzz_read(argv[first]);
		if (t->setup)
			t->setup(&f);
		f.show = true;
		fuzz_try(&f, t, in.s, in.len);
		printf("%s\n", f.failure ? f.failure : f.n_accepted ? "accepted" : "no failure");
		return f.failure != NULL;
	}
	double end = fuzz_now() + strtod(argv[2], NULL);
	uint64_t seed = strtoull(argv[3], NULL, 0), n = 0, failures = 0;
	int fd = open(argv[first], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, SAVE_MAX)) {
		perror(argv[first]);
		return 2;
	}
	uint8_t *save = mmap(NULL, SAVE_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (save == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	f.rng.s = seed;
	if (t->setup)
		t->setup(&f);
	struct buf b = { 0 };
	while (fuzz_now() < end && failures < FAILURES_MAX) {
		f.rng.s = seed + n * 0x1000003ULL;
		buf_clear(&b);
		fuzz_input(&f, t, &b);
		if (b.len > SAVE_MAX - 8)
			continue;
		uint64_t len = b.len;
		memcpy(save, &len, 8);
		memcpy(save + 8, b.s ? b.s : "", b.len);
		f.failure = NULL;
		fuzz_try(&f, t, b.s ? b.s : "", b.len);
		n++;
		if (f.failure) {
			failures++;
			printf("FAIL fuzz %s: input %llu of seed %llu: %s\n", t->name, (unsigned long long)n, (unsigned long long)seed, f.failure);
			if (failures == 1) {
				char path[4096];
				snprintf(path, sizeof(path), "%s.failed", argv[first]);
				FILE *o = fopen(path, "w");
				if (o) {
					fwrite(b.s, 1, b.len, o);
					fclose(o);
				}
			}
		}
	}
	if (t->finish)
		t->finish(&f);
	printf("%s: %llu inputs", t->name, (unsigned long long)n);
	if (f.n_accepted)
		printf(", %llu accepted", (unsigned long long)f.n_accepted);
	printf(" (%s)\n", t->what);
	return failures != 0;
}
