/* SPDX-License-Identifier: Apache-2.0 */
/* An arena whose writers died, lie, or scribble while it is read. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/atomic.h"
#include "death.h"
#include "registry/arena.h"
#include "registry_fixture.h"

static struct arena_item item; /* too large for small stacks */

/* An item's head as arena.c lays it out. */
struct head {
    uint32_t bytes, size, kind, unused;
};

static struct head *head_at(const struct segment *s, uint64_t at)
{
    return (struct head *)(void *)((unsigned char *)(s->arena + 1) + at);
}

static void segment_with_one_item(struct segment *s)
{
    assert_int_equal(segment_create(s, &fixture_small, NULL), 0);
    assert_int_equal(arena_append(s, ARENA_NOTE, "content", 8, NULL, 0), 0);
}

/* ---- who dies ---- */

static const char before[] = "before the death", torn[] = "a long text of one who was killed",
                  after[] = "after the death";

static void append_one(void *segment)
{
    (void)arena_append(segment, ARENA_NOTE, torn, sizeof(torn), NULL, 0);
}

static bool next_is(const struct segment *s, struct arena_reader *reader, const char *text)
{
    return arena_next(s, reader, &item) == 1 && item.size == strlen(text) + 1 &&
           memcmp(item.bytes, text, item.size) == 0;
}

static void item_torn_by_the_death_of_its_writer_is_never_shown_and_hides_no_other(void **state)
{
    struct segment s;
    unsigned count, whole = 0, missing = 0;
    bool killed = true;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    count = death_moments(append_one, &s);
    segment_destroy(&s);
    if (!count)
        skip();
    for (unsigned steps = 0; killed; steps += death_stride(count)) {
        struct arena_reader reader = {0}, early = {0};

        assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
        assert_int_equal(arena_append(&s, ARENA_NOTE, before, sizeof(before), NULL, 0), 0);
        killed = death_after(append_one, &s, steps);
        assert_true(next_is(&s, &early, before)); /* one who reads as it comes */
        if (next_is(&s, &early, torn))
            whole++;
        else
            missing++;
        assert_int_equal(arena_append(&s, ARENA_NOTE, after, sizeof(after), NULL, 0), 0);
        assert_true(next_is(&s, &early, after));
        assert_int_equal(arena_next(&s, &early, &item), 0);
        assert_true(next_is(&s, &reader, before)); /* and one who reads it all afterwards */
        if (early.taken == 3)
            assert_true(next_is(&s, &reader, torn));
        assert_true(next_is(&s, &reader, after));
        assert_int_equal(reader.pending_count, early.pending_count);
        assert_int_equal(s.arena->lost, 0);
        segment_destroy(&s);
    }
    assert_true(whole && missing);
}

/* ---- who takes long ---- */

static struct head *item_begin_by_hand(struct segment *s, const char *text, uint64_t at)
{
    struct head *head = head_at(s, at);

    head->bytes = (uint32_t)(sizeof(*head) + strlen(text) + 1 + 7) & ~7u;
    head->size = (uint32_t)strlen(text) + 1;
    memcpy(head + 1, text, head->size);
    return head;
}

static void item_that_takes_long_comes_when_it_is_complete(void **state)
{
    struct arena_reader reader = {0};
    struct segment s;
    struct head *slow;

    (void)state;
    segment_with_one_item(&s);
    slow = item_begin_by_hand(&s, "slow", 24);
    /* `reserved` still points to it: its writer has not come to move that. */
    assert_int_equal(arena_append(&s, ARENA_NOTE, after, sizeof(after), NULL, 0), 0);
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_true(next_is(&s, &reader, after));
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    store_release(&slow->kind, ARENA_NOTE);
    assert_true(next_is(&s, &reader, "slow"));
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    assert_int_equal(reader.taken, 3);
    assert_int_equal(reader.pending_count, 0);
    segment_destroy(&s);
}

static void more_items_that_are_not_complete_than_a_reader_remembers_are_waited_for(void **state)
{
    struct arena_reader reader = {0};
    struct segment s;

    (void)state;
    segment_with_one_item(&s);
    for (uint64_t i = 0; i < ARENA_PENDING_MAX + 1; i++)
        (void)item_begin_by_hand(&s, "never", 24 + 24 * i);
    assert_int_equal(arena_append(&s, ARENA_NOTE, after, sizeof(after), NULL, 0), 0);
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(arena_next(&s, &reader, &item), 0);
    assert_int_equal(reader.pending_count, ARENA_PENDING_MAX);
    store_release(&head_at(&s, 24)->kind, ARENA_NOTE);
    assert_true(next_is(&s, &reader, "never"));
    assert_true(next_is(&s, &reader, after));
    segment_destroy(&s);
}

/* ---- who lies ---- */

static void head_that_cannot_be_is_the_end_of_the_arena(void **state)
{
    const struct head lies[] = {
        {.bytes = 24, .size = 8, .kind = ARENA_PROCESS + 1},
        {.bytes = 24, .size = 8, .kind = UINT32_MAX},
        {.bytes = 16, .size = 8, .kind = ARENA_NOTE}, /* content behind the item */
        {.bytes = 0, .size = 0, .kind = ARENA_NOTE},  /* for ever the same */
        {.bytes = 8, .size = 0, .kind = ARENA_NOTE},
        {.bytes = 25, .size = 8, .kind = ARENA_NOTE},
        {.bytes = 28, .size = 8, .kind = ARENA_NOTE},
        {.bytes = UINT32_MAX, .size = 8, .kind = ARENA_NOTE},
        {.bytes = 65536, .size = 8, .kind = ARENA_NOTE}, /* beyond the capacity */
        {.bytes = 24, .size = UINT32_MAX, .kind = ARENA_NOTE},
        {.bytes = UINT32_MAX & ~7u, .size = ARENA_ITEM_MAX + 1, .kind = ARENA_NOTE},
        {.bytes = 24, .size = UINT32_MAX - 15, .kind = ARENA_NOTE}, /* wraps to a small sum */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
        struct arena_reader reader = {0};
        struct segment s;

        segment_with_one_item(&s);
        *head_at(&s, 0) = lies[i];
        assert_int_equal(arena_next(&s, &reader, &item), -EBADMSG);
        assert_int_equal(arena_next(&s, &reader, &item), -EBADMSG);
        segment_destroy(&s);
    }
}

