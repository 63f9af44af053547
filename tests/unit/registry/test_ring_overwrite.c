/* SPDX-License-Identifier: Apache-2.0 */
/* Policy overwrite: a reader that is overtaken knows exactly what it missed, and sees nothing torn.
 */
#include "ring_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/atomic.h"

static void slow_reader_counts_what_was_overwritten(void **state)
{
    (void)state;
    for (uint64_t payload = 16; payload < 250; payload += 9) {
        struct ring_fixture f;
        struct ledger l = {0};

        fixture_open(&f, 8192, RING_OVERWRITE, 0);
        for (uint64_t i = 1; i <= 1000; i++)
            assert_true(fixture_emit(f.writer, payload, i));
        ledger_drain(&l, &f.reader);
        assert_int_equal(l.overflows, 1);
        assert_int_equal(l.last_seed, 1000);
        assert_int_equal(l.disorder, 0);
        assert_int_equal(f.reader.overwritten, l.first_seed - 1);
        assert_balanced(&f, &l, 1000);
        fixture_close(&f);
    }
}

static void reader_that_keeps_up_misses_nothing(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    for (uint64_t i = 1; i <= 5000; i++) {
        assert_true(fixture_emit(f.writer, 16 + i % 200, i));
        if (i % 8 == 0)
            ledger_drain(&l, &f.reader);
    }
    assert_int_equal(l.overflows, 0);
    assert_int_equal(l.records, 5000);
    assert_balanced(&f, &l, 5000);
    fixture_close(&f);
}

/* At any distance, also in the middle of a block, and through every path of the producer. */
static void reader_that_falls_behind_again_and_again_adds_up(void **state)
{
    uint64_t random = random_seed("overwrite"), attempted = 0;
    static unsigned char payload[2][1024];
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 16384, RING_OVERWRITE, 0);
    for (int i = 0; i < 20000; i++) {
        for (uint64_t n = random_next(&random) % 300; n; n--) {
            uint64_t bytes = 16 + random_next(&random) % 500;

            switch (random_next(&random) % 16) {
            case 0: {
                struct ada_record held;

                assert_true(ring_reserve(f.writer, FIXTURE_EVENT, bytes, &held));
                pattern_payload(held.payload, bytes, ++attempted);
                ring_commit(&held);
                break;
            }
            case 1: {
                const struct ring_item items[] = {{FIXTURE_EVENT, (uint32_t)bytes, payload[0]},
                                                  {FIXTURE_EVENT, (uint32_t)bytes, payload[1]}};

                pattern_payload(payload[0], bytes, ++attempted);
                pattern_payload(payload[1], bytes, ++attempted);
                assert_true(ring_write_batch(f.writer, items, 2));
                break;
            }
            default:
                assert_true(fixture_emit(f.writer, bytes, ++attempted));
            }
        }
        ledger_drain(&l, &f.reader);
        assert_int_equal(l.records + f.reader.overwritten, attempted);
    }
    assert_true(l.overflows > 1000);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

/* What was copied and not taken is copied again, or counted as overwritten. */
static void reader_that_rests_in_the_middle_of_a_copy_adds_up(void **state)
{
    uint64_t random = random_seed("rest"), attempted = 0;
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 64 << 10, RING_OVERWRITE, 0);
    for (int i = 0; i < 5000; i++) {
        struct ring_record record;
        int got;

        for (uint64_t n = random_next(&random) % 40; n; n--)
            assert_true(fixture_emit(f.writer, 16 + random_next(&random) % 200, ++attempted));
        for (uint64_t n = random_next(&random) % 40; n; n--) {
            got = ring_peek(&f.reader, &record);
            l.overflows += got < 0;
            if (got <= 0)
                continue;
            ledger_take(&l, &record);
            ring_advance(&f.reader, &record);
        }
        ring_release(&f.reader);
        ring_rest(&f.reader);
    }
    ledger_drain(&l, &f.reader);
    assert_true(l.overflows > 0 && l.records > 0);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void oversize_record_is_dropped_and_the_ring_goes_on(void **state)
{
    static unsigned char payload[4096];
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    assert_false(ring_write(f.writer, FIXTURE_EVENT, payload, 512));
    assert_true(fixture_emit(f.writer, 100, 1));
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.gap_records, 1);
    assert_balanced(&f, &l, 2);
    fixture_close(&f);
}

