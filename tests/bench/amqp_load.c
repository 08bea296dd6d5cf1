/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load generator for functions that echo and are invoked over AMQP: one connection, so many requests in flight, the
 * next one when an answer comes. Every answer is compared with what was sent; the result is one line of JSON.
 *
 * It declares the queue of the function, so that it may start before the function consumes: the requests wait.
 */
#include "amqp_peer.h"
#include "histogram.h"
#include <getopt.h>

struct options {
	const char *uri, *queue;
	unsigned in_flight;
	size_t body;
	uint64_t count, timeout;
};

struct slot {
	uint64_t sent_at;
	uint64_t number; /* of the request that it waits for; 0 = none */
};

struct load {
	struct options opt;
	amqp_connection_state_t conn;
	amqp_bytes_t reply_to;
	char *body;
	struct slot *slots;
	uint64_t issued, done, errors, began_at;
	struct histogram latency;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void ask(struct load *l, unsigned index)
{
	char id[48];
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG,
		.content_type = amqp_cstring_bytes("application/json"),
		.reply_to = l->reply_to,
	};

	l->slots[index].number = ++l->issued;
	snprintf(id, sizeof(id), "%u-%llu", index, (unsigned long long)l->issued);
	properties.correlation_id = amqp_cstring_bytes(id);
	l->slots[index].sent_at = now_ns();
	peer_publish(l->conn, amqp_cstring_bytes(l->opt.queue), &properties,
		     (amqp_bytes_t){ .len = l->opt.body, .bytes = l->body });
}

/* The slot that waits for this answer; in_flight if none does. */
static unsigned find_slot(const struct load *l, const amqp_basic_properties_t *properties)
{
	char id[48] = "";
	unsigned index;
	unsigned long long number;

	if (properties->correlation_id.len < sizeof(id)) {
		memcpy(id, properties->correlation_id.bytes, properties->correlation_id.len);
	}
	if (sscanf(id, "%u-%llu", &index, &number) != 2 || index >= l->opt.in_flight ||
	    l->slots[index].number != number) {
		return l->opt.in_flight;
	}
	return index;
}

static void note_error(struct load *l, const char *what, const amqp_message_t *message)
{
	if (l->errors++ < 5) {
		fprintf(stderr, "amqp_load: %s: %.*s\n", what,
			(int)(message->body.len < 200 ? message->body.len : 200), (const char *)message->body.bytes);
	}
}

static void take_answer(struct load *l, const amqp_message_t *message)
{
	unsigned index = find_slot(l, &message->properties);

	if (index == l->opt.in_flight) {
		note_error(l, "an answer that nobody waits for", message);
		return;
	}
	histogram_add(&l->latency, now_ns() - l->slots[index].sent_at);
	l->slots[index].number = 0;
	l->done++;
	if (message->body.len != l->opt.body || memcmp(message->body.bytes, l->body, l->opt.body) != 0) {
		note_error(l, "the answer is not what was sent", message);
	}
	if (l->issued < l->opt.count) {
		ask(l, index);
	}
}

static void prepare(struct load *l)
{
	amqp_queue_declare_ok_t *declared;

	l->conn = peer_connect(l->opt.uri);
	peer_declare_function(l->conn, l->opt.queue);
	declared = amqp_queue_declare(l->conn, PEER_CHANNEL, amqp_empty_bytes, false, false, true, true,
				      amqp_empty_table);
	peer_check(amqp_get_rpc_reply(l->conn), "queue.declare of the reply queue");
	l->reply_to = amqp_bytes_malloc_dup(declared->queue);
	amqp_basic_consume(l->conn, PEER_CHANNEL, l->reply_to, amqp_empty_bytes, false, true, true, amqp_empty_table);
	peer_check(amqp_get_rpc_reply(l->conn), "basic.consume");
	l->body = malloc(l->opt.body);
	l->slots = calloc(l->opt.in_flight, sizeof(*l->slots));
	if (l->body == NULL || l->slots == NULL) {
		peer_die("amqp_load: out of memory");
	}
	memset(l->body, 'x', l->opt.body);
	l->body[0] = l->opt.body == 2 ? '{' : '"';
	l->body[l->opt.body - 1] = l->opt.body == 2 ? '}' : '"';
}

