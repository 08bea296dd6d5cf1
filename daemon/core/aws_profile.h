/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AWS SDKs' shared files, ~/.aws/config and ~/.aws/credentials, as text. The grammar is that of Python's
 * configparser, which the AWS CLI uses: sections, `name = value` or `name: value`, comments on lines of their own, deeper
 * indented lines continue a value. Names are not case sensitive, values are kept as they are.
 */
#ifndef CORE_AWS_PROFILE_H
#define CORE_AWS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct aws_profiles;
struct err;

enum aws_file { AWS_FILE_CONFIG, AWS_FILE_CREDENTIALS };
enum aws_section { AWS_PROFILE, AWS_SSO_SESSION, AWS_SERVICES };

struct aws_profiles *aws_profiles_new(void) MUST_CHECK;
void aws_profiles_free(struct aws_profiles *p); /* wipes the values; NULL is fine */

/* Adds a file's content. -1 with the line that is wrong; nothing of a value is repeated there. */
int aws_profiles_add(struct aws_profiles *p, enum aws_file file, const char *text, size_t len,
		     struct err *err) MUST_CHECK;

bool aws_profiles_has(const struct aws_profiles *p, enum aws_section kind, const char *name); /* in either file */

/* Borrowed; NULL = not there. The credentials file goes before the config file. */
const char *aws_profiles_get(const struct aws_profiles *p, enum aws_section kind, const char *name, const char *key);
/* The same from one of the files. */
const char *aws_profiles_get_from(const struct aws_profiles *p, enum aws_file file, const char *name,
				  const char *key);
/* `subkey = value` from the indented lines below an empty `key =`, copied into out. false: not there, or too long. */
bool aws_profiles_nested(const struct aws_profiles *p, enum aws_section kind, const char *name, const char *key,
			 const char *subkey, char *out, size_t size) MUST_CHECK;

/* Splits as a POSIX shell does quotes and backslashes, and nothing else: NULL terminated array; both it and its only
 * block of text, words[0], are freed by free(). NULL: a quote is not closed, or there is no word. */
char **aws_words_split(const char *line) MUST_CHECK;

#endif
