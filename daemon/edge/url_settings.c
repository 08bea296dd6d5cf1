/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the function URL's variables. */
#include "edge/url_settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/text.h"
#include "edge/env_table.h"

enum kind { TEXT, HOST, PORT, PAYLOAD, MODE, BOOL, AGE };

#define AT(member) offsetof(struct url_settings, member)

static const struct env_row rows[] = {
	{ "FUNCTION_URL_PORT", PORT, AT(port), NULL,
	  "port of the function URL, where any HTTP request invokes the function; 0 = any free one; default: none" },
	{ "FUNCTION_URL_HOST", HOST, AT(host), NULL, "address of the function URL; default: INVOKE_API_HOST" },
	{ "FUNCTION_URL_PAYLOAD", PAYLOAD, AT(payload), "2.0",
	  "events as from a function URL or HTTP API: 2.0; a REST API: 1.0; a load balancer: alb, alb-multi" },
	{ "FUNCTION_URL_INVOKE_MODE", MODE, AT(streaming), "BUFFERED",
	  "BUFFERED, or RESPONSE_STREAM: the response goes to the client as it is made" },
	{ "FUNCTION_URL_CORS_ALLOW_ORIGINS", TEXT, AT(cors_origins), NULL,
	  "origins of web pages that may read responses, with commas, or *; default: CORS is the function's affair" },
	{ "FUNCTION_URL_CORS_ALLOW_METHODS", TEXT, AT(cors_methods), "*", "methods that those pages may use" },
	{ "FUNCTION_URL_CORS_ALLOW_HEADERS", TEXT, AT(cors_headers), NULL, "headers that they may send, or *" },
	{ "FUNCTION_URL_CORS_EXPOSE_HEADERS", TEXT, AT(cors_expose), NULL, "headers that they may read, or *" },
	{ "FUNCTION_URL_CORS_ALLOW_CREDENTIALS", BOOL, AT(cors_credentials), "FALSE",
	  "they may send cookies and authorization" },
	{ "FUNCTION_URL_CORS_MAX_AGE", AGE, AT(cors_max_age_s), NULL,
	  "seconds for which browsers may remember the answer to a preflight, up to 86400" },
};

static bool parse(void *settings, const struct env_row *row, const char *value)
{
	struct url_settings *s = settings;
	void *slot = (char *)s + row->offset;

	switch ((enum kind)row->kind) {
	case TEXT:
		memcpy(slot, &value, sizeof(value));
		return true;
	case HOST:
		memcpy(slot, &value, sizeof(value));
		return env_is_host(value);
	case PORT:
		s->on = true;
		return text_to_u64(value, 0, 65535, slot);
	case PAYLOAD:
		return url_payload_parse(value, slot);
	case MODE:
		s->streaming = strcasecmp(value, "RESPONSE_STREAM") == 0;
		return s->streaming || strcasecmp(value, "BUFFERED") == 0;
	case BOOL:
		return env_parse_bool(value, slot);
	case AGE:
		return text_to_u64(value, 0, 86400, slot);
	}
	return false;
}

static const char *expected(int kind)
{
	switch ((enum kind)kind) {
	case HOST:
		return ENV_HOST_EXPECTED;
	case PORT:
		return "a whole number from 0 to 65535";
	case PAYLOAD:
		return "2.0, 1.0, alb or alb-multi";
	case MODE:
		return "BUFFERED or RESPONSE_STREAM";
	case BOOL:
		return "TRUE or FALSE";
	case AGE:
		return "a whole number from 0 to 86400";
	case TEXT:
		break;
	}
	return "text";
}

static const struct env_table table = { rows, countof(rows), parse, expected };

int url_settings_load(struct url_settings *s, struct err *err)
{
	return env_table_load(&table, s, sizeof(*s), err);
}

void url_settings_print_help(FILE *out)
{
	env_table_print_help(&table, out);
}
