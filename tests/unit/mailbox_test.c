/* SPDX-License-Identifier: Apache-2.0 */
/* Mails between threads: none lost, none twice, each sender's in its order; the descriptor tells the truth. */
#include "loop/mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SENDERS = 4, MAILS = 20000 };

struct letter {
	struct mail mail;
	unsigned sender;
	unsigned number;
};

struct sender {
	pthread_t thread;
	struct mailbox *box;
	unsigned id;
};

static bool readable(struct mailbox *box, int timeout_ms)
{
	struct pollfd p = { .fd = mailbox_fd(box), .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void post(struct mailbox *box, unsigned sender, unsigned number)
{
	struct letter *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->sender = sender;
	l->number = number;
	mailbox_send(box, &l->mail);
}

static void take_nothing(struct mailbox *box)
{
	struct list mails = LIST_INIT(mails);

	mailbox_take(box, &mails);
	assert_true(list_empty(&mails));
}

static void test_readable_while_there_is_mail(void **state)
{
	struct mailbox *box = mailbox_new();
	struct list mails = LIST_INIT(mails);

	(void)state;
	assert_non_null(box);
	assert_false(readable(box, 0));
	mailbox_take(box, &mails);
	assert_true(list_empty(&mails));
	post(box, 0, 1);
	post(box, 0, 2);
	assert_true(readable(box, 0));
	mailbox_take(box, &mails);
	assert_false(readable(box, 0));
	post(box, 0, 3);
	mailbox_take(box, &mails);
	for (unsigned n = 1; n <= 3; n++) {
		struct letter *l = container_of(mails.next, struct letter, mail.link);

		assert_int_equal(l->number, n);
		list_unlink(&l->mail.link);
		free(l);
	}
	assert_true(list_empty(&mails));
	mailbox_free(box);
}

static void *send_all(void *arg)
{
	struct sender *s = arg;

	for (unsigned n = 0; n < MAILS; n++) {
		post(s->box, s->id, n);
	}
	return NULL;
}

static void test_many_senders(void **state)
{
	struct sender senders[SENDERS];
	unsigned next[SENDERS] = { 0 };
	struct mailbox *box = mailbox_new();
	unsigned total = 0;

	(void)state;
	assert_non_null(box);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .box = box, .id = i };
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
	}
	while (total < SENDERS * MAILS) {
		struct list mails = LIST_INIT(mails);

		assert_true(readable(box, 60000));
		mailbox_take(box, &mails);
		while (!list_empty(&mails)) {
			struct letter *l = container_of(mails.next, struct letter, mail.link);

			assert_int_equal(l->number, next[l->sender]++);
			list_unlink(&l->mail.link);
			free(l);
			total++;
		}
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		pthread_join(senders[i].thread, NULL);
	}
	take_nothing(box);
	assert_false(readable(box, 0));
	mailbox_free(box);
}

static void *send_one(void *arg)
{
	post(arg, 0, 0);
	return NULL;
}

/* A thread says that it ended: that is its last mail, and the receiver lets go of the mailbox on reading it. */
static void test_freed_on_the_last_mail(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct mailbox *box = mailbox_new();
		struct list mails = LIST_INIT(mails);
		struct letter *l;
		pthread_t thread;

		assert_non_null(box);
		assert_int_equal(pthread_create(&thread, NULL, send_one, box), 0);
		while (list_empty(&mails)) {
			mailbox_take(box, &mails);
		}
		mailbox_free(box);
		l = container_of(mails.next, struct letter, mail.link);
		list_unlink(&l->mail.link);
		free(l);
		pthread_join(thread, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readable_while_there_is_mail),
		cmocka_unit_test(test_many_senders),
		cmocka_unit_test(test_freed_on_the_last_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
