/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that appends to files. */
#include "io/appender.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
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

void append_job_each(struct mailbox *box, void (*fn)(void *ctx, struct append_job *job), void *ctx)
{
	struct list mails = LIST_INIT(mails);
	struct list *pos, *tmp;

	mailbox_take(box, &mails);
	list_foreach_safe(&mails, pos, tmp) {
		struct append_job *job = container_of(pos, struct append_job, mail.link);

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

static int append_plain(const struct append_job *job)
{
	auto_close int fd = open(job->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);

	return fd >= 0 ? write_all(fd, job->data.data, job->data.len) : errno;
}

static int act(struct appender *a, const struct append_job *job)
{
	if (job->kind == APPEND_DATA) {
		return job->own ? append_own(a, job) : append_plain(job);
	}
	if (a->path != NULL && strcmp(a->path, job->path) == 0) {
		close_kept(a);
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
		struct append_job *job = container_of(pos, struct append_job, mail.link);

		list_unlink(pos);
		if (job->kind == APPEND_STOP) {
			append_job_free(job);
			going = false;
			continue;
		}
		job->error = act(a, job);
		buf_fini(&job->data);
		mailbox_send(a->outbox, &job->mail);
	}
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
