/* SPDX-License-Identifier: Apache-2.0 */
/* Copying the own executable. */
#include "edge/self_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"

static int copy_bytes(int from, int to, off_t size)
{
	while (size > 0) {
		ssize_t n = sendfile(to, from, NULL, (size_t)size);

		if (n <= 0) {
			return n < 0 ? -errno : -EIO;
		}
		size -= n;
	}
	return 0;
}

int self_copy(const char *dir, struct err *err)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	auto_free char *target = NULL;
	auto_free char *temporary = NULL;
	auto_close int from = -1;
	auto_close int to = -1;
	struct stat st;
	int r;

	if (len < 0) {
		return err_set(err, 1, "/proc/self/exe: %s", strerror(errno));
	}
	self[len] = '\0';
	target = xasprintf("%s/%s", dir, strrchr(self, '/') + 1);
	/* Renamed at the end: a copy that broke off must not look like the daemon. */
	temporary = xasprintf("%s.%d", target, (int)getpid());
	from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) != 0) {
		return err_set(err, 1, "%s: %s", self, strerror(errno));
	}
	to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (to < 0) {
		return err_set(err, 1, "%s: %s", temporary, strerror(errno));
	}
	r = copy_bytes(from, to, st.st_size);
	if (r == 0 && (fchmod(to, st.st_mode & 07777) != 0 || rename(temporary, target) != 0)) {
		r = -errno;
	}
	if (r != 0) {
		unlink(temporary);
		return err_set(err, 1, "%s: %s", target, strerror(-r));
	}
	return 0;
}
