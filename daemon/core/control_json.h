/* SPDX-License-Identifier: Apache-2.0 */
/* What the control surface shows, as JSON text. Times are milliseconds; bodies that are not UTF-8 are base64. */
#ifndef CORE_CONTROL_JSON_H
#define CORE_CONTROL_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "core/control_journal.h"
#include "core/control_wait.h"

struct buf;
struct dispatch;
struct extension;
struct instance;

/* Core knows no processes: their ids, 0 = there is none. */
struct control_pids {
	int (*runtime)(const struct instance *inst);
	int (*extension)(const struct extension *x);
};

/* {"phase":..,"environments":[..],"counts":{..},"queued":n,"lastEvent":n} */
void control_json_state(struct buf *out, const struct journal *j, struct dispatch *d, const struct control_pids *pids,
			int64_t now_us);
void control_json_call(struct buf *out, const struct call *c);
/* {"invocations":[..]}, oldest first. state < 0: all. */
void control_json_calls(struct buf *out, const struct journal *j, int state);
/* {"events":[{"seq":..,"environment":..,"event":..}],"next":..,"dropped":..}: the first `limit` that f takes; next is the
 * `after` of the next look. */
void control_json_events(struct buf *out, const struct journal *j, const struct control_filter *f, uint64_t limit);

#endif
