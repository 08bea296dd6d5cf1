/* SPDX-License-Identifier: Apache-2.0 */
/* The DEBUGGER_* variables, checked and completed. */
#ifndef EDGE_DEBUG_SETTINGS_H
#define EDGE_DEBUG_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct config;
struct err;

struct debug_settings {
	bool active;
	bool tcp;	      /* DEBUGGER_MODE; else inspector */
	bool stop_at_handler; /* inspector only */
	uint16_t port;	      /* of the debuggee, on 127.0.0.1 */
	char *key;	      /* "/" and the function id, fit for a request line */
	char *broker_host;    /* NULL: debug locally */
	uint16_t broker_port;
	bool broker_tls;   /* wss:// */
	char *listen_host; /* NULL: through the broker */
	uint16_t listen_port;
	const char *token;  /* borrowed from the configuration */
	char *node_options; /* what the runtime's NODE_OPTIONS get; NULL = nothing */
};

/* out->active is false when DEBUGGER_ACTIVE does not ask for anything. May choose a free port. 0, or -1 with the reason; out
 * can be finished in either case. */
int debug_settings_load(const struct config *cfg, struct debug_settings *out, struct err *err) MUST_CHECK;
void debug_settings_fini(struct debug_settings *s);

#endif
