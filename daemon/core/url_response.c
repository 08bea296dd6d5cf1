/* SPDX-License-Identifier: Apache-2.0 */
/* Results of functions as HTTP responses. */
#include "core/url_response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/text.h"

static const unsigned prelude_nuls = 8;
static const size_t prelude_max = 64 * 1024;

/* The members that mean something. */
enum member { STATUS, DESCRIPTION, HEADERS, MULTI_HEADERS, COOKIES, BODY, BASE64, MEMBER_COUNT };

static const char *const member_names[MEMBER_COUNT] = {
	[STATUS] = "statusCode",      [DESCRIPTION] = "statusDescription",
	[HEADERS] = "headers",	      [MULTI_HEADERS] = "multiValueHeaders",
	[COOKIES] = "cookies",	      [BODY] = "body",
	[BASE64] = "isBase64Encoded",
};

struct members {
	struct json_slice of[MEMBER_COUNT];
	struct json_slice stranger; /* the key of a member that is none of them */
};

static void sort_member(void *ctx, struct json_slice key, struct json_slice value)
{
	struct members *m = ctx;

	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		if (key.len == strlen(member_names[i]) + 2 &&
		    memcmp(key.ptr + 1, member_names[i], key.len - 2) == 0) {
			m->of[i] = value;
			return;
		}
	}
	m->stranger = key;
}

static bool is_given(struct json_slice value)
{
	return value.ptr != NULL && !json_slice_is(value, 'n');
}

/* --- status --- */

static int read_status(struct json_slice value, int *status, struct err *err)
{
	struct buf text = BUF_INIT;
	uint64_t n = 0;
	bool ok = json_slice_u64(value, &n);

	if (!ok && json_slice_string(value, &text) && text.data != NULL) {
		ok = text_to_u64(text.data, 0, 999, &n);
	}
	buf_fini(&text);
	if (!ok || n < 200 || n > 599) {
		return err_set(err, 1, "statusCode %.*s: expected a whole number from 200 to 599",
			       value.len > 40 ? 40 : (int)value.len, value.ptr);
	}
	*status = (int)n;
	return 0;
}

/* --- headers --- */

struct reading {
	struct url_response *out;
	struct err *err;
	const char *name; /* of the header whose values are being read */
	size_t bytes;
	bool failed;
};

