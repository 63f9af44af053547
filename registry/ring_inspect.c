/* SPDX-License-Identifier: Apache-2.0 */
/* Making rings, finding them, looking at them; the protocol is in ring_write.c and ring_read.c. */
#include "registry/ring.h"
#include "registry/ring_wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/ring_words.h"

enum {
    /* A producer that is read in time stays within one or two steps of its ring. At every step it
     * takes the slow path once: thousands of records apart. */
    STEP_BYTES_MAX = 128 * 1024,
    BASE_STEPS = 4,
    GLANCES = 4 /* words that lead over something, and a record */
};

int64_t ring_capacity_for(uint64_t requested_bytes)
{
    uint64_t capacity = RING_CAPACITY_MIN;

    if (requested_bytes < RING_CAPACITY_MIN || requested_bytes > RING_CAPACITY_MAX)
        return -ERANGE;
    while (capacity < requested_bytes)
        capacity <<= 1;
    return (int64_t)capacity;
}

size_t ring_memory_bytes(uint64_t capacity)
{
    return sizeof(struct ring_shared) + capacity;
}

unsigned char *ring_data(struct ring_shared *ring)
{
    return (unsigned char *)ring + ring->data_offset;
}

void ring_format_at(struct ring_shared *ring, unsigned char *data, uint64_t capacity,
                    const struct ring_options *options)
{
    memset(ring, 0, sizeof(*ring));
    ring->magic = RING_MAGIC;
    ring->version = RING_VERSION;
    ring->capacity = capacity;
    ring->policy = options ? options->policy : RING_DROP;
    ring->block_bytes = ring->policy == RING_OVERWRITE ? capacity / RING_BLOCKS : capacity;
    ring->timeout_ns = options ? options->timeout_ns : 0;
    ring->data_offset = (uint64_t)(data - (unsigned char *)ring);
    ring->base_bytes = ring->step_bytes = ring->low_bytes = ring->room = capacity;
    if (!options || !options->base_bytes || ring->policy == RING_OVERWRITE)
        return;
    ring->base_bytes = ring->room = options->base_bytes < capacity ? options->base_bytes : capacity;
    ring->low_bytes = options->low_bytes ? options->low_bytes : ring->base_bytes;
    ring->step_bytes = ring->base_bytes / BASE_STEPS;
    if (ring->step_bytes > STEP_BYTES_MAX)
        ring->step_bytes = STEP_BYTES_MAX;
}

int ring_format(void *memory, size_t bytes, const struct ring_options *options,
                struct ring_shared **out)
{
    uint64_t capacity = RING_CAPACITY_MAX;

    if ((uintptr_t)memory % RING_LINE)
        return -EINVAL;
    while (capacity >= RING_CAPACITY_MIN && ring_memory_bytes(capacity) > bytes)
        capacity >>= 1;
    if (capacity < RING_CAPACITY_MIN)
        return -ERANGE;
    *out = memory;
    ring_format_at(*out, (unsigned char *)memory + sizeof(**out), capacity, options);
    return 0;
}

/* Zeroed, because the producer compares with what lay in the ring before; the first touch of every
 * page, which costs as much as 400 records, so happens here and not in the first lap. */
int ring_create(uint64_t requested_bytes, const struct ring_options *options,
                struct ring_shared **out)
{
    int64_t capacity = ring_capacity_for(requested_bytes);
    size_t bytes;
    void *memory;

    if (capacity < 0)
        return (int)capacity;
    bytes = ring_memory_bytes((uint64_t)capacity);
    memory = aligned_alloc(RING_LINE, bytes);
    if (!memory)
        return -ENOMEM;
    memset(memory, 0, bytes);
    return ring_format(memory, bytes, options, out);
}

void ring_destroy(struct ring_shared *ring)
{
    free(ring);
}

static bool header_is_sound(const struct ring_shared *ring)
{
    uint64_t blocks = ring->policy == RING_OVERWRITE ? RING_BLOCKS : 1;

    return ring->capacity >= RING_CAPACITY_MIN && ring->capacity <= RING_CAPACITY_MAX &&
           !(ring->capacity & (ring->capacity - 1)) && ring->policy <= RING_BLOCK &&
           ring->block_bytes == ring->capacity / blocks && ring->step_bytes &&
           ring->step_bytes <= ring->base_bytes && ring->base_bytes <= ring->capacity &&
           !(ring->step_bytes & (ring->step_bytes - 1));
}

int ring_attach(void *memory, size_t bytes, struct ring_shared **out)
{
    struct ring_shared *ring = memory;

    if (bytes < sizeof(*ring) || (uintptr_t)memory % RING_LINE || ring->magic != RING_MAGIC)
        return -EBADMSG;
    if (ring->version != RING_VERSION)
        return -EPROTONOSUPPORT;
    if (!header_is_sound(ring) || ring->data_offset < sizeof(*ring) ||
        ring->data_offset % RING_LINE || ring->data_offset > bytes ||
        ring->capacity > bytes - ring->data_offset)
        return -EBADMSG;
    *out = ring;
    return 0;
}

