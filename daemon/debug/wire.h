/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between a function's debug proxy and the broker, wire-compatible with Trek10's aws-lambda-debugger:
 *
 *	{"type":"USER_CONNECTED"}
 *	{"type":"V8_INSPECTOR_MESSAGE","payload":"<inspector frame as a JSON string>"}
 *
 * Both directions work on pieces: a message of 100 MiB is wrapped and unwrapped without ever being in memory as a whole.
 * Pure: bytes in, bytes out.
 */
#ifndef DEBUG_WIRE_H
#define DEBUG_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

#define WIRE_USER_CONNECTED "{\"type\":\"USER_CONNECTED\"}"

/* A payload that comes before its type is kept until the type is known; this much of it. */
#define WIRE_EARLY_MAX ((size_t)1024 * 1024)

/* --- wrapping: wire_open, text_json_escape for each piece, wire_shut --- */
void wire_open(struct buf *out);
void wire_shut(struct buf *out);

/* --- unwrapping --- */

enum wire_type {
	WIRE_UNKNOWN, /* not seen yet, or none of ours: such messages are ignored */
	WIRE_CONNECTED,
	WIRE_PAYLOAD,
};

struct wire_reader {
	/* private */
	int state;
	unsigned depth;	 /* of values that are skipped */
	bool quoted;	 /* inside a string that is skipped */
	bool escaped;	 /* after its backslash */
	struct buf word; /* the current key, or the type */
	bool is_type;
	bool is_payload;
	bool word_cut; /* longer than any word of ours */
	enum wire_type type;
	bool type_seen;
	unsigned hex_digits;
	uint32_t code; /* of a \u escape */
	uint32_t high; /* first half of a surrogate pair */
	struct buf early;
	bool bad;
};

void wire_reader_init(struct wire_reader *r);
void wire_reader_fini(struct wire_reader *r);
void wire_begin(struct wire_reader *r); /* a new message */
/* Takes a piece of the message; what is known to be payload is appended to out. false: it is not a JSON object, or its payload
 * comes first and is over WIRE_EARLY_MAX. */
bool wire_feed(struct wire_reader *r, const char *data, size_t len, struct buf *out) MUST_CHECK;
/* The message is complete. false: it is not, as JSON goes. */
bool wire_end(struct wire_reader *r) MUST_CHECK;
enum wire_type wire_type(const struct wire_reader *r);

#endif
