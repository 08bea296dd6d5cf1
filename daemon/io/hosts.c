/* SPDX-License-Identifier: Apache-2.0 */
/* A private hosts file. */
#include "io/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

static const char hosts_path[] = "/etc/hosts";
static const size_t hosts_max = 1 << 20;

/* Is name one of the words of this line but the first, the address? */
static bool line_has(const char *line, size_t len, const char *name)
{
	static const char blanks[] = " \t\r\n";
	const char *at = line;
	const char *end = line + len;
	unsigned word = 0;

	while (at < end) {
		size_t n = strcspn(at, " \t\r\n");

		if (n > (size_t)(end - at)) {
			n = (size_t)(end - at);
		}
		if (n > 0 && word++ > 0 && n == strlen(name) && strncasecmp(at, name, n) == 0) {
			return true;
		}
		at += n;
		while (at < end && strchr(blanks, *at) != NULL) {
			at++;
		}
	}
	return false;
}

bool hosts_have(const char *text, const char *name)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (line_has(text, strcspn(text, "#\n"), name)) {
			return true;
		}
		text += len + (text[len] == '\n');
	}
	return false;
}

static int read_file(struct buf *out)
{
	auto_close int fd = open(hosts_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0) {
		return -errno;
	}
	while (n > 0) {
		char *room = buf_room(out, 4096);

		n = room != NULL ? read(fd, room, 4096) : 0;
		if (n < 0) {
			return -errno;
		}
		buf_added(out, (size_t)n);
	}
	return 0;
}

static bool add_line(struct buf *text, const char *const *names)
{
	bool lacking = false;

	for (; *names != NULL; names++) {
		if (!hosts_have(text->data, *names)) {
			buf_puts(text, lacking ? " " : "\n127.0.0.1 ");
			buf_puts(text, *names);
			lacking = true;
		}
	}
	buf_putc(text, '\n');
	return lacking;
}

/* The file needs no name once it is mounted. */
static int mount_copy(const struct buf *text)
{
	char path[] = "/tmp/hosts-XXXXXX";
	auto_close int fd = mkostemp(path, O_CLOEXEC);
	int r = 0;

	if (fd < 0) {
		return -errno;
	}
	if (fchmod(fd, 0644) != 0 || write(fd, text->data, text->len) != (ssize_t)text->len ||
	    mount(path, hosts_path, NULL, MS_BIND, NULL) != 0) {
		r = errno != 0 ? -errno : -EIO;
	}
	unlink(path);
	return r;
}

int hosts_add(const char *const *names)
{
	struct buf text;
	int r;

	buf_init(&text, hosts_max);
	buf_puts(&text, "");
	r = read_file(&text);
	if (r == 0 && add_line(&text, names)) {
		/* Mounts made elsewhere still reach us; ours reach nobody. */
		if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) {
			r = -errno;
		} else {
			r = mount_copy(&text);
		}
	}
	buf_fini(&text);
	return r;
}
