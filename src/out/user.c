/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of users, for `username`. Read from /etc/passwd itself and not by getpwuid(): that would load the name
 * service's modules into the statically linked program, ask directories over the network, and so put calls of our own
 * among those that are traced. Who is not in the file is shown by number.
 */
#include "out/value.h"

#include <pwd.h>
#include <stdio.h>

bool val_username(uint64_t uid, struct buf *ret)
{
	char line[4096];
	struct passwd pw, *found = NULL;
	bool ok = false;
	FILE *f = uid > UINT32_MAX ? NULL : fopen("/etc/passwd", "re");
	if (!f)
		return false;
	while (!ok && fgetpwent_r(f, &pw, line, sizeof(line), &found) == 0 && found) {
		ok = found->pw_uid == (uid_t)uid;
		if (ok)
			buf_adds(ret, found->pw_name);
	}
	fclose(f);
	return ok;
}
