/* SPDX-License-Identifier: Apache-2.0 */
/* The page, as it stands in page.html: the assembler takes it in, so it can be edited as what it is. */
#include "debug/broker_priv.h"

/* clang-format off */
__asm__(".section .rodata\n"
	".global broker_page\n"
	".type broker_page, %object\n"
	"broker_page:\n"
	".incbin \"daemon/debug/page.html\"\n"
	".Lbroker_page_end:\n"
	".byte 0\n"
	".size broker_page, . - broker_page\n"
	".balign 8\n"
	".global broker_page_len\n"
	".type broker_page_len, %object\n"
	"broker_page_len:\n"
	".quad .Lbroker_page_end - broker_page\n"
	".size broker_page_len, 8\n"
	".previous\n");
/* clang-format on */
