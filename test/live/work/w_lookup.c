/* SPDX-License-Identifier: Apache-2.0 */
/* w_lookup NAME GO: writes its pid; when GO (a fifo) has been opened and closed by a writer, resolves NAME three times. */
#include <netdb.h>

#include "work.h"

int main(int argc, char **argv)
{
	char c;
	say_pid();
	if (argc < 3)
		return 2;
	int fd = open(argv[2], O_RDONLY);
	while (fd >= 0 && read(fd, &c, 1) > 0)
		;
	for (int i = 0; i < 3; i++) {
		struct addrinfo *a = NULL;
		if (getaddrinfo(argv[1], NULL, NULL, &a))
			return 1;
		freeaddrinfo(a);
	}
	return 0;
}
