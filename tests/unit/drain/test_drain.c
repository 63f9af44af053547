/* SPDX-License-Identifier: Apache-2.0 */
/* The drain as a thread among real threads: exact ledgers, waiting producers, slots used again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"

struct work {
    struct stage *stage;
    uint64_t records;
    uint64_t written, dropped; /* out: by the producer's own count */
};

/* The kernel's mark on a dead thread's mutex orders its memory before ours, but ThreadSanitizer
 * does not know; there threads say themselves that they go. */
#ifdef __SANITIZE_THREAD__
static const bool can_die = false;
#else
static const bool can_die = true;
#endif

static void *work_run(void *argument)
{
    struct work *work = argument;
    struct producer p;

    producer_claim(&p, work->stage, 0, can_die);
    for (uint64_t i = 0; i < work->records; i++)
        if (producer_write(&p, i))
            work->written++;
        else
            work->dropped++;
    if (!can_die)
        producer_retire(&p);
    return NULL;
}

static void workers_run(struct stage *stage, struct work *works, unsigned count, uint64_t records)
{
    pthread_t threads[8];

    for (unsigned i = 0; i < count; i++) {
        works[i] = (struct work){.stage = stage, .records = records};
        assert_int_equal(pthread_create(&threads[i], NULL, work_run, &works[i]), 0);
    }
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Sums over the last ledgers of all threads, each of which has to add up by itself. */
static struct trace_ledger ledgers_sum(void)
{
    struct trace_ledger sum = {0};
    size_t threads = fake_count(FAKE_THREAD, 0);

    for (uint32_t thread = 1; thread <= threads; thread++) {
        const struct trace_ledger *l = &fake_last(FAKE_LEDGER, thread)->item.ledger;
        uint64_t gaps = 0;
        const struct fake_call *gap;

        assert_true(l->final);
        assert_int_equal(l->written, l->stored + l->overwritten + l->damaged);
        assert_int_equal(l->stored, fake_count(FAKE_RECORD, thread));
        for (size_t n = 0; (gap = fake_find(FAKE_GAP, thread, n)); n++)
            gaps += gap->item.gap.kind == TRACE_GAP_DROPPED ? gap->item.gap.records : 0;
        assert_int_equal(gaps, l->dropped);
        sum.written += l->written;
        sum.dropped += l->dropped;
        sum.stored += l->stored;
    }
    return sum;
}

static void ledgers_of_racing_threads_are_exact(void **state)
{
    struct stage stage;
    struct work works[4];
    struct trace_ledger sum;
    uint64_t written = 0, dropped = 0;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 4096});
    assert_int_equal(drain_start(stage.drain), 0);
    workers_run(&stage, works, 4, 20000);
    drain_stop(stage.drain);
    for (unsigned i = 0; i < 4; i++) {
        written += works[i].written;
        dropped += works[i].dropped;
    }
    assert_int_equal(fake_count(FAKE_THREAD, 0), 4);
    sum = ledgers_sum();
    assert_int_equal(sum.written, written);
    assert_int_equal(sum.dropped, dropped);
    assert_int_equal(sum.stored, written);
    stage_clear(&stage);
}

static void policy_block_loses_nothing(void **state)
{
    struct stage stage;
    struct work works[2];

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 4096, .policy = RING_BLOCK});
    assert_int_equal(drain_start(stage.drain), 0);
    workers_run(&stage, works, 2, 50000);
    drain_stop(stage.drain);
    assert_int_equal(works[0].written + works[1].written, 100000);
    assert_int_equal(ledgers_sum().stored, 100000);
    assert_int_equal(fake_count(FAKE_GAP, 0), 0);
    stage_clear(&stage);
}

static void slots_are_used_again_by_the_thousand(void **state)
{
    enum { THREADS = 3000 };
    struct stage stage;
    struct work work;
    struct drain_figures figures;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 4096, .slots = 4});
    for (unsigned i = 0; i < THREADS; i++) {
        work = (struct work){.stage = &stage, .records = 3};
        thread_run(work_run, &work);
        assert_int_equal(work.written, 3);
        drain_round(stage.drain);
    }
    drain_finish(stage.drain);
    assert_int_equal(fake_count(FAKE_THREAD, 0), THREADS);
    assert_int_equal(ledgers_sum().stored, 3 * THREADS);
    drain_figures(stage.drain, &figures);
    assert_int_equal(figures.threads, THREADS);
    assert_int_equal(figures.live_threads, 0);
    assert_int_equal(figures.records, 3 * THREADS);
    stage_clear(&stage);
}

