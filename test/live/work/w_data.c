/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -O1 -fno-omit-frame-pointer -fPIE -pie */
/* w_data N: variables of all widths, which count the calls of data_step from 1 to N; it returns what they were before. */
#include "work.h"

uint8_t data_byte;
uint16_t data_half;
int32_t data_word = -5;
static uint64_t data_hidden;
uint64_t data_long = 1000000000000;

__attribute__((noinline, noclone)) uint64_t data_step(void);

uint64_t data_step(void)
{
	__asm__ volatile("" ::: "memory");
	data_byte++;
	data_half += 256;
	data_word--;
	data_long++;
	return data_hidden++;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 1);

	say_pid();
	while (n-- > 0)
		data_step();
	usleep(100000);
	return 0;
}
