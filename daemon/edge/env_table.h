/* SPDX-License-Identifier: Apache-2.0 */
/* Environment variables, a row each, that fill a struct of settings. An empty value counts as unset. */
#ifndef EDGE_ENV_TABLE_H
#define EDGE_ENV_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attr.h"

struct err;

struct env_row {
	const char *name;
	int kind;	      /* the table's own */
	size_t offset;	      /* of the member in the settings */
	const char *fallback; /* parsed like a value; NULL = the member stays zero */
	const char *help;
};

struct env_table {
	const struct env_row *rows;
	size_t count;
	/* value outlives the settings. false: not allowed. */
	bool (*parse)(void *settings, const struct env_row *row, const char *value);
	const char *(*expected)(int kind); /* for the message about a value that is not */
};

/* 0, or -1 with the reason. The settings are cleared first. */
int env_table_load(const struct env_table *t, void *settings, size_t size, struct err *err) MUST_CHECK;
void env_table_print_help(const struct env_table *t, FILE *out);

#define ENV_SHOWN_LEN 208
/* A value for an error message: at most 200 bytes, without the user and the query of a URL. */
const char *env_shown(const char *value, char out[ENV_SHOWN_LEN]);
/* -1, with "NAME=VALUE: not allowed; expected ...", the value as env_shown() has it. */
int env_refuse(struct err *err, const char *name, const char *value, const char *expected);
void env_print_help(FILE *out, const char *name, const char *help, const char *fallback); /* fallback: or NULL */
/* The name of a host or an address. Whether there is one of that name is seen when it is listened on. */
#define ENV_HOST_EXPECTED "a host name or an address, of IPv6 without brackets"
bool env_is_host(const char *value) MUST_CHECK;
bool env_parse_bool(const char *value, bool *out) MUST_CHECK; /* TRUE, 1, yes, on, and their opposites */

#endif
