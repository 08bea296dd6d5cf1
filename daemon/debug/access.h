/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may talk to the broker. Pure. A debugger can run any code in a function, so a web page that its reader happens to
 * have open must not be able to become one: WebSockets are not bound to the page's origin, and a name can be made to point
 * at 127.0.0.1.
 */
#ifndef DEBUG_ACCESS_H
#define DEBUG_ACCESS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"

/* The names an unprotected broker answers to: addresses and localhost, because nobody else can own them. */
bool access_host_is_local(const char *host_header);
/* Only loopback addresses and localhost: listening there exposes nothing to other machines. */
bool access_is_loopback(const char *host);
/* Of a browser: the broker's own page and DevTools. NULL = not a browser. */
bool access_origin_is_ours(const char *origin, const char *host_header);
/* Takes the same time for every wrong token. token NULL: none is needed. authorization, query: as sent, may be NULL. */
bool access_token_fits(const char *token, const char *authorization, const char *query);
/* The pairing key: path, and the query without the token. */
void access_key(struct buf *out, const char *path, const char *query);

#endif
