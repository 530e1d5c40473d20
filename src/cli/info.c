/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --info: the system, the build, and every row of feature.def as "name: yes|no". Tests read it to know what can be tested; those
 * written for the reference implementation also ask which libraries it was built with, so there is an answer for each of them.
 */
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/opt.h"
#include "kern/kern.h"
#include "sym/sym.h"

/* The sections of the reference's report. */
enum info_section { INFO_HELPERS, INFO_FEATURES, INFO_PROBES };

static enum info_section info_section(enum feature f)
{
	switch (f) {
	case FEAT_DPATH: case FEAT_FUNC_IP: case FEAT_TAI: case FEAT_LOOP: case FEAT_LOOKUP_PERCPU: case FEAT_FOR_EACH_MAP: case FEAT_FUNC_ARG:
	case FEAT_TASK_BTF: case FEAT_COOKIE: case FEAT_OVERRIDE: case FEAT_WRITE_USER:
		return INFO_HELPERS;
	case FEAT_KPROBE: case FEAT_KPROBE_MULTI: case FEAT_KPROBE_SESSION: case FEAT_FENTRY: case FEAT_UPROBE: case FEAT_UPROBE_MULTI: case FEAT_ITER:
	case FEAT_PMU: case FEAT_TRACEFS: case FEAT_RAW_COOKIE: case FEAT_PERF_LINK: case FEAT_UPROBE_CALL:
		return INFO_PROBES;
	default:
		return INFO_FEATURES;
	}
}

static void info_features(struct kern *k, enum info_section section, struct buf *b)
{
	for (int f = 0; f < FEAT_COUNT; f++) {
		const char *name = kern_feature_name((enum feature)f);
		if (info_section((enum feature)f) != section)
			continue;
		bool has = kern_has(k, (enum feature)f);
		buf_addf(b, "  %s: %-*s", name, (int)(23 - strlen(name) > 4 && strlen(name) < 23 ? 27 - strlen(name) : 4), has ? "yes" : "no");
		buf_addf(b, "%s\n", kern_feature_doc((enum feature)f));
	}
}

int info_print(struct arena *a, int fd)
{
	static const char *const lockdown[] = { "none", "integrity", "confidentiality" };
	struct buf b = { 0 };
	struct utsname u;
	struct kern *k = kern_open(a);
	int mode = kern_lockdown();
	if (!uname(&u))
		buf_addf(&b, "System\n  OS: %s %s %s\n  Arch: %s\n", u.sysname, u.release, u.version, u.machine);
	buf_addf(&b, "  lockdown: %s\n", mode < 0 || mode > 2 ? "unknown" : lockdown[mode]);
	buf_addf(&b, "\nBuild\n  version: v%s\n  compiler: %s\n", SONDE_VERSION, __VERSION__);
	buf_addf(&b, "  LLVM: no\n  bfd: no\n  libdw (DWARF support): %s\n  libsystemd (systemd notify support): no\n", dw_available() ? "yes" : "no");
	buf_adds(&b, "  blazesym (advanced symbolization): no\n  dwunwind: ");
	buf_adds(&b, kern_has(k, FEAT_UNWIND) ? "yes\n" : "no\n");
	buf_adds(&b, "\nKernel helpers\n");
	info_features(k, INFO_HELPERS, &b);
	buf_adds(&b, "\nKernel features\n  Instruction limit: 1000000\n");
	info_features(k, INFO_FEATURES, &b);
	buf_addf(&b, "  module btf: %s\n", access("/sys/kernel/btf", R_OK) ? "no" : "yes");
	buf_adds(&b, "\nProbe types\n");
	info_features(k, INFO_PROBES, &b);
	const char *why = privilege_missing(a);
	if (why)
		buf_addf(&b, "\nNot enough privilege, so much of this is \"no\" for that reason alone.\n%s\n", why);
	kern_close(k);
	ssize_t n = write(fd, b.s, b.len);
	int status = b.oom || n != (ssize_t)b.len;
	buf_fini(&b);
	return status;
}
