/* SPDX-License-Identifier: Apache-2.0 */
/* Results, reports, notes, progress. */
#include "edge/cli_print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/json_scan.h"
#include "base/lines.h"
#include "base/mem.h"
#include "edge/cli_args.h"
#include "io/sink.h"

/* Of an error's type or message beside its document. */
#define MESSAGE_MAX 1024

struct cli_print {
	const struct cli_args *args;
	struct sink *out;
	struct sink *err;
	struct sink *report; /* one of these two */
	const char *what;
	double timeout_s;
};

struct cli_print *cli_print_new(const struct cli_args *args, struct sink *out, struct sink *err, const char *what,
				double timeout_s)
{
	struct cli_print *p = xcalloc(1, sizeof(*p));

	p->args = args;
	p->out = out;
	p->err = err;
	p->report = args->compat ? out : err;
	p->what = what;
	p->timeout_s = timeout_s;
	return p;
}

void cli_print_free(struct cli_print *p)
{
	free(p);
}

/* How much of a text fits into max bytes: no half characters. */
static size_t cut(const char *text, size_t len, size_t max)
{
	size_t n = len < max ? len : max;

	while (n > 0 && n < len && ((unsigned char)text[n] & 0xc0) == 0x80) {
		n--;
	}
	return n;
}

void cli_print_head(const struct line *line, struct cli_result *r)
{
	size_t len = cut(line->text, line->len, CLI_HEAD);

	/* The line's end counts too, as in the original. */
	r->head_cut = line->len + 1 > CLI_HEAD;
	memcpy(r->head, line->text, len);
	r->head[len] = '\0';
}

static struct json_slice document(const struct blob *body)
{
	struct json_slice doc = { NULL, 0 };

	if (body == NULL || !json_scan_text(body->data, body->len, &doc)) {
		doc.ptr = NULL;
	}
	return doc;
}

static void member(const struct blob *body, const char *name, struct buf *out)
{
	struct json_slice doc = document(body);
	struct json_slice value = { NULL, 0 };

	if (doc.ptr != NULL && json_slice_is(doc, '{')) {
		value = json_scan_member(doc, name);
	}
	if (value.ptr == NULL || !json_slice_string(value, out)) {
		buf_clear(out);
	}
}

const char *cli_error_type(const struct blob *body, char *out, size_t size)
{
	struct buf text = BUF_INIT;

	member(body, "errorType", &text);
	snprintf(out, size, "%s", text.len > 0 ? text.data : "");
	buf_fini(&text);
	return out;
}

/* A result as a line: a string without its quotes, and in a stream nothing else on more than one line. */
static void put_result(const struct cli_print *p, const struct blob *body, struct buf *out)
{
	struct json_slice doc = document(body);
	size_t start = out->len;

	if (body == NULL) {
		return;
	}
	if (doc.ptr != NULL && json_slice_is(doc, '"') && !p->args->json && json_slice_string(doc, out)) {
		buf_putc(out, '\n');
		return;
	}
	out->len = start;
	if (doc.ptr == NULL) {
		buf_append(out, body->data, body->len);
		buf_putc(out, '\n');
		return;
	}
	buf_append(out, doc.ptr, doc.len);
	for (size_t i = start; p->args->stream && i < out->len; i++) {
		if (out->data[i] == '\n' || out->data[i] == '\r') {
			out->data[i] = ' ';
		}
	}
	buf_putc(out, '\n');
}

static bool never_ran(enum outcome_kind kind)
{
	return kind != OUTCOME_RESPONSE && !outcome_is_function_error(kind);
}

/* Elsewhere it may have run, but what it said did not arrive: the text is that of edge/cli_remote.c. */
static bool lost(const struct cli_print *p, const struct cli_result *r)
{
	return r->kind == OUTCOME_INVALID && p->args->endpoint != NULL;
}

/* The document has all of it; here, on the way to the same sink maybe, it must leave room for that. */
static void put_member(const struct blob *body, const char *name, const char *otherwise, struct buf *out)
{
	struct buf text = BUF_INIT;

	member(body, name, &text);
	if (text.len > 0) {
		size_t len = cut(text.data, text.len, MESSAGE_MAX);

		buf_printf(out, "%.*s%s", (int)len, text.data, len < text.len ? "..." : "");
	} else {
		buf_puts(out, otherwise);
	}
	buf_fini(&text);
}

