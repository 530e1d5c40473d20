/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_named N PORT NAME...: for each name, N times, ask getaddrinfo(3) for it and begin a TCP connection to each address of the answer. Nobody need
 * listen there. PORT as any:9: ask for addresses of any kind of socket, and connect to those of TCP.
 */
#include <netdb.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 1);
	const char *port = arg_text(argc, argv, 2, "9");
	bool any = !strncmp(port, "any:", 4);
	struct addrinfo want = { .ai_socktype = any ? 0 : SOCK_STREAM }, *all;

	say_pid();
	for (int k = 3; k < argc; k++) {
		for (long i = 0; i < n; i++) {
			if (getaddrinfo(argv[k], any ? port + 4 : port, &want, &all))
				return 1;
			for (struct addrinfo *a = all; a; a = a->ai_next) {
				if (a->ai_socktype != SOCK_STREAM)
					continue;
				int fd = socket(a->ai_family, SOCK_STREAM, 0);

				connect(fd, a->ai_addr, a->ai_addrlen);
				close(fd);
			}
			freeaddrinfo(all);
		}
	}
	return 0;
}
