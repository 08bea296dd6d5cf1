/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that cannot fail: running out of memory aborts with a line on stderr. For small things;
 * bodies are bounded by the payload caps (edge/config.h) and go through struct buf.
 * Everything returned is released with free().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

void *xmalloc(size_t size) MUST_CHECK;
void *xcalloc(size_t count, size_t size) MUST_CHECK;
void *xrealloc(void *p, size_t size) MUST_CHECK;
char *xstrdup(const char *s) MUST_CHECK; /* NULL stays NULL */
char *xstrndup(const char *s, size_t n) MUST_CHECK;
void *xmemdup(const void *p, size_t n) MUST_CHECK; /* one extra NUL byte is appended */
/* count strings one after the other. For what is made for each request: a third of xasprintf()'s work. */
char *xconcat(const char *const *parts, size_t count) MUST_CHECK;
char *xasprintf(const char *fmt, ...) PRINTF(1, 2) MUST_CHECK;

#endif
