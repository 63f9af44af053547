/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that come and go by the hundred while the drain walks over their slots. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "registry_fixture.h"

struct crowd {
    struct segment *segment;
    pthread_barrier_t all_here, all_done;
    unsigned owners;                        /* that each thread is, one after the other */
    unsigned records;                       /* of each owner */
    bool retires;                           /* else the thread's end is the slot's */
    uint32_t holders[SEGMENT_SLOTS_MAX];    /* of each slot, by the threads' own account */
    uint64_t claimed, unringed, collisions; /* likewise */
};

/* Sanitizers map a shadow for every thread's stack. */
enum { STACK_BYTES = 256 * 1024 };

/* ThreadSanitizer takes the mutex of a thread that has ended for locked for ever, and another
 * thread's of the same slot for an error. */
#ifdef __SANITIZE_THREAD__
enum { DEATH_IS_UNDERSTOOD = false };
#else
enum { DEATH_IS_UNDERSTOOD = true };
#endif

static void threads_start(pthread_t *threads, unsigned count, void *(*run)(void *), void *context)
{
    pthread_attr_t small;

    assert_int_equal(pthread_attr_init(&small), 0);
    assert_int_equal(pthread_attr_setstacksize(&small, STACK_BYTES), 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], &small, run, context), 0);
    pthread_attr_destroy(&small);
}

