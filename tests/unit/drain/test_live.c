/* SPDX-License-Identifier: Apache-2.0 */
/* What listeners of a running session get, with a real file beside them. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/drain_state.h"
#include "drain/live_state.h"
#include "live_ear.h"

/* ---- stages ---- */

static void a_stage_hears_records_and_what_they_mean_in_order(void **state)
{
    struct producer p;
    struct stage stage;
    struct ear e;

    (void)state;
    live_stage_begin(&stage, &(struct stage_options){.ring_bytes = 65536});
    assert_null(stage.drain->live);
    ear_open(&e, &stage);
    assert_int_equal(live_listeners(stage.drain), 1);
    assert_int_equal(e.type_items, 0); /* no round yet: the type has not been heard */
    producer_claim(&p, &stage, 0, false);
    for (uint64_t n = 0, round = 0; round < 20; round++) {
        for (unsigned i = 0; i < round * 7; i++)
            assert_true(producer_write(&p, n++));
        drain_round(stage.drain);
        assert_int_equal(ear_hear(&e), 0);
        assert_int_equal(e.next, n);
        assert_true(e.in_order);
    }
    assert_int_equal(e.type_items, 1);
    assert_int_equal(e.declared, 1);
    assert_int_equal(e.thread_items, 1);
    assert_true(e.count[LIVE_ROUND] > 0);
    drain_finish(stage.drain);
    assert_int_equal(ear_hear(&e), -EPIPE);
    assert_int_equal(e.count[LIVE_END], 1);
    live_unlisten(stage.drain, e.consumer);
    stage_clear(&stage);
}

static void who_comes_late_gets_what_was_told_before(void **state)
{
    struct producer p;
    struct stage stage;
    struct ear e;

    (void)state;
    live_stage_begin(&stage, &(struct stage_options){.ring_bytes = 65536});
    producer_claim(&p, &stage, 0, false);
    for (uint64_t n = 0; n < 100; n++)
        assert_true(producer_write(&p, n));
    drain_round(stage.drain);
    ear_open(&e, &stage);
    assert_int_equal(e.type_items, 1);
    assert_int_equal(e.declared, 1);
    assert_int_equal(e.thread_items, 1);
    e.next = 100;
    for (uint64_t n = 100; n < 200; n++)
        assert_true(producer_write(&p, n));
    drain_round(stage.drain);
    assert_int_equal(ear_hear(&e), 0);
    assert_int_equal(e.next, 200);
    assert_true(e.in_order);
    /* And when all have gone there is nothing left of it. */
    live_unlisten(stage.drain, e.consumer);
    live_look_around(stage.drain, live_later());
    assert_null(stage.drain->live);
    assert_true(producer_write(&p, 200));
    drain_round(stage.drain);
    stage_clear(&stage);
}

static void gaps_are_heard_where_they_are(void **state)
{
    struct producer p;
    struct stage stage;
    struct ear e;
    uint64_t n = 0;

    (void)state;
    live_stage_begin(&stage, &(struct stage_options){.ring_bytes = 4096, .ring_max_bytes = 4096});
    ear_open(&e, &stage);
    producer_claim(&p, &stage, 0, false);
    while (producer_write(&p, n))
        n++;
    for (int i = 0; i < 9; i++)
        assert_false(producer_write(&p, 0));
    drain_round(stage.drain);
    assert_true(producer_write(&p, n));
    drain_round(stage.drain);
    assert_int_equal(ear_hear(&e), 0);
    assert_int_equal(e.next, n + 1);
    assert_int_equal(e.count[LIVE_GAP], 1);
    live_unlisten(stage.drain, e.consumer);
    stage_clear(&stage);
}

/* ---- threads ---- */

enum { MANY = 1200000 /* more than the buffer holds */ };

static void *write_many(void *argument)
{
    struct producer p;

    producer_claim(&p, argument, 0, false);
    for (uint64_t n = 0; n < MANY; n++)
        assert_true(producer_write(&p, n));
    producer_retire(&p);
    return NULL;
}

static int count_call(struct drain *d, void *context)
{
    (void)d;
    return ++*(int *)context;
}

struct slow_stage {
    struct ear ear;
    struct drain *drain;
    int calls;
};

/* Asks the drain for something when the buffer has been full for a while. */
static void *hear_slowly(void *context)
{
    struct slow_stage *s = context;
    struct ada_broadcast_counts counts;
    int calls = 0, got;

    do {
        got = ear_hear(&s->ear);
        if (got != -EPIPE && s->calls < 50) {
            s->calls++;
            /* Late ones come when the drain has ended. */
            got = drain_call(s->drain, count_call, &calls);
            assert_true(got == calls || got == -ESHUTDOWN);
            got = 0;
        }
        do {
            ada_broadcast_counts(s->ear.consumer, &counts);
            sched_yield();
        } while (got != -EPIPE && s->calls < 20 && s->ear.next < MANY / 2 &&
                 counts.lag_bytes < LIVE_CAPACITY_BYTES * 9ull / 10);
    } while (got != -EPIPE);
    return NULL;
}

