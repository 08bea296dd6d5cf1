/* SPDX-License-Identifier: Apache-2.0 */
/* The table of environment variables and its parser. The README and the manual page show the same table
 * (tests/options.sh compares them). */
#include "edge/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/async_queue.h"
#include "core/async_target.h"
#include "core/aws_endpoint.h"
#include "core/bridge_rules.h"
#include "core/function_name.h"
#include "edge/aws_settings.h"
#include "edge/command.h"
#include "edge/config_subset.h"
#include "edge/env_table.h"
#include "edge/managed_settings.h"
#include "edge/sqs_event_settings.h"
#include "edge/url_settings.h"

/* The first ones, and HOST, own a string. */
enum kind {
	TEXT,
	SECRET,
	NAME,
	VERSION_NAME,
	QUEUE,
	DESTINATION,
	REGION,
	ACCOUNT,
	NUMBER,
	SECONDS,
	SECONDS_OR_0,
	BOOL,
	CHOICE,
	QUEUE_TYPE,
	LEVEL,
	FORMAT,
	HOST,
	PRESENT,
	FREEZE,
	INIT_TYPE,
};

struct option {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t min;
	uint64_t max;
	const char *fallback; /* parsed like a value; NULL = stays zero */
	bool own;	      /* the daemon's own: not passed on to children */
	const char *help;
};

#define AT(member) offsetof(struct config, member)

