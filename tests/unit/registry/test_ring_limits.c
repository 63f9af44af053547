/* SPDX-License-Identifier: Apache-2.0 */
/* Rings where memory is short, where headers lie in one field, and where figures come to their
 * ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "faulty.h"
#include "registry/ring_producer.h"
#include "registry/ring_wait.h"
#include "ring_fixture.h"

static void ring_without_memory_is_refused(void **state)
{
    struct ring_shared *ring;
    struct ring_reader reader;
    char text[200];

    (void)state;
    faulty_next("aligned_alloc", ENOMEM, 1);
    assert_int_equal(ring_create(4096, NULL, &ring), -ENOMEM);
    assert_int_equal(ring_create(4096, &(struct ring_options){.policy = RING_OVERWRITE}, &ring), 0);
    /* Who reads what may be overwritten copies it. */
    faulty_next("malloc", ENOMEM, 2);
    assert_int_equal(ring_reader_init(&reader, ring, ring_data(ring), 4096, RING_OVERWRITE),
                     -ENOMEM);
    assert_int_equal(ring_check(ring, text, sizeof(text)), -ENOMEM);
    assert_int_equal(ring_check(ring, text, sizeof(text)), 0);
    faulty_next(NULL, 0, 0);
    ring_destroy(ring);
    assert_int_equal(ring_create(1 << 24, &(struct ring_options){.policy = RING_OVERWRITE}, &ring),
                     0);
    faulty_next("mmap", ENOMEM, 1); /* a large copy is mapped */
    assert_int_equal(ring_reader_init(&reader, ring, ring_data(ring), 1 << 24, RING_OVERWRITE),
                     -ENOMEM);
    faulty_next(NULL, 0, 0);
    ring_destroy(ring);
    assert_int_equal(ring_create(4096, NULL, &ring), 0);
    assert_int_equal(ring_reader_init(&reader, ring, ring_data(ring), 2048, RING_DROP), -EINVAL);
    assert_int_equal(ring_reader_init(&reader, ring, ring_data(ring), 4104, RING_DROP), -EINVAL);
    ring_destroy(ring);
}

/* One field after the other, each by itself, and back. */
static void header_that_lies_is_seen(void **state)
{
    struct ring_shared *ring, *attached;
    size_t bytes = ring_memory_bytes(4096);
    char text[200];

    (void)state;
    assert_int_equal(ring_create(4096, NULL, &ring), 0);
#define LIE(field, value, error)                                      \
    do {                                                              \
        __typeof__(ring->field) was = ring->field;                    \
                                                                      \
        ring->field = (value);                                        \
        assert_int_equal(ring_attach(ring, bytes, &attached), error); \
        ring->field = was;                                            \
    } while (0)
    LIE(magic, 1, -EBADMSG);
    LIE(version, 99, -EPROTONOSUPPORT);
    LIE(capacity, 2048, -EBADMSG);
    LIE(capacity, UINT64_C(1) << 40, -EBADMSG);
    LIE(capacity, 4104, -EBADMSG);
    LIE(capacity, 8192, -EBADMSG);
    LIE(policy, RING_BLOCK + 1, -EBADMSG);
    LIE(block_bytes, 512, -EBADMSG);
    LIE(step_bytes, 0, -EBADMSG);
    LIE(step_bytes, 8192, -EBADMSG);
    LIE(step_bytes, 1000, -EBADMSG);
    LIE(base_bytes, 8192, -EBADMSG);
    LIE(data_offset, 8, -EBADMSG);
    LIE(data_offset, sizeof(*ring) + 8, -EBADMSG);
    LIE(data_offset, UINT64_C(1) << 40, -EBADMSG);
    LIE(data_offset, ring->data_offset + RING_LINE, -EBADMSG); /* its end lies outside */
#undef LIE
    assert_int_equal(ring_attach(ring, bytes, &attached), 0);
    ring->version++;
    assert_int_equal(ring_check(ring, text, sizeof(text)), -EBADMSG);
    ring->version--;
    ring->step_bytes = 0;
    assert_int_equal(ring_check(ring, text, sizeof(text)), -EBADMSG);
    ring->step_bytes = ring->capacity;
    ring->front.head = 4096 + 8;
    assert_int_equal(ring_check(ring, text, sizeof(text)), -EBADMSG);
    ring->front.head = 0;
    assert_int_equal(ring_check(ring, text, sizeof(text)), 0);
    ring_destroy(ring);
}

static void figures_of_a_ring_that_was_scribbled_on_are_bounded(void **state)
{
    struct ring_shared *ring;
    struct ring_stats stats;
    char text[1024];

    (void)state;
    assert_int_equal(ring_create(4096, NULL, &ring), 0);
    ring->front.head = 1 << 20;
    ring_stats(ring, &stats);
    assert_int_equal(stats.fill_bytes, 4096);
    ring->tail = 2 << 20;
    ring_stats(ring, &stats);
    assert_int_equal(stats.fill_bytes, 0);
    ring->policy = 77;
    assert_true(ring_dump(ring, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "unknown"));
    ring_destroy(ring);
}

