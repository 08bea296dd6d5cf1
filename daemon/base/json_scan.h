/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds values in JSON text without decoding it, so that bytes can be handed on as they came. Checks the syntax of
 * RFC 8259 and that the text is UTF-8; numbers, nesting (JSON_SCAN_DEPTH) and keys of any kind. Allocates nothing but where a
 * string is decoded.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;

#define JSON_SCAN_DEPTH 2000

/* A value's text, without blanks around it; borrowed. ptr is NULL when there is none. */
struct json_slice {
	const char *ptr;
	size_t len;
};

/* The one value of a text, with nothing but blanks around it. false: it is not JSON. */
bool json_scan_text(const char *text, size_t len, struct json_slice *out) MUST_CHECK;

/* Members of an object that json_scan_text() or one of these has found. Of several of one name the last counts. */
struct json_slice json_scan_member(struct json_slice object, const char *name);
/* Calls fn for each member, in order; key is a slice with its quotes. */
typedef void (*json_slice_fn)(void *ctx, struct json_slice key, struct json_slice value);
void json_scan_members(struct json_slice object, json_slice_fn fn, void *ctx);
/* Calls fn for each item of an array, in order. */
typedef void (*json_item_fn)(void *ctx, struct json_slice item);
void json_scan_items(struct json_slice array, json_item_fn fn, void *ctx);

bool json_slice_is(struct json_slice value, char kind); /* '{' '[' '"' '0' (number) 't' 'f' 'n' */
/* Appends the decoded text. false: not a string, or it has an escaped NUL. */
bool json_slice_string(struct json_slice value, struct buf *out) MUST_CHECK;
/* The same where a NUL is a character as any other: out->len counts. false: not a string. */
bool json_slice_bytes(struct json_slice value, struct buf *out) MUST_CHECK;
/* Whole numbers only, without sign. */
bool json_slice_u64(struct json_slice value, uint64_t *out) MUST_CHECK;

#endif
