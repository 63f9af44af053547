/* SPDX-License-Identifier: Apache-2.0 */
/* The picture of a session: every count is there, wherever its thread and process are by now. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/drain_state.h"
#include "drain/drain_stats.h"
#include "fake_writer.h"
#include "producer.h"

static const struct stage_options small = {.ring_bytes = 4096};

static void picture_take(struct drain *drain, struct stats_picture *p)
{
    struct stats_counts sum = {0};

    assert_int_equal(drain_stats_here(drain, p), 0);
    for (uint32_t i = 0; i < p->session->process_count; i++)
        stats_counts_add(&sum, &p->processes[i].counts);
    assert_memory_equal(&sum, &p->session->counts, sizeof(sum));
}

static void what_was_not_taken_yet_is_in_the_picture(void **state)
{
    struct stats_picture picture;
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &small);
    drain_round(stage.drain);
    producer_claim(&p, &stage, 0, false); /* no round has met it */
    for (uint64_t i = 0; i < 10; i++)
        producer_write(&p, i);
    picture_take(stage.drain, &picture);
    assert_int_equal(picture.session->process_count, 1);
    assert_int_equal(picture.session->thread_count, 1);
    assert_int_equal(picture.processes[0].pid, getpid());
    assert_int_equal(picture.processes[0].threads_now, 1);
    assert_int_equal(picture.threads[0].process, picture.processes[0].number);
    assert_int_equal(picture.threads[0].tid, gettid());
    assert_string_equal(picture.threads[0].name, "producer");
    assert_int_equal(picture.threads[0].counts.written, 10);
    assert_int_equal(picture.threads[0].counts.stored, 0);
    assert_int_equal(picture.threads[0].fill_bytes, 160);
    assert_int_equal(picture.threads[0].counts.high_water_bytes, 160);
    assert_int_equal(picture.threads[0].room_bytes, 4096);
    assert_true(picture.threads[0].lag_ns > 0);
    assert_true(picture.session->lag_ns == picture.threads[0].lag_ns);
    stats_picture_free(&picture);
    drain_round(stage.drain);
    picture_take(stage.drain, &picture);
    assert_int_equal(picture.threads[0].fill_bytes, 0);
    assert_int_equal(picture.session->counts.stored, 10);
    assert_int_equal(picture.session->lag_ns, 0);
    assert_int_equal(fake_count(FAKE_RECORD, 0), 10); /* looking at them took none away */
    stats_picture_free(&picture);
    stage_clear(&stage);
}

static void picture_changes_nothing_for_a_reader_that_copies(void **state)
{
    const struct stage_options options = {.ring_bytes = 4096, .policy = RING_OVERWRITE};
    struct stats_picture picture;
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &options);
    producer_claim(&p, &stage, 0, false);
    drain_round(stage.drain);
    for (uint64_t i = 0; i < 1000; i++)
        producer_write(&p, i);
    for (int i = 0; i < 3; i++) {
        picture_take(stage.drain, &picture);
        stats_picture_free(&picture);
    }
    drain_round(stage.drain);
    picture_take(stage.drain, &picture);
    assert_int_equal(picture.threads[0].counts.written, 1000);
    assert_true(picture.threads[0].counts.overwritten > 0);
    assert_int_equal(picture.threads[0].counts.overwritten + picture.threads[0].counts.stored,
                     1000);
    assert_int_equal(fake_count(FAKE_RECORD, 0), picture.threads[0].counts.stored);
    stats_picture_free(&picture);
    stage_clear(&stage);
}

/* A thousand threads that wait to be read would each take an eighth of their ring. */
static void looking_at_an_overwriting_ring_copies_nothing_of_it(void **state)
{
    const struct stage_options options = {.ring_bytes = 4096, .policy = RING_OVERWRITE};
    const struct drain_thread *t;
    struct stats_picture picture;
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &options);
    producer_claim(&p, &stage, 0, false);
    drain_round(stage.drain);
    t = stage.drain->sources->threads[0];
    for (uint64_t i = 0; i < 40; i++) /* some behind the first block */
        producer_write(&p, i);
    picture_take(stage.drain, &picture);
    assert_true(picture.threads[0].lag_ns > 0);
    assert_false(t->reader.copy_is_there);
    stats_picture_free(&picture);
    for (uint64_t i = 0; i < 1000; i++) /* that record is gone: where it goes on has to be found */
        producer_write(&p, i);
    picture_take(stage.drain, &picture);
    assert_int_equal(stage.drain->copies_bytes, t->reader.copy_is_there ? 4096 / RING_BLOCKS : 0);
    stats_picture_free(&picture);
    stage_clear(&stage);
}

