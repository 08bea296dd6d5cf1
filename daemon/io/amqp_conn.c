/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing of connections, and their errors in words. */
#include "io/amqp_conn.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

static const struct timeval open_timeout = { .tv_sec = 10 };
static const struct timeval rpc_timeout = { .tv_sec = 30 };
/* Bounds how long bytes that the other end does not take keep a dead connection alive. Heartbeats do not: the library is not
 * asked for them while it waits in a publish. */
static const unsigned user_timeout_ms = 30000;
static const unsigned heartbeats_missed = 5;
enum { FRAME_MAX = 131072, CHANNEL_MAX = 2 };

/* Where distributions keep the certificates of the usual authorities. */
static const char *const ca_files[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
					"/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem" };

int amqp_conn_broker_error(struct err *err, const char *what, const amqp_method_t *m)
{
	const amqp_bytes_t *text = NULL;
	unsigned code = 0;

	if (m->id == AMQP_CONNECTION_CLOSE_METHOD) {
		const amqp_connection_close_t *close = m->decoded;

		code = close->reply_code;
		text = &close->reply_text;
	} else if (m->id == AMQP_CHANNEL_CLOSE_METHOD) {
		const amqp_channel_close_t *close = m->decoded;

		code = close->reply_code;
		text = &close->reply_text;
	}
	if (text == NULL) {
		return err_set(err, 1, "%s: unexpected method 0x%08x", what, m->id);
	}
	return err_set(err, 1, "%s: %u %.*s", what, code, (int)text->len, (const char *)text->bytes);
}

int amqp_conn_status(int status, const char *what, struct err *err)
{
	return status == AMQP_STATUS_OK ? 0 : err_set(err, 1, "%s: %s", what, amqp_error_string2(status));
}

static int check_reply(const amqp_rpc_reply_t *reply, const char *what, struct err *err)
{
	switch (reply->reply_type) {
	case AMQP_RESPONSE_NORMAL:
		return 0;
	case AMQP_RESPONSE_SERVER_EXCEPTION:
		return amqp_conn_broker_error(err, what, &reply->reply);
	case AMQP_RESPONSE_LIBRARY_EXCEPTION:
		return amqp_conn_status(reply->library_error, what, err);
	case AMQP_RESPONSE_NONE:
		break;
	}
	return err_set(err, 1, "%s: no answer", what);
}

int amqp_conn_check(struct amqp_conn *c, const char *what, struct err *err)
{
	amqp_rpc_reply_t reply = amqp_get_rpc_reply(c->state);

	return check_reply(&reply, what, err);
}

/* librabbitmq's own check of the name knows no IP addresses; OpenSSL's does. */
static bool set_expected_peer(amqp_socket_t *socket, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(amqp_ssl_socket_get_context(socket));
	unsigned char address[16];

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	}
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static int set_certificates(amqp_socket_t *socket, const struct amqp_uri *uri, struct err *err)
{
	const char *ca = uri->cacertfile;

	for (size_t i = 0; ca == NULL && i < countof(ca_files); i++) {
		ca = access(ca_files[i], R_OK) == 0 ? ca_files[i] : NULL;
	}
	amqp_ssl_socket_set_verify_peer(socket, uri->verify);
	amqp_ssl_socket_set_verify_hostname(socket, false);
	if (uri->verify && ca == NULL) {
		return err_set(err, 1, "no file with certificates of authorities was found; cacertfile names one");
	}
	if (uri->verify && amqp_ssl_socket_set_cacert(socket, ca) != AMQP_STATUS_OK) {
		return err_set(err, 1, "cacertfile %.200s cannot be used as a PEM file of certificates", ca);
	}
	if (uri->verify && !set_expected_peer(socket, uri->host)) {
		return err_set(err, 1, "the broker's name %.200s cannot be checked", uri->host);
	}
	if (uri->certfile != NULL && amqp_ssl_socket_set_key(socket, uri->certfile, uri->keyfile) != AMQP_STATUS_OK) {
		return err_set(err, 1, "certfile %.150s and keyfile %.150s cannot be used as PEM files of a pair",
			       uri->certfile, uri->keyfile);
	}
	return 0;
}

static amqp_socket_t *make_socket(struct amqp_conn *c, const struct amqp_uri *uri, struct err *err)
{
	amqp_socket_t *socket = uri->tls ? amqp_ssl_socket_new(c->state) : amqp_tcp_socket_new(c->state);

	if (socket == NULL) {
		err_set(err, 1, "no socket could be made");
		return NULL;
	}
	if (uri->tls) {
		/* The socket belongs to the connection: it goes with it. */
		(void)amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
		if (set_certificates(socket, uri, err) != 0) {
			return NULL;
		}
	}
	return socket;
}

