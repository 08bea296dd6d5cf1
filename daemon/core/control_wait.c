/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions: reading them, asking them. */
#include "core/control_wait.h"

#include <stdio.h>
#include <string.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/text.h"
#include "core/dispatch_control.h"

static const int64_t timeout_default_us = 10 * 1000 * 1000;
static const int64_t timeout_max_us = (int64_t)3600 * 1000 * 1000;

/* --- phases --- */

enum control_phase control_phase(struct dispatch *d)
{
	if (dispatch_draining(d)) {
		return CONTROL_SHUTDOWN;
	}
	if (dispatch_count(d, INST_BUSY) > 0) {
		return CONTROL_INVOKE;
	}
	if (dispatch_count(d, INST_IDLE) + dispatch_count(d, INST_SNAPSHOT) > 0) {
		return CONTROL_READY;
	}
	if (dispatch_count(d, INST_STARTING) + dispatch_count(d, INST_INIT) > 0) {
		return CONTROL_INIT;
	}
	return dispatch_count(d, INST_STOPPING) > 0 ? CONTROL_SHUTDOWN : CONTROL_NONE;
}

const char *control_phase_name(enum control_phase p)
{
	static const char *const names[CONTROL_PHASE_COUNT] = {
		[CONTROL_NONE] = "none",     [CONTROL_INIT] = "init",	      [CONTROL_READY] = "ready",
		[CONTROL_INVOKE] = "invoke", [CONTROL_SHUTDOWN] = "shutdown",
	};

	return names[p];
}

/* --- reading --- */

static const char *phase_at(unsigned i)
{
	return control_phase_name((enum control_phase)i);
}

static const char *inst_state_at(unsigned i)
{
	return inst_state_name((enum inst_state)i);
}

static const char *ext_state_at(unsigned i)
{
	return ext_state_name((enum ext_state)i);
}

static const char *call_state_at(unsigned i)
{
	return call_state_name((enum call_state)i);
}

static const char *counter_at(unsigned i)
{
	return journal_count_name((enum journal_count)i);
}

static const char *truth_at(unsigned i)
{
	return i == 0 ? "false" : "true";
}

/* One of `count` words. fallback -1: it has to be there. */
static int read_word(const struct control_params *p, const char *name, const char *(*word)(unsigned), unsigned count,
		     int fallback, unsigned *out, struct err *err)
{
	const char *value = control_param(p, name);
	char allowed[256] = "";
	size_t len = 0;

	if (value == NULL && fallback >= 0) {
		*out = (unsigned)fallback;
		return 0;
	}
	for (unsigned i = 0; i < count; i++) {
		size_t n = strlen(word(i));

		if (value != NULL && strcmp(value, word(i)) == 0) {
			*out = i;
			return 0;
		}
		if (len + n + 2 < sizeof(allowed)) {
			len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s%s", len > 0 ? ", " : "",
						word(i));
		}
	}
	return value == NULL ? err_set(err, 1, "%s is missing; expected one of: %s", name, allowed)
			     : err_set(err, 1, "%s=%.100s: expected one of: %s", name, value, allowed);
}

static int read_text(const struct control_params *p, const char *name, const char **out, struct err *err)
{
	*out = control_param(p, name);
	return *out != NULL && **out != '\0' ? 0 : err_set(err, 1, "%s is missing", name);
}

int control_param_slot(const struct control_params *p, const struct dispatch *d, int *slot, struct err *err)
{
	uint64_t value;

	*slot = -1;
	if (control_param(p, "environment") == NULL) {
		return 0;
	}
	if (control_param_u64(p, "environment", dispatch_slots(d) - 1, 0, &value, err) != 0) {
		return -1;
	}
	*slot = (int)value;
	return 0;
}

static int read_timeout(struct control_wait *w, struct err *err)
{
	const char *value = control_param(&w->params, "timeout");

	w->timeout_us = timeout_default_us;
	if (value != NULL && (!text_to_us(value, &w->timeout_us) || w->timeout_us > timeout_max_us)) {
		return err_set(err, 1, "timeout=%.100s: expected seconds from 0 to 3600", value);
	}
	return 0;
}

