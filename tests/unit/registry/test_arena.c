/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: items of many threads, read while they come, until it is full. */
#include "registry/arena.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "registry_fixture.h"

enum { HEAD_BYTES = 16 /* of an item */ };

static struct arena_item item; /* too large for small stacks */

static void segment_open(struct segment *s, uint64_t arena_bytes)
{
    struct segment_geometry g = fixture_small;

    g.arena_bytes = arena_bytes;
    assert_int_equal(segment_create(s, &g, NULL), 0);
}

static void item_appended_comes_back_in_both_its_parts(void **state)
{
    const struct arena_note note = {.ticks = 5, .pid = 6, .warning = 1};
    struct arena_reader reader = {0};
    struct segment s;

    (void)state;
    segment_open(&s, 65536);
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    assert_int_equal(arena_append(&s, ARENA_NOTE, &note, sizeof(note), "text", 5), 0);
    assert_int_equal(arena_append(&s, ARENA_TYPE, NULL, 0, "x", 1), 0);
    assert_int_equal(arena_append(&s, ARENA_UNMAP, "y", 1, NULL, 0), 0);
    assert_int_equal(arena_append(&s, ARENA_PROCESS, NULL, 0, NULL, 0), 0);
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_int_equal(item.kind, ARENA_NOTE);
    assert_int_equal(item.size, sizeof(note) + 5);
    assert_memory_equal(item.bytes, &note, sizeof(note));
    assert_string_equal(item.bytes + sizeof(note), "text");
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_int_equal(item.kind, ARENA_TYPE);
    assert_int_equal(item.size, 1);
    assert_int_equal(item.bytes[0], 'x');
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_int_equal(item.kind, ARENA_UNMAP);
    assert_int_equal(item.bytes[0], 'y');
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_int_equal(item.kind, ARENA_PROCESS);
    assert_int_equal(item.size, 0);
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    segment_destroy(&s);
}

static void item_of_the_longest_size_comes_back_and_a_longer_one_is_refused(void **state)
{
    static unsigned char content[ARENA_ITEM_MAX + 1];
    struct arena_reader reader = {0};
    struct segment s;

    (void)state;
    segment_open(&s, 1 << 20);
    pattern_fill(content, sizeof(content), 3);
    assert_int_equal(arena_append(&s, ARENA_TYPE, content, 1, content + 1, ARENA_ITEM_MAX - 1), 0);
    assert_int_equal(arena_append(&s, ARENA_TYPE, content, ARENA_ITEM_MAX + 1, NULL, 0), -EMSGSIZE);
    assert_int_equal(arena_append(&s, ARENA_TYPE, content, 1, content, ARENA_ITEM_MAX), -EMSGSIZE);
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_int_equal(item.size, ARENA_ITEM_MAX);
    assert_memory_equal(item.bytes, content, ARENA_ITEM_MAX);
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    assert_int_equal(s.arena->lost, 0); /* nothing was to be lost */
    segment_destroy(&s);
}

static void item_of_every_small_size_comes_back(void **state)
{
    struct arena_reader reader = {0};
    unsigned char content[200];
    struct segment s;

    (void)state;
    segment_open(&s, 65536);
    pattern_fill(content, sizeof(content), 4);
    for (size_t size = 0; size < sizeof(content); size++)
        assert_int_equal(
            arena_append(&s, ARENA_MAP, content, size / 3, content + size / 3, size - size / 3), 0);
    for (size_t size = 0; size < sizeof(content); size++) {
        assert_int_equal(arena_next(&s, &reader, &item), 1);
        assert_int_equal(item.size, size);
        assert_memory_equal(item.bytes, content, size);
    }
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    segment_destroy(&s);
}

/* ---- full ---- */

static void arena_full_to_the_last_byte_counts_what_did_not_fit(void **state)
{
    static const unsigned char zeros[HEAD_BYTES] = {0};
    unsigned char content[64 - HEAD_BYTES];
    struct arena_reader reader = {0};
    unsigned appended = 0, refused = 0;
    struct segment s;

    (void)state;
    segment_open(&s, 65536);
    memset(content, 'c', sizeof(content));
    for (unsigned i = 0; i < 2000; i++) {
        int got = arena_append(&s, ARENA_TYPE, content, sizeof(content), NULL, 0);

        appended += got == 0;
        refused += got == -ENOSPC;
    }
    assert_int_equal(appended, (65536 - sizeof(struct arena_shared)) / 64);
    assert_int_equal(appended + refused, 2000);
    assert_int_equal(s.arena->lost, refused);
    assert_memory_equal(s.rings, zeros, sizeof(zeros)); /* nothing stands behind it */
    for (unsigned i = 0; i < appended; i++)
        assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    segment_destroy(&s);
}

