/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that aborts when memory is out. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *check(void *p)
{
	if (p == NULL) {
		static const char text[] = "out of memory\n";

		/* Not by way of the log, which needs memory itself. */
		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		abort();
	}
	return p;
}

void *xmalloc(size_t size)
{
	return check(malloc(size > 0 ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return check(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
	return check(realloc(p, size > 0 ? size : 1));
}

char *xstrdup(const char *s)
{
	return s != NULL ? check(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	return check(strndup(s, n));
}

void *xmemdup(const void *p, size_t n)
{
	char *copy = xmalloc(n + 1);

	if (n > 0) {
		memcpy(copy, p, n);
	}
	copy[n] = '\0';
	return copy;
}

char *xconcat(const char *const *parts, size_t count)
{
	size_t len = 0;
	char *text;
	char *end;

	for (size_t i = 0; i < count; i++) {
		len += strlen(parts[i]);
	}
	end = text = xmalloc(len + 1);
	*end = '\0';
	for (size_t i = 0; i < count; i++) {
		end = stpcpy(end, parts[i]);
	}
	return text;
}

char *xasprintf(const char *fmt, ...)
{
	va_list args;
	char *text = NULL;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	return check(n >= 0 ? text : NULL);
}
