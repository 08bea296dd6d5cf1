/* SPDX-License-Identifier: Apache-2.0 */
/* The window of events between input and output. */
#include "edge/cli_run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "edge/cli_args.h"
#include "edge/cli_context.h"
#include "edge/cli_input.h"
#include "edge/cli_print.h"
#include "edge/event_fields.h"
#include "edge/invoker.h"
#include "loop/loop.h"

/* Lines that are looked at before others get their turn. */
static const unsigned lines_per_turn = 256;
static const int64_t progress_first_us = 500 * 1000;
static const int64_t progress_us = 200 * 1000;
/* What running events have when the user has had enough. */
static const int64_t patience_us = 1000 * 1000;

struct item {
	struct cli_run *home;
	struct invocation inv;
	struct list link; // cli_run::items
	struct cli_result result;
	bool done;
};

struct cli_run {
	struct cli_run_deps deps;
	struct cli_input *input;
	struct list items; // item::link, as they were read
	unsigned held;	   /* on the list */
	unsigned running;
	uint64_t events;
	uint64_t failed;
	bool ended; /* the input */
	bool stopped;
	bool broken_input;
	bool not_found; /* the function, by emulambda's understanding */
	bool ever_ran;
	bool gave_up;
	bool never_read; /* the one event, before an interrupt */
	bool over;
	struct loop_timer pump_timer;
	struct loop_timer progress_timer;
	struct loop_timer patience_timer;
	int64_t began_us;
	int64_t over_us;
};

static void wake(struct cli_run *r)
{
	loop_timer_set(r->deps.loop, &r->pump_timer, loop_now_us(r->deps.loop));
}

static void free_item(struct item *it)
{
	list_unlink(&it->link);
	it->home->held--;
	blob_unref(it->result.body);
	invocation_fini(&it->inv);
	free(it);
}

/* --- ends --- */

