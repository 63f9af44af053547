/* SPDX-License-Identifier: Apache-2.0 */
/* Many records at once, written and read. */
#include "ring_fixture.h"

#include <errno.h>

static void batch_is_written_whole_with_one_time(void **state)
{
    unsigned char payloads[20][300];
    struct ring_item items[20];
    struct ring_record records[20];
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 65536, RING_DROP, 0);
    for (int lap = 0; lap < 100; lap++) {
        for (uint32_t i = 0; i < 20; i++) {
            items[i] = (struct ring_item){FIXTURE_EVENT, 16 + i * 13, payloads[i]};
            pattern_payload(payloads[i], items[i].payload_bytes, i + 1);
        }
        assert_true(ring_write_batch(f.writer, items, 20));
        assert_int_equal(ring_read_batch(&f.reader, records, 20), 20);
        for (uint32_t i = 0; i < 20; i++) {
            assert_int_equal(pattern_seed(&records[i]), i + 1);
            assert_int_equal(records[i].ticks, records[0].ticks);
        }
        ring_release(&f.reader);
        assert_int_equal(ring_read_batch(&f.reader, records, 20), 0);
    }
    assert_int_equal(ring_written(f.ring), 2000);
    assert_int_equal(f.ring->taken, 2000);
    fixture_close(&f);
}

static void batch_with_large_and_empty_records_comes_back(void **state)
{
    static unsigned char large[5000];
    const struct ring_item items[] = {
        {FIXTURE_EVENT + 1, 0, NULL}, {FIXTURE_EVENT, 5000, large}, {FIXTURE_EVENT + 1, 0, NULL}};
    struct ring_record records[4];
    struct ring_fixture f;

    (void)state;
    pattern_payload(large, sizeof(large), 9);
    fixture_open(&f, 65536, RING_DROP, 0);
    assert_true(ring_write_batch(f.writer, items, 3));
    assert_int_equal(ring_read_batch(&f.reader, records, 4), 3);
    assert_int_equal(records[0].payload_bytes, 0);
    assert_int_equal(pattern_seed(&records[1]), 9);
    assert_int_equal(records[2].type, FIXTURE_EVENT + 1);
    fixture_close(&f);
}

static void batch_that_does_not_fit_is_dropped_whole_and_counted(void **state)
{
    unsigned char payload[200] = {0};
    struct ring_item items[10];
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (int i = 0; i < 10; i++)
        items[i] = (struct ring_item){FIXTURE_EVENT, 192, payload};
    assert_false(ring_write_batch(f.writer, items, 10)); /* more than a record may be */
    assert_int_equal(f.ring->dropped, 10);
    assert_int_equal(f.ring->dropped_bytes, 2000);
    assert_int_equal(ring_written(f.ring), 0);
    assert_true(ring_write_batch(f.writer, items, 5));
    assert_true(ring_write_batch(f.writer, items, 0));
    assert_int_equal(ring_written(f.ring), 5);
    fixture_close(&f);
}

static void batch_behind_a_held_reservation_comes_after_it(void **state)
{
    unsigned char payload[32];
    const struct ring_item items[] = {{FIXTURE_EVENT, 32, payload}, {FIXTURE_EVENT, 32, payload}};
    struct ring_fixture f;
    struct ada_record held;
    struct ledger l = {0};

    (void)state;
    pattern_payload(payload, 32, 2);
    fixture_open(&f, 4096, RING_DROP, 0);
    held = fixture_reserve(&f, 16, 1);
    assert_true(ring_write_batch(f.writer, items, 2));
    assert_int_equal(f.ring->nested, 2);
    ring_commit(&held);
    assert_int_equal(ledger_drain(&l, &f.reader), 3);
    assert_int_equal(l.first_seed, 1);
    assert_balanced(&f, &l, 3);
    fixture_close(&f);
}

static void read_copies_out_or_says_that_there_is_no_room(void **state)
{
    unsigned char out[128];
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_int_equal(ring_read(&f.reader, out, sizeof(out), &record), 0);
    assert_true(fixture_emit(f.writer, 100, 3));
    assert_int_equal(ring_read(&f.reader, out, 103, &record), -ENOBUFS);
    assert_int_equal(ring_read(&f.reader, out, 104, &record), 1); /* it was not taken */
    assert_ptr_equal(record.payload, out);
    assert_int_equal(pattern_seed(&record), 3);
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    assert_int_equal(f.ring->tail, f.ring->front.head);
    fixture_close(&f);
}

static void read_batch_stops_at_its_maximum(void **state)
{
    struct ring_record records[8];
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 20; i++)
        assert_true(fixture_emit(f.writer, 24, i));
    assert_int_equal(ring_read_batch(&f.reader, records, 8), 8);
    assert_int_equal(pattern_seed(&records[7]), 8);
    assert_int_equal(f.ring->tail, 0); /* nothing is given back before ring_release() */
    ring_release(&f.reader);
    assert_int_equal(f.ring->tail, 8 * 32);
    assert_int_equal(ring_read_batch(&f.reader, records, 8), 8);
    assert_int_equal(ring_read_batch(&f.reader, records, 8), 4);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_is_written_whole_with_one_time),
        cmocka_unit_test(batch_with_large_and_empty_records_comes_back),
        cmocka_unit_test(batch_that_does_not_fit_is_dropped_whole_and_counted),
        cmocka_unit_test(batch_behind_a_held_reservation_comes_after_it),
        cmocka_unit_test(read_copies_out_or_says_that_there_is_no_room),
        cmocka_unit_test(read_batch_stops_at_its_maximum),
    };

    return cmocka_run_group_tests_name("ring, batch", tests, NULL, NULL);
}