static const struct option options[] = {
	{ "AWS_LAMBDA_FUNCTION_NAME", NAME, AT(function_name), 0, 0, NULL, false,
	  "function name; default: the part of the handler before the first '.', else \"function\"" },
	{ "AWS_LAMBDA_FUNCTION_VERSION", VERSION_NAME, AT(version), 0, 0, "$LATEST", false, "function version" },
	{ "AWS_LAMBDA_FUNCTION_HANDLER", TEXT, AT(handler), 0, 0, NULL, false,
	  "handler; before _HANDLER and the last word of the command" },
	{ "AWS_LAMBDA_FUNCTION_TIMEOUT", SECONDS, AT(timeout_us), 0, 5400, "3", true,
	  "seconds, fractions allowed, more than 0 and at most 5400; runs from hand-over of the event" },
	{ "AWS_LAMBDA_INIT_TIMEOUT", SECONDS, AT(init_timeout_us), 0, 5400, "10", true,
	  "seconds for the init phase; managed instances: 130, or the function's timeout if that is more" },
	{ "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", NUMBER, AT(memory_mb), 1, 1048576, "3008", false,
	  "MB; reported only, nothing enforces it" },
	{ "AWS_LAMBDA_FUNCTION_IDLETIMEOUT", SECONDS_OR_0, AT(idle_timeout_us), 0, 31536000, "1800", true,
	  "seconds after which an idle runtime above the first is retired; 0 = never" },
	{ "MAX_CONCURRENCY", NUMBER, AT(max_concurrency), 1, 1000, "1", true,
	  "runtime processes in this environment, started on demand" },
	{ "AWS_LAMBDA_MAX_CONCURRENCY", NUMBER, AT(managed_concurrency), 1, 1600, NULL, false,
	  "Lambda Managed Instances: a runtime process takes so many events at once, 1 to 1600; exported to it" },
	{ "AWS_LAMBDA_INITIALIZATION_TYPE", INIT_TYPE, AT(init_type), 0, 0, "on-demand", false,
	  "on-demand; provisioned-concurrency: a runtime is started ahead of work; snap-start: runtimes wait in "
	  "restore/next" },
	{ "LAMBDA_EXTENSIONS_DIR", TEXT, AT(extensions_dir), 0, 0, "/opt/extensions", true,
	  "directory of the external extensions: its files are started before the runtime" },
	{ "LAMBDA_EXTENSION_READY_TIMEOUT", SECONDS_OR_0, AT(ready_timeout_us), 0, 5400, NULL, true,
	  "seconds that extensions may keep an environment after an answer; default: until the deadline, then it is "
	  "reset" },
	{ "LAMBDA_FREEZE", FREEZE, AT(freeze), 0, 0, "none", true,
	  "process: SIGSTOP for the processes of an environment that has nothing to do, SIGCONT before its next "
	  "event" },
	{ "MAX_PENDING", NUMBER, AT(max_pending), 1, 1000000, "10000", true,
	  "invocations waiting for a runtime; beyond: 429 TooManyRequestsException" },
	{ "INVOKE_API_HOST", HOST, AT(invoke_host), 0, 0, "0.0.0.0", true, "address of the Invoke API" },
	{ "PORT", NUMBER, AT(invoke_port), 0, 65535, "8080", true, "port of the Invoke API; 0 = any free one" },
	{ "RUNTIME_API_HOST", HOST, AT(runtime_host), 0, 0, "127.0.0.1", true,
	  "address of the Runtime API of the first runtime" },
	{ "RUNTIME_API_PORT", NUMBER, AT(runtime_port), 0, 65535, "9001", true,
	  "port of the Runtime API; 0 = any free one" },
	{ "AWS_REGION", REGION, AT(region), 0, 0, NULL, false,
	  "region, part of the ARN; default: AWS_DEFAULT_REGION, else us-east-1" },
	{ "AWS_DEFAULT_REGION", REGION, AT(region), 0, 0, NULL, false, "region when AWS_REGION is not set" },
	{ "AWS_ACCOUNT_ID", ACCOUNT, AT(account_id), 0, 0, "012345678912", false, "account, part of the ARN" },
	{ "CORS_ALLOW_ORIGIN", TEXT, AT(cors_allow_origin), 0, 0, NULL, true,
	  "origin of web pages that may invoke, or *; default: none may" },
	{ "ENABLE_OPENFAAS", BOOL, AT(openfaas), 0, 0, "FALSE", true, "POST / invokes" },
	{ "AMQP_URI", SECRET, AT(amqp_uri), 0, 0, NULL, true,
	  "amqp:// or amqps:// URI of RabbitMQ; invocations are taken from the queue named after the function" },
	{ "AMQP_USERNAME", TEXT, AT(amqp_username), 0, 0, NULL, true, "user when the URI has none" },
	{ "AMQP_PASSWORD", SECRET, AT(amqp_password), 0, 0, NULL, true, "password when the URI has no user" },
	{ "AMQP_QUEUE_DURABLE", CHOICE, AT(amqp_queue_durable), 0, 0, NULL, true,
	  "the queue survives a restart of the broker; default: FALSE, quorum queues TRUE" },
	{ "AMQP_QUEUE_AUTO_DELETE", CHOICE, AT(amqp_queue_auto_delete), 0, 0, NULL, true,
	  "the queue goes with its last consumer; default: TRUE, quorum queues FALSE" },
	{ "AMQP_QUEUE_TYPE", QUEUE_TYPE, AT(amqp_quorum), 0, 0, "classic", true, "classic or quorum" },
	{ "AMQP_PREFETCH", NUMBER, AT(amqp_prefetch), 1, 65535, NULL, true,
	  "messages taken from the queue ahead of their acknowledgement; default: what can run at once" },
	{ "AMQP_MAX_DELIVERIES", NUMBER, AT(amqp_max_deliveries), 1, 1000000, "5", true,
	  "a message that ends the runtime so often is answered with the error instead of delivered again" },
	{ "DEBUGGER_ACTIVE", TEXT, AT(debugger_active), 0, 0, NULL, true,
	  "any text but false, 0, no and off: hold each invocation until a debugger is there; MAX_CONCURRENCY is 1 "
	  "then" },
	{ "DEBUGGER_BROKER_ADDRESS", TEXT, AT(debugger_broker), 0, 0, NULL, true,
	  "HOST or HOST:PORT of the debug-broker (port 8080); wss://HOST:PORT with TLS, ws:// without" },
	{ "DEBUGGER_FUNCTION_ID", TEXT, AT(debugger_id), 0, 0, NULL, true,
	  "what the debugger names to get this function; default: the function name" },
	{ "DEBUGGER_MODE", TEXT, AT(debugger_mode), 0, 0, "inspector", true,
	  "inspector (Node.js) or tcp (debugpy, Delve, JDWP, gdbserver)" },
	{ "DEBUGGER_PORT", NUMBER, AT(debugger_port), 1, 65535, NULL, true,
	  "debug port of the runtime on 127.0.0.1; default: any free one, in tcp mode 5678" },
	{ "DEBUGGER_LISTEN", TEXT, AT(debugger_listen), 0, 0, NULL, true,
	  "HOST:PORT where debuggers connect to the daemon itself, without a broker" },
	{ "DEBUGGER_TOKEN", SECRET, AT(debugger_token), 0, 0, NULL, true,
	  "token of the broker, or for DEBUGGER_LISTEN" },
	{ "DEBUGGER_BREAK", BOOL, AT(debugger_break), 0, 0, "TRUE", true,
	  "stop when the handler is called (inspector mode)" },
	{ "ASYNC_MAX_RETRY_ATTEMPTS", NUMBER, AT(async_max_retries), 0, ASYNC_RETRIES_MAX, "2", true,
	  "asynchronous invocations: further attempts after a function error" },
	{ "ASYNC_RETRY_DELAY", SECONDS_OR_0, AT(async_retry_delay_us), 0, 3600, "1", true,
	  "seconds before the first of these, twice as many before the second; on AWS it is 60" },
	{ "ASYNC_MAX_EVENT_AGE", SECONDS, AT(async_max_age_us), 0, 21600, "21600", true,
	  "seconds after which an event that could not be run is given up" },
	{ "ASYNC_MAX_QUEUED", NUMBER, AT(async_max_events), 1, 10000000, "100000", true,
	  "asynchronous events that are not done with; beyond: 429 TooManyRequestsException" },
	{ "ASYNC_MAX_QUEUED_BYTES", NUMBER, AT(async_max_bytes), MAX_EVENT_BODY, (uint64_t)1 << 40, "268435456", true,
	  "the same in bytes" },
	{ "ASYNC_ON_SUCCESS", DESTINATION, AT(async_on_success), 0, 0, NULL, true,
	  "destination of invocation records: URL or ARN of an SQS queue, Invoke URL of a function, amqp:QUEUE or "
	  "file:PATH" },
	{ "ASYNC_ON_FAILURE", DESTINATION, AT(async_on_failure), 0, 0, NULL, true,
	  "the same for events that are given up" },
	{ "ASYNC_DLQ", DESTINATION, AT(async_dlq), 0, 0, NULL, true,
	  "dead-letter queue: the same for these events themselves" },
	{ "ASYNC_SPOOL_DIR", TEXT, AT(async_spool_dir), 0, 0, NULL, true,
	  "directory in which accepted events survive the end of the daemon; default: they are lost with it" },
	{ "ASYNC_DRAIN_TIMEOUT", SECONDS_OR_0, AT(async_drain_us), 0, 5400, "5", true,
	  "without it: seconds at the end for events that are not done with" },
	{ "PRINT_REPORTS", BOOL, AT(print_reports), 0, 0, "TRUE", true, "START, END and REPORT lines on stdout" },
	{ "LOG_LEVEL", LEVEL, AT(log_level), 0, 0, "INFO", true, "TRACE, DEBUG, INFO, WARN or ERROR" },
	{ "AWS_LAMBDA_LOG_FORMAT", FORMAT, AT(log_json), 0, 0, "Text", false,
	  "Text or JSON: daemon log and reports" },
	{ "USE_STRUCTURED_LOGGING", BOOL, AT(structured), 0, 0, "FALSE", true,
	  "the same as AWS_LAMBDA_LOG_FORMAT=JSON, for the daemon only" },
	{ "READY_FD", NUMBER, AT(ready_fd), 1, 65535, NULL, true,
	  "when everything listens, \"invoke=HOST:PORT runtime=HOST:PORT\" is written to this descriptor" },
	{ "PROXY_LAMBDA_REQ_QUEUE_URL", QUEUE, AT(bridge_requests), 0, 0, NULL, true,
	  "SQS bridge: URL of the request queue, or auto: look up proxy_lambda_req; default: no bridge" },
	{ "LAMBDA_PROXY_REQ_QUEUE_URL", QUEUE, AT(bridge_requests), 0, 0, NULL, true,
	  "the same, when PROXY_LAMBDA_REQ_QUEUE_URL is not set" },
	{ "PROXY_LAMBDA_RESP_QUEUE_URL", QUEUE, AT(bridge_responses), 0, 0, NULL, true,
	  "SQS bridge: URL of the response queue, or auto; default: asynchronous, nobody is answered" },
	{ "LAMBDA_PROXY_RESP_QUEUE_URL", QUEUE, AT(bridge_responses), 0, 0, NULL, true,
	  "the same, when PROXY_LAMBDA_RESP_QUEUE_URL is not set" },
	{ "PROXY_LAMBDA_ENFORCE_TIMEOUT", BOOL, AT(bridge_enforce_timeout), 0, 0, "FALSE", true,
	  "SQS bridge and payload file: AWS_LAMBDA_FUNCTION_TIMEOUT counts for their events too" },
	{ "PROXY_LAMBDA_ANSWER_ERRORS", BOOL, AT(bridge_answer_errors), 0, 0, "FALSE", true,
	  "SQS bridge: function errors are answered and not tried again" },
	{ "PROXY_LAMBDA_AUTO_RERUN", SECONDS_OR_0, AT(bridge_rerun_us), 0, 43200, NULL, true,
	  "SQS bridge: seconds until an event that ended in a function error is tried again; default, or 0: after a "
	  "restart of the runtime" },
	{ "PROXY_LAMBDA_MAX_MESSAGE", NUMBER, AT(bridge_max_message), 1024, 1048576, "262144", true,
	  "SQS bridge: responses of so many bytes and more are compressed" },
	{ "PROXY_LAMBDA_PAYLOAD_FILE", TEXT, AT(payload_file), 0, 0, NULL, true,
	  "a file whose content is the event; again whenever the runtime was restarted" },
	{ "NOTIFY_SOCKET", TEXT, AT(notify_socket), 0, 0, NULL, true,
	  "socket of the service manager, set by systemd: told READY=1 and STOPPING=1" },
	{ "CONTROL_SOCKET", TEXT, AT(control_socket), 0, 0, NULL, true,
	  "control surface for tests: the path of a unix socket, 127.0.0.1:PORT or [::1]:PORT; default: none" },
	{ "KUBERNETES_INIT_CONTAINER", PRESENT, AT(action), 0, 0, NULL, true,
	  "when set: copy the own executable to /tmp and exit" },
};

