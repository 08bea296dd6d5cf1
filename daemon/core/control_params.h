/* SPDX-License-Identifier: Apache-2.0 */
/* The query of a control request: NAME=VALUE pairs, percent-decoded, '+' is a blank. Errors are for the one who asked. */
#ifndef CORE_CONTROL_PARAMS_H
#define CORE_CONTROL_PARAMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct err;

#define CONTROL_PARAMS 8

struct control_params {
	size_t count;
	struct {
		char *name; /* owned */
		char *value;
	} items[CONTROL_PARAMS];
};

/* 0, or -1 with the reason; control_params_fini() in either case. */
int control_params_parse(struct control_params *p, const char *query, struct err *err) MUST_CHECK;
void control_params_fini(struct control_params *p);

const char *control_param(const struct control_params *p, const char *name); /* NULL = not there */
/* Has it no other names than these? They are separated by blanks. */
int control_params_only(const struct control_params *p, const char *names, struct err *err) MUST_CHECK;
/* A whole number; fallback when it is not there. */
int control_param_u64(const struct control_params *p, const char *name, uint64_t max, uint64_t fallback,
		      uint64_t *out, struct err *err) MUST_CHECK;

#endif