static void threads_without_a_ring_get_a_stand_in(void **state)
{
    struct stage stage;
    const struct fake_call *thread;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    drain_round(stage.drain);
    for (int i = 0; i < 9; i++)
        registry_unringed(&stage.segment, 16);
    drain_tick(stage.drain);
    registry_unringed(&stage.segment, 16);
    drain_finish(stage.drain);
    thread = fake_find(FAKE_THREAD, 0, 0);
    assert_non_null(thread);
    assert_string_equal(thread->text, "(threads without a ring)");
    assert_int_equal(fake_count(FAKE_THREAD, 0), 1);
    assert_int_equal(fake_find(FAKE_GAP, 0, 0)->item.gap.records, 9);
    assert_int_equal(fake_find(FAKE_GAP, 0, 1)->item.gap.records, 1);
    assert_int_equal(ledgers_sum().dropped, 10);
    stage_clear(&stage);
}

static void finish_takes_what_was_published_before(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 1 << 20});
    producer_claim(&p, &stage, 0, false);
    for (uint64_t i = 0; i < 60000; i++)
        assert_true(producer_write(&p, i));
    drain_finish(stage.drain); /* not one round before */
    assert_int_equal(fake_count(FAKE_RECORD, 1), 60000);
    assert_int_equal(ledgers_sum().stored, 60000);
    assert_int_equal(registry_claim(&stage.segment, &(struct registry_claim){.pid = 1, .tid = 1}),
                     -ESHUTDOWN);
    stage_clear(&stage);
}

/* ---- hostile segments ---- */

static void scribbled_head_costs_that_thread_only(void **state)
{
    struct stage stage;
    struct producer bad, good;
    const uint64_t heads[] = {UINT64_MAX, 1, 1 << 20, UINT64_MAX / 2, 4097};

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    producer_claim(&bad, &stage, 1, false);
    producer_claim(&good, &stage, 2, false);
    for (unsigned i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        store_release(&producer_ring(&bad)->front.head, heads[i]);
        assert_true(producer_write(&good, i));
        drain_round(stage.drain);
        assert_int_equal(fake_count(FAKE_RECORD, 2), i + 1);
    }
    producer_retire(&bad);
    producer_retire(&good);
    drain_round(stage.drain);
    drain_finish(stage.drain);
    assert_true(fake_last(FAKE_LEDGER, 1)->item.ledger.final);
    assert_int_equal(fake_last(FAKE_LEDGER, 2)->item.ledger.stored, 5);
    stage_clear(&stage);
}

static void scribbled_records_never_harm_the_drain(void **state)
{
    struct stage stage;
    struct producer p;
    unsigned seed = 7;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    producer_claim(&p, &stage, 1, false);
    for (int round = 0; round < 2000; round++) {
        uint64_t *words = (uint64_t *)(void *)p.writer.data;

        for (int i = 0; i < 20; i++)
            (void)producer_write(&p, (uint64_t)i);
        for (int i = 0; i < 8; i++)
            words[rand_r(&seed) % 512] = (uint64_t)rand_r(&seed) << 20 ^ (uint64_t)rand_r(&seed);
        drain_round(stage.drain);
    }
    producer_retire(&p);
    drain_finish(stage.drain);
    assert_true(fake_count(FAKE_GAP, 1) > 0);
    stage_clear(&stage);
}

static void scribbled_registry_never_harms_the_drain(void **state)
{
    struct stage stage;
    struct producer p;
    unsigned seed = 3;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    producer_claim(&p, &stage, 1, false);
    for (int round = 0; round < 2000; round++) {
        /* Anything in header, slots and arena but the mutexes, which the kernel walks. */
        unsigned char *at = (unsigned char *)stage.segment.shared;
        size_t size = (size_t)((unsigned char *)stage.segment.rings - at);
        size_t where = (size_t)rand_r(&seed) * 16 % size;

        at[where] = (unsigned char)rand_r(&seed);
        drain_round(stage.drain);
        if (round % 100 == 0)
            drain_tick(stage.drain);
    }
    drain_finish(stage.drain);
    stage_clear(&stage);
}

static void counters_that_lie_do_not_make_the_ledger_lie(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    producer_claim(&p, &stage, 1, false);
    producer_write(&p, 1);
    store_relaxed(&producer_ring(&p)->front.written, UINT64_MAX);
    producer_retire(&p);
    drain_round(stage.drain);
    assert_int_equal(fake_last(FAKE_LEDGER, 1)->item.ledger.written, 1);
    assert_int_equal(fake_last(FAKE_LEDGER, 1)->item.ledger.stored, 1);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledgers_of_racing_threads_are_exact),
        cmocka_unit_test(policy_block_loses_nothing),
        cmocka_unit_test(slots_are_used_again_by_the_thousand),
        cmocka_unit_test(threads_without_a_ring_get_a_stand_in),
        cmocka_unit_test(finish_takes_what_was_published_before),
        cmocka_unit_test(scribbled_head_costs_that_thread_only),
        cmocka_unit_test(scribbled_records_never_harm_the_drain),
        cmocka_unit_test(scribbled_registry_never_harms_the_drain),
        cmocka_unit_test(counters_that_lie_do_not_make_the_ledger_lie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
