/* SPDX-License-Identifier: Apache-2.0 */
/* What the error codes of SQS mean for a message that we hold: is there sense in another attempt? No I/O. */
#ifndef CORE_SQS_REFUSAL_H
#define CORE_SQS_REFUSAL_H

enum sqs_verdict {
	SQS_TRY_AGAIN, /* about us, the network or the hour: credentials, permissions, a proxy in between */
	SQS_FINAL,     /* about this very message, receipt or queue: another attempt would fare no better */
	SQS_TOO_LARGE, /* final, too: of the message's size */
};

/* code: as the service names it, with or without what the query protocol puts around it; "" = the answer was none of SQS's.
 * message: the text beside it. */
enum sqs_verdict sqs_judge(const char *code, const char *message);

#endif
