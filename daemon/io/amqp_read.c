/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker sends, frame by frame, as events. */
#include <stdio.h>
#include <sys/time.h>

#include "base/log.h"
#include "io/amqp_conn.h"
#include "io/amqp_content.h"

static int closed_by_broker(struct amqp_conn *c, const amqp_frame_t *frame, struct err *err)
{
	bool whole = frame->payload.method.id == AMQP_CONNECTION_CLOSE_METHOD;
	amqp_channel_close_ok_t channel_ok = { 0 };
	amqp_connection_close_ok_t connection_ok = { 0 };

	amqp_conn_broker_error(err, whole ? "connection closed by the broker" : "channel closed by the broker",
			       &frame->payload.method);
	if (whole) {
		(void)amqp_send_method(c->state, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &connection_ok);
	} else {
		(void)amqp_send_method(c->state, frame->channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &channel_ok);
	}
	return -1;
}

static void begin_content(struct amqp_conn *c, enum amqp_event_kind kind)
{
	amqp_mail_free(c->mail);
	c->mail = amqp_mail_new(AMQP_DELIVERY);
	c->content = kind;
	c->in_body = false;
}

/* 1: an event, 0: none, -1: the end. */
static int take_method(struct amqp_conn *c, const amqp_frame_t *frame, struct amqp_event *ev, struct err *err)
{
	const amqp_method_t *m = &frame->payload.method;

	switch (m->id) {
	case AMQP_BASIC_DELIVER_METHOD: {
		const amqp_basic_deliver_t *d = m->decoded;

		begin_content(c, AMQP_EV_DELIVERY);
		c->mail->tag.tag = d->delivery_tag;
		c->mail->redelivered = d->redelivered;
		return 0;
	}
	case AMQP_BASIC_RETURN_METHOD:
		begin_content(c, AMQP_EV_RETURN);
		return 0;
	case AMQP_BASIC_ACK_METHOD: {
		const amqp_basic_ack_t *a = m->decoded;

		*ev = (struct amqp_event){ .kind = AMQP_EV_CONFIRM, .tag = a->delivery_tag, .multiple = a->multiple };
		return 1;
	}
	case AMQP_BASIC_NACK_METHOD: {
		const amqp_basic_nack_t *n = m->decoded;

		*ev = (struct amqp_event){ .kind = AMQP_EV_REFUSE, .tag = n->delivery_tag, .multiple = n->multiple };
		return 1;
	}
	case AMQP_BASIC_CANCEL_METHOD:
		*ev = (struct amqp_event){ .kind = AMQP_EV_CANCELLED };
		return 1;
	case AMQP_CONNECTION_BLOCKED_METHOD: {
		const amqp_connection_blocked_t *b = m->decoded;

		*ev = (struct amqp_event){ .kind = AMQP_EV_BLOCKED };
		snprintf(ev->text, sizeof(ev->text), "%.*s", (int)b->reason.len, (const char *)b->reason.bytes);
		return 1;
	}
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		*ev = (struct amqp_event){ .kind = AMQP_EV_UNBLOCKED };
		return 1;
	case AMQP_CHANNEL_CLOSE_METHOD:
	case AMQP_CONNECTION_CLOSE_METHOD:
		return closed_by_broker(c, frame, err);
	default:
		log_debug("AMQP method ignored id=0x%08x", m->id);
		return 0;
	}
}

static int end_content(struct amqp_conn *c, struct amqp_event *ev)
{
	if (c->mail->msg.body_size <= c->max_body) {
		c->mail->msg.body = buf_to_blob(&c->body);
	}
	*ev = (struct amqp_event){ .kind = c->content, .mail = c->mail };
	c->mail = NULL;
	c->in_body = false;
	return 1;
}

static int take_header(struct amqp_conn *c, const amqp_frame_t *frame, struct amqp_event *ev)
{
	if (c->mail == NULL) {
		return 0;
	}
	amqp_content_read(frame->payload.properties.decoded, &c->mail->msg);
	c->mail->msg.body_size = frame->payload.properties.body_size;
	c->in_body = true;
	c->body_seen = 0;
	buf_fini(&c->body);
	buf_init(&c->body, c->max_body);
	if (c->mail->msg.body_size == 0) {
		return end_content(c, ev);
	}
	if (c->mail->msg.body_size <= c->max_body) {
		(void)buf_room(&c->body, (size_t)c->mail->msg.body_size);
	}
	return 0;
}

static int take_body(struct amqp_conn *c, const amqp_frame_t *frame, struct amqp_event *ev)
{
	const amqp_bytes_t *part = &frame->payload.body_fragment;

	if (!c->in_body) {
		return 0;
	}
	c->body_seen += part->len;
	/* Over the limit nothing is kept, but the frames have to be read. */
	if (c->mail->msg.body_size <= c->max_body) {
		(void)buf_append(&c->body, part->bytes, part->len);
	}
	return c->body_seen >= c->mail->msg.body_size ? end_content(c, ev) : 0;
}

static int take_frame(struct amqp_conn *c, const amqp_frame_t *frame, struct amqp_event *ev, struct err *err)
{
	switch (frame->frame_type) {
	case AMQP_FRAME_METHOD:
		return take_method(c, frame, ev, err);
	case AMQP_FRAME_HEADER:
		return take_header(c, frame, ev);
	case AMQP_FRAME_BODY:
		return take_body(c, frame, ev);
	default:
		return 0;
	}
}

int amqp_conn_next(struct amqp_conn *c, struct amqp_event *ev, struct err *err)
{
	struct timeval none = { 0, 0 };
	int found = 0;

	while (found == 0) {
		amqp_frame_t frame;
		int status = amqp_simple_wait_frame_noblock(c->state, &frame, &none);

		if (status == AMQP_STATUS_TIMEOUT) {
			return 0;
		}
		if (amqp_conn_status(status, "connection", err) != 0) {
			return -1;
		}
		found = take_frame(c, &frame, ev, err);
		/* Everything of the frame was copied; without this the library's memory grows with each message. */
		amqp_maybe_release_buffers_on_channel(c->state, frame.channel);
	}
	return found;
}

bool amqp_conn_has_input(const struct amqp_conn *c)
{
	return amqp_data_in_buffer(c->state) || amqp_frames_enqueued(c->state);
}
