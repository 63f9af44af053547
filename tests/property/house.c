/* SPDX-License-Identifier: Apache-2.0 */
#include "house.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adatrace/field.h>

#include "base/atomic.h"
#include "base/schema.h"
#include "base/tsan.h"
#include "drain/drain_state.h"
#include "sight.h"
#include "tracer/tracer_state.h"

#if defined(__x86_64__)
#define COUNTER SEGMENT_CLOCK_COUNTER
#else
#define COUNTER SEGMENT_CLOCK_MONOTONIC /* the counter cannot be made to stand still */
#endif

enum { KIB = 1024, MS = 1000000, ARENA_BYTES = 64 * KIB };

static const struct geometry {
    const char *name;
    enum ring_policy policy;
    uint32_t ring_bytes, ring_max_bytes;
    uint64_t timeout_ns;
    enum segment_clock clock;
} geometries[HOUSES] = {
    {"drop, 4 KiB", RING_DROP, 4 * KIB, 0, 0, COUNTER},
    {"drop, 4 to 32 KiB", RING_DROP, 4 * KIB, 32 * KIB, 0, COUNTER},
    {"drop, 4 to 8 KiB", RING_DROP, 4 * KIB, 8 * KIB, 0, COUNTER},
    {"drop, 64 to 512 KiB", RING_DROP, 64 * KIB, 512 * KIB, 0, COUNTER},
    {"drop, 8 to 64 KiB, the kernel's clock", RING_DROP, 8 * KIB, 64 * KIB, 0,
     SEGMENT_CLOCK_MONOTONIC},
    {"overwrite, 4 KiB", RING_OVERWRITE, 4 * KIB, 0, 0, COUNTER},
    {"overwrite, 16 KiB", RING_OVERWRITE, 16 * KIB, 0, 0, COUNTER},
    {"block for 20 ms, 4 KiB", RING_BLOCK, 4 * KIB, 0, 20 * MS, COUNTER},
    {"block, 4 to 16 KiB", RING_BLOCK, 4 * KIB, 16 * KIB, 0, COUNTER},
    {"block for 2 ms, 8 KiB, the kernel's clock", RING_BLOCK, 8 * KIB, 0, 2 * MS,
     SEGMENT_CLOCK_MONOTONIC},
};

static struct segment segments[HOUSES];
static struct {
    struct segment *segment;
    const struct geometry *geometry;
    struct drain *drain;
    uint32_t budget;
} lived;

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "house: %s\n", what);
    abort();
}

const char *house_name(unsigned house)
{
    return geometries[house].name;
}

uint32_t house_longest(unsigned house)
{
    const struct geometry *g = &geometries[house];
    uint32_t block = g->policy == RING_OVERWRITE ? g->ring_bytes / RING_BLOCKS : g->ring_bytes;
    uint32_t most = block - 40 < g->ring_bytes / 4 ? block - 40 : g->ring_bytes / 4;

    return most - 16;
}

bool house_is_small(unsigned house)
{
    return geometries[house].ring_bytes == 4 * KIB && geometries[house].ring_max_bytes <= 8 * KIB;
}

enum ring_policy house_policy(unsigned house)
{
    return geometries[house].policy;
}

struct segment *house_segment(void)
{
    return lived.segment;
}

struct drain *house_drain(void)
{
    return lived.drain;
}

/* ---- the segment ---- */

static void type_tell(struct segment *s, uint16_t id, const struct ada_field *fields,
                      uint16_t count)
{
    const struct schema schema = {
        .id = id,
        .level = ADA_LEVEL_INFO,
        .field_count = count,
        .provider = "ledger",
        .name = id == SIGHT_NUMBER  ? "number"
                : id == SIGHT_THREE ? "three"
                                    : "bytes",
        .fields = fields,
    };
    unsigned char bytes[512];
    int size = schema_encode(&schema, bytes, sizeof(bytes));

    must(size > 0 && !arena_append(s, ARENA_TYPE, bytes, (size_t)size, NULL, 0), "type");
}

