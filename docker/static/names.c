/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into the static executables only: looks names up with the C library's own code and nothing of the image's. */
#include <netdb.h>
#include <nss.h>
#include <pthread.h>

int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found);

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* An nsswitch.conf that names other services (myhostname, resolve, mymachines) makes glibc load their libraries out of
 * the image. They were built against the image's libc, so the process dies in them. Files and DNS are built in. */
static void pin(void)
{
	static const char *const databases[] = { "passwd", "group", "services", "protocols" };

	__nss_configure_lookup("hosts", "files dns");
	for (unsigned i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
		__nss_configure_lookup(databases[i], "files");
	}
}

/* Not a constructor: reading nsswitch.conf costs time that a program without names to look up must not pay. */
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	pthread_once(&once, pin);
	return __real_getaddrinfo(node, service, hints, found);
}
