/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "drain/wait.h"
#include "registry/bell.h"

enum { MS = 1000 * 1000 };

static const struct wait_load nothing = {0}, trickle = {.records = 3, .fill_bytes = 48},
                              burst = {.records = 999, .fill_bytes = 16000};

/* What it decides when asked again and again. */
static uint64_t settled(struct wait *wait, const struct wait_load *load, uint64_t now)
{
    for (int i = 0; i < 20; i++)
        (void)wait_decide(wait, load, now);
    return wait_decide(wait, load, now);
}

static void wait_when_nothing_comes_doubles_up_to_half_a_second(void **state)
{
    struct wait wait;
    uint64_t now = 1000 * (uint64_t)MS;

    (void)state;
    wait_init(&wait);
    wait.busy_ns = now - 50 * MS;
    assert_int_equal(wait_decide(&wait, &nothing, now), 150000);
    assert_int_equal(wait_decide(&wait, &nothing, now), 300000);
    assert_int_equal(settled(&wait, &nothing, now), 20 * MS);
    assert_int_equal(wait_decide(&wait, &nothing, now + 51 * MS), 40 * MS);
    assert_int_equal(settled(&wait, &nothing, now + 51 * MS), 500 * MS);
}

static void wait_ends_when_something_is_due(void **state)
{
    struct wait wait;
    uint64_t now = 5000 * (uint64_t)MS;

    (void)state;
    wait_init(&wait);
    assert_int_equal(settled(&wait, &nothing, now), 500 * MS);
    wait.due_ns = now + 7 * MS;
    assert_int_equal(settled(&wait, &nothing, now), 7 * MS);
    assert_int_equal(settled(&wait, &nothing, now + 8 * MS), 1); /* at once */
    wait.due_ns = now + 3600000 * (uint64_t)MS;
    assert_int_equal(settled(&wait, &nothing, now), 500 * MS);
    wait.due_ns = 0;
    assert_int_equal(settled(&wait, &nothing, now), 500 * MS);
}

static void wait_when_a_bell_is_not_heard_never_sleeps_long(void **state)
{
    static uint32_t bells[WAIT_BELLS_MAX + 1];
    struct wait wait;
    uint64_t now = 5000 * (uint64_t)MS;

    (void)state;
    wait_init(&wait);
    wait.deaf = true;
    wait.busy_ns = now;
    assert_int_equal(settled(&wait, &nothing, now), 2 * MS);
    assert_int_equal(settled(&wait, &nothing, now + 200 * MS), 10 * MS);
    assert_int_equal(settled(&wait, &nothing, now + 1200 * MS), 20 * MS);
    for (int i = 0; i < WAIT_BELLS_MAX + 1; i++)
        wait_listen(&wait, &bells[i]);
    assert_int_equal(settled(&wait, &nothing, now + 1200 * MS), 20 * MS);
    for (int i = 0; i < WAIT_BELLS_MAX + 1; i++)
        wait_forget(&wait, &bells[i]);
    assert_int_equal(settled(&wait, &nothing, now + 1200 * MS), 500 * MS);
}

static void wait_when_a_ring_fills_does_not_sleep(void **state)
{
    struct wait wait;

    (void)state;
    wait_init(&wait);
    assert_int_equal(wait_decide(&wait, &(struct wait_load){.records = 9, .fill_bytes = 70000}, 1),
                     0);
    assert_int_equal(wait_decide(&wait, &(struct wait_load){.records = 9, .more = true}, 1), 0);
    assert_int_equal(wait_decide(&wait, &nothing, 2), 150000);
}

static void wait_between_bursts_stays_short(void **state)
{
    struct wait wait;
    uint64_t now = 1000 * (uint64_t)MS;

    (void)state;
    wait_init(&wait);
    assert_int_equal(settled(&wait, &burst, now), 150000);
    assert_int_equal(settled(&wait, &nothing, now + 10 * MS), 150000);
    assert_int_equal(settled(&wait, &nothing, now + 30 * MS), 20 * MS);
}

static void wait_while_records_trickle_lasts_up_to_twenty_milliseconds(void **state)
{
    struct wait wait;
    uint64_t now = 1000 * (uint64_t)MS;

    (void)state;
    wait_init(&wait);
    assert_int_equal(settled(&wait, &trickle, now), 20 * MS);
    assert_int_equal(settled(&wait, &trickle, now + 900 * (uint64_t)MS), 20 * MS);
}

