/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of one runtime or extension write: stdout, stderr and the telemetry log descriptor. Lines are passed to the sink whole,
 * so that the output of several runtimes never mixes inside a line. Only '\n' ends a line: runtime clients write '\r'
 * inside one log event on purpose.
 */
#ifndef EDGE_OUTPUT_H
#define EDGE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/list.h"
#include "loop/loop.h"

struct extension;
struct sink;

enum output_stream { OUTPUT_STDOUT, OUTPUT_STDERR, OUTPUT_FRAMES, OUTPUT_STREAMS };

/* One line or frame, without the '\n' that ended it. Borrowed. */
struct output_log {
	const struct extension *extension; /* NULL = of the runtime */
	const char *line;
	size_t len;
	int64_t wall_ms;
	bool json; /* the runtime says that it is JSON */
};

/* Is told every one of them; one for all outputs of an environment. */
struct output_tap {
	void (*fn)(void *ctx, const struct output_log *log); /* NULL: nobody wants to know */
	void *ctx;
};

struct output {
	const struct output_tap *tap; /* NULL = none; the owner sets it after output_init() */
	bool shared;		      /* several events run: a line belongs to the one whose id is in it */
	/* private */
	struct loop *loop;
	struct sink *sink;
	struct extension *extension; /* whose output it is; NULL = the runtime's */
	struct list tails;	     // output_tail::link: log text of running events whose callers asked for it
	struct list attached;	     // output_pipe::link
	unsigned attached_count;
	struct output_pipe {
		struct output *home;
		struct loop_fd source;
		int fd; /* read end; -1 = closed */
		bool frames;
		struct buf partial; /* begun line or frame */
		struct list link;   // output::attached
		struct loop_grave grave;
	} pipes[OUTPUT_STREAMS];
};

void output_init(struct output *o, struct loop *loop, struct sink *sink);
/* Makes the pipes and reads them from now on. child_ends are the caller's to close, after the spawn. 0 or -errno. */
int output_open(struct output *o, int child_ends[OUTPUT_STREAMS]) MUST_CHECK;
/* One more stream of lines; fd is moved. 0 or -errno. */
int output_attach(struct output *o, int fd) MUST_CHECK;
/* Does anybody but the sink get what is written? */
bool output_is_watched(const struct output *o);
/* Reads whatever has been written so far. */
void output_collect(struct output *o);
/* What was begun and nobody has gone on with so far becomes a line. */
void output_end_lines(struct output *o);
/* As above, then closes the pipes; a line that was begun is ended. */
void output_close(struct output *o);
void output_fini(struct output *o);		 /* closes it as well */
void output_pause(struct output *o, bool pause); /* the sink is full / has space */

/* The log tail of an event: from start on every line of it is kept as well, the last 4 KB of it at least. */
void output_tail_start(struct output *o, const char *id);
/* As above, and begins with what the tail of another has so far, if that was started. */
void output_tail_start_with(struct output *o, const char *id, const char *other);
void output_tail_add(struct output *o, const char *id, const char *data, size_t len);
/* The last 4 KB, NULL if it was not started. */
struct blob *output_tail_take(struct output *o, const char *id) MUST_CHECK;

#endif
