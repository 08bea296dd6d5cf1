/* SPDX-License-Identifier: Apache-2.0 */
/* Variables for the function's language, and its credentials. */
#include "edge/cli_env.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/buf.h"
#include "edge/aws_credentials.h"
#include "edge/child_env.h"

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void append_path(const char *name, const char *first, const char *second)
{
	const char *before = child_env_value(environ, name);
	struct buf path = BUF_INIT;

	if (before != NULL && *before != '\0') {
		buf_printf(&path, "%s:", before);
	}
	buf_printf(&path, "%s%s%s", first, second != NULL ? ":" : "", second != NULL ? second : "");
	setenv(name, path.data, 1);
	buf_fini(&path);
}

void cli_env_add_libraries(bool task_root)
{
	static const char *const languages[] = { "PYTHONPATH", "NODE_PATH", "RUBYLIB" };
	char *here = getcwd(NULL, 0);
	struct buf lib = BUF_INIT;
	bool there;

	if (here == NULL) {
		return;
	}
	buf_printf(&lib, "%s/lib", here);
	there = is_directory(lib.data);
	for (size_t i = 0; i < countof(languages); i++) {
		append_path(languages[i], here, there ? lib.data : NULL);
	}
	/* Without the variable the runtime gets AWS's own directories, where they exist. */
	if (there && (child_env_value(environ, "LD_LIBRARY_PATH") != NULL || !is_directory("/var/task"))) {
		append_path("LD_LIBRARY_PATH", lib.data, NULL);
	}
	if (task_root) {
		setenv("LAMBDA_TASK_ROOT", here, 0);
	}
	buf_fini(&lib);
	free(here);
}

void cli_env_set_credentials(const struct aws_credentials *creds)
{
	static const char *const others[] = {
		"AWS_SECURITY_TOKEN",
		"AWS_PROFILE",
		"AWS_DEFAULT_PROFILE",
		"AWS_CREDENTIAL_EXPIRATION",
		"AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	};

	for (size_t i = 0; i < countof(others); i++) {
		unsetenv(others[i]);
	}
	setenv("AWS_ACCESS_KEY_ID", creds->access_key_id, 1);
	setenv("AWS_SECRET_ACCESS_KEY", creds->secret, 1);
	if (creds->token != NULL) {
		setenv("AWS_SESSION_TOKEN", creds->token, 1);
	} else {
		unsetenv("AWS_SESSION_TOKEN");
	}
}
