/* SPDX-License-Identifier: Apache-2.0 */
/* The context file of lambda-invoke: a JSON object whose members a function finds in its context. */
#ifndef EDGE_CLI_CONTEXT_H
#define EDGE_CLI_CONTEXT_H

#include <stdint.h>

#include "base/attr.h"

struct config;
struct err;
struct event;

/* Owned; NULL or 0 = not given. */
struct cli_context {
	char *function_name;
	char *function_version;
	char *memory_mb;
	char *log_group;
	char *log_stream;
	char *request_id;
	char *arn;
	char *tenant_id;
	char *trace_id;
	char *client_context; /* JSON in ASCII */
	char *identity;	      /* the same */
	int64_t deadline_ms;
	int64_t remaining_ms;
};

/* path: "-" = standard input. Members that no runtime could see are named in a warning. 0, or -1 with the reason. */
int cli_context_load(struct cli_context *c, const char *path, struct err *err) MUST_CHECK;
void cli_context_fini(struct cli_context *c);
/* What is configuration goes to the environment, ahead of config_load_invoke(). */
void cli_context_to_environment(const struct cli_context *c);
/* The rest of it that the runtime finds in its environment; borrowed by cfg. */
void cli_context_to_config(const struct cli_context *c, struct config *cfg);
/* What comes with each event. */
void cli_context_to_event(const struct cli_context *c, struct event *ev, int64_t wall_ms);

#endif