/* The function itself is missing or broken: the next event would fare no better. */
static bool is_load_failure(const struct cli_run *r, const struct item *it)
{
	static const char *const types[] = { "Runtime.ImportModuleError", "Runtime.HandlerNotFound",
					     "Runtime.MalformedHandlerName", "Runtime.UserCodeSyntaxError" };
	char type[64];

	if (it->result.kind == OUTCOME_INIT_ERROR) {
		return !r->ever_ran;
	}
	if (!r->deps.args->compat || it->result.kind != OUTCOME_ERROR) {
		return false;
	}
	cli_error_type(it->result.body, type, sizeof(type));
	for (size_t i = 0; i < countof(types); i++) {
		if (strcmp(type, types[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void drop(struct item *it)
{
	struct cli_run *r = it->home;

	if (!it->done) {
		r->deps.invoker->cancel(r->deps.invoker, &it->inv);
		r->running--;
		r->gave_up = true;
	}
	free_item(it);
}

static void drop_all(struct cli_run *r, bool done_too)
{
	struct list *pos, *tmp;

	list_foreach_safe(&r->items, pos, tmp) {
		struct item *it = container_of(pos, struct item, link);

		if (!it->done || done_too) {
			drop(it);
		}
	}
	wake(r);
}

static void stop(struct cli_run *r)
{
	r->stopped = true;
	r->ended = true;
}

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct item *it = container_of(inv, struct item, inv);
	struct cli_run *r = it->home;

	it->done = true;
	it->result.kind = out->kind;
	it->result.body = blob_ref(out->body);
	it->result.run.failed = out->kind != OUTCOME_RESPONSE;
	it->result.run.timed_out = out->kind == OUTCOME_TIMEOUT;
	r->running--;
	wake(r);
}

static const struct invocation_ops item_ops = { .done = on_done };

void cli_run_measured(struct cli_run *r, const struct event *ev, bool ran, int64_t clock_us, int64_t init_us,
		      uint64_t memory)
{
	struct list *pos;

	r->ever_ran = r->ever_ran || ran;
	list_foreach(&r->items, pos) {
		struct item *it = container_of(pos, struct item, link);

		if (it->inv.event == ev) {
			it->result.run.measured = ran;
			it->result.run.clock_us = clock_us;
			it->result.run.init_us = ran ? init_us : -1;
			it->result.run.memory = memory;
			return;
		}
	}
}

/* --- out --- */

static void end(struct cli_run *r)
{
	r->over = true;
	r->over_us = loop_now_us(r->deps.loop);
	loop_timer_clear(r->deps.loop, &r->progress_timer);
	loop_timer_clear(r->deps.loop, &r->patience_timer);
	r->deps.finished(r->deps.ctx);
}

/* What is done, up to the first that is not. */
static void release(struct cli_run *r)
{
	struct item *it;

	while ((it = list_first(&r->items, struct item, link)) != NULL && it->done &&
	       !cli_print_full(r->deps.print)) {
		bool missing = is_load_failure(r, it);

		if (missing && r->deps.args->compat) {
			cli_print_report(r->deps.print, "\nOops! There was a problem finding your function.\n");
		}
		cli_print_result(r->deps.print, &it->result);
		profile_add(r->deps.profile, &it->result.run);
		r->failed += it->result.run.failed;
		free_item(it);
		if (missing) {
			r->not_found = true;
			stop(r);
			drop_all(r, true);
		}
	}
}

/* --- in --- */

static struct event *make_event(const struct cli_run *r, const struct line *line)
{
	const struct cli_run_deps *d = &r->deps;
	struct event *ev = event_new();

	ev->body = blob_copy(line->text, line->len);
	ev->content_type = xstrdup("application/json");
	ev->arn = xstrdup(d->arn);
	ev->function = xstrdup(d->function);
	ev->want_tail = d->args->verbose || d->args->report != NULL;
	ev->unlimited = d->args->timeout_given && d->args->timeout_us == 0;
	event_set_trace(ev, NULL);
	cli_context_to_event(d->context, ev, clock_wall_ms());
	return ev;
}

static void submit(struct cli_run *r, const struct line *line)
{
	struct item *it = xcalloc(1, sizeof(*it));

	it->home = r;
	it->result.number = ++r->events;
	it->result.line = line->number;
	it->result.run.init_us = -1;
	cli_print_head(line, &it->result);
	invocation_init(&it->inv, &item_ops, make_event(r, line));
	it->inv.bounded = true;
	list_push_back(&r->items, &it->link);
	r->held++;
	r->running++;
	r->deps.invoker->submit(r->deps.invoker, &it->inv);
}

static bool is_blank(const struct line *line)
{
	for (size_t i = 0; i < line->len; i++) {
		/* Not strchr: it finds a NUL, too. */
		if (memchr(" \t\r\n", line->text[i], 4) == NULL) {
			return false;
		}
	}
	return true;
}

static void bad_line(struct cli_run *r, const struct line *line, const char *why)
{
	r->deps.profile->bad_lines++;
	r->broken_input = r->broken_input || !r->deps.args->stream;
	cli_print_bad_line(r->deps.print, line, why);
}

static void take_line(struct cli_run *r, const struct line *line)
{
	struct json_slice event;

	if (is_blank(line) && r->deps.args->stream) {
		return;
	}
	if (!json_scan_text(line->text, line->len, &event)) {
		bad_line(r, line, "not JSON");
		return;
	}
	submit(r, line);
}

/* false: there is nothing to be had now. */
static bool take(struct cli_run *r)
{
	struct line line = { NULL, 0, 0 };

	switch (cli_input_next(r->input, &line)) {
	case CLI_INPUT_EVENT:
		take_line(r, &line);
		return true;
	case CLI_INPUT_TOO_LONG:
		bad_line(r, &line, "longer than 6291456 bytes, the most that Lambda takes");
		return true;
	case CLI_INPUT_END:
		r->ended = true;
		return false;
	case CLI_INPUT_FAILED:
		r->ended = true;
		r->broken_input = true;
		cli_print_note(r->deps.print, "%s: cannot be read: %s", r->deps.args->events,
			       cli_input_error(r->input));
		return false;
	case CLI_INPUT_WAIT:
		break;
	}
	return false;
}

/* Events that wait for an earlier one to be printed are bounded, too. */
static unsigned window(const struct cli_run *r)
{
	return 4 * r->deps.at_once + 16;
}

static void pump(void *ctx)
{
	struct cli_run *r = ctx;
	unsigned lines = 0;

	if (r->over) {
		return;
	}
	release(r);
	while (!r->ended && r->running < r->deps.at_once && r->held < window(r) && !cli_print_full(r->deps.print)) {
		if (++lines > lines_per_turn) {
			wake(r);
			return;
		}
		if (!take(r)) {
			break;
		}
	}
	if (r->ended && r->held == 0) {
		end(r);
	}
}

static void on_input(void *ctx)
{
	wake(ctx);
}

static void on_progress(void *ctx)
{
	struct cli_run *r = ctx;
	uint64_t size;
	uint64_t done = cli_input_read(r->input, &size);

	cli_print_progress(r->deps.print, r->deps.profile, cli_run_elapsed_us(r), done, size);
	loop_timer_set(r->deps.loop, &r->progress_timer, loop_now_us(r->deps.loop) + progress_us);
}

static void on_patience(void *ctx)
{
	struct cli_run *r = ctx;

	cli_print_note(r->deps.print, "interrupted: %u events were given up", r->running);
	drop_all(r, false);
}

void cli_run_interrupt(struct cli_run *r)
{
	bool again = r->stopped || !r->deps.args->stream;

	if (r->over) {
		return;
	}
	if (!r->deps.args->stream && r->events == 0 && !r->never_read) {
		r->never_read = true;
		cli_print_note(r->deps.print, "interrupted: the event was not read to its end");
	}
	stop(r);
	if (r->running == 0) {
		wake(r);
		return;
	}
	loop_timer_set(r->deps.loop, &r->patience_timer, loop_now_us(r->deps.loop) + (again ? 0 : patience_us));
}

void cli_run_resume(struct cli_run *r)
{
	wake(r);
}

void cli_run_start(struct cli_run *r)
{
	r->began_us = loop_now_us(r->deps.loop);
	if (r->deps.args->stream && !r->deps.args->verbose && isatty(STDERR_FILENO)) {
		loop_timer_set(r->deps.loop, &r->progress_timer, r->began_us + progress_first_us);
	}
	if (r->deps.args->stream && r->deps.args->verbose) {
		cli_print_report(r->deps.print, "Entering stream mode.\n");
	}
	wake(r);
}

struct cli_run *cli_run_new(const struct cli_run_deps *deps, struct err *err)
{
	struct cli_run *r = xcalloc(1, sizeof(*r));

	r->deps = *deps;
	list_init(&r->items);
	loop_timer_init(&r->pump_timer, pump, r);
	loop_timer_init(&r->progress_timer, on_progress, r);
	loop_timer_init(&r->patience_timer, on_patience, r);
	r->input = cli_input_new(deps->loop, deps->args->events, deps->args->stream, on_input, r, err);
	if (r->input == NULL) {
		cli_run_free(r);
		return NULL;
	}
	return r;
}

void cli_run_free(struct cli_run *r)
{
	if (r == NULL) {
		return;
	}
	drop_all(r, true);
	loop_timer_clear(r->deps.loop, &r->pump_timer);
	loop_timer_clear(r->deps.loop, &r->progress_timer);
	loop_timer_clear(r->deps.loop, &r->patience_timer);
	cli_input_free(r->input);
	free(r);
}

int cli_run_exit_code(const struct cli_run *r)
{
	bool lost = r->gave_up || r->never_read;

	if (r->deps.args->compat) {
		return r->not_found || r->broken_input || r->deps.profile->bad_lines > 0 || lost ? 1 : 0;
	}
	if (r->broken_input) {
		return 2;
	}
	return r->failed > 0 || r->deps.profile->bad_lines > 0 || lost ? 1 : 0;
}

int64_t cli_run_elapsed_us(const struct cli_run *r)
{
	return (r->over ? r->over_us : loop_now_us(r->deps.loop)) - r->began_us;
}

bool cli_run_gave_up(const struct cli_run *r)
{
	return r->gave_up;
}
