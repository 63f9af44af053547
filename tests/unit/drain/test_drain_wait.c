/* SPDX-License-Identifier: Apache-2.0 */
/* Every way of waiting with real threads: nobody waits for a drain that sleeps. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"
#include "registry/ring_layout.h"

enum { ROUNDS = 800, RING_BYTES = 4096 };
/* A drain that nobody wakes sleeps for a second; one that does not get a processor is late, too. */
static const uint64_t late_ns = 900000000, hopeless_ns = UINT64_C(20000000000);

struct teaser {
    struct stage *stage;
    int rounds;
    unsigned long records, late;
    bool gave_up;
};

static void spin_for(uint64_t ns)
{
    uint64_t until = clock_monotonic_ns() + ns;

    while (clock_monotonic_ns() < until)
        cpu_relax();
}

static uint64_t unread(const struct producer *p)
{
    const struct ring_shared *ring = p->writer.ring;

    return ring_bytes_between(&p->writer, load_acquire(&ring->tail),
                              load_relaxed(&ring->front.head));
}

/* As much as makes a producer ring, not a record more, at moments when the drain may be anywhere on
 * its way to sleep. */
static void *tease(void *argument)
{
    struct teaser *t = argument;
    struct producer p;
    unsigned seed = 1;

    producer_claim(&p, t->stage, 0, false);
    p.writer.bell = &t->stage->segment.shared->bell;
    for (int i = 0; i < t->rounds && !t->gave_up; i++) {
        uint64_t since = clock_monotonic_ns(), waited;

        /* A drain that is awake may take them as they come. */
        for (int n = 0; n < RING_BYTES / 16 && unread(&p) < RING_BYTES / 8; n++)
            t->records += producer_write(&p, t->records);
        while (unread(&p) >= RING_BYTES / 8 && clock_monotonic_ns() - since < hopeless_ns)
            sched_yield();
        waited = clock_monotonic_ns() - since;
        t->late += waited > late_ns;
        t->gave_up = waited >= hopeless_ns || t->late > 3;
        spin_for((uint64_t)rand_r(&seed) % 6000);
    }
    producer_retire(&p);
    return NULL;
}

static int choose(struct drain *d, void *context)
{
    struct wait_choice choice;

    if (wait_choice_parse(context, &choice))
        return -EINVAL;
    return drain_set_wait(d, &choice);
}

static void tease_with(char *word, int rounds)
{
    struct stage stage;
    struct teaser t = {.stage = &stage, .rounds = rounds};
    pthread_t thread;

    stage_set(&stage, &(struct stage_options){.ring_bytes = RING_BYTES});
    assert_int_equal(drain_start(stage.drain), 0);
    assert_int_equal(drain_call(stage.drain, choose, word), 0);
    assert_int_equal(pthread_create(&thread, NULL, tease, &t), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    drain_stop(stage.drain);
    /* One may be, of a machine that is busy with others. */
    if (t.late > 1)
        fail_msg("%s: %lu of %d waited for a drain that slept", word, t.late, rounds);
    assert_int_equal(fake_count(FAKE_RECORD, 0), t.records);
    stage_clear(&stage);
}

static void drain_that_blocks_misses_no_ring(void **state)
{
    (void)state;
    tease_with("block", ROUNDS);
}

/* The same by hand: between the last visit and the arming of the bells nobody is there to hear. */
static void drain_that_blocks_sees_what_came_before_it_slept(void **state)
{
    const struct wait_choice block = {.strategy = WAIT_BLOCK};
    uint64_t since = clock_monotonic_ns();
    struct wait_load load;
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = RING_BYTES});
    assert_int_equal(drain_set_wait(stage.drain, &block), 0);
    producer_claim(&p, &stage, 0, false);
    wait_turn(&stage.drain->wait, &(struct wait_load){0}); /* a thread that nobody has seen */
    drain_round(stage.drain);
    load = drain_round(stage.drain);
    for (uint64_t n = 0; n < RING_BYTES / 8 / 16; n++)
        assert_true(producer_write(&p, n));
    wait_turn(&stage.drain->wait, &load);
    assert_true(clock_monotonic_ns() - since < late_ns);
    producer_retire(&p);
    stage_clear(&stage);
}

static void drain_that_blocks_for_a_time_misses_no_ring(void **state)
{
    (void)state;
    tease_with("block:1s", ROUNDS);
    tease_with("block:1ms", ROUNDS);
}

static void drain_that_sleeps_misses_no_ring(void **state)
{
    (void)state;
    tease_with("sleep", ROUNDS);
    tease_with("sleep:50us", ROUNDS);
}

static void drain_that_never_sleeps_takes_everything(void **state)
{
    (void)state;
    /* They take the processor that others want, this test among them. */
    tease_with("spin", ROUNDS / 10);
    tease_with("yield", ROUNDS / 10);
}

/* Policy block: a thread that waits for room rings itself, and goes on at once. */
static void *fill_often(void *argument)
{
    struct teaser *t = argument;
    struct producer p;

    producer_claim(&p, t->stage, 0, false);
    p.writer.bell = &t->stage->segment.shared->bell;
    for (int i = 0; i < ROUNDS * 20; i++)
        t->records += producer_write(&p, t->records);
    producer_retire(&p);
    return NULL;
}

static void drain_that_blocks_lets_no_full_ring_wait(void **state)
{
    uint64_t since = clock_monotonic_ns();
    struct stage stage;
    struct teaser t = {.stage = &stage};

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = RING_BYTES, .policy = RING_BLOCK});
    assert_int_equal(choose(stage.drain, "block"), 0);
    assert_int_equal(drain_start(stage.drain), 0);
    thread_run(fill_often, &t);
    drain_stop(stage.drain);
    assert_int_equal(t.records, ROUNDS * 20);
    assert_int_equal(fake_count(FAKE_RECORD, 0), t.records);
    /* Sixty times a full ring: a few sleeps of a second would show. */
    assert_true(clock_monotonic_ns() - since < hopeless_ns);
    stage_clear(&stage);
}

static void wait_that_is_no_choice_is_refused(void **state)
{
    const struct wait_choice wrong = {.strategy = WAIT_SPIN, .longest_ns = 5000};
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    assert_int_equal(drain_set_wait(stage.drain, &wrong), -EINVAL);
    assert_int_equal(stage.drain->wait.choice.strategy, WAIT_SLEEP);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drain_that_blocks_misses_no_ring),
        cmocka_unit_test(drain_that_blocks_sees_what_came_before_it_slept),
        cmocka_unit_test(drain_that_blocks_for_a_time_misses_no_ring),
        cmocka_unit_test(drain_that_sleeps_misses_no_ring),
        cmocka_unit_test(drain_that_never_sleeps_takes_everything),
        cmocka_unit_test(drain_that_blocks_lets_no_full_ring_wait),
        cmocka_unit_test(wait_that_is_no_choice_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
