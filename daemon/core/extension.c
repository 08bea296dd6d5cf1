/* SPDX-License-Identifier: Apache-2.0 */
/* Registration of extensions and what they are told. */
#include "core/extension.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/invocation.h"

static void forget(struct extension *x)
{
	while (!list_empty(&x->polls)) {
		list_unlink(x->polls.next);
	}
	event_unref(x->pending);
	x->pending = NULL;
	x->pending_shutdown = NULL;
}

void extension_set_reset(struct extension_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		forget(set->items[i]);
	}
	set->count = 0;
	set->invoke_count = 0;
	set->closed = false;
}

void extension_set_fini(struct extension_set *set)
{
	extension_set_reset(set);
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		free(set->items[i]);
		set->items[i] = NULL;
	}
}

struct extension *extension_add(struct extension_set *set, const char *name, bool external)
{
	struct extension *x;
	void *host;

	if (set->count == EXTENSIONS_MAX) {
		return NULL;
	}
	if (set->items[set->count] == NULL) {
		set->items[set->count] = xcalloc(1, sizeof(*x));
	}
	x = set->items[set->count++];
	host = x->host;
	memset(x, 0, sizeof(*x));
	x->host = host;
	snprintf(x->name, sizeof(x->name), "%s", name);
	x->external = external;
	list_init(&x->polls);
	return x;
}

struct extension *extension_find(struct extension_set *set, const char *id)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (set->items[i]->id[0] != '\0' && strcmp(set->items[i]->id, id) == 0) {
			return set->items[i];
		}
	}
	return NULL;
}

struct extension *extension_named(struct extension_set *set, const char *name)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (strcmp(set->items[i]->name, name) == 0) {
			return set->items[i];
		}
	}
	return NULL;
}

enum ext_verdict extension_register(struct extension_set *set, const char *name, unsigned events,
				    struct extension **out)
{
	struct extension *x = extension_named(set, name);

	if (*name == '\0') {
		return EXT_NO_NAME;
	}
	if (set->closed) {
		return EXT_CLOSED;
	}
	if (x != NULL && x->state != EXT_STARTED) {
		return EXT_TAKEN;
	}
	if (x == NULL) {
		if ((events & EXT_SHUTDOWN) != 0) {
			return EXT_NO_SHUTDOWN;
		}
		x = strlen(name) < EXTENSION_NAME_LEN ? extension_add(set, name, false) : NULL;
	}
	if (x == NULL) {
		return strlen(name) < EXTENSION_NAME_LEN ? EXT_TOO_MANY : EXT_NO_NAME;
	}
	text_uuid(x->id);
	x->events = events;
	x->state = EXT_REGISTERED;
	set->invoke_count += (events & EXT_INVOKE) != 0;
	*out = x;
	return EXT_OK;
}

/* The newest poll first: an older one may belong to a call that was given up. */
static bool deliver(struct extension *x, const struct ext_message *m)
{
	while (!list_empty(&x->polls)) {
		struct ext_poll *p = list_last(&x->polls, struct ext_poll, link);

		list_unlink(&p->link);
		if (p->ops->deliver(p, m) == 0) {
			return true;
		}
	}
	return false;
}

static void tell_invoke(struct extension *x)
{
	struct ext_message m = { .type = EXT_INVOKE, .event = x->pending, .deadline_us = x->pending_us };

	if (deliver(x, &m)) {
		event_unref(x->pending);
		x->pending = NULL;
	}
}

static void tell_shutdown(struct extension *x)
{
	struct ext_message m = { .type = EXT_SHUTDOWN, .reason = x->pending_shutdown, .deadline_us = x->pending_us };

	if (deliver(x, &m)) {
		x->pending_shutdown = NULL;
		x->told_shutdown = true;
	}
}

static void tell(struct extension *x)
{
	if (x->pending_shutdown != NULL) {
		tell_shutdown(x);
	} else if (x->pending != NULL) {
		tell_invoke(x);
	}
}

void extension_invoke(struct extension *x, struct event *ev, int64_t deadline_us)
{
	event_unref(x->pending);
	x->pending = event_ref(ev);
	x->pending_us = deadline_us;
	x->state = EXT_RUNNING;
	tell(x);
}

void extension_shutdown(struct extension *x, const char *reason, int64_t deadline_us)
{
	event_unref(x->pending);
	x->pending = NULL;
	x->pending_shutdown = reason;
	x->pending_us = deadline_us;
	tell(x);
}

enum ext_verdict extension_poll(struct extension *x, struct ext_poll *p)
{
	list_init(&p->link);
	if (x->state != EXT_REGISTERED && x->state != EXT_READY && x->state != EXT_RUNNING) {
		return EXT_INVALID_STATE;
	}
	/* With something waiting for it, this poll only fetches that: it is not done with it before the next one. */
	if (x->pending == NULL) {
		x->state = EXT_READY;
	}
	list_push_back(&x->polls, &p->link);
	tell(x);
	return EXT_OK;
}

/* An extension that hung up is as ready as before: what comes for it waits for its next poll. */
void extension_poll_gone(struct ext_poll *p)
{
	list_unlink(&p->link);
}

enum ext_verdict extension_fail(struct extension *x, bool init, const char *error_type)
{
	if (x->state == EXT_INIT_ERROR || x->state == EXT_EXIT_ERROR) {
		return EXT_OK;
	}
	if (x->state != EXT_REGISTERED && (init || (x->state != EXT_READY && x->state != EXT_RUNNING))) {
		return EXT_INVALID_STATE;
	}
	x->state = init ? EXT_INIT_ERROR : EXT_EXIT_ERROR;
	snprintf(x->error_type, sizeof(x->error_type), "%s", error_type);
	return EXT_OK;
}

static struct extension *first_in(const struct extension_set *set, unsigned states, unsigned events)
{
	for (unsigned i = 0; i < set->count; i++) {
		struct extension *x = set->items[i];

		if ((states & 1u << x->state) != 0 && (events == 0 || (x->events & events) != 0)) {
			return x;
		}
	}
	return NULL;
}

struct extension *extension_unregistered(const struct extension_set *set)
{
	return first_in(set, 1u << EXT_STARTED, 0);
}

struct extension *extension_uninitialised(const struct extension_set *set)
{
	return first_in(set, 1u << EXT_STARTED | 1u << EXT_REGISTERED, 0);
}

struct extension *extension_running(const struct extension_set *set)
{
	return first_in(set, 1u << EXT_RUNNING, EXT_INVOKE);
}

unsigned extension_alive(const struct extension_set *set)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set->count; i++) {
		n += set->items[i]->alive;
	}
	return n;
}

const char *ext_state_name(enum ext_state s)
{
	static const char *const names[EXT_STATE_COUNT] = {
		[EXT_STARTED] = "Started",
		[EXT_REGISTERED] = "Registered",
		[EXT_READY] = "Ready",
		[EXT_RUNNING] = "Running",
		[EXT_INIT_ERROR] = "InitError",
		[EXT_EXIT_ERROR] = "ExitError",
		[EXT_LAUNCH_ERROR] = "LaunchError",
		[EXT_EXITED] = "Exited",
		[EXT_SHUTDOWN_FAILED] = "ShutdownFailed",
	};

	return names[s];
}
