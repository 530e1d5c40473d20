/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -no-pie */
/* w_watch: writes `watched` 7 times and reads it 3 times, in a thread that is started later, too (twice 5 writes). */
#include <pthread.h>
#include <stddef.h>

volatile long watched;

static void *later(void *arg)
{
	for (int i = 0; i < 5; i++)
		watched = 100 + i;
	return arg;
}

int main(void)
{
	pthread_t t[2];
	long sum = 0;
	for (int i = 0; i < 7; i++)
		watched = i;
	for (int i = 0; i < 3; i++)
		sum += watched;
	for (int i = 0; i < 2; i++) {
		pthread_create(&t[i], NULL, later, NULL);
		pthread_join(t[i], NULL);
	}
	return sum == 18 ? 0 : 1;
}