static void item_that_did_not_fit_leaves_its_room_to_smaller_ones(void **state)
{
    static unsigned char content[60000];
    struct arena_reader reader = {0};
    struct segment s;

    (void)state;
    segment_open(&s, 65536);
    assert_int_equal(arena_append(&s, ARENA_TYPE, content, 60000, NULL, 0), 0);
    assert_int_equal(arena_append(&s, ARENA_TYPE, content, 60000, NULL, 0), -ENOSPC);
    assert_int_equal(arena_append(&s, ARENA_TYPE, content, 8, NULL, 0), 0);
    assert_int_equal(s.arena->lost, 1);
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_int_equal(item.size, 8);
    assert_int_equal(arena_next(&s, &reader, &item), 0); /* no hole is taken for an item */
    segment_destroy(&s);
}

/* ---- read while it is appended to ---- */

enum { THREADS = 4, ITEMS = 3000 };

struct appender {
    struct segment *segment;
    uint32_t number;
    uint64_t lost;
};

struct told {
    uint32_t number, count;
};

static size_t tail_bytes_of(const struct told *told)
{
    return (told->count * 7 + told->number) % 60;
}

static void *append_many(void *argument)
{
    struct appender *a = argument;
    unsigned char content[64];

    for (uint32_t i = 1; i <= ITEMS; i++) {
        struct told told = {.number = a->number, .count = i};

        pattern_fill(content, sizeof(content), i * THREADS + a->number);
        a->lost += arena_append(a->segment, ARENA_MAP, &told, sizeof(told), content,
                                tail_bytes_of(&told)) != 0;
    }
    return NULL;
}

static void item_check(uint32_t last[THREADS])
{
    unsigned char content[64];
    struct told told;

    assert_int_equal(item.kind, ARENA_MAP);
    assert_true(item.size >= sizeof(told));
    memcpy(&told, item.bytes, sizeof(told));
    assert_true(told.number < THREADS);
    assert_int_equal(item.size, sizeof(told) + tail_bytes_of(&told));
    pattern_fill(content, sizeof(content), told.count * THREADS + told.number);
    assert_memory_equal(item.bytes + sizeof(told), content, tail_bytes_of(&told));
    assert_true(told.count > last[told.number]); /* each thread's in order */
    last[told.number] = told.count;
}

static void append_and_read(uint64_t arena_bytes, bool all_fit)
{
    struct appender appenders[THREADS];
    struct arena_reader reader = {0};
    uint32_t last[THREADS] = {0}, read = 0;
    pthread_t threads[THREADS];
    uint64_t lost = 0;
    struct segment s;

    segment_open(&s, arena_bytes);
    for (uint32_t i = 0; i < THREADS; i++) {
        appenders[i] = (struct appender){.segment = &s, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, &appenders[i]), 0);
    }
    while (read + load_relaxed(&s.arena->lost) < THREADS * ITEMS) {
        int got = arena_next(&s, &reader, &item);

        assert_true(got >= 0);
        if (got)
            item_check(last);
        read += (uint32_t)got;
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        lost += appenders[i].lost;
    }
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    assert_int_equal(read + lost, THREADS * ITEMS);
    assert_int_equal(s.arena->lost, lost);
    assert_int_equal(!lost, all_fit);
    segment_destroy(&s);
}

static void items_of_many_threads_are_read_whole_while_they_come(void **state)
{
    (void)state;
    append_and_read(2 << 20, true);
}

static void items_of_many_threads_beyond_the_end_are_counted(void **state)
{
    (void)state;
    append_and_read(128 << 10, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(item_appended_comes_back_in_both_its_parts),
        cmocka_unit_test(item_of_the_longest_size_comes_back_and_a_longer_one_is_refused),
        cmocka_unit_test(item_of_every_small_size_comes_back),
        cmocka_unit_test(arena_full_to_the_last_byte_counts_what_did_not_fit),
        cmocka_unit_test(item_that_did_not_fit_leaves_its_room_to_smaller_ones),
        cmocka_unit_test(items_of_many_threads_are_read_whole_while_they_come),
        cmocka_unit_test(items_of_many_threads_beyond_the_end_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
