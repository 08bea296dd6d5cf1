/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: what is written is read, what is damaged is skipped and nothing else. */
#include "core/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "core/invocation.h"

static struct event *make_event(const char *body, size_t len)
{
	struct event *ev = event_new();

	ev->type = INVOKE_EVENT;
	ev->body = blob_copy(body, len);
	ev->arn = xstrdup("arn:aws:lambda:us-east-1:012345678912:function:f");
	ev->trace_id = xstrdup("Root=1-2-3");
	return ev;
}

static void free_record(struct journal_record *r)
{
	event_unref(r->event);
	blob_unref(r->response);
}

static void write_accepted(struct buf *out, uint32_t salt, uint64_t number, const char *body, size_t len)
{
	struct journal_record r = {
		.kind = JOURNAL_ACCEPTED,
		.number = number,
		.wall_ms = 1700000000123,
		.attempts = 1,
		.event = make_event(body, len),
	};

	journal_write(out, salt, &r);
	event_unref(r.event);
}

static void test_round_trip(void **state)
{
	static const char body[] = "\0\xff any \n bytes";
	const struct journal_record attempt = { .kind = JOURNAL_ATTEMPT, .number = 7, .attempts = 2 };
	struct journal_record ended = {
		.kind = JOURNAL_ENDED,
		.number = UINT64_MAX,
		.attempts = 3,
		.condition = ASYNC_RETRIES_EXHAUSTED,
		.ran = true,
		.function_error = true,
		.response = blob_static("{}"),
	};
	const struct journal_record done = { .kind = JOURNAL_DONE, .number = 1 };
	struct journal_reader reader;
	struct journal_record r;
	struct buf out = BUF_INIT;

	(void)state;
	journal_write_header(&out, 0xdeadbeef);
	write_accepted(&out, 0xdeadbeef, 42, body, sizeof(body));
	journal_write(&out, 0xdeadbeef, &attempt);
	journal_write(&out, 0xdeadbeef, &ended);
	journal_write(&out, 0xdeadbeef, &done);
	blob_unref(ended.response);

	assert_true(journal_read_header(&reader, out.data, out.len));
	assert_true(journal_read(&reader, &r));
	assert_int_equal(r.kind, JOURNAL_ACCEPTED);
	assert_int_equal(r.number, 42);
	assert_int_equal(r.wall_ms, 1700000000123);
	assert_int_equal(r.attempts, 1);
	assert_true(text_is_uuid(r.event->id));
	assert_int_equal(r.event->type, INVOKE_EVENT);
	assert_int_equal(r.event->body->len, sizeof(body));
	assert_memory_equal(r.event->body->data, body, sizeof(body));
	assert_string_equal(r.event->trace_id, "Root=1-2-3");
	assert_null(r.event->content_type);
	free_record(&r);
	assert_true(journal_read(&reader, &r));
	assert_int_equal(r.kind, JOURNAL_ATTEMPT);
	assert_int_equal(r.attempts, 2);
	assert_true(journal_read(&reader, &r));
	assert_int_equal(r.kind, JOURNAL_ENDED);
	assert_true(r.number == UINT64_MAX && r.ran && r.function_error);
	assert_int_equal(r.condition, ASYNC_RETRIES_EXHAUSTED);
	assert_string_equal(r.response->data, "{}");
	free_record(&r);
	assert_true(journal_read(&reader, &r));
	assert_int_equal(r.kind, JOURNAL_DONE);
	assert_false(journal_read(&reader, &r));
	assert_int_equal(reader.skipped, 0);
	buf_fini(&out);
}

static unsigned count_records(const char *data, size_t len, size_t *skipped)
{
	struct journal_reader reader;
	struct journal_record r;
	unsigned n = 0;

	assert_true(journal_read_header(&reader, data, len));
	while (journal_read(&reader, &r)) {
		free_record(&r);
		n++;
	}
	*skipped = reader.skipped;
	return n;
}

/* Cut at every byte: all that was whole is read. */
static void test_torn_tail(void **state)
{
	struct buf out = BUF_INIT;
	size_t ends[3];
	size_t skipped;

	(void)state;
	journal_write_header(&out, 1);
	for (unsigned i = 0; i < 3; i++) {
		write_accepted(&out, 1, i, "{\"a\":1}", 7);
		ends[i] = out.len;
	}
	for (size_t len = JOURNAL_HEADER; len <= out.len; len++) {
		/* A copy of its own, so that a sanitizer sees every byte too many. */
		char *cut = xmalloc(len);
		unsigned whole = (unsigned)(len >= ends[0]) + (len >= ends[1]) + (len >= ends[2]);

		memcpy(cut, out.data, len);
		assert_int_equal(count_records(cut, len, &skipped), whole);
		assert_int_equal(skipped, len - (whole > 0 ? ends[whole - 1] : JOURNAL_HEADER));
		free(cut);
	}
	buf_fini(&out);
}

