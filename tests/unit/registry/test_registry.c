/* SPDX-License-Identifier: Apache-2.0 */
/* A slot's life with one thread that is owner and drain by turns. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "registry_fixture.h"

static void slot_claimed_says_who_has_it(void **state)
{
    struct registry_fixture *f = registry_fixture_open(4, 4096, 2);
    const struct registry_claim who = {
        .pid = 11, .tid = 12, .parent_pid = 10, .ticks = 99, .name = "worker", .robust = true};
    struct registry_view view;

    (void)state;
    assert_int_equal(registry_bound(&f->segment), 0);
    assert_false(registry_look(&f->segment, 0, &view));
    assert_int_equal(registry_claim(&f->segment, &who), 0);
    assert_int_equal(registry_bound(&f->segment), 1);
    view = slot_look(&f->segment, 0);
    assert_int_equal(view.state, SLOT_CLAIMED);
    assert_int_equal(view.pid, 11);
    assert_int_equal(view.tid, 12);
    assert_int_equal(view.parent_pid, 10);
    assert_int_equal(view.claim_ticks, 99);
    assert_int_equal(view.generation, 0);
    assert_int_equal(view.name_changes, 0);
    assert_string_equal(view.name, "worker");
    assert_true(view.robust);
    assert_false(view.dead);
    registry_retire(&f->segment, 0);
    registry_fixture_close(f);
}

static void thread_that_does_not_say_its_number_gets_it_from_the_mutex(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);

    (void)state;
    assert_int_equal(owner_claim(&f->segment, NULL), 0);
    assert_int_equal(slot_look(&f->segment, 0).tid, (uint32_t)syscall(SYS_gettid));
    assert_string_equal(slot_look(&f->segment, 0).name, "");
    registry_retire(&f->segment, 0);
    registry_fixture_close(f);
}

static void slot_claimed_without_the_mutex_says_so(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);
    const struct registry_claim who = {.pid = 1, .tid = 2};

    (void)state;
    assert_int_equal(registry_claim(&f->segment, &who), 0);
    /* What lay there before is no death. */
    store_relaxed(&f->segment.slots[0].life.words[0], UINT32_MAX);
    assert_false(slot_look(&f->segment, 0).robust);
    assert_false(slot_look(&f->segment, 0).dead);
    registry_retire(&f->segment, 0);
    assert_int_equal(slot_look(&f->segment, 0).state, SLOT_RETIRED);
    registry_fixture_close(f);
}

static void slots_are_taken_from_the_lowest_number_up(void **state)
{
    struct registry_fixture *f = registry_fixture_open(130, 4096, 130);
    /* Without the mutex: ThreadSanitizer knows of no thread that holds so many. */
    const struct registry_claim who = {.pid = 1, .tid = 2};

    (void)state;
    for (int n = 0; n < 130; n++)
        assert_int_equal(registry_claim(&f->segment, &who), n);
    registry_retire(&f->segment, 70);
    registry_retire(&f->segment, 3);
    assert_int_equal(registry_fixture_round(f), 128);
    assert_int_equal(owner_claim(&f->segment, NULL), 3);
    assert_int_equal(owner_claim(&f->segment, NULL), 70);
    assert_int_equal(registry_bound(&f->segment), 130);
    for (uint32_t n = 0; n < 130; n++)
        registry_retire(&f->segment, n);
    registry_fixture_close(f);
}

static void slot_retired_is_kept_until_it_is_freed_and_prepared(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);
    struct registry_view view;

    (void)state;
    assert_int_equal(owner_claim(&f->segment, "first"), 0);
    registry_retire(&f->segment, 0);
    assert_int_equal(slot_look(&f->segment, 0).state, SLOT_RETIRED);
    assert_false(slot_look(&f->segment, 0).dead);
    assert_int_equal(registry_prepare(&f->segment, 1), 0); /* not free */
    assert_int_equal(owner_claim(&f->segment, "second"), -EAGAIN);
    registry_free(&f->segment, 0);
    assert_false(registry_look(&f->segment, 0, &view));
    assert_int_equal(owner_claim(&f->segment, "second"), -EAGAIN); /* not prepared */
    assert_int_equal(registry_prepare(&f->segment, 1), 1);
    assert_int_equal(owner_claim(&f->segment, "second"), 0);
    assert_string_equal(slot_look(&f->segment, 0).name, "second");
    registry_retire(&f->segment, 0);
    registry_fixture_close(f);
}

static void slot_reused_is_a_generation_on_and_its_ring_is_empty(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);
    static struct ada_writer writer;
    struct ring_stats stats;

    (void)state;
    for (uint32_t owner = 0; owner < 50; owner++) {
        assert_int_equal(owner_claim(&f->segment, NULL), 0);
        assert_int_equal(slot_look(&f->segment, 0).generation, owner);
        ring_stats(&f->segment.slots[0].ring, &stats);
        assert_int_equal(stats.written + stats.dropped + stats.taken + stats.fill_bytes, 0);
        owner_write_to(&writer, &f->segment, 0);
        for (uint64_t i = 1; i <= owner * 5; i++)
            (void)fixture_emit(&writer, 64, i);
        registry_retire(&f->segment, 0);
        assert_int_equal(registry_fixture_round(f), 0);
    }
    assert_int_equal(f->ended, 50);
    assert_int_equal(f->written + f->dropped, 5 * 49 * 50 / 2);
    assert_true(f->dropped > 0);
    registry_fixture_close(f);
}

