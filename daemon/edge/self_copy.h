/* SPDX-License-Identifier: Apache-2.0 */
/* As a Kubernetes init container the daemon only has to put itself where the function's container finds it. */
#ifndef EDGE_SELF_COPY_H
#define EDGE_SELF_COPY_H

#include "base/attr.h"

struct err;

/* Copies the running executable, with its mode, to DIR/<its file name>. */
int self_copy(const char *dir, struct err *err) MUST_CHECK;

#endif
