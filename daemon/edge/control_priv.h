/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of edge/control, shared by its files: routes and lifetime (control.c), waits (control_park.c), what changes
 * something (control_act.c). */
#ifndef EDGE_CONTROL_PRIV_H
#define EDGE_CONTROL_PRIV_H

#include "base/list.h"
#include "core/control_params.h"
#include "edge/control.h"
#include "edge/telemetry.h"
#include "io/unix_socket.h"
#include "loop/loop.h"

struct buf;
struct httpd;
struct httpd_req;
struct journal;

struct control {
	struct control_deps deps;
	struct journal *journal;
	struct httpd *server;
	struct unix_socket socket; /* path NULL: TCP */
	char shown[128];
	struct list waits; // parked::link
	struct list calls; // own_call::link
	struct loop_hook hook;
	struct telemetry_follower follower;
};

/* out: moved. */
void control_reply(struct httpd_req *req, int status, struct buf *out);
void control_render_state(struct control *c, struct buf *out);
void control_reply_state(struct control *c, struct httpd_req *req);

/* Answers now or parks req. params: moved. */
void control_park(struct control *c, struct httpd_req *req, struct control_params *params);
void control_check_waits(struct control *c);
void control_drop_waits(struct control *c); /* the end */

/* POST /invocations */
void control_submit(struct control *c, struct httpd_req *req);
void control_drop_calls(struct control *c);
/* POST /environments/{slot}/{action}; texts are not terminated. */
void control_act(struct control *c, struct httpd_req *req, const struct control_params *params, const char *slot,
		 const char *action);
void control_restore(struct control *c, struct httpd_req *req);

#endif
