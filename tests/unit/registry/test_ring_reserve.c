/* SPDX-License-Identifier: Apache-2.0 */
/* Records written in place: reserved, held, nested, committed or rolled back. */
#include "ring_fixture.h"

static void reservation_is_invisible_until_it_is_committed(void **state)
{
    struct ring_fixture f;
    struct ring_record seen;
    struct ada_record record;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    record = fixture_reserve(&f, 100, 5);
    assert_int_equal(ring_peek(&f.reader, &seen), 0);
    assert_int_equal(ring_written(f.ring), 0);
    ring_commit(&record);
    assert_int_equal(ring_written(f.ring), 1);
    fixture_read_one(&f, 100, 5);
    fixture_close(&f);
}

static void reservation_of_a_large_record_comes_back(void **state)
{
    struct ada_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 65536, RING_DROP, 0);
    record = fixture_reserve(&f, 8000, 5);
    ring_commit(&record);
    fixture_read_one(&f, 8000, 5);
    fixture_close(&f);
}

static void reservation_rolled_back_leaves_no_trace(void **state)
{
    struct ring_fixture f;
    struct ring_stats stats;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 500; i++) {
        struct ada_record record = fixture_reserve(&f, 16 + i % 300, i);

        if (i % 3)
            ring_commit(&record);
        else
            ring_rollback(&record);
        ledger_drain(&l, &f.reader);
    }
    ring_stats(f.ring, &stats);
    assert_int_equal(l.records, 500 - 500 / 3);
    assert_int_equal(stats.written, l.records);
    assert_balanced(&f, &l, l.records);
    fixture_close(&f);
}

static void reservation_held_hides_what_is_written_behind_it(void **state)
{
    struct ring_record seen;
    struct ring_fixture f;
    struct ada_record record;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    record = fixture_reserve(&f, 32, 1);
    for (uint64_t i = 2; i < 30; i++)
        assert_true(fixture_emit(f.writer, 16 + i, i));
    assert_int_equal(ring_peek(&f.reader, &seen), 0);
    ring_commit(&record);
    assert_int_equal(ledger_drain(&l, &f.reader), 29);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, 29);
    /* The fast path is back. */
    assert_true(fixture_emit(f.writer, 24, 30));
    assert_int_equal(ring_available_to_read(&f.reader), 32);
    fixture_close(&f);
}

static void reservation_held_is_not_taken_for_abandoned(void **state)
{
    struct ring_fixture f;
    struct ada_record record;
    struct ledger l = {0};
    uint64_t attempted = 1;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    record = fixture_reserve(&f, 32, 1);
    /* Far more than half the ring behind it: the rest is dropped, the reservation is not. */
    for (; attempted < 500; attempted++)
        (void)fixture_emit(f.writer, 24, attempted + 1);
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    ring_commit(&record);
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.first_seed, 1);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void reservations_nested_commit_in_reverse(void **state)
{
    struct ring_fixture f;
    struct ada_record held[5];
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 0; i < 5; i++)
        held[i] = fixture_reserve(&f, 32, i + 1);
    for (int i = 4; i >= 0; i--) {
        assert_int_equal(ring_available_to_read(&f.reader), 0);
        ring_commit(&held[i]);
    }
    assert_int_equal(ledger_drain(&l, &f.reader), 5);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, 5);
    fixture_close(&f);
}

static void reservations_commit_in_the_order_they_were_made(void **state)
{
    struct ring_fixture f;
    struct ada_record held[5];
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 0; i < 5; i++)
        held[i] = fixture_reserve(&f, 32, i + 1);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(f.ring->dropped, 0);
        ring_commit(&held[i]);
        assert_int_equal(ledger_drain(&l, &f.reader), 1);
        assert_int_equal(l.last_seed, i + 1);
    }
    assert_balanced(&f, &l, 5);
    fixture_close(&f);
}

