/* SPDX-License-Identifier: Apache-2.0 */
/* Debug messages: wrapped, unwrapped, cut into pieces at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/text.h"
#include "debug/wire.h"

#define V8(payload) "{\"type\":\"V8_INSPECTOR_MESSAGE\",\"payload\":\"" payload "\"}"

struct result {
	bool ok;
	enum wire_type type;
	struct buf payload;
};

/* In pieces of at most step bytes. */
static struct result read_wire(const char *text, size_t len, size_t step)
{
	struct result r = { .payload = BUF_INIT };
	struct wire_reader reader;

	wire_reader_init(&reader);
	wire_begin(&reader);
	r.ok = true;
	for (size_t at = 0; at < len && r.ok; at += step) {
		r.ok = wire_feed(&reader, text + at, len - at < step ? len - at : step, &r.payload);
	}
	r.ok = r.ok && wire_end(&reader);
	r.type = wire_type(&reader);
	wire_reader_fini(&reader);
	return r;
}

static void check(const char *text, enum wire_type type, const char *payload)
{
	for (size_t step = 1; step <= strlen(text); step++) {
		struct result r = read_wire(text, strlen(text), step);

		assert_true(r.ok);
		assert_int_equal(r.type, type);
		if (type == WIRE_PAYLOAD) {
			assert_int_equal(r.payload.len, strlen(payload));
			assert_memory_equal(r.payload.len > 0 ? r.payload.data : "", payload, strlen(payload));
		} else {
			assert_int_equal(r.payload.len, 0);
		}
		buf_fini(&r.payload);
	}
}

static void test_messages(void **state)
{
	static const struct {
		const char *text;
		const char *payload;
	} rows[] = {
		{ V8("plain"), "plain" },
		{ V8(""), "" },
		{ V8("\\\"\\\\\\/\\b\\f\\n\\r\\t"), "\"\\/\b\f\n\r\t" },
		{ V8("\\u0041\\u00e4\\u20AC\\ud83d\\ude00"), "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ V8("\\ud83dx\\ude00\\ud83d\\ud83d\\ude00"),
		  "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80" },
		{ V8("\\ud83d\\n\\ud83d"), "\xef\xbf\xbd\n\xef\xbf\xbd" },
		{ "{\"payload\":\"early\",\"type\":\"V8_INSPECTOR_MESSAGE\"}", "early" },
		{ " { \"n\" : [1,{\"type\":\"}\"},\"\\\"]\"] ,\"type\" :\t\"V8_INSPECTOR_MESSAGE\",\n\"payload\" : "
		  "\"x\" } ",
		  "x" },
		{ "{\"a\":null,\"b\":-1.5e3,\"typ\\u0065\":\"V8_INSPECTOR_MESSAGE\",\"payload\":\"x\",\"c\":true}",
		  "x" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		check(rows[i].text, WIRE_PAYLOAD, rows[i].payload);
	}
	check(WIRE_USER_CONNECTED, WIRE_CONNECTED, NULL);
	check("{\"type\":\"USER_CONNECTED\",\"payload\":\"not ours\"}", WIRE_CONNECTED, NULL);
	check("{}", WIRE_UNKNOWN, NULL);
	check("{\"type\":\"V8_INSPECTOR_MESSAGE_AND_MUCH_MORE_THAN_FITS\",\"payload\":\"x\"}", WIRE_UNKNOWN, NULL);
	check("{\"type\":[\"V8_INSPECTOR_MESSAGE\"],\"payload\":\"x\"}", WIRE_UNKNOWN, NULL);
	check("{\"payload\":\"nobody wants it\"}", WIRE_UNKNOWN, NULL);
}

static void test_bad_messages(void **state)
{
	static const char *const rows[] = {
		"",
		"x",
		"[]",
		"\"V8\"",
		"{",
		"{\"type\"",
		"{\"type\":}",
		"{\"type\":\"x\",}",
		"{\"type\":\"x\"}}",
		"{\"type\":\"x\"} x",
		"{type:\"x\"}",
		"{\"type\" \"x\"}",
		"{\"type\":\"x\" \"payload\":\"x\"}",
		V8("\\x"),
		V8("\\u12g4"),
		V8("line\nbreak"),
		"{\"type\":\"V8_INSPECTOR_MESSAGE\",\"payload\":\"cut",
		"{\"a\":[1,2}",
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t step = 1; step <= strlen(rows[i]) + 1; step++) {
			struct result r = read_wire(rows[i], strlen(rows[i]), step);

			assert_false(r.ok);
			buf_fini(&r.payload);
		}
	}
}

static void test_every_byte_survives(void **state)
{
	struct buf text = BUF_INIT;
	char bytes[3 * 256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (char)(i % 256);
	}
	wire_open(&text);
	text_json_escape(&text, bytes, 100);
	text_json_escape(&text, bytes + 100, 0);
	text_json_escape(&text, bytes + 100, sizeof(bytes) - 100);
	wire_shut(&text);
	for (size_t step = 1; step < 70; step++) {
		struct result r = read_wire(text.data, text.len, step);

		assert_true(r.ok);
		assert_int_equal(r.payload.len, sizeof(bytes));
		assert_memory_equal(r.payload.data, bytes, sizeof(bytes));
		buf_fini(&r.payload);
	}
	buf_fini(&text);
}

static void test_early_payload_is_bounded(void **state)
{
	static const char head[] = "{\"payload\":\"";
	static const char tail[] = "\",\"type\":\"V8_INSPECTOR_MESSAGE\"}";
	char *payload = malloc(WIRE_EARLY_MAX + 1);

	(void)state;
	assert_non_null(payload);
	memset(payload, 'x', WIRE_EARLY_MAX + 1);
	for (size_t more = 0; more < 2; more++) {
		struct buf text = BUF_INIT;
		struct result r;

		buf_puts(&text, head);
		buf_append(&text, payload, WIRE_EARLY_MAX + more);
		buf_puts(&text, tail);
		r = read_wire(text.data, text.len, 4096);
		assert_int_equal(r.ok, more == 0);
		assert_int_equal(r.payload.len, more == 0 ? WIRE_EARLY_MAX : 0);
		buf_fini(&r.payload);
		buf_fini(&text);
	}
	free(payload);
}

/* One reader serves all messages of a connection. */
static void test_a_broken_message_leaves_nothing_behind(void **state)
{
	static const char broken[] = "{\"payload\":\"left over \\ud83d";
	static const char next[] = V8("next");
	struct buf payload = BUF_INIT;
	struct wire_reader reader;

	(void)state;
	wire_reader_init(&reader);
	wire_begin(&reader);
	assert_true(wire_feed(&reader, broken, sizeof(broken) - 1, &payload));
	assert_false(wire_end(&reader));
	wire_begin(&reader);
	assert_true(wire_feed(&reader, next, sizeof(next) - 1, &payload));
	assert_true(wire_end(&reader));
	assert_string_equal(payload.data, "next");
	wire_reader_fini(&reader);
	buf_fini(&payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_bad_messages),
		cmocka_unit_test(test_every_byte_survives),
		cmocka_unit_test(test_early_payload_is_bounded),
		cmocka_unit_test(test_a_broken_message_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
