/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function URL: an HTTP server of which every request invokes the function, as AWS's function URLs, API Gateway and load
 * balancers do (core/url_event.h, core/url_response.h).
 */
#ifndef EDGE_FUNCTION_URL_H
#define EDGE_FUNCTION_URL_H

#include <stdint.h>

#include "base/attr.h"

struct config;
struct err;
struct function_url;
struct invoker;
struct loop;
struct url_settings;

/* Listens from now on. NULL with the reason in err. Borrows all. */
struct function_url *function_url_new(struct loop *loop, const struct config *cfg,
				      const struct url_settings *settings, struct invoker *invoker,
				      struct err *err) MUST_CHECK;
/* These take NULL. Requests that still wait are cut off and their invocations cancelled. */
void function_url_free(struct function_url *url);
void function_url_quiesce(struct function_url *url);	    /* no new connections; see httpd_quiesce */
unsigned function_url_busy(const struct function_url *url); /* requests not answered to the last byte yet */

uint16_t function_url_port(const struct function_url *url);

#endif
