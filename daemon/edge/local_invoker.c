/* SPDX-License-Identifier: Apache-2.0 */
/* The Invoke API's way into core. */
#include "edge/local_invoker.h"

#include "base/attr.h"
#include "core/dispatch.h"
#include "edge/amqp_bridge.h"
#include "edge/metrics.h"
#include "edge/sources.h"
#include "loop/loop.h"

static struct local_invoker *of(const struct invoker *self)
{
	return container_of((struct invoker *)(uintptr_t)self, struct local_invoker, invoker);
}

static void submit(struct invoker *self, struct invocation *inv)
{
	struct local_invoker *l = of(self);

	if (inv->event->type == INVOKE_DRY_RUN) {
		struct outcome out = { .kind = OUTCOME_ACCEPTED };

		inv->ops->done(inv, &out);
		return;
	}
	dispatch_submit(l->dispatch, inv, loop_now_us(l->loop));
}

static void cancel(struct invoker *self, struct invocation *inv)
{
	struct local_invoker *l = of(self);

	dispatch_cancel(l->dispatch, inv, loop_now_us(l->loop));
}

static bool ready(const struct invoker *self)
{
	return dispatch_can_work(of(self)->dispatch);
}

static void metrics(const struct invoker *self, struct buf *out)
{
	const struct local_invoker *l = of(self);

	metrics_render(l->dispatch, out);
	if (l->bridge != NULL) {
		amqp_bridge_metrics(l->bridge, out);
	}
	sources_render(l->sources, out);
}

void local_invoker_init(struct local_invoker *l, struct loop *loop, struct dispatch *d)
{
	l->invoker = (struct invoker){ .submit = submit, .cancel = cancel, .ready = ready, .metrics = metrics };
	l->bridge = NULL;
	l->sources = NULL;
	l->loop = loop;
	l->dispatch = d;
}
