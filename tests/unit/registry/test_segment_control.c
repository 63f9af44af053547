/* SPDX-License-Identifier: Apache-2.0 */
/* Which events are on, changed while others read it. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/segment.h"
#include "registry_fixture.h"

static void control_set_is_what_is_got_a_generation_on(void **state)
{
    char longest[SEGMENT_GLOBS_BYTES + 1], globs[SEGMENT_GLOBS_BYTES];
    uint32_t level, first;
    struct segment s;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    assert_int_equal(segment_control_set(&s, "a:*,-a:b", 3), 0);
    first = segment_control_get(&s, globs, &level);
    assert_string_equal(globs, "a:*,-a:b");
    assert_int_equal(level, 3);
    assert_int_equal(segment_control_set(&s, NULL, 4), 0); /* no globs at all */
    assert_int_equal(segment_control_get(&s, globs, &level), first + 2);
    assert_string_equal(globs, "");
    assert_int_equal(level, 4);

    memset(longest, 'x', sizeof(longest));
    longest[SEGMENT_GLOBS_BYTES] = 0;
    assert_int_equal(segment_control_set(&s, longest, 5), -ENAMETOOLONG);
    assert_int_equal(segment_control_get(&s, globs, &level), first + 2); /* nothing changed */
    assert_int_equal(level, 4);
    longest[SEGMENT_GLOBS_BYTES - 1] = 0;
    assert_int_equal(segment_control_set(&s, longest, 5), 0);
    assert_int_equal(segment_control_get(&s, globs, &level), first + 4);
    assert_string_equal(globs, longest);
    segment_destroy(&s);
}

static void control_that_is_changed_for_ever_reads_as_everything_on(void **state)
{
    char globs[SEGMENT_GLOBS_BYTES];
    struct segment s;
    uint32_t level = 0;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    assert_int_equal(segment_control_set(&s, "a:*", 1), 0);
    /* Its writer died in the middle. */
    store_relaxed(&s.shared->control_generation, s.shared->control_generation | 1);
    assert_int_equal(segment_control_get(&s, globs, &level), 0);
    assert_string_equal(globs, "");
    assert_int_equal(level, UINT32_MAX);
    /* The next one repairs it. */
    assert_int_equal(segment_control_set(&s, "b:*", 2), 0);
    assert_int_equal(segment_control_get(&s, globs, &level) % 2, 0);
    assert_string_equal(globs, "b:*");
    segment_destroy(&s);
}

static void control_without_an_end_is_read_within_bounds(void **state)
{
    char globs[SEGMENT_GLOBS_BYTES];
    struct segment s;
    uint32_t level;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    memset(s.shared->globs, 'g', sizeof(s.shared->globs));
    (void)segment_control_get(&s, globs, &level);
    assert_int_equal(strlen(globs), SEGMENT_GLOBS_BYTES - 1);
    segment_destroy(&s);
}

/* ---- while it is read ---- */

enum { CHANGES = 20000, LENGTH = 700 };

struct reading {
    struct segment *segment;
    uint64_t read, torn, backwards;
    bool enough;
};

/* Globs and level that belong together: all letters are of the level. */
static bool is_whole(const char *globs, uint32_t level)
{
    if (level == UINT32_MAX)
        return !globs[0];
    for (size_t i = 0; i < LENGTH; i++)
        if (globs[i] != (char)('a' + level % 26))
            return false;
    return !globs[LENGTH];
}

static void *control_read(void *argument)
{
    struct reading *r = argument;
    uint32_t level, last = 0;
    char globs[SEGMENT_GLOBS_BYTES];

    while (!load_relaxed(&r->enough)) {
        uint32_t generation = segment_control_get(r->segment, globs, &level);

        r->torn += !is_whole(globs, level);
        if (!generation)
            continue; /* it was being changed all the time */
        r->backwards += generation < last;
        last = generation;
        add_relaxed(&r->read, 1);
    }
    return NULL;
}

static void control_read_while_it_changes_is_never_of_two_halves(void **state)
{
    struct reading readings[2] = {{0}};
    pthread_t threads[2];
    char globs[SEGMENT_GLOBS_BYTES] = {0};
    struct segment s;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    for (int i = 0; i < 2; i++) {
        readings[i].segment = &s;
        assert_int_equal(pthread_create(&threads[i], NULL, control_read, &readings[i]), 0);
    }
    for (uint32_t level = 0;
         level < CHANGES || !load_relaxed(&readings[0].read) || !load_relaxed(&readings[1].read);
         level++) {
        memset(globs, (char)('a' + level % 26), LENGTH);
        assert_int_equal(segment_control_set(&s, globs, level), 0);
    }
    for (int i = 0; i < 2; i++) {
        store_relaxed(&readings[i].enough, true);
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readings[i].torn, 0);
        assert_int_equal(readings[i].backwards, 0);
        assert_true(readings[i].read > 0);
    }
    segment_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_set_is_what_is_got_a_generation_on),
        cmocka_unit_test(control_that_is_changed_for_ever_reads_as_everything_on),
        cmocka_unit_test(control_without_an_end_is_read_within_bounds),
        cmocka_unit_test(control_read_while_it_changes_is_never_of_two_halves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
