/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call-frame information: how to get from a frame to its caller, for every instruction of a file. Compilers write it to .eh_frame for exceptions
 * and leave it in stripped binaries too, since programs need it at run time. It is found by the program header for its index
 * (PT_GNU_EH_FRAME), or by the section's name.
 *
 * Each function has an entry (FDE): a small program for a machine whose state is a row, "the frame's address is rsp + 16, the return address lies
 * at -8, rbp at -16", and whose instructions change the row or go on to a later address; what functions share is in a common entry (CIE). We run
 * them all once (cfa.c) and keep the rows (ir/unwind.h).
 *
 * The files are of any origin: every read is within a copy of the bytes, every count is bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sym/cfa.h"

enum {
	CFI_PHDRS = 256, CFI_SHDRS = 4096, CFI_SEGMENTS = 16, CFI_FDES = 4 << 20, CFI_ROWS = 32 << 20, CFI_BYTES = 256 << 20,
	CFI_GAP = 16, /* bytes between functions that nothing executes */
};

struct source {
	int fd;            /* or -1: */
	const uint8_t *image;
	size_t size;
};
struct segment { /* code: where it is in memory and in the file */
	uint64_t addr, size, offset;
};
struct fde {
	uint64_t pc, len;
	uint32_t at, end, cie; /* its program, in the bytes */
};
struct cfi {
	const struct source *src;
	uint8_t *bytes;    /* .eh_frame */
	uint32_t n;
	uint64_t addr;     /* of its first byte */
	struct segment segs[CFI_SEGMENTS];
	uint32_t n_segs;
	struct fde *fdes;
	uint32_t n_fdes, cap_fdes;
	struct cie cie;    /* the one read last */
	struct cfi_table *out;
	uint32_t cap_rows, cap_rules;
	uint32_t *hash, hash_mask; /* rules by content: index + 1 */
};

/* -- bytes -- */

static bool source_read(const struct source *s, uint64_t off, void *to, size_t n)
{
	if (s->fd < 0) {
		if (off > s->size || n > s->size - off)
			return false;
		memcpy(to, s->image + off, n);
		return true;
	}
	for (size_t have = 0; have < n;) {
		ssize_t r = pread(s->fd, (char *)to + have, n - have, (off_t)(off + have));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		have += (size_t)r;
	}
	return true;
}


/* -- the file -- */

static int cfi_segments(struct cfi *f, const Elf64_Ehdr *eh, uint64_t *ret_hdr)
{
	Elf64_Phdr ph[CFI_PHDRS];
	if (eh->e_phentsize != sizeof(*ph) || !eh->e_phnum || eh->e_phnum > CFI_PHDRS ||
	    !source_read(f->src, eh->e_phoff, ph, eh->e_phnum * sizeof(*ph)))
		return -ENOEXEC;
	*ret_hdr = 0;
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_GNU_EH_FRAME)
			*ret_hdr = ph[i].p_vaddr;
		if (ph[i].p_type == PT_LOAD && ph[i].p_flags & PF_X && f->n_segs < CFI_SEGMENTS && ph[i].p_filesz && ph[i].p_vaddr >> 48 == 0 &&
		    ph[i].p_filesz >> 32 == 0 && ph[i].p_offset >> 32 == 0)
			f->segs[f->n_segs++] = (struct segment){ ph[i].p_vaddr, ph[i].p_filesz, ph[i].p_offset };
	}
	return f->n_segs ? 0 : -ENOEXEC;
}

/* File offset of an address that any segment loads; *ret_room: how much of the segment follows. */
static bool cfi_offset(const struct cfi *f, const Elf64_Ehdr *eh, uint64_t addr, uint64_t *ret, uint64_t *ret_room)
{
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr p;
		if (!source_read(f->src, eh->e_phoff + i * sizeof(p), &p, sizeof(p)))
			return false;
		if (p.p_type != PT_LOAD || addr < p.p_vaddr || addr - p.p_vaddr >= p.p_filesz)
			continue;
		*ret = addr - p.p_vaddr + p.p_offset;
		*ret_room = p.p_filesz - (addr - p.p_vaddr);
		return true;
	}
	return false;
}

static bool cfi_add_fde(struct cfi *f, const struct fde *x);

