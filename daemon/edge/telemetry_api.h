/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT /2022-07-01/telemetry and PUT /2020-08-15/logs on a runtime's listener (AWS: "Lambda Telemetry API reference", "Logs
 * API reference").
 */
#ifndef EDGE_TELEMETRY_API_H
#define EDGE_TELEMETRY_API_H

#include <stdbool.h>

struct httpd_req;

/* An api_handler_fn (edge/runtime_api.h); ctx is the struct telemetry_hub. */
bool telemetry_api_request(void *ctx, struct httpd_req *req);

#endif