static void tune_socket(const struct amqp_uri *uri, int fd)
{
	unsigned timeout_ms = user_timeout_ms;
	int one = 1;

	/* librabbitmq sets TCP_NODELAY itself; a message is several frames and must not wait for an acknowledgement. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
		log_debug("AMQP TCP_NODELAY could not be set");
	}
	if (uri->heartbeat_s > 0 && uri->heartbeat_s * heartbeats_missed * 1000 < timeout_ms) {
		timeout_ms = uri->heartbeat_s * heartbeats_missed * 1000;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms)) != 0) {
		log_warn("AMQP a dead connection may go unnoticed: TCP_USER_TIMEOUT could not be set");
	}
}

static amqp_table_entry_t flag(const char *name)
{
	amqp_table_entry_t e = { .key = amqp_cstring_bytes(name) };

	e.value.kind = AMQP_FIELD_KIND_BOOLEAN;
	e.value.value.boolean = 1;
	return e;
}

static amqp_table_entry_t text(const char *name, const char *value)
{
	amqp_table_entry_t e = { .key = amqp_cstring_bytes(name) };

	e.value.kind = AMQP_FIELD_KIND_UTF8;
	e.value.value.bytes = amqp_cstring_bytes(value);
	return e;
}

static int log_in(struct amqp_conn *c, const struct amqp_uri *uri, const char *name, struct err *err)
{
	amqp_table_entry_t can[] = { flag("authentication_failure_close"), flag("consumer_cancel_notify"),
				     flag("connection.blocked"), flag("publisher_confirms"), flag("basic.nack") };
	amqp_table_entry_t about[] = { text("connection_name", name),
				       text("product", "lambda-runtime-api-daemon"),
				       { .key = amqp_cstring_bytes("capabilities") } };
	amqp_table_t properties = { countof(about), about };
	amqp_rpc_reply_t reply;
	char what[200];

	snprintf(what, sizeof(what), "login of user %.80s to vhost %.80s", uri->user != NULL ? uri->user : "guest",
		 uri->vhost);
	about[2].value.kind = AMQP_FIELD_KIND_TABLE;
	about[2].value.value.table.num_entries = countof(can);
	about[2].value.value.table.entries = can;
	/* The library wants the client certificate's user, or a name and a password, even if empty. */
	reply = amqp_login_with_properties(c->state, uri->vhost, CHANNEL_MAX, FRAME_MAX, (int)uri->heartbeat_s,
					   &properties, AMQP_SASL_METHOD_PLAIN,
					   uri->user != NULL ? uri->user : "guest",
					   uri->password != NULL ? uri->password
					   : uri->user != NULL	 ? ""
								 : "guest");
	return check_reply(&reply, what, err);
}

/* The library's text for whatever the system says is "a socket error occurred". */
static int connect_error(int status, int error, const struct amqp_uri *uri, struct err *err)
{
	const char *why = amqp_error_string2(status);

	if (status == AMQP_STATUS_SOCKET_ERROR) {
		why = error != 0 && error != EINPROGRESS ? strerror(error) : "refused or unreachable";
	} else if (status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED) {
		why = "the certificate of the broker is not for this name, or not from an authority that is trusted "
		      "(cacertfile)";
	}
	return err_set(err, 1, "connect to %.200s:%u: %s", uri->host, uri->port, why);
}

static int open_steps(struct amqp_conn *c, const struct amqp_uri *uri, const char *name, struct err *err)
{
	struct timeval wait = open_timeout;
	amqp_socket_t *socket = make_socket(c, uri, err);
	int status;

	if (socket == NULL) {
		return -1;
	}
	errno = 0;
	status = amqp_socket_open_noblock(socket, uri->host, uri->port, &wait);
	if (status != AMQP_STATUS_OK) {
		return connect_error(status, errno, uri, err);
	}
	(void)amqp_set_handshake_timeout(c->state, &open_timeout);
	(void)amqp_set_rpc_timeout(c->state, &rpc_timeout);
	tune_socket(uri, amqp_get_sockfd(c->state));
	if (log_in(c, uri, name, err) != 0) {
		return -1;
	}
	amqp_channel_open(c->state, AMQP_CHANNEL);
	return amqp_conn_check(c, "channel", err);
}

int amqp_conn_open(struct amqp_conn *c, const struct amqp_uri *uri, const char *name, struct err *err)
{
	c->state = amqp_new_connection();
	if (c->state == NULL) {
		return err_set(err, 1, "no connection object could be made");
	}
	buf_init(&c->body, 0);
	if (open_steps(c, uri, name, err) != 0) {
		amqp_conn_close(c, false);
		return -1;
	}
	return 0;
}

void amqp_conn_close(struct amqp_conn *c, bool polite)
{
	if (c->state == NULL) {
		return;
	}
	if (polite) {
		(void)amqp_connection_close(c->state, AMQP_REPLY_SUCCESS);
	}
	(void)amqp_destroy_connection(c->state);
	c->state = NULL;
	amqp_mail_free(c->mail);
	c->mail = NULL;
	c->in_body = false;
	buf_fini(&c->body);
}

int amqp_conn_fd(const struct amqp_conn *c)
{
	return amqp_get_sockfd(c->state);
}
