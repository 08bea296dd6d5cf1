/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an AMQP thread. */
#include "io/amqp_worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

/* A broker that comes back is noticed fast for a while; a connect that is refused costs next to nothing. */
static const int64_t eager_us = (int64_t)60 * 1000000;
static const int64_t eager_wait_us = 100 * 1000;
static const int64_t complain_every_us = 10 * 1000000;
static const unsigned complaints_at_start = 10;
static const int64_t short_life_us = 1000000;
/* A thread that has said that it ended has this long to return. */
static const int64_t join_wait_ms = 1000;

void amqp_worker_tell(struct amqp_worker *w, enum amqp_kind kind, const char *text)
{
	struct amqp_mail *m = amqp_mail_new(kind);

	m->publisher = w->publisher;
	m->text = xstrdup(text);
	mailbox_send(w->outbox, &m->mail);
}

void amqp_worker_send(struct amqp_worker *w, enum amqp_kind kind, struct amqp_tag tag)
{
	struct amqp_mail *m = amqp_mail_new(kind);

	m->tag = tag;
	mailbox_send(w->inbox, &m->mail);
}

/* us, more or less a quarter: many daemons that lost the same broker must not all come back in the same instant. */
static int64_t jitter(struct amqp_worker *w, int64_t us)
{
	return us * 3 / 4 + us / 2 * (rand_r(&w->seed) % 1000) / 1000;
}

static void plan_retry(struct amqp_worker *w, int64_t now_us)
{
	bool eager = w->ever_up && now_us - w->down_since_us < eager_us;
	/* retry_delay may be 0: that must not become a loop that only spins. */
	int64_t wait = eager || w->uri->retry_delay_us < eager_wait_us ? eager_wait_us : w->uri->retry_delay_us;

	w->next_try_us = now_us + jitter(w, wait);
}

static const char *role(const struct amqp_worker *w)
{
	return w->publisher ? "publisher" : "consumer";
}

static bool is_through(const struct amqp_worker *w)
{
	return w->stopping && w->ops->done(w);
}

static void lose(struct amqp_worker *w, const char *why)
{
	amqp_conn_close(&w->conn, false);
	w->up = false;
	w->down_since_us = clock_mono_us();
	w->complained_us = w->down_since_us;
	/* At once, unless this happens all the time: then something is wrong that a new connection does not mend. */
	w->failures = w->down_since_us - w->up_since_us < short_life_us ? w->failures + 1 : 0;
	w->next_try_us = w->down_since_us;
	if (w->failures > 1) {
		plan_retry(w, w->down_since_us);
	}
	if (!is_through(w)) {
		log_warn("AMQP connection lost, reconnecting role=%s reason=\"%s\"", role(w), why);
	}
	w->ops->lost(w, why);
	amqp_worker_tell(w, AMQP_DOWN, why);
}

static int failed_try(struct amqp_worker *w, const struct err *err)
{
	int64_t now_us = clock_mono_us();

	w->failures++;
	if (!w->ever_up && w->failures >= w->uri->connection_attempts) {
		amqp_worker_tell(w, AMQP_FAILED, err->msg);
		return -1;
	}
	if ((!w->ever_up && w->failures <= complaints_at_start) || now_us - w->complained_us >= complain_every_us) {
		w->complained_us = now_us;
		log_warn("AMQP no connection yet, reconnecting role=%s host=%s port=%u attempt=%u reason=\"%s\"",
			 role(w), w->uri->host, w->uri->port, w->failures, err->msg);
	}
	plan_retry(w, now_us);
	return 0;
}

/* 0, or -1: give up. */
static int try_connect(struct amqp_worker *w)
{
	struct err err = ERR_INIT;

	w->generation++;
	if (amqp_conn_open(&w->conn, w->uri, w->name, &err) != 0) {
		return failed_try(w, &err);
	}
	log_info("AMQP connected role=%s host=%s port=%u vhost=%s tls=%s", role(w), w->uri->host, w->uri->port,
		 w->uri->vhost, w->uri->tls ? "yes" : "no");
	if (w->ops->opened(w, &err) != 0) {
		amqp_conn_close(&w->conn, false);
		return failed_try(w, &err);
	}
	w->up = true;
	w->ever_up = true;
	w->up_since_us = clock_mono_us();
	return 0;
}

static int read_events(struct amqp_worker *w, struct err *err)
{
	struct amqp_event ev;
	int r;

	while ((r = amqp_conn_next(&w->conn, &ev, err)) > 0) {
		if (w->ops->event(w, &ev, err) != 0) {
			return -1;
		}
	}
	return r;
}

