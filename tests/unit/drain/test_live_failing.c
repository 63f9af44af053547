/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners of a running session where things get tight: a stage that is behind while it waits for
 * the drain, records that no message holds, and every call that fails while somebody joins.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/le.h"
#include "call_fails.h"
#include "drain/drain_state.h"
#include "drain/live_state.h"
#include "live_ear.h"
#include "own_entries.h"

/* ---- behind, and waiting ---- */

enum { RING_BYTES = 16 << 20, CALLS_MAX = 100000 };

/* More than the buffer holds. */
static uint64_t ring_fill(struct producer *p)
{
    uint64_t n = 0;

    while (n * 16 < RING_BYTES - (1 << 20))
        assert_true(producer_write(p, n++));
    return n;
}

static int late_look(struct drain *d, void *is_late)
{
    *(bool *)is_late = d->live->late != NULL;
    return 0;
}

/* Nobody reads, so the buffer fills up and the drain waits; then it has to put messages aside. */
static void stage_fall_behind(struct stage *stage, struct ear *ear)
{
    bool is_late = false;

    ear_open(ear, stage);
    assert_int_equal(drain_start(stage->drain), 0);
    for (unsigned n = 0; n < CALLS_MAX && !is_late; n++)
        assert_int_equal(drain_call(stage->drain, late_look, &is_late), 0);
    assert_true(is_late);
}

static void begin_with_a_full_ring(struct stage *stage, struct producer *p, uint64_t *count)
{
    live_stage_begin(stage, &(struct stage_options){.ring_bytes = RING_BYTES});
    producer_claim(p, stage, 0, false);
    *count = ring_fill(p);
}

static void stage_that_waits_for_the_drain_gets_its_answer_and_all_messages(void **state)
{
    struct producer p;
    struct stage stage;
    struct ear ear;
    uint64_t count;

    (void)state;
    begin_with_a_full_ring(&stage, &p, &count);
    stage_fall_behind(&stage, &ear);
    while (ear.next < count)
        assert_int_equal(ear_hear(&ear), 0);
    assert_int_equal(ear.next, count);
    assert_true(ear.in_order);
    live_unlisten(stage.drain, ear.consumer);
    live_unlisten(stage.drain, NULL);
    producer_retire(&p);
    drain_stop(stage.drain);
    stage_clear(&stage);
}

static void *stop_run(void *drain)
{
    drain_stop(drain);
    return NULL;
}

/* It does not read before it has its answer, and the drain does not end before it has read. */
static void stage_that_waits_for_an_ending_drain_hears_the_end(void **state)
{
    struct producer p;
    struct stage stage;
    struct ear ear;
    uint64_t count;
    bool is_late;
    pthread_t thread;
    int got;

    (void)state;
    begin_with_a_full_ring(&stage, &p, &count);
    producer_retire(&p);
    stage_fall_behind(&stage, &ear);
    assert_int_equal(pthread_create(&thread, NULL, stop_run, stage.drain), 0);
    do {
        got = drain_call(stage.drain, late_look, &is_late);
        assert_true(got == 0 || got == -ESHUTDOWN);
    } while (got == 0);
    while ((got = ear_hear(&ear)) == 0)
        continue;
    assert_int_equal(got, -EPIPE);
    assert_int_equal(ear.next, count);
    assert_true(ear.in_order);
    assert_int_equal(ear.count[LIVE_END], 1);
    pthread_join(thread, NULL);
    live_unlisten(stage.drain, ear.consumer);
    stage_clear(&stage);
}

static void stage_comes_while_the_drain_runs_and_not_after_its_end(void **state)
{
    struct live_catalogue catalogue;
    struct stage stage;
    struct ear ear = {.in_order = 1};

    (void)state;
    live_stage_begin(&stage, &(struct stage_options){0});
    assert_int_equal(drain_start(stage.drain), 0);
    assert_int_equal(live_listen(stage.drain, &ear_gating, &ear.consumer, &catalogue), 0);
    ear_catalogue(&ear, catalogue.bytes, catalogue.size);
    free(catalogue.bytes);
    drain_stop(stage.drain);
    assert_int_equal(ear_hear(&ear), -EPIPE);
    assert_int_equal(ear.count[LIVE_END], 1);
    live_unlisten(stage.drain, ear.consumer);
    assert_int_equal(live_listen(stage.drain, &ear_gating, &ear.consumer, &catalogue), -ESHUTDOWN);
    stage_clear(&stage);
}

/* What was put aside for a stage that leaves goes with it, and the drain goes on. */
static void stage_that_leaves_while_it_is_behind_holds_nobody_up(void **state)
{
    struct producer p;
    struct stage stage;
    struct ear ear;
    uint64_t count;

    (void)state;
    begin_with_a_full_ring(&stage, &p, &count);
    producer_retire(&p);
    stage_fall_behind(&stage, &ear);
    live_unlisten(stage.drain, ear.consumer);
    drain_stop(stage.drain);
    stage_clear(&stage);
}

/* ---- long records ---- */

struct heard {
    uint64_t runs[2], gaps, gap_bytes, records;
};

static void long_ones_hear(struct ada_broadcast_consumer *consumer, struct heard *heard)
{
    struct ada_broadcast_message m;

    while (ada_broadcast_read(consumer, &m, 0) == 1) {
        const struct live_run *run = m.payload;
        const struct live_gap *gap = m.payload;

        if (m.type == LIVE_RUN) {
            assert_int_equal(run->head.records, heard->records);
            heard->records += run->records;
            heard->runs[m.bytes > LIVE_PENDING_BYTES]++;
        } else if (m.type == LIVE_GAP) {
            assert_int_equal(gap->kind, LIVE_GAP_LARGE);
            assert_int_equal(gap->records, 1);
            heard->gaps++;
            heard->gap_bytes += gap->bytes;
        }
        ada_broadcast_release(consumer);
    }
}

