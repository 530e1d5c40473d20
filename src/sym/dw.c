/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where libdw comes from. Few programs need DWARF, and a library that is linked costs every start: libdw brings three others
 * along, half a millisecond and half a megabyte. So the dynamic build loads it when the first file of DWARF is opened, and what
 * the rest of the program sees is a table of pointers. The static build (SONDE_STATIC) cannot load anything; there the
 * functions are linked in, and the table points at them.
 *
 * Both builds need the same version of libelf and libdw: they share the structures behind an Elf handle. A distribution
 * guarantees that, for libdw depends on its libelf, which is the one that we have loaded by then.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sym/dw.h"
#include "sym/sym.h"

#ifdef SONDE_STATIC

int dw_open(struct dw **ret)
{
	struct dw *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
#define DW_FN(name) d->name = name;
#include "sym/dw.def"
#undef DW_FN
	*ret = d;
	return 0;
}

void dw_close(struct dw *d)
{
	free(d);
}

#else

int dw_open(struct dw **ret)
{
	struct dw *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
	bool all = d->library != NULL;
	void *f = NULL;
	/* A pointer to a function is not an object pointer in C, but it is in POSIX: its bytes are copied. */
#define DW_FN(name) \
	f = all ? dlsym(d->library, #name) : NULL; \
	all &= f != NULL; \
	memcpy(&d->name, &f, sizeof(f));
#include "sym/dw.def"
#undef DW_FN
	if (!all) {
		dw_close(d);
		return -ENOSYS;
	}
	*ret = d;
	return 0;
}

void dw_close(struct dw *d)
{
	if (d && d->library)
		dlclose(d->library);
	free(d);
}

#endif

bool dw_available(void)
{
	struct dw *d;
	if (dw_open(&d) < 0)
		return false;
	dw_close(d);
	return true;
}
