/* SPDX-License-Identifier: Apache-2.0 */
/* w_udp PORT N SIZE: sends itself N datagrams of SIZE bytes over the loopback, all of the letters a, b, ... by number. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	static char text[65507], back[65507];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
	if (argc < 4)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[1]));
	size_t size = (size_t)atol(argv[3]) % (sizeof(text) + 1);
	if (in < 0 || out < 0 || bind(in, (struct sockaddr *)&to, sizeof(to)))
		return 1;
	for (int i = 0; i < atoi(argv[2]); i++) {
		memset(text, 'a' + i % 26, size);
		if (sendto(out, text, size, 0, (struct sockaddr *)&to, sizeof(to)) != (ssize_t)size || recv(in, back, sizeof(back), 0) != (ssize_t)size)
			return 1;
	}
	return 0;
}
