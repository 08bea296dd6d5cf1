/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a query apart. */
#include "core/control_params.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

/* NULL: a bad escape. */
static char *decode(const char *s, size_t len)
{
	struct buf out = BUF_INIT;
	char *copy = xstrndup(s, len);
	char *result = NULL;

	for (char *p = strchr(copy, '+'); p != NULL; p = strchr(p, '+')) {
		*p = ' ';
	}
	if (text_unpercent(&out, copy, len)) {
		result = xstrndup(out.len > 0 ? out.data : "", out.len);
	}
	buf_fini(&out);
	free(copy);
	return result;
}

static int add(struct control_params *p, const char *pair, size_t len, struct err *err)
{
	const char *equals = memchr(pair, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - pair) : len;

	if (p->count == CONTROL_PARAMS) {
		return err_set(err, 1, "more than %d parameters", CONTROL_PARAMS);
	}
	p->items[p->count].name = decode(pair, name_len);
	p->items[p->count].value = equals != NULL ? decode(equals + 1, len - name_len - 1) : xstrdup("");
	p->count++;
	if (p->items[p->count - 1].name == NULL || p->items[p->count - 1].value == NULL) {
		return err_set(err, 1, "%.*s: not percent-encoded text", (int)(len < 100 ? len : 100), pair);
	}
	return 0;
}

int control_params_parse(struct control_params *p, const char *query, struct err *err)
{
	p->count = 0;
	while (*query != '\0') {
		size_t len = strcspn(query, "&");

		if (len > 0 && add(p, query, len, err) != 0) {
			return -1;
		}
		query += len + (query[len] == '&');
	}
	return 0;
}

void control_params_fini(struct control_params *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].name);
		free(p->items[i].value);
	}
	p->count = 0;
}

const char *control_param(const struct control_params *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->items[i].name, name) == 0) {
			return p->items[i].value;
		}
	}
	return NULL;
}

static bool is_among(const char *name, const char *names)
{
	size_t len = strlen(name);

	while (*names != '\0') {
		size_t word = strcspn(names, " ");

		if (word == len && strncmp(names, name, len) == 0) {
			return true;
		}
		names += word + (names[word] == ' ');
	}
	return false;
}

int control_params_only(const struct control_params *p, const char *names, struct err *err)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!is_among(p->items[i].name, names)) {
			return err_set(err, 1, "%.100s: unknown parameter; expected %s", p->items[i].name,
				       *names != '\0' ? names : "none");
		}
	}
	return 0;
}

int control_param_u64(const struct control_params *p, const char *name, uint64_t max, uint64_t fallback,
		      uint64_t *out, struct err *err)
{
	const char *value = control_param(p, name);

	*out = fallback;
	if (value != NULL && !text_to_u64(value, 0, max, out)) {
		return err_set(err, 1, "%s=%.100s: expected a whole number up to %llu", name, value,
			       (unsigned long long)max);
	}
	return 0;
}
