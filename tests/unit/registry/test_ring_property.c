/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One producer thread, one consumer thread, everything else by chance: sizes, policies, capacities,
 * pauses, ways to emit and to read. What was attempted was taken, dropped or overwritten, exactly,
 * and the consumer knows where. ADATRACE_SEED repeats a run.
 */
#include "ring_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"

enum { ROUNDS = 40, ATTEMPTS = 8000, BATCH_MAX = 6, PAYLOAD_MAX = 700 };

struct game {
    struct ring_fixture f;
    uint64_t producer_random, consumer_random;
    uint64_t attempted; /* the producer's; read when it has ended */
    unsigned oversize;  /* one record in so many is larger than may be; 0: none */
    unsigned pause_producer, pause_consumer;
    uint32_t ended;
};

static void pause_by_chance(uint64_t *random, unsigned upto)
{
    uint64_t n = upto ? random_next(random) % upto : 0;

    if (upto && n == 0)
        sched_yield();
    for (; n; n--)
        cpu_relax();
}

static void play_batch(struct game *g, uint64_t bytes)
{
    static unsigned char payload[BATCH_MAX][PAYLOAD_MAX];
    struct ring_item items[BATCH_MAX];
    size_t count = 1 + random_next(&g->producer_random) % BATCH_MAX;

    bytes = 16 + bytes % 100;
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct ring_item){FIXTURE_EVENT, (uint32_t)bytes, payload[i]};
        pattern_payload(payload[i], bytes, ++g->attempted);
    }
    (void)ring_write_batch(g->f.writer, items, count);
}

static void play_reserve(struct game *g, uint64_t bytes)
{
    struct ada_record held;
    bool got = ring_reserve(g->f.writer, FIXTURE_EVENT, bytes, &held);

    if (got)
        pattern_payload(held.payload, bytes, g->attempted + 1);
    g->attempted++;
    /* Something behind it, at times; that cannot wait. */
    if (g->f.reader.policy != RING_BLOCK && random_next(&g->producer_random) % 2)
        (void)fixture_emit(g->f.writer, 16 + bytes % 64, ++g->attempted);
    if (got)
        ring_commit(&held);
}

static void *produce(void *argument)
{
    struct game *g = argument;
    uint64_t *random = &g->producer_random, max = ring_record_max(g->f.ring) - 16;
    static unsigned char large[1 << 20];

    g->f.writer->stack_top = 0;
    if (max > PAYLOAD_MAX)
        max = PAYLOAD_MAX;
    while (g->attempted < ATTEMPTS) {
        uint64_t bytes = 16 + random_next(random) % (max - 16) / (1 + random_next(random) % 8);

        if (g->oversize && random_next(random) % g->oversize == 0) {
            g->attempted++;
            (void)ring_write(g->f.writer, FIXTURE_EVENT, large, g->f.ring->capacity / 2);
            continue;
        }
        switch (random_next(random) % 10) {
        case 0:
            play_batch(g, bytes);
            break;
        case 1:
            play_reserve(g, bytes);
            break;
        default:
            (void)fixture_emit(g->f.writer, bytes, ++g->attempted);
        }
        pause_by_chance(random, g->pause_producer);
    }
    store_release(&g->ended, 1);
    return NULL;
}

/* Between two records, in the order of the ring: what is missing is what was told. */
static void take_exactly(struct game *g, struct ledger *l, const struct ring_record *record)
{
    uint64_t last = l->last_seed;

    ledger_take(l, record);
    if (record->type == ADA_RECORD_GAP || g->f.reader.policy == RING_OVERWRITE)
        return;
    assert_int_equal(l->last_seed - last - 1, l->gap_records - l->gaps_spent);
    l->gaps_spent = l->gap_records;
}

static void consume(struct game *g, struct ledger *l)
{
    struct ring_record records[40];
    unsigned max = 1 + (unsigned)(random_next(&g->consumer_random) % 40);
    unsigned char out[PAYLOAD_MAX + 100];
    int got;

    if (random_next(&g->consumer_random) % 8 == 0)
        got = ring_read(&g->f.reader, out, sizeof(out), records);
    else
        got = ring_read_batch(&g->f.reader, records, max);
    for (int i = 0; i < got; i++)
        take_exactly(g, l, &records[i]);
    assert_true(got >= 0 || got == -EOVERFLOW);
    ring_release(&g->f.reader);
    pause_by_chance(&g->consumer_random, g->pause_consumer);
}

static void play(uint64_t *random)
{
    static const unsigned pauses[] = {0, 0, 10, 300, 5000};
    struct game g = {.producer_random = random_next(random),
                     .consumer_random = random_next(random)};
    enum ring_policy policy = (enum ring_policy)(random_next(random) % 3);
    struct ledger l = {0};
    pthread_t producer;

    g.oversize = random_next(random) % 3 ? 0 : 50;
    g.pause_producer = pauses[random_next(random) % 5];
    g.pause_consumer = pauses[random_next(random) % 5];
    fixture_open(&g.f, UINT64_C(4096) << random_next(random) % 5, policy, 0);
    assert_int_equal(pthread_create(&producer, NULL, produce, &g), 0);
    while (!load_acquire(&g.ended))
        consume(&g, &l);
    assert_int_equal(pthread_join(producer, NULL), 0);
    while (ring_available_to_read(&g.f.reader))
        consume(&g, &l);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&g.f, &l, g.attempted);
    if (policy == RING_BLOCK && !g.oversize)
        assert_int_equal(g.f.ring->dropped, 0);
    fixture_close(&g.f);
}

static void attempted_is_taken_dropped_or_overwritten(void **state)
{
    uint64_t random = random_seed("property");

    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        play(&random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempted_is_taken_dropped_or_overwritten),
    };

    return cmocka_run_group_tests_name("ring, properties", tests, NULL, NULL);
}
