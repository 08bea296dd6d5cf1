/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of the programs around the daemon. */
#include "edge/config_subset.h"

#include <string.h>

#include "base/attr.h"

struct subset_option {
	const char *name;
	const char *fallback; /* NULL: that of the table */
	const char *help;     /* the same */
};

static const struct subset_option server_options[] = {
	{ "INVOKE_API_HOST", NULL, NULL },
	{ "PORT", NULL, NULL },
	{ "AWS_LAMBDA_FUNCTION_TIMEOUT", "1800",
	  "seconds that a caller waits for its answer, fractions allowed, more than 0 and at most 5400" },
	{ "AWS_REGION", NULL, NULL },
	{ "AWS_DEFAULT_REGION", NULL, NULL },
	{ "AWS_ACCOUNT_ID", NULL, NULL },
	{ "AWS_LAMBDA_FUNCTION_VERSION", NULL, NULL },
	{ "MAX_PENDING", NULL, "invocations waiting for their answers; beyond: 429 TooManyRequestsException" },
	{ "CORS_ALLOW_ORIGIN", NULL, NULL },
	{ "AMQP_URI", "amqp://localhost:5672?connection_attempts=20&retry_delay=10",
	  "amqp:// or amqps:// URI of RabbitMQ; invocations are put into the queues named after their functions" },
	{ "AMQP_USERNAME", NULL, NULL },
	{ "AMQP_PASSWORD", NULL, NULL },
	{ "AMQP_QUEUE_DURABLE", NULL,
	  "requests are persistent and the queue for replies is durable; default: FALSE" },
	{ "LOG_LEVEL", NULL, NULL },
	{ "AWS_LAMBDA_LOG_FORMAT", NULL, "Text or JSON: the log" },
	{ "USE_STRUCTURED_LOGGING", NULL, "the same as AWS_LAMBDA_LOG_FORMAT=JSON" },
	{ "READY_FD", NULL, "when it listens, \"invoke=HOST:PORT\" is written to this descriptor" },
	{ "NOTIFY_SOCKET", NULL, NULL },
};

/* Its timeouts are those of somebody who looks on: long. */
static const struct subset_option invoke_options[] = {
	{ "AWS_LAMBDA_FUNCTION_NAME", NULL, NULL },
	{ "AWS_LAMBDA_FUNCTION_VERSION", NULL, NULL },
	{ "AWS_LAMBDA_FUNCTION_HANDLER", NULL, NULL },
	{ "AWS_LAMBDA_FUNCTION_TIMEOUT", "300", NULL },
	{ "AWS_LAMBDA_INIT_TIMEOUT", "300", NULL },
	{ "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", NULL, NULL },
	{ "AWS_LAMBDA_FUNCTION_IDLETIMEOUT", NULL, NULL },
	{ "MAX_CONCURRENCY", NULL, NULL },
	{ "LAMBDA_EXTENSIONS_DIR", NULL, NULL },
	{ "LAMBDA_EXTENSION_READY_TIMEOUT", NULL, NULL },
	{ "MAX_PENDING", NULL, NULL },
	{ "AWS_REGION", NULL, NULL },
	{ "AWS_DEFAULT_REGION", NULL, NULL },
	{ "AWS_ACCOUNT_ID", NULL, NULL },
	{ "LOG_LEVEL", "WARN", NULL },
	{ "AWS_LAMBDA_LOG_FORMAT", NULL, NULL },
	{ "USE_STRUCTURED_LOGGING", NULL, NULL },
};

static bool find(const struct subset_option *options, size_t count, const char *name, const char **fallback,
		 const char **help)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(options[i].name, name) == 0) {
			*fallback = options[i].fallback != NULL ? options[i].fallback : *fallback;
			*help = options[i].help != NULL ? options[i].help : *help;
			return true;
		}
	}
	return false;
}

bool config_subset_has(enum config_program program, const char *name, const char **fallback, const char **help)
{
	switch (program) {
	case CONFIG_SERVER:
		return find(server_options, countof(server_options), name, fallback, help);
	case CONFIG_INVOKE:
		return find(invoke_options, countof(invoke_options), name, fallback, help);
	case CONFIG_DAEMON:
		break;
	}
	return true;
}
