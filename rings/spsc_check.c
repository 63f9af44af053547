/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a ring: figures, and whether all is as it should be. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rings/spsc.h"

uint64_t ada_ring_fill(const struct ada_ring *r)
{
    /* relaxed: a figure; tail first, so that it is not negative. */
    uint64_t tail = load_acquire(&r->shared->tail), head = load_relaxed(&r->shared->head);

    return head - tail < r->capacity ? head - tail : r->capacity;
}

void ada_ring_snapshot(const struct ada_ring *r, struct ada_ring_snapshot *s)
{
    const struct spsc_shared *shared = r->shared;
    uint64_t by_writer = load_relaxed(&shared->writer_high_water);
    uint64_t by_reader = load_relaxed(&shared->reader_high_water);

    s->capacity = r->capacity;
    /* Acquire keeps the order of these figures, so that head and written are not behind. */
    s->tail = load_acquire(&shared->tail);
    s->read = spsc_count_load(shared->read, s->tail);
    s->head = load_acquire(&shared->head);
    s->written = spsc_count_load(shared->written, s->head);
    s->dropped = load_relaxed(&shared->dropped);
    s->damaged_bytes = load_relaxed(&shared->damaged_bytes);
    s->high_water_bytes = by_writer > by_reader ? by_writer : by_reader;
}

int64_t spsc_walk(const struct spsc_walk *walk, uint64_t tail, uint64_t head, uint64_t *at,
                  const char **why)
{
    int64_t records = 0;
    uint64_t bytes;

    for (uint64_t index = tail; index != head; index += bytes) {
        uint64_t lap_left = walk->capacity - (index & (walk->capacity - 1)), word;

        memcpy(&word, walk->bytes + ((index - walk->origin) & walk->mask), 8);
        bytes = spsc_record_bytes(word & SPSC_LENGTH_MASK);
        *at = index;
        *why = (uint32_t)(word >> 32) != (uint32_t)(index >> 3) ? "is no record's word"
               : bytes > lap_left                               ? "is longer than its lap"
               : bytes > head - index                           ? "is longer than what was written"
               : word & SPSC_PAD && bytes != lap_left ? "is padding that ends before its lap"
                                                      : NULL;
        if (*why)
            return -EBADMSG;
        records += !(word & SPSC_PAD);
    }
    return records;
}

/* What is wrong, apart from the records; NULL: nothing. */
static const char *header_fault(const struct ada_ring *r, const struct ada_ring_snapshot *s)
{
    const struct spsc_shared *shared = r->shared;

    return load_relaxed(&shared->magic) != SPSC_MAGIC       ? "the magic number is another"
           : load_relaxed(&shared->version) != SPSC_VERSION ? "the version is another"
           : load_relaxed(&shared->capacity) != r->capacity ? "the capacity is another"
           : (s->head | s->tail) & 7                        ? "an index is odd"
           : s->head - s->tail > r->capacity                ? "the indexes are too far apart"
           : s->high_water_bytes > r->capacity              ? "the high-water mark is too high"
                                                            : NULL;
}

int ada_ring_check(const struct ada_ring *r, char *text, size_t bytes)
{
    const struct spsc_walk walk = {
        .bytes = r->data, .mask = r->capacity - 1, .capacity = r->capacity};
    struct ada_ring_snapshot s;
    const char *why;
    int64_t records;
    uint64_t at;

    ada_ring_snapshot(r, &s);
    why = header_fault(r, &s);
    if (why) {
        if (text)
            snprintf(text, bytes, "%s", why);
        return -EBADMSG;
    }
    records = spsc_walk(&walk, s.tail, s.head, &at, &why);
    if (records < 0) {
        if (text)
            snprintf(text, bytes, "what lies at byte %" PRIu64 " %s", at, why);
        return -EBADMSG;
    }
    /* What was passed over as damaged was written and never read. */
    if (s.damaged_bytes ? s.written - s.read < (uint64_t)records
                        : s.written - s.read != (uint64_t)records) {
        if (text)
            snprintf(text, bytes,
                     "%" PRIu64 " records were written and %" PRIu64 " read, but %" PRId64
                     " are there",
                     s.written, s.read, records);
        return -EBADMSG;
    }
    if (text && bytes)
        *text = '\0';
    return 0;
}