/* Any order, with other records and rollbacks in between, over many laps. */
static void reservations_held_in_random_order_keep_everything(void **state)
{
    uint64_t random = random_seed("held"), seed = 0, attempted = 0;
    struct ada_record held[8] = {{0}};
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 8192, RING_DROP, 0);
    for (int i = 0; i < 200000; i++) {
        unsigned n = (unsigned)random_next(&random) % 8, what = (unsigned)random_next(&random) % 8;

        if (what < 3) {
            attempted++;
            (void)fixture_emit(f.writer, 16 + random_next(&random) % 200, ++seed);
        } else if (!held[n].payload) {
            uint64_t bytes = 16 + random_next(&random) % 200;

            attempted++;
            seed++;
            if (ring_reserve(f.writer, FIXTURE_EVENT, bytes, &held[n]))
                pattern_payload(held[n].payload, bytes, seed);
        } else if (what < 4) {
            ring_rollback(&held[n]);
            attempted--;
            held[n].payload = NULL;
        } else {
            ring_commit(&held[n]);
            held[n].payload = NULL;
        }
        if (random_next(&random) % 16 == 0)
            ledger_drain(&l, &f.reader);
    }
    for (int n = 0; n < 8; n++)
        if (held[n].payload)
            ring_commit(&held[n]);
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void rollback_of_a_held_reservation_publishes_what_is_behind(void **state)
{
    struct ring_fixture f;
    struct ada_record first, second;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    first = fixture_reserve(&f, 32, 1);
    second = fixture_reserve(&f, 40, 2);
    assert_true(fixture_emit(f.writer, 24, 3));
    ring_rollback(&first);
    assert_int_equal(ledger_drain(&l, &f.reader), 0);
    ring_rollback(&second);
    assert_int_equal(ledger_drain(&l, &f.reader), 1);
    assert_int_equal(l.last_seed, 3);
    assert_balanced(&f, &l, 1);
    fixture_close(&f);
}

static void reservation_behind_a_gap_and_a_wrap_publishes(void **state)
{
    (void)state;
    for (uint64_t filler = 16; filler < 400; filler += 8) {
        struct ring_fixture f;
        struct ada_record first, second;
        struct ledger l = {0};
        uint64_t attempted = 0, lost;

        fixture_open(&f, 4096, RING_DROP, 0);
        do {
            attempted++;
        } while (fixture_emit(f.writer, filler, attempted));
        ledger_drain(&l, &f.reader);
        first = fixture_reserve(&f, 300, 1000);
        lost = f.ring->dropped;
        assert_false(fixture_emit(f.writer, 60000, 1));
        second = fixture_reserve(&f, 300, 1001);
        assert_true(fixture_emit(f.writer, 24, 1002));
        ring_commit(&first);
        assert_int_equal(ledger_drain(&l, &f.reader), 1);
        ring_commit(&second);
        assert_int_equal(ledger_drain(&l, &f.reader), 2);
        assert_int_equal(l.gap_records, lost + 1);
        assert_balanced(&f, &l, attempted + 4);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reservation_is_invisible_until_it_is_committed),
        cmocka_unit_test(reservation_of_a_large_record_comes_back),
        cmocka_unit_test(reservation_rolled_back_leaves_no_trace),
        cmocka_unit_test(reservation_held_hides_what_is_written_behind_it),
        cmocka_unit_test(reservation_held_is_not_taken_for_abandoned),
        cmocka_unit_test(reservations_nested_commit_in_reverse),
        cmocka_unit_test(reservations_commit_in_the_order_they_were_made),
        cmocka_unit_test(reservations_held_in_random_order_keep_everything),
        cmocka_unit_test(rollback_of_a_held_reservation_publishes_what_is_behind),
        cmocka_unit_test(reservation_behind_a_gap_and_a_wrap_publishes),
    };

    return cmocka_run_group_tests_name("ring, reserve", tests, NULL, NULL);
}
