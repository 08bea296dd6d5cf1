/* SPDX-License-Identifier: Apache-2.0 */
/* What the debug broker reads from anybody: handshakes, WebSocket frames, debug messages. The first byte chooses. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "debug/access.h"
#include "debug/wire.h"
#include "io/ws.h"
#include "io/ws_handshake.h"
#include "loop/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- messages: reading in two pieces must give what reading in one does --- */

struct message {
	bool ok;
	enum wire_type type;
	struct buf payload;
};

static struct message read_message(const char *data, size_t len, size_t cut)
{
	struct message m = { .payload = BUF_INIT };
	struct wire_reader r;

	wire_reader_init(&r);
	wire_begin(&r);
	m.ok = wire_feed(&r, data, cut, &m.payload) && wire_feed(&r, data + cut, len - cut, &m.payload) &&
	       wire_end(&r);
	m.type = wire_type(&r);
	wire_reader_fini(&r);
	return m;
}

static void same(const struct message *m, const char *data, size_t len)
{
	assert(m->payload.len == len && (len == 0 || memcmp(m->payload.data, data, len) == 0));
}

static void check_message(const char *data, size_t len, size_t cut)
{
	struct message whole = read_message(data, len, len);
	struct message split = read_message(data, len, cut);

	assert(whole.ok == split.ok);
	if (whole.ok) {
		assert(whole.type == split.type);
		assert(whole.type == WIRE_PAYLOAD || whole.payload.len == 0);
		same(&split, whole.payload.data, whole.payload.len);
	}
	buf_fini(&whole.payload);
	buf_fini(&split.payload);
}

static void check_wrap(const char *data, size_t len, size_t cut)
{
	struct buf text = BUF_INIT;
	struct message m;

	wire_open(&text);
	text_json_escape(&text, data, cut);
	text_json_escape(&text, data + cut, len - cut);
	wire_shut(&text);
	m = read_message(text.data, text.len, text.len / 2);
	assert(m.ok && m.type == WIRE_PAYLOAD);
	same(&m, data, len);
	buf_fini(&m.payload);
	buf_fini(&text);
}

/* --- frames --- */

struct listener {
	struct ws *ws;
	bool inside; /* a message has begun and not ended */
	unsigned closed;
};

static void on_piece(void *ctx, const struct ws_piece *piece)
{
	struct listener *l = ctx;

	assert(piece->first != l->inside && l->closed == 0);
	assert(piece->len == 0 || piece->data != NULL);
	l->inside = !piece->last;
}

static void on_closed(void *ctx, unsigned code, const char *reason)
{
	struct listener *l = ctx;

	assert(code >= 1000 && code < 5000 && strlen(reason) <= 123);
	l->closed++;
	l->ws = NULL;
}

static const struct ws_ops ops = { .on_piece = on_piece, .on_closed = on_closed };

static void check_frames(const char *data, size_t len, enum ws_role role)
{
	struct loop *loop = loop_new();
	struct buf ahead = BUF_INIT;
	struct listener l = { .ws = NULL };
	int ends[2];

	assert(loop != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	buf_append(&ahead, data, len);
	l.ws = ws_new(loop, ends[0], role, &ahead, &ops, &l);
	assert(l.ws != NULL);
	close(ends[1]);
	for (unsigned i = 0; i < 8; i++) {
		assert(loop_turn(loop, 0) == 0);
	}
	assert(l.closed == 1);
	buf_fini(&ahead);
	loop_free(loop);
}

/* --- texts of the handshake --- */

static void check_texts(const char *data, size_t len)
{
	char *text = xstrndup(data, len);
	char *second = strchr(text, '\n');
	struct buf key = BUF_INIT;
	size_t head_len = 0;
	int status = 0;

	if (ws_read_answer(data, len, "dGhlIHNhbXBsZSBub25jZQ==", &head_len, &status) == WS_ANSWER_OK) {
		assert(head_len <= len && status == 101);
	}
	if (second != NULL) {
		*second++ = '\0';
		(void)access_host_is_local(text);
		(void)access_is_loopback(second);
		(void)access_origin_is_ours(text, second);
		(void)access_token_fits("token", text, second);
		access_key(&key, text, second);
		assert(key.len <= strlen(text) + strlen(second) + 1);
	}
	buf_fini(&key);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own size, so that reading beyond it shows. */
	char *text = size > 1 ? xmemdup(data + 2, size - 2) : NULL;
	size_t len = size - 2;

	if (text == NULL) {
		return 0;
	}
	switch (data[0] % 5) {
	case 0:
		check_message(text, len, len > 0 ? data[1] % len : 0);
		break;
	case 1:
		check_wrap(text, len, len > 0 ? data[1] % len : 0);
		break;
	case 2:
		check_frames(text, len, WS_SERVER);
		break;
	case 3:
		check_frames(text, len, WS_CLIENT);
		break;
	default:
		check_texts(text, len);
		break;
	}
	free(text);
	return 0;
}
