/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests as events. The members stand in the order of AWS's examples. */
#include "core/url_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/function_name.h"
#include "core/url_fields.h"

static const char *const payload_names[URL_PAYLOAD_COUNT] = {
	[URL_PAYLOAD_2_0] = "2.0",
	[URL_PAYLOAD_1_0] = "1.0",
	[URL_PAYLOAD_ALB] = "alb",
	[URL_PAYLOAD_ALB_MULTI] = "alb-multi",
};

const char *url_payload_name(enum url_payload payload)
{
	return payload_names[payload];
}

bool url_payload_parse(const char *text, enum url_payload *out)
{
	for (unsigned i = 0; i < URL_PAYLOAD_COUNT; i++) {
		if (strcmp(text, payload_names[i]) == 0) {
			*out = (enum url_payload)i;
			return true;
		}
	}
	return false;
}

const char *url_request_header(const struct url_request *req, const char *name)
{
	for (size_t i = 0; i < req->header_count; i++) {
		if (strcasecmp(req->headers[i].name, name) == 0) {
			return req->headers[i].value;
		}
	}
	return NULL;
}

/* --- writing --- */

static void put_text(struct buf *out, const char *s)
{
	if (s != NULL) {
		text_json_string(out, s, strlen(s));
	} else {
		buf_puts(out, "null");
	}
}

/* ,"name":"value" */
static void put_member(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, ",\"%s\":", name);
	put_text(out, value);
}

/* --- headers --- */

