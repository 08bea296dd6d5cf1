/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: flags, command and the one table of environment variables. Strict: what does not parse is an error
 * that names the variable, the value and what is allowed. An empty value counts as unset.
 */
#ifndef EDGE_CONFIG_H
#define EDGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/log.h"
#include "core/lifecycle.h"

struct err;

/* AWS's limits, in bytes (Lambda quotas; the runtime's side has 100 bytes of grace). With them memory is bounded:
 * (MAX_PENDING + MAX_CONCURRENCY) x request + MAX_CONCURRENCY x response, and what idle connections hold. */
#define MAX_REQUEST_BODY ((size_t)6291456)
#define MAX_RESPONSE_BODY ((size_t)6291556)
#define MAX_RESPONSE_STREAM ((size_t)209715200)
#define MAX_EVENT_BODY ((size_t)1048576) /* of an asynchronous invocation */
#define MAX_RUNTIME_HEAD ((size_t)1 << 20)

/* A switch whose default depends on others. */
enum config_choice { CHOICE_UNSET, CHOICE_NO, CHOICE_YES };

enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_COPY_SELF };

/* Who reads the table: not every program takes all of it (edge/config_subset.h). */
enum config_program { CONFIG_DAEMON, CONFIG_SERVER, CONFIG_INVOKE };

/* Strings are owned; NULL = unset. */
struct config {
	enum config_action action;
	enum config_program program;

	char *function_name;
	bool gateway;	   /* the program is a gateway: names choose the function */
	bool name_was_set; /* by AWS_LAMBDA_FUNCTION_NAME: then other names are unknown */
	char *version;
	char *handler; /* NULL = none */
	char *region;
	char *account_id;
	int64_t timeout_us;
	int64_t init_timeout_us;
	int64_t idle_timeout_us;
	uint64_t memory_mb;
	uint64_t max_concurrency;
	uint64_t max_pending;
	char *extensions_dir;
	int64_t ready_timeout_us; /* -1 = unset: extensions have until the deadline */
	bool freeze;
	enum init_type init_type;
	uint64_t managed_concurrency; /* AWS_LAMBDA_MAX_CONCURRENCY; 0 = unset */

	char *invoke_host;
	uint64_t invoke_port;
	char *runtime_host;
	uint64_t runtime_port;
	char *cors_allow_origin;
	bool openfaas;
	uint64_t ready_fd;    /* 0 = unset */
	char *notify_socket;  /* NULL = unset */
	char *control_socket; /* NULL = no control surface */

	char *amqp_uri;
	char *amqp_username;
	char *amqp_password;
	enum config_choice amqp_queue_durable;
	enum config_choice amqp_queue_auto_delete;
	bool amqp_quorum;
	uint64_t amqp_prefetch; /* 0 = unset */
	uint64_t amqp_max_deliveries;

	char *bridge_requests;	     /* URL of the SQS bridge's request queue, or "auto"; NULL = no bridge */
	char *bridge_responses;	     /* the same of the response queue; NULL = asynchronous */
	bool bridge_enforce_timeout; /* else a debugger may hold an event for as long as it likes */
	bool bridge_answer_errors;
	int64_t bridge_rerun_us; /* 0 = only after a restart of the runtime */
	uint64_t bridge_max_message;
	char *payload_file; /* local payload mode; NULL = off */

	uint64_t async_max_retries;
	int64_t async_retry_delay_us; /* before the first; twice that before the second */
	int64_t async_max_age_us;
	uint64_t async_max_events;
	uint64_t async_max_bytes;
	char *async_on_success; /* NULL = nobody is told; as the next two */
	char *async_on_failure;
	char *async_dlq;
	char *async_spool_dir; /* NULL = accepted events are lost with the daemon */
	int64_t async_drain_us;

	enum log_level log_level;
	bool json;	       /* the daemon's log and the reports */
	bool log_json;	       /* AWS_LAMBDA_LOG_FORMAT */
	bool structured;       /* USE_STRUCTURED_LOGGING */
	char *debugger_active; /* these are completed in edge/debug_settings.c */
	char *debugger_broker;
	char *debugger_id;
	char *debugger_mode;
	uint64_t debugger_port; /* 0 = unset */
	char *debugger_listen;
	char *debugger_token;
	bool debugger_break;
	const char *node_options; /* what the child's NODE_OPTIONS get; borrowed, NULL = nothing */

	bool print_reports;
	bool init_caching;

	char **command;	 /* NULL terminated; borrowed words in an owned array */
	const char *cwd; /* working directory of the command; NULL = ours */

	/* What the runtime is told instead of names that are made up; borrowed. */
	const char *log_group;
	const char *log_stream;
};

/* 0, or -1 with the reason. cfg is zeroed first and can be finished in either case. */
int config_load(struct config *cfg, int argc, char **argv, struct err *err) MUST_CHECK;
/* The same for lambda-server, which has no function of its own. */
int config_load_gateway(struct config *cfg, int argc, char **argv, struct err *err) MUST_CHECK;
/* The same for lambda-invoke, which has flags of its own: command is the runtime's, NULL terminated, and may be empty. Its
 * Runtime API is on a free port of this machine. */
int config_load_invoke(struct config *cfg, char *const *command, struct err *err) MUST_CHECK;
void config_fini(struct config *cfg);
/* bridge_rerun_us in seconds, which SQS counts in; rounded up, because 0 means never. */
int64_t config_rerun_s(const struct config *cfg);

/* Is this variable the daemon's own and not Lambda's, so that no child may see it? name_len: up to the '='. */
bool config_is_private(const char *name, size_t name_len);

/* The table as text: name, default, meaning; for --help. */
void config_print_help(FILE *out, enum config_program program);

#endif
