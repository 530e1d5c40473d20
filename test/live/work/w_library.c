/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -shared -fPIC */
/* A library with a static probe that has a semaphore: see w_usdt library. */
#include "notes.h"

SEMAPHORE(library_semaphore);
static long calls;

void lib_work(long x);
__attribute__((visibility("default"))) void lib_work(long x)
{
	calls++;
	if (library_semaphore)
		NOTE(library, work, library_semaphore, "-8@%0 8@%1", "r"(x), "m"(calls));
}
