/* SPDX-License-Identifier: Apache-2.0 */
/* The names that AWS gives to the environment: extensions listen on sandbox.localdomain or sandbox. */
#ifndef EDGE_SANDBOX_NAMES_H
#define EDGE_SANDBOX_NAMES_H

struct config;

/* If there are extensions, makes the names known to the daemon and its children where that is permitted, else says what is
 * to be done. Early in main, while there is one thread and no child. */
void sandbox_names_add(const struct config *cfg);

#endif
