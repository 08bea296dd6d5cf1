/* SPDX-License-Identifier: Apache-2.0 */
/* The only source of time. Nothing else calls clock_gettime; core/ gets time as an argument. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_us(void); /* microseconds, monotonic, arbitrary origin */
int64_t clock_wall_ms(void); /* milliseconds since the Unix epoch */
int64_t clock_wall_us(void);

#define CLOCK_STAMP_LEN 25 /* "2026-11-21T01:31:23.676Z" and NUL */
/* Writes ISO 8601 UTC with milliseconds; out has CLOCK_STAMP_LEN bytes. Returns out. */
char *clock_stamp(int64_t wall_ms, char *out);

#endif
