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

bool json_text_is_valid(const char *data, size_t len)
{
	json_t *root = load(data, len);
	bool ok = root != NULL;

	json_decref(root);
	return ok;
}

bool json_text_is_object(const char *data, size_t len)
{
	json_t *root = load(data, len);
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
