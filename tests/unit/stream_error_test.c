/* SPDX-License-Identifier: Apache-2.0 */
/* Late errors in the bytes of a body: found at its end however it is cut, and nothing else is held up or lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "core/stream_error.h"

#define NOTE                                                                                                         \
	"Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\nLambda-Runtime-Function-Error-Body: "            \
	"Ym9vbQ==\r\n"

/* Feeds text cut at that place. true: it ended with an error, which is the one of NOTE. */
static bool feed(const char *text, size_t cut, struct buf *out)
{
	size_t all = strlen(text);
	struct stream_error e;
	const char *type = NULL;
	const char *body = NULL;
	bool found;

	stream_error_init(&e);
	for (size_t at = 0; at < all;) {
		const char *data = text + at;
		size_t len = at < cut ? cut : all - at;

		at += len;
		stream_error_pass(&e, &data, &len);
		buf_append(out, data, len);
	}
	{
		const char *data;
		size_t len;

		found = stream_error_end(&e, &type, &body, &data, &len);
		if (found) {
			assert_string_equal(type, "Runtime.StreamError");
			assert_string_equal(body, "Ym9vbQ==");
		} else {
			buf_append(out, data, len);
		}
	}
	stream_error_fini(&e);
	return found;
}

static void test_a_note_at_the_end(void **state)
{
	static const char *const before[] = { "",	   "data",
					      "Lambda",	   "LLLLLLLLLLLLLLLLLL",
					      NOTE "more", "Lambda-Runtime-Function-Error-Type: X\r\n" };

	(void)state;
	for (size_t i = 0; i < countof(before); i++) {
		char text[1024];

		strcpy(text, before[i]);
		strcat(text, NOTE);
		for (size_t cut = 0; cut < strlen(text); cut++) {
			struct buf out = BUF_INIT;
			bool split_early = cut > strlen(before[i]) && cut - strlen(before[i]) < 8;

			if (split_early) {
				continue; /* passed as data: not worth to hold up anybody's last bytes */
			}
			assert_true(feed(text, cut, &out));
			assert_string_equal(out.data != NULL ? out.data : "", before[i]);
			buf_fini(&out);
		}
	}
}

static void test_what_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"data",
		"Lambda-Runtime-Function-Error-Type: ",
		"Lambda-Runtime-Function-Error-Type: X\r\n",
		"Lambda-Runtime-Function-Error-Type: X\r\nLambda-Runtime-Function-Error-Body: Ym9v",
		"Lambda-Runtime-Function-Error-Type: X\r\nLambda-Runtime-Function-Error-Body: Y!\r\n",
		"Lambda-Runtime-Function-Error-Type: X Y\r\nLambda-Runtime-Function-Error-Body: Ym9v\r\n",
		NOTE "more",
		NOTE NOTE "\n",
		"xLambda-Runtime-Function-Error-Type:X\r\n",
	};

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		for (size_t cut = 0; cut <= strlen(texts[i]); cut++) {
			struct buf out = BUF_INIT;

			assert_false(feed(texts[i], cut, &out));
			assert_string_equal(out.data != NULL ? out.data : "", texts[i]);
			buf_fini(&out);
		}
	}
}

static void test_nothing_else_is_held_up(void **state)
{
	static const char *const texts[] = { "L", "Lambda-", "a Lambda", NOTE "x",
					     "Lambda-Runtime-Function-Error-Type: two words" };

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		const char *data = texts[i];
		size_t len = strlen(data);
		struct stream_error e;

		stream_error_init(&e);
		stream_error_pass(&e, &data, &len);
		assert_int_equal(len, strlen(texts[i]));
		stream_error_fini(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_note_at_the_end),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_nothing_else_is_held_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
