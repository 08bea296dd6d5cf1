/* SPDX-License-Identifier: Apache-2.0 */
/* An event from a file. */
#include "edge/local_payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/bridge_rules.h"
#include "core/dispatch.h"
#include "edge/config.h"
#include "loop/loop.h"

struct local_payload {
	struct invocation inv;
	bool submitted;	     /* at least once */
	bool awaits_restart; /* answered; the next run is after a restart */
	int64_t answered_us; /* when that was */
	unsigned crashes;    /* in a row: runtimes that ended by themselves */
	struct loop *loop;
	const struct config *cfg;
	struct dispatch *dispatch;
	struct blob *body;
	struct loop_timer rerun;
};

static struct blob *read_file(const char *path, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf content;
	ssize_t n = fd < 0 ? -1 : 1;

	buf_init(&content, MAX_REQUEST_BODY);
	while (n > 0) {
		char piece[16 * 1024];

		n = read(fd, piece, sizeof(piece));
		if (n > 0 && !buf_append(&content, piece, (size_t)n)) {
			buf_fini(&content);
			err_set(err, 2, "%s: larger than the %zu bytes that an event may have", path,
				MAX_REQUEST_BODY);
			return NULL;
		}
	}
	if (n < 0) {
		buf_fini(&content);
		err_set(err, 2, "%s: %s", path, strerror(errno));
		return NULL;
	}
	return buf_to_blob(&content);
}

static void on_done(struct invocation *inv, const struct outcome *out);

static const struct invocation_ops payload_ops = { .done = on_done };

static void submit(struct local_payload *lp)
{
	struct event *ev = event_new();

	strcpy(ev->id, LOCAL_REQUEST_ID);
	ev->body = blob_ref(lp->body);
	ev->arn = xstrdup("from-local-payload");
	ev->trace_id = xstrdup(BRIDGE_NO_TRACE);
	ev->deadline_ms = LOCAL_DEADLINE_MS;
	ev->unlimited = !lp->cfg->bridge_enforce_timeout;
	log_info("Lambda request: %s", lp->body->data);
	if (lp->submitted) {
		invocation_fini(&lp->inv);
	}
	lp->submitted = true;
	invocation_init(&lp->inv, &payload_ops, ev);
	dispatch_submit(lp->dispatch, &lp->inv, loop_now_us(lp->loop));
}

static void on_rerun(void *ctx)
{
	struct local_payload *lp = ctx;
	struct err err = ERR_INIT;
	struct blob *body = read_file(lp->cfg->payload_file, &err);

	if (body == NULL) {
		log_error("the payload file cannot be read again, its old content is used: %s", err.msg);
	} else {
		blob_unref(lp->body);
		lp->body = body;
	}
	submit(lp);
}

static void rerun_in(struct local_payload *lp, unsigned seconds)
{
	loop_timer_set(lp->loop, &lp->rerun, loop_now_us(lp->loop) + (int64_t)seconds * 1000000);
}

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct local_payload *lp = container_of(inv, struct local_payload, inv);
	const struct bridge_policy policy = { .auto_rerun_s = config_rerun_s(lp->cfg) };

	if (out->kind == OUTCOME_RESPONSE) {
		log_info("Lambda response: %s", out->body->data);
	} else {
		log_warn("Lambda error: %s", out->body != NULL ? out->body->data : outcome_name(out->kind));
	}
	if (out->kind == OUTCOME_SHUTDOWN) {
		return;
	}
	if (out->kind != OUTCOME_RESPONSE && bridge_fate(&policy, out->kind) == BRIDGE_RETURN) {
		rerun_in(lp, bridge_return_wait_s(&policy, out->kind, ++lp->crashes));
		return;
	}
	lp->answered_us = loop_now_us(lp->loop);
	lp->awaits_restart = true;
	log_warn("Restart your lambda for a rerun");
}

void local_payload_runtime_lost(struct local_payload *lp)
{
	const struct bridge_policy policy = { .auto_rerun_s = 0 };
	unsigned wait = 0;

	if (lp == NULL || !lp->awaits_restart) {
		return;
	}
	lp->awaits_restart = false;
	if (loop_now_us(lp->loop) - lp->answered_us < BRIDGE_OWN_END_US) {
		wait = bridge_return_wait_s(&policy, OUTCOME_EXIT, ++lp->crashes);
		log_info("the runtime ended right after its answer: the event runs again wait_s=%u", wait);
	} else {
		lp->crashes = 0;
	}
	rerun_in(lp, wait);
}

struct local_payload *local_payload_new(struct loop *loop, const struct config *cfg, struct dispatch *d,
					struct err *err)
{
	struct blob *body = read_file(cfg->payload_file, err);
	struct local_payload *lp;

	if (body == NULL) {
		err_wrap(err, "PROXY_LAMBDA_PAYLOAD_FILE");
		return NULL;
	}
	lp = xcalloc(1, sizeof(*lp));
	lp->loop = loop;
	lp->cfg = cfg;
	lp->dispatch = d;
	lp->body = body;
	loop_timer_init(&lp->rerun, on_rerun, lp);
	return lp;
}

void local_payload_free(struct local_payload *lp)
{
	if (lp == NULL) {
		return;
	}
	loop_timer_clear(lp->loop, &lp->rerun);
	if (lp->submitted) {
		dispatch_cancel(lp->dispatch, &lp->inv, loop_now_us(lp->loop));
		invocation_fini(&lp->inv);
	}
	blob_unref(lp->body);
	free(lp);
}

void local_payload_start(struct local_payload *lp)
{
	submit(lp);
}
