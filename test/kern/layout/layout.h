/* SPDX-License-Identifier: Apache-2.0 */
/* What the C compiler makes of the fixture's types. */
#ifndef SONDE_TEST_LAYOUT_H
#define SONDE_TEST_LAYOUT_H

struct layout {
	const char *of, *field;
	unsigned offset, size;
};
extern const struct layout layouts[];
extern const unsigned n_layouts;
struct layout_bits {
	const char *of, *field;
	unsigned size;
	void (*set)(void *);  /* all bits of the field, in zeroed memory */
};
extern const struct layout_bits layout_bits[];
extern const unsigned n_layout_bits;

#endif
