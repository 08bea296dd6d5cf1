/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of the programs around the daemon. */
#include "edge/config_subset.h"

#include <string.h>

#include "base/attr.h"

struct subset_option {
	const char *name;
	const char *fallback; /* NULL: that of the table */
};

static const struct subset_option server_options[] = {
	{ "INVOKE_API_HOST", NULL },
	{ "PORT", NULL },
	{ "AWS_LAMBDA_FUNCTION_TIMEOUT", "1800" },
	{ "AWS_REGION", NULL },
	{ "AWS_DEFAULT_REGION", NULL },
	{ "AWS_ACCOUNT_ID", NULL },
	{ "AWS_LAMBDA_FUNCTION_VERSION", NULL },
	{ "MAX_PENDING", NULL },
	{ "CORS_ALLOW_ORIGIN", NULL },
	{ "AMQP_URI", "amqp://localhost:5672?connection_attempts=20&retry_delay=10" },
	{ "AMQP_USERNAME", NULL },
	{ "AMQP_PASSWORD", NULL },
	{ "AMQP_QUEUE_DURABLE", NULL },
	{ "LOG_LEVEL", NULL },
	{ "AWS_LAMBDA_LOG_FORMAT", NULL },
	{ "USE_STRUCTURED_LOGGING", NULL },
	{ "READY_FD", NULL },
	{ "NOTIFY_SOCKET", NULL },
};

/* Its timeouts are those of somebody who looks on: long. */
static const struct subset_option invoke_options[] = {
	{ "AWS_LAMBDA_FUNCTION_NAME", NULL },
	{ "AWS_LAMBDA_FUNCTION_VERSION", NULL },
	{ "AWS_LAMBDA_FUNCTION_HANDLER", NULL },
	{ "AWS_LAMBDA_FUNCTION_TIMEOUT", "300" },
	{ "AWS_LAMBDA_INIT_TIMEOUT", "300" },
	{ "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", NULL },
	{ "AWS_LAMBDA_FUNCTION_IDLETIMEOUT", NULL },
	{ "MAX_CONCURRENCY", NULL },
	{ "LAMBDA_EXTENSIONS_DIR", NULL },
	{ "LAMBDA_EXTENSION_READY_TIMEOUT", NULL },
	{ "MAX_PENDING", NULL },
	{ "AWS_REGION", NULL },
	{ "AWS_DEFAULT_REGION", NULL },
	{ "AWS_ACCOUNT_ID", NULL },
	{ "LOG_LEVEL", "WARN" },
	{ "AWS_LAMBDA_LOG_FORMAT", NULL },
	{ "USE_STRUCTURED_LOGGING", NULL },
};

static bool find(const struct subset_option *options, size_t count, const char *name, const char **fallback)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(options[i].name, name) == 0) {
			*fallback = options[i].fallback != NULL ? options[i].fallback : *fallback;
			return true;
		}
	}
	return false;
}

bool config_subset_has(enum config_program program, const char *name, const char **fallback)
{
	switch (program) {
	case CONFIG_SERVER:
		return find(server_options, countof(server_options), name, fallback);
	case CONFIG_INVOKE:
		return find(invoke_options, countof(invoke_options), name, fallback);
	case CONFIG_DAEMON:
		break;
	}
	return true;
}
