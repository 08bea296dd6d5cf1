/* SPDX-License-Identifier: Apache-2.0 */
/* The table of proxy-lambda's variables. */
#include "edge/proxy_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/bridge_rules.h"
#include "edge/env_table.h"

enum kind { TEXT, QUEUE, QUEUE_OR_NONE, NUMBER, LEVEL };

struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t min;
	uint64_t max;
	const char *fallback;
	const char *help; /* NULL: set by Lambda, nobody's to choose */
};

#define AT(member) offsetof(struct proxy_settings, member)

/* Of several rows for one member the first that is set counts. */
static const struct row table[] = {
	{ "AWS_LAMBDA_RUNTIME_API", TEXT, AT(runtime_api), 0, 0, NULL, NULL },
	{ "PROXY_LAMBDA_REQ_QUEUE_URL", QUEUE, AT(requests), 0, 0, NULL,
	  "URL of the request queue; default, or auto: proxy_lambda_req in the function's account and region" },
	{ "LAMBDA_PROXY_REQ_QUEUE_URL", QUEUE, AT(requests), 0, 0, NULL, "the same" },
	{ "PROXY_LAMBDA_RESP_QUEUE_URL", QUEUE_OR_NONE, AT(responses), 0, 0, NULL,
	  "URL of the response queue, empty: none, callers get null at once; default, or auto: proxy_lambda_resp if "
	  "it is there" },
	{ "LAMBDA_PROXY_RESP_QUEUE_URL", QUEUE_OR_NONE, AT(responses), 0, 0, NULL, "the same" },
	{ "PROXY_LAMBDA_MAX_MESSAGE", NUMBER, AT(max_message), 1024, BRIDGE_MESSAGE_MAX, "262144",
	  "requests of so many bytes and more are compressed" },
	{ "LOG_LEVEL", LEVEL, AT(log_level), 0, 0, "INFO", "TRACE, DEBUG, INFO, WARN or ERROR" },
	{ "AWS_LAMBDA_FUNCTION_NAME", TEXT, AT(function_name), 0, 0, "function", NULL },
	{ "AWS_LAMBDA_FUNCTION_VERSION", TEXT, AT(version), 0, 0, "$LATEST", NULL },
	{ "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", NUMBER, AT(memory_mb), 1, 1048576, "128", NULL },
	{ "AWS_LAMBDA_LOG_GROUP_NAME", TEXT, AT(log_group), 0, 0, NULL, NULL },
	{ "AWS_LAMBDA_LOG_STREAM_NAME", TEXT, AT(log_stream), 0, 0, NULL, NULL },
	{ "AWS_REGION", TEXT, AT(region), 0, 0, NULL, NULL },
};

/* What the daemon takes for the same variables. */
static bool is_auto(const char *value)
{
	return value != NULL && strcmp(value, "auto") == 0;
}

static bool parse(struct proxy_settings *s, const struct row *r, const char *value)
{
	void *slot = (char *)s + r->offset;

	switch (r->kind) {
	case QUEUE:
	case QUEUE_OR_NONE:
		if (*value != '\0' && !is_auto(value) && !bridge_queue_url_is_valid(value)) {
			return false;
		}
		memcpy(slot, &value, sizeof(value));
		return true;
	case TEXT:
		memcpy(slot, &value, sizeof(value));
		return true;
	case NUMBER:
		return text_to_u64(value, r->min, r->max, slot);
	case LEVEL:
		return log_level_parse(value, slot);
	}
	return false;
}

static int bad_value(const struct row *r, const char *value, struct err *err)
{
	char range[80];

	if (r->kind == NUMBER) {
		snprintf(range, sizeof(range), "a whole number from %llu to %llu", (unsigned long long)r->min,
			 (unsigned long long)r->max);
		return env_refuse(err, r->name, value, range);
	}
	return env_refuse(err, r->name, value,
			  r->kind == LEVEL ? "TRACE, DEBUG, INFO, WARN or ERROR"
					   : "a queue URL (https://HOST/..., without a user) or auto");
}

static bool is_set(const struct proxy_settings *s, const struct row *r)
{
	const char *value;

	if (r->kind != QUEUE && r->kind != QUEUE_OR_NONE) {
		return false;
	}
	memcpy(&value, (const char *)s + r->offset, sizeof(value));
	return value != NULL;
}

int proxy_settings_load(struct proxy_settings *s, struct err *err)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < countof(table); i++) {
		const struct row *r = &table[i];
		const char *value = getenv(r->name);

		if (value == NULL || (*value == '\0' && r->kind != QUEUE_OR_NONE)) {
			value = r->fallback;
		}
		if (value != NULL && !is_set(s, r) && !parse(s, r, value)) {
			return bad_value(r, value, err);
		}
	}
	s->requests = is_auto(s->requests) ? NULL : s->requests;
	s->responses = is_auto(s->responses) ? NULL : s->responses;
	return 0;
}

void proxy_settings_print_help(FILE *out)
{
	for (size_t i = 0; i < countof(table); i++) {
		const struct row *r = &table[i];

		if (r->help != NULL) {
			env_print_help(out, r->name, r->help, r->fallback);
		}
	}
}

/* Who has these can act as the function. */
static bool is_credential(const char *entry)
{
	static const char *const names[] = {
		"AWS_ACCESS_KEY=",
		"AWS_ACCESS_KEY_ID=",
		"AWS_SECRET_ACCESS_KEY=",
		"AWS_SECRET_KEY=",
		"AWS_SESSION_TOKEN=",
		"AWS_SECURITY_TOKEN=",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=",
		"AWS_LAMBDA_METADATA_TOKEN=",
	};

	for (size_t i = 0; i < countof(names); i++) {
		if (text_starts(entry, names[i])) {
			return true;
		}
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NAME='value', with quotes inside it as '\''. */
static void put_export(struct buf *out, const char *entry)
{
	const char *equals = strchr(entry, '=');

	buf_puts(out, "export ");
	buf_append(out, entry, (size_t)(equals + 1 - entry));
	buf_putc(out, '\'');
	for (const char *c = equals + 1; *c != '\0'; c++) {
		if (*c == '\'') {
			buf_puts(out, "'\\''");
		} else {
			buf_putc(out, *c);
		}
	}
	buf_puts(out, "'\n");
}

void proxy_settings_dump(struct buf *out, char *const *environment)
{
	const char **sorted;
	size_t count = 0, kept = 0;

	while (environment[count] != NULL) {
		count++;
	}
	sorted = xcalloc(count + 1, sizeof(*sorted));
	for (size_t i = 0; i < count; i++) {
		if (strchr(environment[i], '=') != NULL && !is_credential(environment[i])) {
			sorted[kept++] = environment[i];
		}
	}
	qsort(sorted, kept, sizeof(*sorted), by_name);
	for (size_t i = 0; i < kept; i++) {
		put_export(out, sorted[i]);
	}
	free(sorted);
}
