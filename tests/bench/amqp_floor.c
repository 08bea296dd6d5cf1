/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of the AMQP rows: an echo with librabbitmq and nothing else. One connection, no publisher confirms, no
 * runtime behind it: what is faster than this does not take the request from the same queue and answer it.
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

static void answer(amqp_connection_state_t conn, const amqp_envelope_t *envelope)
{
	const amqp_basic_properties_t *request = &envelope->message.properties;
	amqp_basic_properties_t reply = { ._flags = AMQP_BASIC_CORRELATION_ID_FLAG };

	if ((request->_flags & AMQP_BASIC_REPLY_TO_FLAG) != 0) {
		reply.correlation_id = request->correlation_id;
		peer_publish(conn, request->reply_to, &reply, envelope->message.body);
	}
	if (amqp_basic_ack(conn, PEER_CHANNEL, envelope->delivery_tag, false) != AMQP_STATUS_OK) {
		peer_die("amqp_floor: cannot acknowledge");
	}
}

int main(void)
{
	amqp_connection_state_t conn = peer_connect(setting("AMQP_URI", NULL));
	const char *queue = setting("AWS_LAMBDA_FUNCTION_NAME", NULL);
	const char *prefetch = setting("AMQP_PREFETCH", setting("MAX_CONCURRENCY", "1"));

	peer_declare_function(conn, queue);
	amqp_basic_qos(conn, PEER_CHANNEL, 0, (uint16_t)atoi(prefetch), false);
	peer_check(amqp_get_rpc_reply(conn), "basic.qos");
	amqp_basic_consume(conn, PEER_CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, false, false, false,
			   amqp_empty_table);
	peer_check(amqp_get_rpc_reply(conn), "basic.consume");
	announce();
	for (;;) {
		amqp_envelope_t envelope;

		amqp_maybe_release_buffers(conn);
		peer_check(amqp_consume_message(conn, &envelope, NULL, 0), "consume");
		answer(conn, &envelope);
		amqp_destroy_envelope(&envelope);
	}
}
