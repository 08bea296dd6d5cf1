/* SPDX-License-Identifier: Apache-2.0 */
/* Names of what happens in an environment, as the Telemetry API spells them. */
#include "core/lifecycle.h"

#include "base/text.h"

const char *lifecycle_name(enum lifecycle_kind kind)
{
	static const char *const names[LC_COUNT] = {
		[LC_INIT_START] = "initStart",
		[LC_EXTENSION] = "extension",
		[LC_INIT_RUNTIME_DONE] = "initRuntimeDone",
		[LC_REGISTERED] = "registered",
		[LC_INIT_REPORT] = "initReport",
		[LC_RESTORE_START] = "restoreStart",
		[LC_RESTORE_RUNTIME_DONE] = "restoreRuntimeDone",
		[LC_RESTORE_REPORT] = "restoreReport",
		[LC_START] = "start",
		[LC_RUNTIME_DONE] = "runtimeDone",
		[LC_REPORT] = "report",
		[LC_FAULT] = "fault",
		[LC_FROZEN] = "frozen",
		[LC_THAWED] = "thawed",
		[LC_SHUTDOWN] = "shutdown",
		[LC_GONE] = "gone",
	};

	return names[kind];
}

const char *lifecycle_status_name(enum lifecycle_status s)
{
	static const char *const names[LC_STATUS_COUNT] = {
		[LC_SUCCESS] = "success",
		[LC_FAILURE] = "failure",
		[LC_ERROR] = "error",
		[LC_TIMEOUT] = "timeout",
	};

	return names[s];
}

const char *init_type_name(enum init_type type)
{
	static const char *const names[INIT_TYPE_COUNT] = {
		[INIT_ON_DEMAND] = "on-demand",
		[INIT_PROVISIONED] = "provisioned-concurrency",
		[INIT_SNAP_START] = "snap-start",
		[INIT_MANAGED] = "lambda-managed-instances",
	};

	return names[type];
}

const char *init_phase_name(enum init_phase phase)
{
	return phase == PHASE_INVOKE ? "invoke" : "init";
}

enum lifecycle_status lifecycle_status_of(enum outcome_kind kind, const char *error_type)
{
	if (kind == OUTCOME_RESPONSE) {
		return LC_SUCCESS;
	}
	if (kind == OUTCOME_TIMEOUT) {
		return LC_TIMEOUT;
	}
	return error_type != NULL && text_starts(error_type, "Sandbox.") ? LC_FAILURE : LC_ERROR;
}
