/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a runtime process: what Lambda sets (AWS: "Using Lambda environment variables"), over the caller's
 * own environment less the daemon's variables.
 */
#ifndef EDGE_CHILD_ENV_H
#define EDGE_CHILD_ENV_H

#include "base/attr.h"

struct config;

/* runtime_api: host:port of its own listener. Returns a NULL-terminated array in one allocation with its strings
 * owned beside it: release with child_env_free. */
char **child_env_new(const struct config *cfg, const char *runtime_api, char *const *environment) MUST_CHECK;
void child_env_free(char **env);

#endif
