/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's own log: one line, one write(2), to stderr, as text or JSON. Never the function's output.
 * error = the operator must act; warn = something was lost or retried; info = life cycle; debug = per request;
 * trace = bytes and states. The message is `text key=value ...`; never a secret.
 * A line that stderr cannot take at once (full pipe) is dropped and counted: logging never blocks the loop. Of a
 * terminal's last line the first part may be there.
 * Callable from any thread after log_setup().
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/attr.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE, LOG_LEVEL_COUNT /* keep last */ };

void log_setup(enum log_level level, bool json);
bool log_enabled(enum log_level level);
/* Accepts TRACE DEBUG INFO WARN ERROR and common synonyms (WARNING, FATAL, PANIC, CRITICAL, NOTICE) in any case. */
bool log_level_parse(const char *s, enum log_level *out);
void log_write(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
/* Arguments are not evaluated when the level is off: these stand on the hot path. */
#define log_debug(...)                                                                                               \
	do {                                                                                                         \
		if (log_enabled(LOG_DEBUG)) {                                                                        \
			log_write(LOG_DEBUG, __VA_ARGS__);                                                           \
		}                                                                                                    \
	} while (0)
#define log_trace(...)                                                                                               \
	do {                                                                                                         \
		if (log_enabled(LOG_TRACE)) {                                                                        \
			log_write(LOG_TRACE, __VA_ARGS__);                                                           \
		}                                                                                                    \
	} while (0)

#endif
