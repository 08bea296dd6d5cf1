/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-1 (RFC 3174), for the one use that is left to it: the WebSocket handshake (RFC 6455, section 4.2.2), where it proves
 * that a peer has understood and protects nothing. Not for anything that must be secure.
 */
#ifndef BASE_SHA1_H
#define BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_LEN 20

void sha1(const void *data, size_t len, uint8_t out[SHA1_LEN]);

#endif
