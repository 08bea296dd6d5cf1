/* SPDX-License-Identifier: Apache-2.0 */
/* The address of the control surface. */
#include "edge/control_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"
#include "edge/config.h"
#include "io/httpd.h"

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1) {
		return (ntohl(v4.s_addr) >> 24) == 127;
	}
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int refuse(const char *text, struct err *err)
{
	return err_set(
		err, 2,
		"CONTROL_SOCKET=%.200s: not allowed; expected the path of a unix socket (with a '/', shorter than "
		"108), 127.0.0.1:PORT or [::1]:PORT",
		text);
}

int control_address_parse(struct control_address *a, const char *text, struct err *err)
{
	auto_free char *host = NULL;
	int port;

	memset(a, 0, sizeof(*a));
	if (strchr(text, '/') != NULL) {
		a->path = text;
		return unix_path_fits(text) && !text_ends(text, "/") ? 0 : refuse(text, err);
	}
	if (!address_split(text, &host, &port) || port < 0 || strlen(host) >= sizeof(a->host) || !is_loopback(host)) {
		return refuse(text, err);
	}
	strcpy(a->host, host);
	a->port = (uint16_t)port;
	return 0;
}

int control_address_check(const struct config *cfg, struct err *err)
{
	struct control_address a;

	return cfg->control_socket == NULL ? 0 : control_address_parse(&a, cfg->control_socket, err);
}

int control_socket_listen(struct httpd *server, const struct control_address *a, struct unix_socket *s, char *shown,
			  size_t size, struct err *err)
{
	struct httpd_listener *l;
	int fd;

	if (a->path == NULL) {
		l = httpd_listen(server, a->host, a->port, NULL, err);
		if (l == NULL) {
			return -1;
		}
		snprintf(shown, size, strchr(a->host, ':') != NULL ? "[%s]:%u" : "%s:%u", a->host,
			 httpd_listener_port(l));
		return 0;
	}
	fd = unix_socket_listen(s, a->path, err);
	snprintf(shown, size, "%s", a->path);
	return fd >= 0 && httpd_listen_fd(server, fd, NULL, err) != NULL ? 0 : -1;
}
