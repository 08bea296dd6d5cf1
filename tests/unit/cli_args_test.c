/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of lambda-invoke and emulambda; the events that it brings along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "core/event_template.h"
#include "edge/cli_args.h"

/* The words of one line. */
static int parse(struct cli_args *args, const char *line, struct err *err)
{
	static char text[256];
	static char *argv[32];
	int argc = 0;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	*err = (struct err)ERR_INIT;
	return cli_args_parse(args, argc, argv, err);
}

static void test_own(void **state)
{
	struct cli_args a;
	struct err err;

	(void)state;
	assert_int_equal(
		parse(&a, "lambda-invoke -svt 1.5 --concurrency=7 ev.json -r arn --json -- ./boot -s h.x", &err), 0);
	assert_true(a.stream && a.verbose && a.json && a.timeout_given && !a.compat);
	assert_int_equal(a.timeout_us, 1500000);
	assert_int_equal(a.concurrency, 7);
	assert_string_equal(a.events, "ev.json");
	assert_string_equal(a.role, "arn");
	assert_string_equal(a.command[0], "./boot");
	assert_string_equal(a.command[1], "-s");
	assert_int_equal(parse(&a, "lambda-invoke -", &err), 0);
	assert_string_equal(a.events, "-");
	assert_null(a.command[0]);
	assert_int_equal(parse(&a, "lambda-invoke -t 0 -", &err), 0);
	assert_true(a.timeout_given && a.timeout_us == 0);
}

static void test_original(void **state)
{
	struct cli_args a;
	struct err err;

	(void)state;
	assert_int_equal(parse(&a, "/usr/bin/emulambda -v pkg.mod.fn ev.json ctx.json", &err), 0);
	assert_true(a.compat && a.verbose);
	assert_string_equal(a.handler, "pkg.mod.fn");
	assert_string_equal(a.events, "ev.json");
	assert_string_equal(a.context, "ctx.json");
	assert_string_equal(a.command[2], "awslambdaric");
	assert_string_equal(a.command[3], "pkg.mod.fn");
	assert_int_equal(parse(&a, "lambda-invoke --compat mod.fn - -- ./own", &err), 0);
	assert_string_equal(a.command[0], "./own");
	assert_int_equal(parse(&a, "emulambda ./h.py ev.json", &err), -1);
	assert_int_equal(err.code, 1);
	assert_non_null(strstr(err.msg, "Perhaps it is something like"));
}

static void test_wrong(void **state)
{
	static const struct {
		const char *line;
		const char *says;
	} rows[] = {
		{ "lambda-invoke", "EVENTFILE" },
		{ "lambda-invoke a b", "COMMAND goes after --" },
		{ "lambda-invoke a", NULL },
		{ "lambda-invoke --nope a", "--nope" },
		{ "lambda-invoke -t", "-t: a value is missing" },
		{ "lambda-invoke -t x a", "expected seconds" },
		{ "lambda-invoke -t -1 a", "expected seconds" },
		{ "lambda-invoke --concurrency 0 a", "from 1 to 1000" },
		{ "lambda-invoke -c - -", "both" },
		{ "lambda-invoke --terminal -", "--terminal" },
		{ "lambda-invoke --endpoint http://x a -- cmd", "elsewhere" },
		{ "lambda-invoke --sign a", "--endpoint" },
		{ "emulambda h.x", "HANDLER EVENTFILE" },
		{ "emulambda a.b c d e", "HANDLER EVENTFILE" },
	};
	struct cli_args a;
	struct err err;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(parse(&a, rows[i].line, &err), rows[i].says != NULL ? -1 : 0);
		if (rows[i].says != NULL) {
			assert_int_equal(err.code, 2);
			assert_non_null(strstr(err.msg, rows[i].says));
		}
	}
}

static void test_templates(void **state)
{
	const struct event_template *t;
	struct json_slice event;
	size_t count = 0;

	(void)state;
	while ((t = event_template_at(count)) != NULL) {
		assert_ptr_equal(event_template_find(t->name), t);
		assert_true(json_scan_text(t->json, strlen(t->json), &event));
		assert_true(json_slice_is(event, '{'));
		count++;
	}
	assert_true(count > 9);
	assert_null(event_template_find("list"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_original),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_templates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