static void item_longer_than_any_is_the_end_of_a_large_arena(void **state)
{
    struct segment_geometry g = fixture_small;
    struct arena_reader reader = {0};
    struct segment s;

    (void)state;
    g.arena_bytes = 1 << 20;
    assert_int_equal(segment_create(&s, &g, NULL), 0);
    *head_at(&s, 0) =
        (struct head){.bytes = 1 << 18, .size = ARENA_ITEM_MAX + 1, .kind = ARENA_NOTE};
    assert_int_equal(arena_next(&s, &reader, &item), -EBADMSG);
    head_at(&s, 0)->size = ARENA_ITEM_MAX;
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    segment_destroy(&s);
}

static void item_that_ends_with_the_arena_is_read_and_nothing_behind_it(void **state)
{
    const uint64_t capacity = fixture_small.arena_bytes - sizeof(struct arena_shared);
    struct arena_reader reader = {0};
    struct segment s;

    (void)state;
    segment_with_one_item(&s);
    *head_at(&s, 0) = (struct head){.bytes = (uint32_t)capacity, .size = 8, .kind = ARENA_NOTE};
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_string_equal(item.bytes, "content");
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    /* Eight bytes short of it there is no place for another head. */
    memset(s.rings, 1, sizeof(struct head));
    head_at(&s, 0)->bytes = (uint32_t)capacity - 8;
    reader = (struct arena_reader){0};
    assert_int_equal(arena_next(&s, &reader, &item), 1);
    assert_int_equal(arena_next(&s, &reader, &item), 0);
    segment_destroy(&s);
}

static void counters_that_lie_make_nobody_write_outside(void **state)
{
    const uint64_t capacity = fixture_small.arena_bytes - sizeof(struct arena_shared);
    const uint64_t lies[] = {capacity,       capacity - 8,    capacity + 8,
                             UINT64_MAX - 7, UINT64_MAX - 63, UINT64_C(1) << 63};
    static const unsigned char zeros[256] = {0};
    struct segment s;

    (void)state;
    segment_with_one_item(&s);
    store_relaxed(&s.arena->capacity, UINT64_MAX);
    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
        store_relaxed(&s.arena->reserved, lies[i]);
        assert_int_equal(arena_append(&s, ARENA_NOTE, "abcdefgh", 8, NULL, 0), -ENOSPC);
        assert_int_equal(s.arena->lost, i + 1);
    }
    assert_memory_equal(s.rings, zeros, sizeof(zeros));
    segment_destroy(&s);
}

/* ---- who scribbles ---- */

struct scribbler {
    struct segment *segment;
    bool enough;
};

static void *scribble(void *argument)
{
    struct scribbler *s = argument;
    uint64_t random = 17;

    while (!load_relaxed(&s->enough)) {
        struct head *head = head_at(s->segment, 0);

        store_relaxed(&head->size, (uint32_t)(random_next(&random) % 80000));
        store_relaxed(&head->bytes, (uint32_t)(random_next(&random) % 80000 & ~UINT64_C(7)));
        store_relaxed(&head->kind, (uint32_t)(random_next(&random) % 7));
    }
    return NULL;
}

static void arena_under_fire_is_read_within_bounds(void **state)
{
    const uint64_t capacity = fixture_small.arena_bytes - sizeof(struct arena_shared);
    struct scribbler scribbler = {0};
    unsigned seen[3] = {0};
    pthread_t thread;
    struct segment s;

    (void)state;
    segment_with_one_item(&s);
    scribbler.segment = &s;
    assert_int_equal(pthread_create(&thread, NULL, scribble, &scribbler), 0);
    for (unsigned i = 0; i < 200000 || !seen[0] || !seen[1] || !seen[2]; i++) {
        struct arena_reader reader = {0};
        int got = arena_next(&s, &reader, &item);

        assert_true(got == 0 || got == 1 || got == -EBADMSG);
        seen[got < 0 ? 2 : got]++;
        assert_true(reader.at <= capacity && reader.at % 8 == 0);
        if (got == 1) {
            assert_in_range(item.kind, ARENA_TYPE, ARENA_PROCESS);
            assert_true(item.size <= reader.at - sizeof(struct head));
        }
    }
    store_relaxed(&scribbler.enough, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    segment_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(item_torn_by_the_death_of_its_writer_is_never_shown_and_hides_no_other),
        cmocka_unit_test(item_that_takes_long_comes_when_it_is_complete),
        cmocka_unit_test(more_items_that_are_not_complete_than_a_reader_remembers_are_waited_for),
        cmocka_unit_test(head_that_cannot_be_is_the_end_of_the_arena),
        cmocka_unit_test(item_longer_than_any_is_the_end_of_a_large_arena),
        cmocka_unit_test(item_that_ends_with_the_arena_is_read_and_nothing_behind_it),
        cmocka_unit_test(counters_that_lie_make_nobody_write_outside),
        cmocka_unit_test(arena_under_fire_is_read_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
