/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals of our own. */
#include "base/tty.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int tty_open_own(int fd)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(fd)];
	int low;
	int own;

	if (!isatty(fd)) {
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	low = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (low < 0 || low > STDERR_FILENO) {
		return low;
	}
	/* We were started without a standard descriptor; it must not become one. */
	own = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(low);
	return own;
}
