/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GetFunction, GetFunctionConfiguration and ListFunctions say about the one function there is (AWS Lambda API reference).
 * For SDKs that wait until a function is there, active or updated: it always is. No environment is shown.
 */
#ifndef EDGE_FUNCTION_INFO_H
#define EDGE_FUNCTION_INFO_H

#include <stdint.h>

#include "base/text.h"

struct buf;
struct config;

struct function_info {
	const struct config *cfg;
	int64_t started_ms;
	char revision[UUID_LEN];
};

void function_info_init(struct function_info *f, const struct config *cfg, int64_t now_ms); /* cfg is borrowed */

/* All append JSON. qualifier: "" = none. */
void function_info_configuration(const struct function_info *f, const char *qualifier, struct buf *out);
void function_info_function(const struct function_info *f, const char *qualifier, struct buf *out);
void function_info_list(const struct function_info *f, struct buf *out);

#endif
