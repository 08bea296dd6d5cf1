/* SPDX-License-Identifier: Apache-2.0 */
/* Writing of the spool: batches, segments, compaction. */
#include "edge/async_spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/async_spool_priv.h"
#include "io/appender.h"
#include "loop/mailbox.h"

static const size_t segment_default = (size_t)8 << 20;
/* Events that are written anew go along with others, so much at a time. */
static const size_t move_max = (size_t)1 << 20;
static const int64_t retry_us = 1000 * 1000;

/* --- segments --- */

struct spool_segment *spool_segment_new(struct async_spool *s, uint64_t id)
{
	struct spool_segment *g = xcalloc(1, sizeof(*g));
	char salt[9];

	g->id = id;
	g->path = xasprintf("%s/events-%016llx.journal", s->deps.dir, (unsigned long long)id);
	text_random_hex(salt, 4);
	g->salt = (uint32_t)strtoul(salt, NULL, 16);
	list_init(&g->entries);
	list_push_back(&s->segments, &g->link);
	if (id >= s->next_id) {
		s->next_id = id + 1;
	}
	return g;
}

void spool_segment_free(struct async_spool *s, struct spool_segment *g)
{
	s->disk_bytes -= g->bytes;
	list_unlink(&g->link);
	free(g->path);
	free(g);
}

static struct spool_segment *oldest(const struct async_spool *s)
{
	return list_first(&s->segments, struct spool_segment, link);
}

static struct spool_segment *current(const struct async_spool *s)
{
	return list_last(&s->segments, struct spool_segment, link);
}

/* What could not be read may be somebody's event still. */
static void retire(struct async_spool *s, const struct spool_segment *g)
{
	appender_send(s->appender, append_job_new(g->damaged ? APPEND_PUT_ASIDE : APPEND_REMOVE, g->path));
}

/* In order only: what a segment says of events of an older one counts for as long as that is there. */
static void remove_dead(struct async_spool *s)
{
	struct spool_segment *g = oldest(s);

	while (g != current(s) && list_empty(&g->entries) && !g->flying) {
		retire(s, g);
		spool_segment_free(s, g);
		g = oldest(s);
	}
}

void spool_entry_link(struct async_spool *s, struct spool_entry *e, struct spool_segment *g)
{
	e->segment = g;
	list_unlink(&e->link);
	list_push_back(&g->entries, &e->link);
	s->live_bytes += e->bytes;
}

/* --- records --- */

static size_t put(struct async_spool *s, const struct journal_record *r)
{
	size_t before = s->buffer.len;

	if (!s->busy) {
		/* Requests are handled at the end of a turn, too, maybe after our hook. */
		loop_wake(s->deps.loop);
	}
	journal_write(&s->buffer, current(s)->salt, r);
	return s->buffer.len - before;
}

void async_spool_accept(struct async_spool *s, struct spool_entry *entry, const struct journal_record *r)
{
	struct journal_record numbered = *r;

	entry->number = s->next_number++;
	entry->segment = NULL;
	list_init(&entry->link);
	list_init(&entry->batch);
	list_push_back(&s->fresh, &entry->batch);
	numbered.number = entry->number;
	entry->bytes = put(s, &numbered);
}

void async_spool_note(struct async_spool *s, struct spool_entry *entry, const struct journal_record *r)
{
	struct journal_record numbered = *r;

	numbered.number = entry->number;
	put(s, &numbered);
}

void async_spool_done(struct async_spool *s, struct spool_entry *entry)
{
	const struct journal_record r = { .kind = JOURNAL_DONE, .number = entry->number };

	put(s, &r);
	list_unlink(&entry->batch);
	list_unlink(&entry->link);
	if (entry->segment != NULL) {
		s->live_bytes -= entry->bytes;
		entry->segment = NULL;
		remove_dead(s);
	}
}

/* --- compaction --- */

static bool is_wasteful(const struct async_spool *s)
{
	return !s->waiting && s->disk_bytes > 4 * s->deps.segment_max + 2 * s->live_bytes && oldest(s) != current(s);
}

/* Some of what is left in the oldest segment goes to the current one. It counts there once it is on disk. */
static void move_some(struct async_spool *s)
{
	size_t until = s->buffer.len + move_max;
	struct list *pos;

	list_foreach(&oldest(s)->entries, pos) {
		struct spool_entry *e = container_of(pos, struct spool_entry, link);
		struct journal_record accepted, ended;
		bool has_ended;

		if (s->buffer.len >= until) {
			break;
		}
		if (!list_empty(&e->batch)) {
			continue; /* on its way already */
		}
		has_ended = s->deps.ops->describe(s->deps.ctx, e, &accepted, &ended);
		accepted.number = e->number;
		put(s, &accepted);
		if (has_ended) {
			ended.number = e->number;
			put(s, &ended);
		}
		list_push_back(&s->fresh, &e->batch);
		s->moved++;
	}
}

