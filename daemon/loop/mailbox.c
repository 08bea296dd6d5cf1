/* SPDX-License-Identifier: Apache-2.0 */
/* The only file with a mutex. */
#include "loop/mailbox.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

struct mailbox {
	pthread_mutex_t mutex;
	struct list mails; // mail::link
	bool told;	   /* a sender has written to fd, or is about to; the receiver has not read that yet */
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

/* false: the write is still to come. */
static bool read_told(struct mailbox *m)
{
	uint64_t count;

	return read(m->fd, &count, sizeof(count)) == sizeof(count);
}

void mailbox_free(struct mailbox *m)
{
	if (m == NULL) {
		return;
	}
	assert(list_empty(&m->mails));
	/* The sender of the last mail may be between its unlock and the end of its write, after which it is done with us. */
	while (m->told && !read_told(m)) {
		struct pollfd p = { .fd = m->fd, .events = POLLIN };

		(void)poll(&p, 1, -1);
	}
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
	int fd = m->fd;
	bool tell;

	pthread_mutex_lock(&m->mutex);
	tell = !m->told;
	m->told = true;
	list_push_back(&m->mails, &mail->link);
	pthread_mutex_unlock(&m->mutex);
	/* Not within the lock: the receiver wakes up at once, and would have to wait for it. */
	if (tell) {
		ssize_t n = write(fd, &one, sizeof(one));

		assert(n == sizeof(one));
	}
}

void mailbox_take(struct mailbox *m, struct list *out)
{
	struct list taken = LIST_INIT(taken);

	pthread_mutex_lock(&m->mutex);
	/* Where it stays true, we are called once more for nothing. */
	m->told = m->told && !read_told(m);
	list_move_all(&taken, &m->mails);
	pthread_mutex_unlock(&m->mutex);
	while (!list_empty(&taken)) {
		struct mail *mail = list_first(&taken, struct mail, link);

		list_unlink(&mail->link);
		list_push_back(out, &mail->link);
	}
}
