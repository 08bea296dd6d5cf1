/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the AWS SDKs' files. */
#include "edge/aws_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/aws_profile.h"
#include "edge/aws_settings.h"

static const size_t max_file = (size_t)1 << 20;

static int fail(const char *path, int error, struct err *err)
{
	err_set(err, 1, "%.300s: %s", path, strerror(error));
	errno = error;
	return -1;
}

int aws_files_read(const char *path, struct buf *out, struct err *err)
{
	/* Nonblocking for a FIFO: it is refused, but must not hold us when it is opened. */
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t start = out->len;
	struct stat st;
	char *room;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0) {
		return fail(path, errno, err);
	}
	if (!S_ISREG(st.st_mode)) {
		return fail(path, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, err);
	}
	do {
		room = buf_room(out, 16384);
		n = room != NULL ? read(fd, room, 16384) : -1;
		if (n > 0) {
			buf_added(out, (size_t)n);
		}
		if (out->len - start > max_file) {
			return fail(path, EFBIG, err);
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n == 0 ? 0 : fail(path, errno, err);
}

char *aws_files_path(const struct aws_settings *s, const char *given, const char *below_home)
{
	const char *home = s->home;

	if (given != NULL && !text_starts(given, "~/")) {
		return xstrdup(given);
	}
	if (home == NULL) {
		return NULL;
	}
	return xasprintf("%s/%s", home, given != NULL ? given + 2 : below_home);
}

static int load_one(struct aws_profiles *p, enum aws_file file, const char *path, struct err *err)
{
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	int r = 0;

	if (path == NULL) {
		return 0;
	}
	if (aws_files_read(path, &text, &why) == 0) {
		r = text.len > 0 ? aws_profiles_add(p, file, text.data, text.len, err) : 0;
		if (r != 0) {
			err_wrap(err, "%.300s", path);
		}
	} else if (errno != ENOENT && errno != ENOTDIR) {
		log_warn("an AWS file is left out: %s", why.msg);
	}
	if (text.data != NULL) {
		explicit_bzero(text.data, text.cap);
	}
	buf_fini(&text);
	return r;
}

struct aws_profiles *aws_files_load(const struct aws_settings *s, struct err *err)
{
	auto_free char *config = aws_files_path(s, s->config_file, ".aws/config");
	auto_free char *credentials = aws_files_path(s, s->credentials_file, ".aws/credentials");
	const char *profile = aws_settings_profile(s);
	struct aws_profiles *p = aws_profiles_new();

	if (load_one(p, AWS_FILE_CONFIG, config, err) != 0 ||
	    load_one(p, AWS_FILE_CREDENTIALS, credentials, err) != 0) {
		aws_profiles_free(p);
		return NULL;
	}
	if (strcmp(profile, "default") != 0 && !aws_profiles_has(p, AWS_PROFILE, profile)) {
		err_set(err, 2, "AWS_PROFILE=%.100s: there is no such profile in %.150s and %.150s", profile,
			config != NULL ? config : "~/.aws/config",
			credentials != NULL ? credentials : "~/.aws/credentials");
		aws_profiles_free(p);
		return NULL;
	}
	return p;
}
