/* SPDX-License-Identifier: Apache-2.0 */
/* The function as the control plane would describe it. */
#include "edge/function_info.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/function_name.h"
#include "edge/config.h"

/* SHA-256 of nothing: there is no deployment package. */
static const char no_code[] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

void function_info_init(struct function_info *f, const struct config *cfg, int64_t now_ms)
{
	f->cfg = cfg;
	f->started_ms = now_ms;
	text_uuid(f->revision);
}

static void put(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "\"%s\":", name);
	text_json_string(out, value, strlen(value));
	buf_putc(out, ',');
}

static void put_moved(struct buf *out, const char *name, char *value)
{
	put(out, name, value);
	free(value);
}

static const char *architecture(void)
{
	struct utsname u;

	return uname(&u) == 0 && strcmp(u.machine, "aarch64") == 0 ? "arm64" : "x86_64";
}

void function_info_configuration(const struct function_info *f, const char *qualifier, struct buf *out)
{
	const struct config *cfg = f->cfg;
	char stamp[CLOCK_STAMP_LEN];

	clock_stamp(f->started_ms, stamp);
	stamp[strlen(stamp) - 1] = '\0'; /* the Z: here it is written as +0000 */
	buf_putc(out, '{');
	put(out, "FunctionName", cfg->function_name);
	put_moved(out, "FunctionArn", function_arn(cfg->region, cfg->account_id, cfg->function_name, qualifier));
	put(out, "Runtime", "provided.al2023");
	put_moved(out, "Role",
		  xasprintf("arn:%s:iam::%s:role/lambda-role", function_partition(cfg->region), cfg->account_id));
	put(out, "Handler", cfg->handler != NULL ? cfg->handler : "bootstrap");
	put(out, "Description", "");
	put_moved(out, "LastModified", xasprintf("%s+0000", stamp));
	put(out, "CodeSha256", no_code);
	put(out, "Version", cfg->version);
	put(out, "State", "Active");
	put(out, "LastUpdateStatus", "Successful");
	put(out, "PackageType", "Zip");
	put(out, "RevisionId", f->revision);
	/* Whole seconds, rounded up: 0 would not be valid. */
	buf_printf(out, "\"CodeSize\":0,\"Timeout\":%lld,\"MemorySize\":%llu,\"Architectures\":[\"%s\"],",
		   (long long)((cfg->timeout_us + 999999) / 1000000), (unsigned long long)cfg->memory_mb,
		   architecture());
	buf_printf(out,
		   "\"TracingConfig\":{\"Mode\":\"PassThrough\"},\"EphemeralStorage\":{\"Size\":512},"
		   "\"LoggingConfig\":{\"LogFormat\":\"%s\",\"LogGroup\":\"/aws/lambda/%s\"}}",
		   cfg->log_json ? "JSON" : "Text", cfg->function_name);
}

void function_info_function(const struct function_info *f, const char *qualifier, struct buf *out)
{
	buf_puts(out, "{\"Configuration\":");
	function_info_configuration(f, qualifier, out);
	buf_printf(out,
		   ",\"Code\":{\"RepositoryType\":\"S3\",\"Location\":\"file:///var/task\"},\"Tags\":{},"
		   "\"Concurrency\":{\"ReservedConcurrentExecutions\":%llu}}",
		   (unsigned long long)f->cfg->max_concurrency);
}

void function_info_list(const struct function_info *f, struct buf *out)
{
	buf_puts(out, "{\"NextMarker\":null,\"Functions\":[");
	function_info_configuration(f, "", out);
	buf_puts(out, "]}");
}
