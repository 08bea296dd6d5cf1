/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of accepted asynchronous events, as bytes: a file is a header and records, appended to and never changed.
 *
 *	header: "LRADASY1", salt, CRC of both
 *	record: "AsYr", length of the payload, CRC of length and payload, payload
 *
 * Numbers are little-endian, CRCs are CRC-32 that begins with the salt: a random number per file, so that nobody can
 * have an event whose bytes look like records of the file it lands in. A reader skips what is damaged: a torn tail, or
 * anything in between. How far it searches is bounded; what it gives up counts as damaged. In a header the salt stands
 * twice, because its CRC says it, too.
 */
#ifndef CORE_JOURNAL_H
#define CORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/async_queue.h"

struct blob;
struct buf;
struct event;

#define JOURNAL_HEADER 16

enum journal_kind {
	JOURNAL_ACCEPTED = 1, /* event, wall_ms, attempts: once it is there, the event is not lost */
	JOURNAL_ATTEMPT,      /* attempts: so many have failed */
	JOURNAL_ENDED, /* condition, attempts, ran, function_error, response: its destinations are to be told */
	JOURNAL_DONE,  /* forget it */
};

struct journal_record {
	enum journal_kind kind;
	uint64_t number; /* of the event, unique in a spool */
	int64_t wall_ms; /* when it was accepted */
	uint32_t attempts;
	struct event *event; /* writer: borrowed; reader: the caller's */
	enum async_condition condition;
	bool ran;
	bool function_error;
	struct blob *response; /* NULL = none; as event */
};

void journal_write_header(struct buf *out, uint32_t salt);
void journal_write(struct buf *out, uint32_t salt, const struct journal_record *r);

struct journal_reader {
	const char *data; /* borrowed */
	size_t len;
	uint32_t salt;
	size_t at;
	size_t skipped;	 /* bytes that were no records */
	size_t searched; /* bytes whose CRC was no record's */
	bool damaged;	 /* not only at the end, as by a write that was not finished */
};

/* false: no header; nothing can be read. */
bool journal_read_header(struct journal_reader *reader, const char *data, size_t len) MUST_CHECK;
/* false: the end. */
bool journal_read(struct journal_reader *reader, struct journal_record *r) MUST_CHECK;

#endif
