/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the SSO token cache. */
#include "edge/aws_sso_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/aws_credentials.h"
#include "edge/aws_files.h"
#include "edge/aws_plan.h"
#include "io/json.h"

/* Named by the SHA-1 of the session's name or the start URL. */
static char *cache_path(const struct aws_settings *s, const struct aws_sso *sso)
{
	unsigned char sha1[SHA1_LEN];
	char hex[2 * SHA1_LEN + 1];
	char below[64];

	digest_sha1(sso->cache_key, strlen(sso->cache_key), sha1);
	digest_hex(sha1, sizeof(sha1), hex);
	snprintf(below, sizeof(below), ".aws/sso/cache/%s.json", hex);
	return aws_files_path(s, NULL, below);
}

static void wipe(struct buf *b)
{
	if (b->data != NULL) {
		explicit_bzero(b->data, b->cap);
	}
	buf_fini(b);
}

/* Takes the document if it is a token. */
static bool set_doc(struct aws_sso_token *t, struct json *doc)
{
	const char *token = json_member_string(doc, "accessToken");
	const char *expires = json_member_string(doc, "expiresAt");
	int64_t expires_ms;

	if (token == NULL || strpbrk(token, "\r\n") != NULL || expires == NULL ||
	    !aws_credentials_time(expires, &expires_ms)) {
		json_doc_wipe(doc);
		return false;
	}
	json_doc_wipe(t->doc);
	t->doc = doc;
	t->access_token = token;
	t->expires_ms = expires_ms;
	return true;
}

int aws_sso_cache_read(struct aws_sso_token *t, const struct aws_settings *s, const struct aws_sso *sso,
		       struct err *err)
{
	struct buf text = BUF_INIT;
	int r = 0;

	memset(t, 0, sizeof(*t));
	t->path = cache_path(s, sso);
	if (t->path == NULL || aws_files_read(t->path, &text, err) != 0) {
		r = err_set(err, 1, "nobody is signed in; run `aws sso login --profile %.100s`", sso->profile);
	} else if (!set_doc(t, json_doc_read(text.data, text.len))) {
		r = err_set(err, 1, "%.200s: no proper accessToken and expiresAt", t->path);
	}
	wipe(&text);
	return r;
}

void aws_sso_cache_fini(struct aws_sso_token *t)
{
	json_doc_wipe(t->doc);
	free(t->path);
	memset(t, 0, sizeof(*t));
}

bool aws_sso_cache_is_renewable(const struct aws_sso_token *t, int64_t now_ms)
{
	const char *registered = json_member_string(t->doc, "registrationExpiresAt");
	int64_t until_ms;

	return json_member_string(t->doc, "refreshToken") != NULL && json_member_string(t->doc, "clientId") != NULL &&
	       json_member_string(t->doc, "clientSecret") != NULL && registered != NULL &&
	       aws_credentials_time(registered, &until_ms) && until_ms > now_ms;
}

static void put_text(struct buf *json, const char *name, const char *value)
{
	buf_putc(json, json->len == 0 ? '{' : ',');
	text_json_string(json, name, strlen(name));
	buf_putc(json, ':');
	text_json_string(json, value, strlen(value));
}

struct blob *aws_sso_cache_request(const struct aws_sso_token *t)
{
	static const char *const names[] = { "clientId", "clientSecret", "refreshToken" };
	struct buf json = BUF_INIT;

	put_text(&json, "grantType", "refresh_token");
	for (size_t i = 0; i < countof(names); i++) {
		put_text(&json, names[i], json_member_string(t->doc, names[i]));
	}
	buf_putc(&json, '}');
	return buf_to_blob(&json);
}

/* Through a new file, so that nobody reads half of one; not longer readable than the old one was. */
static int write_file(const char *path, const struct buf *text)
{
	auto_free char *temporary = xasprintf("%s.%d", path, (int)getpid());
	auto_close int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		return -errno;
	}
	if (write(fd, text->data, text->len) != (ssize_t)text->len || rename(temporary, path) != 0) {
		int error = errno;

		unlink(temporary);
		return -error;
	}
	return 0;
}

struct rewriting {
	struct buf *json;
	const char *refresh_token;
};

static void copy_member(void *ctx, const char *name, const struct json *value)
{
	const struct rewriting *r = ctx;
	const char *text = json_string_of(value, NULL);

	if (strcmp(name, "refreshToken") == 0) {
		text = r->refresh_token;
	}
	if (text != NULL && strcmp(name, "accessToken") != 0 && strcmp(name, "expiresAt") != 0) {
		put_text(r->json, name, text);
	}
}

int aws_sso_cache_renew(struct aws_sso_token *t, const struct buf *answer, int64_t now_ms, struct err *err)
{
	struct json *reply = json_doc_read(answer->data, answer->len);
	struct buf json = BUF_INIT;
	struct rewriting r = { .json = &json, .refresh_token = json_member_string(reply, "refreshToken") };
	const char *token = json_member_string(reply, "accessToken");
	char stamp[CLOCK_STAMP_LEN];
	int64_t life_s;
	int w;

	if (token == NULL || !json_integer_of(json_member(reply, "expiresIn"), &life_s) || life_s <= 0 ||
	    life_s > 366 * 86400) {
		json_doc_wipe(reply);
		return err_set(err, 1, "the answer has no proper accessToken and expiresIn");
	}
	clock_stamp(now_ms + life_s * 1000, stamp);
	/* Whole seconds, as the AWS CLI writes them. */
	memcpy(stamp + strlen("2026-11-21T01:31:23"), "Z", 2);
	put_text(&json, "accessToken", token);
	put_text(&json, "expiresAt", stamp);
	json_each_member(t->doc, copy_member, &r);
	buf_putc(&json, '}');
	json_doc_wipe(reply);
	if (!set_doc(t, json_doc_read(json.data, json.len))) {
		wipe(&json);
		return err_set(err, 1, "the answer has a token that cannot be sent");
	}
	w = write_file(t->path, &json);
	if (w != 0) {
		log_warn("the renewed SSO token could not be kept: %.200s: %s", t->path, strerror(-w));
	}
	wipe(&json);
	return 0;
}
