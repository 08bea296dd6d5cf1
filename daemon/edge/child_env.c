/* SPDX-License-Identifier: Apache-2.0 */
/* Environment of the runtime processes. */
#include "edge/child_env.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/lifecycle.h"
#include "edge/config.h"
#include "io/guard.h"

struct env {
	char **vars; /* "NAME=value", owned */
	size_t count;
};

static void add(struct env *e, char *entry)
{
	e->vars = xrealloc(e->vars, (e->count + 2) * sizeof(*e->vars));
	e->vars[e->count++] = entry;
	e->vars[e->count] = NULL;
}

static char **find(const struct env *e, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < e->count; i++) {
		if (strncmp(e->vars[i], name, len) == 0 && e->vars[i][len] == '=') {
			return &e->vars[i];
		}
	}
	return NULL;
}

/* The mere presence of this one, even empty, switches runtimes to several events at once. */
static bool is_empty_switch(const char *entry)
{
	return strcmp(entry, "AWS_LAMBDA_MAX_CONCURRENCY=") == 0;
}

static void set(struct env *e, const char *name, const char *value)
{
	char *entry = xasprintf("%s=%s", name, value);
	char **slot = find(e, name);

	if (slot != NULL) {
		free(*slot);
		*slot = entry;
	} else {
		add(e, entry);
	}
}

static void set_default(struct env *e, const char *name, const char *value)
{
	if (find(e, name) == NULL) {
		set(e, name, value);
	}
}

static void set_number(struct env *e, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	set(e, name, text);
}

void child_env_log_stream(const struct config *cfg, char out[LOG_STREAM_LEN])
{
	char stamp[CLOCK_STAMP_LEN];
	char id[33];

	clock_stamp(clock_wall_ms(), stamp);
	text_random_hex(id, 16);
	snprintf(out, LOG_STREAM_LEN, "%.4s/%.2s/%.2s/[%s]%s", stamp, stamp + 5, stamp + 8, cfg->version, id);
}

static void set_log_names(struct env *e, const struct config *cfg, const char *log_stream)
{
	char *group = xasprintf("/aws/lambda/%s", cfg->function_name);

	set(e, "AWS_LAMBDA_LOG_GROUP_NAME", cfg->log_group != NULL ? cfg->log_group : group);
	if (cfg->log_stream != NULL) {
		set(e, GUARD_OTHER_MARK, log_stream);
	}
	set(e, GUARD_MARK, cfg->log_stream != NULL ? cfg->log_stream : log_stream);
	free(group);
}

