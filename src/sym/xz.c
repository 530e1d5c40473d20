/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The xz format, for .gnu_debugdata ("mini debug info": a symbol table for stripped binaries, compressed inside of them). liblzma
 * is loaded when first needed and let go again, as libdw is (dw.c) and for its reasons; the static program has it linked in.
 *
 * Small inputs can claim to be huge. Both the memory of the decoder and its result are bounded.
 */
#include <dlfcn.h>
#include <errno.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sym/elf.h"

enum { XZ_MEMORY_MAX = 128 << 20, XZ_FIRST = 64 << 10 };

struct xz {
	void *library;
	__typeof__(lzma_stream_decoder) *decoder;
	__typeof__(lzma_code) *code;
	__typeof__(lzma_end) *end;
};

#ifdef SONDE_STATIC

static bool xz_open(struct xz *x)
{
	*x = (struct xz){ NULL, lzma_stream_decoder, lzma_code, lzma_end };
	return true;
}

#else

static bool xz_open(struct xz *x)
{
	static const char *const names[] = { "lzma_stream_decoder", "lzma_code", "lzma_end" };
	void *f[3] = { NULL };
	x->library = dlopen("liblzma.so.5", RTLD_NOW | RTLD_LOCAL);
	for (int i = 0; x->library && i < 3; i++)
		f[i] = dlsym(x->library, names[i]);
	if (!f[0] || !f[1] || !f[2]) {
		if (x->library)
			dlclose(x->library);
		return false;
	}
	memcpy(&x->decoder, &f[0], sizeof(void *));
	memcpy(&x->code, &f[1], sizeof(void *));
	memcpy(&x->end, &f[2], sizeof(void *));
	return true;
}

#endif

int xz_decode(const void *in, size_t n, size_t max, void **ret, size_t *ret_n)
{
	struct xz x;
	if (!xz_open(&x))
		return -ENOSYS;
	lzma_stream s = LZMA_STREAM_INIT;
	size_t cap = XZ_FIRST < max ? XZ_FIRST : max;
	uint8_t *out = malloc(cap);
	int r = out ? 0 : -ENOMEM;
	if (r == 0 && x.decoder(&s, XZ_MEMORY_MAX, 0) != LZMA_OK)
		r = -ENOMEM;
	s.next_in = in;
	s.avail_in = n;
	while (r == 0) {
		s.next_out = out + s.total_out;
		s.avail_out = cap - (size_t)s.total_out;
		lzma_ret c = x.code(&s, LZMA_FINISH);
		if (c == LZMA_STREAM_END)
			break;
		if (c != LZMA_OK || s.avail_out) {
			r = -EINVAL; /* damaged, cut off, or too much memory asked for */
		} else if (cap >= max) {
			r = -EFBIG;
		} else {
			cap = cap > max / 2 ? max : cap * 2;
			uint8_t *p = realloc(out, cap);
			if (p)
				out = p;
			else
				r = -ENOMEM;
		}
	}
	if (out)
		x.end(&s);
	if (r == 0) {
		*ret = out;
		*ret_n = (size_t)s.total_out;
	} else {
		free(out);
	}
	if (x.library)
		dlclose(x.library);
	return r;
}
