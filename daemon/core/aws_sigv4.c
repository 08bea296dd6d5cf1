/* SPDX-License-Identifier: Apache-2.0 */
/* Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
#include "core/aws_sigv4.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"

#define HEX_LEN (2 * SHA256_LEN + 1)

static void hash_hex(const void *data, size_t len, char hex[HEX_LEN])
{
	unsigned char digest[SHA256_LEN];

	digest_sha256(data, len, digest);
	digest_hex(digest, sizeof(digest), hex);
}

/* The path is encoded once more than on the wire, as for all services but S3. */
static void put_path(struct buf *out, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";

	if (*path != '/') {
		buf_putc(out, '/');
	}
	for (; *path != '\0'; path++) {
		if (strchr(plain, *path) != NULL) {
			buf_putc(out, *path);
		} else {
			buf_printf(out, "%%%02X", (unsigned char)*path);
		}
	}
}

/* The headers that are signed, in the order of their names; a NULL value: the request has no such header. */
static void put_headers(struct buf *out, const struct aws_sign_args *a, const char *date, bool names_only)
{
	const char *const headers[][2] = {
		{ "content-type", a->content_type },
		{ "host", a->host },
		{ "x-amz-client-context", a->client_context },
		{ "x-amz-date", date },
		{ "x-amz-log-type", a->log_type },
		{ "x-amz-security-token", a->token },
		{ "x-amz-target", a->target },
	};

	for (size_t i = 0; i < countof(headers); i++) {
		if (headers[i][1] == NULL) {
			continue;
		}
		if (names_only) {
			buf_puts(out, i > 0 ? ";" : "");
			buf_puts(out, headers[i][0]);
			continue;
		}
		/* Not by printf: nothing else keeps a copy of a token. */
		buf_puts(out, headers[i][0]);
		buf_putc(out, ':');
		buf_puts(out, headers[i][1]);
		buf_putc(out, '\n');
	}
}

static void canonical_hash(const struct aws_sign_args *a, const char *date, char hex[HEX_LEN])
{
	struct buf text = BUF_INIT;

	buf_puts(&text, "POST\n");
	put_path(&text, a->path);
	buf_puts(&text, "\n\n");
	put_headers(&text, a, date, false);
	buf_putc(&text, '\n');
	put_headers(&text, a, date, true);
	hash_hex(a->body, a->body_len, hex);
	buf_putc(&text, '\n');
	buf_puts(&text, hex);
	hash_hex(text.data, text.len, hex);
	explicit_bzero(text.data, text.cap);
	buf_fini(&text);
}

static void step(unsigned char key[SHA256_LEN], const char *text)
{
	digest_hmac_sha256(key, SHA256_LEN, text, strlen(text), key);
}

static void derive_key(const struct aws_sign_args *a, const char *day, unsigned char key[SHA256_LEN])
{
	struct buf first = BUF_INIT;

	buf_puts(&first, "AWS4");
	buf_puts(&first, a->secret);
	digest_hmac_sha256(first.data, first.len, day, strlen(day), key);
	explicit_bzero(first.data, first.cap);
	buf_fini(&first);
	step(key, a->region);
	step(key, a->service);
	step(key, "aws4_request");
}

void aws_sign(const struct aws_sign_args *a, char date[AWS_DATE_LEN], struct buf *authorization)
{
	struct buf text = BUF_INIT;
	unsigned char key[SHA256_LEN];
	char stamp[CLOCK_STAMP_LEN];
	char hex[HEX_LEN];
	char day[9];

	/* 2015-08-30T12:36:00.000Z -> 20150830T123600Z */
	clock_stamp(a->time_ms, stamp);
	snprintf(date, AWS_DATE_LEN, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", stamp, stamp + 5, stamp + 8, stamp + 11,
		 stamp + 14, stamp + 17);
	snprintf(day, sizeof(day), "%.8s", date);
	canonical_hash(a, date, hex);
	buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", date, day, a->region, a->service, hex);
	derive_key(a, day, key);
	digest_hmac_sha256(key, sizeof(key), text.data, text.len, key);
	digest_hex(key, sizeof(key), hex);
	explicit_bzero(key, sizeof(key));
	buf_fini(&text);
	buf_printf(authorization,
		   "AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=", a->access_key_id, day,
		   a->region, a->service);
	put_headers(authorization, a, date, true);
	buf_printf(authorization, ", Signature=%s", hex);
}
