/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of debug-broker and what they may be. */
#include "debug/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "debug/access.h"

struct flag {
	const char *name;
	const char *value; /* what it is called in the help; NULL: it takes none */
	int (*set)(struct broker_config *cfg, const char *value, struct err *err);
	const char *help;
};

/* HOST:PORT, [V6]:PORT, :PORT. An empty host leaves *host alone. */
static int split_address(const char *flag, const char *text, char **host, uint16_t *port, struct err *err)
{
	auto_free char *found = NULL;
	int number;

	if (!address_split(text, &found, &number) || number < 0) {
		return err_set(err, 2, "%s %.200s: not allowed; expected HOST:PORT", flag, text);
	}
	*port = (uint16_t)number;
	if (*found != '\0') {
		free(*host);
		*host = xstrdup(found);
	}
	return 0;
}

static int set_lambda(struct broker_config *cfg, const char *value, struct err *err)
{
	return split_address("--lambda-address", value, &cfg->lambda_host, &cfg->broker.lambda_port, err);
}

static int set_user(struct broker_config *cfg, const char *value, struct err *err)
{
	return split_address("--user-address", value, &cfg->user_host, &cfg->broker.user_port, err);
}

static int set_tcp(struct broker_config *cfg, const char *value, struct err *err)
{
	const char *equals = strchr(value, '=');
	struct broker_tcp *t;
	char *address;
	char *host = NULL;
	int r;

	if (equals == NULL || equals[1] == '\0') {
		return err_set(err, 2, "--tcp %.200s: not allowed; expected HOST:PORT=ID", value);
	}
	address = xstrndup(value, (size_t)(equals - value));
	cfg->tcp = xrealloc(cfg->tcp, (cfg->tcp_count + 1) * sizeof(*cfg->tcp));
	t = &cfg->tcp[cfg->tcp_count];
	r = split_address("--tcp", address, &host, &t->port, err);
	free(address);
	if (r != 0) {
		free(host);
		return -1;
	}
	t->host = host != NULL ? host : xstrdup("127.0.0.1");
	t->key = equals[1] == '/' ? xstrdup(equals + 1) : xasprintf("/%s", equals + 1);
	cfg->tcp_count++;
	return 0;
}

static int set_token_file(struct broker_config *cfg, const char *value, struct err *err)
{
	char line[514] = "";
	FILE *f = fopen(value, "re");

	if (f == NULL) {
		return err_set(err, 2, "--token-file %.200s: %s", value, strerror(errno));
	}
	if (fgets(line, sizeof(line), f) == NULL) {
		line[0] = '\0';
	}
	fclose(f);
	line[strcspn(line, "\r\n")] = '\0';
	if (strlen(line) < 16 || strlen(line) > 512 || !text_is_visible(line)) {
		explicit_bzero(line, sizeof(line));
		return err_set(err, 2,
			       "--token-file %.200s: its first line must be a token of 16 to 512 visible ASCII "
			       "characters, without blanks",
			       value);
	}
	free(cfg->token);
	cfg->token = xstrdup(line);
	explicit_bzero(line, sizeof(line));
	return 0;
}

static int set_file(char **slot, const char *value)
{
	free(*slot);
	*slot = xstrdup(value);
	return 0;
}

static int set_tls_cert(struct broker_config *cfg, const char *value, struct err *err)
{
	(void)err;
	return set_file(&cfg->tls_cert, value);
}

static int set_tls_key(struct broker_config *cfg, const char *value, struct err *err)
{
	(void)err;
	return set_file(&cfg->tls_key, value);
}

static int set_ca_file(struct broker_config *cfg, const char *value, struct err *err)
{
	(void)err;
	return set_file(&cfg->ca_file, value);
}

static int set_insecure(struct broker_config *cfg, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	cfg->insecure = true;
	return 0;
}

static int set_max_message(struct broker_config *cfg, const char *value, struct err *err)
{
	uint64_t mib;

	if (!text_to_u64(value, 1, 1024, &mib)) {
		return err_set(err, 2, "--max-message %.200s: not allowed; expected MiB from 1 to 1024", value);
	}
	cfg->broker.max_message = (size_t)mib << 20;
	return 0;
}

