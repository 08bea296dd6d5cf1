/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that sees jansson. */
#include "io/json.h"

#include <jansson.h>
#include <string.h>

#include "base/blob.h"

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
