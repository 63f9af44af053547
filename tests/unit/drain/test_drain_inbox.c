/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads ask of the drain, and when they get their answers. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "base/clock_source.h"
#include "drain/drain_state.h"
#include "fake_writer.h"
#include "own_entries.h"
#include "producer.h"
#include "tests/helpers/evidence.h"

enum { ASKERS = 4, QUESTIONS = 200 };

struct question {
    struct drain *drain;
    pthread_t answered_by;
    int asked;
};

static int answer(struct drain *d, void *context)
{
    struct question *q = context;

    if (d != q->drain)
        return -EINVAL;
    q->answered_by = pthread_self();
    return ++q->asked;
}

static void call_is_made_by_the_drain_s_thread(void **state)
{
    struct stage stage;
    struct question q;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    q = (struct question){.drain = stage.drain};
    assert_int_equal(drain_start(stage.drain), 0);
    assert_int_equal(drain_call(stage.drain, answer, &q), 1);
    assert_int_equal(drain_call(stage.drain, answer, &q), 2);
    assert_true(pthread_equal(q.answered_by, stage.drain->thread.id));
    drain_stop(stage.drain);
    stage_clear(&stage);
}

static void *ask_often(void *context)
{
    struct question *q = context;
    long bad = 0;

    for (int i = 0; i < QUESTIONS; i++)
        bad += drain_call(q->drain, answer, q) != i + 1;
    return (void *)bad;
}

static void every_asker_gets_its_own_answers(void **state)
{
    struct question questions[ASKERS];
    pthread_t askers[ASKERS];
    struct stage stage;
    void *bad;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    assert_int_equal(drain_start(stage.drain), 0);
    for (int i = 0; i < ASKERS; i++) {
        questions[i] = (struct question){.drain = stage.drain};
        assert_int_equal(pthread_create(&askers[i], NULL, ask_often, &questions[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i], &bad), 0);
        assert_null(bad);
    }
    drain_stop(stage.drain);
    stage_clear(&stage);
}

static void *ask_until_it_ends(void *context)
{
    struct question *q = context;
    int got;

    do {
        got = drain_call(q->drain, answer, q);
    } while (got > 0);
    return (void *)(long)got;
}

static void call_of_a_drain_that_ends_is_refused_not_left(void **state)
{
    struct question q;
    struct stage stage;
    pthread_t asker;
    void *got;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    q = (struct question){.drain = stage.drain};
    assert_int_equal(drain_start(stage.drain), 0);
    assert_int_equal(pthread_create(&asker, NULL, ask_until_it_ends, &q), 0);
    drain_stop(stage.drain);
    assert_int_equal(pthread_join(asker, &got), 0);
    assert_int_equal((long)got, -ESHUTDOWN);
    assert_int_equal(drain_call(stage.drain, answer, &q), -ESHUTDOWN);
    stage_clear(&stage);
}

/* ---- in the middle of a round ---- */

/* The first of two askers; the other one comes when the first is being answered. */
struct pair {
    struct drain *drain;
    pthread_t second;
    size_t records_of[2]; /* taken of each thread when the second was answered */
};

static int second_answer(struct drain *d, void *context)
{
    struct pair *p = context;

    (void)d;
    p->records_of[0] = fake_count(FAKE_RECORD, 1);
    p->records_of[1] = fake_count(FAKE_RECORD, 2);
    return 0;
}

static void *second_ask(void *context)
{
    struct pair *p = context;

    return (void *)(long)drain_call(p->drain, second_answer, p);
}

static void until_somebody_waits(struct drain *d)
{
    while (!load_relaxed(&d->calls)) /* relaxed: a test's */
        sched_yield();
}

static int first_answer(struct drain *d, void *context)
{
    struct pair *p = context;

    assert_int_equal(pthread_create(&p->second, NULL, second_ask, p), 0);
    until_somebody_waits(d);
    return 0;
}

static void *first_ask(void *context)
{
    struct pair *p = context;

    return (void *)(long)drain_call(p->drain, first_answer, p);
}

static void caller_does_not_wait_for_the_whole_round(void **state)
{
    struct producer producers[2];
    struct stage stage;
    struct pair pair = {0};
    pthread_t first;
    void *got;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    pair.drain = stage.drain;
    for (uint32_t i = 0; i < 2; i++) {
        producer_claim(&producers[i], &stage, i + 1, false);
        assert_true(producer_write(&producers[i], 1));
    }
    assert_int_equal(pthread_create(&first, NULL, first_ask, &pair), 0);
    until_somebody_waits(stage.drain);
    (void)drain_round(stage.drain);
    (void)drain_round(stage.drain); /* who was not answered in that one is in this */
    assert_int_equal(pthread_join(first, &got), 0);
    assert_null(got);
    assert_int_equal(pthread_join(pair.second, &got), 0);
    assert_null(got);
    assert_int_equal(pair.records_of[0], 1);
    assert_int_equal(pair.records_of[1], 0);
    assert_int_equal(fake_count(FAKE_RECORD, 2), 1);
    evidence_write("drain-answers",
                   "who came while the first of two rings was being read was answered behind it: "
                   "%zu record of the first was taken, %zu of the second",
                   pair.records_of[0], pair.records_of[1]);
    stage_clear(&stage);
}

/* Nobody looks into the inbox any more, but the file is still open. */
static void note_that_comes_after_the_last_round_is_in_the_file(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    drain_finish(stage.drain);
    drain_child_status(stage.drain, 1, 0);
    drain_note(stage.drain, TRACE_NOTE_WARNING, "the last snapshot failed");
    drain_note(stage.drain, TRACE_NOTE_WARNING, "and one more");
    assert_int_equal(drain_close(stage.drain), 0);
    assert_true(fake_has_note("the last snapshot failed"));
    assert_true(fake_has_note("and one more"));
    stage_clear(&stage);
}

