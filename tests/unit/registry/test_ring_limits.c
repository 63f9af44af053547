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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_without_memory_is_refused),
        cmocka_unit_test(header_that_lies_is_seen),
        cmocka_unit_test(figures_of_a_ring_that_was_scribbled_on_are_bounded),
        cmocka_unit_test(beat_goes_on_behind_its_last_number),
        cmocka_unit_test(touching_ends_where_the_ring_does),
        cmocka_unit_test(reader_of_an_impossible_head_has_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
