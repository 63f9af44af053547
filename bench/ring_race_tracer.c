/* SPDX-License-Identifier: Apache-2.0 */
/* The tracer's ring: every record with a clock reading, safe against signal handlers. */
#include <stdlib.h>
#include <string.h>

#include "bench/ring_race.h"
#include "registry/ring.h"

static struct side {
    struct ring_shared *ring;
    struct ada_writer writer;
    struct ring_reader reader;
} sides[2];

static void open_rings(void)
{
    for (int i = 0; i < 2; i++) {
        struct side *s = &sides[i];

        memset(s, 0, sizeof(*s));
        if (ring_create(RACE_PLACES * 16, &(struct ring_options){.policy = RING_DROP}, &s->ring) ||
            ring_reader_init(&s->reader, s->ring, ring_data(s->ring), s->ring->capacity, RING_DROP))
            abort();
        ring_writer_init(&s->writer, s->ring, true);
    }
}

static void close_rings(void)
{
    for (int i = 0; i < 2; i++) {
        ring_reader_fini(&sides[i].reader);
        ring_destroy(sides[i].ring);
    }
}

static bool put(int queue, uint64_t value)
{
    return ring_write(&sides[queue].writer, ADA_RECORD_FIRST_EVENT, &value, 8);
}

static bool room_for(unsigned count)
{
    return ring_available_to_write(&sides[0].writer) >= count * 16 + 64;
}

static void produce(uint64_t count, unsigned batch)
{
    struct ring_item items[RACE_BATCH_MAX];
    uint64_t values[RACE_BATCH_MAX], sent = 0;

    for (unsigned i = 0; i < batch; i++)
        items[i] = (struct ring_item){ADA_RECORD_FIRST_EVENT, 8, &values[i]};
    while (sent < count) {
        unsigned n = count - sent < batch ? (unsigned)(count - sent) : batch;

        for (unsigned i = 0; i < n; i++)
            values[i] = sent + i;
        /* What finds no room would be dropped, and told of by a record of its own. */
        while (sides[0].writer.reserve + n * 16 + 64 > sides[0].writer.limit && !room_for(n))
            race_pause();
        if (!(n > 1 ? ring_write_batch(&sides[0].writer, items, n) : put(0, sent)))
            abort();
        sent += n;
    }
}

static void consume(uint64_t count, unsigned batch)
{
    struct ring_record records[RACE_BATCH_MAX];
    uint64_t value, taken = 0;

    while (taken < count) {
        int got = ring_read_batch(&sides[0].reader, records, batch);

        if (got <= 0) {
            race_pause();
            continue;
        }
        for (int i = 0; i < got; i++) {
            memcpy(&value, records[i].payload, 8);
            race_expect(value, taken++);
        }
        ring_release(&sides[0].reader);
    }
}

static bool take(int queue, uint64_t *value)
{
    struct ring_record record;

    return ring_read(&sides[queue].reader, value, 8, &record) == 1;
}

const struct race_contestant race_tracer = {"tracer", open_rings, close_rings, produce,
                                            consume,  put,        take,        NULL};