static void *ten_of_a_thread(void *stage)
{
    struct producer p;

    producer_claim(&p, stage, 0, false);
    for (uint64_t i = 0; i < 10; i++)
        producer_write(&p, i);
    producer_retire(&p);
    return NULL;
}

static void ended_threads_are_summed_into_their_process(void **state)
{
    struct stats_picture picture;
    struct stage stage;

    (void)state;
    stage_set(&stage, &small);
    for (int i = 0; i < 40; i++) {
        thread_run(ten_of_a_thread, &stage);
        drain_round(stage.drain);
    }
    picture_take(stage.drain, &picture);
    assert_int_equal(picture.session->thread_count, 0);
    assert_int_equal(picture.session->threads_ever, 40);
    assert_int_equal(picture.processes[0].threads_now, 0);
    assert_int_equal(picture.processes[0].threads_ever, 40);
    assert_int_equal(picture.processes[0].counts.written, 400);
    assert_int_equal(picture.processes[0].counts.stored, 400);
    assert_int_equal(picture.processes[0].counts.high_water_bytes, 160);
    stats_picture_free(&picture);
    stage_clear(&stage);
}

static void threads_without_a_ring_are_their_processs_loss(void **state)
{
    struct stats_picture picture;
    struct stage stage;

    (void)state;
    stage_set(&stage, &small);
    drain_round(stage.drain);
    stage.segment.shared->unringed = 7;
    stage.segment.shared->unringed_bytes = 112;
    picture_take(stage.drain, &picture);
    assert_int_equal(picture.processes[0].unringed, 7);
    assert_int_equal(picture.processes[0].counts.dropped, 7);
    assert_int_equal(picture.processes[0].counts.dropped_bytes, 112);
    stats_picture_free(&picture);
    drain_tick(stage.drain); /* told in the trace: it counts once all the same */
    picture_take(stage.drain, &picture);
    assert_int_equal(picture.session->counts.dropped, 7);
    stats_picture_free(&picture);
    stage_clear(&stage);
}

/* Exec makes an image with a segment of its own each time, and the one before is over. */
static void processes_that_ended_long_ago_share_a_row(void **state)
{
    enum { IMAGES = 100 };
    static struct stage images[IMAGES];
    struct stats_picture picture;
    struct stage first;

    (void)state;
    stage_set(&first, &small);
    for (int i = 0; i < IMAGES; i++) {
        stage_add(&images[i], first.drain, &small);
        thread_run(ten_of_a_thread, &images[i]);
        drain_round(first.drain);
        drain_round(first.drain);
    }
    picture_take(first.drain, &picture);
    assert_int_equal(picture.session->counts.stored, 10 * IMAGES);
    assert_int_equal(picture.session->processes_ever, IMAGES + 1);
    assert_true(picture.session->process_count < IMAGES);
    assert_true(picture.processes[0].flags & STATS_PROCESS_MANY);
    assert_true(picture.processes[0].counts.stored > 0);
    stats_picture_free(&picture);
    stage_clear(&first);
}

static void picture_that_came_from_elsewhere_is_looked_at_with_care(void **state)
{
    struct stats_picture picture, view;
    struct stats_session *session;
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    drain_round(stage.drain);
    picture_take(stage.drain, &picture);
    assert_int_equal(stats_picture_view(&view, picture.memory, picture.bytes), 0);
    assert_ptr_equal(view.threads, picture.threads);
    assert_int_equal(stats_picture_view(&view, picture.memory, picture.bytes - 1), -EBADMSG);
    assert_int_equal(stats_picture_view(&view, picture.memory, 3), -EBADMSG);
    session = picture.memory;
    session->thread_count = UINT32_MAX;
    assert_int_equal(stats_picture_view(&view, picture.memory, picture.bytes), -EBADMSG);
    session->version++;
    assert_int_equal(stats_picture_view(&view, picture.memory, picture.bytes), -EPROTONOSUPPORT);
    stats_picture_free(&picture);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_taken_yet_is_in_the_picture),
        cmocka_unit_test(picture_changes_nothing_for_a_reader_that_copies),
        cmocka_unit_test(looking_at_an_overwriting_ring_copies_nothing_of_it),
        cmocka_unit_test(ended_threads_are_summed_into_their_process),
        cmocka_unit_test(threads_without_a_ring_are_their_processs_loss),
        cmocka_unit_test(processes_that_ended_long_ago_share_a_row),
        cmocka_unit_test(picture_that_came_from_elsewhere_is_looked_at_with_care),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
