/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Invoke API (AWS Lambda API reference, "Invoke") with health, readiness and metrics beside it.
 */
#ifndef EDGE_INVOKE_API_H
#define EDGE_INVOKE_API_H

#include <stdint.h>

#include "base/attr.h"

struct config;
struct err;
struct invoke_api;
struct invoker;
struct loop;

/* Listens from now on. NULL with the reason in err. cfg and invoker are borrowed. */
struct invoke_api *invoke_api_new(struct loop *loop, const struct config *cfg, struct invoker *invoker,
				  struct err *err) MUST_CHECK;
/* Callers that still wait are cut off and their invocations cancelled. */
void invoke_api_free(struct invoke_api *api);
uint16_t invoke_api_port(const struct invoke_api *api);

void invoke_api_quiesce(struct invoke_api *api);	/* no new connections; see httpd_quiesce */
unsigned invoke_api_busy(const struct invoke_api *api); /* callers not answered to the last byte yet */

#endif
