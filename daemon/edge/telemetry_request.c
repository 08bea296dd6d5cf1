/* SPDX-License-Identifier: Apache-2.0 */
/* Validation of subscriptions. */
#include "edge/telemetry_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "io/json.h"

struct reading {
	enum telemetry_api_kind api;
	struct telemetry_want *want;
	char *why;
	size_t why_size;
	unsigned faults;
};

static void complain(struct reading *r, const char *fmt, ...) PRINTF(2, 3);

static void complain(struct reading *r, const char *fmt, ...)
{
	size_t at = strlen(r->why);
	va_list args;

	if (r->faults++ > 0 && at + 2 < r->why_size) {
		strcpy(r->why + at, "; ");
		at += 2;
	}
	va_start(args, fmt);
	vsnprintf(r->why + at, r->why_size - at, fmt, args);
	va_end(args);
}

static bool absent(const struct json *value)
{
	return value == NULL || json_kind_of(value) == JSON_KIND_NULL;
}

/* The string of a member; NULL with a complaint if it is there and is none. */
static const char *string_member(struct reading *r, const struct json *object, const char *name)
{
	const struct json *value = json_member(object, name);
	const char *text;
	size_t len;

	if (absent(value)) {
		return NULL;
	}
	text = json_string_of(value, &len);
	if (text == NULL || strlen(text) != len) {
		complain(r, "%s should be a string", name);
		return NULL;
	}
	return text;
}

static void read_schema(struct reading *r, const struct json *root)
{
	static const struct {
		const char *version;
		enum telemetry_api_kind api;
		enum telemetry_form form;
	} known[] = {
		{ "2020-08-15", API_LOGS, FORM_LOGS_2020 },
		{ "2021-03-18", API_LOGS, FORM_LOGS_2021 },
		{ "2022-07-01", API_TELEMETRY, FORM_TELEMETRY_TEXT },
		{ "2022-12-13", API_TELEMETRY, FORM_TELEMETRY_JSON },
		{ "2025-01-29", API_TELEMETRY, FORM_TELEMETRY_JSON },
	};
	unsigned before = r->faults;
	const char *version = string_member(r, root, "schemaVersion");

	if (version == NULL && r->api == API_LOGS) {
		version = "2020-08-15";
	}
	if (version == NULL) {
		if (r->faults == before) {
			complain(r, "schemaVersion is required");
		}
		return;
	}
	for (size_t i = 0; i < countof(known); i++) {
		if (known[i].api == r->api && strcmp(known[i].version, version) == 0) {
			r->want->form = known[i].form;
			r->want->newest = i == countof(known) - 1;
			return;
		}
	}
	complain(r, "schemaVersion %.40s is not supported, should be one of %s", version,
		 r->api == API_LOGS ? "2020-08-15, 2021-03-18" : "2022-07-01, 2022-12-13, 2025-01-29");
}

static void read_type(struct reading *r, const struct json *value)
{
	static const char *const names[] = { "platform", "function", "extension" };
	const char *name = json_string_of(value, NULL);

	for (unsigned i = 0; name != NULL && i < countof(names); i++) {
		if (strcmp(name, names[i]) != 0) {
			continue;
		}
		if ((r->want->types & 1u << i) != 0) {
			complain(r, "types should be unique");
		}
		r->want->types |= 1u << i;
		return;
	}
	complain(r, "types should be of platform, function, extension, not %.40s",
		 name != NULL ? name : "something that is not a string");
}

static void read_types(struct reading *r, const struct json *root)
{
	const struct json *types = json_member(root, "types");

	if (!absent(types) && json_kind_of(types) != JSON_KIND_ARRAY) {
		complain(r, "types should be an array");
		return;
	}
	if (json_count(types) == 0) {
		complain(r, "types should not be empty");
	}
	/* More than there are cannot all be good; the first few complaints will do. */
	for (size_t i = 0; i < json_count(types) && i < 8; i++) {
		read_type(r, json_item(types, i));
	}
}

static uint64_t number_member(struct reading *r, const struct json *object, const char *name, uint64_t fallback,
			      uint64_t min, uint64_t max)
{
	const struct json *value = json_member(object, name);
	int64_t number;

	if (absent(value)) {
		return fallback;
	}
	if (!json_integer_of(value, &number) || number < (int64_t)min || number > (int64_t)max) {
		complain(r, "%s should be between %llu and %llu", name, (unsigned long long)min,
			 (unsigned long long)max);
		return fallback;
	}
	return (uint64_t)number;
}

static void read_buffering(struct reading *r, const struct json *root)
{
	const struct json *buffering = json_member(root, "buffering");

	if (!absent(buffering) && json_kind_of(buffering) != JSON_KIND_OBJECT) {
		complain(r, "buffering should be an object");
	}
	r->want->max_items = number_member(r, buffering, "maxItems", TELEMETRY_MAX_ITEMS_DEFAULT,
					   TELEMETRY_MAX_ITEMS_MIN, TELEMETRY_MAX_ITEMS_MAX);
	r->want->max_bytes = number_member(r, buffering, "maxBytes", TELEMETRY_MAX_BYTES_DEFAULT,
					   TELEMETRY_MAX_BYTES_MIN, TELEMETRY_MAX_BYTES_MAX);
	r->want->timeout_ms = number_member(r, buffering, "timeoutMs", TELEMETRY_TIMEOUT_MS_DEFAULT,
					    TELEMETRY_TIMEOUT_MS_MIN, TELEMETRY_TIMEOUT_MS_MAX);
}