static void reservation_held_is_never_overwritten(void **state)
{
    struct ring_fixture f;
    struct ada_record held;
    struct ledger l = {0};
    uint64_t attempted = 1;

    (void)state;
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    assert_true(ring_reserve(f.writer, FIXTURE_EVENT, 64, &held));
    pattern_payload(held.payload, 64, 1);
    for (; attempted < 1000; attempted++)
        (void)fixture_emit(f.writer, 24, attempted + 1);
    assert_true(f.ring->dropped > 0);
    ring_commit(&held);
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.first_seed, 1);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

/* Until the reservation ends, nobody knows how many records stand in front of these blocks. */
static void block_begun_behind_a_held_reservation_gets_its_count(void **state)
{
    struct ring_fixture f;
    struct ada_record held;
    struct ledger l = {0};
    uint64_t attempted = 1;

    (void)state;
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    assert_true(ring_reserve(f.writer, FIXTURE_EVENT, 64, &held));
    pattern_payload(held.payload, 64, 1);
    for (; attempted < 80; attempted++)
        assert_true(fixture_emit(f.writer, 24, attempted + 1));
    ring_commit(&held);
    for (; attempted < 140; attempted++)
        assert_true(fixture_emit(f.writer, 24, attempted + 1));
    ledger_drain(&l, &f.reader); /* overtaken to the middle of what was written nested */
    for (; attempted < 1000; attempted++)
        assert_true(fixture_emit(f.writer, 24, attempted + 1));
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.last_seed, 1000);
    assert_int_equal(l.overflows, 2);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void batch_read_stays_whole_at_the_end_of_a_block(void **state)
{
    struct ring_record records[64];
    struct ring_fixture f;
    uint64_t seed = 0, read = 0;

    (void)state;
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    for (int lap = 0; lap < 500; lap++) {
        int got;

        /* Blocks of 512 bytes: padding, a record, padding, and a reader that asks for all. */
        for (int i = 0; i < 6; i++)
            assert_true(fixture_emit(f.writer, 16 + (uint64_t)(lap % 60) * 5, ++seed));
        while ((got = ring_read_batch(&f.reader, records, 64)) != 0) {
            assert_true(got > 0);
            for (int i = 0; i < got; i++)
                assert_int_equal(pattern_seed(&records[i]), ++read);
            ring_release(&f.reader);
        }
        assert_int_equal(read, seed);
    }
    fixture_close(&f);
}

static void check_of_an_overtaken_ring_ends(void **state)
{
    char text[200] = "";

    (void)state;
    for (uint64_t n = 1; n < 400; n++) {
        struct ring_fixture f;
        struct ada_record held;

        fixture_open(&f, 4096, RING_OVERWRITE, 0);
        for (uint64_t i = 1; i <= n; i++)
            assert_true(fixture_emit(f.writer, 24, i));
        /* By the slow path, in the middle of a block. */
        assert_true(ring_reserve(f.writer, FIXTURE_EVENT, 24, &held));
        ring_commit(&held);
        assert_int_equal(ring_check(f.ring, text, sizeof(text)), 0);
        ring_reset(&f.reader);
        assert_int_equal(f.reader.at, f.ring->front.head);
        fixture_close(&f);
    }
}

/* ---- a producer that never waits ---- */

struct race {
    struct ring_fixture f;
    uint64_t records, payload_max;
    uint32_t go, done;
    bool slow_path;
};

static void *race_produce(void *argument)
{
    struct race *r = argument;
    uint64_t random = 12345;

    r->f.writer->stack_top = 0;
    while (!load_acquire(&r->go))
        cpu_relax();
    for (uint64_t i = 1; i <= r->records; i++)
        (void)fixture_emit(r->f.writer, 16 + random_next(&random) % r->payload_max, i);
    store_release(&r->done, 1);
    return NULL;
}

static void race_run(struct race *r, struct ledger *l, unsigned pause)
{
    pthread_t producer;
    bool done;

    assert_int_equal(pthread_create(&producer, NULL, race_produce, r), 0);
    store_release(&r->go, 1);
    do {
        done = load_acquire(&r->done);
        ledger_drain(l, &r->f.reader);
        for (unsigned i = 0; i < pause; i++)
            cpu_relax();
    } while (!done);
    assert_int_equal(pthread_join(producer, NULL), 0);
    ledger_drain(l, &r->f.reader);
}

