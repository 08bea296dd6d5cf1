/* SPDX-License-Identifier: Apache-2.0 */
/* Context files. */
#include "edge/cli_context.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/invocation.h"
#include "edge/config.h"

static const size_t size_max = 1 << 20;

enum kind { TEXT, TEXT_OR_NUMBER, MILLISECONDS, UUID, DOCUMENT };

struct member {
	const char *name;
	enum kind kind;
	size_t offset;
};

#define AT(field) offsetof(struct cli_context, field)

static const struct member members[] = {
	{ "function_name", TEXT, AT(function_name) },
	{ "function_version", TEXT_OR_NUMBER, AT(function_version) },
	{ "memory_limit_in_mb", TEXT_OR_NUMBER, AT(memory_mb) },
	{ "log_group_name", TEXT, AT(log_group) },
	{ "log_stream_name", TEXT, AT(log_stream) },
	{ "aws_request_id", UUID, AT(request_id) },
	{ "invoked_function_arn", TEXT, AT(arn) },
	{ "tenant_id", TEXT, AT(tenant_id) },
	{ "xray_trace_id", TEXT, AT(trace_id) },
	{ "client_context", DOCUMENT, AT(client_context) },
	{ "identity", DOCUMENT, AT(identity) },
	{ "cognito_identity", DOCUMENT, AT(identity) },
	{ "deadline_ms", MILLISECONDS, AT(deadline_ms) },
	{ "remaining_time_in_millis", MILLISECONDS, AT(remaining_ms) },
};

struct reader {
	struct cli_context *out;
	const char *path;
	struct err *err;
	bool bad;
};

static char *text_of(struct json_slice value)
{
	struct buf text = BUF_INIT;

	if (json_slice_is(value, '0')) {
		return xstrndup(value.ptr, value.len);
	}
	if (!json_slice_string(value, &text) || text.len == 0 || strpbrk(text.data, "\r\n") != NULL) {
		buf_fini(&text);
		return NULL;
	}
	return text.data;
}

static char *document_of(struct json_slice value)
{
	struct buf ascii = BUF_INIT;

	if (!json_slice_is(value, '{')) {
		return NULL;
	}
	text_json_ascii(&ascii, value.ptr, value.len);
	return ascii.data;
}

static bool store(const struct member *m, struct json_slice value, struct cli_context *out)
{
	char **slot = (char **)(void *)((char *)out + m->offset);
	uint64_t number;

	if (m->kind == MILLISECONDS) {
		if (!json_slice_u64(value, &number) || number > INT64_MAX / 2) {
			return false;
		}
		*(int64_t *)(void *)slot = (int64_t)number;
		return true;
	}
	if (json_slice_is(value, '0') && m->kind != TEXT_OR_NUMBER) {
		return false;
	}
	free(*slot);
	*slot = m->kind == DOCUMENT ? document_of(value) : text_of(value);
	return *slot != NULL && (m->kind != UUID || text_is_uuid(*slot));
}

static void on_member(void *ctx, struct json_slice key, struct json_slice value)
{
	static const char *const expected[] = { "a text", "a text or a number", "milliseconds", "a UUID",
						"an object" };
	struct reader *r = ctx;

	for (size_t i = 0; i < countof(members); i++) {
		size_t len = strlen(members[i].name);

		if (key.len != len + 2 || memcmp(key.ptr + 1, members[i].name, len) != 0) {
			continue;
		}
		if (!json_slice_is(value, 'n') && !store(&members[i], value, r->out) && !r->bad) {
			r->bad = true;
			(void)err_set(r->err, 2, "%.200s: %s: not allowed; expected %s", r->path, members[i].name,
				      expected[members[i].kind]);
		}
		return;
	}
	log_warn("%.200s: no runtime can see %.*s: it is left out", r->path, (int)(key.len < 100 ? key.len : 100),
		 key.ptr);
}

static int read_all(const char *path, struct buf *text, struct err *err)
{
	auto_close int own = strcmp(path, "-") != 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int fd = strcmp(path, "-") != 0 ? own : STDIN_FILENO;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && text->len <= size_max) {
		n = read(fd, buf_room(text, 65536), 65536);
		buf_added(text, n > 0 ? (size_t)n : 0);
	}
	if (fd < 0 || n < 0) {
		return err_set(err, 2, "%.200s: cannot be read: %s", path, strerror(errno));
	}
	return 0;
}

int cli_context_load(struct cli_context *c, const char *path, struct err *err)
{
	struct reader r = { .out = c, .path = path, .err = err };
	struct json_slice doc = { NULL, 0 };
	struct buf text = BUF_INIT;

	if (read_all(path, &text, err) != 0) {
		r.bad = true;
	} else if (!json_scan_text(text.data != NULL ? text.data : "", text.len, &doc) || !json_slice_is(doc, '{')) {
		r.bad = true;
		(void)err_set(err, 2, "%.200s: not a JSON object", path);
	} else {
		json_scan_members(doc, on_member, &r);
	}
	buf_fini(&text);
	return r.bad ? -1 : 0;
}

void cli_context_fini(struct cli_context *c)
{
	for (size_t i = 0; i < countof(members); i++) {
		if (members[i].kind != MILLISECONDS) {
			char **slot = (char **)(void *)((char *)c + members[i].offset);

			free(*slot);
			*slot = NULL;
		}
	}
}

static void to_environment(const char *name, const char *value)
{
	if (value != NULL) {
		setenv(name, value, 1);
	}
}

void cli_context_to_environment(const struct cli_context *c)
{
	to_environment("AWS_LAMBDA_FUNCTION_NAME", c->function_name);
	to_environment("AWS_LAMBDA_FUNCTION_VERSION", c->function_version);
	to_environment("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", c->memory_mb);
}

void cli_context_to_config(const struct cli_context *c, struct config *cfg)
{
	cfg->log_group = c->log_group;
	cfg->log_stream = c->log_stream;
}

void cli_context_to_event(const struct cli_context *c, struct event *ev, int64_t wall_ms)
{
	if (c->request_id != NULL) {
		memcpy(ev->id, c->request_id, UUID_LEN);
	}
	if (c->arn != NULL) {
		free(ev->arn);
		ev->arn = xstrdup(c->arn);
	}
	if (c->trace_id != NULL) {
		free(ev->trace_id);
		ev->trace_id = xstrdup(c->trace_id);
	}
	ev->tenant_id = xstrdup(c->tenant_id);
	ev->client_context = xstrdup(c->client_context);
	ev->cognito_identity = xstrdup(c->identity);
	ev->deadline_ms = c->remaining_ms > 0 ? wall_ms + c->remaining_ms : c->deadline_ms;
}
