/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and ends the event sources. */
#include "edge/sources.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "core/dispatch.h"
#include "edge/aws_client.h"
#include "edge/config.h"
#include "edge/local_payload.h"
#include "edge/sqs.h"
#include "edge/sqs_bridge.h"
#include "edge/sqs_event_settings.h"
#include "edge/sqs_event_source.h"
#include "loop/loop.h"

struct sources {
	struct sources_deps deps;
	struct aws *aws; /* NULL = not needed */
	struct sqs *sqs;
	struct sqs_bridge *bridge;
	struct sqs_event_source *trigger;
	struct local_payload *payload;
};

bool sources_wanted(const struct config *cfg, const struct sqs_event_settings *events)
{
	return cfg->bridge_requests != NULL || cfg->payload_file != NULL || events->queue_url != NULL;
}

static int build_aws(struct sources *s, struct err *err)
{
	const struct aws_deps aws = {
		.loop = s->deps.loop,
		.children = s->deps.children,
		.guard = s->deps.guard,
		.region = s->deps.cfg->region,
	};

	s->aws = aws_new(&aws, err);
	if (s->aws == NULL) {
		return err_wrap(err, s->deps.cfg->bridge_requests != NULL ? "SQS bridge" : "SQS event source");
	}
	s->sqs = sqs_new(s->aws);
	return 0;
}

static void build_queues(struct sources *s)
{
	const struct sqs_bridge_deps bridge = {
		.loop = s->deps.loop,
		.cfg = s->deps.cfg,
		.dispatch = s->deps.dispatch,
		.sqs = s->sqs,
		.runtime_api = s->deps.runtime_api,
	};
	const struct sqs_event_source_deps trigger = {
		.loop = s->deps.loop,
		.cfg = s->deps.cfg,
		.settings = s->deps.events,
		.dispatch = s->deps.dispatch,
		.sqs = s->sqs,
	};

	if (s->deps.cfg->bridge_requests != NULL) {
		s->bridge = sqs_bridge_new(&bridge);
	}
	if (s->deps.events->queue_url != NULL) {
		s->trigger = sqs_event_source_new(&trigger);
	}
}

static int build(struct sources *s, struct err *err)
{
	const struct config *cfg = s->deps.cfg;

	if (cfg->payload_file != NULL) {
		s->payload = local_payload_new(s->deps.loop, cfg, s->deps.dispatch, err);
		if (s->payload == NULL) {
			return -1;
		}
	}
	if (cfg->bridge_requests == NULL && s->deps.events->queue_url == NULL) {
		return 0;
	}
	if (build_aws(s, err) != 0) {
		return -1;
	}
	build_queues(s);
	return 0;
}

struct sources *sources_new(const struct sources_deps *deps, struct err *err)
{
	struct sources *s = xcalloc(1, sizeof(*s));

	s->deps = *deps;
	if (build(s, err) != 0) {
		sources_free(s);
		return NULL;
	}
	return s;
}

void sources_free(struct sources *s)
{
	if (s == NULL) {
		return;
	}
	sqs_event_source_free(s->trigger);
	sqs_bridge_free(s->bridge);
	local_payload_free(s->payload);
	sqs_free(s->sqs);
	aws_free(s->aws);
	free(s);
}

void sources_start(struct sources *s)
{
	if (s == NULL) {
		return;
	}
	/* Whoever debugs wants to see the runtime come up now, and the first event not to wait for it. */
	dispatch_prestart(s->deps.dispatch, loop_now_us(s->deps.loop));
	if (s->bridge != NULL) {
		sqs_bridge_start(s->bridge);
	}
	if (s->trigger != NULL) {
		sqs_event_source_start(s->trigger);
	}
	if (s->payload != NULL) {
		local_payload_start(s->payload);
	}
}

void sources_runtime_lost(struct sources *s)
{
	if (s != NULL) {
		sqs_bridge_runtime_lost(s->bridge);
		local_payload_runtime_lost(s->payload);
	}
}

void sources_drain(struct sources *s)
{
	if (s != NULL) {
		sqs_bridge_drain(s->bridge);
		sqs_event_source_drain(s->trigger);
	}
}

unsigned sources_busy(const struct sources *s)
{
	return s != NULL ? sqs_bridge_busy(s->bridge) + sqs_event_source_busy(s->trigger) : 0;
}

void sources_render(const struct sources *s, struct buf *out)
{
	if (s != NULL && s->bridge != NULL) {
		sqs_bridge_render(s->bridge, out);
	}
	if (s != NULL && s->trigger != NULL) {
		sqs_event_source_render(s->trigger, out);
	}
}
