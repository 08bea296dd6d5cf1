/* SPDX-License-Identifier: Apache-2.0 */
/* AWS_LAMBDA_MAX_CONCURRENCY makes the environments managed instances, whose defaults are others. */
#ifndef EDGE_MANAGED_SETTINGS_H
#define EDGE_MANAGED_SETTINGS_H

#include <stdbool.h>

#include "base/attr.h"

struct config;
struct err;

/* Once the environment is read: settles the kind of environment, its log format and its init timeout. 0, or -1 with the
 * reason: a variable is set that managed instances know nothing of. */
int managed_settle(struct config *cfg, bool has_init_timeout, bool has_log_format, struct err *err) MUST_CHECK;
/* How many events can run at once: what a queue is asked for ahead. At most 65535. */
unsigned managed_capacity(const struct config *cfg);

#endif
