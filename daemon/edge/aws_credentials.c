/* SPDX-License-Identifier: Apache-2.0 */
/* The value type of AWS credentials. */
#include "edge/aws_credentials.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/json.h"

static bool is_sendable(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s <= ' ' || *s == 0x7f) {
			return false;
		}
	}
	return true;
}

static int check(const char *what, const char *value, const char *source, struct err *err)
{
	if (value == NULL || *value == '\0') {
		return err_set(err, 1, "%s: the %s is missing", source, what);
	}
	if (!is_sendable(value)) {
		return err_set(err, 1, "%s: the %s has a blank, line break or control character in it", source, what);
	}
	return 0;
}

struct aws_credentials *aws_credentials_new(const char *access_key_id, const char *secret, const char *token,
					    int64_t expires_ms, const char *source, struct err *err)
{
	struct aws_credentials *c;

	token = token != NULL && *token != '\0' ? token : NULL;
	if (check("access key id", access_key_id, source, err) != 0 ||
	    check("secret access key", secret, source, err) != 0 ||
	    (token != NULL && check("session token", token, source, err) != 0)) {
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->access_key_id = xstrdup(access_key_id);
	c->secret = xstrdup(secret);
	c->token = xstrdup(token);
	c->expires_ms = expires_ms;
	c->source = source;
	c->refs = 1;
	return c;
}

struct aws_credentials *aws_credentials_ref(struct aws_credentials *c)
{
	if (c != NULL) {
		c->refs++;
	}
	return c;
}

static void wipe(char *s)
{
	if (s != NULL) {
		explicit_bzero(s, strlen(s));
		free(s);
	}
}

void aws_credentials_unref(struct aws_credentials *c)
{
	if (c != NULL && --c->refs == 0) {
		wipe(c->access_key_id);
		wipe(c->secret);
		wipe(c->token);
		free(c);
	}
}

bool aws_credentials_time(const char *s, int64_t *ms)
{
	struct tm tm = { 0 };
	int offset_min = 0;
	int used = 0;
	int h, m;
	char sign;

	if (sscanf(s, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		   &tm.tm_min, &tm.tm_sec, &used) != 6 ||
	    used == 0) {
		return false;
	}
	s += used;
	if (*s == '.') {
		s += 1 + strspn(s + 1, "0123456789");
	}
	if (sscanf(s, "%c%2d:%2d%n", &sign, &h, &m, &used) == 3 && (sign == '+' || sign == '-') && s[used] == '\0') {
		offset_min = (sign == '+' ? 1 : -1) * (h * 60 + m);
	} else if (strcmp(s, "Z") != 0 && strcmp(s, "z") != 0 && strcmp(s, "UTC") != 0) {
		return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ms = ((int64_t)timegm(&tm) - (int64_t)offset_min * 60) * 1000;
	return true;
}

struct aws_credentials *aws_credentials_from_json(const struct json *doc, const char *token_name, const char *source,
						  struct err *err)
{
	const char *expiration = json_member_string(doc, "Expiration");
	int64_t expires_ms = 0;

	if (expiration != NULL && !aws_credentials_time(expiration, &expires_ms)) {
		err_set(err, 1, "%s: Expiration is not a time; expected e.g. 2026-11-21T12:00:00Z", source);
		return NULL;
	}
	return aws_credentials_new(json_member_string(doc, "AccessKeyId"), json_member_string(doc, "SecretAccessKey"),
				   json_member_string(doc, token_name), expires_ms, source, err);
}
