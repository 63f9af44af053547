/* SPDX-License-Identifier: Apache-2.0 */
/* What a ring says of itself: room, figures, checks, and what a reader or writer that starts anew
 * finds. */
#include "ring_fixture.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

static void available_to_write_is_what_a_record_may_take(void **state)
{
    uint64_t random = random_seed("available");
    static unsigned char payload[4096];
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_int_equal(ring_available_to_write(f.writer), ring_record_max(f.ring));
    for (int i = 0; i < 20000; i++) {
        uint64_t room = ring_available_to_write(f.writer), dropped = f.ring->dropped;
        uint64_t bytes = room + 8 * (random_next(&random) % 3) - 8;

        if (room == 0 || random_next(&random) % 4 == 0) {
            struct ring_record record;

            for (uint64_t n = random_next(&random) % 9; n && ring_peek(&f.reader, &record) == 1;
                 n--)
                ring_advance(&f.reader, &record);
            ring_release(&f.reader);
            continue;
        }
        if (random_next(&random) % 4)
            bytes = 16 + random_next(&random) % 96 / 8 * 8;
        if (bytes < 8 || bytes > ring_record_max(f.ring))
            continue;
        assert_int_equal(ring_write(f.writer, FIXTURE_EVENT, payload, bytes - 8), bytes <= room);
        assert_int_equal(f.ring->dropped, dropped + (bytes > room));
    }
    ledger_drain(&l, &f.reader);
    fixture_close(&f);
}

static void available_to_read_is_what_is_published(void **state)
{
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    assert_true(fixture_emit(f.writer, 24, 1));
    assert_true(fixture_emit(f.writer, 40, 2));
    assert_int_equal(ring_available_to_read(&f.reader), 32 + 48);
    fixture_close(&f);
}

static void reset_forgets_everything_and_counts_it_as_taken(void **state)
{
    struct ring_fixture f;
    struct ring_stats s;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 20; i++)
        assert_true(fixture_emit(f.writer, 24, i));
    ring_reset(&f.reader);
    ring_stats(f.ring, &s);
    assert_int_equal(s.taken, 20);
    assert_int_equal(s.fill_bytes, 0);
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    assert_true(fixture_emit(f.writer, 24, 21));
    fixture_read_one(&f, 24, 21);
    fixture_close(&f);
}

static void stats_say_what_happened(void **state)
{
    struct ada_record record;
    struct ring_fixture f;
    struct ledger l = {0};
    struct ring_stats s;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (int i = 0; i < 3; i++)
        assert_true(fixture_emit(f.writer, 24, (uint64_t)i + 1));
    record = fixture_reserve(&f, 56, 9);
    ring_rollback(&record);
    ring_stats(f.ring, &s);
    assert_int_equal(s.capacity, 4096);
    assert_int_equal(s.fill_bytes, 3 * 32 + 64);
    assert_int_equal(s.high_water_bytes, 3 * 32 + 64);
    assert_int_equal(s.written, 3);
    assert_int_equal(s.written_bytes, 3 * 32);
    assert_int_equal(s.padding_bytes, 64);
    assert_int_equal(s.taken, 0);
    ledger_drain(&l, &f.reader);
    ring_stats(f.ring, &s);
    assert_int_equal(s.taken, 3);
    assert_int_equal(s.fill_bytes, 0);
    assert_int_equal(s.high_water_bytes, 3 * 32 + 64);
    fixture_close(&f);
}

static void reader_after_a_reader_goes_on_counting(void **state)
{
    struct ring_record record;
    struct ring_fixture f;
    struct ring_stats s;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 3; i++)
        assert_true(fixture_emit(f.writer, 24, i));
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    ring_advance(&f.reader, &record);
    ring_release(&f.reader);
    ring_reader_fini(&f.reader);
    assert_int_equal(
        ring_reader_init(&f.reader, f.ring, ring_data(f.ring), f.ring->capacity, RING_DROP), 0);
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    assert_int_equal(pattern_seed(&record), 2);
    ring_advance(&f.reader, &record);
    ring_release(&f.reader);
    ring_stats(f.ring, &s);
    assert_int_equal(s.taken, 2);
    assert_int_equal(s.high_water_bytes, 96);
    fixture_close(&f);
}

static void check_finds_a_sound_ring_sound(void **state)
{
    char text[200] = "untouched";
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), 0);
    for (uint64_t i = 1; i <= 20; i++)
        assert_true(fixture_emit(f.writer, 24 + i, i));
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), 0);
    assert_int_equal(f.ring->tail, 0); /* it only looked */
    assert_int_equal(ring_available_to_read(&f.reader), f.ring->front.head);
    fixture_close(&f);
}

