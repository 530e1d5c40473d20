/* SPDX-License-Identifier: Apache-2.0 */
/*
 * %gr: flags of kernel memory allocations (gfp_t) as text. The names that stand for several bits come first and the
 * table is matched greedily from the top, in the order in which the kernel itself prints them, so that both agree. The
 * numbers of the bits are those of kernel 6.x; a bit without a name is left over and printed in hex.
 */
#include "out/out.h"
#include "out/value.h"

enum { /* bits */
	DMA = 1 << 0,
	HIGHMEM = 1 << 1,
	DMA32 = 1 << 2,
	MOVABLE = 1 << 3,
	HIGH = 1 << 5,
	IO = 1 << 6,
	FS = 1 << 7,
	ZERO = 1 << 8,
	DIRECT = 1 << 10,
	KSWAPD = 1 << 11,
	WRITE = 1 << 12,
	NOWARN = 1 << 13,
	MAYFAIL = 1 << 14,
	NOFAIL = 1 << 15,
	NORETRY = 1 << 16,
	MEMALLOC = 1 << 17,
	COMP = 1 << 18,
	NOMEMALLOC = 1 << 19,
	HARDWALL = 1 << 20,
	THISNODE = 1 << 21,
	ACCOUNT = 1 << 22,
	ZEROTAGS = 1 << 23,
	SKIP_ZERO = 1 << 24,
	SKIP_KASAN = 1 << 25,
	NO_OBJ_EXT = 1 << 26,
	/* sets */
	KERNEL = DIRECT | KSWAPD | IO | FS,
	USER = KERNEL | HARDWALL,
	HIGHUSER = USER | HIGHMEM,
	/* Kernels without tagged memory have no SKIP_KASAN (it is 0 there), so both forms stand in the table. */
	HUM = HIGHUSER | MOVABLE,
	LIGHT = (HUM | COMP | NOMEMALLOC | NOWARN) & ~(DIRECT | KSWAPD),
};

static const struct {
	uint32_t bits;
	const char *name;
} gfp_names[] = {
	{ LIGHT | DIRECT | SKIP_KASAN, "GFP_TRANSHUGE" },
	{ LIGHT | DIRECT, "GFP_TRANSHUGE" },
	{ LIGHT | SKIP_KASAN, "GFP_TRANSHUGE_LIGHT" },
	{ LIGHT, "GFP_TRANSHUGE_LIGHT" },
	{ HUM | SKIP_KASAN, "GFP_HIGHUSER_MOVABLE" },
	{ HUM, "GFP_HIGHUSER_MOVABLE" },
	{ HIGHUSER, "GFP_HIGHUSER" },
	{ USER, "GFP_USER" },
	{ KERNEL | ACCOUNT, "GFP_KERNEL_ACCOUNT" },
	{ KERNEL, "GFP_KERNEL" },
	{ DIRECT | KSWAPD | IO, "GFP_NOFS" },
	{ HIGH | KSWAPD, "GFP_ATOMIC" },
	{ DIRECT | KSWAPD, "GFP_NOIO" },
	{ KSWAPD | NOWARN, "GFP_NOWAIT" },
	{ DMA, "GFP_DMA" },
	{ HIGHMEM, "__GFP_HIGHMEM" },
	{ DMA32, "GFP_DMA32" },
	{ HIGH, "__GFP_HIGH" },
	{ IO, "__GFP_IO" },
	{ FS, "__GFP_FS" },
	{ ZERO, "__GFP_ZERO" },
	{ DIRECT, "__GFP_DIRECT_RECLAIM" },
	{ KSWAPD, "__GFP_KSWAPD_RECLAIM" },
	{ WRITE, "__GFP_WRITE" },
	{ NOWARN, "__GFP_NOWARN" },
	{ MAYFAIL, "__GFP_RETRY_MAYFAIL" },
	{ NOFAIL, "__GFP_NOFAIL" },
	{ NORETRY, "__GFP_NORETRY" },
	{ MEMALLOC, "__GFP_MEMALLOC" },
	{ COMP, "__GFP_COMP" },
	{ NOMEMALLOC, "__GFP_NOMEMALLOC" },
	{ HARDWALL, "__GFP_HARDWALL" },
	{ THISNODE, "__GFP_THISNODE" },
	{ ACCOUNT, "__GFP_ACCOUNT" },
	{ ZEROTAGS, "__GFP_ZEROTAGS" },
	{ SKIP_ZERO, "__GFP_SKIP_ZERO" },
	{ SKIP_KASAN, "__GFP_SKIP_KASAN" },
	{ NO_OBJ_EXT, "__GFP_NO_OBJ_EXT" },
};

bool out_gfp_bits(struct str name, uint64_t *ret)
{
	for (size_t i = 0; i < sizeof(gfp_names) / sizeof(gfp_names[0]); i++)
		if (str_is(name, gfp_names[i].name)) {
			*ret = gfp_names[i].bits;
			return true;
		}
	return false;
}

void val_gfp(uint64_t flags, struct buf *ret)
{
	const char *sep = "";
	if (flags == 0) {
		buf_addc(ret, '0');
		return;
	}
	for (size_t i = 0; i < sizeof(gfp_names) / sizeof(gfp_names[0]); i++) {
		if ((flags & gfp_names[i].bits) != gfp_names[i].bits)
			continue;
		buf_addf(ret, "%s%s", sep, gfp_names[i].name);
		flags &= ~(uint64_t)gfp_names[i].bits;
		sep = "|";
	}
	if (flags)
		buf_addf(ret, "%s0x%llx", sep, (unsigned long long)flags);
}
