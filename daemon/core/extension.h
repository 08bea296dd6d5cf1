/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extensions of one execution environment: who is registered, for what, and who is waiting for its next event.
 * Only states and rules; when an environment is ready, fails or shuts down is decided in core/dispatch*.c.
 *
 * The states are those of AWS's Extensions API, their names are part of its 403 texts:
 *
 *	Started -> Registered -> Ready <-> Running      Registered -> InitError, Registered|Ready|Running -> ExitError
 *	LaunchError; at the end Exited or ShutdownFailed
 */
#ifndef CORE_EXTENSION_H
#define CORE_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "base/text.h"

struct event;
struct ext_poll;
struct extension;

#define EXTENSIONS_MAX 10
#define EXTENSION_NAME_LEN 256 /* of a file, with its NUL */

enum ext_state {
	EXT_STARTED, /* launched, not registered yet */
	EXT_REGISTERED,
	EXT_READY, /* waits for an event */
	EXT_RUNNING,
	EXT_INIT_ERROR,
	EXT_EXIT_ERROR,
	EXT_LAUNCH_ERROR,
	EXT_EXITED,
	EXT_SHUTDOWN_FAILED,
	EXT_STATE_COUNT, // keep last
};

enum ext_event { EXT_INVOKE = 1, EXT_SHUTDOWN = 2 };

enum ext_verdict {
	EXT_OK,
	EXT_NO_NAME,
	EXT_CLOSED, /* registration is */
	EXT_TAKEN,  /* the name is */
	EXT_TOO_MANY,
	EXT_NO_SHUTDOWN,   /* an internal one cannot have it */
	EXT_INVALID_STATE, /* from x->state */
};

/* What an extension is told. deadline_us is monotonic; reason is "spindown", "timeout" or "failure" for SHUTDOWN. */
struct ext_message {
	enum ext_event type;
	const struct event *event; /* INVOKE */
	int64_t deadline_us;
	const char *reason;
};

struct ext_poll_ops {
	/* Answers the waiting event/next; the poll is off every list. -1: its peer has gone. */
	int (*deliver)(struct ext_poll *p, const struct ext_message *m);
};

/* A waiting event/next. Embedded in the Extensions API's request. */
struct ext_poll {
	const struct ext_poll_ops *ops;
	struct list link; // extension::polls
};

struct extension {
	char name[EXTENSION_NAME_LEN];
	char id[UUID_LEN]; /* Lambda-Extension-Identifier; "" before it is registered */
	enum ext_state state;
	bool external;	 /* a process of its own that the daemon has started */
	bool alive;	 /* external: its process runs */
	unsigned events; /* of enum ext_event */
	char error_type[80];
	void *host; /* the edge's data: its process */
	/* private to core */
	struct list polls;	      // ext_poll::link, oldest first
	struct event *pending;	      /* an INVOKE that it has not been told yet; one reference */
	int64_t pending_us;	      /* deadline of what is pending */
	const char *pending_shutdown; /* reason of a SHUTDOWN that it has not been told yet */
	bool told_shutdown;
};

/* Those of one environment. Places are reused by the next one; a pointer to an extension is good until LC_GONE. */
struct extension_set {
	unsigned count;
	unsigned invoke_count;			 /* how many take INVOKE */
	bool closed;				 /* registration is */
	struct extension *items[EXTENSIONS_MAX]; /* allocated on demand, kept */
};

void extension_set_reset(struct extension_set *set); /* a new environment: nobody is there, registration is open */
void extension_set_fini(struct extension_set *set);

/* One that is about to be launched. NULL: there are too many. */
struct extension *extension_add(struct extension_set *set, const char *name, bool external) MUST_CHECK;
struct extension *extension_find(struct extension_set *set, const char *id); /* by identifier; NULL: unknown */
struct extension *extension_named(struct extension_set *set, const char *name);

/* EXT_OK: *out is the extension, with an identifier. */
enum ext_verdict extension_register(struct extension_set *set, const char *name, unsigned events,
				    struct extension **out) MUST_CHECK;

/* Each is given at once to one that waits, else to its next event/next. Of two INVOKEs the older is lost: that takes an
 * extension which is late and an environment that does not wait for it. */
void extension_invoke(struct extension *x, struct event *ev, int64_t deadline_us);
void extension_shutdown(struct extension *x, const char *reason, int64_t deadline_us);
/* It waits (again). */
enum ext_verdict extension_poll(struct extension *x, struct ext_poll *p) MUST_CHECK;
void extension_poll_gone(struct ext_poll *p);
/* init/error (fatal before it is ready) or exit/error. The first error stays. */
enum ext_verdict extension_fail(struct extension *x, bool init, const char *error_type) MUST_CHECK;

/* Those that are not registered / not ready after init / not done with the event. NULL: all are. */
struct extension *extension_unregistered(const struct extension_set *set);
struct extension *extension_uninitialised(const struct extension_set *set);
struct extension *extension_running(const struct extension_set *set);
unsigned extension_alive(const struct extension_set *set); /* processes */

const char *ext_state_name(enum ext_state s); /* AWS's spelling */

#endif
