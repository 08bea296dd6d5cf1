/* SPDX-License-Identifier: Apache-2.0 */
/* Environment of the function URL (edge/function_url.h). */
#ifndef EDGE_URL_SETTINGS_H
#define EDGE_URL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "core/url_event.h"

struct err;

/* Strings are borrowed from the environment; NULL = unset. */
struct url_settings {
	bool on;
	uint64_t port;
	const char *host; /* NULL = that of the Invoke API */
	enum url_payload payload;
	bool streaming;

	/* Of AWS's Cors: lists with commas, or *. Without origins the function sees to it itself. */
	const char *cors_origins;
	const char *cors_methods;
	const char *cors_headers;
	const char *cors_expose;
	bool cors_credentials;
	uint64_t cors_max_age_s; /* 0 = not said */
};

/* 0, or -1 with the reason. */
int url_settings_load(struct url_settings *s, struct err *err) MUST_CHECK;
void url_settings_print_help(FILE *out);

#endif
