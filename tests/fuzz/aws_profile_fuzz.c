/* SPDX-License-Identifier: Apache-2.0 */
/* Profile files and command lines of credential_process: the first byte says which file; what can be looked up is. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "core/aws_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct aws_profiles *p)
{
	static const char *const names[] = { "default", "p", "a b" };
	static const char *const keys[] = { "region", "aws_access_key_id", "s3", "credential_process" };
	char nested[16];

	for (size_t n = 0; n < countof(names); n++) {
		for (size_t k = 0; k < countof(keys); k++) {
			const char *value = aws_profiles_get(p, AWS_PROFILE, names[n], keys[k]);

			assert(value == NULL || aws_profiles_has(p, AWS_PROFILE, names[n]));
			if (aws_profiles_nested(p, AWS_PROFILE, names[n], keys[k], "x", nested, sizeof(nested))) {
				assert(value[0] == '\n' && strlen(nested) < sizeof(nested));
			}
		}
	}
}

static void split(const char *text)
{
	char **words = aws_words_split(text);
	size_t len = 0;

	if (words == NULL) {
		return;
	}
	assert(words[0] != NULL);
	for (size_t i = 0; words[i] != NULL; i++) {
		len += strlen(words[i]);
	}
	assert(len <= strlen(text));
	free(words[0]);
	free(words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct aws_profiles *p = aws_profiles_new();
	struct err err = ERR_INIT;
	char *text;

	if (size > 0) {
		text = xstrndup((const char *)data + 1, size - 1);
		if (aws_profiles_add(p, data[0] % 2 == 0 ? AWS_FILE_CONFIG : AWS_FILE_CREDENTIALS,
				     (const char *)data + 1, size - 1, &err) != 0) {
			assert(err.msg[0] != '\0' && strlen(err.msg) < sizeof(err.msg));
		}
		look_up(p);
		split(text);
		free(text);
	}
	aws_profiles_free(p);
	return 0;
}
