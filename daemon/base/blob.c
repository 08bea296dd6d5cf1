/* SPDX-License-Identifier: Apache-2.0 */
/* Reference-counted immutable bytes. */
#include "base/blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct blob *blob_new(const char *data, size_t len, void *mem)
{
	struct blob *b = xmalloc(sizeof(*b));

	b->data = data;
	b->len = len;
	atomic_init(&b->refs, 1);
	b->mem = mem;
	return b;
}

struct blob *blob_copy(const void *data, size_t len)
{
	return blob_take(xmemdup(data, len), len);
}

struct blob *blob_from_string(const char *s)
{
	return blob_copy(s, strlen(s));
}

struct blob *blob_take(char *mem, size_t len)
{
	return blob_new(mem, len, mem);
}

struct blob *blob_static(const char *s)
{
	return blob_new(s, strlen(s), NULL);
}

struct blob *blob_ref(struct blob *b)
{
	if (b != NULL) {
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	}
	return b;
}

void blob_unref(struct blob *b)
{
	if (b != NULL && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) {
		free(b->mem);
		free(b);
	}
}
