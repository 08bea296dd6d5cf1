/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime API, supervisor and extensions put together. */
#include "edge/cli_local.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "core/dispatch.h"
#include "core/function_name.h"
#include "edge/config.h"
#include "edge/extension_host.h"
#include "edge/extensions_api.h"
#include "edge/local_invoker.h"
#include "edge/runtime_api.h"
#include "edge/sandbox_names.h"
#include "edge/supervisor.h"
#include "edge/telemetry.h"
#include "edge/telemetry_api.h"
#include "loop/loop.h"

struct cli_local {
	struct cli_local_deps deps;
	struct runtime_api *runtime_api;
	struct supervisor *supervisor;
	struct extensions_api *extensions_api; /* NULL when extensions are switched off */
	struct telemetry_hub *telemetry;       /* the same */
	struct local_invoker invoker;
	char *arn;
};

static void on_drained(void *ctx)
{
	struct cli_local *l = ctx;

	l->deps.drained(l->deps.ctx);
}

static void on_lost(void *ctx)
{
	(void)ctx;
}

static void on_measured(void *ctx, const struct report *r, uint64_t peak_bytes)
{
	struct cli_local *l = ctx;

	l->deps.measured(l->deps.ctx, r->event, r->handed, r->duration_us, r->init_us, peak_bytes);
}

static int build(struct cli_local *l, struct err *err)
{
	const struct config *cfg = l->deps.cfg;
	struct supervisor_deps deps = {
		.loop = l->deps.loop,
		.children = l->deps.children,
		.guard = l->deps.guard,
		.sink = l->deps.sink,
		.cfg = cfg,
		.drained = on_drained,
		.runtime_lost = on_lost,
		.measured = on_measured,
		.ctx = l,
		.terminal = l->deps.terminal,
	};
	struct dispatch *dispatch;

	if (extension_host_check(cfg, err) != 0) {
		return -1;
	}
	sandbox_names_add(cfg);
	l->runtime_api = runtime_api_new(deps.loop);
	deps.runtime_api = runtime_api_server(l->runtime_api);
	l->supervisor = supervisor_new(&deps, err);
	if (l->supervisor == NULL) {
		return err_wrap(err, "Runtime API");
	}
	dispatch = supervisor_dispatch(l->supervisor);
	runtime_api_attach(l->runtime_api, dispatch);
	if (!extensions_disabled()) {
		l->extensions_api = extensions_api_new(deps.loop, cfg, l->runtime_api, dispatch);
		l->telemetry = telemetry_hub_new(deps.loop, cfg, dispatch);
		runtime_api_add(l->runtime_api, telemetry_api_request, l->telemetry);
	}
	local_invoker_init(&l->invoker, deps.loop, dispatch);
	return 0;
}

struct cli_local *cli_local_new(const struct cli_local_deps *deps, struct err *err)
{
	struct cli_local *l = xcalloc(1, sizeof(*l));
	const struct config *cfg = deps->cfg;

	l->deps = *deps;
	l->arn = function_arn(cfg->region, cfg->account_id, cfg->function_name, "");
	if (build(l, err) != 0) {
		cli_local_free(l);
		return NULL;
	}
	return l;
}

void cli_local_free(struct cli_local *l)
{
	if (l == NULL) {
		return;
	}
	runtime_api_free(l->runtime_api);
	extensions_api_free(l->extensions_api);
	supervisor_free(l->supervisor);
	telemetry_hub_free(l->telemetry);
	free(l->arn);
	free(l);
}

struct invoker *cli_local_invoker(struct cli_local *l)
{
	return &l->invoker.invoker;
}

const char *cli_local_arn(const struct cli_local *l)
{
	return l->arn;
}

void cli_local_drain(struct cli_local *l)
{
	dispatch_drain(supervisor_dispatch(l->supervisor), loop_now_us(l->deps.loop));
}

void cli_local_resume_output(struct cli_local *l)
{
	supervisor_resume_output(l->supervisor);
}