/* Variables of capabilities that bring their rows with them, and of the shell; never the function's business. */
static const char *const private_prefixes[] = { "AMQP_",     "PROXY_LAMBDA_", "LAMBDA_PROXY_",
						"DEBUGGER_", "FUNCTION_URL_", "SQS_EVENT_SOURCE_" };
static const char *const private_names[] = { "_", "AWS_LAMBDA_RUNTIME_API", "_LAMBDA_TELEMETRY_LOG_FD",
					     "LAMBDA_DAEMON_ENVIRONMENT" };

bool config_is_private(const char *name, size_t name_len)
{
	for (size_t i = 0; i < countof(options); i++) {
		if (options[i].own && strlen(options[i].name) == name_len &&
		    strncmp(options[i].name, name, name_len) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < countof(private_prefixes); i++) {
		if (text_starts(name, private_prefixes[i])) {
			return true;
		}
	}
	for (size_t i = 0; i < countof(private_names); i++) {
		if (strlen(private_names[i]) == name_len && strncmp(private_names[i], name, name_len) == 0) {
			return true;
		}
	}
	return false;
}

static bool parse_choice(const char *value, enum config_choice *out)
{
	bool yes;

	if (!env_parse_bool(value, &yes)) {
		return false;
	}
	*out = yes ? CHOICE_YES : CHOICE_NO;
	return true;
}

static bool parse_queue_type(const char *value, bool *quorum)
{
	*quorum = strcasecmp(value, "quorum") == 0;
	return *quorum || strcasecmp(value, "classic") == 0;
}

static bool parse_format(const char *value, bool *json)
{
	*json = strcasecmp(value, "json") == 0;
	return *json || strcasecmp(value, "text") == 0;
}

static bool parse_freeze(const char *value, bool *freeze)
{
	*freeze = strcasecmp(value, "process") == 0;
	return *freeze || strcasecmp(value, "none") == 0;
}

static bool parse_init_type(const char *value, enum init_type *out)
{
	for (unsigned t = 0; t < INIT_TYPE_COUNT; t++) {
		if (strcmp(value, init_type_name((enum init_type)t)) == 0) {
			*out = (enum init_type)t;
			return true;
		}
	}
	return false;
}

static bool parse_seconds(const struct option *o, const char *value, int64_t *out)
{
	bool zero_ok = o->kind == SECONDS_OR_0;

	return text_to_us(value, out) && (*out > 0 || zero_ok) && *out <= (int64_t)o->max * 1000000;
}

static void set_text(char **slot, const char *value)
{
	free(*slot);
	*slot = xstrdup(value);
}

/* Children may run as the same user, who may read /proc/<pid>/environ: the value goes from there, too. */
static void take_secret(char **slot, const struct option *o, const char *value)
{
	set_text(slot, value);
	if (value == getenv(o->name)) {
		explicit_bzero((char *)(uintptr_t)value, strlen(value));
	}
}

static bool parse(struct config *cfg, const struct option *o, const char *value)
{
	void *slot = (char *)cfg + o->offset;
	struct async_target target;

	switch (o->kind) {
	case TEXT:
		set_text(slot, value);
		return true;
	case HOST:
		set_text(slot, value);
		return env_is_host(value);
	case REGION:
		set_text(slot, value);
		return aws_region_is_valid(value);
	case SECRET:
		take_secret(slot, o, value);
		return true;
	case NAME:
		set_text(slot, value);
		return function_name_is_valid(value);
	case VERSION_NAME:
		set_text(slot, value);
		return function_qualifier_is_valid(value);
	case QUEUE:
		set_text(slot, value);
		return strcmp(value, "auto") == 0 || bridge_queue_url_is_valid(value);
	case DESTINATION:
		set_text(slot, value);
		return async_target_parse(value, &target);
	case ACCOUNT:
		set_text(slot, value);
		return strlen(value) == 12 && strspn(value, "0123456789") == 12;
	case NUMBER:
		return text_to_u64(value, o->min, o->max, slot);
	case SECONDS:
	case SECONDS_OR_0:
		return parse_seconds(o, value, slot);
	case BOOL:
		return env_parse_bool(value, slot);
	case CHOICE:
		return parse_choice(value, slot);
	case QUEUE_TYPE:
		return parse_queue_type(value, slot);
	case LEVEL:
		return log_level_parse(value, slot);
	case FORMAT:
		return parse_format(value, slot);
	case FREEZE:
		return parse_freeze(value, slot);
	case INIT_TYPE:
		return parse_init_type(value, slot);
	case PRESENT:
		cfg->action = CONFIG_COPY_SELF;
		return true;
	}
	return false;
}

static void describe_allowed(const struct option *o, char *out, size_t size)
{
	switch (o->kind) {
	case NUMBER:
		snprintf(out, size, "a whole number from %llu to %llu", (unsigned long long)o->min,
			 (unsigned long long)o->max);
		break;
	case SECONDS:
		snprintf(out, size, "seconds, more than 0 and at most %llu", (unsigned long long)o->max);
		break;
	case SECONDS_OR_0:
		snprintf(out, size, "seconds from 0 to %llu", (unsigned long long)o->max);
		break;
	case NAME:
		snprintf(out, size, "1 to %d letters, digits, '-', '_' and '.'", FUNCTION_NAME_MAX);
		break;
	case VERSION_NAME:
		snprintf(out, size, "$LATEST, a number or an alias");
		break;
	case QUEUE:
		snprintf(out, size, "a queue URL (https://HOST/..., without a user) or auto");
		break;
	case DESTINATION:
		snprintf(out, size, "%s", ASYNC_TARGET_EXPECTED);
		break;
	case ACCOUNT:
		snprintf(out, size, "12 digits");
		break;
	case BOOL:
	case CHOICE:
		snprintf(out, size, "TRUE or FALSE");
		break;
	case QUEUE_TYPE:
		snprintf(out, size, "classic or quorum");
		break;
	case LEVEL:
		snprintf(out, size, "TRACE, DEBUG, INFO, WARN or ERROR");
		break;
	case FORMAT:
		snprintf(out, size, "Text or JSON");
		break;
	case FREEZE:
		snprintf(out, size, "process or none");
		break;
	case INIT_TYPE:
		snprintf(out, size, "on-demand, provisioned-concurrency, snap-start or lambda-managed-instances");
		break;
	case HOST:
		snprintf(out, size, "%s", ENV_HOST_EXPECTED);
		break;
	case REGION:
		snprintf(out, size, "a region like eu-central-1");
		break;
	case TEXT:
	case SECRET:
	case PRESENT:
		snprintf(out, size, "text");
		break;
	}
}

static int bad_value(const struct option *o, const char *value, struct err *err)
{
	char allowed[192];

	describe_allowed(o, allowed, sizeof(allowed));
	return env_refuse(err, o->name, value, allowed);
}

/* Of several variables for one thing the first that is set counts. */
static bool is_second_name(const struct config *cfg, const struct option *o)
{
	static const size_t shared[] = { AT(region), AT(bridge_requests), AT(bridge_responses) };

	for (size_t i = 0; i < countof(shared); i++) {
		if (o->offset == shared[i] && *(char *const *)(const void *)((const char *)cfg + o->offset) != NULL) {
			return true;
		}
	}
	return false;
}

static int load_environment(struct config *cfg, struct err *err)
{
	for (size_t i = 0; i < countof(options); i++) {
		const struct option *o = &options[i];
		const char *value = getenv(o->name);
		const char *fallback = o->fallback;
		const char *help = o->help;

		if (!config_subset_has(cfg->program, o->name, &fallback, &help)) {
			continue;
		}
		if (o->kind == PRESENT ? value == NULL : value == NULL || *value == '\0') {
			value = fallback;
		}
		if (is_second_name(cfg, o)) {
			continue;
		}
		if (value != NULL && !parse(cfg, o, value)) {
			return bad_value(o, value, err);
		}
	}
	return 0;
}

static void derive_name(struct config *cfg)
{
	char *name;

	cfg->name_was_set = cfg->function_name != NULL;
	if (cfg->name_was_set) {
		return;
	}
	name = cfg->handler != NULL ? xstrndup(cfg->handler, strcspn(cfg->handler, ".")) : xstrdup("");
	if (!function_name_is_valid(name)) {
		free(name);
		name = xstrdup("function");
	}
	cfg->function_name = name;
}

static bool is_given(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0';
}

static int settle(struct config *cfg, struct err *err)
{
	if (cfg->region == NULL) {
		cfg->region = xstrdup("us-east-1");
	}
	if (cfg->init_caching) {
		cfg->init_type = INIT_SNAP_START;
	}
	if (managed_settle(cfg, is_given("AWS_LAMBDA_INIT_TIMEOUT"), is_given("AWS_LAMBDA_LOG_FORMAT"), err) != 0) {
		return -1;
	}
	cfg->json = cfg->log_json || cfg->structured;
	return 0;
}

static int load(struct config *cfg, int argc, char **argv, struct err *err)
{
	if (command_asks(cfg, argc, argv)) {
		return 0;
	}
	cfg->ready_timeout_us = -1;
	if (load_environment(cfg, err) != 0 || command_parse(cfg, argc, argv, err) != 0) {
		return -1;
	}
	return settle(cfg, err);
}

int config_load(struct config *cfg, int argc, char **argv, struct err *err)
{
	memset(cfg, 0, sizeof(*cfg));
	if (load(cfg, argc, argv, err) != 0) {
		return -1;
	}
	if (cfg->action != CONFIG_RUN) {
		return 0;
	}
	if (command_find(cfg, err) != 0) {
		return -1;
	}
	derive_name(cfg);
	return 0;
}

int config_load_gateway(struct config *cfg, int argc, char **argv, struct err *err)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->gateway = true;
	cfg->program = CONFIG_SERVER;
	if (load(cfg, argc, argv, err) != 0) {
		return -1;
	}
	if (cfg->action == CONFIG_RUN && cfg->command[0] != NULL) {
		return err_set(err, 2, "%.200s: no arguments but flags are expected", cfg->command[0]);
	}
	return 0;
}

