/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, one word a line: what is not a flag of ours reaches the command untouched and in order. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "edge/command.h"
#include "edge/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	char *argv[WORDS_MAX + 1] = { NULL };
	char name[] = "daemon";
	char *save = NULL;
	int argc = 1;
	struct config cfg;
	struct err err = ERR_INIT;

	argv[0] = name;
	for (char *w = strtok_r(text, "\n", &save); w != NULL && argc < WORDS_MAX; w = strtok_r(NULL, "\n", &save)) {
		argv[argc++] = w;
	}
	memset(&cfg, 0, sizeof(cfg));
	if (command_parse(&cfg, argc, argv, &err) != 0) {
		assert(err.code == 2 && err.msg[0] != '\0');
	} else {
		int at = 1;

		for (char **word = cfg.command; *word != NULL; word++) {
			while (at < argc && argv[at] != *word) {
				at++;
			}
			assert(at < argc);
		}
		assert(cfg.invoke_port <= 65535 && cfg.runtime_port <= 65535);
	}
	config_fini(&cfg);
	free(text);
	return 0;
}
