/* SPDX-License-Identifier: Apache-2.0 */
/* w_faults N: touch N fresh pages. */
#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 1000);
	char *p = mmap(NULL, (size_t)n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	madvise(p, (size_t)n * 4096, MADV_NOHUGEPAGE);
	say_pid();
	for (long i = 0; i < n; i++)
		((volatile char *)p)[i * 4096] = 1;
	return 0;
}
