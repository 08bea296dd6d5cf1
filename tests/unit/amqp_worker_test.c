/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an AMQP thread that is told to stop while it connects. */
#include "io/amqp_worker.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "io/listen.h"

static const int patience_ms = 20 * 1000;

struct world {
	int listener;
	struct amqp_uri uri;
	struct mailbox *inbox;
};

static void world_init(struct world *w)
{
	struct err err = ERR_INIT;
	char text[96];

	w->listener = listen_on("127.0.0.1", 0, &err);
	assert_true(w->listener >= 0);
	snprintf(text, sizeof(text), "amqp://127.0.0.1:%u?connection_attempts=1000&retry_delay=1000",
		 listen_port(w->listener));
	assert_int_equal(amqp_uri_parse(text, &w->uri, &err), 0);
	w->inbox = mailbox_new();
	assert_non_null(w->inbox);
}

static void world_fini(struct world *w)
{
	amqp_mail_each(w->inbox, NULL, NULL);
	mailbox_free(w->inbox);
	amqp_uri_fini(&w->uri);
	close(w->listener);
}

/* The thread's connection: from here on it waits for the broker's first word. */
static int accept_one(const struct world *w)
{
	struct pollfd p = { .fd = w->listener, .events = POLLIN };
	int fd;

	assert_int_equal(poll(&p, 1, patience_ms), 1);
	fd = accept(w->listener, NULL, NULL);
	assert_true(fd >= 0);
	return fd;
}

static void test_publisher_is_stopped_while_it_connects(void **state)
{
	struct world w;
	struct amqp_publisher *publisher;
	int peer;

	(void)state;
	world_init(&w);
	publisher = amqp_publisher_new(
		&(struct amqp_publisher_opts){ .uri = &w.uri, .name = "publisher", .inbox = w.inbox });
	assert_non_null(publisher);
	peer = accept_one(&w);
	amqp_publisher_stop(publisher);
	close(peer);
	/* Not after the next attempt, which is far away. */
	assert_true(amqp_publisher_join(publisher));
	amqp_publisher_free(publisher);
	world_fini(&w);
}

static void test_consumer_is_stopped_while_it_connects(void **state)
{
	struct world w;
	struct amqp_consumer *consumer;
	int peer;

	(void)state;
	world_init(&w);
	consumer = amqp_consumer_new(&(struct amqp_consumer_opts){
		.uri = &w.uri, .name = "consumer", .queue = "queue", .prefetch = 1, .inbox = w.inbox });
	assert_non_null(consumer);
	peer = accept_one(&w);
	amqp_consumer_stop(consumer);
	close(peer);
	assert_true(amqp_consumer_join(consumer));
	amqp_consumer_free(consumer);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publisher_is_stopped_while_it_connects),
		cmocka_unit_test(test_consumer_is_stopped_while_it_connects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
