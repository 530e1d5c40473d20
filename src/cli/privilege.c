/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May we trace at all? Asked before anything else, so that the answer is a sentence and not the EPERM of some
 * system call. Two capabilities are needed to load and attach: CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN, which contains both);
 * lockdown in its stricter mode takes kernel memory out of reach of everybody.
 */
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/opt.h"
#include "kern/kern.h"

static bool privilege_has(const struct __user_cap_data_struct *d, unsigned cap)
{
	return d[cap / 32].effective >> (cap % 32) & 1;
}

const char *privilege_missing(struct arena *a)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };
	enum { BPF = 39, PERFMON = 38 };
	if (syscall(SYS_capget, &h, d))
		return NULL; /* then the kernel will say */
	if (!privilege_has(d, CAP_SYS_ADMIN)) {
		bool bpf = privilege_has(d, BPF), perfmon = privilege_has(d, PERFMON);
		if (!bpf || !perfmon)
			return arena_printf(a, "Missing %s: tracing needs CAP_BPF and CAP_PERFMON, and CAP_DAC_READ_SEARCH for "
					       "tracepoints. Please run sonde as root.",
					    bpf ? "CAP_PERFMON" : perfmon ? "CAP_BPF" : "CAP_BPF and CAP_PERFMON");
	}
	if (kern_lockdown() == 2)
		return "Kernel lockdown is enabled and set to 'confidentiality'. Lockdown mode blocks tracing from reading kernel memory. "
		       "It is set at boot (lockdown= or Secure Boot); see kernel_lockdown(7).";
	return NULL;
}