/* The sign of life goes round, and never says "gone" by chance. */
static void beat_goes_on_behind_its_last_number(void **state)
{
    struct ring_shared *ring;

    (void)state;
    assert_int_equal(ring_create(4096, &(struct ring_options){.policy = RING_BLOCK}, &ring), 0);
    ring->beat = UINT32_MAX - 1;
    ring_tell_room(ring, 0, 4096);
    assert_int_equal(ring->beat, 0);
    ring_tell_room(ring, 0, 4096);
    assert_int_equal(ring->beat, 1);
    ring_tell_gone(ring);
    assert_int_equal(ring->beat, UINT32_MAX);
    ring_tell_here(ring);
    assert_int_equal(ring->beat, 0);
    ring_destroy(ring);
}

static void touching_ends_where_the_ring_does(void **state)
{
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 8192, RING_DROP, 0);
    f.ring->touched_bytes = 1 << 20; /* what somebody says */
    ring_touch(f.writer, 1 << 20);
    assert_int_equal(f.writer->touched, 8192);
    fixture_close(&f);
}

/* An index that nobody can have reached: nothing is read, and no time is lost over it. */
static void reader_of_an_impossible_head_has_nothing(void **state)
{
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    f.ring->front.head = 1 << 20;
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    f.ring->front.head = 0;
    assert_int_equal(ring_peek(&f.reader, &record), 0);
    fixture_close(&f);
}

/* ---- elastic rings ---- */

enum { BASE = 64 << 10, ELASTIC = 1 << 20 };

static void elastic_open(struct ring_fixture *f)
{
    fixture_open_with(f, ELASTIC, &(struct ring_options){.base_bytes = BASE});
}

static void nothing_fits_behind_an_impossible_tail(void **state)
{
    struct ring_fixture f;

    (void)state;
    elastic_open(&f);
    assert_true(ring_available_to_write(f.writer) > 0);
    f.ring->tail = 0 - (uint64_t)ELASTIC; /* a lap behind, where nothing was ever written */
    assert_int_equal(ring_available_to_write(f.writer), 0);
    f.ring->tail = 0 - 3 * (uint64_t)ELASTIC;
    assert_int_equal(ring_available_to_write(f.writer), 0);
    f.ring->tail = 0;
    assert_true(fixture_emit(f.writer, 24, 1));
    fixture_close(&f);
}

/* Where laps ended, and where that is not known. */
static void bytes_between_are_those_in_use(void **state)
{
    struct ring_fixture f;
    uint64_t lap = ELASTIC;

    (void)state;
    elastic_open(&f);
    f.writer->skip = 5000;
    assert_int_equal(ring_bytes_between(f.writer, 100, 200), 100);
    assert_int_equal(ring_bytes_between(f.writer, 4000, lap + 300), 1000 + 300);
    f.writer->skip = 0; /* a writer that has begun anew */
    assert_int_equal(ring_bytes_between(f.writer, lap - 200, lap + 300), 500);
    assert_int_equal(ring_bytes_between(f.writer, 4000, lap + 300), BASE);
    f.writer->skip = 2 * lap + 16;
    assert_int_equal(ring_bytes_between(f.writer, 4000, lap + 300), BASE);
    fixture_close(&f);
}

/* Calm, but for a record that is longer than what was read at the beginning. */
static void lap_goes_on_where_the_next_one_has_no_room_for_the_record(void **state)
{
    static const unsigned char payload[ELASTIC];
    struct ring_fixture f;
    uint64_t enough, long_bytes;

    (void)state;
    elastic_open(&f);
    enough = f.ring->step_bytes - f.ring->step_bytes / 4;
    long_bytes = f.ring->step_bytes - 64;
    for (uint64_t i = 1; f.writer->reserve < enough + 512; i++)
        assert_true(fixture_emit(f.writer, 56, i));
    ring_reset(&f.reader);
    assert_in_range(f.ring->tail, enough, long_bytes);
    assert_true(ring_write(f.writer, FIXTURE_EVENT, payload, long_bytes - 16));
    assert_true(f.writer->reserve < ELASTIC); /* still the first lap */
    fixture_close(&f);
}

static void nothing_is_spare_before_what_was_read_is_given_back(void **state)
{
    struct ring_record record;
    struct ring_fixture f;
    uint64_t from, to;

    (void)state;
    elastic_open(&f);
    assert_true(fixture_emit(f.writer, 24, 1));
    assert_false(ring_spare(&f.reader, &from, &to));
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    ring_advance(&f.reader, &record);
    assert_false(ring_spare(&f.reader, &from, &to));
    ring_release(&f.reader);
    assert_true(ring_spare(&f.reader, &from, &to));
    assert_int_equal(from, BASE);
    assert_int_equal(to, ELASTIC);
    fixture_close(&f);
}

