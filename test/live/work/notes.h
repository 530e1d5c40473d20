/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static probes for the tests, made by hand: NOTE(PROVIDER, NAME, SEMAPHORE, ARGUMENTS, operands...) puts a nop here
 * and a note about it into .note.stapsdt. SEMAPHORE is 0 or a symbol; ARGUMENTS the text of the note, in which %0,
 * %1, ... are the operands of an extended asm statement. NOTE_AT lies about where everything is, as a prelinked file
 * does: all addresses are less by MOVED, that of the section which tells it as well.
 */
#ifndef WORK_NOTES_H
#define WORK_NOTES_H

#define NOTE_HEAD(nop)                                                         \
	"771:\t" nop "\n"                                                      \
	"\t.pushsection .note.stapsdt, \"?\", %%note\n"                        \
	"\t.balign 4\n"                                                        \
	"\t.4byte 773f - 772f, 775f - 774f, 3\n"                               \
	"772:\t.asciz \"stapsdt\"\n"                                           \
	"773:\t.balign 4\n"
/* Once in a program: the section whose address the notes tell. */
#define NOTE_TAIL                                                              \
	"775:\t.balign 4\n"                                                    \
	"\t.popsection\n"                                                      \
	"\t.ifndef _.stapsdt.base\n"                                           \
	"\t.pushsection .stapsdt.base, \"aG\", %%progbits, .stapsdt.base, comdat\n" \
	"\t.weak _.stapsdt.base\n"                                             \
	"\t.hidden _.stapsdt.base\n"                                           \
	"_.stapsdt.base:\t.space 1\n"                                          \
	"\t.size _.stapsdt.base, 1\n"                                          \
	"\t.popsection\n"                                                      \
	"\t.endif\n"
#define NOTE_WITH(nop, moved, provider, name, semaphore, arguments, ...)       \
	__asm__ volatile(NOTE_HEAD(nop)                                        \
			 "774:\t.8byte 771b - " #moved ", _.stapsdt.base - " #moved ", " semaphore "\n" \
			 "\t.asciz \"" #provider "\"\n\t.asciz \"" #name "\"\n\t.asciz \"" arguments "\"\n" \
			 NOTE_TAIL ::__VA_ARGS__)

#define NOTE(provider, name, semaphore, arguments, ...) NOTE_WITH("nop", 0, provider, name, #semaphore, arguments, __VA_ARGS__)
#define NOTE_AT(moved, provider, name, semaphore, arguments, ...)              \
	NOTE_WITH("nop", moved, provider, name, #semaphore " - " #moved, arguments, __VA_ARGS__)

/* A semaphore: how many look at the probe now. */
#define SEMAPHORE(name) volatile unsigned short name __attribute__((section(".probes"), used, visibility("hidden")))

#endif
