/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, statuses and bodies of the Telemetry API and the Logs API. */
#include "edge/telemetry_api.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/log.h"
#include "core/extension.h"
#include "edge/api_reply.h"
#include "edge/extensions_api.h"
#include "edge/supervisor.h"
#include "edge/telemetry.h"
#include "edge/telemetry_request.h"
#include "io/httpd.h"
#include "io/route.h"

static const struct route routes[] = {
	{ "PUT", "/2022-07-01/telemetry", API_TELEMETRY },
	{ "PUT", "/2022-07-01/telemetry/", API_TELEMETRY },
	{ "PUT", "/2020-08-15/logs", API_LOGS },
	{ "PUT", "/2020-08-15/logs/", API_LOGS },
};

static const struct {
	const char *closed_type;
	const char *closed_text;
	const char *invalid_type;
	const char *other;
} words[] = {
	[API_TELEMETRY] = { "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed already",
			    "ValidationError", "Logs" },
	[API_LOGS] = { "Logs.SubscriptionClosed", "Logs API subscription is closed already", "Logs.ValidationError",
		       "Telemetry" },
};

static void reply_other_api(struct httpd_req *req, enum telemetry_api_kind api, const char *name)
{
	char text[EXTENSION_NAME_LEN + 128];

	snprintf(text, sizeof(text), "extension %s is subscribed to the %s API already, one of the two is allowed",
		 name, words[api].other);
	api_reply_error(req, 400, words[api].invalid_type, text);
}

static void subscribe(struct telemetry_hub *hub, struct httpd_req *req, enum telemetry_api_kind api, struct host *h)
{
	const struct extension *x = extensions_api_caller(req, NULL);
	struct telemetry_want want;
	struct blob *body;
	char why[512];
	int r;

	if (x == NULL) {
		return;
	}
	if (!telemetry_hub_open(hub, h)) {
		api_reply_error(req, 403, words[api].closed_type, words[api].closed_text);
		return;
	}
	body = httpd_req_take_body(req);
	r = telemetry_request_read(api, body->data, body->len, &want, why, sizeof(why));
	blob_unref(body);
	if (r == 0 && telemetry_hub_managed(hub) && !want.newest) {
		snprintf(why, sizeof(why), "schemaVersion should be 2025-01-29, the only one of managed instances");
		r = -1;
	}
	if (r != 0) {
		api_reply_error(req, 400, words[api].invalid_type, why);
		return;
	}
	switch (telemetry_hub_subscribe(hub, h, x->name, &want)) {
	case TELEMETRY_SUBSCRIBED:
	case TELEMETRY_UNCHANGED:
		log_info("telemetry subscription extension=%s protocol=%s port=%u", x->name,
			 want.tcp ? "TCP" : "HTTP", want.port);
		api_reply_text(req, 200, JSON_TYPE, "\"OK\"");
		break;
	case TELEMETRY_CLOSED:
		api_reply_error(req, 403, words[api].closed_type, words[api].closed_text);
		break;
	case TELEMETRY_OTHER_API:
		reply_other_api(req, api, x->name);
		break;
	}
}

bool telemetry_api_request(void *ctx, struct httpd_req *req)
{
	struct route_match m;

	route_find(routes, countof(routes), httpd_req_method(req), httpd_req_path(req), &m);
	/* Managed instances have no Logs API. */
	if (m.result == ROUTE_NO_PATH || (telemetry_hub_managed(ctx) && m.id == API_LOGS)) {
		return false;
	}
	if (m.result == ROUTE_WRONG_METHOD) {
		api_reply_no_route(req, &m);
	} else {
		subscribe(ctx, req, (enum telemetry_api_kind)m.id, httpd_req_tag(req));
	}
	return true;
}
