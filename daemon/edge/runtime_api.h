/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lambda Runtime API, version 2018-06-01 (AWS: "Using the Lambda runtime API for custom runtimes"). Which runtime is
 * calling is known from the listener: each has its own (edge/supervisor.h).
 */
#ifndef EDGE_RUNTIME_API_H
#define EDGE_RUNTIME_API_H

#include "base/attr.h"

struct httpd;
struct loop;
struct runtime_api;

struct runtime_api *runtime_api_new(struct loop *loop) MUST_CHECK;
void runtime_api_free(struct runtime_api *api); /* parked calls get dropped with their connections */
struct httpd *runtime_api_server(struct runtime_api *api);
/* Set once, before a runtime is started. Borrowed. */
struct dispatch;
void runtime_api_attach(struct runtime_api *api, struct dispatch *d);

#endif
