/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that runtimes post to /error and init/error, and the header that names their type. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/mem.h"
#include "core/fault.h"
#include "io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	struct blob *shown = json_without_error_cause((const char *)data, size);
	struct blob *document;
	struct fault f;
	char type[80];

	if (shown != NULL) {
		assert(json_text_is_object((const char *)data, size));
		assert(json_text_is_object(shown->data, shown->len));
	}
	fault_normalise_type(text, type, sizeof(type));
	assert(strncmp(type, "Runtime.", 8) == 0 || strncmp(type, "Function.", 9) == 0);
	/* Whatever stands in a fault, its document is JSON. */
	fault_set(&f, type, "%s", text);
	document = fault_body(&f, "id");
	assert(json_text_is_object(document->data, document->len));
	blob_unref(document);
	blob_unref(shown);
	free(text);
	return 0;
}
