/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload: makes the n-th call of one kind fail. FAULT=kind:n[:errno], kinds: bpf, perf, open, mmap, alloc,
 * read. When the call came, a byte is written to the file FAULT_LOG, so that the driver knows when n is past the end.
 * Only the main program counts (FAULT is taken out of the environment).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static char kind[16];
static long at, count;
static int err = EIO, log_fd = -1;

/* One system call without the wrappers, which are ours. */
static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
#ifdef __x86_64__
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
#else
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	ret = x0;
#endif
	return ret;
}

static long returned(long ret)
{
	if (ret < 0 && ret > -4096) {
		errno = (int)-ret;
		return -1;
	}
	return ret;
}

__attribute__((constructor)) static void start(void)
{
	const char *spec = getenv("FAULT"), *log = getenv("FAULT_LOG"), *colon = spec ? strchr(spec, ':') : NULL;

	if (!colon || (size_t)(colon - spec) >= sizeof(kind))
		return;
	if (log)
		log_fd = (int)raw(SYS_openat, AT_FDCWD, (long)log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600, 0, 0);
	at = strtol(colon + 1, NULL, 10);
	colon = strchr(colon + 1, ':');
	if (colon)
		err = (int)strtol(colon + 1, NULL, 10);
	memcpy(kind, spec, (size_t)(strchr(spec, ':') - spec));
	unsetenv("FAULT");
	unsetenv("LD_PRELOAD");
	count = 0;
}

static int fails(const char *what)
{
	if (!at || strcmp(kind, what) || __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) != at)
		return 0;
	if (log_fd >= 0)
		raw(SYS_write, log_fd, (long)"x", 1, 0, 0, 0);
	errno = err;
	return 1;
}

long syscall(long nr, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if ((nr == SYS_bpf && fails("bpf")) || (nr == SYS_perf_event_open && fails("perf")))
		return -1;
	return returned(raw(nr, a[0], a[1], a[2], a[3], a[4], a[5]));
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	if (fails("open"))
		return -1;
	return (int)returned(raw(SYS_openat, dir, (long)path, flags, mode, 0, 0));
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return open_at(dir, path, flags, mode);
}

ssize_t read(int fd, void *p, size_t n)
{
	if (fails("read"))
		return -1;
	return returned(raw(SYS_read, fd, (long)p, (long)n, 0, 0, 0));
}

void *mmap(void *addr, size_t n, int prot, int flags, int fd, off_t off)
{
	if (fails("mmap"))
		return MAP_FAILED;
	return (void *)returned(raw(SYS_mmap, (long)addr, (long)n, prot, flags, fd, off));
}

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

void *malloc(size_t n)
{
	return fails("alloc") ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t m)
{
	return fails("alloc") ? NULL : __libc_calloc(n, m);
}

void *realloc(void *p, size_t n)
{
	return fails("alloc") ? NULL : __libc_realloc(p, n);
}