/* Between the two ends of one connection, and no business of the function's (RFC 9110, section 7.6.1). */
static bool is_hop_by_hop(const char *name)
{
	static const char *const names[] = { "Connection", "Keep-Alive", "Proxy-Connection", "TE",
					     "Trailer",	   "Upgrade",	 "Transfer-Encoding" };

	for (size_t i = 0; i < countof(names); i++) {
		if (strcasecmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void lower(char *s)
{
	for (; *s != '\0'; s++) {
		if (*s >= 'A' && *s <= 'Z') {
			*s = (char)(*s - 'A' + 'a');
		}
	}
}

/* Several lines of a header mean one list. */
static void add_forwarded_for(const struct url_request *req, struct url_fields *f)
{
	struct buf all = BUF_INIT;

	for (size_t i = 0; i < f->count; i++) {
		if (strcasecmp(f->items[i].name, "X-Forwarded-For") == 0 && f->items[i].value[0] != '\0') {
			buf_printf(&all, "%s, ", f->items[i].value);
		}
	}
	buf_puts(&all, req->source_ip);
	url_fields_remove(f, "X-Forwarded-For");
	url_fields_add(f, "X-Forwarded-For", all.data);
	buf_fini(&all);
}

/* A proxy in front, which ends TLS, knows better what the caller asked for. */
static void add_forwarded(const struct url_request *req, struct url_fields *f)
{
	char port[16];

	add_forwarded_for(req, f);
	if (url_fields_get(f, "X-Forwarded-Proto") == NULL) {
		url_fields_add(f, "X-Forwarded-Proto", "http");
	}
	if (url_fields_get(f, "X-Forwarded-Port") == NULL) {
		snprintf(port, sizeof(port), "%u", req->port);
		url_fields_add(f, "X-Forwarded-Port", port);
	}
	url_fields_remove(f, "X-Amzn-Trace-Id");
	url_fields_add(f, "X-Amzn-Trace-Id", req->trace_id);
}

static void collect_headers(enum url_payload payload, const struct url_request *req, struct url_fields *f)
{
	url_fields_init(f, true);
	for (size_t i = 0; i < req->header_count; i++) {
		if (!is_hop_by_hop(req->headers[i].name)) {
			url_fields_add(f, req->headers[i].name, req->headers[i].value);
		}
	}
	add_forwarded(req, f);
	for (size_t i = 0; payload != URL_PAYLOAD_1_0 && i < f->count; i++) {
		lower(f->items[i].name);
	}
}

/* --- body --- */

static bool text_type(const char *type, size_t len)
{
	static const char *const types[] = { "application/json", "application/javascript", "application/xml" };

	for (size_t i = 0; i < countof(types); i++) {
		if (strlen(types[i]) == len && strncasecmp(type, types[i], len) == 0) {
			return true;
		}
	}
	return strncasecmp(type, "text/", 5) == 0 || (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0) ||
	       (len > 4 && strncasecmp(type + len - 4, "+xml", 4) == 0);
}

/* Forms are not, which surprises on AWS, too. A REST API takes all for text; what is not UTF-8 it would spoil. */
static bool body_is_text(enum url_payload payload, const struct url_request *req)
{
	const char *coding = url_request_header(req, "Content-Encoding");
	const char *type = url_request_header(req, "Content-Type");
	size_t len = type != NULL ? strcspn(type, "; \t") : 0;

	if (payload != URL_PAYLOAD_1_0 &&
	    ((coding != NULL && strcasecmp(coding, "identity") != 0) || type == NULL || !text_type(type, len))) {
		return false;
	}
	return text_is_utf8(req->body, req->body_len);
}

static void put_body(enum url_payload payload, const struct url_request *req, struct buf *out)
{
	bool text = req->body_len == 0 || body_is_text(payload, req);

	if (req->body_len == 0) {
		buf_puts(out, payload == URL_PAYLOAD_2_0   ? ""
			      : payload == URL_PAYLOAD_1_0 ? ",\"body\":null"
							   : ",\"body\":\"\"");
	} else {
		buf_puts(out, ",\"body\":");
		if (text) {
			text_json_string(out, req->body, req->body_len);
		} else {
			buf_putc(out, '"');
			text_base64(out, req->body, req->body_len);
			buf_putc(out, '"');
		}
	}
	buf_printf(out, ",\"isBase64Encoded\":%s}", text ? "false" : "true");
}

/* --- what the formats have in common --- */

/* "12/Mar/2020:19:03:58 +0000" */
static void put_time(struct buf *out, const char *name, int64_t now_ms)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	buf_printf(out, ",\"%s\":\"%02d/%s/%d:%02d:%02d:%02d +0000\",\"%sEpoch\":%lld", name, tm.tm_mday,
		   months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec, name, (long long)now_ms);
}

/* A host is its own API here: the name by which it was called, without the port. */
static char *domain_of(const struct url_request *req)
{
	const char *host = url_request_header(req, "Host");
	size_t len;

	if (host == NULL || *host == '\0') {
		return xstrdup("localhost");
	}
	len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	return xstrndup(host, len < strlen(host) ? len : strlen(host));
}

static void put_domain(const struct url_request *req, struct buf *out)
{
	char *domain = domain_of(req);
	char *prefix = xstrndup(domain, *domain == '[' ? strlen(domain) : strcspn(domain, "."));

	put_member(out, "apiId", prefix);
	put_member(out, "domainName", domain);
	put_member(out, "domainPrefix", prefix);
	free(prefix);
	free(domain);
}

/* --- payload format 2.0 --- */

static void put_cookie(struct buf *out, const char *cookie, size_t len)
{
	if (len > 0) {
		buf_puts(out, out->data[out->len - 1] == '[' ? "" : ",");
		text_json_string(out, cookie, len);
	}
}

/* Takes them out of the headers. */
static void put_cookies(struct url_fields *headers, struct buf *out)
{
	if (url_fields_get(headers, "cookie") == NULL) {
		return;
	}
	buf_puts(out, ",\"cookies\":[");
	for (size_t i = 0; i < headers->count; i++) {
		const char *at = headers->items[i].value;

		while (strcmp(headers->items[i].name, "cookie") == 0 && *at != '\0') {
			size_t len = strcspn(at, ";");

			put_cookie(out, at, len);
			at += len;
			at += strspn(at, "; \t");
		}
	}
	buf_putc(out, ']');
	url_fields_remove(headers, "cookie");
}

static void put_http(const struct url_request *req, struct buf *out)
{
	const char *agent = url_request_header(req, "User-Agent");

	buf_puts(out, ",\"http\":{\"method\":");
	put_text(out, req->method);
	put_member(out, "path", req->path);
	put_member(out, "protocol", "HTTP/1.1");
	put_member(out, "sourceIp", req->source_ip);
	put_member(out, "userAgent", agent != NULL ? agent : "");
	buf_putc(out, '}');
}

static void write_2_0(const struct url_request *req, struct url_fields *headers, struct buf *out)
{
	struct url_fields query;

	buf_puts(out, "{\"version\":\"2.0\",\"routeKey\":\"$default\"");
	put_member(out, "rawPath", req->path);
	put_member(out, "rawQueryString", req->query);
	put_cookies(headers, out);
	buf_puts(out, ",\"headers\":");
	url_fields_write(headers, URL_REPEATS_JOINED, out);
	url_fields_init(&query, false);
	url_fields_add_query(&query, req->query, true);
	if (query.count > 0) {
		buf_puts(out, ",\"queryStringParameters\":");
		url_fields_write(&query, URL_REPEATS_JOINED, out);
	}
	url_fields_fini(&query);
	buf_puts(out, ",\"requestContext\":{\"accountId\":\"anonymous\"");
	put_domain(req, out);
	put_http(req, out);
	put_member(out, "requestId", req->request_id);
	buf_puts(out, ",\"routeKey\":\"$default\",\"stage\":\"$default\"");
	put_time(out, "time", req->now_ms);
	buf_putc(out, '}');
	put_body(URL_PAYLOAD_2_0, req, out);
}

/* --- payload format 1.0 --- */

static void put_query(const struct url_fields *query, const char *name, enum url_repeats repeats, bool null_if_none,
		      struct buf *out)
{
	buf_printf(out, ",\"%s\":", name);
	if (query->count == 0 && null_if_none) {
		buf_puts(out, "null");
	} else {
		url_fields_write(query, repeats, out);
	}
}

static void put_identity(const struct url_request *req, struct buf *out)
{
	static const char *const unknown[] = { "accountId",
					       "apiKey",
					       "caller",
					       "cognitoAuthenticationProvider",
					       "cognitoAuthenticationType",
					       "cognitoIdentityId",
					       "cognitoIdentityPoolId",
					       "principalOrgId",
					       "user",
					       "userArn" };

	buf_puts(out, ",\"identity\":{\"accessKey\":null");
	for (size_t i = 0; i < countof(unknown); i++) {
		put_member(out, unknown[i], NULL);
	}
	put_member(out, "sourceIp", req->source_ip);
	put_member(out, "userAgent", url_request_header(req, "User-Agent"));
	buf_putc(out, '}');
}

static void put_context_1_0(const struct url_request *req, const char *resource, struct buf *out)
{
	buf_puts(out, ",\"requestContext\":{\"accountId\":");
	put_text(out, req->account_id);
	put_domain(req, out);
	put_member(out, "extendedRequestId", req->request_id);
	put_member(out, "httpMethod", req->method);
	put_identity(req, out);
	put_member(out, "path", req->path);
	put_member(out, "protocol", "HTTP/1.1");
	put_member(out, "requestId", req->request_id);
	put_time(out, "requestTime", req->now_ms);
	put_member(out, "resourceId", NULL);
	put_member(out, "resourcePath", resource);
	buf_puts(out, ",\"stage\":\"$default\"}");
}

static void write_1_0(const struct url_request *req, const struct url_fields *headers, struct buf *out)
{
	bool root = strcmp(req->path, "/") == 0;
	const char *resource = root ? "/" : "/{proxy+}";
	struct url_fields query;

	buf_puts(out, "{\"version\":\"1.0\"");
	put_member(out, "resource", resource);
	put_member(out, "path", req->path);
	put_member(out, "httpMethod", req->method);
	buf_puts(out, ",\"headers\":");
	url_fields_write(headers, URL_REPEATS_LAST, out);
	buf_puts(out, ",\"multiValueHeaders\":");
	url_fields_write(headers, URL_REPEATS_LISTED, out);
	url_fields_init(&query, false);
	url_fields_add_query(&query, req->query, true);
	put_query(&query, "queryStringParameters", URL_REPEATS_LAST, true, out);
	put_query(&query, "multiValueQueryStringParameters", URL_REPEATS_LISTED, true, out);
	url_fields_fini(&query);
	put_context_1_0(req, resource, out);
	buf_puts(out, ",\"pathParameters\":");
	if (root) {
		buf_puts(out, "null");
	} else {
		buf_puts(out, "{\"proxy\":");
		put_text(out, req->path + (*req->path == '/'));
		buf_putc(out, '}');
	}
	buf_puts(out, ",\"stageVariables\":null");
	put_body(URL_PAYLOAD_1_0, req, out);
}

/* --- load balancers --- */

static void write_alb(bool multi, const struct url_request *req, const struct url_fields *headers, struct buf *out)
{
	char *group = xasprintf("arn:%s:elasticloadbalancing:%s:%s:targetgroup/%s/0123456789abcdef",
				function_partition(req->region), req->region, req->account_id, req->function);
	struct url_fields query;

	buf_puts(out, "{\"requestContext\":{\"elb\":{\"targetGroupArn\":");
	put_text(out, group);
	buf_puts(out, "}}");
	free(group);
	put_member(out, "httpMethod", req->method);
	put_member(out, "path", req->path);
	/* A load balancer hands the parameters on as they came. */
	url_fields_init(&query, false);
	url_fields_add_query(&query, req->query, false);
	put_query(&query, multi ? "multiValueQueryStringParameters" : "queryStringParameters",
		  multi ? URL_REPEATS_LISTED : URL_REPEATS_LAST, false, out);
	url_fields_fini(&query);
	buf_printf(out, ",\"%s\":", multi ? "multiValueHeaders" : "headers");
	url_fields_write(headers, multi ? URL_REPEATS_LISTED : URL_REPEATS_LAST, out);
	put_body(URL_PAYLOAD_ALB, req, out);
}

void url_event_write(enum url_payload payload, const struct url_request *req, struct buf *out)
{
	struct url_fields headers;

	collect_headers(payload, req, &headers);
	if (payload == URL_PAYLOAD_2_0) {
		write_2_0(req, &headers, out);
	} else if (payload == URL_PAYLOAD_1_0) {
		write_1_0(req, &headers, out);
	} else {
		write_alb(payload == URL_PAYLOAD_ALB_MULTI, req, &headers, out);
	}
	url_fields_fini(&headers);
}
