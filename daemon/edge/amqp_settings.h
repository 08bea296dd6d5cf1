/* SPDX-License-Identifier: Apache-2.0 */
/* The AMQP_* variables, checked and completed. */
#ifndef EDGE_AMQP_SETTINGS_H
#define EDGE_AMQP_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "io/amqp_uri.h"

struct config;
struct err;

struct amqp_settings {
	struct amqp_uri uri; /* with AMQP_USERNAME and AMQP_PASSWORD in it */
	bool durable;
	bool auto_delete;
	bool quorum;
	uint16_t prefetch;
	unsigned max_deliveries;
};

/* cfg->amqp_uri is set. 0, or -1 with the reason; out can be finished in either case. */
int amqp_settings_load(const struct config *cfg, struct amqp_settings *out, struct err *err) MUST_CHECK;
void amqp_settings_fini(struct amqp_settings *s);

#endif