static void threads_join(pthread_t *threads, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void records_write(struct crowd *c, uint32_t slot)
{
    struct ada_writer writer;

    owner_write_to(&writer, c->segment, slot);
    for (uint64_t i = 1; i <= c->records; i++)
        (void)fixture_emit(&writer, 16 + i % 50, i);
}

static void owner_live(struct crowd *c, uint32_t slot)
{
    add_relaxed(&c->claimed, 1);
    if (exchange_relaxed(&c->holders[slot], 1))
        add_relaxed(&c->collisions, 1);
    records_write(c, slot);
}

static void owner_leave(struct crowd *c, uint32_t slot)
{
    store_relaxed(&c->holders[slot], 0);
    if (c->retires)
        registry_retire(c->segment, slot);
}

/* ---- all at once ---- */

static void *owner_among_many(void *argument)
{
    struct crowd *c = argument;
    int slot;

    pthread_barrier_wait(&c->all_here);
    slot = owner_claim(c->segment, "one of many");
    if (slot < 0) {
        add_relaxed(&c->unringed, 1);
        registry_unringed(c->segment, 100);
    } else {
        owner_live(c, (uint32_t)slot);
    }
    pthread_barrier_wait(&c->all_done);
    if (slot >= 0)
        owner_leave(c, (uint32_t)slot);
    return NULL;
}

static void crowd_run(struct registry_fixture *f, struct crowd *c, unsigned threads)
{
    pthread_t *ids = calloc(threads, sizeof(*ids));

    assert_non_null(ids);
    c->segment = &f->segment;
    assert_int_equal(pthread_barrier_init(&c->all_here, NULL, threads), 0);
    assert_int_equal(pthread_barrier_init(&c->all_done, NULL, threads), 0);
    threads_start(ids, threads, owner_among_many, c);
    while (load_relaxed(&f->segment.shared->unringed) + f->ended < threads) {
        (void)registry_fixture_round(f);
        sched_yield();
    }
    threads_join(ids, threads);
    assert_int_equal(registry_fixture_round(f), 0);
    assert_int_equal(c->collisions, 0);
    assert_int_equal(c->claimed, f->ended);
    assert_int_equal(f->written + f->dropped, c->claimed * c->records);
    pthread_barrier_destroy(&c->all_here);
    pthread_barrier_destroy(&c->all_done);
    free(ids);
}

static void threads_at_once_each_have_a_slot_of_their_own(void **state)
{
    struct registry_fixture *f = registry_fixture_open(400, 4096, 300);
    struct crowd c = {.records = 30, .retires = true};

    (void)state;
    crowd_run(f, &c, 300);
    assert_int_equal(c.claimed, 300);
    registry_fixture_close(f);
}

static void threads_that_end_at_once_without_retiring_give_their_slots_back(void **state)
{
    struct registry_fixture *f = registry_fixture_open(200, 4096, 200);
    struct crowd c = {.records = 30, .retires = false};

    (void)state;
    for (unsigned round = 0; round < (DEATH_IS_UNDERSTOOD ? 3 : 1); round++) {
        crowd_run(f, &c, 200);
        assert_int_equal(registry_prepare(&f->segment, 200), 200);
        assert_int_equal(c.claimed, 200);
        f->ended = f->written = f->dropped = c.claimed = 0;
    }
    registry_fixture_close(f);
}

/* The drain prepares none while they come: those who find none are counted, to the last. */
static void threads_without_a_slot_are_counted_exactly(void **state)
{
    struct registry_fixture *f = registry_fixture_open(60, 4096, 60);
    struct crowd c = {.records = 30, .retires = true};

    (void)state;
    crowd_run(f, &c, 200);
    assert_int_equal(c.claimed, 60);
    assert_int_equal(c.unringed, 140);
    assert_int_equal(f->segment.shared->unringed, 140);
    assert_int_equal(f->segment.shared->unringed_bytes, 14000);
    registry_fixture_close(f);
}

/* ---- one after the other ---- */

static void *owner_again_and_again(void *argument)
{
    struct crowd *c = argument;

    for (unsigned i = 0; i < c->owners;) {
        int slot = owner_claim(c->segment, "for a moment");

        if (slot < 0) {
            sched_yield(); /* the drain's turn */
            continue;
        }
        owner_live(c, (uint32_t)slot);
        registry_rename(c->segment, (uint32_t)slot, "renamed");
        owner_leave(c, (uint32_t)slot);
        i++;
    }
    return NULL;
}

static void threads_that_come_and_go_leave_every_record_to_the_drain(void **state)
{
    enum { THREADS = 8, OWNERS = 2000 };
    struct registry_fixture *f = registry_fixture_open(12, 4096, 6);
    struct crowd c = {.segment = &f->segment, .owners = OWNERS, .records = 20, .retires = true};
    pthread_t threads[THREADS];

    (void)state;
    threads_start(threads, THREADS, owner_again_and_again, &c);
    while (f->ended < THREADS * OWNERS)
        (void)registry_fixture_round(f);
    threads_join(threads, THREADS);
    assert_int_equal(registry_fixture_round(f), 0);
    assert_int_equal(c.collisions, 0);
    assert_int_equal(f->ended, THREADS * OWNERS);
    assert_int_equal(f->written + f->dropped, THREADS * OWNERS * c.records);
    assert_int_equal(f->taken, f->written);
    registry_fixture_close(f);
}

/* Real threads, each of them new: slots go from thread to thread by the kernel's word alone. */
static void *owner_once(void *argument)
{
    struct crowd *c = argument;
    int slot;

    while ((slot = owner_claim(c->segment, NULL)) < 0)
        sched_yield();
    owner_live(c, (uint32_t)slot);
    owner_leave(c, (uint32_t)slot);
    return NULL;
}

static void threads_born_without_end_share_a_few_slots(void **state)
{
    enum { AT_ONCE = 16, WAVES = 60 };
    struct registry_fixture *f = registry_fixture_open(8, 4096, 8);
    struct crowd c = {.segment = &f->segment, .records = 10, .retires = !DEATH_IS_UNDERSTOOD};
    pthread_t threads[AT_ONCE];

    (void)state;
    for (unsigned wave = 1; wave <= WAVES; wave++) {
        threads_start(threads, AT_ONCE, owner_once, &c);
        while (f->ended < wave * AT_ONCE)
            (void)registry_fixture_round(f);
        threads_join(threads, AT_ONCE);
    }
    assert_int_equal(registry_fixture_round(f), 0);
    assert_int_equal(registry_bound(&f->segment), 8);
    assert_int_equal(f->written + f->dropped, c.claimed * c.records);
    assert_int_equal(c.claimed, WAVES * AT_ONCE);
    registry_fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_at_once_each_have_a_slot_of_their_own),
        cmocka_unit_test(threads_that_end_at_once_without_retiring_give_their_slots_back),
        cmocka_unit_test(threads_without_a_slot_are_counted_exactly),
        cmocka_unit_test(threads_that_come_and_go_leave_every_record_to_the_drain),
        cmocka_unit_test(threads_born_without_end_share_a_few_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