/* --- batches --- */

/* One batch at a time: while the disk works on it the next one fills. */
static void flush(struct async_spool *s)
{
	struct spool_segment *g = current(s);
	struct append_job *job = append_job_new(APPEND_DATA, g->path);

	if (!g->begun) {
		journal_write_header(&job->data, g->salt);
	}
	buf_append(&job->data, s->buffer.data, s->buffer.len);
	buf_clear(&s->buffer);
	if (s->buffer.cap > move_max) {
		buf_fini(&s->buffer);
	}
	job->own = true;
	job->sync = !list_empty(&s->fresh);
	list_move_all(&s->flying, &s->fresh);
	job->ctx = g;
	g->flying = true;
	s->flying_bytes = job->data.len;
	g->bytes += job->data.len;
	s->disk_bytes += job->data.len;
	s->busy = true;
	appender_send(s->appender, job);
	if (g->bytes >= s->deps.segment_max) {
		spool_segment_new(s, s->next_id);
	}
}

static void on_turn_end(void *ctx)
{
	struct async_spool *s = ctx;

	if (s->busy) {
		return;
	}
	if (is_wasteful(s)) {
		move_some(s);
	}
	if (s->buffer.len > 0) {
		flush(s);
	}
}

/* The end of the turn does the rest. */
static void on_retry(void *ctx)
{
	((struct async_spool *)ctx)->waiting = false;
}

static void tell_stored(struct async_spool *s, struct spool_segment *g, bool ok)
{
	struct list stored = LIST_INIT(stored);

	list_move_all(&stored, &s->flying);
	while (!list_empty(&stored)) {
		struct spool_entry *e = list_first(&stored, struct spool_entry, batch);
		bool is_new = e->segment == NULL;

		list_unlink(&e->batch);
		if (ok) {
			s->live_bytes -= is_new ? 0 : e->bytes;
			spool_entry_link(s, e, g);
		}
		if (is_new) {
			s->deps.ops->stored(s->deps.ctx, e, ok);
		}
	}
}

static void tell_state(struct async_spool *s, const struct append_job *job)
{
	bool failed = job->error != 0;

	if (failed && !s->failing) {
		log_error("ASYNC_SPOOL_DIR: cannot write, events are refused file=%s reason=\"%s\"", job->path,
			  strerror(job->error));
	} else if (!failed && s->failing) {
		log_info("ASYNC_SPOOL_DIR: can be written again");
	}
	s->failing = failed;
	s->waiting = failed;
	if (failed) {
		loop_timer_set(s->deps.loop, &s->retry, loop_now_us(s->deps.loop) + retry_us);
	}
}

static void on_written(struct async_spool *s, struct append_job *job)
{
	struct spool_segment *g = job->ctx;
	bool ok = job->error == 0;

	s->busy = false;
	s->writes++;
	g->flying = false;
	g->begun = g->begun || ok;
	if (!ok) {
		s->failures++;
		g->bytes -= s->flying_bytes;
		s->disk_bytes -= s->flying_bytes;
	}
	tell_state(s, job);
	if (!g->begun) {
		/* Nobody knows what stands in it by now; a file without its header at the start would be lost. */
		appender_send(s->appender, append_job_new(APPEND_REMOVE, g->path));
		free(g->path);
		g->id = s->next_id++;
		g->path = xasprintf("%s/events-%016llx.journal", s->deps.dir, (unsigned long long)g->id);
	}
	tell_stored(s, g, ok);
	remove_dead(s);
}

static void on_job(void *ctx, struct append_job *job)
{
	if (job->kind == APPEND_DATA) {
		on_written(ctx, job);
	} else if (job->error != 0) {
		log_warn("ASYNC_SPOOL_DIR: cannot remove or rename file=%s reason=\"%s\"", job->path,
			 strerror(job->error));
	} else if (job->kind == APPEND_PUT_ASIDE) {
		log_warn("ASYNC_SPOOL_DIR: a damaged file is kept, all that could be read of it is done file=%s",
			 job->path);
	}
}

static void on_inbox(void *ctx, uint32_t events)
{
	struct async_spool *s = ctx;

	(void)events;
	append_job_each(s->inbox, on_job, s);
}

/* --- life --- */

