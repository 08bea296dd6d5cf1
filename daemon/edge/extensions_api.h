/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lambda Extensions API, version 2020-01-01 (AWS: "Using the Lambda Extensions API to create extensions"), on the
 * listeners of the Runtime API. Which environment is calling is known from the listener.
 */
#ifndef EDGE_EXTENSIONS_API_H
#define EDGE_EXTENSIONS_API_H

#include "base/attr.h"

struct config;
struct dispatch;
struct extension;
struct extensions_api;
struct httpd_req;
struct loop;
struct runtime_api;

/* Adds itself to the Runtime API. Borrows everything. */
struct extensions_api *extensions_api_new(struct loop *loop, const struct config *cfg,
					  struct runtime_api *runtime_api, struct dispatch *d) MUST_CHECK;
void extensions_api_free(struct extensions_api *api);

/* The caller by its Lambda-Extension-Identifier. NULL: there is none like that, and req has been answered; unknown is the
 * text for an identifier that nobody has, NULL = one that names it. */
struct extension *extensions_api_caller(struct httpd_req *req, const char *unknown);

#endif