int config_load_invoke(struct config *cfg, char *const *command, struct err *err)
{
	size_t words = 0;

	memset(cfg, 0, sizeof(*cfg));
	cfg->program = CONFIG_INVOKE;
	cfg->ready_timeout_us = -1;
	while (command[words] != NULL) {
		words++;
	}
	cfg->command = xmemdup(command, (words + 1) * sizeof(*command));
	if (load_environment(cfg, err) != 0 || command_find(cfg, err) != 0) {
		return -1;
	}
	cfg->runtime_host = xstrdup("127.0.0.1");
	if (settle(cfg, err) != 0) {
		return -1;
	}
	derive_name(cfg);
	return 0;
}

void config_fini(struct config *cfg)
{
	for (size_t i = 0; i < countof(options); i++) {
		const struct option *o = &options[i];

		if (o->kind <= ACCOUNT || o->kind == HOST) {
			char **slot = (char **)(void *)((char *)cfg + o->offset);

			if (o->kind == SECRET && *slot != NULL) {
				explicit_bzero(*slot, strlen(*slot));
			}
			free(*slot);
			*slot = NULL;
		}
	}
	free(cfg->command);
	cfg->command = NULL;
}

int64_t config_rerun_s(const struct config *cfg)
{
	return (cfg->bridge_rerun_us + 999999) / 1000000;
}

void config_print_help(FILE *out, enum config_program program)
{
	for (size_t i = 0; i < countof(options); i++) {
		const struct option *o = &options[i];
		const char *fallback = o->fallback;
		const char *help = o->help;

		if (config_subset_has(program, o->name, &fallback, &help)) {
			env_print_help(out, o->name, help, fallback);
		}
	}
	if (program == CONFIG_DAEMON) {
		url_settings_print_help(out);
		sqs_event_settings_print_help(out);
	}
	/* lambda-server asks nothing of AWS. */
	if (program != CONFIG_SERVER) {
		aws_settings_print_help(out);
	}
}