static void set_port(struct reading *r, const char *what, uint64_t port)
{
	if (port == TELEMETRY_RESERVED_PORT) {
		complain(r, "%s %d is reserved", what, TELEMETRY_RESERVED_PORT);
	}
	r->want->port = (uint16_t)port;
}

/* ":port" and what follows. */
static void read_uri_port(struct reading *r, const char *at)
{
	size_t digits = strspn(at + (*at == ':'), "0123456789");
	char text[8];
	uint64_t port;

	if (*at != ':' || digits == 0) {
		complain(r, "URI port is not provided");
		return;
	}
	snprintf(text, sizeof(text), "%.*s", (int)(digits < 7 ? digits : 7), at + 1);
	if (!text_to_u64(text, 1, 65535, &port)) {
		complain(r, "URI port should be between 1 and 65535");
		return;
	}
	set_port(r, "URI port", port);
}

static bool path_is_plain(const char *path)
{
	for (const unsigned char *c = (const unsigned char *)path; *c != '\0'; c++) {
		if (*c <= ' ' || *c >= 127 || *c == '#' || *c == '"' || *c == '<' || *c == '>' || *c == '\\') {
			return false;
		}
	}
	return true;
}

static void read_uri_path(struct reading *r, const char *path)
{
	bool bare = *path != '/';

	if (strlen(path) + bare >= sizeof(r->want->path)) {
		complain(r, "URI path is too long");
	} else if (!path_is_plain(path)) {
		complain(r, "URI is not valid");
	} else {
		r->want->path[0] = '/';
		strcpy(r->want->path + bare, path);
	}
}

static void read_uri(struct reading *r, const char *uri)
{
	static const char scheme[] = "http://";
	const char *host = uri + sizeof(scheme) - 1;
	size_t host_len;
	const char *rest;

	if (strncasecmp(uri, scheme, sizeof(scheme) - 1) != 0) {
		complain(r, "URI scheme should be http");
		return;
	}
	host_len = strcspn(host, ":/?#");
	if (!(host_len == 19 && strncasecmp(host, "sandbox.localdomain", 19) == 0) &&
	    !(host_len == 7 && strncasecmp(host, "sandbox", 7) == 0)) {
		complain(r, "URI host should be sandbox.localdomain");
	}
	rest = host + host_len;
	read_uri_port(r, rest);
	if (*rest == ':') {
		rest += 1 + strspn(rest + 1, "0123456789");
	}
	if (*rest != '\0' && *rest != '/' && *rest != '?') {
		complain(r, "URI is not valid");
		return;
	}
	read_uri_path(r, rest);
}

static void read_http(struct reading *r, const struct json *destination)
{
	unsigned before = r->faults;
	const char *uri = string_member(r, destination, "URI");
	const char *method = string_member(r, destination, "method");
	const char *encoding = string_member(r, destination, "encoding");

	if (uri != NULL) {
		read_uri(r, uri);
	} else if (r->faults == before) {
		complain(r, "URI is required for protocol HTTP");
	}
	if (method != NULL && strcmp(method, "POST") != 0) {
		r->want->put = r->api == API_LOGS && strcmp(method, "PUT") == 0;
		if (!r->want->put) {
			complain(r, "method should be %s", r->api == API_LOGS ? "POST or PUT" : "POST");
		}
	}
	if (encoding != NULL && strcmp(encoding, "JSON") != 0) {
		complain(r, "encoding should be JSON");
	}
}

static void read_tcp(struct reading *r, const struct json *destination)
{
	const struct json *value = json_member(destination, "port");
	int64_t port;

	r->want->tcp = true;
	if (absent(value)) {
		complain(r, "port is required for protocol TCP");
	} else if (!json_integer_of(value, &port) || port < 1 || port > 65535) {
		complain(r, "port should be between 1 and 65535");
	} else {
		set_port(r, "port", (uint64_t)port);
	}
}

static void read_destination(struct reading *r, const struct json *root)
{
	const struct json *destination = json_member(root, "destination");
	unsigned before = r->faults;
	const char *protocol;

	if (absent(destination)) {
		complain(r, "destination is required");
		return;
	}
	if (json_kind_of(destination) != JSON_KIND_OBJECT) {
		complain(r, "destination should be an object");
		return;
	}
	protocol = string_member(r, destination, "protocol");
	if (protocol == NULL) {
		if (r->faults == before) {
			complain(r, "protocol is required");
		}
	} else if (strcmp(protocol, "HTTP") == 0) {
		read_http(r, destination);
	} else if (strcmp(protocol, "TCP") == 0) {
		read_tcp(r, destination);
	} else {
		complain(r, "protocol should be HTTP or TCP");
	}
}

int telemetry_request_read(enum telemetry_api_kind api, const char *body, size_t len, struct telemetry_want *out,
			   char *why, size_t why_size)
{
	struct reading r = { .api = api, .want = out, .why = why, .why_size = why_size };
	struct json *root = json_doc_read(body, len);

	memset(out, 0, sizeof(*out));
	*why = '\0';
	if (root == NULL || json_kind_of(root) != JSON_KIND_OBJECT) {
		complain(&r, root == NULL ? "the body is not JSON" : "the body should be a JSON object");
		json_doc_free(root);
		return -1;
	}
	read_schema(&r, root);
	read_destination(&r, root);
	read_types(&r, root);
	read_buffering(&r, root);
	json_doc_free(root);
	return r.faults == 0 ? 0 : -1;
}
