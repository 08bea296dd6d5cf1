/* SPDX-License-Identifier: Apache-2.0 */
/* Error documents of AWS services. */
#include "edge/aws_error.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "core/aws_xml.h"
#include "io/json.h"

/* Copies up to len bytes: printable, and of UTF-8 no broken piece at the end. */
static void copy(char *out, size_t size, const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && n < size - 1 && s[n] != '\0') {
		out[n] = text_is_control(s[n]) ? ' ' : s[n];
		n++;
	}
	if (n < len) {
		while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80) {
			n--;
		}
	}
	out[n] = '\0';
}

/* "com.amazonaws.sqs#QueueDoesNotExist:http://..." -> QueueDoesNotExist; "Code;Sender" -> Code */
static void set_code(struct aws_error *e, const char *s)
{
	const char *hash = strchr(s, '#');

	s = hash != NULL ? hash + 1 : s;
	copy(e->code, sizeof(e->code), s, strcspn(s, ":;"));
}

/* Only the first line: a refused signature is explained by the whole request, security token and all, after it. */
static void set_message(struct aws_error *e, const char *s)
{
	s += strspn(s, " \t\r\n");
	copy(e->message, sizeof(e->message), s, strcspn(s, "\r\n"));
}

static const char *first_of(const struct json *doc, const char *const *names, size_t count)
{
	const char *found = NULL;

	for (size_t i = 0; i < count && found == NULL; i++) {
		found = json_member_string(doc, names[i]);
	}
	return found;
}

static void parse_json(struct aws_error *e, const struct json *doc)
{
	static const char *const codes[] = { "__type", "code", "Code" };
	static const char *const messages[] = { "message", "Message", "errorMessage" };
	const char *code = first_of(doc, codes, countof(codes));
	const char *message = first_of(doc, messages, countof(messages));

	if (code != NULL) {
		set_code(e, code);
	}
	if (message != NULL) {
		set_message(e, message);
	}
}

static void parse_xml(struct aws_error *e, const char *body, size_t len)
{
	struct buf text = BUF_INIT;

	if (aws_xml_text(body, len, "Code", &text) && text.len > 0) {
		set_code(e, text.data);
	}
	buf_clear(&text);
	if (aws_xml_text(body, len, "Message", &text) && text.len > 0) {
		set_message(e, text.data);
	}
	buf_fini(&text);
}

void aws_error_parse(struct aws_error *e, const char *body, size_t len, const char *header)
{
	struct json *doc = len > 0 ? json_doc_read(body, len) : NULL;

	memset(e, 0, sizeof(*e));
	if (doc != NULL) {
		parse_json(e, doc);
		json_doc_free(doc);
	} else if (len > 0 && body[strspn(body, " \t\r\n")] == '<') {
		parse_xml(e, body, len);
	}
	if (e->code[0] == '\0' && header != NULL) {
		set_code(e, header);
	}
}
