/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into the static executables with OpenSSL only: an openssl.cnf of the image is not read. */
#include <openssl/crypto.h>

int __real_OPENSSL_init_crypto(uint64_t opts, const OPENSSL_INIT_SETTINGS *settings);
int __wrap_OPENSSL_init_crypto(uint64_t opts, const OPENSSL_INIT_SETTINGS *settings);

/* OpenSSL asks for it itself when the first provider is wanted, whatever it was configured with. A file that was made for
 * another libcrypto, of a FIPS image for example, names providers that are not built in: no algorithm would be left. */
int __wrap_OPENSSL_init_crypto(uint64_t opts, const OPENSSL_INIT_SETTINGS *settings)
{
	return __real_OPENSSL_init_crypto(opts & ~(uint64_t)OPENSSL_INIT_LOAD_CONFIG, settings);
}
