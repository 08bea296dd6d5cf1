/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the function URL's variables. */
#include "edge/url_settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/text.h"

enum kind { TEXT, PORT, PAYLOAD, MODE, BOOL, AGE };

struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *fallback; /* parsed like a value */
	const char *help;
};

#define AT(member) offsetof(struct url_settings, member)

static const struct row table[] = {
	{ "FUNCTION_URL_PORT", PORT, AT(port), NULL,
	  "port of the function URL, where any HTTP request invokes the function; 0 = any free one; default: none" },
	{ "FUNCTION_URL_HOST", TEXT, AT(host), NULL, "address of the function URL; default: INVOKE_API_HOST" },
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

static bool parse_word(const char *value, const char *yes, const char *no, bool *out)
{
	*out = strcasecmp(value, yes) == 0;
	return *out || strcasecmp(value, no) == 0;
}

static bool parse(struct url_settings *s, const struct row *r, const char *value)
{
	void *slot = (char *)s + r->offset;

	switch (r->kind) {
	case TEXT:
		memcpy(slot, &value, sizeof(value));
		return true;
	case PORT:
		s->on = true;
		return text_to_u64(value, 0, 65535, slot);
	case PAYLOAD:
		return url_payload_parse(value, slot);
	case MODE:
		return parse_word(value, "RESPONSE_STREAM", "BUFFERED", slot);
	case BOOL:
		return parse_word(value, "TRUE", "FALSE", slot) || parse_word(value, "1", "0", slot);
	case AGE:
		return text_to_u64(value, 0, 86400, slot);
	}
	return false;
}

static const char *allowed(enum kind kind)
{
	switch (kind) {
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

int url_settings_load(struct url_settings *s, struct err *err)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < countof(table); i++) {
		const struct row *r = &table[i];
		const char *value = getenv(r->name);

		if (value == NULL || *value == '\0') {
			value = r->fallback;
		}
		if (value != NULL && !parse(s, r, value)) {
			return err_set(err, 2, "%s=%.200s: not allowed; expected %s", r->name, value,
				       allowed(r->kind));
		}
	}
	return 0;
}

void url_settings_print_help(FILE *out)
{
	for (size_t i = 0; i < countof(table); i++) {
		const struct row *r = &table[i];

		fprintf(out, "  %s\n      %s%s%s%s\n", r->name, r->help, r->fallback != NULL ? " (default " : "",
			r->fallback != NULL ? r->fallback : "", r->fallback != NULL ? ")" : "");
	}
}
