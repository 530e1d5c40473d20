/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -O2 -fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-ipa-icf -rdynamic */
/* w_names: functions under the names that compilers of other languages give them, each calling the next; the last calls getppid(2). */
#include "work.h"

#define KEEP __attribute__((noinline, noclone))
KEEP void cxx(void) __asm__("_ZN5shape6circle4growEiPKc");
KEEP void cxx_template(void) __asm__("_Z4swapISt6vectorIiSaIiEEEvRT_S4_");
KEEP void rust_old(void) __asm__("_ZN4tree6branch4leaf17h05af221e174051e9E");
KEEP void rust_new(void) __asm__("_RNvNtCs1234_7mycrate3foo3bar");
KEEP void d_lang(void) __asm__("_D4main3addFiiZi");
KEEP void broken(void) __asm__("_ZN_this_is_none");
KEEP void names_leaf(void);

static volatile long sink;

void names_leaf(void)
{
	sink += syscall(SYS_getppid);
	sink++;
}
void broken(void) { names_leaf(); sink++; }
void d_lang(void) { broken(); sink++; }
void rust_new(void) { d_lang(); sink++; }
void rust_old(void) { rust_new(); sink++; }
void cxx_template(void) { rust_old(); sink++; }
void cxx(void) { cxx_template(); sink++; }

int main(void)
{
	say_pid();
	cxx();
	usleep(100000);
	return 0;
}
