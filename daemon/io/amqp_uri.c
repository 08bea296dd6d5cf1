/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of AMQP URIs. */
#include "io/amqp_uri.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

static const uint64_t attempts_max = 1000000;
static const int64_t delay_max_us = (int64_t)86400 * 1000000;
static const int64_t heartbeat_max_us = (int64_t)65535 * 1000000;

static int bad(struct err *err, const char *what)
{
	return err_set(err, 2, "%s; expected amqp[s]://[user[:password]@]host[:port][/vhost][?key=value]", what);
}

/* Percent-decodes; the old value is replaced. */
static bool set_text(char **slot, const char *s, size_t len)
{
	struct buf text = BUF_INIT;

	if (!text_unpercent(&text, s, len)) {
		buf_fini(&text);
		return false;
	}
	free(*slot);
	*slot = text.data != NULL ? text.data : xstrdup("");
	return true;
}

/* A count that may be written as a float, as other clients allow ("20", "20.0"). */
static bool parse_whole(const char *value, uint64_t min, uint64_t max, uint64_t *out)
{
	int64_t us;

	if (!text_to_us(value, &us) || us % 1000000 != 0) {
		return false;
	}
	*out = (uint64_t)(us / 1000000);
	return *out >= min && *out <= max;
}

static bool apply(struct amqp_uri *uri, const char *key, const char *value)
{
	uint64_t n;
	int64_t us;

	if (strcmp(key, "connection_attempts") == 0) {
		if (!parse_whole(value, 1, attempts_max, &n)) {
			return false;
		}
		uri->connection_attempts = (unsigned)n;
	} else if (strcmp(key, "retry_delay") == 0) {
		if (!text_to_us(value, &us) || us > delay_max_us) {
			return false;
		}
		uri->retry_delay_us = us;
	} else if (strcmp(key, "heartbeat") == 0) {
		if (!text_to_us(value, &us) || us > heartbeat_max_us) {
			return false;
		}
		uri->heartbeat_s = (unsigned)((us + 999999) / 1000000);
	} else if (strcmp(key, "verify") == 0) {
		uri->verify = strcmp(value, "verify_peer") == 0;
		return uri->verify || strcmp(value, "verify_none") == 0;
	} else {
		log_warn("AMQP_URI: %.64s has no effect here", key);
	}
	return true;
}

static bool set_option(struct amqp_uri *uri, const char *key, char *value)
{
	char **slot = NULL;

	if (strcmp(key, "cacertfile") == 0) {
		slot = &uri->cacertfile;
	} else if (strcmp(key, "certfile") == 0) {
		slot = &uri->certfile;
	} else if (strcmp(key, "keyfile") == 0) {
		slot = &uri->keyfile;
	}
	if (slot == NULL) {
		bool ok = apply(uri, key, value);

		free(value);
		return ok;
	}
	free(*slot);
	*slot = value;
	return *value != '\0';
}

static int parse_query(struct amqp_uri *uri, const char *query, struct err *err)
{
	while (*query != '\0') {
		size_t len = strcspn(query, "&");
		const char *eq = memchr(query, '=', len);
		size_t key_len = eq != NULL ? (size_t)(eq - query) : len;
		char *key = NULL;
		char *value = NULL;
		int r = 0;

		if (len > 0) {
			const char *start = eq != NULL ? eq + 1 : query + len;

			if (!set_text(&key, query, key_len) ||
			    !set_text(&value, start, (size_t)(query + len - start))) {
				free(value);
				r = bad(err, "malformed percent-encoding in the query");
			} else if (!set_option(uri, key, value)) {
				r = err_set(err, 2, "the value of %.64s in the query is not allowed", key);
			}
		}
		free(key);
		if (r != 0) {
			return r;
		}
		query += len + (query[len] == '&');
	}
	return 0;
}

static int parse_user(struct amqp_uri *uri, const char *s, size_t len, struct err *err)
{
	const char *colon = memchr(s, ':', len);
	size_t user_len = colon != NULL ? (size_t)(colon - s) : len;

	if (!set_text(&uri->user, s, user_len)) {
		return bad(err, "malformed percent-encoding in the user");
	}
	if (colon != NULL && !set_text(&uri->password, colon + 1, len - user_len - 1)) {
		return bad(err, "malformed percent-encoding in the password");
	}
	return 0;
}

