/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of the AMQP rows: an echo with librabbitmq and nothing else. One connection, no publisher confirms, no
 * runtime behind it: what is faster than this does not take the request from the same queue and answer it.
 *
 * With AMQP_FLOOR_CONFIRMS it promises what the daemon does: a request is acknowledged when its reply is confirmed.
 */
#include "amqp_peer.h"
#include <unistd.h>

static const char *setting(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	value = value != NULL && value[0] != '\0' ? value : fallback;
	if (value == NULL) {
		peer_die("amqp_floor: %s is not set", name);
	}
	return value;
}

static void announce(void)
{
	int fd = atoi(setting("READY_FD", "0"));

	if (fd > 0) {
		dprintf(fd, "invoke=-\n");
		close(fd);
	}
}

/* Requests whose replies are not confirmed yet, by the replies' numbers. */
static struct {
	bool on;
	uint64_t tags[65536];
	uint64_t published;
	uint64_t confirmed;
} confirms;

static void acknowledge(amqp_connection_state_t conn, uint64_t tag)
{
	if (amqp_basic_ack(conn, PEER_CHANNEL, tag, false) != AMQP_STATUS_OK) {
		peer_die("amqp_floor: cannot acknowledge");
	}
}

static void answer(amqp_connection_state_t conn, const amqp_envelope_t *envelope)
{
	const amqp_basic_properties_t *request = &envelope->message.properties;
	amqp_basic_properties_t reply = { ._flags = AMQP_BASIC_CORRELATION_ID_FLAG };

	if ((request->_flags & AMQP_BASIC_REPLY_TO_FLAG) == 0) {
		acknowledge(conn, envelope->delivery_tag);
		return;
	}
	reply.correlation_id = request->correlation_id;
	peer_publish(conn, request->reply_to, &reply, envelope->message.body);
	if (confirms.on) {
		confirms.tags[confirms.published++ % 65536] = envelope->delivery_tag;
	} else {
		acknowledge(conn, envelope->delivery_tag);
	}
}

/* What came instead of a delivery. The broker confirms in order here, one or several at once. */
static void take_confirm(amqp_connection_state_t conn)
{
	amqp_frame_t frame;

	if (amqp_simple_wait_frame(conn, &frame) != AMQP_STATUS_OK || frame.frame_type != AMQP_FRAME_METHOD ||
	    frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
		peer_die("amqp_floor: expected a delivery or a confirmation");
	}
	for (uint64_t last = ((amqp_basic_ack_t *)frame.payload.method.decoded)->delivery_tag;
	     confirms.confirmed < last; confirms.confirmed++) {
		acknowledge(conn, confirms.tags[confirms.confirmed % 65536]);
	}
}

static void serve(amqp_connection_state_t conn)
{
	amqp_envelope_t envelope;
	amqp_rpc_reply_t reply;

	amqp_maybe_release_buffers(conn);
	reply = amqp_consume_message(conn, &envelope, NULL, 0);
	if (confirms.on && reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
	    reply.library_error == AMQP_STATUS_UNEXPECTED_STATE) {
		take_confirm(conn);
		return;
	}
	peer_check(reply, "consume");
	answer(conn, &envelope);
	amqp_destroy_envelope(&envelope);
}

int main(void)
{
	amqp_connection_state_t conn = peer_connect(setting("AMQP_URI", NULL));
	const char *queue = setting("AWS_LAMBDA_FUNCTION_NAME", NULL);
	const char *prefetch = setting("AMQP_PREFETCH", setting("MAX_CONCURRENCY", "1"));

	confirms.on = getenv("AMQP_FLOOR_CONFIRMS") != NULL;
	if (confirms.on) {
		amqp_confirm_select(conn, PEER_CHANNEL);
		peer_check(amqp_get_rpc_reply(conn), "confirm.select");
	}
	peer_declare_function(conn, queue);
	amqp_basic_qos(conn, PEER_CHANNEL, 0, (uint16_t)atoi(prefetch), false);
	peer_check(amqp_get_rpc_reply(conn), "basic.qos");
	amqp_basic_consume(conn, PEER_CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, false, false, false,
			   amqp_empty_table);
	peer_check(amqp_get_rpc_reply(conn), "basic.consume");
	announce();
	for (;;) {
		serve(conn);
	}
}
