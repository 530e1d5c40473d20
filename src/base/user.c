/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of users, for `username` and options of type `user`. Read from /etc/passwd itself and not by getpwuid(): that would load
 * the name service's modules into the statically linked program, ask directories over the network, and so put calls of our own
 * among those that are traced. Who is not in the file is known by number.
 */
#include "base/user.h"

#include <pwd.h>
#include <stdio.h>

/* The user of that name, or else of that number. */
static bool user_find(const struct str *name, uint64_t uid, uint32_t *ret, struct buf *ret_name)
{
	char line[4096];
	struct passwd pw, *found = NULL;
	bool ok = false;
	FILE *f = uid > UINT32_MAX ? NULL : fopen("/etc/passwd", "re");
	if (!f)
		return false;
	while (!ok && fgetpwent_r(f, &pw, line, sizeof(line), &found) == 0 && found) {
		ok = name ? str_eq(*name, str_of(found->pw_name)) : found->pw_uid == (uid_t)uid;
		if (ok && ret)
			*ret = found->pw_uid;
		if (ok && ret_name)
			buf_adds(ret_name, found->pw_name);
	}
	fclose(f);
	return ok;
}

bool user_name(uint64_t uid, struct buf *ret)
{
	return user_find(NULL, uid, NULL, ret);
}

bool user_id(struct str name, uint32_t *ret)
{
	return user_find(&name, 0, ret, NULL);
}
