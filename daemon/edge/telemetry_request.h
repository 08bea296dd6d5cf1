/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a subscription (PUT /2022-07-01/telemetry, PUT /2020-08-15/logs), read and checked against AWS's rules. Pure.
 */
#ifndef EDGE_TELEMETRY_REQUEST_H
#define EDGE_TELEMETRY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "core/telemetry.h"

/* AWS's limits of a subscription's buffering. */
#define TELEMETRY_MAX_ITEMS_MIN 1000
#define TELEMETRY_MAX_ITEMS_MAX 10000
#define TELEMETRY_MAX_ITEMS_DEFAULT 10000
#define TELEMETRY_MAX_BYTES_MIN 262144
#define TELEMETRY_MAX_BYTES_MAX 1048576
#define TELEMETRY_MAX_BYTES_DEFAULT 262144
#define TELEMETRY_TIMEOUT_MS_MIN 25
#define TELEMETRY_TIMEOUT_MS_MAX 30000
#define TELEMETRY_TIMEOUT_MS_DEFAULT 1000

enum telemetry_api_kind { API_TELEMETRY, API_LOGS };

/* The Runtime API's own port on AWS, where no subscriber can listen. */
#define TELEMETRY_RESERVED_PORT 9001

/* 0, or -1 with everything that is wrong in why, separated by "; " as AWS does. */
int telemetry_request_read(enum telemetry_api_kind api, const char *body, size_t len, struct telemetry_want *out,
			   char *why, size_t why_size) MUST_CHECK;

#endif
