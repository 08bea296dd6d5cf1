/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: the emulator's flags, accepted at any position, and the runtime's command, left untouched. */
#ifndef EDGE_COMMAND_H
#define EDGE_COMMAND_H

#include <stdbool.h>

#include "base/attr.h"

struct config;
struct err;

/* Before the command stands --help or --version: cfg->action says which, and nothing else counts. */
bool command_asks(struct config *cfg, int argc, char **argv) MUST_CHECK;
/* Takes our flags out of argv into cfg; the rest becomes cfg->command (an empty array if there is none). */
int command_parse(struct config *cfg, int argc, char **argv, struct err *err) MUST_CHECK;
/* Settles command, working directory and handler: without a command the first bootstrap of the three usual places. */
int command_find(struct config *cfg, struct err *err) MUST_CHECK;

#endif