static void name_changed_is_counted_and_never_too_long(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);
    const char *longest = "a name of one and thirty bytes.",
               *longer = "a name of two and thirty bytes..";

    (void)state;
    assert_int_equal(owner_claim(&f->segment, longer), 0);
    assert_memory_equal(slot_look(&f->segment, 0).name, longer, 31);
    assert_int_equal(strlen(slot_look(&f->segment, 0).name), 31);
    registry_rename(&f->segment, 0, longest);
    assert_string_equal(slot_look(&f->segment, 0).name, longest);
    assert_int_equal(slot_look(&f->segment, 0).name_changes, 1);
    registry_rename(&f->segment, 0, longer); /* and nothing behind it is written to */
    assert_int_equal(slot_look(&f->segment, 0).name_changes, 2);
    registry_rename(&f->segment, 0, "short");
    assert_string_equal(slot_look(&f->segment, 0).name, "short");
    assert_int_equal(slot_look(&f->segment, 0).name_changes, 3);
    registry_retire(&f->segment, 0);
    assert_int_equal(registry_fixture_round(f), 0);
    assert_int_equal(owner_claim(&f->segment, NULL), 0); /* the next owner begins anew */
    assert_string_equal(slot_look(&f->segment, 0).name, "");
    assert_int_equal(slot_look(&f->segment, 0).name_changes, 0);
    registry_retire(&f->segment, 0);
    registry_fixture_close(f);
}

static void claim_when_all_slots_are_taken_is_refused_and_can_be_counted(void **state)
{
    struct registry_fixture *f = registry_fixture_open(3, 4096, 3);

    (void)state;
    for (int n = 0; n < 3; n++)
        assert_int_equal(owner_claim(&f->segment, NULL), n);
    for (uint64_t i = 1; i <= 10; i++) {
        assert_int_equal(owner_claim(&f->segment, NULL), -EAGAIN);
        registry_unringed(&f->segment, 8 * i);
    }
    assert_int_equal(f->segment.shared->unringed, 10);
    assert_int_equal(f->segment.shared->unringed_bytes, 8 * 55);
    assert_int_equal(registry_prepare(&f->segment, 3), 0);
    assert_int_equal(registry_bound(&f->segment), 3);
    registry_retire(&f->segment, 1);
    assert_int_equal(registry_fixture_round(f), 2);
    assert_int_equal(owner_claim(&f->segment, NULL), 1);
    for (uint32_t n = 0; n < 3; n++)
        registry_retire(&f->segment, n);
    registry_fixture_close(f);
}

static void claim_when_the_drain_has_gone_is_refused_and_takes_nothing(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);

    (void)state;
    store_relaxed(&f->segment.shared->closed, 1);
    assert_int_equal(owner_claim(&f->segment, NULL), -ESHUTDOWN);
    assert_true(slot_is_ready(&f->segment, 0));
    assert_int_equal(registry_bound(&f->segment), 0);
    registry_fixture_close(f);
}

static void hundred_thousand_owners_leave_the_segment_as_big_as_it_was(void **state)
{
    enum { AT_ONCE = 8, OWNERS = 100000 };
    struct registry_fixture *f = registry_fixture_open(AT_ONCE, 65536, AT_ONCE);
    static struct ada_writer writer;
    struct stat before = {0}, after;

    (void)state;
    for (unsigned owner = 0; owner < OWNERS; owner += AT_ONCE) {
        for (int n = 0; n < AT_ONCE; n++) {
            assert_int_equal(owner_claim(&f->segment, "one of many"), n);
            owner_write_to(&writer, &f->segment, (uint32_t)n);
            for (uint64_t i = 1; i <= 3; i++)
                assert_true(fixture_emit(&writer, 200, i));
            registry_retire(&f->segment, (uint32_t)n);
        }
        assert_int_equal(registry_fixture_round(f), 0);
        if (owner == 0)
            assert_int_equal(fstat(f->segment.fd, &before), 0);
    }
    assert_int_equal(f->ended, OWNERS);
    assert_int_equal(f->taken, 3 * OWNERS);
    assert_int_equal(fstat(f->segment.fd, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(after.st_blocks, before.st_blocks);
    assert_int_equal(registry_bound(&f->segment), AT_ONCE);
    registry_fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_claimed_says_who_has_it),
        cmocka_unit_test(thread_that_does_not_say_its_number_gets_it_from_the_mutex),
        cmocka_unit_test(slot_claimed_without_the_mutex_says_so),
        cmocka_unit_test(slots_are_taken_from_the_lowest_number_up),
        cmocka_unit_test(slot_retired_is_kept_until_it_is_freed_and_prepared),
        cmocka_unit_test(slot_reused_is_a_generation_on_and_its_ring_is_empty),
        cmocka_unit_test(name_changed_is_counted_and_never_too_long),
        cmocka_unit_test(claim_when_all_slots_are_taken_is_refused_and_can_be_counted),
        cmocka_unit_test(claim_when_the_drain_has_gone_is_refused_and_takes_nothing),
        cmocka_unit_test(hundred_thousand_owners_leave_the_segment_as_big_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
