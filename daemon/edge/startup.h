/* SPDX-License-Identifier: Apache-2.0 */
/* What the servers among the programs do alike when they start. */
#ifndef EDGE_STARTUP_H
#define EDGE_STARTUP_H

#include <stddef.h>

#include "base/attr.h"

struct config;
struct err;

/* READY_FD names an open descriptor or nothing. */
int startup_check_ready_fd(const struct config *cfg, struct err *err) MUST_CHECK;
/* 10,000 waiting callers need as many descriptors; runtimes get their own limit back (io/child.c). */
void startup_raise_descriptor_limit(void);
/* Writes the line to READY_FD, if there is one, and closes it, unless it is stdout or stderr; tells the service manager, if
 * there is one. */
void startup_tell_ready(const struct config *cfg, const char *line, size_t len);
/* Tells the service manager that a drain has begun. */
void startup_tell_stopping(const struct config *cfg);

#endif