/* ---- what is told, and what is shown ---- */

static void told_is_what_stands_or_what_is_about_to(void **state)
{
    struct ring_fixture f;
    struct ring_told told;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    f.writer->tells = 5;
    f.writer->tells_bytes = 50;
    f.writer->telling = 128; /* a record that ends there tells of these: */
    f.writer->tell_to = 7;
    f.writer->tell_to_bytes = 70;
    f.writer->tell_ticks = 9;
    told = ring_told_before(f.writer, 64);
    assert_int_equal(told.records, 5);
    assert_int_equal(told.ticks, 0);
    told = ring_told_before(f.writer, 128);
    assert_int_equal(told.records, 7);
    assert_int_equal(told.bytes, 70);
    assert_int_equal(told.ticks, 9);
    f.writer->tells = 8; /* who came in between has told of more */
    f.writer->tells_bytes = 80;
    told = ring_told_before(f.writer, 128);
    assert_int_equal(told.records, 8);
    assert_int_equal(told.bytes, 80);
    f.writer->telling = 0;
    fixture_close(&f);
}

static void nothing_is_in_view_behind_damage(void **state)
{
    struct ring_record record;
    struct ring_fixture f;
    uint64_t bytes;

    (void)state;
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    assert_null(ring_view(&f.reader, &bytes));
    assert_true(fixture_emit(f.writer, 24, 1));
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    assert_ptr_equal(ring_view(&f.reader, &bytes), record.payload - 8);
    assert_int_equal(bytes, 32);
    ring_advance(&f.reader, &record);
    assert_null(ring_view(&f.reader, &bytes));
    assert_true(fixture_emit(f.writer, 24, 2));
    memset(ring_data(f.ring) + 32, 0, 8);
    assert_int_equal(ring_peek(&f.reader, &record), -EBADMSG);
    assert_null(ring_view(&f.reader, &bytes));
    fixture_close(&f);
}

static void reset_ends_at_padding(void **state)
{
    struct ada_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_true(fixture_emit(f.writer, 24, 1));
    record = fixture_reserve(&f, 24, 2);
    ring_rollback(&record);
    ring_reset(&f.reader);
    assert_int_equal(f.ring->tail, f.ring->front.head);
    assert_int_equal(f.reader.taken, 1);
    fixture_close(&f);
}

/* A handler that interrupts another one between its claim and its mark may publish both. */
static void mark_that_is_known_is_not_lost_again(void **state)
{
    const struct ring_in_front known = {9, 3, 48}, unknown = {RING_WRITTEN_UNKNOWN, 0, 0};
    struct ring_fixture f;
    struct ring_mark *mark;

    (void)state;
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    mark = &f.ring->marks[1];
    ring_mark(f.writer, f.ring->block_bytes, &known);
    ring_mark(f.writer, f.ring->block_bytes, &unknown);
    assert_int_equal(mark->index, f.ring->block_bytes);
    assert_int_equal(mark->written, 9);
    assert_int_equal(mark->told, 3);
    assert_int_equal(mark->told_bytes, 48);
    fixture_close(&f);
}

/* Then nobody can say how many were overwritten, but where to go on. */
static void overtaken_reader_without_marks_goes_on_unsure(void **state)
{
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    for (uint64_t i = 1; i <= 1000; i++)
        assert_true(fixture_emit(f.writer, 24, i));
    for (int i = 0; i < RING_BLOCKS; i++)
        f.ring->marks[i].written = RING_WRITTEN_UNKNOWN;
    assert_int_equal(ring_peek(&f.reader, &record), -EOVERFLOW);
    assert_true(f.reader.is_unsure);
    assert_int_equal(f.reader.overwritten, 0);
    assert_true(f.reader.overwritten_bytes > 0);
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    assert_true(pattern_seed(&record) > 800);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_without_memory_is_refused),
        cmocka_unit_test(header_that_lies_is_seen),
        cmocka_unit_test(figures_of_a_ring_that_was_scribbled_on_are_bounded),
        cmocka_unit_test(beat_goes_on_behind_its_last_number),
        cmocka_unit_test(touching_ends_where_the_ring_does),
        cmocka_unit_test(reader_of_an_impossible_head_has_nothing),
        cmocka_unit_test(nothing_fits_behind_an_impossible_tail),
        cmocka_unit_test(bytes_between_are_those_in_use),
        cmocka_unit_test(lap_goes_on_where_the_next_one_has_no_room_for_the_record),
        cmocka_unit_test(nothing_is_spare_before_what_was_read_is_given_back),
        cmocka_unit_test(told_is_what_stands_or_what_is_about_to),
        cmocka_unit_test(nothing_is_in_view_behind_damage),
        cmocka_unit_test(reset_ends_at_padding),
        cmocka_unit_test(mark_that_is_known_is_not_lost_again),
        cmocka_unit_test(overtaken_reader_without_marks_goes_on_unsure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
