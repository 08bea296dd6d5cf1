/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets in the file system: made, replaced, removed. */
#include "io/unix_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"

static const int backlog = 128;

bool unix_path_fits(const char *path)
{
	return strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	memcpy(to.sun_path, path, strlen(path));
	return to;
}

/* Does somebody listen there? Only a refusal says no: a full queue or missing permission has somebody behind it. */
static bool is_live(const struct sockaddr_un *to)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 || errno != ECONNREFUSED;
}

/* Makes the path free, if what stands there is a socket that was left behind. */
static int clear_stale(const char *path, const struct sockaddr_un *to, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		return errno == ENOENT ? 0 : err_set(err, 1, "%s: %s", path, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode)) {
		return err_set(err, 1, "%s: exists and is not a socket", path);
	}
	if (is_live(to)) {
		return err_set(err, 1, "%s: another process listens there", path);
	}
	return unlink(path) == 0 || errno == ENOENT ? 0 : err_set(err, 1, "%s: %s", path, strerror(errno));
}

/* The mode is right from the first moment on. Nothing else runs while the mask is another: there is one thread yet. */
static int bind_private(int fd, const struct sockaddr_un *to)
{
	mode_t before = umask(0177);
	int r = bind(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 ? 0 : -errno;

	umask(before);
	return r;
}

int unix_socket_listen(struct unix_socket *s, const char *path, struct err *err)
{
	struct sockaddr_un to;
	struct stat st;
	auto_close int fd = -1;
	int r;

	s->path = NULL;
	if (!unix_path_fits(path)) {
		return err_set(err, 2, "%.200s: expected a path shorter than %zu", path, sizeof(to.sun_path));
	}
	to = address_of(path);
	if (clear_stale(path, &to, err) != 0) {
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	r = fd >= 0 ? bind_private(fd, &to) : -errno;
	if (r == 0 && (listen(fd, backlog) != 0 || lstat(path, &st) != 0)) {
		r = -errno;
		unlink(path);
	}
	if (r != 0) {
		return err_set(err, 1, "%s: %s", path, strerror(-r));
	}
	s->path = xstrdup(path);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return steal_fd(&fd);
}

void unix_socket_remove(struct unix_socket *s)
{
	struct stat st;

	if (s->path != NULL && lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino) {
		unlink(s->path);
	}
	free(s->path);
	s->path = NULL;
}
