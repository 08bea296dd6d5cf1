/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of messages between librabbitmq's form and ours. Private to io/amqp*. */
#ifndef IO_AMQP_CONTENT_H
#define IO_AMQP_CONTENT_H

#include "io/amqp_conn.h"

/* Copies what is of interest into *out. Headers that are not strings are left out; those of AWS with a warning. */
void amqp_content_read(const amqp_basic_properties_t *p, struct amqp_message *out);

/* Publishes on the default exchange. Blocks while the broker does not read. A library status. */
int amqp_content_publish(struct amqp_conn *c, const struct amqp_mail *m) MUST_CHECK;

#endif
