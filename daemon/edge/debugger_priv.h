/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of edge/debugger, shared by its files: sessions (debugger.c) and what flows in them (debug_flow.c). */
#ifndef EDGE_DEBUGGER_PRIV_H
#define EDGE_DEBUGGER_PRIV_H

#include "base/buf.h"
#include "debug/broker.h"
#include "debug/wire.h"
#include "edge/debug_settings.h"
#include "edge/debugger.h"
#include "io/sock.h"
#include "io/ws.h"
#include "loop/loop.h"

struct debug_stop;
struct debug_target;
struct tls;
struct ws_dial;

/* A message to the runtime is put together here, because Node.js takes no fragments. */
#define DEBUG_MESSAGE_MAX ((size_t)100 * 1024 * 1024)

enum release {
	RELEASE_WAITING, /* for the debugger to say what it wants */
	RELEASE_STOP,	 /* for the stop at the handler to be set */
	RELEASE_DONE,
};

struct debugger {
	struct loop *loop;
	const struct config *cfg;
	const struct debug_settings *settings;
	struct dispatch *dispatch;
	struct broker *own; /* DEBUGGER_LISTEN */
	struct broker_tcp own_tcp;
	char own_token[33];
	struct sock_group sockets; /* to the broker, those that are being closed included */
	bool draining;

	/* the invocation; inst is NULL between two */
	struct instance *inst;
	struct event *event;   /* one reference */
	struct httpd_req *req; /* held; NULL: handed over, or the runtime has hung up */
	bool holding;
	debugger_hand_fn hand;
	int64_t deadline_us; /* as the runtime is told */
	int64_t left_us;     /* of the timeout, while it is off */

	/* the session */
	struct tls *tls; /* NULL = without TLS */
	struct ws_dial *dial;
	struct ws *broker;
	struct loop_timer retry;
	struct loop_timer ending;
	bool is_ending;	 /* the session outlives its invocation by a moment */
	bool complained; /* of the broker, for this invocation */
	bool attached;	 /* a debugger is there */
	struct debug_target *target;
	bool target_open;
	struct debug_stop *stop;
	bool stop_ready;
	bool has_spoken;       /* the debugger */
	bool configured;       /* the debugger has said that it is done with its preparations */
	bool will_say_ready;   /* it speaks a protocol in which it has to say so */
	bool debugger_enabled; /* it wants to hear of stops */
	enum release release;
	struct loop_timer quiet; /* since the last word of the debugger */
	int64_t attached_us;

	/* the messages under way */
	struct wire_reader reader;
	struct buf to_target;
	struct buf to_broker;
	bool broker_begun;
	struct buf early;   /* for the runtime, before its port is open: length and bytes of each message */
	struct buf sniffed; /* end of what the debugger has sent, in tcp mode */
};

/* debugger.c */
void debugger_user_joined(struct debugger *d);
void debugger_broker_closed(struct debugger *d, unsigned code, const char *reason);
void debugger_target_opened(struct debugger *d, const char *path);
void debugger_target_closed(struct debugger *d, const char *why);
/* Ends the session because a message cannot be passed on. */
void debugger_give_up(struct debugger *d, unsigned code, const char *why);
/* The debugger has spoken. */
void debugger_heard(struct debugger *d);

/* debug_flow.c */
extern const struct ws_ops debug_broker_ops;
extern const struct debug_target_ops debug_target_callbacks;
void debug_flow_opened(struct debugger *d); /* the runtime's port */
void debug_flow_reset(struct debugger *d);
void debug_flow_fini(struct debugger *d);

#endif
