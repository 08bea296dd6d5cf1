/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lambda Runtime API, version 2018-06-01 (AWS: "Using the Lambda runtime API for custom runtimes"). Which runtime is
 * calling is known from the listener: each has its own (edge/supervisor.h).
 */
#ifndef EDGE_RUNTIME_API_H
#define EDGE_RUNTIME_API_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct event;
struct httpd;
struct httpd_req;
struct loop;
struct runtime_api;

struct runtime_api *runtime_api_new(struct loop *loop) MUST_CHECK;
void runtime_api_free(struct runtime_api *api); /* parked calls get dropped with their connections */
struct httpd *runtime_api_server(struct runtime_api *api);
/* Set once, before a runtime is started. Borrowed. */
struct dispatch;
void runtime_api_attach(struct runtime_api *api, struct dispatch *d);
/* Before a runtime gets an event the debugger is asked. Borrowed; NULL = none. */
struct debugger;
void runtime_api_debug(struct runtime_api *api, struct debugger *debugger);

/* Another API on the same listeners: asked for paths that are none of the Runtime API's. false: not its own either, req is
 * untouched. The tag of req is the runtime's struct host. */
typedef bool (*api_handler_fn)(void *ctx, struct httpd_req *req);
void runtime_api_add(struct runtime_api *api, api_handler_fn fn, void *ctx);

/* What an event's deadline is shown as: milliseconds since the epoch. */
int64_t runtime_api_deadline_ms(struct loop *loop, const struct event *ev, int64_t deadline_us);

#endif