static void check_says_what_is_wrong(void **state)
{
    char text[200] = "";
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 5; i++)
        assert_true(fixture_emit(f.writer, 24, i));
    ring_data(f.ring)[64] = 0; /* a record of no words */
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), -EBADMSG);
    assert_string_equal(text, "96 bytes before index 160 are no records");
    f.ring->front.head = 8200;
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), -EBADMSG);
    assert_string_equal(text, "head 8200 and tail 0 do not fit capacity 4096");
    f.ring->magic = 0;
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), -EBADMSG);
    assert_non_null(strstr(text, "no ring of version"));
    fixture_close(&f);
}

static void dump_shows_the_state_in_words(void **state)
{
    static const char expected[] =
        "ring         version 1, policy drop\n"
        "capacity     4096 bytes, blocks of 4096\n"
        "head         64\n"
        "tail         32\n"
        "fill         32 bytes, high water 64\n"
        "written      2 records, 64 bytes, 0 nested\n"
        "taken        1 records\n"
        "dropped      1 records, 60008 bytes, 1 since the last gap record\n"
        "overwritten  0 records, 0 bytes\n"
        "padding      0 bytes\n";
    char text[1000], little[10];
    struct ring_record record;
    struct ring_fixture f;
    int length;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_true(fixture_emit(f.writer, 24, 1));
    assert_true(fixture_emit(f.writer, 24, 2));
    assert_false(ring_write(f.writer, FIXTURE_EVENT, NULL, 59992));
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    ring_advance(&f.reader, &record);
    ring_release(&f.reader);
    length = ring_dump(f.ring, text, sizeof(text));
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(text));
    assert_int_equal(ring_dump(f.ring, little, sizeof(little)), length);
    assert_string_equal(little, "ring     ");
    fixture_close(&f);
}

static void writer_that_starts_anew_goes_on_at_the_head(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_true(fixture_emit(f.writer, 24, 1));
    ring_writer_init(f.writer, f.ring, true);
    assert_true(fixture_emit(f.writer, 24, 2));
    assert_int_equal(ledger_drain(&l, &f.reader), 2);
    assert_int_equal(l.disorder, 0);
    fixture_close(&f);
}

static void writer_without_a_counter_stamps_with_the_kernels_clock(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    struct ring_record record;
    uint64_t ns;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    ring_writer_init(f.writer, f.ring, false);
    assert_true(fixture_emit(f.writer, 24, 1));
    ns = clock_monotonic_ns();
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    assert_in_range((ns - record.ticks) & ADA_RECORD_TICKS_MASK, 0, 60u * 1000000000u);
    for (uint64_t i = 2; i < 1000; i++) {
        assert_true(fixture_emit(f.writer, 24 + i % 50, i));
        ledger_drain(&l, &f.reader);
    }
    assert_balanced(&f, &l, 999);
    fixture_close(&f);
}

/* A child whose writer was wiped while its parent held a reservation. */
static void commit_through_a_wiped_writer_does_nothing(void **state)
{
    struct ring_fixture f;
    struct ada_record held, fast = {0};
    struct ring_shared before;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_true(ada_reserve_fast(f.writer, ada_record_tag(FIXTURE_EVENT, 32), 32, &fast) ||
                fixture_emit(f.writer, 24, 1));
    assert_true(ada_reserve_fast(f.writer, ada_record_tag(FIXTURE_EVENT, 32), 32, &fast));
    held = fixture_reserve(&f, 24, 2);
    before = *f.ring;
    memset(f.writer, 0, sizeof(*f.writer));
    ring_commit(&held);
    ring_rollback(&held);
    ada_commit_record(&fast);
    assert_memory_equal(f.ring, &before, sizeof(before));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(available_to_write_is_what_a_record_may_take),
        cmocka_unit_test(available_to_read_is_what_is_published),
        cmocka_unit_test(reset_forgets_everything_and_counts_it_as_taken),
        cmocka_unit_test(stats_say_what_happened),
        cmocka_unit_test(reader_after_a_reader_goes_on_counting),
        cmocka_unit_test(check_finds_a_sound_ring_sound),
        cmocka_unit_test(check_says_what_is_wrong),
        cmocka_unit_test(dump_shows_the_state_in_words),
        cmocka_unit_test(writer_that_starts_anew_goes_on_at_the_head),
        cmocka_unit_test(writer_without_a_counter_stamps_with_the_kernels_clock),
        cmocka_unit_test(commit_through_a_wiped_writer_does_nothing),
    };

    return cmocka_run_group_tests_name("ring, look", tests, NULL, NULL);
}