static int set_keepalive(struct broker_config *cfg, const char *value, struct err *err)
{
	if (!text_to_us(value, &cfg->broker.keepalive_us) || cfg->broker.keepalive_us < 10 * 1000 ||
	    cfg->broker.keepalive_us > (int64_t)3600 * 1000 * 1000) {
		return err_set(err, 2, "--ping %.200s: not allowed; expected seconds from 0.01 to 3600", value);
	}
	return 0;
}

static int set_level(struct broker_config *cfg, const char *value, struct err *err)
{
	if (!log_level_parse(value, &cfg->level)) {
		return err_set(err, 2, "--log-level %.200s: not allowed; expected TRACE, DEBUG, INFO, WARN or ERROR",
			       value);
	}
	return 0;
}

static int set_format(struct broker_config *cfg, const char *value, struct err *err)
{
	cfg->json = strcmp(value, "json") == 0;
	if (!cfg->json && strcmp(value, "text") != 0) {
		return err_set(err, 2, "--log-format %.200s: not allowed; expected text or json", value);
	}
	return 0;
}

static int set_ready(struct broker_config *cfg, const char *value, struct err *err)
{
	uint64_t fd;

	if (!text_to_u64(value, 1, 65535, &fd) || fcntl((int)fd, F_GETFD) < 0) {
		return err_set(err, 2, "--ready-fd %.200s: not allowed; expected an open descriptor", value);
	}
	cfg->ready_fd = (int)fd;
	return 0;
}

static int set_listen(struct broker_config *cfg, const char *value, struct err *err)
{
	return split_address("--listen", value, &cfg->listen_host, &cfg->listen_port, err);
}

static const struct flag common_flags[] = {
	{ "--token-file", "FILE", set_token_file, "the first line of FILE is the token that everybody must show" },
	{ "--insecure", NULL, set_insecure,
	  "listen on other addresses than loopback also where nobody is asked for a token" },
	{ "--log-level", "LEVEL", set_level, "TRACE, DEBUG, INFO, WARN or ERROR (default INFO)" },
	{ "--log-format", "FORMAT", set_format, "text or json (default text)" },
	{ "--ready-fd", "N", set_ready, "when everything listens, the addresses are written to this descriptor" },
};

static const struct flag broker_flags[] = {
	{ "--lambda-address", "HOST:PORT", set_lambda,
	  "where functions connect (default port 8080; host 127.0.0.1, with a token 0.0.0.0)" },
	{ "--user-address", "HOST:PORT", set_user,
	  "where debuggers and browsers connect (default port 9229; host as above)" },
	{ "--tcp", "HOST:PORT=ID", set_tcp,
	  "debuggers that connect here by plain TCP get the function ID; may be given again" },
	{ "--tls-cert", "FILE", set_tls_cert,
	  "certificate with its chain, PEM: both addresses speak TLS (https, wss)" },
	{ "--tls-key", "FILE", set_tls_key, "its key, PEM" },
	{ "--max-message", "MIB", set_max_message, "longest message of a debugger or function (default 100)" },
	{ "--ping", "SECONDS", set_keepalive, "how often peers are asked whether they live (default 30)" },
};

static const struct flag connect_flags[] = {
	{ "--listen", "HOST:PORT", set_listen, "where the debugger connects (default 127.0.0.1, any free port)" },
	{ "--ca-file", "FILE", set_ca_file, "for wss://, certificates to trust, PEM (default: the system's)" },
};

static const struct flag *find_in(const struct flag *flags, size_t count, const char *word, const char **value)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(flags[i].name);

		if (strncmp(word, flags[i].name, len) == 0 && (word[len] == '\0' || word[len] == '=')) {
			*value = word[len] == '=' ? word + len + 1 : NULL;
			return &flags[i];
		}
	}
	return NULL;
}

