/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the debugger. */
#include "edge/debug_settings.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "debug/broker.h"
#include "edge/config.h"
#include "edge/env_table.h"
#include "io/listen.h"

static const uint16_t broker_port = 8080;
/* What debugpy listens at in everybody's examples. */
static const uint16_t tcp_port = 5678;

/* A name, or an address of either kind; only IPv6 has colons, and maybe a zone behind a '%'. */
static bool is_host(const char *host)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	size_t len = strcspn(host, "%");

	if (!text_is_visible(host) || strpbrk(host, "/?#@") != NULL) {
		return false;
	}
	if (strchr(host, ':') == NULL) {
		return true;
	}
	if (len >= sizeof(address)) {
		return false;
	}
	memcpy(address, host, len);
	address[len] = '\0';
	return inet_pton(AF_INET6, address, &v6) == 1;
}

/* *port stays without one. *host may be set in either case. */
static bool split(const char *text, char **host, uint16_t *port)
{
	int number;

	if (!address_split(text, host, &number)) {
		return false;
	}
	if (number > 0) {
		*port = (uint16_t)number;
	}
	return number != 0 && is_host(*host);
}

/* As Trek10's proxy has it: any text but "" and "false" means yes; the usual other forms of no are taken as such too. */
static bool is_active(const char *value)
{
	static const char *const no[] = { "false", "0", "no", "off" };

	if (value == NULL) {
		return false;
	}
	for (size_t i = 0; i < countof(no); i++) {
		if (strcasecmp(value, no[i]) == 0) {
			return false;
		}
	}
	return true;
}

/* The id is what a debugger writes behind the slash. Only what would break the request line is encoded. */
static char *make_key(const char *id)
{
	struct buf key = BUF_INIT;

	buf_putc(&key, '/');
	for (id += *id == '/'; *id != '\0'; id++) {
		unsigned char c = (unsigned char)*id;

		if (c <= ' ' || c >= 0x7f || strchr("#\"<>\\^`{|}", c) != NULL) {
			buf_printf(&key, "%%%02X", c);
		} else {
			buf_putc(&key, (char)c);
		}
	}
	return key.data;
}

/* A port that was free a moment ago. The runtime has to bind it by itself, so there is no way to reserve it. */
static uint16_t free_port(struct err *err)
{
	int fd = listen_on("127.0.0.1", 0, err);
	uint16_t port = fd >= 0 ? listen_port(fd) : 0;

	if (fd >= 0) {
		close(fd);
	}
	return port;
}

static int load_addresses(const struct config *cfg, struct debug_settings *out, struct err *err)
{
	const char *at = cfg->debugger_broker;

	out->broker_port = broker_port;
	if (cfg->debugger_listen != NULL) {
		if (!split(cfg->debugger_listen, &out->listen_host, &out->listen_port) || out->listen_port == 0) {
			return env_refuse(err, "DEBUGGER_LISTEN", cfg->debugger_listen, "HOST:PORT");
		}
		return 0;
	}
	if (cfg->debugger_broker == NULL) {
		return err_set(
			err, 2,
			"DEBUGGER_ACTIVE=%.200s: DEBUGGER_BROKER_ADDRESS is missing (or DEBUGGER_LISTEN, to debug "
			"without a broker)",
			cfg->debugger_active);
	}
	out->broker_tls = text_starts(at, "wss://");
	at += out->broker_tls ? 6 : text_starts(at, "ws://") ? 5 : 0;
	if (!split(at, &out->broker_host, &out->broker_port)) {
		return env_refuse(err, "DEBUGGER_BROKER_ADDRESS", cfg->debugger_broker,
				  "HOST, HOST:PORT, ws://HOST:PORT or wss://HOST:PORT");
	}
	return 0;
}

static int load_key(const struct config *cfg, struct debug_settings *out, struct err *err)
{
	out->key = make_key(cfg->debugger_id != NULL ? cfg->debugger_id : cfg->function_name);
	if (strlen(out->key) > BROKER_MAX_KEY) {
		return err_set(
			err, 2,
			"DEBUGGER_FUNCTION_ID=%.200s: not allowed; expected at most %zu characters, in a request "
			"line, and this has %zu",
			cfg->debugger_id, BROKER_MAX_KEY - 1, strlen(out->key) - 1);
	}
	return 0;
}

/* A line end that came along from a file would end the header. */
static int load_token(const struct config *cfg, struct debug_settings *out, struct err *err)
{
	out->token = cfg->debugger_token;
	if (out->token != NULL && !text_is_visible(out->token)) {
		return err_set(
			err, 2,
			"DEBUGGER_TOKEN: not allowed; expected visible ASCII characters only, no blanks or line "
			"ends (its value is not shown)");
	}
	return 0;
}

static int load_mode(const struct config *cfg, struct debug_settings *out, struct err *err)
{
	const char *mode = cfg->debugger_mode;

	out->tcp = strcmp(mode, "tcp") == 0;
	if (!out->tcp && strcmp(mode, "inspector") != 0) {
		return err_set(err, 2, "DEBUGGER_MODE=%.200s: not allowed; expected inspector or tcp", mode);
	}
	out->port = (uint16_t)cfg->debugger_port;
	if (out->port == 0) {
		out->port = out->tcp ? tcp_port : free_port(err);
	}
	if (out->port == 0) {
		return -1;
	}
	if (!out->tcp) {
		out->node_options = xasprintf("--inspect=127.0.0.1:%u", out->port);
	}
	return 0;
}

int debug_settings_load(const struct config *cfg, struct debug_settings *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	if (!is_active(cfg->debugger_active)) {
		return 0;
	}
	if (cfg->managed_concurrency > 0) {
		return err_set(
			err, 2,
			"AWS_LAMBDA_MAX_CONCURRENCY=%llu: not allowed with DEBUGGER_ACTIVE; a debugger holds one "
			"event at a time",
			(unsigned long long)cfg->managed_concurrency);
	}
	out->active = true;
	out->stop_at_handler = cfg->debugger_break;
	if (load_key(cfg, out, err) != 0 || load_token(cfg, out, err) != 0 || load_addresses(cfg, out, err) != 0) {
		return -1;
	}
	return load_mode(cfg, out, err);
}

void debug_settings_fini(struct debug_settings *s)
{
	free(s->key);
	free(s->broker_host);
	free(s->listen_host);
	free(s->node_options);
	memset(s, 0, sizeof(*s));
}
