/* SPDX-License-Identifier: Apache-2.0 */
/* w_writes N SIZE: write(2) SIZE bytes to /dev/null N times. */
#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 100), size = arg_number(argc, argv, 2, 100);
	char *bytes = calloc(1, (size_t)size + 1);
	int fd = open("/dev/null", O_WRONLY);

	say_pid();
	while (n-- > 0)
		if (write(fd, bytes, (size_t)size) != size)
			return 1;
	free(bytes);
	return 0;
}