static void segment_make(unsigned house)
{
    static const struct ada_field number[] = {
        {.name = "number", .count = 1, .kind = ADA_KIND_UNSIGNED, .width = 8},
        {.name = "more", .count = 2, .kind = ADA_KIND_UNSIGNED, .width = 8},
    };
    static const struct ada_field bytes[] = {
        {.name = "number", .count = 1, .kind = ADA_KIND_UNSIGNED, .width = 8},
        {.name = "bytes", .count = 1, .kind = ADA_KIND_BYTES},
    };
    const struct geometry *g = &geometries[house];
    const struct segment_geometry geometry = {
        .slots = HOUSE_SLOTS,
        .ring_bytes = g->ring_bytes,
        .ring_max_bytes = g->ring_max_bytes,
        .arena_bytes = ARENA_BYTES,
        .policy = g->policy,
        .timeout_ns = g->timeout_ns,
        .clock = g->clock,
    };
    struct segment *s = &segments[house];

    must(!segment_create(s, &geometry, NULL), "segment");
    type_tell(s, SIGHT_NUMBER, number, 1);
    type_tell(s, SIGHT_THREE, number, 2);
    type_tell(s, SIGHT_BYTES, bytes, 2);
    must(!tracer_attach_segment(s), "attach");
}

void house_forget_all(void)
{
    for (unsigned i = 0; i < HOUSES; i++)
        if (segments[i].shared)
            segment_destroy(&segments[i]);
    memset(segments, 0, sizeof(segments));
}

/* All slots are free and none is prepared; what lies in the rings is zero. */
static void segment_clear(struct segment *s)
{
    uint32_t used = registry_bound(s);

    for (uint32_t n = 0; n < used; n++) {
        struct slot_shared *slot = &s->slots[n];

        /* A claim that somebody jumped out of: the mutex is in our thread's list. */
        if (load_relaxed(&slot->state) == SLOT_FREE && slot->life.words[SEGMENT_LIFE_WORD]) {
            tsan_mutex_own(&slot->life.mutex); /* which registry_claim() hides from it */
            pthread_mutex_unlock(&slot->life.mutex);
        }
        memset(slot, 0, sizeof(*slot));
        memset(segment_ring_data(s, n), 0, segment_ring_capacity(&s->geometry));
    }
    for (uint32_t n = 0; n < HOUSE_SLOTS; n++)
        s->prepared[n] = 0;
    for (size_t i = 0; i < SEGMENT_SLOTS_MAX / 64; i++)
        s->shared->ready[i] = 0;
    s->shared->slots_touched = s->shared->closed = s->shared->bell = 0;
    s->shared->unringed = s->shared->unringed_bytes = 0;
    memset((void *)tracer_state.wiped, 0, HOUSE_SLOTS * sizeof(struct ada_writer));
}

void house_enter(unsigned house, uint32_t budget)
{
    if (!segments[house].shared)
        segment_make(house);
    lived.segment = &segments[house];
    lived.geometry = &geometries[house];
    lived.budget = budget;
    segment_clear(lived.segment);
    tracer_state.segment = *lived.segment;
}

/* ---- sessions ---- */

static enum clock_source clock_of(const struct geometry *g)
{
    return g->clock == SEGMENT_CLOCK_COUNTER ? CLOCK_SOURCE_COUNTER : CLOCK_SOURCE_MONOTONIC;
}

/* As drain/embedded.c does. */
void house_session_begin(void)
{
    const struct geometry *g = lived.geometry;
    const struct drain_options options = {
        .clock = clock_of(g),
        .level = 1,
        .policy = g->policy,
        .room_budget = lived.budget,
    };
    struct drain_attachment self = {
        .segment = *lived.segment,
        .kept = true,
        .reused = true,
        .pid = (uint32_t)getpid(),
        .pidfd = -1,
        .ticks = clock_source_ticks(options.clock),
    };
    struct drain *drain;

    must(!registry_set_policy(lived.segment, g->policy, g->timeout_ns), "policy");
    self.segment = *lived.segment;
    must(!drain_create(&drain, sight_open(), &options), "drain");
    must(!drain_attach(drain, &self), "attachment");
    drain_round(drain);
    lived.drain = drain;
}

void house_session_end(void)
{
    struct drain *drain = lived.drain;

    lived.drain = NULL;
    drain_finish(drain);
    must(!drain_close(drain), "close");
    drain_destroy(drain);
}
