/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's reader: any file, and any payload whose checksum is right; what it takes is written as it was. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "base/blob.h"
#include "base/buf.h"
#include "core/invocation.h"
#include "core/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void free_record(struct journal_record *r)
{
	event_unref(r->event);
	blob_unref(r->response);
}

static void read_any(const char *data, size_t size)
{
	struct journal_reader reader;
	struct journal_record r;

	if (!journal_read_header(&reader, data, size)) {
		return;
	}
	while (journal_read(&reader, &r)) {
		free_record(&r);
	}
	assert(reader.at == size && reader.skipped <= size);
}

static void put_u32(struct buf *out, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++) {
		buf_putc(out, (char)(value >> 8 * i & 0xff));
	}
}

static void read_payload(const uint8_t *data, size_t size)
{
	static const uint32_t salt = 0x12345678;
	struct buf file = BUF_INIT, again = BUF_INIT;
	struct journal_reader reader;
	struct journal_record r;
	uint32_t crc;

	journal_write_header(&file, salt);
	buf_puts(&file, "AsYr");
	put_u32(&file, (uint32_t)size);
	crc = (uint32_t)crc32(salt, (const Bytef *)file.data + JOURNAL_HEADER + 4, 4);
	/* NULL would mean the initial value. */
	crc = size > 0 ? (uint32_t)crc32(crc, data, (uInt)size) : crc;
	put_u32(&file, crc);
	buf_append(&file, data, size);
	assert(journal_read_header(&reader, file.data, file.len));
	if (journal_read(&reader, &r) && reader.skipped == 0) {
		journal_write_header(&again, salt);
		journal_write(&again, salt, &r);
		/* Flags that mean nothing are not kept. */
		assert(r.kind == JOURNAL_ENDED ||
		       (again.len == file.len && memcmp(again.data, file.data, file.len) == 0));
		free_record(&r);
	}
	buf_fini(&file);
	buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_any((const char *)data, size);
	read_payload(data, size);
	return 0;
}
