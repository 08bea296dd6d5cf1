/* SPDX-License-Identifier: Apache-2.0 */
/* Linked like the static executables. Does one thing with one of their libraries and says what came of it, for tests in
 * foreign images: `probe VERB ARG...`, or, without a word, as a runtime that finds the words in the event. */
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wslay/wslay.h>
#include <zlib.h>

enum { WORDS = 5, ANSWER = 4096 };

struct answer {
	char text[ANSWER];
	size_t len;
};

static void say(struct answer *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct answer *a, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(a->text + a->len, ANSWER - a->len, fmt, args);
	va_end(args);
	a->len += n > 0 && (size_t)n < ANSWER - a->len ? (size_t)n : 0;
}

static void versions(struct answer *a, char **words)
{
	json_t *json = json_object();
	SSL_CTX *tls = SSL_CTX_new(TLS_method());
	struct wslay_event_callbacks callbacks = { .send_callback = NULL };
	wslay_event_context_ptr ws = NULL;

	(void)words;
	if (wslay_event_context_client_init(&ws, &callbacks, NULL) == 0) {
		wslay_event_context_free(ws);
		say(a, "wslay; ");
	}
	say(a, "%s; %s; librabbitmq %s; libmicrohttpd %s; zlib %s; tls %s", curl_version(),
	    OpenSSL_version(OPENSSL_VERSION), amqp_version(), MHD_get_version(), zlibVersion(),
	    tls != NULL ? "ok" : "error");
	SSL_CTX_free(tls);
	json_decref(json);
}

static void resolve(struct answer *a, char **words)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int r = getaddrinfo(words[1], "443", &hints, &found);

	if (r != 0) {
		say(a, "error: %s", gai_strerror(r));
		return;
	}
	for (struct addrinfo *i = found; i != NULL; i = i->ai_next) {
		char text[64];

		getnameinfo(i->ai_addr, i->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		say(a, "%s%s", a->len > 0 ? " " : "", text);
	}
	freeaddrinfo(found);
}

static size_t keep(char *data, size_t size, size_t count, void *ctx)
{
	say(ctx, "%.*s", (int)(size * count), data);
	return size * count;
}

/* fetch URL CAFILE */
static void fetch(struct answer *a, char **words)
{
	char why[CURL_ERROR_SIZE] = "";
	CURL *curl = curl_easy_init();
	CURLcode r;

	curl_easy_setopt(curl, CURLOPT_URL, words[1]);
	curl_easy_setopt(curl, CURLOPT_CAINFO, words[2]);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
	r = curl_easy_perform(curl);
	if (r != CURLE_OK) {
		say(a, "error: %s: %s", curl_easy_strerror(r), why);
	}
	curl_easy_cleanup(curl);
}

/* amqps HOST PORT CAFILE: as far as the end of the TLS handshake */
static void amqps(struct answer *a, char **words)
{
	amqp_connection_state_t connection = amqp_new_connection();
	amqp_socket_t *socket = amqp_ssl_socket_new(connection);
	struct timeval limit = { .tv_sec = 20 };
	int r = amqp_ssl_socket_set_cacert(socket, words[3]);

	if (r == AMQP_STATUS_OK) {
		r = amqp_socket_open_noblock(socket, words[1], atoi(words[2]), &limit);
	}
	say(a, "%s%s",
	    r == AMQP_STATUS_OK ? "" : "error: ", r == AMQP_STATUS_OK ? "connected" : amqp_error_string2(r));
	amqp_destroy_connection(connection);
}

/* Three children whose parent ends: two end as well, one in a session of its own stays. */
static void orphans(struct answer *a, char **words)
{
	pid_t pid = fork();

	(void)words;
	if (pid == 0) {
		for (int i = 0; i < 3; i++) {
			if (fork() == 0) {
				setsid();
				if (i == 2) {
					pause();
				}
				_exit(0);
			}
		}
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	say(a, "left");
}

/* gate DIR: says that it is there through DIR/in, answers when DIR/out says something. */
static void gate(struct answer *a, char **words)
{
	char path[256];
	char line[16];
	int fd;

	snprintf(path, sizeof(path), "%s/in", words[1]);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "in\n", 3) != 3) {
		say(a, "error: %s", path);
	}
	close(fd);
	snprintf(path, sizeof(path), "%s/out", words[1]);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, line, sizeof(line)) <= 0) {
		say(a, "error: %s", path);
	}
	close(fd);
	say(a, "passed");
}

static const struct verb {
	const char *name;
	int words;
	void (*act)(struct answer *a, char **words);
} verbs[] = {
	{ "versions", 1, versions }, { "resolve", 2, resolve }, { "fetch", 3, fetch },
	{ "amqps", 4, amqps },	     { "orphans", 1, orphans }, { "gate", 2, gate },
};

static void act(struct answer *a, int count, char **words)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (count == verbs[i].words && strcmp(words[0], verbs[i].name) == 0) {
			verbs[i].act(a, words);
			return;
		}
	}
	say(a, "error: expected versions | resolve NAME | fetch URL CAFILE | amqps HOST PORT CAFILE | orphans | gate "
	       "DIR");
}

struct event {
	char id[64];
	struct answer body;
};

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct event *e = ctx;

	sscanf(data, "Lambda-Runtime-Aws-Request-Id: %63s", e->id);
	return size * count;
}

static void serve_one(CURL *curl, const char *api)
{
	struct event e = { .id = "" };
	struct answer a = { .len = 0 };
	char url[512];
	char *words[WORDS] = { NULL };
	char *rest = NULL;
	int count = 0;

	snprintf(url, sizeof(url), "http://%s/2018-06-01/runtime/invocation/next", api);
	curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &e);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &e.body);
	if (curl_easy_perform(curl) != CURLE_OK) {
		exit(1);
	}
	for (char *w = strtok_r(e.body.text, " ", &rest); w != NULL && count < WORDS;
	     w = strtok_r(NULL, " ", &rest)) {
		words[count++] = w;
	}
	act(&a, count, words);
	snprintf(url, sizeof(url), "http://%s/2018-06-01/runtime/invocation/%s/response", api, e.id);
	e.body.len = 0;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)a.len);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, a.text);
	if (curl_easy_perform(curl) != CURLE_OK) {
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct answer a = { .len = 0 };

	if (argc == 1) {
		CURL *curl = curl_easy_init();

		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
		for (;;) {
			serve_one(curl, getenv("AWS_LAMBDA_RUNTIME_API"));
		}
	}
	act(&a, argc - 1, argv + 1);
	printf("%s\n", a.text);
	return strncmp(a.text, "error", 5) == 0;
}
