/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -no-pie */
/* w_unwatch N: writes `watched` N times, a millisecond apart. */
#include <stdlib.h>
#include <unistd.h>

volatile long watched;

int main(int argc, char **argv)
{
	for (int n = argc > 1 ? atoi(argv[1]) : 0; watched < n; watched++)
		usleep(1000);
	return 0;
}
