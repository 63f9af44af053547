/* SPDX-License-Identifier: Apache-2.0 */
#include "sight.h"

#include <stdlib.h>
#include <string.h>

uint16_t sight_type(uint32_t payload_bytes)
{
    return payload_bytes == 8 ? SIGHT_NUMBER : payload_bytes == 24 ? SIGHT_THREE : SIGHT_BYTES;
}

static unsigned char pattern(uint64_t number, uint32_t at)
{
    return (unsigned char)(number * 31 + at * 7 + (at >> 5) + 1);
}

void sight_payload_write(unsigned char *out, uint32_t bytes, uint64_t number)
{
    uint16_t type = sight_type(bytes);
    uint32_t at = 8, rest = bytes - 12;

    memcpy(out, &number, 8);
    if (type == SIGHT_BYTES) {
        memcpy(out + 8, &rest, 4);
        at = 12;
    }
    for (; at < bytes; at++)
        out[at] = pattern(number, at);
}

void sight_payload_read(struct sight_item *item, uint16_t type, const unsigned char *payload,
                        size_t size)
{
    uint32_t bytes = type == SIGHT_NUMBER ? 8 : 24, at = 8, rest;

    memcpy(&item->number, payload, 8);
    if (type == SIGHT_BYTES) {
        memcpy(&rest, payload + 8, 4);
        bytes = rest + 12;
        at = 12;
    }
    item->payload_bytes = bytes;
    item->is_whole = bytes <= size;
    for (; item->is_whole && at < bytes; at++)
        item->is_whole = payload[at] == pattern(item->number, at);
}

static void *grown(void *memory, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return memory;
    *capacity = *capacity ? *capacity * 2 : 256;
    memory = realloc(memory, *capacity * size);
    if (!memory)
        abort();
    return memory;
}

void sight_clear(struct sight *s)
{
    s->count = s->thread_count = 0;
    s->complaint = NULL;
}

struct sight_item *sight_add(struct sight *s)
{
    s->items = grown(s->items, s->count, &s->capacity, sizeof(*s->items));
    memset(&s->items[s->count], 0, sizeof(*s->items));
    return &s->items[s->count++];
}

struct sight_thread *sight_thread(struct sight *s, uint32_t number)
{
    for (size_t i = 0; i < s->thread_count; i++)
        if (s->threads[i].number == number)
            return &s->threads[i];
    s->threads = grown(s->threads, s->thread_count, &s->thread_capacity, sizeof(*s->threads));
    memset(&s->threads[s->thread_count], 0, sizeof(*s->threads));
    s->threads[s->thread_count].number = number;
    return &s->threads[s->thread_count++];
}
