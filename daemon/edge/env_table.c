/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of environment variables. */
#include "edge/env_table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

int env_refuse(struct err *err, const char *name, const char *value, const char *expected)
{
	/* What stands before an @ may be a password. */
	return err_set(err, 2, "%s=%.200s: not allowed; expected %s", name,
		       strchr(value, '@') != NULL ? "...@..." : value, expected);
}

bool env_parse_bool(const char *value, bool *out)
{
	*out = strcasecmp(value, "TRUE") == 0 || strcmp(value, "1") == 0;
	return *out || strcasecmp(value, "FALSE") == 0 || strcmp(value, "0") == 0;
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