static void wait_for_small_rings_is_shorter(void **state)
{
    struct wait wait;

    (void)state;
    wait_init(&wait);
    wait_for_rings(&wait, 4096);
    assert_int_equal(settled(&wait, &(struct wait_load){.fill_bytes = 100}, 1), 100000);
    assert_int_equal(wait_decide(&wait, &(struct wait_load){.fill_bytes = 512}, 1), 0);
    wait.deaf = true;
    assert_int_equal(settled(&wait, &trickle, 500 * (uint64_t)MS), 200000);
    assert_int_equal(settled(&wait, &nothing, 900 * (uint64_t)MS), 10 * MS);
}

/* ---- the strategies that are chosen ---- */

static void choose(struct wait *wait, const char *word)
{
    struct wait_choice choice;

    wait_init(wait);
    assert_int_equal(wait_choice_parse(word, &choice), 0);
    wait_choose(wait, &choice);
}

static void wait_by_spinning_or_yielding_never_sleeps(void **state)
{
    static const char *const words[] = {"spin", "yield"};
    struct wait wait;

    (void)state;
    for (int i = 0; i < 2; i++) {
        choose(&wait, words[i]);
        assert_int_equal(settled(&wait, &nothing, 900 * (uint64_t)MS), 0);
        assert_int_equal(settled(&wait, &trickle, 901 * (uint64_t)MS), 0);
    }
}

static void wait_by_sleeping_no_longer_than_a_time_adapts_below_it(void **state)
{
    struct wait wait;
    uint64_t now = 9000 * (uint64_t)MS;

    (void)state;
    choose(&wait, "sleep:1ms");
    assert_int_equal(wait_decide(&wait, &nothing, now), 150000);
    assert_int_equal(settled(&wait, &nothing, now), MS);
    assert_int_equal(wait_decide(&wait, &(struct wait_load){.more = true}, now), 0);
    choose(&wait, "sleep:20us");
    assert_int_equal(settled(&wait, &burst, now), 20000);
}

static void wait_by_blocking_sleeps_at_once_unless_rings_fill(void **state)
{
    struct wait wait;
    uint64_t now = 9000 * (uint64_t)MS;

    (void)state;
    choose(&wait, "block");
    assert_int_equal(wait_decide(&wait, &trickle, now), 1000 * (uint64_t)MS);
    assert_int_equal(wait_decide(&wait, &burst, now), 1000 * (uint64_t)MS);
    assert_int_equal(wait_decide(&wait, &(struct wait_load){.more = true}, now), 0);
    assert_int_equal(wait_decide(&wait, &(struct wait_load){.fill_bytes = 70000}, now), 0);
    choose(&wait, "block:5ms");
    assert_int_equal(wait_decide(&wait, &burst, now), 5 * MS);
}

static void wait_by_blocking_where_no_bell_is_heard_adapts(void **state)
{
    struct wait wait;
    uint64_t now = 9000 * (uint64_t)MS;

    (void)state;
    choose(&wait, "block");
    wait.deaf = true;
    assert_int_equal(settled(&wait, &burst, now), 150000);
    assert_int_equal(settled(&wait, &nothing, now + 5000 * (uint64_t)MS), 20 * MS);
    wait.choice.longest_ns = 3 * MS;
    assert_int_equal(settled(&wait, &nothing, now + 5000 * (uint64_t)MS), 3 * MS);
}

/* Who rings before the bell is armed is not heard: the look at the rings has to see it. */
static bool finds_much(void *context)
{
    *(unsigned *)context += 1;
    return true;
}

static void wait_by_blocking_looks_at_the_rings_once_more(void **state)
{
    unsigned looks = 0;
    uint32_t bell = BELL_QUIET;
    uint64_t before = clock_monotonic_ns();
    struct wait wait;

    (void)state;
    choose(&wait, "block");
    wait.has_much = finds_much;
    wait.context = &looks;
    wait_listen(&wait, &bell);
    wait_turn(&wait, &nothing);
    assert_int_equal(looks, 1);
    assert_true(clock_monotonic_ns() - before < 900 * (uint64_t)MS);
    assert_int_equal(bell, BELL_QUIET);
    /* The adaptive one does not need it. */
    choose(&wait, "sleep");
    wait.has_much = finds_much;
    wait.context = &looks;
    wait.sleep_ns = 10 * MS;
    wait_listen(&wait, &bell);
    wait_turn(&wait, &nothing);
    assert_int_equal(looks, 1);
}

static void wait_that_is_chosen_anew_forgets_how_long_it_slept(void **state)
{
    const struct wait_choice sleep = {.strategy = WAIT_SLEEP};
    struct wait wait;
    uint64_t now = 9000 * (uint64_t)MS;

    (void)state;
    wait_init(&wait);
    assert_int_equal(settled(&wait, &nothing, now), 500 * MS);
    wait_choose(&wait, &sleep);
    assert_int_equal(wait_decide(&wait, &nothing, now), 150000);
}

