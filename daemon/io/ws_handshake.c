/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket's opening handshake. */
#include "io/ws_handshake.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/text.h"
#include "io/httpd.h"

static const size_t answer_max = 16 * 1024;

void ws_accept_of(const char *key, char out[WS_ACCEPT_LEN])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	struct buf text = BUF_INIT;
	unsigned char digest[SHA1_LEN];

	buf_printf(&text, "%s%s", key, guid);
	digest_sha1(text.data, text.len, digest);
	buf_clear(&text);
	text_base64(&text, digest, sizeof(digest));
	snprintf(out, WS_ACCEPT_LEN, "%s", text.data);
	buf_fini(&text);
}

/* Is word one of the comma-separated words of list, in any case? */
static bool lists(const char *list, size_t list_len, const char *word)
{
	size_t len = strlen(word);
	size_t at = 0;

	while (at < list_len) {
		size_t end = at;

		while (end < list_len && list[end] != ',') {
			end++;
		}
		while (at < end && (list[at] == ' ' || list[at] == '\t')) {
			at++;
		}
		size_t stop = end;
		while (stop > at && (list[stop - 1] == ' ' || list[stop - 1] == '\t')) {
			stop--;
		}
		if (stop - at == len && strncasecmp(list + at, word, len) == 0) {
			return true;
		}
		at = end + 1;
	}
	return false;
}

static bool header_lists(const struct httpd_req *req, const char *name, const char *word)
{
	const char *value = httpd_req_header(req, name);

	return value != NULL && lists(value, strlen(value), word);
}

static bool is_key(const char *key)
{
	struct buf raw = BUF_INIT;
	bool ok = key != NULL && strlen(key) == WS_KEY_LEN - 1 && text_unbase64(&raw, key, strlen(key)) &&
		  raw.len == 16;

	buf_fini(&raw);
	return ok;
}

enum ws_ask ws_asked(const struct httpd_req *req)
{
	const char *version = httpd_req_header(req, "Sec-WebSocket-Version");

	if (!header_lists(req, "Upgrade", "websocket")) {
		return WS_ASK_NOT;
	}
	if (version == NULL || strcmp(version, "13") != 0) {
		return WS_ASK_BAD_VERSION;
	}
	if (strcmp(httpd_req_method(req), "GET") != 0 || !header_lists(req, "Connection", "upgrade") ||
	    !is_key(httpd_req_header(req, "Sec-WebSocket-Key"))) {
		return WS_ASK_MALFORMED;
	}
	return WS_ASK_OK;
}

struct ws *ws_switch(struct loop *loop, struct httpd_req *req, const struct ws_ops *ops, void *ctx)
{
	struct buf ahead = BUF_INIT;
	char accept[WS_ACCEPT_LEN];
	char head[160];
	struct ws *ws = NULL;
	int len;
	int fd;

	ws_accept_of(httpd_req_header(req, "Sec-WebSocket-Key"), accept);
	len = snprintf(head, sizeof(head),
		       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Accept: %s\r\n\r\n",
		       accept);
	fd = httpd_req_detach(req, &ahead);
	/* A connection that has just sent us a request has room for these few bytes. */
	if (fd >= 0 && send(fd, head, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) == len) {
		ws = ws_new(loop, fd, WS_SERVER, &ahead, ops, ctx);
	} else if (fd >= 0) {
		close(fd);
	}
	buf_fini(&ahead);
	return ws;
}

void ws_new_key(char out[WS_KEY_LEN])
{
	struct buf text = BUF_INIT;
	uint8_t raw[16] = { 0 };

	(void)!getrandom(raw, sizeof(raw), 0);
	text_base64(&text, raw, sizeof(raw));
	snprintf(out, WS_KEY_LEN, "%s", text.data);
	buf_fini(&text);
}

void ws_write_request(struct buf *out, const char *host, const char *target, const char *key,
		      const struct httpd_header *headers, size_t count)
{
	buf_printf(out,
		   "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		   "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n",
		   target, host, key);
	for (size_t i = 0; i < count; i++) {
		if (headers[i].value != NULL) {
			buf_printf(out, "%s: %s\r\n", headers[i].name, headers[i].value);
		}
	}
	buf_puts(out, "\r\n");
}

/* The value of a field in a response head, with its length; NULL if there is none. */
static const char *find_field(const char *head, size_t len, const char *name, size_t *value_len)
{
	size_t name_len = strlen(name);
	const char *end = head + len;
	const char *line = head;

	while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		const char *stop;

		line++;
		stop = memchr(line, '\r', (size_t)(end - line));
		if (stop == NULL || (size_t)(stop - line) <= name_len || line[name_len] != ':' ||
		    strncasecmp(line, name, name_len) != 0) {
			continue;
		}
		line += name_len + 1;
		while (line < stop && (*line == ' ' || *line == '\t')) {
			line++;
		}
		while (stop > line && (stop[-1] == ' ' || stop[-1] == '\t')) {
			stop--;
		}
		*value_len = (size_t)(stop - line);
		return line;
	}
	return NULL;
}

static bool accepts(const char *head, size_t len, const char *key)
{
	char accept[WS_ACCEPT_LEN];
	size_t value_len = 0;
	const char *value = find_field(head, len, "Sec-WebSocket-Accept", &value_len);

	ws_accept_of(key, accept);
	if (value == NULL || value_len != strlen(accept) || memcmp(value, accept, value_len) != 0) {
		return false;
	}
	value = find_field(head, len, "Upgrade", &value_len);
	return value != NULL && lists(value, value_len, "websocket") &&
	       find_field(head, len, "Sec-WebSocket-Extensions", &value_len) == NULL;
}

enum ws_answer ws_read_answer(const char *data, size_t len, const char *key, size_t *head_len, int *status)
{
	static const char protocol[] = "HTTP/1.1 ";
	size_t known = len < sizeof(protocol) - 1 ? len : sizeof(protocol) - 1;
	const char *end;

	if (memcmp(data, protocol, known) != 0) {
		return WS_ANSWER_BAD;
	}
	end = len > 0 ? memmem(data, len, "\r\n\r\n", 4) : NULL;
	if (end == NULL) {
		return len > answer_max ? WS_ANSWER_BAD : WS_ANSWER_MORE;
	}
	*head_len = (size_t)(end - data) + 4;
	if (*head_len < sizeof(protocol) + 2 || !isdigit((unsigned char)data[9]) ||
	    !isdigit((unsigned char)data[10]) || !isdigit((unsigned char)data[11])) {
		return WS_ANSWER_BAD;
	}
	*status = (data[9] - '0') * 100 + (data[10] - '0') * 10 + (data[11] - '0');
	if (*status != 101) {
		return WS_ANSWER_REFUSED;
	}
	return accepts(data, *head_len, key) ? WS_ANSWER_OK : WS_ANSWER_BAD;
}
