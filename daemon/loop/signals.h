/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals as loop events, by signalfd. signals_block() comes first thing in main, before any thread exists, so that
 * every thread a library starts inherits the mask. SIGPIPE and SIGXFSZ are ignored.
 */
#ifndef LOOP_SIGNALS_H
#define LOOP_SIGNALS_H

#include "base/attr.h"

struct loop;
struct signals;

/* Called once per fetched signal; signals of one kind coalesce, so a SIGCHLD means "at least one". */
typedef void (*signals_fn)(void *ctx, int signo);

void signals_block(void); /* CHLD TERM INT QUIT USR1 and HUP (unless ignored: nohup) blocked, PIPE and XFSZ ignored */
struct signals *signals_new(struct loop *loop, signals_fn fn, void *ctx) MUST_CHECK; /* NULL with errno set */
void signals_free(struct signals *s);
/* Without the loop: from now on a signal that would end the program ends it at once, with 1; also one that is pending. */
void signals_end_at_once(void);

#endif
