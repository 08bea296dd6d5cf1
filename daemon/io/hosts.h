/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for this machine that only we and our children know: a copy of the hosts file with one more line, mounted over the
 * original in a mount namespace of our own. Nothing that others see is changed.
 */
#ifndef IO_HOSTS_H
#define IO_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Does this text of a hosts file have an address for name? */
bool hosts_have(const char *text, const char *name);

/* 0: every one of the names (NULL terminated) is known, or is 127.0.0.1 from now on; -errno: we may not, or there is no hosts
 * file. Once, early in main, while there is one thread. */
int hosts_add(const char *const *names) MUST_CHECK;

#endif
