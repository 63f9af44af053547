/* SPDX-License-Identifier: Apache-2.0 */
/* Policy block where no ring is ready: a thread waits for one, but not for what cannot come. One
 * process, one life: the cases' order counts. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/own_thread.h"
#include "registry/registry.h"
#include "registry/session_host.h"
#include "registry/slot_wait.h"
#include "tracer/tracer_state.h"

ADA_EVENT(awaited, event, (u32, n))

enum { MS = 1000 * 1000, SOON_NS = 50 * MS, PATIENCE_NS = 400 * MS, SLOTS = 3 };

static const struct segment_geometry geometry = {.slots = SLOTS,
                                                 .ring_bytes = 4096,
                                                 .arena_bytes = 65536,
                                                 .policy = RING_BLOCK,
                                                 .timeout_ns = PATIENCE_NS,
                                                 .clock = SEGMENT_CLOCK_COUNTER};
static struct segment segment;
static bool emitters_are_ours;
const struct session_host *session_host_embedded;

static int begin(void **state)
{
    (void)state;
    if (segment_create(&segment, &geometry, NULL) || tracer_attach_segment(&segment))
        return -1;
    return ada_events_enable("awaited:*");
}

static int end(void **state)
{
    (void)state;
    segment_destroy(&segment);
    return 0;
}

struct emitter {
    uint64_t took_ns;
    bool kept;
};

static void *emit(void *context)
{
    struct emitter *e = context;
    uint64_t before = load_relaxed(&segment.shared->unringed), start = clock_monotonic_ns();
    ada_trace_awaited_event(1);
    e->took_ns = clock_monotonic_ns() - start;
    e->kept = load_relaxed(&segment.shared->unringed) == before;
    tracer_thread_mute(true); /* gives the ring up */
    return NULL;
}

static struct emitter emitted(void)
{
    struct emitter e;
    struct own_thread ours;
    pthread_t thread;

    if (emitters_are_ours) {
        assert_int_equal(own_thread_start(&ours, "ours", 0, emit, &e), 0);
        thread = ours.id;
    } else {
        assert_int_equal(pthread_create(&thread, NULL, emit, &e), 0);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    return e;
}

static void *prepare_soon(void *prepared)
{
    const struct timespec soon = {.tv_nsec = SOON_NS};

    nanosleep(&soon, NULL);
    *(int *)prepared = registry_prepare(&segment, 1);
    return NULL;
}

static void ring_that_comes_is_waited_for(void **state)
{
    struct emitter e;
    pthread_t drain;
    int prepared = 0;

    (void)state;
    assert_int_equal(pthread_create(&drain, NULL, prepare_soon, &prepared), 0);
    e = emitted();
    assert_int_equal(pthread_join(drain, NULL), 0);
    assert_int_equal(prepared, 1);
    assert_true(e.kept);
}

static void ring_that_does_not_come_is_waited_for_as_long_as_was_said_and_once(void **state)
{
    struct emitter e = emitted();

    (void)state;
    assert_false(e.kept);
    assert_true(e.took_ns >= PATIENCE_NS);
    e = emitted();
    assert_false(e.kept);
    assert_true(e.took_ns < PATIENCE_NS);
    assert_int_equal(registry_prepare(&segment, 1), 1);
    assert_true(emitted().kept);
    e = emitted(); /* one came: there is hope again */
    assert_false(e.kept);
    assert_true(e.took_ns >= PATIENCE_NS);
}

static void not_waited(void)
{
    struct emitter e = emitted();

    assert_false(e.kept);
    assert_true(e.took_ns < PATIENCE_NS);
}

/* There is hope for all that each case has not taken away. */
static void nobody_waits_where_none_can_come(void **state)
{
    struct segment_shared *h = segment.shared;

    (void)state;
    store_relaxed(&tracer_state.waited_in_vain, 0);
    store_relaxed(&h->no_memory, 1);
    not_waited();
    store_relaxed(&h->no_memory, 0);
    assert_int_equal(registry_set_policy(&segment, RING_DROP, 0), 0);
    not_waited();
    assert_int_equal(registry_set_policy(&segment, RING_BLOCK, PATIENCE_NS), 0);
    assert_int_equal(load_relaxed(&tracer_state.waited_in_vain), 0);
    assert_true(slot_may_come(&segment));
    emitters_are_ours = true;
    not_waited();
    assert_int_equal(load_relaxed(&tracer_state.waited_in_vain), 0);
    emitters_are_ours = false;
    for (uint32_t n = 0; n < SLOTS; n++) {
        store_relaxed(&segment.slots[n].robust, 0);
        store_relaxed(&segment.slots[n].state, SLOT_CLAIMED);
    }
    store_relaxed(&h->slots_touched, SLOTS);
    not_waited(); /* all are held by threads that live */
    store_relaxed(&segment.slots[1].robust, 1);
    store_relaxed(&segment.slots[1].life.words[0], FUTEX_OWNER_DIED | 1);
    assert_true(slot_may_come(&segment)); /* that one has died */
    store_relaxed(&h->life.word, FUTEX_OWNER_DIED | 1);
    assert_false(slot_may_come(&segment)); /* the drain has */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_that_comes_is_waited_for),
        cmocka_unit_test(ring_that_does_not_come_is_waited_for_as_long_as_was_said_and_once),
        cmocka_unit_test(nobody_waits_where_none_can_come),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
