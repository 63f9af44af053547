/* SPDX-License-Identifier: Apache-2.0 */
/* adatrace/ring.h: 16 bytes a record of 8. */
#include <stdlib.h>
#include <string.h>

#include <adatrace/ring.h>

#include "bench/ring_race.h"

static struct ada_ring *rings[2];

static void open_rings(void)
{
    for (int i = 0; i < 2; i++) {
        if (ada_ring_create(RACE_PLACES * 16, &rings[i]))
            abort();
        ada_ring_set_spin(rings[i], 0); /* who waits here is to sleep */
    }
}

static void close_rings(void)
{
    for (int i = 0; i < 2; i++)
        ada_ring_destroy(rings[i]);
}

static void produce_batches(uint64_t count, unsigned batch)
{
    uint64_t values[RACE_BATCH_MAX], sent = 0;
    struct ada_ring_record records[RACE_BATCH_MAX];

    for (unsigned i = 0; i < batch; i++)
        records[i] = (struct ada_ring_record){&values[i], 8};
    while (sent < count) {
        unsigned n = count - sent < batch ? (unsigned)(count - sent) : batch, done = 0;

        for (unsigned i = 0; i < n; i++)
            values[i] = sent + i;
        while (done < n) {
            int64_t got = ada_ring_write_batch(rings[0], records + done, n - done);

            if (got > 0)
                done += (unsigned)got;
            else
                race_pause();
        }
        sent += n;
    }
}

static void produce(uint64_t count, unsigned batch)
{
    if (batch > 1) {
        produce_batches(count, batch);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        while (ada_ring_try_write(rings[0], &i, 8))
            race_pause();
}

static void consume_batches(uint64_t count, unsigned batch)
{
    struct ada_ring_record records[RACE_BATCH_MAX];
    uint64_t taken = 0;

    while (taken < count) {
        int64_t got = ada_ring_read_batch(rings[0], records, batch);

        if (got <= 0) {
            race_pause();
            continue;
        }
        for (int64_t i = 0; i < got; i++) {
            uint64_t value;

            memcpy(&value, records[i].payload, 8);
            race_expect(value, taken++);
        }
        ada_ring_release(rings[0]);
    }
}

static void consume(uint64_t count, unsigned batch)
{
    uint64_t value;

    if (batch > 1) {
        consume_batches(count, batch);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        while (ada_ring_try_read(rings[0], &value, 8) != 8)
            race_pause();
        race_expect(value, i);
    }
}

static bool put(int queue, uint64_t value)
{
    return !ada_ring_try_write(rings[queue], &value, 8);
}

static bool take(int queue, uint64_t *value)
{
    return ada_ring_try_read(rings[queue], value, 8) == 8;
}

static uint64_t take_sleeping(int queue)
{
    uint64_t value;

    if (ada_ring_read(rings[queue], &value, 8, ADA_FOREVER) != 8)
        abort();
    return value;
}

const struct race_contestant race_adatrace = {"adatrace", open_rings, close_rings, produce,
                                              consume,    put,        take,        take_sleeping};
