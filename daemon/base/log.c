/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own log. */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/tty.h"

static _Atomic enum log_level threshold = LOG_INFO;
static atomic_bool as_json;
static atomic_uint dropped;
static int stderr_fd = STDERR_FILENO;

static const char *const level_names[LOG_LEVEL_COUNT] = { "ERROR", "WARN", "INFO", "DEBUG", "TRACE" };

void log_setup(enum log_level level, bool json)
{
	int tty = stderr_fd == STDERR_FILENO ? tty_open_own(STDERR_FILENO) : -1;

	threshold = level;
	as_json = json;
	if (tty >= 0) {
		stderr_fd = tty;
	}
}

bool log_enabled(enum log_level level)
{
	return level <= threshold;
}

bool log_level_parse(const char *s, enum log_level *out)
{
	static const struct {
		const char *name;
		enum log_level level;
	} names[] = {
		{ "trace", LOG_TRACE },	   { "debug", LOG_DEBUG },  { "info", LOG_INFO },   { "notice", LOG_INFO },
		{ "warn", LOG_WARN },	   { "warning", LOG_WARN }, { "error", LOG_ERROR }, { "fatal", LOG_ERROR },
		{ "critical", LOG_ERROR }, { "panic", LOG_ERROR },
	};

	for (size_t i = 0; i < countof(names); i++) {
		if (strcasecmp(s, names[i].name) == 0) {
			*out = names[i].level;
			return true;
		}
	}
	return false;
}

static size_t render(enum log_level level, const char *message, char *out, size_t size)
{
	char stamp[CLOCK_STAMP_LEN];
	struct buf quoted = BUF_INIT;
	int n;

	clock_stamp(clock_wall_ms(), stamp);
	if (as_json) {
		text_json_string(&quoted, message, strlen(message));
		n = snprintf(out, size, "{\"timestamp\":\"%s\",\"level\":\"%s\",\"message\":%s}\n", stamp,
			     level_names[level], quoted.data);
		buf_fini(&quoted);
	} else {
		n = snprintf(out, size, "%s %-5s %s\n", stamp, level_names[level], message);
	}
	return n < (int)size ? (size_t)n : size - 1;
}

static bool put(const char *line, size_t len)
{
	struct pollfd p = { .fd = stderr_fd, .events = POLLOUT };

	if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0) {
		return false;
	}
	return write(stderr_fd, line, len) == (ssize_t)len;
}

static void put_line(enum log_level level, const char *message)
{
	char line[4096];

	if (!put(line, render(level, message, line, sizeof(line)))) {
		dropped++;
	}
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char message[1024];
	unsigned lost;
	va_list args;
	int n;

	if (!log_enabled(level)) {
		return;
	}
	va_start(args, fmt);
	n = vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (n >= (int)sizeof(message)) {
		memcpy(message + sizeof(message) - 4, "...", 4);
	}
	/* A log line is one line, whatever a peer put into it. */
	text_one_line(message);
	lost = atomic_exchange(&dropped, 0);
	if (lost > 0) {
		char text[64];

		snprintf(text, sizeof(text), "log lines were dropped count=%u", lost);
		put_line(LOG_WARN, text);
	}
	put_line(level, message);
}
