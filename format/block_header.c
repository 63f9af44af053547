/* SPDX-License-Identifier: Apache-2.0 */
#include "format/block_header.h"

#include <errno.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/le.h"

enum {
    SKIP_MAGIC = 0x184D2A5A, /* one of the sixteen of zstd's skippable frames */
    SKIP_PREFIX_BYTES = 8,   /* magic and size; the size counts what follows */
    LEAD_BYTES = 16,         /* what every header begins with: prefix and our magic */
    HEADER_BYTES_MAX = 1024, /* of any version */
};

static const unsigned char lead[LEAD_BYTES] = {
    0x5A, 0x2A, 0x4D, 0x18, BLOCK_HEADER_BYTES - SKIP_PREFIX_BYTES, 0, 0, 0, 'a', 'd', 'a', 't',
    'r',  'a',  'c',  'e',
};

void block_header_encode(const struct block_header *header, unsigned char out[BLOCK_HEADER_BYTES])
{
    memcpy(out, lead, LEAD_BYTES);
    le16_store(out + 16, header->version);
    out[18] = header->kind;
    out[19] = header->flags;
    le32_store(out + 20, header->thread);
    le64_store(out + 24, header->sequence);
    le64_store(out + 32, header->first_ticks);
    le64_store(out + 40, header->last_ticks);
    le32_store(out + 48, header->records);
    le32_store(out + 52, header->gaps);
    le32_store(out + 56, header->content_bytes);
    le32_store(out + 60, header->frame_bytes);
    le32_store(out + 64, header->frame_crc);
    le16_store(out + 68, (uint16_t)header->level);
    le16_store(out + 70, 0);
    le32_store(out + 72, header->recording);
    le32_store(out + 76, crc32c(out, 76));
}

static void fields_decode(const unsigned char *at, struct block_header *header)
{
    header->kind = at[18];
    header->flags = at[19];
    header->thread = le32_load(at + 20);
    header->sequence = le64_load(at + 24);
    header->first_ticks = le64_load(at + 32);
    header->last_ticks = le64_load(at + 40);
    header->records = le32_load(at + 48);
    header->gaps = le32_load(at + 52);
    header->content_bytes = le32_load(at + 56);
    header->frame_bytes = le32_load(at + 60);
    header->frame_crc = le32_load(at + 64);
    header->level = (int16_t)le16_load(at + 68);
    header->recording = le32_load(at + 72);
}

int block_header_decode(const void *bytes, size_t size, struct block_header *header)
{
    const unsigned char *at = bytes;
    size_t header_bytes;

    if (size < BLOCK_HEADER_BYTES || le32_load(at) != SKIP_MAGIC ||
        memcmp(at + 8, lead + 8, LEAD_BYTES - 8) != 0)
        return -EBADMSG;
    /* Prefix, magic, version and the checksum at the very end are what all versions share. */
    header_bytes = (size_t)le32_load(at + 4) + SKIP_PREFIX_BYTES;
    if (header_bytes < BLOCK_HEADER_BYTES || header_bytes > HEADER_BYTES_MAX ||
        header_bytes > size || le32_load(at + header_bytes - 4) != crc32c(at, header_bytes - 4))
        return -EBADMSG;
    header->version = le16_load(at + 16);
    if (header->version != FORMAT_VERSION || header_bytes != BLOCK_HEADER_BYTES)
        return -EPROTONOSUPPORT;
    fields_decode(at, header);
    if (header->content_bytes > BLOCK_CONTENT_BYTES_MAX || header->records > BLOCK_RECORDS_MAX ||
        header->gaps > BLOCK_RECORDS_MAX || header->first_ticks > header->last_ticks)
        return -EBADMSG;
    return 0;
}

bool block_header_begins(const void *bytes, size_t size)
{
    return memcmp(bytes, lead, size < LEAD_BYTES ? size : LEAD_BYTES) == 0;
}

size_t block_header_search(const void *bytes, size_t size)
{
    const unsigned char *from = bytes, *end = from + size;

    for (const unsigned char *at = from; (at = memchr(at, lead[0], (size_t)(end - at))); at++) {
        size_t left = (size_t)(end - at);

        if (memcmp(at, lead, left < LEAD_BYTES ? left : LEAD_BYTES) == 0)
            return (size_t)(at - from);
    }
    return size;
}
