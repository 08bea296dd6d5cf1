/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing of message properties (AMQP 0-9-1, section 3.1 "basic"; tables: 4.2.5.5). */
#include "io/amqp_content.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/blob.h"
#include "base/log.h"
#include "base/mem.h"

static const size_t headers_max = 64;

static char *copy(amqp_bytes_t b)
{
	/* A NUL would cut it short later on anyway. */
	return b.len > 0 ? xstrndup(b.bytes, b.len) : NULL;
}

static bool as_integer(const amqp_field_value_t *v, int64_t *out)
{
	switch (v->kind) {
	case AMQP_FIELD_KIND_I8:
		*out = v->value.i8;
		return true;
	case AMQP_FIELD_KIND_U8:
		*out = v->value.u8;
		return true;
	case AMQP_FIELD_KIND_I16:
		*out = v->value.i16;
		return true;
	case AMQP_FIELD_KIND_U16:
		*out = v->value.u16;
		return true;
	case AMQP_FIELD_KIND_I32:
		*out = v->value.i32;
		return true;
	case AMQP_FIELD_KIND_U32:
		*out = v->value.u32;
		return true;
	case AMQP_FIELD_KIND_I64:
		*out = v->value.i64;
		return true;
	default:
		return false;
	}
}

static void read_header(const amqp_table_entry_t *e, struct amqp_message *out)
{
	amqp_bytes_t key = e->key;
	int64_t n;

	if (e->value.kind == AMQP_FIELD_KIND_UTF8 || e->value.kind == AMQP_FIELD_KIND_BYTES) {
		if (out->header_count < headers_max) {
			struct amqp_header *h;

			out->headers = xrealloc(out->headers, (out->header_count + 1) * sizeof(*h));
			h = &out->headers[out->header_count++];
			h->name = xstrndup(key.bytes, key.len);
			h->value = xstrndup(e->value.value.bytes.bytes, e->value.value.bytes.len);
		}
	} else if (key.len == strlen("x-delivery-count") && memcmp(key.bytes, "x-delivery-count", key.len) == 0 &&
		   as_integer(&e->value, &n)) {
		out->delivery_count = n;
	} else if (key.len > 5 && strncasecmp(key.bytes, "X-Amz", 5) == 0) {
		log_warn("AMQP header ignored: it is not a string name=%.*s type=%c", (int)key.len, (char *)key.bytes,
			 e->value.kind);
	}
}

void amqp_content_read(const amqp_basic_properties_t *p, struct amqp_message *out)
{
	if (p->_flags & AMQP_BASIC_REPLY_TO_FLAG) {
		out->reply_to = copy(p->reply_to);
	}
	if (p->_flags & AMQP_BASIC_CORRELATION_ID_FLAG) {
		out->correlation_id = xmemdup(p->correlation_id.bytes, p->correlation_id.len);
		out->correlation_len = p->correlation_id.len;
	}
	if (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) {
		out->message_id = copy(p->message_id);
	}
	if (p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG) {
		out->content_type = copy(p->content_type);
	}
	if (p->_flags & AMQP_BASIC_TYPE_FLAG) {
		out->type = copy(p->type);
	}
	if (p->_flags & AMQP_BASIC_DELIVERY_MODE_FLAG) {
		out->delivery_mode = p->delivery_mode;
	}
	if (p->_flags & AMQP_BASIC_HEADERS_FLAG) {
		for (int i = 0; i < p->headers.num_entries; i++) {
			read_header(&p->headers.entries[i], out);
		}
	}
}

static void set_text(amqp_basic_properties_t *p, amqp_bytes_t *field, amqp_flags_t flag, const char *value)
{
	if (value != NULL) {
		*field = amqp_cstring_bytes(value);
		/* A short string, by the protocol. */
		field->len = field->len < 255 ? field->len : 255;
		p->_flags |= flag;
	}
}

static void set_properties(amqp_basic_properties_t *p, const struct amqp_message *m, amqp_table_entry_t *entries)
{
	memset(p, 0, sizeof(*p));
	set_text(p, &p->content_type, AMQP_BASIC_CONTENT_TYPE_FLAG, m->content_type);
	set_text(p, &p->reply_to, AMQP_BASIC_REPLY_TO_FLAG, m->reply_to);
	set_text(p, &p->message_id, AMQP_BASIC_MESSAGE_ID_FLAG, m->message_id);
	set_text(p, &p->type, AMQP_BASIC_TYPE_FLAG, m->type);
	set_text(p, &p->expiration, AMQP_BASIC_EXPIRATION_FLAG, m->expiration);
	if (m->correlation_id != NULL) {
		p->correlation_id.bytes = m->correlation_id;
		p->correlation_id.len = m->correlation_len;
		p->_flags |= AMQP_BASIC_CORRELATION_ID_FLAG;
	}
	if (m->delivery_mode != 0) {
		p->delivery_mode = m->delivery_mode;
		p->_flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
	}
	for (size_t i = 0; i < m->header_count; i++) {
		entries[i].key = amqp_cstring_bytes(m->headers[i].name);
		entries[i].value.kind = AMQP_FIELD_KIND_UTF8;
		entries[i].value.value.bytes = amqp_cstring_bytes(m->headers[i].value);
	}
	if (m->header_count > 0) {
		p->headers.num_entries = (int)m->header_count;
		p->headers.entries = entries;
		p->_flags |= AMQP_BASIC_HEADERS_FLAG;
	}
}

int amqp_content_publish(struct amqp_conn *c, const struct amqp_mail *m)
{
	amqp_table_entry_t *entries = xcalloc(m->msg.header_count + 1, sizeof(*entries));
	amqp_bytes_t body = amqp_empty_bytes;
	amqp_basic_properties_t props;
	int status;

	set_properties(&props, &m->msg, entries);
	if (m->msg.body != NULL) {
		body.bytes = (void *)(uintptr_t)m->msg.body->data;
		body.len = m->msg.body->len;
	}
	status = amqp_basic_publish(c->state, AMQP_CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(m->routing_key),
				    m->mandatory, 0, &props, body);
	free(entries);
	return status;
}