int control_filter_init(struct control_filter *f, const struct control_params *p, const struct dispatch *d,
			struct err *err)
{
	f->type = control_param(p, "type");
	f->request_id = control_param(p, "requestId");
	f->contains = control_param(p, "contains");
	if (control_param_slot(p, d, &f->slot, err) != 0) {
		return -1;
	}
	return control_param_u64(p, "after", UINT64_MAX, 0, &f->after, err);
}

static const struct {
	const char *name;
	const char *params;
} kinds[WAIT_KIND_COUNT] = {
	[WAIT_PHASE] = { "phase", "for timeout phase" },
	[WAIT_ENVIRONMENT] = { "environment", "for timeout environment state" },
	[WAIT_EXTENSION] = { "extension", "for timeout environment name state" },
	[WAIT_EXTENSIONS] = { "extensions", "for timeout environment count state" },
	[WAIT_FROZEN] = { "frozen", "for timeout environment value" },
	[WAIT_INVOCATION] = { "invocation", "for timeout id state" },
	[WAIT_COUNT] = { "count", "for timeout name count" },
	[WAIT_TELEMETRY] = { "telemetry", "for timeout type requestId contains environment after count" },
};

static const char *kind_at(unsigned i)
{
	return kinds[i].name;
}

static int read_kind(struct control_wait *w, const struct dispatch *d, struct err *err)
{
	const struct control_params *p = &w->params;

	switch (w->kind) {
	case WAIT_PHASE:
		return read_word(p, "phase", phase_at, CONTROL_PHASE_COUNT, -1, &w->state, err);
	case WAIT_ENVIRONMENT:
		return read_word(p, "state", inst_state_at, INST_COUNT, -1, &w->state, err);
	case WAIT_EXTENSION:
		if (read_text(p, "name", &w->name, err) != 0) {
			return -1;
		}
		return read_word(p, "state", ext_state_at, EXT_STATE_COUNT, EXT_REGISTERED, &w->state, err);
	case WAIT_EXTENSIONS:
		return read_word(p, "state", ext_state_at, EXT_STATE_COUNT, EXT_REGISTERED, &w->state, err);
	case WAIT_FROZEN:
		return read_word(p, "value", truth_at, 2, 1, &w->state, err);
	case WAIT_INVOCATION:
		if (read_text(p, "id", &w->name, err) != 0) {
			return -1;
		}
		return read_word(p, "state", call_state_at, CALL_STATE_COUNT, CALL_FINISHED, &w->state, err);
	case WAIT_COUNT:
		return read_word(p, "name", counter_at, COUNT_COUNT, -1, &w->state, err);
	case WAIT_TELEMETRY:
		if (control_filter_init(&w->filter, p, d, err) != 0) {
			return -1;
		}
		w->looked = w->filter.after;
		return 0;
	case WAIT_KIND_COUNT:
		break;
	}
	return -1;
}

int control_wait_init(struct control_wait *w, struct control_params *params, struct dispatch *d, struct err *err)
{
	unsigned kind;

	memset(w, 0, sizeof(*w));
	w->params = *params;
	params->count = 0;
	if (read_word(&w->params, "for", kind_at, WAIT_KIND_COUNT, -1, &kind, err) != 0) {
		return -1;
	}
	w->kind = (enum control_wait_kind)kind;
	if (control_params_only(&w->params, kinds[kind].params, err) != 0 || read_timeout(w, err) != 0 ||
	    control_param_slot(&w->params, d, &w->slot, err) != 0 ||
	    control_param_u64(&w->params, "count", UINT64_MAX, 1, &w->count, err) != 0) {
		return -1;
	}
	return read_kind(w, d, err);
}

void control_wait_fini(struct control_wait *w)
{
	control_params_fini(&w->params);
}

/* --- asking --- */

static bool is_live(const struct instance *inst)
{
	return inst->state != INST_DEAD;
}

/* Registered is what an extension stays; the other states are told apart. */
static bool extension_is(const struct extension *x, enum ext_state state)
{
	if (state == EXT_REGISTERED) {
		return x->state == EXT_REGISTERED || x->state == EXT_READY || x->state == EXT_RUNNING;
	}
	return x->state == state;
}

