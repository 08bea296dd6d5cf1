/* SPDX-License-Identifier: Apache-2.0 */
/* Platform-made error documents. */
#include "core/fault.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/text.h"

void fault_set(struct fault *f, const char *type, const char *fmt, ...)
{
	va_list args;

	snprintf(f->type, sizeof(f->type), "%s", type);
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
}

void fault_exec(struct fault *f, const char *type, const char *path, int errnum)
{
	char text[96];
	const char *reason = strerror_r(errnum, text, sizeof(text));

	fault_set(f, type, "fork/exec %s: %c%s", path,
		  reason[0] >= 'A' && reason[0] <= 'Z' ? reason[0] + 32 : reason[0], reason + 1);
}

/* AWS's platform is written in Go; these are the names Go gives to signals, not those of strsignal(3). */
static const char *signal_name(int signo)
{
	static const char *const names[] = {
		[SIGHUP] = "hangup",
		[SIGINT] = "interrupt",
		[SIGQUIT] = "quit",
		[SIGILL] = "illegal instruction",
		[SIGTRAP] = "trace/breakpoint trap",
		[SIGABRT] = "aborted",
		[SIGBUS] = "bus error",
		[SIGFPE] = "floating point exception",
		[SIGKILL] = "killed",
		[SIGUSR1] = "user defined signal 1",
		[SIGSEGV] = "segmentation fault",
		[SIGUSR2] = "user defined signal 2",
		[SIGPIPE] = "broken pipe",
		[SIGALRM] = "alarm clock",
		[SIGTERM] = "terminated",
	};

	if (signo < 0 || (size_t)signo >= countof(names)) {
		return NULL;
	}
	return names[signo];
}

/* As Go prints an os.ProcessState. */
static void describe_exit(char *out, size_t size, bool signaled, int code)
{
	const char *name = signaled ? signal_name(code) : NULL;

	if (!signaled) {
		snprintf(out, size, "exit status %d", code);
	} else if (name != NULL) {
		snprintf(out, size, "signal: %s", name);
	} else {
		snprintf(out, size, "signal: signal %d", code);
	}
}

void fault_exit(struct fault *f, bool signaled, int code)
{
	char how[64];

	if (!signaled && code == 0) {
		fault_set(f, FAULT_EXIT_ERROR, "Runtime exited without providing a reason");
		return;
	}
	describe_exit(how, sizeof(how), signaled, code);
	fault_set(f, FAULT_EXIT_ERROR, "Runtime exited with error: %s", how);
}

void fault_extension_exit(struct fault *f, bool signaled, int code)
{
	char how[64];

	describe_exit(how, sizeof(how), signaled, code);
	fault_set(f, FAULT_EXTENSION_CRASH, "%s", how);
}

void fault_timeout(struct fault *f, int64_t timeout_us)
{
	fault_set(f, FAULT_TIMEOUT, "Task timed out after %.2f seconds", (double)timeout_us / 1e6);
}

struct blob *fault_body(const struct fault *f, const char *id)
{
	struct buf out = BUF_INIT;
	char message[sizeof(f->text) + 64];

	snprintf(message, sizeof(message), "RequestId: %s Error: %s", id, f->text);
	buf_puts(&out, "{\"errorType\":");
	text_json_string(&out, f->type, strlen(f->type));
	buf_puts(&out, ",\"errorMessage\":");
	text_json_string(&out, message, strlen(message));
	buf_putc(&out, '}');
	return buf_to_blob(&out);
}

struct blob *fault_too_large_body(size_t size, size_t limit)
{
	struct buf out = BUF_INIT;

	buf_printf(&out,
		   "{\"errorType\":\"" FAULT_TOO_LARGE "\",\"errorMessage\":\"Response payload size (%zu bytes) "
		   "exceeded maximum allowed payload size (%zu bytes).\"}",
		   size, limit);
	return buf_to_blob(&out);
}

static size_t letters(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static bool is_known_type(const char *s, const char *prefix)
{
	const char *name;

	if (!text_starts(s, prefix)) {
		return false;
	}
	name = s + strlen(prefix);
	return *name >= 'A' && *name <= 'Z' && letters(name) >= 2;
}

void fault_normalise_type(const char *header, char *out, size_t size)
{
	const char *s = header;

	/* The pattern is not anchored, so it may stand anywhere in the header; it ends at the first non-letter. */
	for (; s != NULL && *s != '\0'; s++) {
		if (is_known_type(s, "Runtime.") || is_known_type(s, "Function.")) {
			size_t prefix = strcspn(s, ".") + 1;

			snprintf(out, size, "%.*s", (int)(prefix + letters(s + prefix)), s);
			return;
		}
	}
	snprintf(out, size, "%s",
		 header != NULL && text_starts(header, "Function.") ? "Function.Unknown" : "Runtime.Unknown");
}
