/* SPDX-License-Identifier: Apache-2.0 */
/* Function names from the path of an Invoke call: whatever is taken must be valid and must parse to itself again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "core/function_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT;
	struct function_name fn;

	if (text_unpercent(&text, (const char *)data, size) && text.len > 0 && function_name_parse(text.data, &fn)) {
		struct function_name again;
		char round[sizeof(fn.name) + sizeof(fn.qualifier) + 16];

		assert(function_name_is_valid(fn.name));
		assert(fn.qualifier[0] == '\0' || function_qualifier_is_valid(fn.qualifier));
		strcpy(round, "function:");
		strcat(round, fn.name);
		if (fn.qualifier[0] != '\0') {
			strcat(round, ":");
			strcat(round, fn.qualifier);
		}
		assert(function_name_parse(round, &again));
		assert(strcmp(again.name, fn.name) == 0 && strcmp(again.qualifier, fn.qualifier) == 0);
	}
	buf_fini(&text);
	return 0;
}
