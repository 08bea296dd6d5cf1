/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function names as the Invoke API takes them: name, name:qualifier, function:name, partial and full ARNs.
 * Grammar: the FunctionName and Qualifier patterns of the Lambda API reference, "Invoke".
 */
#ifndef CORE_FUNCTION_NAME_H
#define CORE_FUNCTION_NAME_H

#include <stdbool.h>

#include "base/attr.h"

#define FUNCTION_NAME_MAX 64
#define FUNCTION_QUALIFIER_MAX 128

struct function_name {
	char name[FUNCTION_NAME_MAX + 1];
	char qualifier[FUNCTION_QUALIFIER_MAX + 1]; /* "" when none was given */
};

/* text: percent-decoded. false: not a function name in any of the forms. */
bool function_name_parse(const char *text, struct function_name *out) MUST_CHECK;
bool function_name_is_valid(const char *name);	    /* a bare name */
bool function_qualifier_is_valid(const char *text); /* $LATEST, $LATEST.PUBLISHED, a version or an alias */
/* "aws", "aws-cn", "aws-us-gov", ...: the partition that a region belongs to. */
const char *function_partition(const char *region);
/* "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]"; "" = no qualifier. To be freed. */
char *function_arn(const char *region, const char *account, const char *name, const char *qualifier) MUST_CHECK;

#endif
