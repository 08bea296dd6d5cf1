/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SnapStart on the listeners of the Runtime API: restore/next, restore/error, and the credentials endpoint from which a
 * restored runtime fetches what must not be part of a snapshot. Only with --enable-init-caching or
 * AWS_LAMBDA_INITIALIZATION_TYPE=snap-start; without, the paths are unknown.
 */
#ifndef EDGE_RESTORE_API_H
#define EDGE_RESTORE_API_H

#include "base/attr.h"

struct dispatch;
struct loop;
struct restore_api;
struct runtime_api;

/* Adds itself to the Runtime API. Borrows everything. */
struct restore_api *restore_api_new(struct loop *loop, struct runtime_api *api, struct dispatch *d) MUST_CHECK;
void restore_api_free(struct restore_api *api);

#endif