/* Lambda's list, as far as the directories exist: on a plain host the variable would only get in the way. */
static void set_library_path(struct env *e)
{
	static const char *const dirs[] = { "/var/lang/lib", "/var/runtime",  "/var/runtime/lib",
					    "/var/task",     "/var/task/lib", "/opt/lib" };
	struct buf path = BUF_INIT;
	struct stat st;

	for (size_t i = 0; i < countof(dirs); i++) {
		if (stat(dirs[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			buf_printf(&path, "%s%s", path.len > 0 ? ":" : "", dirs[i]);
		}
	}
	if (path.len > 0) {
		set_default(e, "LD_LIBRARY_PATH", path.data);
	}
	buf_fini(&path);
}

/* Behind what the caller's environment has: of two --inspect the last one counts. */
static void add_node_options(struct env *e, const char *options)
{
	char **slot = find(e, "NODE_OPTIONS");
	char *all = slot != NULL ? xasprintf("%s %s", *slot + sizeof("NODE_OPTIONS"), options) : xstrdup(options);

	set(e, "NODE_OPTIONS", all);
	free(all);
}

static void set_overridable(struct env *e)
{
	set_default(e, "LAMBDA_TASK_ROOT", "/var/task");
	set_default(e, "LAMBDA_RUNTIME_DIR", "/var/runtime");
	set_default(e, "LANG", "en_US.UTF-8");
	set_default(e, "PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin");
	set_default(e, "TZ", ":UTC");
	set_default(e, "AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
	set_library_path(e);
}

char **child_env_new(const struct config *cfg, const char *runtime_api, const char *log_stream,
		     char *const *environment)
{
	struct env e = { NULL, 0 };

	for (char *const *var = environment; *var != NULL; var++) {
		const char *equals = strchr(*var, '=');

		if (equals != NULL && !config_is_private(*var, (size_t)(equals - *var)) && !is_empty_switch(*var)) {
			add(&e, xstrdup(*var));
		}
	}
	set_overridable(&e);
	set(&e, "AWS_LAMBDA_FUNCTION_NAME", cfg->function_name);
	set(&e, "AWS_LAMBDA_FUNCTION_VERSION", cfg->version);
	set_number(&e, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", cfg->memory_mb);
	set(&e, "AWS_LAMBDA_INITIALIZATION_TYPE", init_type_name(cfg->init_type));
	set_log_names(&e, cfg, log_stream);
	set(&e, "AWS_LAMBDA_LOG_FORMAT", cfg->log_json ? "JSON" : "Text");
	set(&e, "AWS_REGION", cfg->region);
	set(&e, "AWS_DEFAULT_REGION", cfg->region);
	set(&e, "AWS_LAMBDA_RUNTIME_API", runtime_api);
	set(&e, "_LAMBDA_TELEMETRY_LOG_FD", "3");
	if (cfg->node_options != NULL) {
		add_node_options(&e, cfg->node_options);
	}
	set(&e, "_HANDLER", cfg->handler != NULL ? cfg->handler : "");
	return e.vars;
}

static bool starts_with_any(const char *var, const char *const names[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (text_starts(var, names[i])) {
			return true;
		}
	}
	return false;
}

static bool hidden_from_extensions(const char *var)
{
	static const char *const names[] = {
		"AWS_EXECUTION_ENV=",  "AWS_LAMBDA_LOG_GROUP_NAME=", "LAMBDA_TASK_ROOT=",
		"LAMBDA_RUNTIME_DIR=", "AWS_XRAY_CONTEXT_MISSING=",  "AWS_XRAY_DAEMON_ADDRESS=",
	};

	return *var == '_' || starts_with_any(var, names, countof(names));
}

void child_env_reduce(char **env, const char *mark)
{
	static const char stream[] = "AWS_LAMBDA_LOG_STREAM_NAME=";
	char **kept = env;

	for (; *env != NULL; env++) {
		if (text_starts(*env, stream)) {
			*kept++ = xasprintf("%s=%s", mark, *env + strlen(stream));
			free(*env);
		} else if (hidden_from_extensions(*env)) {
			free(*env);
		} else {
			*kept++ = *env;
		}
	}
	*kept = NULL;
}

static char **slot_of(char **env, const char *name)
{
	size_t len = strlen(name);

	for (; *env != NULL; env++) {
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') {
			return env;
		}
	}
	return NULL;
}

const char *child_env_value(char *const *environment, const char *name)
{
	char **slot = slot_of((char **)(uintptr_t)environment, name);

	return slot != NULL ? *slot + strlen(name) + 1 : NULL;
}

static void replace(char **slot, char *entry)
{
	free(*slot);
	*slot = entry;
}

static void remove_slot(char **slot)
{
	free(*slot);
	for (; *slot != NULL; slot++) {
		slot[0] = slot[1];
	}
}

/* Also what would lead to others than ours: those of a pod, for example. */
static bool leads_to_credentials(const char *var)
{
	static const char *const names[] = {
		"AWS_ACCESS_KEY_ID=",
		"AWS_SECRET_ACCESS_KEY=",
		"AWS_SESSION_TOKEN=",
		"AWS_SECURITY_TOKEN=",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=",
	};

	return starts_with_any(var, names, countof(names));
}

void child_env_move_credentials(char **env, const char *runtime_api, const char *token)
{
	char **kept = env;

	if (slot_of(env, "AWS_ACCESS_KEY_ID") == NULL || slot_of(env, "AWS_SECRET_ACCESS_KEY") == NULL) {
		return;
	}
	for (; *env != NULL; env++) {
		if (leads_to_credentials(*env)) {
			free(*env);
		} else {
			*kept++ = *env;
		}
	}
	/* In the room of the two keys. */
	*kept++ = xasprintf("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://%s/2021-04-23/credentials", runtime_api);
	*kept++ = xasprintf("AWS_CONTAINER_AUTHORIZATION_TOKEN=%s", token);
	*kept = NULL;
}

void child_env_log_socket(char **env, const char *path)
{
	char **slot = slot_of(env, "_LAMBDA_TELEMETRY_LOG_FD");

	if (*path != '\0') {
		replace(slot, xasprintf("_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET=%s", path));
	} else {
		remove_slot(slot);
	}
}

void child_env_free(char **env)
{
	for (char **var = env; env != NULL && *var != NULL; var++) {
		free(*var);
	}
	free(env);
}