static int parse_port(struct amqp_uri *uri, const char *s, size_t len, struct err *err)
{
	char *text = xstrndup(s, len);
	uint64_t port = 0;
	/* "host:" is the default port (RFC 3986, section 3.2.3). */
	bool ok = len == 0 || text_to_u64(text, 1, 65535, &port);

	free(text);
	if (len > 0) {
		uri->port = (uint16_t)port;
	}
	return ok ? 0 : bad(err, "the port is not a number from 1 to 65535");
}

static int parse_host(struct amqp_uri *uri, const char *s, size_t len, struct err *err)
{
	size_t host_len;

	if (len > 0 && *s == '[') {
		const char *end = memchr(s, ']', len);

		if (end == NULL || end == s + 1) {
			return bad(err, "malformed IPv6 address");
		}
		uri->host = xstrndup(s + 1, (size_t)(end - s) - 1);
		host_len = (size_t)(end - s) + 1;
	} else {
		const char *colon = memchr(s, ':', len);

		host_len = colon != NULL ? (size_t)(colon - s) : len;
		if (!set_text(&uri->host, s, host_len)) {
			return bad(err, "malformed percent-encoding in the host");
		}
	}
	if (*uri->host == '\0') {
		return bad(err, "no host");
	}
	if (host_len < len && s[host_len] != ':') {
		return bad(err, "malformed host");
	}
	return host_len < len ? parse_port(uri, s + host_len + 1, len - host_len - 1, err) : 0;
}

static int parse_rest(const char *s, struct amqp_uri *uri, struct err *err)
{
	size_t authority = strcspn(s, "/?#");
	const char *end = s + authority;
	/* The last one: a password may hold an unescaped '@'. */
	const char *at = memrchr(s, '@', authority);

	if (at != NULL && parse_user(uri, s, (size_t)(at - s), err) != 0) {
		return -1;
	}
	if (at != NULL) {
		s = at + 1;
	}
	if (parse_host(uri, s, (size_t)(end - s), err) != 0) {
		return -1;
	}
	if (*end == '/') {
		size_t len = strcspn(end + 1, "?#");

		if (memchr(end + 1, '/', len) != NULL) {
			return bad(err, "the virtual host holds a '/' that is not written %2F");
		}
		/* A lone "/" means the default virtual host to most clients. */
		if (len > 0 && !set_text(&uri->vhost, end + 1, len)) {
			return bad(err, "malformed percent-encoding in the virtual host");
		}
		end += 1 + len;
	}
	if (*end == '#' || strchr(end, '#') != NULL) {
		return bad(err, "a fragment ('#') has no meaning");
	}
	return *end == '?' ? parse_query(uri, end + 1, err) : 0;
}

int amqp_uri_parse(const char *text, struct amqp_uri *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	out->verify = true;
	out->vhost = xstrdup("/");
	out->connection_attempts = 1;
	out->retry_delay_us = 2 * 1000000;
	out->heartbeat_s = 10;
	out->port = 5672;
	if (text_starts(text, "amqps://")) {
		out->tls = true;
		out->port = 5671;
		text += strlen("amqps://");
	} else if (text_starts(text, "amqp://")) {
		text += strlen("amqp://");
	} else {
		return bad(err, "the scheme is neither amqp nor amqps");
	}
	if (parse_rest(text, out, err) != 0) {
		return -1;
	}
	if (!out->tls && (out->cacertfile != NULL || out->certfile != NULL || out->keyfile != NULL)) {
		return err_set(err, 2, "certificates are given, but the scheme is amqp; expected amqps");
	}
	if ((out->certfile == NULL) != (out->keyfile == NULL)) {
		return err_set(err, 2, "certfile and keyfile need each other");
	}
	return 0;
}

void amqp_uri_copy(struct amqp_uri *out, const struct amqp_uri *uri)
{
	*out = *uri;
	out->user = xstrdup(uri->user);
	out->password = xstrdup(uri->password);
	out->host = xstrdup(uri->host);
	out->vhost = xstrdup(uri->vhost);
	out->cacertfile = xstrdup(uri->cacertfile);
	out->certfile = xstrdup(uri->certfile);
	out->keyfile = xstrdup(uri->keyfile);
}

void amqp_uri_fini(struct amqp_uri *uri)
{
	free(uri->user);
	if (uri->password != NULL) {
		explicit_bzero(uri->password, strlen(uri->password));
	}
	free(uri->password);
	free(uri->host);
	free(uri->vhost);
	free(uri->cacertfile);
	free(uri->certfile);
	free(uri->keyfile);
	memset(uri, 0, sizeof(*uri));
}