static const struct flag *find_flag(const struct broker_config *cfg, const char *word, const char **value)
{
	const struct flag *f = find_in(common_flags, countof(common_flags), word, value);

	if (f != NULL) {
		return f;
	}
	return cfg->action == BROKER_CONNECT ? find_in(connect_flags, countof(connect_flags), word, value)
					     : find_in(broker_flags, countof(broker_flags), word, value);
}

static int refuse_target(struct err *err)
{
	return err_set(
		err, 2,
		"connect: the address is not allowed; expected ws://HOST:PORT/ID or wss://HOST:PORT/ID (it may "
		"hold a secret and is not shown)");
}

/* ws://HOST:PORT/ID or wss://HOST:PORT/ID */
static int set_target(struct broker_config *cfg, const char *url, struct err *err)
{
	const char *rest = text_starts(url, "ws://") ? url + 5 : text_starts(url, "wss://") ? url + 6 : NULL;
	const char *slash = rest != NULL ? strchr(rest, '/') : NULL;
	char *address;
	int r;

	if (cfg->target_path != NULL) {
		return err_set(err, 2, "connect: one address is enough");
	}
	if (slash == NULL || slash[1] == '\0' || strpbrk(rest, " \r\n") != NULL) {
		return refuse_target(err);
	}
	address = xstrndup(rest, (size_t)(slash - rest));
	r = strchr(address, '@') == NULL
		    ? split_address("connect", address, &cfg->target_host, &cfg->target_port, err)
		    : refuse_target(err);
	free(address);
	cfg->target_path = xstrdup(slash);
	cfg->target_tls = url[2] == 's';
	if (r == 0 && (cfg->target_host == NULL || cfg->target_port == 0)) {
		r = refuse_target(err);
	}
	return r;
}

/* A word that is no flag with a value. */
static int take_word(struct broker_config *cfg, const char *word, bool first, struct err *err)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		cfg->action = BROKER_HELP;
	} else if (strcmp(word, "--version") == 0) {
		cfg->action = BROKER_VERSION;
	} else if (first && strcmp(word, "connect") == 0) {
		cfg->action = BROKER_CONNECT;
	} else if (word[0] != '-' && cfg->action == BROKER_CONNECT) {
		return set_target(cfg, word, err);
	} else {
		return err_set(err, 2, "unknown argument %.200s; --help shows what there is", word);
	}
	return 0;
}

static int parse(struct broker_config *cfg, int argc, char **argv, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		const char *value = NULL;
		const struct flag *f = find_flag(cfg, argv[i], &value);

		if (f == NULL) {
			if (take_word(cfg, argv[i], i == 1, err) != 0) {
				return -1;
			}
			if (cfg->action == BROKER_HELP || cfg->action == BROKER_VERSION) {
				return 0;
			}
			continue;
		}
		if (f->value == NULL && value != NULL) {
			return err_set(err, 2, "%s takes no value", f->name);
		}
		if (f->value != NULL && value == NULL) {
			if (i + 1 == argc) {
				return err_set(err, 2, "%s: a value is missing", f->name);
			}
			value = argv[++i];
		}
		if (f->set(cfg, value, err) != 0) {
			return -1;
		}
	}
	return 0;
}

static int check_exposed(const struct broker_config *cfg, const char *flag, const char *host, struct err *err)
{
	if (cfg->token != NULL || cfg->insecure || access_is_loopback(host)) {
		return 0;
	}
	return err_set(err, 2,
		       "%s %.200s: a debugger can run any code in a function, so without --token-file only loopback "
		       "addresses are allowed; --insecure allows others",
		       flag, host);
}

/* Plain TCP has no place for a token. */
static int check_plain(const struct broker_config *cfg, const char *flag, const char *host, struct err *err)
{
	if (cfg->insecure || access_is_loopback(host)) {
		return 0;
	}
	return err_set(err, 2,
		       "%s %.200s: plain TCP cannot show a token, so only loopback addresses are allowed; --insecure "
		       "allows others",
		       flag, host);
}

