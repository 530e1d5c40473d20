/* SPDX-License-Identifier: Apache-2.0 */
/* w_resolve N: getaddrinfo("localhost") and gethostbyname("127.0.0.1"), N times each. */
#include "work.h"
#include <netdb.h>

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10);
	struct addrinfo *a;

	say_pid();
	while (n-- > 0) {
		if (!getaddrinfo("localhost", NULL, NULL, &a))
			freeaddrinfo(a);
		gethostbyname("127.0.0.1");
	}
	return 0;
}
