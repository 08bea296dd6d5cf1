/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts, origins, tokens. */
#include "debug/access.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const char token_name[] = "token=";

/* The host of HOST, HOST:PORT, [V6] or [V6]:PORT. false: it is none, or longer than a host is. */
static bool host_of(const char *text, char out[256])
{
	const char *start = text;
	size_t len;

	if (*text == '[') {
		start++;
		len = strcspn(start, "]");
		if (start[len] == '\0' || (start[len + 1] != '\0' && start[len + 1] != ':')) {
			return false;
		}
	} else {
		len = strcspn(text, ":");
		/* A bare IPv6 address, as in an option. */
		len = strchr(text, ':') != strrchr(text, ':') ? strlen(text) : len;
	}
	if (len == 0 || len > 255) {
		return false;
	}
	memcpy(out, start, len);
	out[len] = '\0';
	return true;
}

static bool is_localhost(const char *host)
{
	size_t len = strlen(host);

	return strcasecmp(host, "localhost") == 0 || (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0);
}

bool access_host_is_local(const char *host_header)
{
	char host[256];
	struct in6_addr any;

	return host_header != NULL && host_of(host_header, host) &&
	       (is_localhost(host) || inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1);
}

bool access_is_loopback(const char *text)
{
	struct in6_addr v6;
	struct in_addr v4;
	char host[256];

	if (!host_of(text, host)) {
		return false;
	}
	if (inet_pton(AF_INET, host, &v4) == 1) {
		return ntohl(v4.s_addr) >> 24 == 127;
	}
	return is_localhost(host) || (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

bool access_origin_is_ours(const char *origin, const char *host_header)
{
	if (origin == NULL || text_starts(origin, "devtools://") || text_starts(origin, "chrome-devtools://")) {
		return true;
	}
	if (host_header == NULL) {
		return false;
	}
	return (text_starts(origin, "http://") && strcasecmp(origin + 7, host_header) == 0) ||
	       (text_starts(origin, "https://") && strcasecmp(origin + 8, host_header) == 0);
}

static bool equal(const char *expected, const char *given, size_t len)
{
	size_t expected_len = strlen(expected);
	unsigned char differ = len != expected_len;

	for (size_t i = 0; i < expected_len; i++) {
		differ |= (unsigned char)(expected[i] ^ given[i < len ? i : 0]);
	}
	return differ == 0;
}

static bool query_token_fits(const char *token, const char *query)
{
	bool fits = false;

	while (*query != '\0') {
		size_t len = strcspn(query, "&");
		struct buf value = BUF_INIT;

		if (text_starts(query, token_name) &&
		    text_unpercent(&value, query + sizeof(token_name) - 1, len - (sizeof(token_name) - 1))) {
			fits = equal(token, value.len > 0 ? value.data : "", value.len);
		}
		buf_fini(&value);
		query += len + (query[len] == '&');
	}
	return fits;
}

bool access_token_fits(const char *token, const char *authorization, const char *query)
{
	if (token == NULL) {
		return true;
	}
	if (authorization != NULL && strncasecmp(authorization, "Bearer ", 7) == 0) {
		return equal(token, authorization + 7, strlen(authorization + 7));
	}
	return query != NULL && query_token_fits(token, query);
}

void access_key(struct buf *out, const char *path, const char *query)
{
	char joint = '?';

	buf_puts(out, path);
	while (*query != '\0') {
		size_t len = strcspn(query, "&");

		if (!text_starts(query, token_name)) {
			buf_putc(out, joint);
			buf_append(out, query, len);
			joint = '&';
		}
		query += len + (query[len] == '&');
	}
}