static void test_damage_costs_one_record(void **state)
{
	struct buf out = BUF_INIT;
	size_t start, end, skipped;

	(void)state;
	journal_write_header(&out, 5);
	write_accepted(&out, 5, 0, "[]", 2);
	start = out.len;
	write_accepted(&out, 5, 1, "[1]", 3);
	end = out.len;
	write_accepted(&out, 5, 2, "[2]", 3);
	for (size_t at = start; at < end; at++) {
		out.data[at] ^= 0x40;
		assert_int_equal(count_records(out.data, out.len, &skipped), 2);
		assert_int_equal(skipped, end - start);
		out.data[at] ^= 0x40;
	}
	buf_fini(&out);
}

/* An event whose body is a whole record: found by nobody who looks for the next record after damage. */
static void test_forged_record(void **state)
{
	struct buf inner = BUF_INIT;
	struct buf out = BUF_INIT;
	size_t skipped;

	(void)state;
	write_accepted(&inner, 1, 99, "forged", 6);
	journal_write_header(&out, 2);
	write_accepted(&out, 2, 0, inner.data, inner.len);
	out.data[JOURNAL_HEADER] ^= 1;
	assert_int_equal(count_records(out.data, out.len, &skipped), 0);
	buf_fini(&inner);
	buf_fini(&out);
}

static bool reads_as_damaged(const struct buf *file)
{
	struct journal_reader reader;
	struct journal_record r;

	assert_true(journal_read_header(&reader, file->data, file->len));
	while (journal_read(&reader, &r)) {
		free_record(&r);
	}
	return reader.damaged;
}

/* An event made of the beginnings of records: what is damaged of it is looked through once or a few times, not for each
 * of them, and what comes after it is found. */
static void test_many_beginnings(void **state)
{
	enum { SIZE = 1000 * 1000, CHUNK = 8 };
	static const char beginning[CHUNK] = { 'A', 's', 'Y', 'r', 0x20, (char)0xa1, 0x07, 0 }; /* half of SIZE */
	char *body = xmalloc(SIZE);
	struct buf out = BUF_INIT;
	size_t end, skipped;

	(void)state;
	for (size_t at = 0; at < SIZE; at += CHUNK) {
		memcpy(body + at, beginning, CHUNK);
	}
	journal_write_header(&out, 5);
	write_accepted(&out, 5, 0, "[]", 2);
	write_accepted(&out, 5, 1, body, SIZE);
	end = out.len;
	for (unsigned i = 0; i < 10; i++) {
		write_accepted(&out, 5, 2 + i, "[]", 2);
	}
	/* This takes a minute where the work is not bounded. */
	alarm(20);
	out.data[end - 1] ^= 1;
	assert_int_equal(count_records(out.data, out.len, &skipped), 11);
	assert_true(reads_as_damaged(&out));
	/* Torn, and nothing behind it. */
	assert_int_equal(count_records(out.data, end - 1, &skipped), 1);
	alarm(0);
	free(body);
	buf_fini(&out);
}

static void test_header(void **state)
{
	struct journal_reader reader;
	struct buf out = BUF_INIT;

	(void)state;
	journal_write_header(&out, 77);
	assert_int_equal(out.len, JOURNAL_HEADER);
	for (size_t len = 0; len < JOURNAL_HEADER; len++) {
		assert_false(journal_read_header(&reader, out.data, len));
	}
	assert_true(journal_read_header(&reader, out.data, out.len));
	memset(out.data, 0, JOURNAL_HEADER);
	assert_false(journal_read_header(&reader, out.data, out.len));
	buf_fini(&out);
}

/* The salt and its CRC say the same: one of them is enough, and the first record tells which. */
static void test_damaged_header(void **state)
{
	struct buf out = BUF_INIT;
	size_t skipped;

	(void)state;
	journal_write_header(&out, 0x12345678);
	write_accepted(&out, 0x12345678, 0, "[]", 2);
	write_accepted(&out, 0x12345678, 1, "[]", 2);
	for (size_t at = 0; at < JOURNAL_HEADER; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			out.data[at] ^= (char)(1 << bit);
			assert_int_equal(count_records(out.data, out.len, &skipped), 2);
			assert_int_equal(skipped, 0);
			out.data[at] ^= (char)(1 << bit);
		}
	}
	memset(out.data + 8, 0xff, 4);
	assert_int_equal(count_records(out.data, out.len, &skipped), 2);
	buf_fini(&out);
}

/* A torn tail was never more than that; what has records behind it was whole. */
static void test_torn_or_damaged(void **state)
{
	struct buf out = BUF_INIT;
	size_t end;

	(void)state;
	journal_write_header(&out, 5);
	write_accepted(&out, 5, 0, "[]", 2);
	end = out.len;
	write_accepted(&out, 5, 1, "[]", 2);
	assert_false(reads_as_damaged(&out));
	out.len--;
	assert_false(reads_as_damaged(&out));
	out.len++;
	out.data[end - 1] ^= 1;
	assert_true(reads_as_damaged(&out));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_torn_tail),
		cmocka_unit_test(test_damage_costs_one_record),
		cmocka_unit_test(test_forged_record),
		cmocka_unit_test(test_many_beginnings),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_damaged_header),
		cmocka_unit_test(test_torn_or_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
