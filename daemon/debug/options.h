/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of debug-broker. */
#ifndef DEBUG_OPTIONS_H
#define DEBUG_OPTIONS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/log.h"
#include "debug/broker.h"

struct err;

enum broker_action { BROKER_RUN, BROKER_CONNECT, BROKER_HELP, BROKER_VERSION };

/* Strings are owned. */
struct broker_config {
	enum broker_action action;
	struct broker_opts broker;
	char *lambda_host;
	char *user_host;
	char *token;
	char *tls_cert;
	char *tls_key;
	struct broker_tcp *tcp;
	size_t tcp_count;
	enum log_level level;
	bool json;
	bool insecure;
	int ready_fd; /* -1 = none */

	/* connect */
	char *listen_host;
	uint16_t listen_port;
	char *target_host;
	uint16_t target_port;
	char *target_path;
	char *ca_file;
	bool target_tls;
};

/* 0, or -1 with the reason. cfg can be finished in either case. */
int broker_config_load(struct broker_config *cfg, int argc, char **argv, struct err *err) MUST_CHECK;
void broker_config_fini(struct broker_config *cfg);
void broker_config_help(void);

#endif
