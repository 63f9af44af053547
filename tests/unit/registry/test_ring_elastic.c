/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elastic rings: they use no more of their addresses than need be, all of the room that they are
 * granted when need is, and give room back, without losing count or order.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/atomic.h"
#include "registry/ring_layout.h"
#include "ring_fixture.h"

enum {
    BASE = 64 << 10,
    CAPACITY = 1 << 20,
    ROUNDS = 30,
    ATTEMPTS = 10000,
    PAYLOAD_MAX = 2000,
    POISON = 0x5a,
    HANDLED_BYTES_MAX = 1024, /* behind one record */
/* A sanitizer's handlers take so long that the thread would be buried as one that is gone. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    STORM_US = 3000 /* between two signals */
#else
    STORM_US = 97
#endif
};

static void elastic_open(struct ring_fixture *f, uint64_t base, uint64_t capacity,
                         enum ring_policy policy)
{
    const struct ring_options options = {.policy = policy, .base_bytes = base};

    memset(f, 0, sizeof(*f));
    assert_int_equal(ring_create(capacity, &options, &f->ring), 0);
    memset(ring_data(f->ring), POISON, capacity);
    f->writer = aligned_alloc(128, sizeof(*f->writer));
    assert_non_null(f->writer);
    memset(f->writer, 0, sizeof(*f->writer));
    ring_writer_init(f->writer, f->ring, true);
    ada_self = f->writer;
    assert_int_equal(ring_reader_init(&f->reader, f->ring, ring_data(f->ring), capacity, policy),
                     0);
}

/* Bytes from the beginning up to the last one that was ever written to. */
static uint64_t used_bytes(const struct ring_fixture *f)
{
    const unsigned char *data = ring_data(f->ring);
    uint64_t used = f->reader.capacity;

    while (used && data[used - 1] == POISON)
        used--;
    return used;
}

static bool emit_one(struct ring_fixture *f, uint64_t *attempted)
{
    ++*attempted;
    return fixture_emit(f->writer, 16 + *attempted % 50, *attempted);
}

static uint64_t fill_up(struct ring_fixture *f, uint64_t *attempted)
{
    uint64_t written = 0;

    while (emit_one(f, attempted))
        written++;
    return written;
}

