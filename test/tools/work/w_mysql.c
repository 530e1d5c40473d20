/* SPDX-License-Identifier: Apache-2.0 */
/* w_mysql FIFO N MS: for a line from FIFO: N queries "select I" of MS milliseconds, and N commands that are no queries, as MariaDB hands them on. */
#include <stdbool.h>
#include "work.h"

__attribute__((noinline, visibility("default"))) bool dispatch_command(int command, void *thd, char *packet, unsigned len, bool blocking);
bool dispatch_command(int command, void *thd, char *packet, unsigned len, bool blocking)
{
	struct timespec t = { 0, (long)(intptr_t)thd * 1000000 };
	nanosleep(&t, NULL);
	return command == 3 && packet && len && blocking;
}

int main(int argc, char **argv)
{
	const char *fifo = arg_text(argc, argv, 1, "");
	long n = arg_number(argc, argv, 2, 10), ms = arg_number(argc, argv, 3, 1);
	char line[64];
	FILE *f = fopen(fifo, "r");

	if (!f || !fgets(line, sizeof(line), f))
		return 1;
	for (long i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "select %ld", i);
		dispatch_command(3, (void *)(intptr_t)ms, line, (unsigned)strlen(line), true);
		dispatch_command(14, (void *)(intptr_t)ms, line, (unsigned)strlen(line), true);
	}
	return 0;
}