static void fast_producer_never_shows_a_torn_record(void **state)
{
    (void)state;
    for (unsigned pause = 0; pause < 40000; pause = pause * 4 + 10) {
        struct race r = {.records = 400000, .payload_max = 200};
        struct ledger l = {0};

        fixture_open(&r.f, 4096, RING_OVERWRITE, 0);
        race_run(&r, &l, pause);
        print_message("pause %u: %llu read in %llu overflows, %llu overwritten\n", pause,
                      (unsigned long long)l.records, (unsigned long long)l.overflows,
                      (unsigned long long)r.f.reader.overwritten);
        assert_int_equal(l.disorder, 0);
        assert_int_equal(l.last_seed, r.records);
        assert_balanced(&r.f, &l, r.records);
        fixture_close(&r.f);
    }
}

static void reset_against_a_fast_producer_ends(void **state)
{
    struct race r = {.records = 2000000, .payload_max = 20};
    pthread_t producer;

    (void)state;
    fixture_open(&r.f, 4096, RING_OVERWRITE, 0);
    assert_int_equal(pthread_create(&producer, NULL, race_produce, &r), 0);
    store_release(&r.go, 1);
    for (int i = 0; i < 1000; i++)
        ring_reset(&r.f.reader);
    assert_int_equal(pthread_join(producer, NULL), 0);
    ring_reset(&r.f.reader);
    assert_int_equal(r.f.ring->taken + r.f.ring->overwritten, r.records);
    fixture_close(&r.f);
}

/* Looked at where it stands: what the reader would copy out, unless the producer has been there. */
static void glance_sees_what_peek_does(void **state)
{
    uint64_t random = random_seed("glance"), seen = 0;
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    for (int i = 0; i < 20000; i++) {
        uint64_t ticks = 0;
        bool glanced;

        if (random_next(&random) % 3)
            assert_true(fixture_emit(f.writer, 16 + random_next(&random) % 100, 1));
        if (!ring_available_to_read(&f.reader)) {
            assert_false(ring_glance(&f.reader, &ticks));
            continue;
        }
        glanced = ring_glance(&f.reader, &ticks);
        if (ring_peek(&f.reader, &record) != 1) /* overtaken */
            assert_false(glanced);
        else if (glanced)
            assert_true(ticks == record.ticks);
        seen += glanced;
        if (f.reader.copy_to && random_next(&random) % 2 && ring_peek(&f.reader, &record) == 1)
            ring_advance(&f.reader, &record);
        ring_release(&f.reader);
    }
    assert_true(seen > 2000);
    fixture_close(&f);
}

/* The kernel keeps to a hint where there is room. */
static bool is_mapped(void *page)
{
    void *got = mmap(page, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(got, MAP_FAILED);
    assert_int_equal(munmap(got, 4096), 0);
    return got != page;
}

/* Not to malloc(), which would keep it when it has been told that such pieces come and go. */
static void large_copy_goes_back_to_the_kernel(void **state)
{
    void *volatile piece = malloc(1 << 20);
    struct ring_record record;
    struct ring_fixture f;
    void *copy;

    (void)state;
    free(piece);
    fixture_open(&f, 512 * 1024, RING_OVERWRITE, 0);
    assert_true(fixture_emit(f.writer, 16, 1));
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    copy = f.reader.copy;
    assert_true(is_mapped(copy));
    ring_reader_fini(&f.reader);
    assert_false(is_mapped(copy));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_reader_counts_what_was_overwritten),
        cmocka_unit_test(reader_that_keeps_up_misses_nothing),
        cmocka_unit_test(reader_that_falls_behind_again_and_again_adds_up),
        cmocka_unit_test(reader_that_rests_in_the_middle_of_a_copy_adds_up),
        cmocka_unit_test(glance_sees_what_peek_does),
        cmocka_unit_test(large_copy_goes_back_to_the_kernel),
        cmocka_unit_test(oversize_record_is_dropped_and_the_ring_goes_on),
        cmocka_unit_test(reservation_held_is_never_overwritten),
        cmocka_unit_test(block_begun_behind_a_held_reservation_gets_its_count),
        cmocka_unit_test(batch_read_stays_whole_at_the_end_of_a_block),
        cmocka_unit_test(check_of_an_overtaken_ring_ends),
        cmocka_unit_test(fast_producer_never_shows_a_torn_record),
        cmocka_unit_test(reset_against_a_fast_producer_ends),
    };

    return cmocka_run_group_tests_name("ring, policy overwrite", tests, NULL, NULL);
}
