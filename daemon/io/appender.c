/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that appends to files. */
#include "io/appender.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

struct appender {
	struct mailbox *inbox; /* the thread's */
	struct mailbox *outbox;
	pthread_t thread;
	/* the thread's own */
	int fd;	    /* of the file that is kept open; -1 = none */
	char *path; /* its name */
	/* the file that others may write to as well: only while there is something for it */
	int shared;	     // -1 = none
	bool fresh;	     // it was empty when it was opened
	struct list written; // append_job::mail.link; to one file, told when that is on disk
};

struct append_job *append_job_new(enum append_kind kind, const char *path)
{
	struct append_job *job = xcalloc(1, sizeof(*job));

	list_init(&job->mail.link);
	job->kind = kind;
	job->path = xstrdup(path);
	return job;
}

void append_job_free(struct append_job *job)
{
	buf_fini(&job->data);
	free(job->path);
	free(job);
}

static struct append_job *job_of(struct list *pos)
{
	return container_of(pos, struct append_job, mail.link);
}

void append_job_each(struct mailbox *box, void (*fn)(void *ctx, struct append_job *job), void *ctx)
{
	struct list mails = LIST_INIT(mails);
	struct list *pos, *tmp;

	mailbox_take(box, &mails);
	list_foreach_safe(&mails, pos, tmp) {
		struct append_job *job = job_of(pos);

		list_unlink(pos);
		if (fn != NULL) {
			fn(ctx, job);
		}
		append_job_free(job);
	}
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return errno;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The name of a new file is on disk only when its directory is. */
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash != NULL ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0 ? 0 : errno;
}

static void close_kept(struct appender *a)
{
	if (a->fd >= 0) {
		close(a->fd);
		a->fd = -1;
	}
	free(a->path);
	a->path = NULL;
}

static int open_kept(struct appender *a, const char *path)
{
	int error;

	if (a->path != NULL && strcmp(a->path, path) == 0) {
		return 0;
	}
	close_kept(a);
	a->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (a->fd < 0) {
		return errno;
	}
	error = sync_directory(path);
	if (error != 0) {
		close_kept(a);
		return error;
	}
	a->path = xstrdup(path);
	return 0;
}

static int append_own(struct appender *a, const struct append_job *job)
{
	struct stat before;
	int error = open_kept(a, job->path);

	if (error != 0) {
		return error;
	}
	if (fstat(a->fd, &before) != 0) {
		return errno;
	}
	error = write_all(a->fd, job->data.data, job->data.len);
	if (error == 0 && job->sync && fdatasync(a->fd) != 0) {
		error = errno;
	}
	if (error != 0 && ftruncate(a->fd, before.st_size) != 0) {
		/* What stands there now is a torn tail to whoever reads it. */
		close_kept(a);
	}
	return error;
}

