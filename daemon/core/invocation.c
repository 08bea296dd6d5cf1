/* SPDX-License-Identifier: Apache-2.0 */
/* Events, invocations and the names of their outcomes. */
#include "core/invocation.h"

#include <assert.h>
#include <stdlib.h>

#include "base/blob.h"
#include "base/mem.h"

struct event *event_new(void)
{
	struct event *ev = xcalloc(1, sizeof(*ev));

	ev->refs = 1;
	text_uuid(ev->id);
	return ev;
}

struct event *event_ref(struct event *ev)
{
	ev->refs++;
	return ev;
}

void event_unref(struct event *ev)
{
	if (ev == NULL || --ev->refs > 0) {
		return;
	}
	blob_unref(ev->body);
	free(ev->content_type);
	free(ev->arn);
	free(ev->trace_id);
	free(ev->client_context);
	free(ev->cognito_identity);
	free(ev->tenant_id);
	free(ev->function);
	free(ev);
}

bool outcome_is_function_error(enum outcome_kind kind)
{
	switch (kind) {
	case OUTCOME_ERROR:
	case OUTCOME_TOO_LARGE:
	case OUTCOME_INVALID:
	case OUTCOME_EXIT:
	case OUTCOME_TIMEOUT:
	case OUTCOME_INIT_ERROR:
		return true;
	case OUTCOME_RESPONSE:
	case OUTCOME_THROTTLED:
	case OUTCOME_SHUTDOWN:
	case OUTCOME_ACCEPTED:
	case OUTCOME_NO_FUNCTION:
	case OUTCOME_UNAVAILABLE:
	case OUTCOME_COUNT:
		break;
	}
	return false;
}

const char *outcome_name(enum outcome_kind kind)
{
	static const char *const names[OUTCOME_COUNT] = {
		[OUTCOME_RESPONSE] = "success",
		[OUTCOME_ERROR] = "error",
		[OUTCOME_TOO_LARGE] = "too_large",
		[OUTCOME_INVALID] = "invalid_response",
		[OUTCOME_EXIT] = "exit",
		[OUTCOME_TIMEOUT] = "timeout",
		[OUTCOME_INIT_ERROR] = "init_error",
		[OUTCOME_THROTTLED] = "throttled",
		[OUTCOME_SHUTDOWN] = "shutdown",
		[OUTCOME_ACCEPTED] = "accepted",
		[OUTCOME_NO_FUNCTION] = "no_function",
		[OUTCOME_UNAVAILABLE] = "unavailable",
	};

	return names[kind];
}

void invocation_init(struct invocation *inv, const struct invocation_ops *ops, struct event *ev)
{
	inv->ops = ops;
	inv->event = ev;
	inv->state = INV_NEW;
	inv->task = NULL;
	list_init(&inv->link);
}

void invocation_fini(struct invocation *inv)
{
	assert(inv->state == INV_NEW || inv->state == INV_DONE);
	event_unref(inv->event);
	inv->event = NULL;
}

bool invocation_is_waiting(const struct invocation *inv)
{
	return inv->state == INV_QUEUED;
}
