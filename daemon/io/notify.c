/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's notification socket, and the descriptor for the ready line. */
#include "io/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

int notify_send(const char *address, const char *state, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(address);
	auto_close int fd = -1;

	if ((address[0] != '/' && address[0] != '@') || len < 2 || len >= sizeof(to.sun_path)) {
		return err_set(err, 2,
			       "NOTIFY_SOCKET=%s: not allowed; expected an absolute path or @NAME, shorter than %zu",
			       address, sizeof(to.sun_path));
	}
	memcpy(to.sun_path, address, len);
	if (address[0] == '@') {
		to.sun_path[0] = '\0'; /* abstract: the length ends the name, not a NUL */
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		return err_set(err, 1, "NOTIFY_SOCKET=%s: %s", address, strerror(errno));
	}
	return 0;
}

int notify_ready_fd(int fd, const char *line, size_t len)
{
	ssize_t n = write(fd, line, len);
	int r = n < 0 ? -errno : (size_t)n < len ? -EIO : 0;

	if (fd > STDERR_FILENO) {
		close(fd);
	}
	return r;
}
