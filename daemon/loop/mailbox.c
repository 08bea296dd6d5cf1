/* SPDX-License-Identifier: Apache-2.0 */
/* The only file with a mutex. */
#include "loop/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

struct mailbox {
	pthread_mutex_t mutex;
	struct list mails; // mail::link
	int fd;
};

struct mailbox *mailbox_new(void)
{
	struct mailbox *m = xcalloc(1, sizeof(*m));

	list_init(&m->mails);
	pthread_mutex_init(&m->mutex, NULL);
	m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->fd < 0) {
		mailbox_free(m);
		return NULL;
	}
	return m;
}

void mailbox_free(struct mailbox *m)
{
	if (m == NULL) {
		return;
	}
	assert(list_empty(&m->mails));
	if (m->fd >= 0) {
		close(m->fd);
	}
	pthread_mutex_destroy(&m->mutex);
	free(m);
}

int mailbox_fd(const struct mailbox *m)
{
	return m->fd;
}

void mailbox_send(struct mailbox *m, struct mail *mail)
{
	static const uint64_t one = 1;
	bool first;

	pthread_mutex_lock(&m->mutex);
	first = list_empty(&m->mails);
	list_push_back(&m->mails, &mail->link);
	/* Within the lock: the receiver may free the mailbox as soon as it has taken its last mail. */
	if (first) {
		ssize_t n = write(m->fd, &one, sizeof(one));

		assert(n == sizeof(one));
	}
	pthread_mutex_unlock(&m->mutex);
}

void mailbox_take(struct mailbox *m, struct list *out)
{
	struct list taken = LIST_INIT(taken);
	uint64_t count;

	pthread_mutex_lock(&m->mutex);
	/* Readable exactly as long as the list is not empty. */
	if (!list_empty(&m->mails) && read(m->fd, &count, sizeof(count)) < 0) {
		assert(errno == EAGAIN || errno == EINTR);
	}
	list_move_all(&taken, &m->mails);
	pthread_mutex_unlock(&m->mutex);
	while (!list_empty(&taken)) {
		struct mail *mail = list_first(&taken, struct mail, link);

		list_unlink(&mail->link);
		list_push_back(out, &mail->link);
	}
}
