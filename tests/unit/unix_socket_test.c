/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets in the file system: mode, stale ones, live ones, what is none, removal. */
#include "io/unix_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
/* after the headers that it needs */
#include <cmocka.h>

#include "base/err.h"

struct place {
	char dir[64];
	char path[96];
};

static struct place make_place(void)
{
	struct place p = { "/tmp/unix_socket_XXXXXX", "" };

	assert_non_null(mkdtemp(p.dir));
	snprintf(p.path, sizeof(p.path), "%s/control", p.dir);
	return p;
}

static void leave(const struct place *p)
{
	assert_int_equal(rmdir(p->dir), 0);
}

static int dial(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void test_private_and_removed(void **state)
{
	struct place p = make_place();
	struct unix_socket s;
	struct err err = ERR_INIT;
	mode_t mask = umask(0);
	int fd = unix_socket_listen(&s, p.path, &err);
	struct stat st;
	int client;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(stat(p.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(umask(mask), 0); /* the caller's mask is as it was */
	client = dial(p.path);
	assert_true(client >= 0);
	close(client);
	close(fd);
	unix_socket_remove(&s);
	unix_socket_remove(&s);
	leave(&p);
}

static void test_stale_is_replaced(void **state)
{
	struct place p = make_place();
	struct unix_socket old, s;
	struct err err = ERR_INIT;
	int fd = unix_socket_listen(&old, p.path, &err);

	(void)state;
	assert_true(fd >= 0);
	close(fd); /* as when its process was killed */
	fd = unix_socket_listen(&s, p.path, &err);
	assert_true(fd >= 0);
	close(fd);
	unix_socket_remove(&s);
	unix_socket_remove(&old);
	leave(&p);
}

static void test_live_is_refused(void **state)
{
	struct place p = make_place();
	struct unix_socket s, second;
	struct err err = ERR_INIT;
	int fd = unix_socket_listen(&s, p.path, &err);
	int client;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unix_socket_listen(&second, p.path, &err), -1);
	assert_non_null(strstr(err.msg, "another process listens there"));
	unix_socket_remove(&second);
	client = dial(p.path);
	assert_true(client >= 0);
	close(client);
	close(fd);
	unix_socket_remove(&s);
	leave(&p);
}

static void test_a_file_is_left_alone(void **state)
{
	struct place p = make_place();
	struct unix_socket s;
	struct err err = ERR_INIT;
	FILE *f = fopen(p.path, "w");

	(void)state;
	assert_non_null(f);
	fclose(f);
	assert_int_equal(unix_socket_listen(&s, p.path, &err), -1);
	assert_non_null(strstr(err.msg, "is not a socket"));
	unix_socket_remove(&s);
	assert_int_equal(unlink(p.path), 0);
	leave(&p);
}

static void test_what_replaced_it_stays(void **state)
{
	struct place p = make_place();
	struct unix_socket s;
	struct err err = ERR_INIT;
	int fd = unix_socket_listen(&s, p.path, &err);
	char moved[128];

	(void)state;
	assert_true(fd >= 0);
	/* Kept under another name, so that the file that follows has another inode. */
	snprintf(moved, sizeof(moved), "%s.moved", p.path);
	assert_int_equal(rename(p.path, moved), 0);
	fclose(fopen(p.path, "w"));
	unix_socket_remove(&s);
	close(fd);
	assert_int_equal(unlink(p.path), 0);
	assert_int_equal(unlink(moved), 0);
	leave(&p);
}

static void test_paths_that_cannot_be(void **state)
{
	struct unix_socket s;
	struct err err = ERR_INIT;
	char long_path[200];

	(void)state;
	memset(long_path, 'x', sizeof(long_path));
	long_path[0] = '/';
	long_path[108] = '\0';
	assert_false(unix_path_fits(long_path));
	assert_int_equal(unix_socket_listen(&s, long_path, &err), -1);
	assert_int_equal(err.code, 2);
	long_path[107] = '\0';
	assert_true(unix_path_fits(long_path));
	assert_int_equal(unix_socket_listen(&s, "/nonexistent/control", &err), -1);
	assert_non_null(strstr(err.msg, "No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private_and_removed),    cmocka_unit_test(test_stale_is_replaced),
		cmocka_unit_test(test_live_is_refused),	       cmocka_unit_test(test_a_file_is_left_alone),
		cmocka_unit_test(test_what_replaced_it_stays), cmocka_unit_test(test_paths_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