/* Somebody was killed in the middle of a line: the next one must not be a part of it. */
static bool has_torn_end(const char *path, off_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char last;

	return fd >= 0 && size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int append_shared(int fd, const struct append_job *job)
{
	struct stat before, after;
	bool torn;
	int error = 0;

	if (fstat(fd, &before) != 0) {
		return errno;
	}
	if (!S_ISREG(before.st_mode)) {
		return write_all(fd, job->data.data, job->data.len);
	}
	torn = has_torn_end(job->path, before.st_size);
	if (torn) {
		error = write_all(fd, "\n", 1);
	}
	if (error == 0) {
		error = write_all(fd, job->data.data, job->data.len);
	}
	/* More than a part of this record: that is somebody else's. */
	if (error != 0 && fstat(fd, &after) == 0 && after.st_size < before.st_size + (off_t)(job->data.len + torn)) {
		(void)!ftruncate(fd, before.st_size);
	}
	return error;
}

static int sync_shared(const struct appender *a, const char *path)
{
	struct stat st;

	if (fstat(a->shared, &st) != 0) {
		return errno;
	}
	if (!S_ISREG(st.st_mode)) {
		return 0;
	}
	if (fdatasync(a->shared) != 0) {
		return errno;
	}
	return a->fresh ? sync_directory(path) : 0;
}

static void send_back(struct appender *a, struct append_job *job)
{
	buf_fini(&job->data);
	mailbox_send(a->outbox, &job->mail);
}

/* One fdatasync for all of them. */
static void settle_shared(struct appender *a)
{
	bool sync = false;
	int error = 0;
	struct list *pos, *tmp;

	list_foreach(&a->written, pos) {
		const struct append_job *job = job_of(pos);

		sync = sync || (job->sync && job->error == 0);
	}
	if (sync) {
		error = sync_shared(a, job_of(a->written.next)->path);
	}
	list_foreach_safe(&a->written, pos, tmp) {
		struct append_job *job = job_of(pos);

		list_unlink(pos);
		job->error = job->error == 0 && job->sync ? error : job->error;
		send_back(a, job);
	}
	if (a->shared >= 0) {
		close(a->shared);
		a->shared = -1;
	}
}

static void write_shared(struct appender *a, struct append_job *job)
{
	struct stat st;

	if (a->shared < 0 || strcmp(job_of(a->written.next)->path, job->path) != 0) {
		settle_shared(a);
		a->shared = open(job->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
		a->fresh = a->shared >= 0 && fstat(a->shared, &st) == 0 && st.st_size == 0;
	}
	job->error = a->shared >= 0 ? append_shared(a->shared, job) : errno;
	list_push_back(&a->written, &job->mail.link);
}

/* Over nothing that was put aside earlier. */
static int put_aside(struct append_job *job)
{
	char *to = xasprintf("%s.damaged", job->path);
	int error;

	for (unsigned n = 2; access(to, F_OK) == 0; n++) {
		free(to);
		to = xasprintf("%s.damaged.%u", job->path, n);
	}
	error = rename(job->path, to) == 0 ? 0 : errno;
	if (error != 0) {
		free(to);
		return error;
	}
	free(job->path);
	job->path = to;
	return 0;
}

static int act(struct appender *a, struct append_job *job)
{
	if (job->kind == APPEND_DATA) {
		return append_own(a, job);
	}
	if (a->path != NULL && strcmp(a->path, job->path) == 0) {
		close_kept(a);
	}
	if (job->kind == APPEND_PUT_ASIDE) {
		return put_aside(job);
	}
	return unlink(job->path) == 0 || errno == ENOENT ? 0 : errno;
}

/* false: that was the last one. */
static bool work(struct appender *a)
{
	struct list mails = LIST_INIT(mails);
	struct list *pos, *tmp;
	bool going = true;

	mailbox_take(a->inbox, &mails);
	list_foreach_safe(&mails, pos, tmp) {
		struct append_job *job = job_of(pos);

		list_unlink(pos);
		if (job->kind == APPEND_DATA && !job->own) {
			write_shared(a, job);
			continue;
		}
		settle_shared(a);
		if (job->kind == APPEND_STOP) {
			append_job_free(job);
			going = false;
			continue;
		}
		job->error = act(a, job);
		send_back(a, job);
	}
	settle_shared(a);
	return going;
}

static void *run(void *arg)
{
	struct appender *a = arg;
	struct pollfd wake = { .fd = mailbox_fd(a->inbox), .events = POLLIN };

	do {
		(void)poll(&wake, 1, -1);
	} while (work(a));
	close_kept(a);
	return NULL;
}

struct appender *appender_new(struct mailbox *inbox)
{
	struct appender *a = xcalloc(1, sizeof(*a));
	int error;

	a->fd = -1;
	a->shared = -1;
	list_init(&a->written);
	a->outbox = inbox;
	a->inbox = mailbox_new();
	error = a->inbox != NULL ? pthread_create(&a->thread, NULL, run, a) : errno;
	if (error != 0) {
		mailbox_free(a->inbox);
		free(a);
		errno = error;
		return NULL;
	}
	return a;
}

void appender_send(struct appender *a, struct append_job *job)
{
	mailbox_send(a->inbox, &job->mail);
}

void appender_free(struct appender *a)
{
	if (a == NULL) {
		return;
	}
	appender_send(a, append_job_new(APPEND_STOP, NULL));
	pthread_join(a->thread, NULL);
	mailbox_free(a->inbox);
	free(a);
}
