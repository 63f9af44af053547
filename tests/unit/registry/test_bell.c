/* SPDX-License-Identifier: Apache-2.0 */
/* The bell: who sleeps is woken once, and nobody calls the kernel for one who does not. */
#include "registry/bell.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "registry_fixture.h"

static void bell_that_is_quiet_stays_so_when_it_is_rung(void **state)
{
    uint32_t bell = BELL_QUIET;

    (void)state;
    bell_ring(&bell);
    assert_int_equal(bell, BELL_QUIET);
    bell_disarm(&bell);
    assert_int_equal(bell, BELL_QUIET);
}

static void bell_armed_is_quiet_after_one_ring(void **state)
{
    uint32_t bell = BELL_QUIET;

    (void)state;
    assert_true(bell_arm(&bell));
    assert_true(bell_arm(&bell)); /* twice is once */
    assert_int_equal(bell, BELL_ARMED);
    errno = 77;
    bell_ring(&bell);
    assert_int_equal(errno, 77);
    assert_int_equal(bell, BELL_QUIET);
    assert_true(bell_arm(&bell));
    bell_disarm(&bell);
    assert_int_equal(bell, BELL_QUIET);
}

static void bell_silenced_cannot_be_armed_again(void **state)
{
    uint32_t bell = BELL_QUIET;

    (void)state;
    assert_true(bell_arm(&bell));
    bell_silence(&bell);
    assert_int_equal(bell, BELL_SILENT);
    bell_ring(&bell);
    bell_wake(&bell);
    bell_disarm(&bell);
    assert_int_equal(bell, BELL_SILENT);
    assert_false(bell_arm(&bell));
}

/* ---- who sleeps ---- */

struct sleeper {
    uint32_t bell;
    bool timed_out;
};

static void *sleep_until_it_rings(void *argument)
{
    struct sleeper *s = argument;
    const struct timespec patience = {.tv_sec = 20};

    if (!bell_arm(&s->bell))
        return NULL;
    while (load_acquire(&s->bell) == BELL_ARMED && !s->timed_out)
        if (syscall(SYS_futex, &s->bell, FUTEX_WAIT, BELL_ARMED, &patience, NULL, 0) != 0)
            s->timed_out = errno == ETIMEDOUT;
    return NULL;
}

static void sleeper_is_woken(void (*wake)(uint32_t *bell))
{
    for (int round = 0; round < 100; round++) {
        struct sleeper s = {.bell = BELL_QUIET};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, sleep_until_it_rings, &s), 0);
        while (load_acquire(&s.bell) != BELL_ARMED)
            sched_yield();
        for (int i = 0; i < round; i++) /* let it fall asleep, or not yet */
            sched_yield();
        wake(&s.bell);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_false(s.timed_out);
    }
}

static void sleeper_is_woken_by_a_ring(void **state)
{
    (void)state;
    sleeper_is_woken(bell_ring);
}

static void sleeper_is_woken_by_a_bell_that_falls_silent(void **state)
{
    (void)state;
    sleeper_is_woken(bell_silence);
}

/* ---- what the registry rings for ---- */

static void claim_rings_whether_it_finds_a_slot_or_none(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);
    uint32_t *bell = &f->segment.shared->bell;

    (void)state;
    assert_true(bell_arm(bell));
    assert_int_equal(owner_claim(&f->segment, NULL), 0);
    assert_int_equal(*bell, BELL_QUIET);
    assert_true(bell_arm(bell));
    assert_int_equal(owner_claim(&f->segment, NULL), -EAGAIN);
    assert_int_equal(*bell, BELL_QUIET);
    registry_retire(&f->segment, 0);
    registry_fixture_close(f);
}

static void segment_is_abandoned_when_its_drain_says_so_or_died(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);
    struct segment_shared *h = f->segment.shared;

    (void)state;
    assert_false(segment_is_abandoned(&f->segment));
    store_relaxed(&h->life.word, 4711); /* a drain's thread */
    assert_false(segment_is_abandoned(&f->segment));
    store_relaxed(&h->life.word, 4711 | FUTEX_OWNER_DIED);
    assert_true(segment_is_abandoned(&f->segment));
    store_relaxed(&h->life.word, 0);
    store_relaxed(&h->closed, 1);
    assert_true(segment_is_abandoned(&f->segment));
    registry_fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bell_that_is_quiet_stays_so_when_it_is_rung),
        cmocka_unit_test(bell_armed_is_quiet_after_one_ring),
        cmocka_unit_test(bell_silenced_cannot_be_armed_again),
        cmocka_unit_test(sleeper_is_woken_by_a_ring),
        cmocka_unit_test(sleeper_is_woken_by_a_bell_that_falls_silent),
        cmocka_unit_test(claim_rings_whether_it_finds_a_slot_or_none),
        cmocka_unit_test(segment_is_abandoned_when_its_drain_says_so_or_died),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
