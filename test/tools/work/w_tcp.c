/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_tcp N 4|6 SEND BACK: N connections over loopback, one after the other; the client sends SEND bytes and gets BACK, then
 * closes, then the server does. Prints "pid N", then "port N" of the listening socket.
 */
#include "work.h"
#include <netinet/in.h>
#include <sys/socket.h>

static void move(int from, int to, long n)
{
	static char data[65536];
	while (n > 0) {
		size_t want = n < (long)sizeof(data) ? (size_t)n : sizeof(data);
		if (send(from, data, want, 0) != (ssize_t)want)
			_exit(2);
		for (size_t got = 0; got < want;) {
			ssize_t k = recv(to, data, want - got, 0);
			if (k <= 0)
				_exit(3);
			got += (size_t)k;
		}
		n -= (long)want;
	}
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10), family = arg_number(argc, argv, 2, 4) == 6 ? AF_INET6 : AF_INET;
	long there = arg_number(argc, argv, 3, 0), back = arg_number(argc, argv, 4, 0);
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *a = family == AF_INET ? (struct sockaddr *)&a4 : (struct sockaddr *)&a6;
	socklen_t len = family == AF_INET ? sizeof(a4) : sizeof(a6);
	int server = socket((int)family, SOCK_STREAM, 0);

	say_pid();
	if (server < 0 || bind(server, a, len) || listen(server, 16) || getsockname(server, a, &len))
		return 1;
	dprintf(1, "port %d\n", ntohs(family == AF_INET ? a4.sin_port : a6.sin6_port));
	while (n-- > 0) {
		int c = socket((int)family, SOCK_STREAM, 0), s;
		if (c < 0 || connect(c, a, len) || (s = accept(server, NULL, NULL)) < 0)
			return 1;
		move(c, s, there);
		move(s, c, back);
		close(c);
		close(s);
	}
	return 0;
}
