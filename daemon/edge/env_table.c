/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of environment variables. */
#include "edge/env_table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

const char *env_shown(const char *value, char out[ENV_SHOWN_LEN])
{
	size_t len = strcspn(value, "?");

	/* What stands before an @ may be a password, a query may hold a token, and either sign may be part of both. */
	if (strchr(value, '@') != NULL) {
		return "...@...";
	}
	snprintf(out, ENV_SHOWN_LEN, "%.*s%s", len < 200 ? (int)len : 200, value, value[len] != '\0' ? "?..." : "");
	return out;
}

int env_refuse(struct err *err, const char *name, const char *value, const char *expected)
{
	char shown[ENV_SHOWN_LEN];

	return err_set(err, 2, "%s=%s: not allowed; expected %s", name, env_shown(value, shown), expected);
}

bool env_parse_bool(const char *value, bool *out)
{
	static const char *const yes[] = { "true", "1", "yes", "on" };
	static const char *const no[] = { "false", "0", "no", "off" };

	for (size_t i = 0; i < countof(yes); i++) {
		if (strcasecmp(value, yes[i]) == 0) {
			*out = true;
			return true;
		}
		if (strcasecmp(value, no[i]) == 0) {
			*out = false;
			return true;
		}
	}
	return false;
}

bool env_is_host(const char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len;

	if (strchr(value, ':') == NULL) {
		len = strspn(value, letters);
	} else {
		len = strspn(value, "0123456789abcdefABCDEF:.");
		if (value[len] == '%') {
			len++; /* a zone: fe80::1%eth0 */
			len += strspn(value + len, letters);
		}
	}
	return len > 0 && value[len] == '\0';
}

int env_table_load(const struct env_table *t, void *settings, size_t size, struct err *err)
{
	memset(settings, 0, size);
	for (size_t i = 0; i < t->count; i++) {
		const struct env_row *row = &t->rows[i];
		const char *value = getenv(row->name);

		if (value == NULL || *value == '\0') {
			value = row->fallback;
		}
		if (value != NULL && !t->parse(settings, row, value)) {
			return env_refuse(err, row->name, value, t->expected(row->kind));
		}
	}
	return 0;
}

void env_print_help(FILE *out, const char *name, const char *help, const char *fallback)
{
	fprintf(out, "  %s\n      %s", name, help);
	if (fallback != NULL) {
		fprintf(out, " (default %s)", fallback);
	}
	fputc('\n', out);
}

void env_table_print_help(const struct env_table *t, FILE *out)
{
	for (size_t i = 0; i < t->count; i++) {
		env_print_help(out, t->rows[i].name, t->rows[i].help, t->rows[i].fallback);
	}
}
