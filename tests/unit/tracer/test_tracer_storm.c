/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads emit while types are switched and sessions start and stop around them. Every attempt
 * has a number, so the file itself says what is missing: for every thread, what was attempted is
 * what was decoded and what was counted as dropped.
 */
#include "tracer_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "format/trace_reader.h"

enum {
    WORKERS = 8,
    RING_BYTES = 1 << 16,
    SWITCHES = 400,
    ENOUGH = 2000,
    ROUNDS = 12,
    PAD_MAX = 90
};

ADA_EVENT(storm, steady, (u32, worker), (u64, n), (bytes, pad))
ADA_EVENT(storm, switched, (u32, worker), (u64, n))

/* One writer each; the main thread looks. */
struct worker {
    pthread_t thread;
    uint32_t number, tid;
    uint64_t attempts; /* of storm:steady, begun */
    uint64_t finished; /* of those */
    uint64_t switched; /* storm:switched that were written, by what the call said */
    uint64_t refused;  /* those that were off or dropped */
    uint64_t certain;  /* the main thread's: attempts when the session had begun */
};

static struct worker workers[WORKERS];
static uint32_t over;

static uint32_t tid_of(const struct worker *w)
{
    return __atomic_load_n(&w->tid, __ATOMIC_ACQUIRE);
}

static void emit_switched(struct worker *w, uint64_t n)
{
    unsigned char payload[12];

    memcpy(payload, &w->number, 4);
    memcpy(payload + 4, &n, 8);
    if (ada_emit(&ada_event_storm_switched, payload, sizeof(payload)))
        w->switched++;
    else
        w->refused++;
}

static void *work(void *argument)
{
    static const unsigned char pad[PAD_MAX];
    struct worker *w = argument;

    __atomic_store_n(&w->tid, thread_id(), __ATOMIC_RELEASE);
    for (uint64_t n = 0; !__atomic_load_n(&over, __ATOMIC_ACQUIRE); n++) {
        __atomic_store_n(&w->attempts, n + 1, __ATOMIC_SEQ_CST);
        ada_trace_storm_steady(w->number, n, pad, (uint32_t)(n % PAD_MAX));
        __atomic_store_n(&w->finished, n + 1, __ATOMIC_SEQ_CST);
        if (n % 4 == 0)
            emit_switched(w, n);
    }
    return NULL;
}

