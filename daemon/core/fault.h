/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error documents that the platform itself writes, in AWS's words:
 *	{"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited with error: exit status 1"}
 * Source of the texts: the replies of AWS Lambda's Invoke API for failed runtimes.
 */
#ifndef CORE_FAULT_H
#define CORE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct blob;

#define FAULT_EXIT_ERROR "Runtime.ExitError"
#define FAULT_INVALID_ENTRYPOINT "Runtime.InvalidEntrypoint"
#define FAULT_INVALID_WORKING_DIR "Runtime.InvalidWorkingDir"
#define FAULT_TRUNCATED "Runtime.TruncatedResponse"
#define FAULT_INVALID_MODE "Runtime.InvalidResponseModeHeader"
#define FAULT_TOO_LARGE "Function.ResponseSizeTooLarge"
#define FAULT_TIMEOUT "Sandbox.Timedout"
#define FAULT_SANDBOX "Sandbox.Failure"
#define FAULT_RESTORE_TIMEOUT "Runtime.RestoreHookUserTimeout"
#define FAULT_EXTENSION_CRASH "Extension.Crash"
#define FAULT_EXTENSION_INIT "Extension.InitError"
#define FAULT_EXTENSION_EXIT "Extension.ExitError"
#define FAULT_EXTENSION_LAUNCH "Extension.LaunchError"

/* How a runtime process failed. type and text are for the document; text does not carry the request id. */
struct fault {
	char type[64];
	char text[448];
};

void fault_set(struct fault *f, const char *type, const char *fmt, ...) PRINTF(3, 4);
void fault_exec(struct fault *f, const char *type, const char *path, int errnum); /* it could not be started */
void fault_exit(struct fault *f, bool signaled, int code); /* code: exit status or signal number */
void fault_extension_exit(struct fault *f, bool signaled, int code);
void fault_timeout(struct fault *f, int64_t timeout_us);

/* The document for one invocation. */
struct blob *fault_body(const struct fault *f, const char *id) MUST_CHECK;
struct blob *fault_too_large_body(size_t size, size_t limit) MUST_CHECK;

/* The error type of a runtime's Lambda-Runtime-Function-Error-Type header, as telemetry and reports show it: what
 * matches (Runtime|Function)\.[A-Z][a-zA-Z]+ as it is, else Function.Unknown or Runtime.Unknown. NULL is fine. */
void fault_normalise_type(const char *header, char *out, size_t size);

#endif