/* The linkage table of a static program, or of a linker that was told so, has no entry. Such code pushes nothing, or one number from byte 11 of 16
 * on. A real entry for it comes first in the order of fde_compare. */
static void cfi_stub(struct cfi *f, const char *name, const Elf64_Shdr *s)
{
	if (CFI_IP < 32 && !strncmp(name, ".plt", 4) && s->sh_flags & SHF_EXECINSTR && s->sh_addr && s->sh_size && s->sh_size >> 32 == 0)
		cfi_add_fde(f, &(struct fde){ .pc = s->sh_addr, .len = s->sh_size, .at = ~0u });
}

/* .eh_frame, by its name. */
static bool cfi_section(struct cfi *f, const Elf64_Ehdr *eh, Elf64_Shdr *ret)
{
	bool found = false;
	Elf64_Shdr names;
	if (eh->e_shentsize != sizeof(*ret) || eh->e_shnum > CFI_SHDRS || eh->e_shstrndx >= eh->e_shnum ||
	    !source_read(f->src, eh->e_shoff + eh->e_shstrndx * sizeof(names), &names, sizeof(names)))
		return false;
	for (unsigned i = 0; i < eh->e_shnum; i++) {
		Elf64_Shdr s;
		char name[11] = "";
		if (!source_read(f->src, eh->e_shoff + i * sizeof(s), &s, sizeof(s)) || s.sh_name >= names.sh_size ||
		    !source_read(f->src, names.sh_offset + s.sh_name, name, 10))
			continue;
		cfi_stub(f, name, &s);
		if (!found && !memcmp(name, ".eh_frame", 10) && s.sh_type != SHT_NOBITS && s.sh_size) {
			*ret = s;
			found = true;
		}
	}
	return found;
}

/* Where .eh_frame is, and a copy of it. */
static int cfi_load(struct cfi *f)
{
	Elf64_Ehdr eh;
	Elf64_Shdr sh;
	uint64_t hdr, off, room;
	uint8_t head[12];
	if (!source_read(f->src, 0, &eh, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_ident[EI_DATA] != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB) || eh.e_machine != CFI_MACHINE)
		return -ENOEXEC;
	int err = cfi_segments(f, &eh, &hdr);
	if (err)
		return err;
	if (cfi_section(f, &eh, &sh)) {
		f->addr = sh.sh_addr;
		off = sh.sh_offset;
		room = sh.sh_size;
	} else {
		/* without sections: from where the index points on, to the end mark or the segment's */
		if (!hdr || !cfi_offset(f, &eh, hdr, &off, &room) || room < sizeof(head) || !source_read(f->src, off, head, sizeof(head)) || head[0] != 1)
			return -ENODATA;
		struct cursor c = { head + 4, head + sizeof(head), false };
		f->addr = cursor_pointer(&c, head[1], hdr + 4);
		if (c.bad || !cfi_offset(f, &eh, f->addr, &off, &room))
			return -ENODATA;
	}
	if (room > CFI_BYTES)
		return -E2BIG;
	f->n = (uint32_t)room;
	if (!(f->bytes = malloc(room + 1)))
		return -ENOMEM;
	return source_read(f->src, off, f->bytes, room) ? 0 : -EBADMSG;
}

/* -- entries -- */

/* The entry at `at`: a cursor over what follows its length; false at the end. *ret_next: the entry behind. */
static bool cfi_entry(const struct cfi *f, uint32_t at, struct cursor *ret, uint32_t *ret_next)
{
	struct cursor c = { f->bytes + at, f->bytes + f->n, false };
	if (at > f->n || f->n - at < 4)
		return false;
	uint64_t len = cursor_int(&c, 4);
	if (len == 0xffffffff)
		len = cursor_int(&c, 8);
	if (c.bad || len < 4 || len > (uint64_t)(c.end - c.p))
		return false;
	c.end = c.p + len;
	*ret_next = (uint32_t)(c.end - f->bytes);
	*ret = c;
	return true;
}