/* Its name has to be on disk, too. */
static int make_directory(const char *dir)
{
	auto_free char *above = xasprintf("%s/..", dir);
	auto_close int fd = -1;

	if (mkdir(dir, 0700) != 0) {
		return -1;
	}
	fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fsync(fd) : -1;
}

static int lock_directory(struct async_spool *s, struct err *err)
{
	auto_free char *path = xasprintf("%s/lock", s->deps.dir);

	if (make_directory(s->deps.dir) != 0 && errno != EEXIST) {
		return err_set(err, 1, "cannot be made: %s", strerror(errno));
	}
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0) {
		return err_set(err, 1, "%.300s: %s", path, strerror(errno));
	}
	if (flock(s->lock, LOCK_EX | LOCK_NB) != 0) {
		return errno == EWOULDBLOCK ? err_set(err, 1, "another daemon is using it; expected one of its own")
					    : err_set(err, 1, "%.300s: %s", path, strerror(errno));
	}
	return 0;
}

static int start_thread(struct async_spool *s, struct err *err)
{
	s->inbox = mailbox_new();
	if (s->inbox == NULL || loop_fd_add(s->deps.loop, &s->source, mailbox_fd(s->inbox), EPOLLIN) != 0) {
		return err_set(err, 1, "no mailbox could be made: %s", strerror(errno));
	}
	s->appender = appender_new(s->inbox);
	if (s->appender == NULL) {
		return err_set(err, 1, "no thread could be made: %s", strerror(errno));
	}
	return 0;
}

struct async_spool *async_spool_open(const struct async_spool_deps *deps, struct err *err)
{
	struct async_spool *s = xcalloc(1, sizeof(*s));

	s->deps = *deps;
	s->deps.segment_max = deps->segment_max > 0 ? deps->segment_max : segment_default;
	s->lock = -1;
	s->next_id = 1;
	s->next_number = 1;
	list_init(&s->segments);
	list_init(&s->fresh);
	list_init(&s->flying);
	loop_fd_init(&s->source, on_inbox, s);
	loop_timer_init(&s->retry, on_retry, s);
	loop_hook_add(deps->loop, &s->hook, on_turn_end, s);
	if (lock_directory(s, err) != 0 || start_thread(s, err) != 0 || spool_read_all(s, err) != 0) {
		async_spool_free(s);
		return NULL;
	}
	spool_segment_new(s, s->next_id);
	remove_dead(s);
	return s;
}

static bool is_dead(const struct async_spool *s)
{
	struct list *pos;

	list_foreach(&s->segments, pos) {
		if (!list_empty(&container_of(pos, struct spool_segment, link)->entries)) {
			return false;
		}
	}
	return list_empty(&s->fresh) && list_empty(&s->flying);
}

/* What was done with need not lie about until the next start. */
static void end_files(struct async_spool *s)
{
	bool dead = is_dead(s);
	struct list *pos;

	if (s->buffer.len > 0 && !dead) {
		flush(s);
	}
	list_foreach(&s->segments, pos) {
		if (dead) {
			retire(s, container_of(pos, struct spool_segment, link));
		}
	}
}

void async_spool_free(struct async_spool *s)
{
	if (s == NULL) {
		return;
	}
	if (s->appender != NULL) {
		end_files(s);
	}
	appender_free(s->appender);
	loop_hook_del(&s->hook);
	loop_timer_clear(s->deps.loop, &s->retry);
	loop_fd_del(s->deps.loop, &s->source);
	if (s->inbox != NULL) {
		append_job_each(s->inbox, NULL, NULL);
		mailbox_free(s->inbox);
	}
	while (!list_empty(&s->segments)) {
		spool_segment_free(s, oldest(s));
	}
	buf_fini(&s->buffer);
	if (s->lock >= 0) {
		close(s->lock);
	}
	free(s);
}

bool async_spool_idle(const struct async_spool *s)
{
	return !s->busy && s->buffer.len == 0;
}

static void render(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
		   (unsigned long long)value);
}

void async_spool_render(const struct async_spool *s, struct buf *out)
{
	render(out, "lambda_async_spool_bytes", "gauge", "Bytes in the spool's files.", s->disk_bytes);
	render(out, "lambda_async_spool_writes_total", "counter", "Writes to the spool, each followed by fdatasync.",
	       s->writes);
	render(out, "lambda_async_spool_failures_total", "counter", "Of these, failed: their events were refused.",
	       s->failures);
	render(out, "lambda_async_spool_moved_total", "counter", "Events written anew to free older files.",
	       s->moved);
}