static int finish_connect(const struct broker_config *cfg, struct err *err)
{
	if (cfg->target_path == NULL) {
		return err_set(err, 2, "connect: the address is missing; expected ws://HOST:PORT/ID");
	}
	return cfg->listen_host != NULL ? check_plain(cfg, "--listen", cfg->listen_host, err) : 0;
}

static int finish_broker(struct broker_config *cfg, struct err *err)
{
	const char *host = cfg->token != NULL ? "0.0.0.0" : "127.0.0.1";
	struct broker_opts *o = &cfg->broker;

	if ((cfg->tls_cert == NULL) != (cfg->tls_key == NULL)) {
		return err_set(err, 2, "--tls-cert and --tls-key belong together");
	}
	cfg->lambda_host = cfg->lambda_host != NULL ? cfg->lambda_host : xstrdup(host);
	cfg->user_host = cfg->user_host != NULL ? cfg->user_host : xstrdup(host);
	if (check_exposed(cfg, "--lambda-address", cfg->lambda_host, err) != 0 ||
	    check_exposed(cfg, "--user-address", cfg->user_host, err) != 0) {
		return -1;
	}
	for (size_t i = 0; i < cfg->tcp_count; i++) {
		if (check_plain(cfg, "--tcp", cfg->tcp[i].host, err) != 0) {
			return -1;
		}
	}
	o->lambda_host = cfg->lambda_host;
	o->user_host = cfg->user_host;
	o->lambda_token = cfg->token;
	o->user_token = cfg->token;
	o->any_host_name = cfg->insecure;
	o->tcp = cfg->tcp;
	o->tcp_count = cfg->tcp_count;
	return 0;
}

int broker_config_load(struct broker_config *cfg, int argc, char **argv, struct err *err)
{
	*cfg = (struct broker_config){ .ready_fd = -1, .level = LOG_INFO };
	cfg->broker.lambda_port = 8080;
	cfg->broker.user_port = 9229;
	cfg->broker.max_message = BROKER_MAX_MESSAGE;
	cfg->broker.keepalive_us = BROKER_KEEPALIVE_US;
	if (parse(cfg, argc, argv, err) != 0) {
		return -1;
	}
	if (cfg->action == BROKER_RUN) {
		return finish_broker(cfg, err);
	}
	return cfg->action == BROKER_CONNECT ? finish_connect(cfg, err) : 0;
}

void broker_config_fini(struct broker_config *cfg)
{
	for (size_t i = 0; i < cfg->tcp_count; i++) {
		free((char *)(uintptr_t)cfg->tcp[i].host);
		free((char *)(uintptr_t)cfg->tcp[i].key);
	}
	if (cfg->token != NULL) {
		explicit_bzero(cfg->token, strlen(cfg->token));
	}
	free(cfg->tcp);
	free(cfg->token);
	free(cfg->lambda_host);
	free(cfg->user_host);
	free(cfg->listen_host);
	free(cfg->target_host);
	free(cfg->target_path);
	free(cfg->tls_cert);
	free(cfg->tls_key);
	free(cfg->ca_file);
}

static void print_flags(const struct flag *flags, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char left[48];

		snprintf(left, sizeof(left), "%s %s", flags[i].name, flags[i].value != NULL ? flags[i].value : "");
		printf("  %-28s %s\n", left, flags[i].help);
	}
}

void broker_config_help(void)
{
	printf("usage: debug-broker [flags]\n"
	       "       debug-broker connect [flags] ws[s]://BROKER:PORT/ID\n\n"
	       "Brings debuggers together with Lambda functions that run with DEBUGGER_ACTIVE=true, wherever either "
	       "is.\n"
	       "With a browser open the user address: it shows the functions that wait.\n\n");
	print_flags(broker_flags, countof(broker_flags));
	print_flags(common_flags, countof(common_flags));
	printf("\nconnect lets a debugger that speaks plain TCP (debugpy, Delve, JDWP) reach a function in tcp "
	       "mode:\n\n");
	print_flags(connect_flags, countof(connect_flags));
	printf("\n  --help, --version\n");
}
