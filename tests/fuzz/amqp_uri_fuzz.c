/* SPDX-License-Identifier: Apache-2.0 */
/* AMQP URIs: no crash, no leak, and what is taken is complete. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/amqp_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	struct err err = ERR_INIT;
	struct amqp_uri uri;

	log_setup(LOG_ERROR, false);
	if (amqp_uri_parse(text, &uri, &err) == 0) {
		assert(uri.host[0] != '\0' && uri.port != 0 && uri.vhost != NULL);
		assert(uri.connection_attempts > 0 && uri.retry_delay_us >= 0);
		assert((uri.certfile == NULL) == (uri.keyfile == NULL));
	} else {
		assert(err.msg[0] != '\0');
	}
	amqp_uri_fini(&uri);
	free(text);
	return 0;
}
