/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: how many there may be, and the one that waits for the good news. */
#include "edge/startup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/log.h"
#include "edge/config.h"
#include "io/notify.h"

int startup_check_ready_fd(const struct config *cfg, struct err *err)
{
	if (cfg->ready_fd != 0 && fcntl((int)cfg->ready_fd, F_GETFD) < 0) {
		return err_set(err, 2, "READY_FD=%llu: not allowed; expected an open descriptor",
			       (unsigned long long)cfg->ready_fd);
	}
	return 0;
}

void startup_raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
			log_warn("the limit of open descriptors could not be raised errno=%d", errno);
		}
	}
}

static void notify(const struct config *cfg, const char *state)
{
	struct err err = ERR_INIT;

	if (cfg->notify_socket != NULL && notify_send(cfg->notify_socket, state, &err) != 0) {
		log_warn("the service manager was not told state=%s: %s", state, err.msg);
	}
}

void startup_tell_ready(const struct config *cfg, const char *line, size_t len)
{
	if (cfg->ready_fd != 0) {
		int r = notify_ready_fd((int)cfg->ready_fd, line, len);

		if (r != 0) {
			log_warn("READY_FD could not be written errno=%d", -r);
		}
	}
	notify(cfg, "READY=1");
}

void startup_tell_stopping(const struct config *cfg)
{
	notify(cfg, "STOPPING=1");
}
