/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of what travels beside the body. */
#include "edge/event_fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/json.h"

static const size_t client_context_max = 3583;
static const size_t tenant_id_max = 256;

int event_set_type(struct event *ev, const char *text, struct invoke_error *error)
{
	if (text == NULL || strcmp(text, "RequestResponse") == 0) {
		ev->type = INVOKE_REQUEST_RESPONSE;
	} else if (strcmp(text, "Event") == 0) {
		ev->type = INVOKE_EVENT;
	} else if (strcmp(text, "DryRun") == 0) {
		ev->type = INVOKE_DRY_RUN;
	} else {
		invoke_error_set(error, 400, INVALID_PARAMETER, false,
				 "Value '%.64s' at 'invocationType' is not supported; expected RequestResponse, "
				 "Event or DryRun",
				 text);
		return -1;
	}
	return 0;
}

int event_set_log_type(struct event *ev, const char *text, struct invoke_error *error)
{
	if (text != NULL && strcmp(text, "None") != 0 && strcmp(text, "Tail") != 0) {
		invoke_error_set(error, 400, INVALID_PARAMETER, false,
				 "Value '%.64s' at 'logType' is not supported; expected None or Tail", text);
		return -1;
	}
	ev->want_tail = text != NULL && strcmp(text, "Tail") == 0;
	return 0;
}

int event_set_client_context(struct event *ev, const char *text, struct invoke_error *error)
{
	struct buf json = BUF_INIT;
	struct buf ascii = BUF_INIT;
	bool ok;

	if (text == NULL || *text == '\0') {
		return 0;
	}
	if (strlen(text) > client_context_max) {
		invoke_error_set(error, 400, INVALID_CONTENT, false, "Client context must be no more than %zu bytes.",
				 client_context_max);
		return -1;
	}
	ok = text_unbase64(&json, text, strlen(text)) && json.len > 0 && json_text_is_object(json.data, json.len);
	if (ok) {
		/* It travels in a header, and not every runtime takes anything but ASCII there. */
		text_json_ascii(&ascii, json.data, json.len);
		ev->client_context = ascii.data;
	} else {
		invoke_error_set(error, 400, INVALID_CONTENT, false,
				 "Client context must be a valid Base64-encoded JSON object.");
	}
	buf_fini(&json);
	return ok ? 0 : -1;
}

int event_set_tenant(struct event *ev, const char *text, struct invoke_error *error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/=+-@ ";

	if (text == NULL) {
		return 0;
	}
	if (*text == '\0' || strlen(text) > tenant_id_max || text[strspn(text, allowed)] != '\0') {
		return invoke_error_bad_value(error, "tenantId", text);
	}
	ev->tenant_id = xstrdup(text);
	return 0;
}

/* AWS X-Ray developer guide, "Tracing header". */
void event_set_trace(struct event *ev, const char *given)
{
	char time[9];
	char root[25];
	char parent[17];
	const char *const parts[] = { "Root=1-", time, "-", root, ";Parent=", parent, ";Sampled=0" };

	if (given != NULL && strstr(given, "Root=") != NULL && strlen(given) <= TRACE_MAX) {
		ev->trace_id = xstrdup(given);
		return;
	}
	text_random_hex(root, 12);
	text_random_hex(parent, 8);
	text_hex32(time, (uint32_t)(clock_wall_ms() / 1000));
	ev->trace_id = xconcat(parts, countof(parts));
}
