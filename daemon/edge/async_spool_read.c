/* SPDX-License-Identifier: Apache-2.0 */
/* What a spool has in it when the daemon starts. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/invocation.h"
#include "edge/async_spool_priv.h"

enum { BUCKETS = 8192 };

/* An event that was not done with. */
struct found {
	struct list bucket;
	struct list order;	      // reading::order
	struct journal_record record; /* its acceptance, or its end with the event */
	struct spool_segment *segment;
};

struct reading {
	struct async_spool *spool;
	struct list buckets[BUCKETS]; // found::bucket
	struct list order;	      // found::order
};

static struct found *find(struct reading *r, uint64_t number)
{
	struct list *head = &r->buckets[number % BUCKETS];
	struct list *pos;

	list_foreach(head, pos) {
		struct found *f = container_of(pos, struct found, bucket);

		if (f->record.number == number) {
			return f;
		}
	}
	return NULL;
}

static void found_free(struct found *f)
{
	list_unlink(&f->bucket);
	list_unlink(&f->order);
	event_unref(f->record.event);
	blob_unref(f->record.response);
	free(f);
}

/* New, or written anew to free an older segment: then the later record counts. */
static void on_accepted(struct reading *r, struct spool_segment *g, struct journal_record *record)
{
	struct found *f = find(r, record->number);

	if (f != NULL) {
		event_unref(record->event);
		f->segment = g;
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->record = *record;
	f->segment = g;
	list_push_back(&r->buckets[record->number % BUCKETS], &f->bucket);
	list_push_back(&r->order, &f->order);
}

static void on_ended(struct found *f, const struct journal_record *record)
{
	struct event *ev = f->record.event;
	int64_t wall_ms = f->record.wall_ms;

	blob_unref(f->record.response);
	f->record = *record;
	f->record.event = ev;
	f->record.wall_ms = wall_ms;
}

static void on_record(struct reading *r, struct spool_segment *g, struct journal_record *record)
{
	struct found *f;

	if (record->number >= r->spool->next_number) {
		r->spool->next_number = record->number + 1;
	}
	if (record->kind == JOURNAL_ACCEPTED) {
		on_accepted(r, g, record);
		return;
	}
	f = find(r, record->number);
	if (f == NULL) {
		blob_unref(record->response);
	} else if (record->kind == JOURNAL_ATTEMPT) {
		f->record.attempts = record->attempts;
	} else if (record->kind == JOURNAL_ENDED) {
		on_ended(f, record);
	} else {
		found_free(f);
	}
}

static int read_file(const char *path, struct buf *out, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = 1;

	if (fd < 0) {
		return err_set(err, 1, "%.300s: %s", path, strerror(errno));
	}
	while (n > 0) {
		n = read(fd, buf_room(out, (size_t)1 << 18), (size_t)1 << 18);
		if (n > 0) {
			buf_added(out, (size_t)n);
		} else if (n < 0 && errno == EINTR) {
			n = 1;
		}
	}
	return n == 0 ? 0 : err_set(err, 1, "%.300s: %s", path, strerror(errno));
}

static int read_segment(struct reading *r, uint64_t id, struct err *err)
{
	struct spool_segment *g = spool_segment_new(r->spool, id);
	struct journal_reader reader;
	struct journal_record record;
	struct buf data = BUF_INIT;

	if (read_file(g->path, &data, err) != 0) {
		buf_fini(&data);
		return -1;
	}
	g->bytes = data.len;
	g->begun = true;
	r->spool->disk_bytes += data.len;
	if (!journal_read_header(&reader, data.data, data.len)) {
		reader.skipped = data.len;
		reader.at = reader.len = 0;
		/* Without a record nobody was told that it is safe. */
		reader.damaged = data.len > JOURNAL_HEADER;
	}
	while (reader.len > 0 && journal_read(&reader, &record)) {
		on_record(r, g, &record);
	}
	g->damaged = reader.damaged;
	if (reader.skipped > 0) {
		log_warn("ASYNC_SPOOL_DIR: damaged or unfinished records were skipped file=%s bytes=%zu", g->path,
			 reader.skipped);
	} else if (reader.damaged) {
		log_warn("ASYNC_SPOOL_DIR: a header is damaged, all records behind it could be read file=%s",
			 g->path);
	}
	buf_fini(&data);
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_segment(const struct dirent *d)
{
	unsigned long long id;
	int end = 0;

	return strlen(d->d_name) == 31 && sscanf(d->d_name, "events-%16llx.journal%n", &id, &end) == 1 && end == 31;
}

static void hand_out(struct reading *r)
{
	struct async_spool *s = r->spool;

	while (!list_empty(&r->order)) {
		struct found *f = list_first(&r->order, struct found, order);
		struct spool_entry *e = s->deps.ops->restored(s->deps.ctx, &f->record);

		e->number = f->record.number;
		/* About what its acceptance takes on disk. */
		e->bytes = f->record.event->body->len + 300;
		list_init(&e->batch);
		list_init(&e->link);
		spool_entry_link(s, e, f->segment);
		f->record.event = NULL;
		f->record.response = NULL;
		found_free(f);
	}
}

static int read_segments(struct reading *r, struct dirent **names, int count, struct err *err)
{
	for (int i = 0; i < count; i++) {
		if (read_segment(r, strtoull(names[i]->d_name + 7, NULL, 16), err) != 0) {
			return -1;
		}
	}
	return 0;
}

int spool_read_all(struct async_spool *s, struct err *err)
{
	struct reading *r = xcalloc(1, sizeof(*r));
	struct dirent **names = NULL;
	int count = scandir(s->deps.dir, &names, is_segment, by_name);
	int result = count >= 0 ? 0 : err_set(err, 1, "%s", strerror(errno));

	r->spool = s;
	list_init(&r->order);
	for (unsigned i = 0; i < BUCKETS; i++) {
		list_init(&r->buckets[i]);
	}
	if (result == 0) {
		result = read_segments(r, names, count, err);
	}
	if (result == 0) {
		hand_out(r);
	}
	while (!list_empty(&r->order)) {
		found_free(list_first(&r->order, struct found, order));
	}
	for (int i = 0; i < count; i++) {
		free(names[i]);
	}
	free(names);
	free(r);
	return result;
}
