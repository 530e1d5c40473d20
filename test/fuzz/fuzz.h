/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzzer's parts: chance, mutation, targets. */
#ifndef SONDE_FUZZ_H
#define SONDE_FUZZ_H

#include <stdint.h>

#include "base/str.h"

struct rng { uint64_t s; };
static inline uint64_t rng_next(struct rng *r) /* splitmix64 */
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15ULL);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}
static inline uint32_t rng_below(struct rng *r, uint32_t n) { return n ? (uint32_t)(rng_next(r) % n) : 0; }
static inline int rng_one_in(struct rng *r, uint32_t n) { return rng_below(r, n) == 0; }

struct seeds { struct str *v; uint32_t n; };

/* mutate.c */
void mutate_bytes(struct rng *r, const struct seeds *s, struct buf *b);  /* flips, cuts, copies, splices */
void mutate_tokens(struct rng *r, const struct seeds *s, struct buf *b); /* the same with words of the language */
void mutate_words(struct rng *r, const struct seeds *s, struct buf *b);  /* one or two words become others of the seeds */
/* gen.c: a random program of the language, mostly well-formed */
void gen_program(struct rng *r, struct buf *b);
/* typed.c: a random program of which nearly each is valid */
void typed_program(struct rng *r, struct buf *b);
void pure_program(struct rng *r, struct buf *b); /* ... and whose output depends on itself alone */

struct fuzz {
	struct rng rng;
	struct seeds seeds;
	const char *fixture; /* text of the pinned kernel */
	const char *failure; /* set by a target: what is wrong although nothing crashed */
	char why[512];
	void *state;         /* a target's own */
	uint64_t n_accepted; /* inputs that got through */
	bool show;           /* one input: print what is said about it */
	int temp_fd;         /* memory file, for readers that want a path */
	char temp_path[64];
};
void fuzz_temp(struct fuzz *f, const void *p, size_t n); /* make the memory file hold this */
void fuzz_fail(struct fuzz *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An input by mutation of a seed, or the target's own way (make), then one run. */
struct target {
	const char *name, *what;
	void (*make)(struct fuzz *f, struct buf *b); /* NULL: mutate_bytes of a seed */
	void (*run)(struct fuzz *f, const uint8_t *p, size_t n);
	void (*setup)(struct fuzz *f); /* may replace the seeds */
	void (*finish)(struct fuzz *f);
	unsigned patience; /* seconds until an input hangs; 0: as usual */
};

#define TARGET(name) extern const struct target fuzz_##name;
#include "target.def"
#undef TARGET

#endif