static void a_gating_stage_misses_nothing_and_may_ask_the_drain(void **state)
{
    struct slow_stage slow = {0};
    struct stage stage;
    pthread_t thread;

    (void)state;
    live_stage_begin(&stage, &(struct stage_options){
                                 .ring_bytes = 65536, .policy = RING_BLOCK, .timeout_ns = 0});
    ear_open(&slow.ear, &stage);
    slow.drain = stage.drain;
    assert_int_equal(drain_start(stage.drain), 0);
    assert_int_equal(pthread_create(&thread, NULL, hear_slowly, &slow), 0);
    thread_run(write_many, &stage);
    drain_stop(stage.drain);
    pthread_join(thread, NULL);
    assert_int_equal(slow.ear.next, MANY);
    assert_true(slow.ear.in_order);
    live_unlisten(stage.drain, slow.ear.consumer);
    stage_clear(&stage);
}

/* ---- another process, played by this one: all it has is descriptors ---- */

static void subscription_hear(struct ear *e, const struct live_subscription *s,
                              struct ada_broadcast **buffer)
{
    struct ada_broadcast_join_options options = {.size = sizeof(options)};
    const struct live_begin *begin;
    struct stat about;
    void *bytes;

    *e = (struct ear){.in_order = 1};
    assert_int_equal(fstat(s->catalogue, &about), 0);
    bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, s->catalogue, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    ear_catalogue(e, bytes, (size_t)about.st_size);
    begin = (const void *)((const struct live_piece *)bytes + 1);
    options.from = &begin->place;
    assert_int_equal(ada_broadcast_map(buffer, s->buffer), 0);
    assert_int_equal(ada_broadcast_join(*buffer, &options, &e->consumer), 0);
    munmap(bytes, (size_t)about.st_size);
}

static void a_subscriber_hears_until_it_goes(void **state)
{
    struct live_subscription s;
    struct ada_broadcast *buffer;
    struct producer p;
    struct stage stage;
    struct ear e;

    (void)state;
    live_stage_begin(&stage, &(struct stage_options){.ring_bytes = 65536});
    producer_claim(&p, &stage, 0, false);
    assert_true(producer_write(&p, 0));
    drain_round(stage.drain);
    assert_int_equal(live_subscribe(stage.drain, &s), 0);
    assert_int_equal(live_listeners(stage.drain), 1);
    /* Told between the catalogue and the first look. */
    for (uint64_t n = 1; n < 100; n++)
        assert_true(producer_write(&p, n));
    drain_round(stage.drain);
    subscription_hear(&e, &s, &buffer);
    e.next = 1;
    assert_int_equal(e.thread_items, 1);
    assert_int_equal(ear_hear(&e), 0);
    assert_int_equal(e.next, 100);
    assert_true(e.in_order);
    live_look_around(stage.drain, live_later());
    assert_int_equal(live_listeners(stage.drain), 1);
    live_unsubscribe(stage.drain);
    live_look_around(stage.drain, live_later());
    assert_null(stage.drain->live);
    /* What it has mapped stays readable. */
    assert_int_equal(ear_hear(&e), 0);
    ada_broadcast_leave(e.consumer);
    ada_broadcast_destroy(buffer);
    close(s.buffer);
    close(s.catalogue);
    stage_clear(&stage);
}

static void who_subscribes_too_late_is_told_so(void **state)
{
    struct live_subscription s;
    struct stage stage;
    struct ear e = {0};

    (void)state;
    live_stage_begin(&stage, &(struct stage_options){0});
    drain_round(stage.drain);
    drain_finish(stage.drain);
    assert_int_equal(live_subscribe(stage.drain, &s), -ESHUTDOWN);
    assert_int_equal(live_join(stage.drain, &ear_gating, &e.consumer, NULL), -ESHUTDOWN);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_hears_records_and_what_they_mean_in_order),
        cmocka_unit_test(who_comes_late_gets_what_was_told_before),
        cmocka_unit_test(gaps_are_heard_where_they_are),
        cmocka_unit_test(a_gating_stage_misses_nothing_and_may_ask_the_drain),
        cmocka_unit_test(a_subscriber_hears_until_it_goes),
        cmocka_unit_test(who_subscribes_too_late_is_told_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
