/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows of the table of environment variables a program takes, and with which defaults. */
#ifndef EDGE_CONFIG_SUBSET_H
#define EDGE_CONFIG_SUBSET_H

#include <stdbool.h>

#include "edge/config.h"

/* false: the program has no such variable. fallback, help: in, the table's own default and text; out, those of the
 * program. */
bool config_subset_has(enum config_program program, const char *name, const char **fallback, const char **help);

#endif
