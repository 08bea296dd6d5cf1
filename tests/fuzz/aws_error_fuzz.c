/* SPDX-License-Identifier: Apache-2.0 */
/* Error documents (JSON or XML) and URLs of endpoints: what comes out is one line, bounded, without control characters. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "core/aws_endpoint.h"
#include "core/aws_xml.h"
#include "edge/aws_credentials.h"
#include "edge/aws_error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *s)
{
	for (; *s != '\0'; s++) {
		assert((unsigned char)*s >= ' ' && *s != 0x7f);
	}
}

static void check_url(const char *text)
{
	struct err err = ERR_INIT;
	char region[AWS_REGION_LEN];
	struct aws_url url;

	if (aws_url_parse(text, &url, &err) == 0) {
		assert(url.host[0] != '\0' && strchr(url.host, '/') == NULL && strchr(url.host, '@') == NULL);
		assert(strcspn(url.host, " \r\n") == strlen(url.host) && (*url.path == '\0' || *url.path == '/'));
		(void)aws_endpoint_is_link_local(&url);
	}
	if (aws_endpoint_queue_region(text, region)) {
		assert(aws_region_is_valid(region) && strstr(text, "amazonaws") != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xmemdup(data, size);
	struct buf out = BUF_INIT;
	struct aws_error e;
	int64_t ms;

	aws_error_parse(&e, text, size, size > 100 ? text : NULL);
	assert(strlen(e.code) < sizeof(e.code) && strlen(e.message) < sizeof(e.message));
	check_line(e.code);
	check_line(e.message);
	if (!aws_xml_text(text, size, "Code", &out)) {
		assert(out.len == 0);
	}
	buf_fini(&out);
	check_url(text);
	(void)!aws_credentials_time(text, &ms);
	free(text);
	return 0;
}
