/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of out/ share: rendering of values beneath the functions of out.h. */
#ifndef SONDE_OUT_VALUE_H
#define SONDE_OUT_VALUE_H

#include "out/out.h"

struct val {
	const struct out_env *env;
	struct buf *o;
	bool raw;     /* bytes go as they are: whoever called escapes the whole */
	bool compact; /* keys in JSON: no spaces around our own punctuation */
	unsigned depth, parts;
};

void val_text(struct val *v, const struct type *t, const void *p, uint32_t avail, bool trusted);
void val_json(struct val *v, const struct type *t, const void *p, uint32_t avail);
/* A key: outer parentheses of a tuple stripped. */
void val_key(struct val *v, const struct type *t, const void *p);
/* Text that somebody else controls. */
void val_bytes(struct val *v, const void *p, size_t n, bool trusted);

/* The types that are one number: integers, enums, bool, pointers, aggregations that give one (AVG divides). */
/* x / n, 0 when n is; as signed numbers, or not. */
uint64_t val_divide(uint64_t x, uint64_t n, bool is_signed);
bool val_number(const struct type *t, const void *p, uint32_t avail, uint64_t *ret, bool *ret_signed);
/* An integer in JSON: quoted where a double would not hold it. */
void val_json_int(struct buf *o, uint64_t x, bool is_signed);
void val_int(struct buf *o, uint64_t x, bool is_signed);
/* Length and data of a buffer, within what is valid. */
const uint8_t *val_buffer(const struct type *t, const void *p, uint32_t avail, uint32_t *ret_len);
/* Where the bytes of an event's argument lie; *tail: the place of the next packed string, begins at fixed_size. */
const void *val_arg(const struct event_arg *a, const void *payload, uint32_t len, uint32_t *tail, uint32_t *ret_avail);
/* The same for the only argument of an event: a packed string's bytes are the last ones. */
const void *val_last(const struct event_arg *a, const void *payload, uint32_t len, uint32_t *ret_avail);
/* The frames of a stack at p into `frames` (room for STACK_MAX); how many. */
uint32_t val_stack_frames(const struct out_env *e, const struct type *t, const void *p, uint32_t avail, uint64_t *frames, bool *ret_lost);
/* The value of a row of a map, divided by map->div. */
void val_row(struct val *v, const struct out_map *m, const struct out_row *row, bool json);

/* format.c: printf of arguments of an event, from the arg-th on; how many are used up then. */
uint32_t val_format(struct val *v, struct str fmt, const struct event *ev, uint32_t arg, uint32_t *tail, const void *payload,
		    uint32_t len);

/* The number that a value of T_FILE_NUMBER stands for; of other types as val_number(). */
bool val_number_now(const struct out_env *e, const struct type *t, const void *p, uint32_t avail, uint64_t *ret, bool *ret_signed);
/* gfp.c: allocation flags of the kernel as text. */
void val_gfp(uint64_t flags, struct buf *ret);

/* block.c */
bool block_is_wanted(const struct out *o, const struct out_map *m);
void block_map(struct out *o, const struct out_map *m);

#endif
