/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing of function names and ARNs. */
#include "core/function_name.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static bool made_of(const char *s, const char *extra)
{
	while (*s != '\0' && (strchr(alnum, *s) != NULL || strchr(extra, *s) != NULL)) {
		s++;
	}
	return *s == '\0';
}

bool function_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= FUNCTION_NAME_MAX && made_of(name, "-_.");
}

bool function_qualifier_is_valid(const char *text)
{
	size_t len = strlen(text);

	if (strcmp(text, "$LATEST") == 0 || strcmp(text, "$LATEST.PUBLISHED") == 0) {
		return true;
	}
	return len >= 1 && len <= FUNCTION_QUALIFIER_MAX && made_of(text, "-_");
}

static bool is_account(const char *s)
{
	return strlen(s) == 12 && strspn(s, "0123456789") == 12;
}

/* us-east-1, us-gov-west-1, eusc-de-east-1, ...: lower-case words and a final digit. */
static bool is_region(const char *s)
{
	size_t len = strlen(s);
	unsigned dashes = 0;

	if (len < 6 || len > 32 || s[len - 2] != '-' || strchr("0123456789", s[len - 1]) == NULL) {
		return false;
	}
	for (size_t i = 0; i < len - 1; i++) {
		dashes += s[i] == '-';
		if (s[i] != '-' && (s[i] < 'a' || s[i] > 'z')) {
			return false;
		}
	}
	return dashes >= 2;
}

static bool is_partition(const char *s)
{
	return text_starts(s, "aws") && made_of(s, "-") && strpbrk(s, "0123456789") == NULL;
}

#define PARTS_MAX 8

static unsigned split(char *text, char *parts[PARTS_MAX])
{
	unsigned n = 0;
	char *next = text;

	while (next != NULL) {
		char *colon = strchr(next, ':');

		if (n == PARTS_MAX) {
			return PARTS_MAX + 1;
		}
		parts[n++] = next;
		if (colon != NULL) {
			*colon++ = '\0';
		}
		next = colon;
	}
	return n;
}

/* How many leading parts are not the name: arn, region, account, "function". Greedy, as the API's own pattern is, so
 * "function:x" is the function x and not a qualifier of a function named "function". -1: a malformed ARN. */
static int prefix_parts(char *const parts[], unsigned n)
{
	unsigned i = 0;

	if (strcmp(parts[0], "arn") == 0 && n >= 7) {
		bool ok = is_partition(parts[1]) && strcmp(parts[2], "lambda") == 0 && is_region(parts[3]) &&
			  is_account(parts[4]) && strcmp(parts[5], "function") == 0;

		return ok ? 6 : -1;
	}
	i += i + 1 < n && is_region(parts[i]);
	i += i + 1 < n && is_account(parts[i]);
	/* "function:$LATEST" is a name all the same: what follows can be none. */
	i += i + 1 < n && strcmp(parts[i], "function") == 0 && function_name_is_valid(parts[i + 1]);
	return (int)i;
}

bool function_name_parse(const char *text, struct function_name *out)
{
	char copy[256 + FUNCTION_QUALIFIER_MAX];
	char *parts[PARTS_MAX];
	unsigned n;
	int first;

	out->name[0] = '\0';
	out->qualifier[0] = '\0';
	if (strlen(text) >= sizeof(copy)) {
		return false;
	}
	strcpy(copy, text);
	n = split(copy, parts);
	if (n > PARTS_MAX) {
		return false;
	}
	first = prefix_parts(parts, n);
	if (first < 0 || n - (unsigned)first > 2 || n == (unsigned)first || !function_name_is_valid(parts[first])) {
		return false;
	}
	strcpy(out->name, parts[first]);
	if (n - (unsigned)first == 2) {
		if (!function_qualifier_is_valid(parts[first + 1])) {
			return false;
		}
		strcpy(out->qualifier, parts[first + 1]);
	}
	return true;
}

const char *function_partition(const char *region)
{
	static const struct {
		const char *prefix;
		const char *partition;
	} known[] = {
		{ "cn-", "aws-cn" },	     { "us-gov-", "aws-us-gov" }, { "us-iso-", "aws-iso" },
		{ "us-isob-", "aws-iso-b" }, { "us-isof-", "aws-iso-f" }, { "eu-isoe-", "aws-iso-e" },
		{ "eusc-", "aws-eusc" },
	};

	for (size_t i = 0; i < countof(known); i++) {
		if (text_starts(region, known[i].prefix)) {
			return known[i].partition;
		}
	}
	return "aws";
}

char *function_arn(const char *region, const char *account, const char *name, const char *qualifier)
{
	const char *const parts[] = {
		"arn:", function_partition(region),    ":lambda:", region, ":", account, ":function:",
		name,	*qualifier != '\0' ? ":" : "", qualifier,
	};

	return xconcat(parts, countof(parts));
}
