/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers of RFC 3174 and FIPS 180, and every length around the padding's edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/sha1.h"

static void hex(const void *data, size_t len, char out[2 * SHA1_LEN + 1])
{
	uint8_t digest[SHA1_LEN];

	sha1(data, len, digest);
	for (unsigned i = 0; i < SHA1_LEN; i++) {
		snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
	}
}

static void test_known_answers(void **state)
{
	static const struct {
		const char *text;
		const char *digest;
	} rows[] = {
		{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
		{ "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
		  "b37a4f2cc0624f1690f64606cf385945b2bec4ea" },
	};
	char out[2 * SHA1_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hex(rows[i].text, strlen(rows[i].text), out);
		assert_string_equal(out, rows[i].digest);
	}
}

/* The digest of the digests of 0 to 199 letters, from another implementation. */
static void test_lengths(void **state)
{
	char letters[200];
	char all[200 * 2 * SHA1_LEN + 1];
	char out[2 * SHA1_LEN + 1];

	(void)state;
	memset(letters, 'a', sizeof(letters));
	for (size_t len = 0; len < sizeof(letters); len++) {
		hex(letters, len, all + len * 2 * SHA1_LEN);
	}
	hex(all, sizeof(all) - 1, out);
	assert_string_equal(out, "cb062fe66512892ec8c722ee74ff9ac151cc4b61");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