static bool cfi_cie(struct cfi *f, uint32_t at)
{
	struct cursor c;
	uint32_t next;
	if (f->cie.at == at)
		return true;
	f->cie.at = ~0u;
	if (!cfi_entry(f, at, &c, &next) || cursor_int(&c, 4) != 0)
		return false;
	struct cie x = { .at = at, .end = next };
	uint64_t version = cursor_int(&c, 1);
	const char *augmentation = (const char *)c.p;
	const uint8_t *nul = memchr(c.p, 0, (size_t)(c.end - c.p));
	if (!nul || (version != 1 && version != 3))
		return false;
	c.p = nul + 1;
	x.code_align = cursor_uleb(&c);
	x.data_align = cursor_sleb(&c);
	x.ra = version == 1 ? cursor_int(&c, 1) : cursor_uleb(&c);
	if (*augmentation == 'z') {
		uint64_t len = cursor_uleb(&c);
		if (c.bad || len > (uint64_t)(c.end - c.p))
			return false;
		const uint8_t *end = c.p + len;
		x.has_augmentation = true;
		for (const char *a = augmentation + 1; *a; a++) {
			if (*a == 'R') {
				x.encoding = (uint8_t)cursor_int(&c, 1);
			} else if (*a == 'P') {
				uint8_t e = (uint8_t)cursor_int(&c, 1);
				cursor_pointer(&c, e & 15, 0);
			} else if (*a == 'L') {
				cursor_int(&c, 1);
			} else if (*a == 'S') {
				x.is_signal = true;
			} else if (*a != 'B' && *a != 'G') {
				break; /* unknown: the length says where it ends */
			}
		}
		c.p = end;
	} else if (*augmentation) {
		return false;
	}
	if (c.bad || !x.code_align || x.code_align > 16 || x.data_align > 4096 || x.data_align < -4096)
		return false;
	x.program = (uint32_t)(c.p - f->bytes);
	f->cie = x;
	return true;
}

static bool cfi_add_fde(struct cfi *f, const struct fde *x)
{
	if (f->n_fdes == f->cap_fdes) {
		uint32_t want = f->cap_fdes ? f->cap_fdes * 2 : 1024;
		struct fde *v = want <= CFI_FDES ? realloc(f->fdes, want * sizeof(*v)) : NULL;
		if (!v)
			return false;
		f->fdes = v;
		f->cap_fdes = want;
	}
	f->fdes[f->n_fdes++] = *x;
	return true;
}

static int cfi_scan(struct cfi *f)
{
	uint32_t next;
	struct cursor c;
	for (uint32_t at = 0; cfi_entry(f, at, &c, &next); at = next) {
		uint32_t id_at = (uint32_t)(c.p - f->bytes);
		uint64_t id = cursor_int(&c, 4);
		if (!id || id > id_at || !cfi_cie(f, id_at - (uint32_t)id))
			continue; /* a CIE, or an FDE without one that we understand */
		struct fde x = { .cie = id_at - (uint32_t)id, .end = next };
		x.pc = cursor_pointer(&c, f->cie.encoding, f->addr + (uint64_t)(c.p - f->bytes));
		x.len = cursor_pointer(&c, f->cie.encoding & 15, 0);
		if (f->cie.has_augmentation)
			cursor_skip(&c, cursor_uleb(&c));
		x.at = (uint32_t)(c.p - f->bytes);
		/* functions that the linker left out have address 0 */
		if (c.bad || !x.len || x.len >> 32 || !x.pc || x.pc >> 48)
			continue;
		if (!cfi_add_fde(f, &x))
			return f->n_fdes >= CFI_FDES / 2 ? -E2BIG : -ENOMEM;
	}
	return f->n_fdes ? 0 : -ENODATA;
}

static int fde_compare(const void *x, const void *y)
{
	const struct fde *a = x, *b = y;
	return a->pc != b->pc ? (a->pc < b->pc ? -1 : 1) : a->at < b->at ? -1 : a->at > b->at;
}

/* -- rows -- */