/* How many extensions of inst are so. */
static uint64_t count_extensions(const struct control_wait *w, const struct instance *inst)
{
	const struct extension_set *set = &inst->extensions;
	uint64_t n = 0;

	for (unsigned i = 0; i < set->count; i++) {
		const struct extension *x = set->items[i];

		if ((w->name == NULL || strcmp(w->name, x->name) == 0) && extension_is(x, (enum ext_state)w->state)) {
			n++;
		}
	}
	return n;
}

/* How many of the environments that the wait is about are so, each with its weight. */
static uint64_t weigh(const struct control_wait *w, struct dispatch *d,
		      uint64_t (*weight)(const struct control_wait *w, const struct instance *inst))
{
	uint64_t n = 0;

	for (unsigned i = 0; i < dispatch_slots(d); i++) {
		if (w->slot < 0 || w->slot == (int)i) {
			n += weight(w, dispatch_instance(d, i));
		}
	}
	return n;
}

static uint64_t in_state(const struct control_wait *w, const struct instance *inst)
{
	return inst->state == (enum inst_state)w->state;
}

static uint64_t alive(const struct control_wait *w, const struct instance *inst)
{
	(void)w;
	return is_live(inst);
}

static uint64_t frozen_so(const struct control_wait *w, const struct instance *inst)
{
	return is_live(inst) && inst->frozen == (w->state == 1);
}

bool control_filter_takes(const struct control_filter *f, const struct capture *e)
{
	return e->seq > f->after && (f->slot < 0 || f->slot == (int)e->slot) &&
	       (f->type == NULL || strcmp(f->type, e->type) == 0) &&
	       (f->request_id == NULL || strcmp(f->request_id, e->request_id) == 0) &&
	       (f->contains == NULL || memmem(e->text->data, e->text->len, f->contains, strlen(f->contains)) != NULL);
}

/* Only what has come since the last time. */
static bool telemetry_met(struct control_wait *w, const struct journal *j)
{
	const struct list *events = journal_events(j);
	const struct list *pos = events->prev;

	while (pos != events && container_of(pos, struct capture, link)->seq > w->looked) {
		const struct capture *e = container_of(pos, struct capture, link);

		w->matched += control_filter_takes(&w->filter, e);
		pos = pos->prev;
	}
	if (journal_next_seq(j) - 1 > w->looked) {
		w->looked = journal_next_seq(j) - 1;
	}
	return w->matched >= w->count;
}

static enum control_verdict call_verdict(const struct control_wait *w, const struct journal *j)
{
	const struct call *c = journal_call(j, w->name);

	if (c == NULL) {
		return CONTROL_LOST;
	}
	if (c->state == CALL_CANCELLED) {
		return CONTROL_MET;
	}
	return c->state >= (enum call_state)w->state ? CONTROL_MET : CONTROL_WAIT_ON;
}

enum control_verdict control_wait_check(struct control_wait *w, const struct journal *j, struct dispatch *d)
{
	bool met = false;

	switch (w->kind) {
	case WAIT_PHASE:
		met = control_phase(d) == (enum control_phase)w->state;
		break;
	case WAIT_ENVIRONMENT:
		met = weigh(w, d, in_state) > 0;
		break;
	case WAIT_EXTENSION:
	case WAIT_EXTENSIONS:
		met = weigh(w, d, count_extensions) >= w->count;
		break;
	case WAIT_FROZEN:
		met = weigh(w, d, frozen_so) > 0 && weigh(w, d, frozen_so) == weigh(w, d, alive);
		break;
	case WAIT_INVOCATION:
		return call_verdict(w, j);
	case WAIT_COUNT:
		met = journal_count(j, (enum journal_count)w->state) >= w->count;
		break;
	case WAIT_TELEMETRY:
		met = telemetry_met(w, j);
		break;
	case WAIT_KIND_COUNT:
		break;
	}
	return met ? CONTROL_MET : CONTROL_WAIT_ON;
}