static void run(struct load *l)
{
	uint64_t give_up_at;

	l->began_at = now_ns();
	give_up_at = l->began_at + l->opt.timeout * 1000000000u;
	for (unsigned i = 0; i < l->opt.in_flight && l->issued < l->opt.count; i++) {
		ask(l, i);
	}
	while (l->done < l->issued) {
		uint64_t now = now_ns();
		struct timeval left = { .tv_sec = now < give_up_at ? (long)((give_up_at - now) / 1000000000u + 1)
								   : 0 };
		amqp_envelope_t envelope;
		amqp_rpc_reply_t reply;

		amqp_maybe_release_buffers(l->conn);
		reply = amqp_consume_message(l->conn, &envelope, &left, 0);
		if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
		    reply.library_error == AMQP_STATUS_TIMEOUT) {
			fprintf(stderr, "amqp_load: gave up after %llu s\n", (unsigned long long)l->opt.timeout);
			return;
		}
		peer_check(reply, "consume");
		take_answer(l, &envelope.message);
		amqp_destroy_envelope(&envelope);
	}
}

static bool print_result(const struct load *l)
{
	double seconds = (double)(now_ns() - l->began_at) / 1e9;

	printf("{\"mode\": \"amqp\", \"in_flight\": %u, \"body\": %zu, \"count\": %llu, \"errors\": %llu, "
	       "\"unanswered\": %llu, \"seconds\": %.6f, \"rate\": %.1f, ",
	       l->opt.in_flight, l->opt.body, (unsigned long long)l->done, (unsigned long long)l->errors,
	       (unsigned long long)(l->issued - l->done), seconds, (double)l->done / seconds);
	printf("\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p99.9\": %.1f, \"max\": %.1f}\n",
	       histogram_at(&l->latency, 0.5) / 1e3, histogram_at(&l->latency, 0.9) / 1e3,
	       histogram_at(&l->latency, 0.99) / 1e3, histogram_at(&l->latency, 0.999) / 1e3,
	       (double)l->latency.max / 1e3);
	return l->errors == 0 && l->done == l->opt.count;
}

static uint64_t number(const char *name, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (end == text || *end != '\0' || text[0] == '-' || v < least || v > most) {
		fprintf(stderr, "amqp_load: %s is \"%s\": want a number from %llu to %llu\n", name, text,
			(unsigned long long)least, (unsigned long long)most);
		exit(2);
	}
	return v;
}

__attribute__((noreturn)) static void usage(int status)
{
	fputs("usage: amqp_load [OPTIONS] URI\n"
	      "  --queue NAME     name of the function (function)\n"
	      "  --in-flight N    requests at once, in a closed loop (1)\n"
	      "  --body BYTES     size of the event (2)\n"
	      "  --count N        requests in total (10000)\n"
	      "  --timeout S      give up then; what is not answered is lost (120)\n",
	      status == 0 ? stdout : stderr);
	exit(status);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
	static const struct option names[] = {
		{ "queue", required_argument, NULL, 'q' },
		{ "in-flight", required_argument, NULL, 'i' },
		{ "body", required_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'H' },
		{ NULL, 0, NULL, 0 },
	};

	*opt = (struct options){ .queue = "function", .in_flight = 1, .body = 2, .count = 10000, .timeout = 120 };
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (c == 'q') {
			opt->queue = optarg;
		} else if (c == 'i') {
			opt->in_flight = (unsigned)number("--in-flight", optarg, 1, 100000);
		} else if (c == 'b') {
			opt->body = number("--body", optarg, 2, 6291456);
		} else if (c == 'n') {
			opt->count = number("--count", optarg, 1, 1000000000);
		} else if (c == 't') {
			opt->timeout = number("--timeout", optarg, 1, 7200);
		} else {
			usage(c == 'H' ? 0 : 2);
		}
	}
	if (optind + 1 != argc) {
		usage(2);
	}
	opt->uri = argv[optind];
}

int main(int argc, char **argv)
{
	static struct load l;
	bool good;

	parse_options(&l.opt, argc, argv);
	prepare(&l);
	run(&l);
	good = print_result(&l);
	amqp_destroy_connection(l.conn);
	amqp_bytes_free(l.reply_to);
	free(l.slots);
	free(l.body);
	return good ? 0 : 1;
}
