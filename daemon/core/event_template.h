/* SPDX-License-Identifier: Apache-2.0 */
/* Events as the services of AWS send them to functions, filled with harmless values: something to begin a test with. */
#ifndef CORE_EVENT_TEMPLATE_H
#define CORE_EVENT_TEMPLATE_H

#include <stddef.h>

struct event_template {
	const char *name;
	const char *about;
	const char *json; /* one object, indented, without a '\n' at its end */
};

const struct event_template *event_template_find(const char *name); /* NULL = there is none of that name */
const struct event_template *event_template_at(size_t index);	    /* NULL = no more */

#endif
