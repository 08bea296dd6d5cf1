/* SPDX-License-Identifier: Apache-2.0 */
/* The log socket of a managed instance's runtime. */
#include "edge/log_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "edge/output.h"

static void take_all(struct log_socket *ls)
{
	for (;;) {
		int fd = accept4(ls->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		int r;

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) {
			continue;
		}
		if (fd < 0) {
			return;
		}
		r = output_attach(ls->output, fd);
		if (r != 0) {
			log_warn("log connection refused: %s", strerror(-r));
		}
	}
}

static void on_connection(void *ctx, uint32_t events)
{
	(void)events;
	take_all(ctx);
}

void log_socket_init(struct log_socket *ls, struct loop *loop, struct output *output)
{
	ls->path[0] = '\0';
	ls->loop = loop;
	ls->output = output;
	ls->fd = -1;
	loop_fd_init(&ls->source, on_connection, ls);
}

static int listen_at(struct log_socket *ls, const struct sockaddr_un *at)
{
	if (bind(ls->fd, (const struct sockaddr *)at, sizeof(*at)) != 0) {
		return -errno;
	}
	memcpy(ls->path, at->sun_path, sizeof(ls->path));
	if (chmod(ls->path, S_IRUSR | S_IWUSR) != 0 || listen(ls->fd, SOMAXCONN) != 0) {
		return -errno;
	}
	return loop_fd_add(ls->loop, &ls->source, ls->fd, EPOLLIN);
}

int log_socket_open(struct log_socket *ls)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char id[17];
	int r;

	text_random_hex(id, 8);
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/.lambda-log-%s", id);
	ls->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ls->fd < 0) {
		return -errno;
	}
	r = listen_at(ls, &at);
	if (r != 0) {
		log_socket_close(ls);
	}
	return r;
}

void log_socket_close(struct log_socket *ls)
{
	if (ls->fd < 0) {
		return;
	}
	take_all(ls);
	loop_fd_del(ls->loop, &ls->source);
	close(ls->fd);
	ls->fd = -1;
	if (ls->path[0] != '\0') {
		unlink(ls->path);
		ls->path[0] = '\0';
	}
}
