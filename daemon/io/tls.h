/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS in front of a connection: the other code keeps reading and writing a plain socket, one end of a pair whose other end is
 * relayed, encrypted, here. OpenSSL.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "base/attr.h"

struct err;
struct loop;
struct tls;

/* Both files in PEM; the certificate with its chain. NULL with the reason in err. */
struct tls *tls_server_new(const char *cert_file, const char *key_file, struct err *err) MUST_CHECK;
/* ca_file NULL: the system's (SSL_CERT_FILE is heeded). */
struct tls *tls_client_new(const char *ca_file, struct err *err) MUST_CHECK;
/* Ends the connections that are left. Before the loop is freed; NULL is fine. */
void tls_free(struct tls *t);

/* fd, a connected socket, is moved; returns the plain one, or -1. name: whom a client expects, NULL for a server. A failure
 * later is logged and shows as the end of the connection. */
int tls_wrap(struct loop *loop, struct tls *t, int fd, const char *name) MUST_CHECK;
/* Connections that have not been closed yet, on either side. */
unsigned tls_open(const struct tls *t);

#endif
