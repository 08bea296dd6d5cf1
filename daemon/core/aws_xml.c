/* SPDX-License-Identifier: Apache-2.0 */
/* Finding an element's text in XML. */
#include "core/aws_xml.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

/* The content of the first <element>, up to the next '<'. NULL = none. */
static const char *find_content(const char *xml, size_t len, const char *element, size_t *content_len)
{
	size_t name_len = strlen(element);
	const char *end = xml + len;
	const char *at = xml;

	while ((at = memchr(at, '<', (size_t)(end - at))) != NULL) {
		const char *name = ++at;
		const char *close;

		if ((size_t)(end - name) <= name_len || memcmp(name, element, name_len) != 0 ||
		    strchr("> \t\r\n", name[name_len]) == NULL) {
			continue;
		}
		at = memchr(name, '>', (size_t)(end - name));
		close = at != NULL ? memchr(at, '<', (size_t)(end - at)) : NULL;
		if (close == NULL) {
			return NULL;
		}
		*content_len = (size_t)(close - at - 1);
		if ((size_t)(end - close) > name_len + 2 && close[1] == '/' &&
		    memcmp(close + 2, element, name_len) == 0) {
			return at + 1;
		}
		return NULL;
	}
	return NULL;
}

static void put_code_point(struct buf *out, uint64_t c)
{
	if (c < 0x80) {
		buf_putc(out, (char)c);
	} else if (c < 0x800) {
		buf_putc(out, (char)(0xc0 | c >> 6));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_putc(out, (char)(0xe0 | c >> 12));
		buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_putc(out, (char)(0xf0 | c >> 18));
		buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
	}
}

static bool hex_to_u64(const char *s, uint64_t *out)
{
	*out = 0;
	if (*s == '\0' || strlen(s) > 6 || strspn(s, "0123456789abcdefABCDEF") != strlen(s)) {
		return false;
	}
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s | 0x20;

		*out = *out << 4 | (c <= '9' ? c - 0x30u : c - 0x61u + 10u);
	}
	return true;
}

/* name: what stands between '&' and ';'. */
static bool put_entity(struct buf *out, const char *name)
{
	static const char *const names[] = { "lt", "gt", "amp", "quot", "apos" };
	static const char chars[] = "<>&\"'";
	uint64_t code;

	for (size_t i = 0; i < countof(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			buf_putc(out, chars[i]);
			return true;
		}
	}
	if (name[0] != '#' ||
	    !(name[1] == 'x' ? hex_to_u64(name + 2, &code) : text_to_u64(name + 1, 1, 0x10ffff, &code)) ||
	    code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
		return false;
	}
	put_code_point(out, code);
	return true;
}

bool aws_xml_text(const char *xml, size_t len, const char *element, struct buf *out)
{
	size_t content_len = 0;
	const char *content = find_content(xml, len, element, &content_len);

	if (content == NULL) {
		return false;
	}
	for (size_t i = 0; i < content_len; i++) {
		const char *semicolon = content[i] == '&' ? memchr(content + i, ';', content_len - i) : NULL;
		char name[10] = "";

		if (semicolon != NULL && semicolon - (content + i) <= (ptrdiff_t)sizeof(name)) {
			memcpy(name, content + i + 1, (size_t)(semicolon - (content + i) - 1));
		}
		if (name[0] != '\0' && put_entity(out, name)) {
			i += strlen(name) + 1;
		} else {
			buf_putc(out, content[i]);
		}
	}
	return true;
}