/* ---- bells ---- */

struct ringer {
    uint32_t bell;
    bool silent;
    uint32_t over; /* the sleeper has gone on: nobody arms the bell any more */
};

/* Old kernels cannot, and valgrind's does not know how to ask. */
static bool kernel_waits_for_many_words(void)
{
    return !syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) || errno != ENOSYS;
}

static void *ring_when_armed(void *argument)
{
    struct ringer *r = argument;

    while (load_acquire(&r->bell) != BELL_ARMED)
        if (load_relaxed(&r->over))
            return NULL;
    if (r->silent)
        bell_silence(&r->bell);
    else
        bell_ring(&r->bell);
    return NULL;
}

enum { TURNS_MAX = 50 /* the ringer may come late, on a busy machine */ };

/* Sleeps of half a second, until a bell ended one. */
static void turns_take(struct wait *wait, struct ringer *r)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, ring_when_armed, r), 0);
    wait->burst_ns = 0;
    for (unsigned n = 0; n < TURNS_MAX && !wait->burst_ns && !wait->deaf; n++) {
        wait->busy_ns = 0;
        wait->sleep_ns = 500 * MS;
        wait_turn(wait, &nothing);
    }
    store_relaxed(&r->over, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void wait_ends_when_a_bell_rings(void **state)
{
    struct ringer r = {.bell = BELL_QUIET};
    uint32_t other = BELL_QUIET;
    struct wait wait;

    (void)state;
    wait_init(&wait);
    wait_listen(&wait, &other);
    wait_listen(&wait, &r.bell);
    turns_take(&wait, &r);
    assert_int_equal(r.bell, BELL_QUIET);
    assert_int_equal(other, BELL_QUIET);
    assert_int_equal(wait.deaf, !kernel_waits_for_many_words());
    if (wait.deaf)
        return;
    /* Records come, which only a bell has told: it does not fall asleep again at once. */
    assert_int_equal(wait_decide(&wait, &nothing, clock_monotonic_ns()), 150000);
}

static void wait_when_a_bell_is_silenced_goes_on_without(void **state)
{
    struct ringer r = {.bell = BELL_QUIET, .silent = true};
    struct wait wait;

    (void)state;
    wait_init(&wait);
    wait_listen(&wait, &r.bell);
    turns_take(&wait, &r);
    if (!kernel_waits_for_many_words()) {
        assert_true(wait.deaf);
        return;
    }
    assert_int_equal(r.bell, BELL_SILENT);
    wait.burst_ns = 0;
    wait.sleep_ns = 500 * MS;
    wait_turn(&wait, &nothing);
    assert_true(wait.deaf);
    bell_ring(&r.bell);
    assert_int_equal(r.bell, BELL_SILENT);
}

static void wait_that_was_woken_before_does_not_sleep(void **state)
{
    struct wait wait;
    uint64_t before;

    (void)state;
    wait_init(&wait);
    /* A hundred sleeps of ten milliseconds would take a second. */
    before = clock_monotonic_ns();
    for (int i = 0; i < 100; i++) {
        wait_wake(&wait);
        wait.sleep_ns = 10 * MS;
        wait_turn(&wait, &nothing);
    }
    assert_true(clock_monotonic_ns() - before < 500 * (uint64_t)MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_when_nothing_comes_doubles_up_to_half_a_second),
        cmocka_unit_test(wait_ends_when_something_is_due),
        cmocka_unit_test(wait_when_a_bell_is_not_heard_never_sleeps_long),
        cmocka_unit_test(wait_when_a_ring_fills_does_not_sleep),
        cmocka_unit_test(wait_between_bursts_stays_short),
        cmocka_unit_test(wait_while_records_trickle_lasts_up_to_twenty_milliseconds),
        cmocka_unit_test(wait_for_small_rings_is_shorter),
        cmocka_unit_test(wait_by_spinning_or_yielding_never_sleeps),
        cmocka_unit_test(wait_by_sleeping_no_longer_than_a_time_adapts_below_it),
        cmocka_unit_test(wait_by_blocking_sleeps_at_once_unless_rings_fill),
        cmocka_unit_test(wait_by_blocking_where_no_bell_is_heard_adapts),
        cmocka_unit_test(wait_by_blocking_looks_at_the_rings_once_more),
        cmocka_unit_test(wait_that_is_chosen_anew_forgets_how_long_it_slept),
        cmocka_unit_test(wait_ends_when_a_bell_rings),
        cmocka_unit_test(wait_when_a_bell_is_silenced_goes_on_without),
        cmocka_unit_test(wait_that_was_woken_before_does_not_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
