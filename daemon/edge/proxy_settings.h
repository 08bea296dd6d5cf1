/* SPDX-License-Identifier: Apache-2.0 */
/* Environment of proxy-lambda: its table of variables, and what it shows of the whole environment. */
#ifndef EDGE_PROXY_SETTINGS_H
#define EDGE_PROXY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/log.h"

struct buf;
struct err;

/* Strings are borrowed from the environment; NULL = unset. */
struct proxy_settings {
	const char *runtime_api;
	const char *requests;  /* queue URL; NULL = the default one of the ARN's account */
	const char *responses; /* the same; "" = none: asynchronous */
	uint64_t max_message;
	enum log_level log_level;
	const char *function_name;
	const char *version;
	const char *log_group;
	const char *log_stream;
	uint64_t memory_mb;
	const char *region;
};

/* 0, or -1 with the reason. */
int proxy_settings_load(struct proxy_settings *s, struct err *err) MUST_CHECK;
void proxy_settings_print_help(FILE *out);

/* Appends the environment as shell commands, sorted, without the credentials: what a developer pastes to run the function in
 * the same environment. */
void proxy_settings_dump(struct buf *out, char *const *environment);

#endif
