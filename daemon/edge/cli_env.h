/* SPDX-License-Identifier: Apache-2.0 */
/* What lambda-invoke does to its own environment, because the function inherits it. */
#ifndef EDGE_CLI_ENV_H
#define EDGE_CLI_ENV_H

#include <stdbool.h>

struct aws_credentials;

/* The working directory and its lib are where the function's modules are looked for, after the places that are named already.
 * task_root: the working directory is LAMBDA_TASK_ROOT, if there is none. */
void cli_env_add_libraries(bool task_root);
/* Credentials of a role, and no other source of them. */
void cli_env_set_credentials(const struct aws_credentials *creds);

#endif