static void workers_begin(void)
{
    __atomic_store_n(&over, 0, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

static bool workers_all_reached(uint64_t finished)
{
    for (unsigned i = 0; i < WORKERS; i++)
        if (__atomic_load_n(&workers[i].finished, __ATOMIC_SEQ_CST) < finished)
            return false;
    return true;
}

static void workers_end(void)
{
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
}

/* What the file holds of a worker. */
struct tally {
    uint64_t steady, switched, gaps; /* records; gaps: that GAP records tell of */
    uint64_t first, last;            /* numbers of storm:steady */
    uint64_t certain;                /* of those that began after the session had */
};

static void tally_all(struct tally tallies[WORKERS])
{
    const struct trace_filter all = {.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    struct trace_cursor *cursor;
    struct trace_event e;

    memset(tallies, 0, WORKERS * sizeof(*tallies));
    assert_int_equal(trace_cursor_open(recording_trace(), &all, &cursor), 0);
    while (trace_cursor_next(cursor, &e) == 1) {
        struct tally *t;
        uint32_t i = 0;

        while (i < WORKERS && tid_of(&workers[i]) != e.thread->tid)
            i++;
        assert_in_range(i, 0, WORKERS - 1);
        t = &tallies[i];
        if (!e.type) {
            t->gaps += e.gap.records;
            continue;
        }
        assert_int_equal(field_unsigned(&e, "worker"), i);
        if (strcmp(e.type->full_name, "storm:switched") == 0) {
            t->switched++;
            continue;
        }
        if (!t->steady++)
            t->first = field_unsigned(&e, "n");
        else
            assert_true(field_unsigned(&e, "n") > t->last);
        t->last = field_unsigned(&e, "n");
        t->certain += t->last >= workers[i].certain;
    }
    trace_cursor_close(cursor);
}

static void expect_ledger(const struct worker *w, const struct tally *t)
{
    const struct trace_ledger *ledger = recording_ledger((uint32_t)getpid(), tid_of(w));

    assert_int_equal(ledger->stored, t->steady + t->switched);
    /* An emit that the stop overtakes is counted after the last look at the ring. */
    assert_in_range(ledger->written - ledger->stored, 0, ledger->final ? 0 : 1);
    assert_int_equal(ledger->overwritten + ledger->damaged, 0);
}

static void everything_attempted_is_decoded_or_counted(void **state)
{
    const struct ada_session_options options = {.ring_bytes = RING_BYTES};
    struct tally tallies[WORKERS];

    (void)state;
    recording_start(&options);
    workers_begin();
    for (unsigned i = 0; i < SWITCHES || !workers_all_reached(ENOUGH); i++) {
        (void)ada_events_disable("storm:sw*");
        (void)ada_events_enable("*:switched");
    }
    workers_end();
    recording_stop_either();
    tally_all(tallies);
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct worker *w = &workers[i];
        const struct trace_ledger *ledger = recording_ledger((uint32_t)getpid(), tid_of(w));

        expect_ledger(w, &tallies[i]);
        assert_int_equal(tallies[i].switched, w->switched);
        assert_true(ledger->dropped >= w->attempts - tallies[i].steady);
        assert_true(ledger->dropped <= w->attempts - tallies[i].steady + w->refused);
    }
}

/* Only one type, which stays on: then nothing but drops can be missing. */
static void without_switches_the_sum_is_exact(void **state)
{
    const struct ada_session_options options = {.ring_bytes = RING_BYTES, .events = "storm:steady"};
    struct tally tallies[WORKERS];

    (void)state;
    (void)ada_events_disable("storm:switched");
    recording_start(&options);
    workers_begin();
    while (!workers_all_reached(ENOUGH))
        sched_yield();
    workers_end();
    recording_stop_either();
    tally_all(tallies);
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct trace_ledger *ledger =
            recording_ledger((uint32_t)getpid(), tid_of(&workers[i]));

        expect_ledger(&workers[i], &tallies[i]);
        assert_int_equal(tallies[i].steady + ledger->dropped, workers[i].attempts);
        assert_true(tallies[i].gaps <= ledger->dropped);
        assert_int_equal(workers[i].switched, 0);
    }
}

/* A hole is a drop: what was finished is there, or was counted. But for the first, perhaps: an emit
 * that found its type on in the session before, and was kept waiting since, is of this one; those
 * behind it may find the type off. */
static void expect_no_hole(const struct worker *w, const struct tally *t, uint64_t finished)
{
    uint64_t dropped = recording_ledger((uint32_t)getpid(), tid_of(w))->dropped;
    uint64_t from = t->first > w->certain ? t->first : w->certain;

    if (finished > from + t->certain + dropped)
        fail_msg("worker %u had finished %llu; from %llu to %llu there are %llu, and %llu dropped",
                 w->number, (unsigned long long)finished, (unsigned long long)from,
                 (unsigned long long)t->last, (unsigned long long)t->certain,
                 (unsigned long long)dropped);
}

/*
 * What each worker had finished before the stop is in the file or counted, and nothing is from
 * after it: the numbers of this session lie between its start and its stop.
 */
static void sessions_that_stop_in_the_middle_keep_what_was_emitted(void **state)
{
    const struct ada_session_options options = {.ring_bytes = RING_BYTES};
    uint64_t began[WORKERS], finished[WORKERS];
    struct tally tallies[WORKERS];

    (void)state;
    (void)ada_events_enable("storm:*");
    workers_begin();
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < WORKERS; i++)
            began[i] = __atomic_load_n(&workers[i].finished, __ATOMIC_SEQ_CST);
        recording_start(&options);
        for (unsigned i = 0; i < WORKERS; i++)
            workers[i].certain = __atomic_load_n(&workers[i].attempts, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&workers[round % WORKERS].finished, __ATOMIC_SEQ_CST) <
               began[round % WORKERS] + 500)
            sched_yield();
        for (unsigned i = 0; i < WORKERS; i++)
            finished[i] = __atomic_load_n(&workers[i].finished, __ATOMIC_SEQ_CST);
        recording_stop_either();
        tally_all(tallies);
        for (unsigned i = 0; i < WORKERS; i++) {
            if (!tallies[i].steady)
                continue;
            expect_ledger(&workers[i], &tallies[i]);
            assert_true(tallies[i].first >= began[i]);
            assert_true(tallies[i].last < __atomic_load_n(&workers[i].attempts, __ATOMIC_SEQ_CST));
            expect_no_hole(&workers[i], &tallies[i], finished[i]);
        }
    }
    workers_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_attempted_is_decoded_or_counted),
        cmocka_unit_test(without_switches_the_sum_is_exact),
        cmocka_unit_test(sessions_that_stop_in_the_middle_keep_what_was_emitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
