/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names as the programmer wrote them: C++ (with parameters: overloads are different functions), Rust (both manglings, without the hash), D. The
 * work is libiberty's; here it is bounded, for names come from files of any origin, and a mangled name can refer back to its own
 * parts: a hundred bytes can mean more text than there is memory. The demanglers of C++ and Rust hand out their text piece by piece
 * and keep nothing on the heap, so they are left by longjmp when there is enough of it. That of D returns one block, and aborts the process when
 * it cannot: names with many back references are not given to it.
 */
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sym/sym.h"

enum { DEMANGLE_IN = 4096, DEMANGLE_OUT = 16 << 10, DEMANGLE_PIECES = 64 << 10, D_IN = 1024, D_BACK = 12 };

struct demangled {
	struct buf *o;
	uint32_t pieces; /* empty ones cost time, too */
	jmp_buf enough;
};

static void demangle_piece(const char *s, size_t n, void *arg)
{
	struct demangled *d = arg;
	if (d->o->len + n > DEMANGLE_OUT || ++d->pieces > DEMANGLE_PIECES)
		longjmp(d->enough, 1);
	buf_add(d->o, s, n);
}

static bool demangle_pieces(const char *name, bool rust, struct buf *ret)
{
	struct demangled d = { .o = ret };
	if (setjmp(d.enough))
		return false;
	return (rust ? rust_demangle_callback(name, DMGL_PARAMS | DMGL_ANSI, demangle_piece, &d) :
		       cplus_demangle_v3_callback(name, DMGL_PARAMS | DMGL_ANSI, demangle_piece, &d)) != 0;
}

static bool demangle_d(const char *name, struct buf *ret)
{
	uint32_t back = 0;
	size_t n = 0;
	for (; name[n]; n++)
		back += name[n] == 'Q';
	char *s = n <= D_IN && back <= D_BACK ? dlang_demangle(name, DMGL_PARAMS) : NULL;
	if (s && strlen(s) <= DEMANGLE_OUT)
		buf_adds(ret, s);
	bool good = s != NULL && ret->len;
	free(s);
	return good;
}

bool sym_demangle(const char *name, struct buf *ret)
{
	char whole[DEMANGLE_IN + 8];
	size_t n = strcspn(name, "@"); /* "@plt" is ours */
	buf_clear(ret);
	if (name[0] != '_' || strlen(name) > DEMANGLE_IN)
		return false;
	if (name[1] != 'Z' && name[1] != 'R' && name[1] != 'D')
		return false;
	/* What compilers append to parts of a function (".cold") they know themselves: "[clone .cold]". */
	memcpy(whole, name, n);
	whole[n] = 0;
	bool good = name[1] == 'D' ? demangle_d(whole, ret) :
		    /* Rust's older names are C++ names of a form that C++ itself does not make: a hash at the end */
		    demangle_pieces(whole, true, ret);
	if (!good && name[1] == 'Z') {
		buf_clear(ret);
		good = demangle_pieces(whole, false, ret);
	}
	good &= ret->len > 0; /* some hostile names have nothing to say */
	if (good && name[n])
		buf_adds(ret, name + n);
	if (!good || ret->oom)
		buf_clear(ret);
	return good && !ret->oom;
}
