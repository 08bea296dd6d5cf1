/* SPDX-License-Identifier: Apache-2.0 */
/* A message of an SQS queue, as ReceiveMessage brings it. Everything is borrowed. */
#ifndef CORE_SQS_MESSAGE_H
#define CORE_SQS_MESSAGE_H

#include <stddef.h>

struct blob;

/* A message attribute. Type "String", "Number" or "Binary", or one of these with a label ("String.json"); value_len 0 =
 * strlen(value) but for binary ones. In received ones everything is NUL terminated. */
struct sqs_attribute {
	const char *name;
	const char *type;
	const char *value;
	size_t value_len;
};

struct sqs_message {
	const char *id;
	const char *receipt;			/* handle for deleting; a new one with each delivery */
	struct blob *body;			/* take a reference to keep it */
	const struct sqs_attribute *attributes; /* the sender's */
	size_t attribute_count;
	const struct sqs_attribute
		*system; /* the queue's: ApproximateReceiveCount, SentTimestamp, MessageGroupId, ... */
	size_t system_count;
	const char *md5;	    /* MD5OfBody; checked already */
	const char *attributes_md5; /* MD5OfMessageAttributes; NULL = none */
};

#endif
