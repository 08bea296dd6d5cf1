/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a runtime process: what Lambda sets (AWS: "Using Lambda environment variables"), over the caller's
 * own environment less the daemon's variables.
 */
#ifndef EDGE_CHILD_ENV_H
#define EDGE_CHILD_ENV_H

#include "base/attr.h"

struct config;

#define LOG_STREAM_LEN 224
/* A new AWS_LAMBDA_LOG_STREAM_NAME: no other process on the machine has the same. */
void child_env_log_stream(const struct config *cfg, char out[LOG_STREAM_LEN]);

/* runtime_api: host:port of its own listener. Returns a NULL-terminated array in one allocation with its strings
 * owned beside it: release with child_env_free. */
char **child_env_new(const struct config *cfg, const char *runtime_api, const char *log_stream,
		     char *const *environment) MUST_CHECK;
/* Takes out of such an environment what extensions do not get; the log stream goes by the name mark instead. */
void child_env_reduce(char **env, const char *mark);
/* SnapStart: a runtime fetches its credentials from the daemon, showing token, instead of finding them in its environment. Does
 * nothing when there are none. */
void child_env_move_credentials(char **env, const char *runtime_api, const char *token);
/* Of a variable in such an array; NULL: it is not there. */
const char *child_env_value(char *const *environment, const char *name);
/* A managed instance: no log descriptor, but the path of a socket to connect to; "" = none. */
void child_env_log_socket(char **env, const char *path);
void child_env_free(char **env);

#endif
