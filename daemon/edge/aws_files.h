/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the AWS SDKs: the shared configuration, tokens. All are small and local; they are read at once. */
#ifndef EDGE_AWS_FILES_H
#define EDGE_AWS_FILES_H

#include "base/attr.h"

struct aws_profiles;
struct aws_settings;
struct buf;
struct err;

/* Appends a regular file of at most 1 MiB. -1 with the reason (and errno) when it cannot be read. Wipe what is secret. */
int aws_files_read(const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* The configuration and the credentials file. One that is not there or may not be read counts as empty (the latter is
 * said in the log). NULL with the reason: one is not what it should be, or AWS_PROFILE names no profile. */
struct aws_profiles *aws_files_load(const struct aws_settings *s, struct err *err) MUST_CHECK;

/* A path below the home directory, or the given one with a leading ~ resolved. Owned; NULL = there is no home. */
char *aws_files_path(const struct aws_settings *s, const char *given, const char *below_home) MUST_CHECK;

#endif