/* All that belonged to it goes: segment, descriptors, memory (for sanitizers). */
static void attachment_that_comes_too_late_is_let_go(void **state)
{
    unsigned before = own_entries(OWN_DESCRIPTORS);
    struct stage stage, late;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    drain_finish(stage.drain);
    stage_add(&late, stage.drain, &(struct stage_options){0});
    assert_int_equal(drain_close(stage.drain), 0);
    assert_int_equal(fake_count(FAKE_PROCESS, 0), 1);
    stage_clear(&stage);
    assert_int_equal(own_entries(OWN_DESCRIPTORS), before);
}

/* ---- rings that are promised ---- */

struct promised {
    struct drain *drain;
    pthread_t asker;
    uint32_t asked; /* atomic: the drain's thread is about to take a snapshot */
    unsigned sources;
    int result; /* of the promise */
};

static int snapshot_take(struct drain *d, void *context)
{
    struct promised *p = context;
    struct trace_snapshot *snapshot;
    struct drain_module *modules;

    store_release(&p->asked, 1);
    (void)!drain_snapshot(d, 0, &snapshot, &modules); /* the fake writer has none */
    for (const struct drain_source *s = d->sources; s; s = s->next)
        p->sources++;
    return 0;
}

static void *snapshot_ask(void *context)
{
    struct promised *p = context;

    (void)!drain_call(p->drain, snapshot_take, p);
    return NULL;
}

/* Whoever has the rings by now could have emitted, and have asked for a snapshot. */
static int promise_and_ask(void *context)
{
    struct promised *p = context;

    assert_int_equal(pthread_create(&p->asker, NULL, snapshot_ask, p), 0);
    while (!load_acquire(&p->asked))
        sched_yield();
    for (int i = 0; i < 100; i++) /* long enough for a snapshot that does not wait */
        sched_yield();
    return p->result;
}

static unsigned sources_in_a_snapshot(int result)
{
    struct drain_attachment a = {.pid = (uint32_t)getpid(), .pidfd = -1};
    const struct segment_geometry geometry = {
        .slots = 4, .ring_bytes = 4096, .arena_bytes = 1 << 16, .clock = SEGMENT_CLOCK_MONOTONIC};
    struct promised p = {.result = result};
    struct stage stage;

    stage_set(&stage, &(struct stage_options){0});
    p.drain = stage.drain;
    assert_int_equal(drain_start(stage.drain), 0);
    assert_int_equal(segment_create(&a.segment, &geometry, NULL), 0);
    a.ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC);
    assert_int_equal(drain_attach_promised(stage.drain, &a, promise_and_ask, &p), result);
    assert_int_equal(pthread_join(p.asker, NULL), 0);
    if (result)
        segment_destroy(&a.segment); /* still ours */
    drain_stop(stage.drain);
    stage_clear(&stage);
    return p.sources;
}

static void snapshot_has_who_was_promised_rings_before_it_was_asked_for(void **state)
{
    (void)state;
    assert_int_equal(sources_in_a_snapshot(0), 2);
    assert_int_equal(sources_in_a_snapshot(-EPIPE), 1); /* the promise was not heard */
}

struct told {
    struct drain *drain;
    pthread_t parent;
};

static void *status_tell(void *context)
{
    struct told *t = context;

    drain_child_status(t->drain, (uint32_t)getpid(), 3 << 8);
    return NULL;
}

/* The child has its rings, and is gone before we have told anybody that it has them. */
static int promise_and_end(void *context)
{
    enum { LONG_ENOUGH_NS = 50 * 1000 * 1000 }; /* for a parent that does not wait */
    struct told *t = context;
    struct timespec until;

    assert_int_equal(pthread_create(&t->parent, NULL, status_tell, t), 0);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LONG_ENOUGH_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (pthread_timedjoin_np(t->parent, NULL, &until) == 0)
        t->parent = 0;
    return 0;
}

static void status_of_a_child_comes_behind_the_rings_that_it_was_promised(void **state)
{
    struct drain_attachment a = {.pid = (uint32_t)getpid(), .pidfd = -1, .is_child = true};
    const struct segment_geometry geometry = {
        .slots = 4, .ring_bytes = 4096, .arena_bytes = 1 << 16, .clock = SEGMENT_CLOCK_MONOTONIC};
    struct stage stage;
    struct told told;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    told.drain = stage.drain;
    assert_int_equal(segment_create(&a.segment, &geometry, NULL), 0);
    a.ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC);
    assert_int_equal(drain_attach_promised(stage.drain, &a, promise_and_end, &told), 0);
    if (told.parent)
        assert_int_equal(pthread_join(told.parent, NULL), 0);
    drain_round(stage.drain);
    assert_true(stage.drain->processes->is_child);
    assert_int_equal(stage.drain->processes->status, 3 << 8);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_is_made_by_the_drain_s_thread),
        cmocka_unit_test(every_asker_gets_its_own_answers),
        cmocka_unit_test(call_of_a_drain_that_ends_is_refused_not_left),
        cmocka_unit_test(caller_does_not_wait_for_the_whole_round),
        cmocka_unit_test(note_that_comes_after_the_last_round_is_in_the_file),
        cmocka_unit_test(attachment_that_comes_too_late_is_let_go),
        cmocka_unit_test(snapshot_has_who_was_promised_rings_before_it_was_asked_for),
        cmocka_unit_test(status_of_a_child_comes_behind_the_rings_that_it_was_promised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
