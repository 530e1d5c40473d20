/* SPDX-License-Identifier: Apache-2.0 */
/* w_connect N: N connections over loopback to a listener of its own; says its port behind its pid. */
#include "work.h"
#include <arpa/inet.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 5);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int server = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (struct sockaddr *)&a, len) || listen(server, 64) || getsockname(server, (struct sockaddr *)&a, &len))
		return 1;
	say_pid();
	printf("port %d\n", ntohs(a.sin_port));
	while (n-- > 0) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
			return 1;
		close(accept(server, NULL, NULL));
		close(fd);
	}
	return 0;
}
