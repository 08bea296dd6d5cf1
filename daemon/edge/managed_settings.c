/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from AWS_LAMBDA_MAX_CONCURRENCY. */
#include "edge/managed_settings.h"

#include "base/err.h"
#include "edge/config.h"

/* AWS's, unless the function may run for longer. */
static const int64_t managed_init_us = (int64_t)130 * 1000 * 1000;

int managed_settle(struct config *cfg, bool has_init_timeout, bool has_log_format, struct err *err)
{
	if (cfg->managed_concurrency == 0) {
		return cfg->init_type != INIT_MANAGED
			       ? 0
			       : err_set(err, 2,
					 "AWS_LAMBDA_INITIALIZATION_TYPE=%s: needs AWS_LAMBDA_MAX_CONCURRENCY",
					 init_type_name(INIT_MANAGED));
	}
	if (cfg->init_type == INIT_SNAP_START || cfg->freeze) {
		return err_set(
			err, 2, "AWS_LAMBDA_MAX_CONCURRENCY=%llu: not allowed with %s; managed instances have none",
			(unsigned long long)cfg->managed_concurrency, cfg->freeze ? "LAMBDA_FREEZE" : "SnapStart");
	}
	cfg->init_type = INIT_MANAGED;
	cfg->log_json |= !has_log_format;
	if (!has_init_timeout) {
		cfg->init_timeout_us = cfg->timeout_us > managed_init_us ? cfg->timeout_us : managed_init_us;
	}
	return 0;
}

unsigned managed_capacity(const struct config *cfg)
{
	uint64_t each = cfg->managed_concurrency > 0 ? cfg->managed_concurrency : 1;

	return cfg->max_concurrency * each < 65535 ? (unsigned)(cfg->max_concurrency * each) : 65535;
}
