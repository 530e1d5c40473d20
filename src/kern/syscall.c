/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of system calls by the names of their tracepoints. Only for processors whose table is known (syscall.def); elsewhere,
 * and for calls newer than the table, the answer is "unknown" and callers do without.
 */
#include "kern/kern_priv.h"

#if defined(__x86_64__)
static const struct {
	uint16_t number;
	const char *function;
} syscalls[] = {
#define SYSCALL(number, name, function) { number, function },
#include "sema/syscall.def"
#undef SYSCALL
};

int kern_syscall_number(struct str function)
{
	for (size_t i = 0; i < sizeof(syscalls) / sizeof(*syscalls); i++)
		if (str_is(function, syscalls[i].function))
			return syscalls[i].number;
	return -1;
}
#else
int kern_syscall_number(struct str function)
{
	(void)function;
	return -1;
}
#endif
