/* SPDX-License-Identifier: Apache-2.0 */
/* The standard descriptors of a program. */
#include "io/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

void standard_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The wrong way round: what is read or written fails, as before, and is not lost without a word. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) {
			return;
		}
	}
}

int standard_flush(struct err *err)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		return err_set(err, 1, "stdout cannot be written: %s", strerror(errno));
	}
	return 0;
}
