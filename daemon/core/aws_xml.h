/* SPDX-License-Identifier: Apache-2.0 */
/* Just enough XML for the replies of STS: the text of an element. */
#ifndef CORE_AWS_XML_H
#define CORE_AWS_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct buf;

/* Appends the text of the first element of that name, entities resolved. false: there is none, it has children, or it is
 * not closed; then nothing was appended. */
bool aws_xml_text(const char *xml, size_t len, const char *element, struct buf *out) MUST_CHECK;

#endif
