/* SPDX-License-Identifier: Apache-2.0 */
/* Flags and the runtime's command. */
#include "edge/command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/config.h"
#include "edge/env_table.h"

static int set_level(struct config *cfg, const char *value, struct err *err)
{
	if (!log_level_parse(value, &cfg->log_level)) {
		return err_set(err, 2, "--log-level %.200s: not allowed; expected TRACE, DEBUG, INFO, WARN or ERROR",
			       value);
	}
	return 0;
}

static int set_address(const char *flag, const char *value, char **host, uint64_t *port, struct err *err)
{
	auto_free char *found = NULL;
	int number;

	if (!address_split(value, &found, &number) || number < 0 || (*found != '\0' && !env_is_host(found))) {
		return err_set(err, 2, "%s %.200s: not allowed; expected HOST:PORT", flag, value);
	}
	free(*host);
	/* ":8080" means every address, as in the emulator. */
	*host = xstrdup(*found != '\0' ? found : "0.0.0.0");
	*port = (uint64_t)number;
	return 0;
}

static int set_runtime_address(struct config *cfg, const char *value, struct err *err)
{
	return set_address("--runtime-api-address", value, &cfg->runtime_host, &cfg->runtime_port, err);
}

static int set_invoke_address(struct config *cfg, const char *value, struct err *err)
{
	return set_address("--runtime-interface-emulator-address", value, &cfg->invoke_host, &cfg->invoke_port, err);
}

static int set_init_caching(struct config *cfg, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	cfg->init_caching = true;
	return 0;
}

static const struct flag {
	const char *name;
	bool takes_value;
	bool gateway; /* makes sense without a runtime, too */
	int (*set)(struct config *cfg, const char *value, struct err *err);
} flags[] = {
	{ "--log-level", true, true, set_level },
	{ "--runtime-api-address", true, false, set_runtime_address },
	{ "--runtime-interface-emulator-address", true, true, set_invoke_address },
	{ "--enable-init-caching", false, false, set_init_caching },
};

static const struct flag *find_flag(const struct config *cfg, const char *word, const char **inline_value)
{
	for (size_t i = 0; i < countof(flags); i++) {
		size_t len = strlen(flags[i].name);

		if (cfg->gateway && !flags[i].gateway) {
			continue;
		}
		if (strncmp(word, flags[i].name, len) == 0 && (word[len] == '\0' || word[len] == '=')) {
			*inline_value = word[len] == '=' ? word + len + 1 : NULL;
			return &flags[i];
		}
	}
	return NULL;
}

bool command_asks(struct config *cfg, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = NULL;
		const struct flag *f = find_flag(cfg, argv[i], &value);

		if (f != NULL) {
			i += f->takes_value && value == NULL;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			cfg->action = CONFIG_HELP;
			return true;
		} else if (strcmp(argv[i], "--version") == 0) {
			cfg->action = CONFIG_VERSION;
			return true;
		} else {
			break;
		}
	}
	return false;
}

int command_parse(struct config *cfg, int argc, char **argv, struct err *err)
{
	size_t n = 0;

	cfg->command = xcalloc((size_t)argc + 1, sizeof(*cfg->command));
	for (int i = 1; i < argc; i++) {
		const char *value = NULL;
		const struct flag *f = find_flag(cfg, argv[i], &value);

		if (f == NULL) {
			if (n == 0 && argv[i][0] == '-') {
				return err_set(err, 2, "unknown flag %.200s; --help shows what there is", argv[i]);
			}
			cfg->command[n++] = argv[i];
			continue;
		}
		if (!f->takes_value && value != NULL) {
			return err_set(err, 2, "%s takes no value", f->name);
		}
		if (f->takes_value && value == NULL) {
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

static bool is_executable_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int find_bootstrap(struct config *cfg, struct err *err)
{
	static char places[][24] = { "/var/task/bootstrap", "/opt/bootstrap", "/var/runtime/bootstrap" };

	for (size_t i = 0; i < countof(places); i++) {
		if (is_executable_file(places[i])) {
			cfg->command[0] = places[i];
			cfg->cwd = "/var/task";
			return 0;
		}
	}
	return err_set(err, 2, "no command was given and none of %s, %s and %s is an executable file", places[0],
		       places[1], places[2]);
}

int command_find(struct config *cfg, struct err *err)
{
	const char *last = NULL;
	const char *handler = getenv("_HANDLER");
	size_t words = 0;

	while (cfg->command[words] != NULL) {
		last = cfg->command[words++];
	}
	if (words == 0) {
		cfg->command = xrealloc(cfg->command, 2 * sizeof(*cfg->command));
		cfg->command[1] = NULL;
		if (find_bootstrap(cfg, err) != 0) {
			return -1;
		}
	}
	/* AWS_LAMBDA_FUNCTION_HANDLER has been loaded already and goes first. */
	if (cfg->handler == NULL && handler != NULL && *handler != '\0') {
		cfg->handler = xstrdup(handler);
	}
	if (cfg->handler == NULL && words >= 2) {
		cfg->handler = xstrdup(last);
	}
	return 0;
}
