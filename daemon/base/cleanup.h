/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-bound cleanup for temporaries. Initialise at the declaration:
 *	auto_free char *p = NULL;
 *	auto_close int fd = -1;
 * Ownership leaves the scope through steal_ptr(&p) / steal_fd(&fd).
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define auto_free __attribute__((cleanup(cleanup_free_)))
#define auto_close __attribute__((cleanup(cleanup_close_)))
#define steal_ptr(pp)                                                                                                \
	(__extension__({                                                                                             \
		__typeof__(*(pp)) taken_ = *(pp);                                                                    \
		*(pp) = NULL;                                                                                        \
		taken_;                                                                                              \
	}))

#endif