static void ring_that_is_read_in_time_stays_in_two_steps(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    uint64_t attempted = 0;

    (void)state;
    elastic_open(&f, BASE, CAPACITY, RING_DROP);
    for (int i = 0; i < 100000; i++) {
        assert_true(emit_one(&f, &attempted));
        if (i % 10 == 0)
            (void)ledger_drain(&l, &f.reader);
    }
    (void)ledger_drain(&l, &f.reader);
    assert_true(used_bytes(&f) <= 2 * f.ring->step_bytes);
    assert_true(f.reader.high_water_bytes < 1000);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void ring_uses_all_of_its_room_wherever_it_stands(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    struct ring_record record;
    uint64_t attempted = 0, random = random_seed("room");
    struct ring_stats s;

    (void)state;
    elastic_open(&f, BASE, CAPACITY, RING_DROP);
    for (int i = 0; i < 500; i++) {
        /* Somewhere, with some of it unread. */
        for (uint64_t n = random_next(&random) % 1000; n; n--)
            (void)emit_one(&f, &attempted);
        for (uint64_t n = random_next(&random) % 2000; n && ring_peek(&f.reader, &record) > 0;
             n--) {
            ledger_take(&l, &record);
            ring_advance(&f.reader, &record);
        }
        ring_release(&f.reader);
        (void)fill_up(&f, &attempted);
        ring_stats(f.ring, &s);
        /* But for what a lap had to hop over. */
        assert_in_range(s.fill_bytes, BASE - BASE / 4 - 4 * 128, BASE);
        (void)ledger_drain(&l, &f.reader);
    }
    assert_true(used_bytes(&f) <= BASE);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void ring_that_is_granted_more_room_takes_it_at_the_next_record(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    uint64_t attempted = 0, small, large;

    (void)state;
    elastic_open(&f, BASE, CAPACITY, RING_DROP);
    small = fill_up(&f, &attempted);
    assert_false(fixture_emit(f.writer, 16, ++attempted));
    ring_set_room(&f.reader, CAPACITY);
    assert_true(fixture_emit(f.writer, 16, ++attempted));
    large = fill_up(&f, &attempted);
    assert_true(large > 14 * small);
    (void)ledger_drain(&l, &f.reader);
    assert_int_equal(l.disorder, 0);
    assert_int_equal(l.gap_records, 2);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void room_is_given_back_when_the_producer_has_left_it(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    uint64_t attempted = 0, from, to;

    (void)state;
    elastic_open(&f, BASE, CAPACITY, RING_DROP);
    ring_set_room(&f.reader, CAPACITY);
    (void)fill_up(&f, &attempted);
    ring_set_room(&f.reader, BASE);
    assert_false(ring_spare(&f.reader, &from, &to)); /* not read yet */
    (void)ledger_drain(&l, &f.reader);
    /* It stands at the end of the room: nothing is behind it but the last step. */
    assert_true(!ring_spare(&f.reader, &from, &to) || from > CAPACITY - 2 * f.ring->step_bytes);
    for (int i = 0; i < 20000; i++) {
        assert_true(fixture_emit(f.writer, 32, ++attempted));
        (void)ledger_drain(&l, &f.reader);
    }
    assert_true(ring_spare(&f.reader, &from, &to));
    assert_int_equal(from, BASE);
    assert_int_equal(to, CAPACITY);
    memset(ring_data(f.ring) + from, POISON, to - from);
    (void)fill_up(&f, &attempted);
    assert_true(used_bytes(&f) <= BASE);
    (void)ledger_drain(&l, &f.reader);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

/* ---- a game of two threads ---- */

struct game {
    struct ring_fixture f;
    uint64_t producer_random, consumer_random;
    uint64_t attempted; /* the producer and its handlers */
    unsigned pause_producer, pause_consumer;
    uint32_t ended;
    bool signals;
    bool spoilt; /* errno, in a handler */
};
static struct game game;

static void pause_by_chance(uint64_t *random, unsigned one_in)
{
    if (one_in && random_next(random) % one_in == 0)
        sched_yield();
}

static uint64_t next_seed(void)
{
    return __atomic_add_fetch(&game.attempted, 1, __ATOMIC_RELAXED);
}

static void emit_in_handler(int signal)
{
    const struct ada_writer *w = game.f.writer;
    int before = errno;

    (void)signal;
    /* Where a machine is so slow that handlers fill half a ring behind one record, it is given up,
     * and its writer comes back too late: docs/MEMORY-MODEL.md, "What remains". */
    if (w->reserve - load_relaxed(&w->front->head) > HANDLED_BYTES_MAX)
        return;
    for (int i = 0; i < 3; i++)
        (void)fixture_emit(game.f.writer, 16 + 200 * (unsigned)i, next_seed());
    game.spoilt |= errno != before;
    errno = before;
}

static void *produce(void *unused)
{
    uint64_t *random = &game.producer_random, max = ring_record_max(game.f.ring) - 16;

    game.f.writer->stack_top = 0;
    if (max > PAYLOAD_MAX)
        max = PAYLOAD_MAX;
    if (game.signals)
        pthread_sigmask(SIG_UNBLOCK, &(sigset_t){{UINT64_C(1) << (SIGALRM - 1)}}, NULL);
    while (load_relaxed(&game.attempted) < ATTEMPTS) {
        uint64_t bytes = 16 + random_next(random) % (max - 16) / (1 + random_next(random) % 8);
        struct ada_record held;

        if (random_next(random) % 20) {
            (void)fixture_emit(game.f.writer, bytes, next_seed());
        } else {
            /* Records behind one that is held, some of which wait for it. */
            uint64_t seed = next_seed();
            bool got = ring_reserve(game.f.writer, FIXTURE_EVENT, bytes, &held);

            for (int i = 0; i < 5 && game.f.reader.policy != RING_BLOCK; i++)
                (void)fixture_emit(game.f.writer, 16 + bytes % 64, next_seed());
            if (got)
                pattern_payload(held.payload, bytes, seed);
            if (got)
                ring_commit(&held);
        }
        pause_by_chance(random, game.pause_producer);
    }
    if (game.signals)
        pthread_sigmask(SIG_BLOCK, &(sigset_t){{UINT64_C(1) << (SIGALRM - 1)}}, NULL);
    store_release(&game.ended, 1);
    return unused;
}

/* What a drain does under pressure and when it is calm again; nobody misses what is spare. */
static void room_change(void)
{
    uint64_t room = game.f.reader.room, capacity = game.f.reader.capacity;
    uint64_t from, to, base = game.f.ring->base_bytes;

    switch (random_next(&game.consumer_random) % 50) {
    case 0:
        ring_set_room(&game.f.reader, room < capacity ? room * 2 : capacity);
        break;
    case 1:
        ring_set_room(&game.f.reader, base);
        break;
    default:
        if (room == base && ring_spare(&game.f.reader, &from, &to))
            memset(ring_data(game.f.ring) + from, 0, to - from);
    }
}

static void consume(struct ledger *l)
{
    struct ring_record records[40];
    unsigned max = 1 + (unsigned)(random_next(&game.consumer_random) % 40);
    int got = ring_read_batch(&game.f.reader, records, max);

    assert_true(got >= 0);
    for (int i = 0; i < got; i++) {
        uint64_t last = l->last_seed;

        ledger_take(l, &records[i]);
        if (game.signals || records[i].type == ADA_RECORD_GAP)
            continue;
        /* Between two records, in the order of the ring: what is missing is what was told. */
        assert_int_equal(l->last_seed - last - 1, l->gap_records - l->gaps_spent);
        l->gaps_spent = l->gap_records;
    }
    ring_release(&game.f.reader);
    room_change();
    pause_by_chance(&game.consumer_random, game.pause_consumer);
}

static void play(uint64_t *random, bool signals)
{
    static const unsigned pauses[] = {0, 0, 10, 300, 5000};
    enum ring_policy policy = random_next(random) % 2 ? RING_BLOCK : RING_DROP;
    uint64_t base = UINT64_C(4096) << random_next(random) % 5;
    struct ledger l = {0};
    pthread_t producer;

    game = (struct game){.producer_random = random_next(random),
                         .consumer_random = random_next(random),
                         .pause_producer = pauses[random_next(random) % 5],
                         .pause_consumer = pauses[random_next(random) % 5],
                         .signals = signals};
    elastic_open(&game.f, base, base << random_next(random) % 5, policy);
    assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);
    while (!load_acquire(&game.ended))
        consume(&l);
    assert_int_equal(pthread_join(producer, NULL), 0);
    while (ring_available_to_read(&game.f.reader))
        consume(&l);
    (void)ledger_drain(&l, &game.f.reader);
    if (!signals)
        assert_int_equal(l.disorder, 0);
    assert_false(game.spoilt);
    assert_balanced(&game.f, &l, game.attempted);
    assert_int_equal(game.f.ring->skipped_taken, game.f.ring->skipped_bytes); /* fill is 0 */
    if (policy == RING_BLOCK && !signals)
        assert_int_equal(game.f.ring->dropped, 0);
    fixture_close(&game.f);
}

static void ring_that_grows_and_shrinks_loses_no_count_and_no_order(void **state)
{
    uint64_t random = random_seed("elastic");

    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        play(&random, false);
}

static void ring_that_grows_and_shrinks_under_signals_loses_no_count(void **state)
{
    const struct itimerval often = {{0, STORM_US}, {0, STORM_US}}, never = {{0, 0}, {0, 0}};
    uint64_t random = random_seed("elastic, signals");

    (void)state;
    pthread_sigmask(SIG_BLOCK, &(sigset_t){{UINT64_C(1) << (SIGALRM - 1)}}, NULL);
    assert_int_equal(sigaction(SIGALRM, &(struct sigaction){.sa_handler = emit_in_handler}, NULL),
                     0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (int i = 0; i < ROUNDS / 2; i++)
        play(&random, true);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_that_is_read_in_time_stays_in_two_steps),
        cmocka_unit_test(ring_uses_all_of_its_room_wherever_it_stands),
        cmocka_unit_test(ring_that_is_granted_more_room_takes_it_at_the_next_record),
        cmocka_unit_test(room_is_given_back_when_the_producer_has_left_it),
        cmocka_unit_test(ring_that_grows_and_shrinks_loses_no_count_and_no_order),
        cmocka_unit_test(ring_that_grows_and_shrinks_under_signals_loses_no_count),
    };

    return cmocka_run_group_tests_name("ring, elastic", tests, NULL, NULL);
}
