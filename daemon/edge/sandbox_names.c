/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.localdomain. */
#include "edge/sandbox_names.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "edge/config.h"
#include "edge/extension_host.h"
#include "io/hosts.h"

static bool any_extension(const char *directory)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	bool found = false;

	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		found = entry->d_type != DT_DIR;
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return found;
}

void sandbox_names_add(const struct config *cfg)
{
	static const char *const names[] = { "sandbox.localdomain", "sandbox", NULL };
	char text[96];
	int r;

	if (extensions_disabled() || !any_extension(cfg->extensions_dir)) {
		return;
	}
	r = hosts_add(names);
	if (r != 0) {
		log_info("sandbox.localdomain is not in the hosts file: extensions cannot listen on that name, "
			 "unless a line "
			 "\"127.0.0.1 sandbox.localdomain sandbox\" is added (container: --add-host) error=\"%s\"",
			 strerror_r(-r, text, sizeof(text)));
	}
}
