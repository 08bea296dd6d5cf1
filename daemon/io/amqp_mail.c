/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and mails: making, reading, freeing. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/blob.h"
#include "base/mem.h"
#include "io/amqp.h"

const char *amqp_message_header(const struct amqp_message *m, const char *name)
{
	for (size_t i = 0; i < m->header_count; i++) {
		if (strcasecmp(m->headers[i].name, name) == 0) {
			return m->headers[i].value;
		}
	}
	return NULL;
}

void amqp_message_add_header(struct amqp_message *m, const char *name, const char *value)
{
	if (value == NULL) {
		return;
	}
	m->headers = xrealloc(m->headers, (m->header_count + 1) * sizeof(*m->headers));
	m->headers[m->header_count].name = xstrdup(name);
	m->headers[m->header_count].value = xstrdup(value);
	m->header_count++;
}

void amqp_message_fini(struct amqp_message *m)
{
	for (size_t i = 0; i < m->header_count; i++) {
		free(m->headers[i].name);
		free(m->headers[i].value);
	}
	free(m->headers);
	free(m->reply_to);
	free(m->message_id);
	free(m->content_type);
	free(m->type);
	free(m->expiration);
	free(m->correlation_id);
	blob_unref(m->body);
	memset(m, 0, sizeof(*m));
}

struct amqp_mail *amqp_mail_new(enum amqp_kind kind)
{
	struct amqp_mail *m = xcalloc(1, sizeof(*m));

	list_init(&m->mail.link);
	m->kind = kind;
	m->msg.delivery_count = -1;
	return m;
}

void amqp_mail_free(struct amqp_mail *m)
{
	if (m != NULL) {
		amqp_message_fini(&m->msg);
		free(m->routing_key);
		free(m->text);
		free(m);
	}
}

void amqp_mail_each(struct mailbox *box, void (*fn)(void *ctx, struct amqp_mail *m), void *ctx)
{
	struct list mails = LIST_INIT(mails);
	struct list *pos, *tmp;

	mailbox_take(box, &mails);
	list_foreach_safe(&mails, pos, tmp) {
		struct amqp_mail *m = container_of(pos, struct amqp_mail, mail.link);

		list_unlink(pos);
		if (fn != NULL) {
			fn(ctx, m);
		}
		amqp_mail_free(m);
	}
}
