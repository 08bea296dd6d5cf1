/* SPDX-License-Identifier: Apache-2.0 */
/* What the AMQP_* variables say together. */
#include "edge/amqp_settings.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "edge/config.h"
#include "edge/managed_settings.h"

static bool given(enum config_choice c, bool fallback)
{
	return c == CHOICE_UNSET ? fallback : c == CHOICE_YES;
}

/* The broker has no other quorum queues; so they need not be spelled out, but must not be contradicted. */
static int check_quorum(const struct config *cfg, struct err *err)
{
	if (cfg->amqp_queue_durable == CHOICE_NO) {
		return err_set(err, 2,
			       "AMQP_QUEUE_DURABLE=false: not allowed with AMQP_QUEUE_TYPE=quorum; expected true");
	}
	if (cfg->amqp_queue_auto_delete == CHOICE_YES) {
		return err_set(
			err, 2,
			"AMQP_QUEUE_AUTO_DELETE=true: not allowed with AMQP_QUEUE_TYPE=quorum; expected false");
	}
	return 0;
}

int amqp_settings_load(const struct config *cfg, struct amqp_settings *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	if (amqp_uri_parse(cfg->amqp_uri, &out->uri, err) != 0) {
		return err_wrap(err, "AMQP_URI");
	}
	if (out->uri.user == NULL) {
		out->uri.user = xstrdup(cfg->amqp_username);
		out->uri.password = xstrdup(cfg->amqp_password);
	}
	out->quorum = cfg->amqp_quorum;
	if (out->quorum && check_quorum(cfg, err) != 0) {
		return -1;
	}
	out->durable = given(cfg->amqp_queue_durable, out->quorum);
	out->auto_delete = given(cfg->amqp_queue_auto_delete, !out->quorum);
	out->prefetch = (uint16_t)(cfg->amqp_prefetch > 0 ? cfg->amqp_prefetch : managed_capacity(cfg));
	out->max_deliveries = (unsigned)cfg->amqp_max_deliveries;
	return 0;
}

void amqp_settings_fini(struct amqp_settings *s)
{
	amqp_uri_fini(&s->uri);
}