void ring_stats(const struct ring_shared *ring, struct ring_stats *out)
{
    /* relaxed throughout: figures for people, each of them whole; exact once nobody writes. */
    uint64_t tail = load_relaxed(&ring->tail);
    uint64_t skipped_taken = load_relaxed(&ring->skipped_taken);
    uint64_t head = load_relaxed(&ring->front.head);
    uint64_t fill = head - tail - (load_relaxed(&ring->skipped_bytes) - skipped_taken);

    out->capacity = load_relaxed(&ring->room);
    out->fill_bytes = (int64_t)fill < 0 ? 0 : fill < ring->capacity ? fill : ring->capacity;
    out->high_water_bytes = load_relaxed(&ring->high_water_bytes);
    if (out->fill_bytes > out->high_water_bytes)
        out->high_water_bytes = out->fill_bytes;
    out->written = ring_written(ring);
    out->padding_bytes = load_relaxed(&ring->padding_bytes) + load_relaxed(&ring->front_bytes) +
                         load_relaxed(&ring->gap_bytes);
    out->written_bytes = head - out->padding_bytes;
    out->taken = load_relaxed(&ring->taken);
    out->dropped = load_relaxed(&ring->dropped);
    out->dropped_bytes = load_relaxed(&ring->dropped_bytes);
    out->overwritten = load_relaxed(&ring->overwritten);
    out->overwritten_bytes = load_relaxed(&ring->overwritten_bytes);
    out->nested = load_relaxed(&ring->nested);
}

/* The producer may be writing what we look at: that is found out behind, or only shown. */
__attribute__((no_sanitize("thread"))) bool ring_glance(const struct ring_reader *r,
                                                        uint64_t *ticks)
{
    bool found = false;
    uint64_t intent;

    for (uint64_t at = r->at, bytes, i = 0; i < GLANCES && at != r->head && !found; i++) {
        uint64_t word =
            load_relaxed((const uint64_t *)(const void *)(r->data + (at & (r->capacity - 1))));
        uint32_t type = ada_record_type(word);

        if (type == ADA_RECORD_PENDING || type == ADA_RECORD_HELD)
            break;
        found = type != ADA_RECORD_PAD && type != ADA_RECORD_SKIP;
        *ticks = word >> ADA_RECORD_TICKS_SHIFT;
        bytes = found ? 0 : ring_word_bytes(word, 0);
        /* Untrusted: it has to lead on, within what is published. */
        if (!found && (!bytes || bytes > r->head - at))
            break;
        at += bytes;
    }
    intent = load_relaxed(&r->shared->intent); /* relaxed: a figure */
    return found && !(intent > r->capacity && (int64_t)(intent - r->capacity - r->at) > 0);
}

int ring_check(const struct ring_shared *ring, char *text, size_t size)
{
    struct ring_reader reader;
    struct ring_record record;
    uint64_t head, tail, span;
    int got;

    if (ring->magic != RING_MAGIC || ring->version != RING_VERSION || !header_is_sound(ring)) {
        snprintf(text, size, "no ring of version %u, or impossible sizes", RING_VERSION);
        return -EBADMSG;
    }
    head = load_relaxed(&ring->front.head); /* relaxed: a number; ring_peek() acquires it */
    tail = load_relaxed(&ring->tail);
    span = ring->step_bytes != ring->capacity ? 2 * ring->capacity : ring->capacity;
    if (((head | tail) & 7) || (ring->policy != RING_OVERWRITE && head - tail > span)) {
        snprintf(text, size, "head %" PRIu64 " and tail %" PRIu64 " do not fit capacity %" PRIu64,
                 head, tail, ring->capacity);
        return -EBADMSG;
    }
    /* A private reader: it reads only, and is never released. */
    got = ring_reader_init(&reader, (struct ring_shared *)(uintptr_t)ring,
                           (const unsigned char *)ring + ring->data_offset, ring->capacity,
                           (enum ring_policy)ring->policy);
    if (got)
        return got;
    while ((got = ring_peek(&reader, &record)) > 0 || got == -EOVERFLOW)
        if (got > 0)
            ring_advance(&reader, &record);
    if (got == -EBADMSG)
        snprintf(text, size, "%" PRIu64 " bytes before index %" PRIu64 " are no records",
                 reader.damaged_bytes, reader.head);
    free(reader.copy);
    return got;
}

int ring_dump(const struct ring_shared *ring, char *text, size_t size)
{
    static const char *const policies[] = {"drop", "overwrite", "block"};
    struct ring_stats s;

    ring_stats(ring, &s);
    return snprintf(text, size,
                    "ring         version %u, policy %s\n"
                    "capacity     %" PRIu64 " bytes, blocks of %" PRIu64 "\n"
                    "head         %" PRIu64 "\n"
                    "tail         %" PRIu64 "\n"
                    "fill         %" PRIu64 " bytes, high water %" PRIu64 "\n"
                    "written      %" PRIu64 " records, %" PRIu64 " bytes, %" PRIu64 " nested\n"
                    "taken        %" PRIu64 " records\n"
                    "dropped      %" PRIu64 " records, %" PRIu64 " bytes, %" PRIu64
                    " since the last gap record\n"
                    "overwritten  %" PRIu64 " records, %" PRIu64 " bytes\n"
                    "padding      %" PRIu64 " bytes\n",
                    ring->version, ring->policy <= RING_BLOCK ? policies[ring->policy] : "unknown",
                    s.capacity, ring->block_bytes, load_relaxed(&ring->front.head),
                    load_relaxed(&ring->tail), s.fill_bytes, s.high_water_bytes, s.written,
                    s.written_bytes, s.nested, s.taken, s.dropped, s.dropped_bytes,
                    ring_untold(ring), s.overwritten, s.overwritten_bytes, s.padding_bytes);
}

int ring_set_policy(struct ring_shared *ring, enum ring_policy policy, uint64_t timeout_ns)
{
    if ((policy == RING_OVERWRITE) != (load_relaxed(&ring->policy) == RING_OVERWRITE))
        return -ENOTSUP;
    /* relaxed: the producer looks when its ring is full, and either policy is right at that moment.
     */
    store_relaxed(&ring->timeout_ns, timeout_ns);
    store_relaxed(&ring->policy, (uint32_t)policy);
    ring_tell_here(ring);
    return 0;
}