static void put_error(const struct cli_print *p, const struct cli_result *r, struct buf *out)
{
	buf_puts(out, "lambda-invoke: ");
	if (p->args->stream) {
		buf_printf(out, "object %llu (line %llu): ", (unsigned long long)r->number,
			   (unsigned long long)r->line);
	}
	/* Elsewhere the timeout may be another one, and the document says which. */
	if (r->kind == OUTCOME_TIMEOUT && (p->args->endpoint == NULL || r->body == NULL)) {
		buf_printf(out, "Your lambda timed out! (Timeout was %gs)", p->timeout_s);
	} else if (never_ran(r->kind)) {
		buf_printf(out, "not invoked: %s", r->body != NULL ? r->body->data : outcome_name(r->kind));
	} else if (lost(p, r)) {
		buf_printf(out, "no usable answer: %s", r->body->data);
	} else {
		buf_puts(out, "function error ");
		put_member(r->body, "errorType", "without a type", out);
		buf_puts(out, ": ");
		put_member(r->body, "errorMessage", "no message", out);
	}
	buf_putc(out, '\n');
}

/* In the words of emulambda, which others read. */
static void put_compat_error(const struct cli_print *p, const struct cli_result *r, struct buf *out)
{
	if (r->kind == OUTCOME_TIMEOUT) {
		buf_printf(out, "Your lambda timed out! (Timeout was %gs)\n\n", p->timeout_s);
	} else {
		buf_puts(out, "\nThere was an error running your function. See standard error for what it said.\n\n");
	}
}

static void write_buf(struct sink *s, const struct buf *text)
{
	if (text->len > 0) {
		sink_write(s, text->data, text->len);
	}
}

static void print_report(struct cli_print *p, const struct cli_result *r)
{
	struct buf text = BUF_INIT;

	if (r->kind != OUTCOME_RESPONSE && p->args->compat) {
		put_compat_error(p, r, &text);
	}
	if (p->args->verbose && !never_ran(r->kind) && !lost(p, r)) {
		profile_print_run(&text, &r->run, p->what, p->args->compat ? PROFILE_COMPAT : PROFILE_FULL);
	}
	write_buf(p->report, &text);
	buf_clear(&text);
	if (r->kind != OUTCOME_RESPONSE) {
		put_error(p, r, &text);
		write_buf(p->err, &text);
	}
	buf_fini(&text);
}

void cli_print_result(struct cli_print *p, const struct cli_result *r)
{
	struct buf text = BUF_INIT;

	if (p->args->verbose && p->args->stream) {
		buf_printf(&text, "\nObject %llu %s%s\n", (unsigned long long)r->number, r->head,
			   r->head_cut ? "..." : "");
		write_buf(p->report, &text);
		buf_clear(&text);
	}
	print_report(p, r);
	if (p->args->compat && r->kind != OUTCOME_RESPONSE) {
		buf_printf(&text, "EMULAMBDA: %s ERROR\n", r->kind == OUTCOME_TIMEOUT ? "TIMEOUT" : "LAMBDA");
	} else if (!never_ran(r->kind) && !lost(p, r)) {
		put_result(p, r->body, &text);
	}
	write_buf(p->out, &text);
	buf_fini(&text);
}

void cli_print_note(struct cli_print *p, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text) - 1, fmt, args);
	va_end(args);
	n = n < (int)sizeof(text) - 1 ? n : (int)sizeof(text) - 2;
	text[n] = '\n';
	sink_write(p->err, "lambda-invoke: ", strlen("lambda-invoke: "));
	sink_write(p->err, text, (size_t)n + 1);
}

void cli_print_bad_line(struct cli_print *p, const struct line *line, const char *why)
{
	if (p->args->compat) {
		cli_print_report(p, "There was a problem parsing your JSON event.\n");
	}
	if (p->args->stream) {
		cli_print_note(p, "line %llu: %s; skipped", (unsigned long long)line->number, why);
	} else {
		cli_print_note(p, "%s: %s", p->args->events, why);
	}
}

void cli_print_report(struct cli_print *p, const char *text)
{
	sink_write(p->report, text, strlen(text));
}

void cli_print_progress(struct cli_print *p, const struct profile *profile, int64_t elapsed_us, uint64_t done,
			uint64_t size)
{
	static const char bar[] = "##############################";
	static const char rest[] = "..............................";
	const unsigned width = sizeof(bar) - 1;
	unsigned filled = size > 0 && done < size ? (unsigned)(done * width / size) : width;
	char text[160];

	snprintf(text, sizeof(text), "[%.*s%.*s] %3u%%  %llu events, %.0f/s, %llu failed", size > 0 ? (int)filled : 0,
		 bar, (int)(size > 0 ? width - filled : 0), rest, size > 0 ? (unsigned)(done * 100 / size) : 0,
		 (unsigned long long)profile->runs,
		 elapsed_us > 0 ? (double)profile->runs * 1e6 / (double)elapsed_us : 0,
		 (unsigned long long)(profile->failed + profile->bad_lines));
	/* Without a size there is nothing to be a part of. */
	sink_status(p->err, size > 0 ? text : strchr(text, '%') + 3);
}

bool cli_print_full(struct cli_print *p)
{
	return sink_full(p->out) || sink_full(p->err);
}
