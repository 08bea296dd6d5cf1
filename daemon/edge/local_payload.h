/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local payload mode: the content of a file is the event; the answer is only logged. The same event again, read anew, whenever
 * the runtime was restarted, and not before.
 */
#ifndef EDGE_LOCAL_PAYLOAD_H
#define EDGE_LOCAL_PAYLOAD_H

#include "base/attr.h"

struct config;
struct dispatch;
struct err;
struct local_payload;
struct loop;

/* Reads the file. NULL with the reason in err. Borrows all it is given. */
struct local_payload *local_payload_new(struct loop *loop, const struct config *cfg, struct dispatch *d,
					struct err *err) MUST_CHECK;
void local_payload_free(struct local_payload *lp); /* before the dispatcher; NULL is fine */
void local_payload_start(struct local_payload *lp);
void local_payload_runtime_lost(struct local_payload *lp); /* NULL is fine */

#endif