static int read_mails(struct amqp_worker *w, struct err *err)
{
	struct list mails = LIST_INIT(mails);
	struct list *pos, *tmp;
	int r = 0;

	mailbox_take(w->inbox, &mails);
	list_foreach_safe(&mails, pos, tmp) {
		struct amqp_mail *m = container_of(pos, struct amqp_mail, mail.link);

		list_unlink(pos);
		if (m->kind == AMQP_STOP) {
			w->stopping = true;
			amqp_mail_free(m);
		} else if (w->ops->mail(w, m, err) != 0) {
			/* The others are still taken in: they are not lost with the connection. */
			r = -1;
		}
	}
	return r;
}

/* Milliseconds until something has to be done without being asked. */
static int wait_ms(const struct amqp_worker *w)
{
	int64_t wait;

	if (w->up && amqp_conn_has_input(&w->conn)) {
		/* Deliveries that came in one piece with the answer to basic.consume: the socket says nothing of them. */
		return 0;
	}
	if (w->up) {
		/* The library sends a heartbeat after half of the interval, when it is asked. */
		return w->uri->heartbeat_s > 0 ? (int)w->uri->heartbeat_s * 500 : -1;
	}
	wait = (w->next_try_us - clock_mono_us() + 999) / 1000;
	return wait > 0 ? (int)wait : 0;
}

static void wait_for_work(struct amqp_worker *w)
{
	struct pollfd fds[] = { { .fd = mailbox_fd(w->inbox), .events = POLLIN }, { .fd = -1, .events = POLLIN } };

	if (w->up) {
		fds[1].fd = amqp_conn_fd(&w->conn);
	}
	if (poll(fds, countof(fds), wait_ms(w)) < 0 && errno != EINTR) {
		log_error("AMQP poll failed errno=%d", errno);
	}
}

static int converse(struct amqp_worker *w, struct err *err)
{
	int more;

	do {
		if (read_events(w, err) != 0) {
			return -1;
		}
		more = w->ops->flush(w, err);
	} while (more > 0 || (more == 0 && amqp_conn_has_input(&w->conn)));
	return more;
}

static void turn(struct amqp_worker *w)
{
	struct err err = ERR_INIT;

	if (read_mails(w, &err) != 0 && w->up) {
		lose(w, err.msg);
	}
	if (w->up && converse(w, &err) != 0) {
		lose(w, err.msg);
	}
}

static void *run(void *arg)
{
	struct amqp_worker *w = arg;

	/* Asked before each wait: a stop that came during an attempt to connect is read in the turn after it. */
	while (!is_through(w)) {
		wait_for_work(w);
		turn(w);
		if (!w->up && !is_through(w) && clock_mono_us() >= w->next_try_us) {
			if (try_connect(w) != 0) {
				break;
			}
			/* What has waited for the connection goes out now, not with the next event. */
			turn(w);
		}
	}
	amqp_conn_close(&w->conn, true);
	amqp_worker_tell(w, AMQP_ENDED, NULL);
	return NULL;
}

int amqp_worker_start(struct amqp_worker *w)
{
	int r;

	w->inbox = mailbox_new();
	if (w->inbox == NULL) {
		return errno;
	}
	amqp_uri_copy(&w->own_uri, w->uri);
	w->uri = &w->own_uri;
	w->own_name = xstrdup(w->name);
	w->name = w->own_name;
	w->next_try_us = clock_mono_us();
	w->seed = (unsigned)w->next_try_us ^ (unsigned)(uintptr_t)w;
	r = pthread_create(&w->thread, NULL, run, w);
	if (r != 0) {
		amqp_uri_fini(&w->own_uri);
		free(w->own_name);
		mailbox_free(w->inbox);
	}
	return r;
}

bool amqp_worker_join(struct amqp_worker *w)
{
	struct timespec until;
	int64_t at_ms = clock_wall_ms() + join_wait_ms;

	until.tv_sec = at_ms / 1000;
	until.tv_nsec = at_ms % 1000 * 1000000;
	return pthread_timedjoin_np(w->thread, NULL, &until) == 0;
}

void amqp_worker_fini(struct amqp_worker *w)
{
	amqp_mail_each(w->inbox, NULL, NULL);
	mailbox_free(w->inbox);
	amqp_uri_fini(&w->own_uri);
	free(w->own_name);
}
