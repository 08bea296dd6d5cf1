/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that sees jansson. */
#include "io/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/mem.h"

static json_t *load(const char *data, size_t len)
{
	return json_loadb(data, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* For a look at it alone: whole numbers beyond 64 bits are JSON too. */
static json_t *look_at(const char *data, size_t len)
{
	return json_loadb(data, len, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

bool json_text_is_valid(const char *data, size_t len)
{
	json_t *root = look_at(data, len);
	bool ok = root != NULL;

	json_decref(root);
	return ok;
}

bool json_text_is_object(const char *data, size_t len)
{
	json_t *root = look_at(data, len);
	bool ok = json_is_object(root);

	json_decref(root);
	return ok;
}

struct blob *json_without_error_cause(const char *data, size_t len)
{
	static const char *const kept[] = { "errorMessage", "errorType", "stackTrace" };
	json_t *root = load(data, len);
	json_t *out = json_object();
	struct blob *result = NULL;

	if (json_is_object(root)) {
		char *text;

		for (size_t i = 0; i < countof(kept); i++) {
			json_object_set(out, kept[i], json_object_get(root, kept[i]));
		}
		text = json_dumps(out, JSON_COMPACT | JSON_PRESERVE_ORDER);
		result = text != NULL ? blob_take(text, strlen(text)) : NULL;
	}
	json_decref(out);
	json_decref(root);
	return result;
}

/* --- reading documents: struct json is jansson's json_t under another name --- */

static const json_t *inside(const struct json *value)
{
	return (const json_t *)(const void *)value;
}

static struct json *outside(json_t *value)
{
	return (struct json *)(void *)value;
}

struct json *json_doc_read(const char *data, size_t len)
{
	return outside(load(data, len));
}

void json_doc_free(struct json *doc)
{
	json_decref((json_t *)(void *)doc);
}

static void wipe(json_t *value)
{
	const char *name;
	json_t *member;
	size_t i;

	if (json_is_string(value)) {
		explicit_bzero((void *)(uintptr_t)json_string_value(value), json_string_length(value));
	}
	json_object_foreach(value, name, member)
	{
		wipe(member);
	}
	json_array_foreach(value, i, member)
	{
		wipe(member);
	}
}

void json_doc_wipe(struct json *doc)
{
	wipe((json_t *)(void *)doc);
	json_doc_free(doc);
}

enum json_kind json_kind_of(const struct json *value)
{
	static const enum json_kind kinds[] = {
		[JSON_OBJECT] = JSON_KIND_OBJECT,  [JSON_ARRAY] = JSON_KIND_ARRAY, [JSON_STRING] = JSON_KIND_STRING,
		[JSON_INTEGER] = JSON_KIND_NUMBER, [JSON_REAL] = JSON_KIND_NUMBER, [JSON_TRUE] = JSON_KIND_BOOL,
		[JSON_FALSE] = JSON_KIND_BOOL,	   [JSON_NULL] = JSON_KIND_NULL,
	};

	return kinds[json_typeof(inside(value))];
}

const struct json *json_member(const struct json *object, const char *name)
{
	return outside(json_object_get(inside(object), name));
}

const struct json *json_item(const struct json *array, size_t index)
{
	return outside(json_array_get(inside(array), index));
}

size_t json_count(const struct json *array)
{
	return json_is_object(inside(array)) ? json_object_size(inside(array)) : json_array_size(inside(array));
}

const char *json_string_of(const struct json *value, size_t *len)
{
	if (len != NULL) {
		*len = json_string_length(inside(value));
	}
	return json_string_value(inside(value));
}

const char *json_member_string(const struct json *object, const char *name)
{
	return json_string_of(json_member(object, name), NULL);
}

bool json_integer_of(const struct json *value, int64_t *out)
{
	if (!json_is_integer(inside(value))) {
		return false;
	}
	*out = json_integer_value(inside(value));
	return true;
}

void json_each_member(const struct json *object, json_member_fn fn, void *ctx)
{
	json_t *o = (json_t *)(uintptr_t)object;
	const char *name;
	json_t *value;

	json_object_foreach(o, name, value)
	{
		fn(ctx, name, outside(value));
	}
}

static int take_strings(const json_t *array, const char *name, struct json_strings *out, struct err *err)
{
	size_t count = json_array_size(array);

	out->items = xcalloc(count + 1, sizeof(*out->items));
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (text == NULL) {
			return err_set(err, 2, "\"%s\": expected an array of strings", name);
		}
		out->items[out->count++] = xstrdup(text);
	}
	return 0;
}

int json_strings_of(const char *data, size_t len, const char *name, struct json_strings *out, struct err *err)
{
	json_error_t why;
	json_t *root = json_loadb(data, len, 0, &why);
	const json_t *member = json_object_get(root, name);
	int r = 0;

	out->items = NULL;
	out->count = 0;
	if (root == NULL) {
		r = err_set(err, 2, "not JSON: %s at byte %d", why.text, why.position);
	} else if (!json_is_object(root)) {
		r = err_set(err, 2, "expected a JSON object");
	} else if (json_is_array(member)) {
		r = take_strings(member, name, out, err);
	} else if (member != NULL && !json_is_null(member)) {
		r = err_set(err, 2, "\"%s\": expected an array of strings", name);
	}
	json_decref(root);
	return r;
}

void json_strings_free(struct json_strings *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->items[i]);
	}
	free(s->items);
	s->items = NULL;
	s->count = 0;
}
