/* SPDX-License-Identifier: Apache-2.0 */
/* Launching and reaping of external extensions. */
#include "edge/extension_host.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/fault.h"
#include "edge/child_env.h"
#include "edge/config.h"
#include "edge/supervisor.h"
#include "io/guard.h"
#include "io/httpd.h"

/* That of the table in edge/config.c; it need not be there. */
static const char default_dir[] = "/opt/extensions";

bool extensions_disabled(void)
{
	return access("/opt/disable-extensions-jwigqn8j", F_OK) == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void on_child_exit(struct child *c, const struct child_exit *ex)
{
	struct extension_host *e = container_of(c, struct extension_host, child);
	struct host *h = e->home;

	log_info("extension ended name=%s pid=%d %s=%d", e->extension->name, (int)ex->pid,
		 ex->signaled ? "signal" : "status", ex->code);
	/* What it said right before it ended (exit/error) is in a socket still, and counts. */
	httpd_listener_settle(h->listener);
	output_close(&e->output);
	h->extension_exit(h, e->extension, ex);
}

static struct extension_host *host_of(const struct supervisor_deps *deps, struct host *h, unsigned place,
				      struct extension *x)
{
	struct extension_host *e = h->extensions[place];

	if (e == NULL) {
		e = xcalloc(1, sizeof(*e));
		e->home = h;
		child_init(&e->child, on_child_exit);
		output_init(&e->output, deps->loop, deps->sink);
		h->extensions[place] = e;
	}
	e->extension = x;
	e->output.extension = x;
	e->output.tap = &h->tap;
	x->host = e;
	return e;
}

static int spawn(const struct supervisor_deps *deps, struct extension_host *e, const char *path)
{
	char *argv[] = { (char *)path, NULL };
	struct child_spec spec = { .argv = argv };
	int ends[OUTPUT_STREAMS];
	char **env;
	int r = output_open(&e->output, ends);

	if (r != 0) {
		return r;
	}
	env = child_env_new(deps->cfg, e->home->api, e->home->log_stream, environ);
	child_env_reduce(env, GUARD_OTHER_MARK);
	spec.envp = env;
	spec.fds[0] = -1;
	spec.fds[1] = ends[OUTPUT_STDOUT];
	spec.fds[2] = ends[OUTPUT_STDERR];
	spec.fds[3] = -1;
	guard_announce(deps->guard, e->home->log_stream);
	r = child_spawn(deps->children, &e->child, &spec);
	child_env_free(env);
	for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
		close(ends[i]);
	}
	if (r != 0) {
		guard_withdraw(deps->guard, e->home->log_stream);
		output_close(&e->output);
	}
	return r;
}

static int launch(const struct supervisor_deps *deps, struct host *h, const char *name, struct fault *why)
{
	auto_free char *path = xasprintf("%s/%s", deps->cfg->extensions_dir, name);
	unsigned place = h->inst->extensions.count;
	struct extension_host *e;
	struct extension *x;
	struct stat st;
	int r;

	/* Everything else is an extension; a symbolic link is what it points to. */
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		return 0;
	}
	x = extension_add(&h->inst->extensions, name, true);

	if (x == NULL) {
		fault_set(why, FAULT_EXTENSION_LAUNCH, "%s: Extension limit (%d) reached", path, EXTENSIONS_MAX);
		return -1;
	}
	e = host_of(deps, h, place, x);
	r = spawn(deps, e, path);
	if (r != 0) {
		x->state = EXT_LAUNCH_ERROR;
		fault_exec(why, FAULT_EXTENSION_LAUNCH, path, -r);
		return -1;
	}
	x->alive = true;
	guard_watch(deps->guard, e->child.pid, h->log_stream);
	log_info("extension started name=%s pid=%d", name, (int)e->child.pid);
	return 0;
}

int extension_host_check(const struct config *cfg, struct err *err)
{
	DIR *dir = opendir(cfg->extensions_dir);

	if (dir == NULL && strcmp(cfg->extensions_dir, default_dir) != 0) {
		return err_set(err, 2, "LAMBDA_EXTENSIONS_DIR=%.200s: %s; expected a directory", cfg->extensions_dir,
			       strerror(errno));
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return 0;
}

int extension_host_launch(const struct supervisor_deps *deps, struct host *h, extension_exit_fn on_exit,
			  struct fault *why)
{
	struct dirent **found = NULL;
	const char *dir = deps->cfg->extensions_dir;
	int count = scandir(dir, &found, NULL, by_bytes);
	int r = 0;

	h->extension_exit = on_exit;
	if (count < 0 && (errno != ENOENT || strcmp(dir, default_dir) != 0)) {
		fault_set(why, FAULT_EXTENSION_LAUNCH, "%s: %s; expected a directory", dir, strerror(errno));
		return -1;
	}
	for (int i = 0; i < count; i++) {
		if (r == 0) {
			r = launch(deps, h, found[i]->d_name, why);
		}
		free(found[i]);
	}
	free(found);
	return r;
}

void extension_host_signal(struct host *h, int signo)
{
	for (unsigned i = 0; i < EXTENSIONS_MAX && h->extensions[i] != NULL; i++) {
		child_signal(&h->extensions[i]->child, signo);
	}
}

void extension_host_kill(struct extension *x)
{
	struct extension_host *e = x->host;

	log_info("extension killed name=%s pid=%d", x->name, (int)e->child.pid);
	child_stop(&e->child, 0);
}

void extension_host_pause(struct host *h, bool pause)
{
	for (unsigned i = 0; i < EXTENSIONS_MAX && h->extensions[i] != NULL; i++) {
		output_pause(&h->extensions[i]->output, pause);
	}
}

uint64_t extension_host_memory(const struct host *h)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < EXTENSIONS_MAX && h->extensions[i] != NULL; i++) {
		uint64_t rss = 0;
		uint64_t hwm = 0;

		child_memory(&h->extensions[i]->child, &rss, &hwm);
		sum += rss;
	}
	return sum;
}

void extension_host_fini(struct host *h)
{
	for (unsigned i = 0; i < EXTENSIONS_MAX && h->extensions[i] != NULL; i++) {
		output_fini(&h->extensions[i]->output);
		free(h->extensions[i]);
		h->extensions[i] = NULL;
	}
}
