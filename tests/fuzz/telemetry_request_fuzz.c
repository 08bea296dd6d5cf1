/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions of the Telemetry and Logs API: what is taken is within the limits, what is not has a reason. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "edge/telemetry_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(enum telemetry_api_kind api, const char *body, size_t len)
{
	struct telemetry_want want;
	char why[128];

	if (telemetry_request_read(api, body, len, &want, why, sizeof(why)) != 0) {
		assert(why[0] != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
		return;
	}
	assert(why[0] == '\0');
	assert(want.types != 0 && want.types < 8 && want.form < FORM_COUNT);
	assert((want.form == FORM_LOGS_2020 || want.form == FORM_LOGS_2021) == (api == API_LOGS));
	assert(want.max_items >= TELEMETRY_MAX_ITEMS_MIN && want.max_items <= TELEMETRY_MAX_ITEMS_MAX);
	assert(want.max_bytes >= TELEMETRY_MAX_BYTES_MIN && want.max_bytes <= TELEMETRY_MAX_BYTES_MAX);
	assert(want.timeout_ms >= TELEMETRY_TIMEOUT_MS_MIN && want.timeout_ms <= TELEMETRY_TIMEOUT_MS_MAX);
	assert(want.port != 0 && want.port != TELEMETRY_RESERVED_PORT);
	assert(want.tcp || (want.path[0] == '/' && strpbrk(want.path, "\r\n #") == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(API_TELEMETRY, (const char *)data, size);
	check(API_LOGS, (const char *)data, size);
	return 0;
}