static void text_write(struct producer *p, uint32_t bytes)
{
    unsigned char *payload = calloc(1, sizeof(bytes) + bytes);

    assert_non_null(payload);
    le32_store(payload, bytes);
    memset(payload + sizeof(bytes), 'x', bytes);
    if (!ring_write(&p->writer, TYPE_EXEC, payload, sizeof(bytes) + bytes))
        fail_msg("%u bytes find no room", bytes);
    free(payload);
}

static void record_that_is_too_long_for_others_comes_alone_or_is_told_of(void **state)
{
    struct ada_broadcast_consumer *consumer;
    struct heard heard = {0};
    struct producer p;
    struct stage stage;

    (void)state;
    live_stage_begin(&stage, &(struct stage_options){.ring_bytes = RING_BYTES});
    stage_tell_type(&stage, TYPE_EXEC, "test", "exec");
    assert_int_equal(live_join(stage.drain, &ear_gating, &consumer, NULL), 0);
    producer_claim(&p, &stage, 0, false);
    text_write(&p, 3000); /* two of them in one message */
    text_write(&p, 3000);
    text_write(&p, LIVE_PENDING_BYTES);
    text_write(&p, 3000);
    text_write(&p, 2 << 20);
    drain_round(stage.drain);
    drain_round(stage.drain);
    long_ones_hear(consumer, &heard);
    assert_int_equal(heard.runs[0], 2);
    assert_int_equal(heard.runs[1], 1);
    assert_int_equal(heard.records, 4);
    assert_int_equal(heard.gaps, 1);
    assert_true(heard.gap_bytes > 2 << 20);
    live_unlisten(stage.drain, consumer);
    producer_retire(&p);
    stage_clear(&stage);
}

/* ---- joining ---- */

static void one_is_heard(struct stage *stage, struct producer *p)
{
    struct ear ear;
    uint64_t number;

    ear_open(&ear, stage);
    number = ear.next = ear.records;
    assert_true(producer_write(p, number));
    drain_round(stage->drain);
    assert_int_equal(ear_hear(&ear), 0);
    assert_int_equal(ear.next, number + 1);
    live_unlisten(stage->drain, ear.consumer);
    live_look_around(stage->drain, live_later());
}

static void join_once(struct stage *stage, bool wants_catalogue)
{
    struct live_catalogue catalogue = {.bytes = stage, .size = 1};
    struct ada_broadcast_consumer *consumer;
    int err = live_join(stage->drain, &ear_gating, &consumer, wants_catalogue ? &catalogue : NULL);

    if (calls_pass() == 0)
        assert_int_equal(err, 0);
    if (err) {
        assert_null(consumer);
        assert_true(catalogue.bytes == NULL || !wants_catalogue); /* the caller may free it */
    }
    if (wants_catalogue)
        free(catalogue.bytes);
    live_unlisten(stage->drain, consumer);
}

static void subscribe_once(struct stage *stage)
{
    struct live_subscription s;
    int err = live_subscribe(stage->drain, &s);

    if (calls_pass() == 0)
        assert_int_equal(err, 0);
    if (!err) {
        live_unsubscribe(stage->drain);
        close(s.buffer);
        close(s.catalogue);
    }
}

enum { JOIN, JOIN_FROM_NOW, SUBSCRIBE, WAYS };

static void listener_who_cannot_join(unsigned kinds, int error)
{
    unsigned before = own_entries(OWN_DESCRIPTORS), runs = 0;
    struct producer p;
    struct stage stage;

    live_stage_begin(&stage, &(struct stage_options){.ring_bytes = 65536});
    producer_claim(&p, &stage, 0, false);
    drain_round(stage.drain);
    for (unsigned way = 0; way < WAYS; way++) {
        struct call_sweep calls = {.kinds = kinds, .error = error};

        while (call_sweep_next(&calls)) {
            call_sweep_arm(&calls);
            if (way == SUBSCRIBE)
                subscribe_once(&stage);
            else
                join_once(&stage, way == JOIN);
            if (stage.drain->live)
                live_look_around(stage.drain, live_later());
            assert_int_equal(live_listeners(stage.drain), 0);
            assert_null(stage.drain->live);
        }
        runs += calls.runs;
    }
    one_is_heard(&stage, &p);
    producer_retire(&p);
    stage_clear(&stage);
    assert_int_equal(own_entries(OWN_DESCRIPTORS), before);
    print_message("%u runs\n", runs);
    assert_true(runs > 2 * WAYS);
}

static void listener_without_memory_leaves_nothing(void **state)
{
    (void)state;
    listener_who_cannot_join(CALL_MEMORY, 0);
}

static void listener_without_descriptors_leaves_nothing(void **state)
{
    (void)state;
    listener_who_cannot_join(CALL_OPEN, EMFILE);
}

static void listener_whose_catalogue_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    listener_who_cannot_join(CALL_WRITE, ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stage_that_waits_for_the_drain_gets_its_answer_and_all_messages),
        cmocka_unit_test(stage_that_waits_for_an_ending_drain_hears_the_end),
        cmocka_unit_test(stage_comes_while_the_drain_runs_and_not_after_its_end),
        cmocka_unit_test(stage_that_leaves_while_it_is_behind_holds_nobody_up),
        cmocka_unit_test(record_that_is_too_long_for_others_comes_alone_or_is_told_of),
        cmocka_unit_test(listener_without_memory_leaves_nothing),
        cmocka_unit_test(listener_without_descriptors_leaves_nothing),
        cmocka_unit_test(listener_whose_catalogue_cannot_be_written_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
