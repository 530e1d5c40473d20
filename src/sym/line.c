/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of source, asked of a process of their own. DWARF is a language with programs in it, its files may come from anybody, and the
 * library that reads it was written to be fast. Here it may fail, eat memory, or spin: the child holds no descriptor but the
 * file and a socket, is nobody, has bounded memory and time, and answers one question after the other. When it does not, there are no
 * lines, and nothing else is lost.
 *
 * A question is an address; the answer is a packet of texts, each with its NUL (place_pack). The parent believes nothing in it beyond that.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sym/elf.h"
#include "sym/line.h"

enum { LINE_PACKET = 64 << 10, LINE_FIRST_MS = 30000, LINE_NEXT_MS = 5000, LINE_CPU_SECONDS = 120, NOBODY = 65534 };
#define LINE_MEMORY ((rlim_t)2 << 30)

struct sym_lines {
	int fd;
	pid_t child;
	bool asked;
	char packet[LINE_PACKET];
};

void place_pack(const struct sym_place *p, struct buf *ret)
{
	buf_addf(ret, "%u", p->line);
	buf_addc(ret, 0);
	buf_adds(ret, p->file ? p->file : "");
	buf_addc(ret, 0);
	for (uint32_t i = 0; i < p->n; i++) {
		buf_addf(ret, "%u", p->in[i].line);
		buf_addc(ret, 0);
		buf_adds(ret, p->in[i].name ? p->in[i].name : "");
		buf_addc(ret, 0);
		buf_adds(ret, p->in[i].file ? p->in[i].file : "");
		buf_addc(ret, 0);
	}
}

/* The next text of the packet; NULL: there is none. */
static const char *packet_text(const char **s, size_t *n)
{
	const char *begin = *s, *end = *n ? memchr(begin, 0, *n) : NULL;
	if (!end)
		return NULL;
	*n -= (size_t)(end + 1 - begin);
	*s = end + 1;
	return begin;
}

bool place_unpack(const char *s, size_t n, struct sym_place *ret)
{
	const char *line = packet_text(&s, &n), *file = packet_text(&s, &n);
	*ret = (struct sym_place){ 0 };
	if (!line || !file)
		return false;
	ret->line = (uint32_t)strtoul(line, NULL, 10);
	ret->file = *file ? file : NULL;
	while (n && ret->n < SYM_INLINES) {
		const char *number = packet_text(&s, &n), *name = packet_text(&s, &n), *where = packet_text(&s, &n);
		if (!number || !name || !where)
			return false;
		ret->in[ret->n++] = (struct sym_inline){ name, *where ? where : NULL, (uint32_t)strtoul(number, NULL, 10) };
	}
	return ret->file || ret->n;
}

static void line_confine(int fd, int file)
{
	struct rlimit cpu = { LINE_CPU_SECONDS, LINE_CPU_SECONDS }, none = { 0, 0 };
	static const int deaf[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	for (uint32_t i = 0; i < sizeof(deaf) / sizeof(deaf[0]); i++)
		signal(deaf[i], SIG_IGN); /* ours is the answer to the last question, after ^C */
	int lo = fd < file ? fd : file, hi = fd < file ? file : fd;
	if (lo > 3)
		syscall(SYS_close_range, 3, lo - 1, 0);
	if (hi > lo + 1)
		syscall(SYS_close_range, lo + 1, hi - 1, 0);
	syscall(SYS_close_range, hi + 1, ~0u, 0);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__)
	unsigned long pages = 0; /* what we have mapped is not what it may add */
	FILE *f = fopen("/proc/self/statm", "re");
	if (f && fscanf(f, "%lu", &pages) == 1) {
		rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + LINE_MEMORY;
		struct rlimit memory = { most, most };
		setrlimit(RLIMIT_AS, &memory);
	}
	if (f)
		fclose(f);
#endif
	if (geteuid() == 0 && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
		_exit(127);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void line_child(int fd, int file, uint64_t bias, bool demangle)
{
	struct places *p = NULL;
	struct buf b = { 0 };
	uint64_t addr;
	line_confine(fd, file);
	if (places_open(file, bias, demangle, &p) < 0)
		_exit(127);
	while (recv(fd, &addr, sizeof(addr), 0) == sizeof(addr)) {
		struct sym_place at;
		buf_clear(&b);
		if (places_at(p, addr, &at))
			place_pack(&at, &b);
		if (!b.len || b.oom || b.len > LINE_PACKET) { /* nothing known: an empty line of no file */
			buf_clear(&b);
			buf_add(&b, "0\0", 3);
		}
		if (send(fd, b.s ? b.s : "0\0", b.s ? b.len : 3, MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(126);
}

int sym_lines_open(struct sym_elf *e, bool demangle, struct sym_lines **ret)
{
	uint64_t load = e->first_load;
	int fds[2], file = sym_elf_dwarf(e);
	if (file < 0)
		return file;
	Elf *elf = elf_begin(file, ELF_C_READ, NULL);
	if (elf) {
		elf_first_load(elf, &load);
		elf_end(elf);
	}
	struct sym_lines *l = calloc(1, sizeof(*l));
	if (!l || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
		free(l);
		close(file);
		return -ENOMEM;
	}
	l->child = fork();
	if (l->child == 0)
		line_child(fds[1], file, e->first_load - load, demangle);
	close(fds[1]);
	close(file);
	l->fd = fds[0];
	if (l->child < 0) {
		sym_lines_close(l);
		return -EAGAIN;
	}
	*ret = l;
	return 0;
}

void sym_lines_close(struct sym_lines *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	if (l->child > 0) {
		kill(l->child, SIGKILL);
		while (waitpid(l->child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(l);
}

bool sym_lines_at(struct sym_lines *l, uint64_t addr, struct sym_place *ret)
{
	*ret = (struct sym_place){ 0 };
	if (l->fd < 0)
		return false;
	ssize_t n = -1;
	if (send(l->fd, &addr, sizeof(addr), MSG_NOSIGNAL) == sizeof(addr)) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };
		int r;
		while ((r = poll(&p, 1, l->asked ? LINE_NEXT_MS : LINE_FIRST_MS)) < 0 && errno == EINTR)
			;
		n = r > 0 ? recv(l->fd, l->packet, sizeof(l->packet), 0) : -1;
		l->asked = true;
	}
	if (n <= 0) { /* it has died, or hangs: it will not be asked again */
		close(l->fd);
		l->fd = -1;
		if (l->child > 0)
			kill(l->child, SIGKILL);
		return false;
	}
	return place_unpack(l->packet, (size_t)n, ret) && (ret->line || ret->n);
}
