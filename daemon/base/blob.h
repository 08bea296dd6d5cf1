/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct blob: immutable bytes, shared by reference count. Used for event and response bodies, so that a body
 * is never copied on its way through. Any thread may hold references.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/attr.h"

struct blob {
	const char *data; /* never NULL; data[len] is readable and NUL */
	size_t len;
	/* private */
	atomic_uint refs;
	void *mem; /* freed with the blob; NULL for static bytes */
};

struct blob *blob_copy(const void *data, size_t len) MUST_CHECK;
struct blob *blob_from_string(const char *s) MUST_CHECK;  /* copies */
struct blob *blob_take(char *mem, size_t len) MUST_CHECK; /* moved: malloc'ed, mem[len] is NUL */
struct blob *blob_static(const char *s) MUST_CHECK;	  /* s outlives the blob */
struct blob *blob_ref(struct blob *b);			  /* NULL is fine; returns b */
void blob_unref(struct blob *b);			  /* NULL is fine */

#endif