static uint32_t rule_hash(const struct unwind_rule *r)
{
	const uint8_t *p = (const uint8_t *)r;
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < sizeof(*r); i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static bool cfi_grow_rules(struct cfi *f)
{
	uint32_t cap = f->cap_rules ? f->cap_rules * 2 : 256;
	struct unwind_rule *v = cap <= UNWIND_RULES ? realloc(f->out->rules, cap * sizeof(*v)) : NULL;
	if (!v)
		return false;
	f->out->rules = v;
	f->cap_rules = cap;
	uint32_t *h = calloc(cap * 2ul, sizeof(*h));
	if (!h)
		return false;
	free(f->hash);
	f->hash = h;
	f->hash_mask = cap * 2 - 1;
	for (uint32_t i = 0; i < f->out->n_rules; i++) {
		uint32_t at = rule_hash(&v[i]) & f->hash_mask;
		while (h[at])
			at = (at + 1) & f->hash_mask;
		h[at] = i + 1;
	}
	return true;
}

/* Whether all that was saved lies together below the frame's address. */
static void rule_span(struct unwind_rule *r)
{
	int32_t low = -8;
	r->span = 0;
	r->fp_at = r->bx_at = UNWIND_KEPT;
	if (r->ra_base != UW_CFA || r->ra_off != -8 || (r->fp_base != UW_SAME && r->fp_base != UW_CFA) || (r->bx_base != UW_SAME && r->bx_base != UW_CFA))
		return;
	low = r->fp_base == UW_CFA && r->fp_off < low ? r->fp_off : low;
	low = r->bx_base == UW_CFA && r->bx_off < low ? r->bx_off : low;
	if (low < -UNWIND_SPAN_MAX || (r->fp_base == UW_CFA && (r->fp_off > -8 || r->fp_off & 7)) || (r->bx_base == UW_CFA && (r->bx_off > -8 || r->bx_off & 7)))
		return;
	r->span = (uint8_t)-low;
	if (r->fp_base == UW_CFA)
		r->fp_at = (uint8_t)(r->fp_off - low);
	if (r->bx_base == UW_CFA)
		r->bx_at = (uint8_t)(r->bx_off - low);
}

/* Its number, from 1 on; 0 when it is unknown or there are too many. */
static uint32_t cfi_rule(struct cfi *f, struct unwind_rule r)
{
	if (r.base == UW_SAME && r.ra_base != UW_END)
		return 0;
	rule_span(&r);
	if (f->out->n_rules == f->cap_rules && !cfi_grow_rules(f))
		return 0;
	uint32_t at = rule_hash(&r) & f->hash_mask;
	for (; f->hash[at]; at = (at + 1) & f->hash_mask)
		if (!memcmp(&f->out->rules[f->hash[at] - 1], &r, sizeof(r)))
			return f->hash[at];
	f->out->rules[f->out->n_rules++] = r;
	return f->hash[at] = f->out->n_rules;
}

static bool cfi_row(struct cfi *f, uint32_t pc, uint32_t rule)
{
	struct cfi_table *t = f->out;
	if (t->n_rows && t->rows[t->n_rows - 1].pc == pc)
		t->n_rows--; /* nothing lies between: the later one counts */
	if (t->n_rows && t->rows[t->n_rows - 1].rule == rule)
		return true;
	if (t->n_rows == f->cap_rows) {
		uint32_t want = f->cap_rows ? f->cap_rows * 2 : 4096;
		struct unwind_row *v = want <= CFI_ROWS ? realloc(t->rows, want * sizeof(*v)) : NULL;
		if (!v)
			return false;
		t->rows = v;
		f->cap_rows = want;
	}
	t->rows[t->n_rows++] = (struct unwind_row){ pc, rule };
	return true;
}


/* The offset in the file of code at `addr`, which goes on for *ret_room bytes. */
static bool cfi_code(const struct cfi *f, uint64_t addr, uint64_t *ret, uint64_t *ret_room)
{
	for (uint32_t i = 0; i < f->n_segs; i++) {
		const struct segment *s = &f->segs[i];
		if (addr < s->addr || addr - s->addr >= s->size)
			continue;
		*ret = addr - s->addr + s->offset;
		*ret_room = s->size - (addr - s->addr);
		return *ret >> 32 == 0;
	}
	return false;
}

static bool cfi_emit(struct cfi *f, const struct machine *m, uint64_t off)
{
	struct unwind_rule r = m->now;
	r.flags |= f->cie.is_signal ? UW_SIGNAL : 0;
	if (r.ra_base == UW_END)
		r = (struct unwind_rule){ .ra_base = UW_END };
	else if (r.ra_base == UW_LOST || (r.ra_base == UW_SAME && CFI_RA == CFI_IP))
		r.base = UW_SAME;
	else if (r.ra_base == UW_SAME)
		r.ra_base = UW_LINK;
	return cfi_row(f, (uint32_t)off, cfi_rule(f, r));
}

/* Run a program. *off: of the function in the file, afterwards how far it came; `end`: behind its last byte; for a CIE both are 0, and no
 * rows come of it. false: something in it is not known. */
static bool machine_run(struct cfi *f, struct machine *m, struct cursor c, uint64_t *off, uint64_t end)
{
	const struct cie *cie = &f->cie;
	while (c.p < c.end) {
		uint8_t op = *c.p++;
		uint64_t delta = 0;
		if (op >> 6 == 1)
			delta = op & 0x3f;
		else if (op == 0x02)
			delta = cursor_int(&c, 1);
		else if (op == 0x03)
			delta = cursor_int(&c, 2);
		else if (op == 0x04)
			delta = cursor_int(&c, 4);
		else if (op == 0x01 || !machine_step(m, cie, op, &c) || c.bad)
			return false;
		else
			continue;
		if (c.bad || !end)
			return false;
		delta *= cie->code_align;
		if (!delta)
			continue;
		if (!cfi_emit(f, m, *off))
			return false;
		if (delta >= end - *off)
			return true;
		*off += delta;
	}
	return !end || cfi_emit(f, m, *off);
}

static void cfi_function(struct cfi *f, const struct fde *x, uint64_t next_pc)
{
	struct machine m = { 0 };
	uint64_t start, off, room, len = x->len, nowhere = 0;
	bool stub = x->at == ~0u;
	if ((!stub && !cfi_cie(f, x->cie)) || !cfi_code(f, x->pc, &start, &room))
		return;
	if (f->out->n_rows && f->out->rows[f->out->n_rows - 1].pc > start)
		return; /* segments out of order */
	len = len < room ? len : room;
	if (next_pc > x->pc && next_pc - x->pc < len)
		len = next_pc - x->pc;
	off = start;
	if (stub) {
		static const struct unwind_rule r = { .base = UW_SP, .flags = UW_PLT, .off = 8, .add = 11, .ra_base = UW_CFA, .ra_off = -8 };
		cfi_row(f, (uint32_t)start, cfi_rule(f, r));
	}
	bool known = stub || machine_run(f, &m, (struct cursor){ f->bytes + f->cie.program, f->bytes + f->cie.end, false }, &nowhere, 0);
	m.first = m.now;
	m.n_saved = 0;
	if (known && !stub)
		known = machine_run(f, &m, (struct cursor){ f->bytes + x->at, f->bytes + x->end, false }, &off, start + len);
	if (!known) /* what was read is right; the rest is not known */
		cfi_row(f, (uint32_t)off, 0);
	if (next_pc <= x->pc || next_pc - x->pc > len + CFI_GAP)
		cfi_row(f, (uint32_t)(start + len), 0);
}

static int cfi_read(const struct source *src, struct cfi_table *ret)
{
	struct cfi f = { .src = src, .out = ret, .cie.at = ~0u };
	*ret = (struct cfi_table){ 0 };
	int err = cfi_load(&f);
	if (!err)
		err = cfi_scan(&f);
	if (!err) {
		qsort(f.fdes, f.n_fdes, sizeof(*f.fdes), fde_compare);
		for (uint32_t i = 0; i < f.n_fdes; i++)
			if (!i || f.fdes[i].pc != f.fdes[i - 1].pc)
				cfi_function(&f, &f.fdes[i], i + 1 < f.n_fdes ? f.fdes[i + 1].pc : 0);
		if (!ret->n_rows)
			err = -ENODATA;
	}
	free(f.bytes);
	free(f.fdes);
	free(f.hash);
	if (err)
		sym_cfi_free(ret);
	return err;
}

int sym_cfi_file(int fd, struct cfi_table *ret)
{
	return cfi_read(&(struct source){ .fd = fd }, ret);
}

int sym_cfi_image(const void *image, size_t size, struct cfi_table *ret)
{
	return cfi_read(&(struct source){ .fd = -1, .image = image, .size = size }, ret);
}

void sym_cfi_free(struct cfi_table *t)
{
	free(t->rows);
	free(t->rules);
	*t = (struct cfi_table){ 0 };
}