/* Of the connection and not of the message, or made by the server. */
static bool is_servers_own(const char *name)
{
	static const char *const names[] = { "Connection", "Content-Length",   "Date",
					     "Keep-Alive", "Proxy-Connection", "TE",
					     "Trailer",	   "Upgrade",	       "Transfer-Encoding" };

	for (size_t i = 0; i < countof(names); i++) {
		if (strcasecmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void fail(struct reading *r, const char *what, const char *expected)
{
	r->failed = true;
	err_set(r->err, 1, "%s %.64s: expected %s", what, r->name != NULL ? r->name : "", expected);
}

static void add_header(struct reading *r, const char *value)
{
	if (r->failed || is_servers_own(r->name)) {
		return;
	}
	r->bytes += strlen(r->name) + strlen(value) + 4;
	if (r->bytes > URL_HEADERS_MAX) {
		r->failed = true;
		err_set(r->err, 1, "headers: more than %zu bytes", URL_HEADERS_MAX);
		return;
	}
	url_fields_add(&r->out->headers, r->name, value);
}

/* Numbers and truth values count as their text. */
static void on_value(void *ctx, struct json_slice value)
{
	struct reading *r = ctx;
	struct buf text = BUF_INIT;

	if (json_slice_is(value, '{') || json_slice_is(value, '[')) {
		fail(r, "header", "a string");
	} else if (!json_slice_is(value, '"')) {
		buf_append(&text, value.ptr, value.len);
	} else if (!json_slice_string(value, &text)) {
		fail(r, "header", "a string without NUL");
	}
	if (!json_slice_is(value, 'n')) {
		add_header(r, text.data != NULL ? text.data : "");
	}
	buf_fini(&text);
}

static void read_named(struct reading *r, struct json_slice key, struct json_slice value, bool listed)
{
	struct buf name = BUF_INIT;

	if (r->failed) {
		return;
	}
	if (!json_slice_string(key, &name) || name.data == NULL || !text_is_token(name.data)) {
		fail(r, "headers:", "names of letters, digits and -_ only");
		buf_fini(&name);
		return;
	}
	r->name = name.data;
	if (!listed) {
		on_value(r, value);
	} else if (json_slice_is(value, '[')) {
		url_fields_remove(&r->out->headers, r->name);
		json_scan_items(value, on_value, r);
	} else if (is_given(value)) {
		fail(r, "multiValueHeaders:", "a list of strings");
	}
	r->name = NULL;
	buf_fini(&name);
}

static void on_header(void *ctx, struct json_slice key, struct json_slice value)
{
	read_named(ctx, key, value, false);
}

static void on_multi_header(void *ctx, struct json_slice key, struct json_slice value)
{
	read_named(ctx, key, value, true);
}

/* type: default content type; NULL = none. */
static int read_headers(const struct members *m, bool multi, bool cookies, const char *type, struct url_response *out,
			struct err *err)
{
	struct reading r = { .out = out, .err = err };

	if (is_given(m->of[HEADERS]) && !json_slice_is(m->of[HEADERS], '{')) {
		return err_set(err, 1, "headers: expected an object");
	}
	json_scan_members(m->of[HEADERS], on_header, &r);
	if (multi && is_given(m->of[MULTI_HEADERS]) && !json_slice_is(m->of[MULTI_HEADERS], '{')) {
		return err_set(err, 1, "multiValueHeaders: expected an object of lists");
	}
	if (multi) {
		json_scan_members(m->of[MULTI_HEADERS], on_multi_header, &r);
	}
	if (cookies && is_given(m->of[COOKIES])) {
		if (!json_slice_is(m->of[COOKIES], '[')) {
			return err_set(err, 1, "cookies: expected a list of strings");
		}
		r.name = "Set-Cookie";
		json_scan_items(m->of[COOKIES], on_value, &r);
	}
	if (!r.failed && type != NULL && url_fields_get(&out->headers, "Content-Type") == NULL) {
		url_fields_add(&out->headers, "Content-Type", type);
	}
	return r.failed ? -1 : 0;
}

/* --- body --- */

static int read_body(const struct members *m, bool strict, struct url_response *out, struct err *err)
{
	struct json_slice value = m->of[BODY];
	struct buf text = BUF_INIT;
	struct buf bytes = BUF_INIT;

	if (!is_given(value)) {
		return 0;
	}
	if (!json_slice_is(value, '"')) {
		if (strict) {
			return err_set(err, 1, "body: expected a string");
		}
		out->body = blob_copy(value.ptr, value.len);
		return 0;
	}
	(void)!json_slice_bytes(value, &text);
	if (!json_slice_is(m->of[BASE64], 't')) {
		out->body = buf_to_blob(&text);
		return 0;
	}
	if (text.len > 0 && !text_unbase64(&bytes, text.data, text.len)) {
		buf_fini(&text);
		buf_fini(&bytes);
		return err_set(err, 1, "body: isBase64Encoded is true, but it is not base64");
	}
	buf_fini(&text);
	out->body = buf_to_blob(&bytes);
	return 0;
}

/* --- the whole --- */

static void begin(struct url_response *out)
{
	out->status = 200;
	url_fields_init(&out->headers, true);
	out->body = NULL;
}

/* A result that does not say what it is: is the body. Strings without their quotes. */
static int read_plain(struct json_slice root, struct blob *result, struct url_response *out)
{
	url_fields_add(&out->headers, "Content-Type", "application/json");
	if (json_slice_is(root, '"')) {
		struct buf text = BUF_INIT;

		(void)!json_slice_bytes(root, &text);
		out->body = buf_to_blob(&text);
	} else {
		out->body = blob_ref(result);
	}
	return 0;
}

static int read_2_0(struct json_slice root, const struct members *m, struct blob *result, struct url_response *out,
		    struct err *err)
{
	if (!is_given(m->of[STATUS])) {
		return read_plain(root, result, out);
	}
	if (read_status(m->of[STATUS], &out->status, err) != 0 ||
	    read_headers(m, false, true, "application/json", out, err) != 0) {
		return -1;
	}
	return read_body(m, false, out, err);
}

/* REST APIs and load balancers want the form, to the letter. */
static int read_strict(bool alb, struct json_slice root, const struct members *m, struct url_response *out,
		       struct err *err)
{
	if (!json_slice_is(root, '{')) {
		return err_set(err, 1, "expected an object with statusCode");
	}
	if (!alb && m->stranger.ptr != NULL) {
		return err_set(err, 1,
			       "member %.*s: expected statusCode, headers, multiValueHeaders, body and "
			       "isBase64Encoded only",
			       m->stranger.len > 64 ? 64 : (int)m->stranger.len, m->stranger.ptr);
	}
	if (alb && !is_given(m->of[STATUS])) {
		return err_set(err, 1, "statusCode is missing");
	}
	if (is_given(m->of[STATUS]) && read_status(m->of[STATUS], &out->status, err) != 0) {
		return -1;
	}
	if (read_headers(m, true, false, alb ? NULL : "application/json", out, err) != 0) {
		return -1;
	}
	return read_body(m, true, out, err);
}

int url_response_read(enum url_payload payload, struct blob *result, struct url_response *out, struct err *err)
{
	struct members m = { .stranger = { NULL, 0 } };
	struct json_slice root;

	begin(out);
	if (!json_scan_text(result->data, result->len, &root)) {
		return err_set(err, 1, "expected JSON");
	}
	json_scan_members(root, sort_member, &m);
	if (payload == URL_PAYLOAD_2_0) {
		return read_2_0(root, &m, result, out, err);
	}
	return read_strict(payload != URL_PAYLOAD_1_0, root, &m, out, err);
}

int url_response_read_prelude(const char *json, size_t len, const char *type, struct url_response *out,
			      struct err *err)
{
	struct members m = { .stranger = { NULL, 0 } };
	struct json_slice root;

	begin(out);
	if (!json_scan_text(json, len, &root) || !json_slice_is(root, '{')) {
		return err_set(err, 1, "expected a JSON object in front of the eight NULs");
	}
	json_scan_members(root, sort_member, &m);
	if (is_given(m.of[STATUS]) && read_status(m.of[STATUS], &out->status, err) != 0) {
		return -1;
	}
	return read_headers(&m, true, true, type, out, err);
}

void url_response_fini(struct url_response *r)
{
	url_fields_fini(&r->headers);
	blob_unref(r->body);
	r->body = NULL;
}

/* --- preludes --- */

void url_prelude_init(struct url_prelude *p)
{
	buf_init(&p->json, prelude_max);
	p->nuls = 0;
}

void url_prelude_fini(struct url_prelude *p)
{
	buf_fini(&p->json);
}

/* No NUL can stand in JSON, so the first one ends it. */
enum url_prelude_state url_prelude_feed(struct url_prelude *p, const char *data, size_t len, size_t *used)
{
	*used = 0;
	if (p->nuls == 0 && len > 0) {
		const char *nul = memchr(data, '\0', len);

		*used = nul != NULL ? (size_t)(nul - data) : len;
		if (!buf_append(&p->json, data, *used)) {
			return URL_PRELUDE_BAD;
		}
	}
	while (*used < len && p->nuls < prelude_nuls) {
		if (data[*used] != '\0') {
			return URL_PRELUDE_BAD;
		}
		(*used)++;
		p->nuls++;
	}
	return p->nuls == prelude_nuls ? URL_PRELUDE_DONE : URL_PRELUDE_MORE;
}
