/* SPDX-License-Identifier: Apache-2.0 */
/* Linked like the static executables; does one thing with one of their libraries, for tests in foreign images.
 * usage: probe resolve NAME | https URL CAFILE | amqps HOST PORT CAFILE | all */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <zlib.h>

static int resolve(const char *name)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int r = getaddrinfo(name, "443", &hints, &found);

	if (r != 0) {
		printf("error %s\n", gai_strerror(r));
		return 1;
	}
	for (struct addrinfo *a = found; a != NULL; a = a->ai_next) {
		char text[64];

		getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		printf("%s\n", text);
	}
	freeaddrinfo(found);
	return 0;
}

static int https(const char *url, const char *ca)
{
	char why[CURL_ERROR_SIZE] = "";
	CURL *curl = curl_easy_init();
	CURLcode r;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
	r = curl_easy_perform(curl);
	if (r != CURLE_OK) {
		printf("error %s: %s\n", curl_easy_strerror(r), why);
	}
	curl_easy_cleanup(curl);
	return r != CURLE_OK;
}

static int amqps(const char *host, int port, const char *ca)
{
	amqp_connection_state_t connection = amqp_new_connection();
	amqp_socket_t *socket = amqp_ssl_socket_new(connection);
	struct timeval limit = { .tv_sec = 20 };
	int r = amqp_ssl_socket_set_cacert(socket, ca);

	if (r == AMQP_STATUS_OK) {
		r = amqp_socket_open_noblock(socket, host, port, &limit);
	}
	printf(r == AMQP_STATUS_OK ? "connected\n" : "error %s\n", amqp_error_string2(r));
	amqp_destroy_connection(connection);
	return r != AMQP_STATUS_OK;
}

static int all(void)
{
	json_t *json = json_object();

	printf("%s; %s; librabbitmq %s; libmicrohttpd %s; zlib %s\n", curl_version(),
	       OpenSSL_version(OPENSSL_VERSION), amqp_version(), MHD_get_version(), zlibVersion());
	json_decref(json);
	return SSL_CTX_new(TLS_method()) == NULL;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "resolve") == 0) {
		return resolve(argv[2]);
	}
	if (argc == 4 && strcmp(argv[1], "https") == 0) {
		return https(argv[2], argv[3]);
	}
	if (argc == 5 && strcmp(argv[1], "amqps") == 0) {
		return amqps(argv[2], atoi(argv[3]), argv[4]);
	}
	if (argc == 2 && strcmp(argv[1], "all") == 0) {
		return all();
	}
	fprintf(stderr, "usage: probe resolve NAME | https URL CAFILE | amqps HOST PORT CAFILE | all\n");
	return 2;
}
