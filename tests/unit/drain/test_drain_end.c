/* SPDX-License-Identifier: Apache-2.0 */
/* How processes end: by exec, with which status, and what was executed without being traced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"

/* ---- images and their statuses ---- */

static void exec_makes_another_process_of_the_same_pid(void **state)
{
    struct stage before, after;
    struct producer p;

    (void)state;
    stage_set(&before, &(struct stage_options){0});
    producer_claim(&p, &before, 1, false);
    producer_write(&p, 1);
    drain_round(before.drain);
    stage_add(&after, before.drain, &(struct stage_options){0});
    drain_round(before.drain);
    drain_round(before.drain);
    assert_int_equal(fake_count(FAKE_PROCESS, 0), 2);
    assert_int_equal(fake_find(FAKE_PROCESS, 0, 0)->item.process.pid,
                     fake_find(FAKE_PROCESS, 0, 1)->item.process.pid);
    assert_true(fake_find(FAKE_PROCESS, 0, 0)->item.process.image !=
                fake_find(FAKE_PROCESS, 0, 1)->item.process.image);
    assert_int_equal(fake_end_of(&before, 1)->process, 1);
    /* Its thread is not robust: the process's end is the thread's. */
    assert_true(fake_last(FAKE_LEDGER, 1)->item.ledger.final);
    stage_unmap(&after);
    stage_clear(&before);
}

/* Has the first process ended where the second begins, without a status? */
static void assert_replaced_by_second(struct stage *stage)
{
    const struct trace_process_end *end = &fake_end_of(stage, 1)->item.end;

    assert_int_equal(fake_count(FAKE_PROCESS, 0), 2);
    assert_int_equal(end->status, -1);
    assert_true(end->end_ticks == fake_find(FAKE_PROCESS, 0, 1)->item.process.start_ticks);
    assert_int_equal(fake_count(FAKE_NOTE, 0), 0);
}

/* The death of what was executed is seen on what was there before. */
static void exec_is_one_though_its_program_has_ended(void **state)
{
    struct stage before, after;
    struct drain_process *first;

    (void)state;
    stage_set(&before, &(struct stage_options){0});
    drain_round(before.drain);
    first = before.drain->processes;
    first->dead = true;
    first->dead_ns = clock_monotonic_ns();
    first->end_ticks = UINT64_MAX;
    stage_add(&after, before.drain, &(struct stage_options){0});
    drain_round(before.drain);
    assert_replaced_by_second(&before);
    stage_unmap(&after);
    stage_clear(&before);
}

static void pid_that_came_round_is_not_an_exec(void **state)
{
    struct stage before, after;
    struct drain_process *first;

    (void)state;
    stage_set(&before, &(struct stage_options){0});
    drain_round(before.drain);
    first = before.drain->processes;
    first->start_time = 1; /* not that of the next one */
    first->threads++;      /* so that it stays until we have looked */
    stage_add(&after, before.drain, &(struct stage_options){.start_time = 2});
    drain_round(before.drain);
    assert_false(first->replaced);
    assert_true(first->dead);
    first->threads--;
    stage_unmap(&after);
    stage_clear(&before);
}

static void status_of_our_child_is_waited_for(void **state)
{
    struct stage stage;
    struct drain_process *root;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    drain_round(stage.drain);
    root = stage.drain->processes;
    root->is_child = root->dead = true;
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_PROCESS_END, 0), 0);
    drain_child_status(stage.drain, stage.pid, 3 << 8);
    assert_int_equal(fake_end_of(&stage, 1)->item.end.status, 3 << 8);
    stage_clear(&stage);
}

/* ---- what is not traced ---- */

static const char *always_static(void *context, uint32_t pid, const char *path)
{
    (void)context, (void)pid;
    return strcmp(path, "/bin/static") == 0 ? "it is statically linked" : NULL;
}

static void exec_emit(struct producer *p, const char *path)
{
    unsigned char payload[64];
    uint32_t length = (uint32_t)strlen(path);

    memcpy(payload, &length, 4);
    memcpy(payload + 4, path, length);
    assert_true(ring_write(&p->writer, TYPE_EXEC, payload, 4 + length));
}

static void exec_stage_set(struct stage *stage, struct producer *p)
{
    stage_set(stage, &(struct stage_options){.untraceable = always_static});
    stage_tell_type(stage, TYPE_EXEC, "process", "exec");
    producer_claim(p, stage, 1, false);
}

static void untraceable_program_is_noted_once(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    exec_stage_set(&stage, &p);
    exec_emit(&p, "/bin/static");
    exec_emit(&p, "/bin/static");
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_NOTE, 0), 1);
    assert_int_equal(fake_find(FAKE_NOTE, 0, 0)->item.note.kind, TRACE_NOTE_UNTRACED);
    assert_true(fake_has_note("/bin/static"));
    assert_true(fake_has_note("it is statically linked"));
    stage_clear(&stage);
}

static void program_that_never_attached_is_noted(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    exec_stage_set(&stage, &p);
    producer_write(&p, 1);
    exec_emit(&p, "/bin/other");
    producer_retire(&p); /* as the kernel does for an exec */
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_NOTE, 0), 0);
    drain_finish(stage.drain);
    assert_true(fake_has_note("/bin/other"));
    stage_clear(&stage);
}

static void exec_that_failed_is_not_noted(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    exec_stage_set(&stage, &p);
    exec_emit(&p, "/bin/other");
    producer_write(&p, 1);
    producer_retire(&p);
    drain_round(stage.drain);
    drain_finish(stage.drain);
    assert_int_equal(fake_count(FAKE_NOTE, 0), 0);
    stage_clear(&stage);
}

static void program_that_attached_is_not_noted(void **state)
{
    struct stage stage, after;
    struct producer p;

    (void)state;
    exec_stage_set(&stage, &p);
    exec_emit(&p, "/bin/other");
    producer_retire(&p);
    drain_round(stage.drain);
    stage_add(&after, stage.drain, &(struct stage_options){0});
    drain_finish(stage.drain);
    assert_int_equal(fake_count(FAKE_NOTE, 0), 0);
    stage_unmap(&after);
    stage_clear(&stage);
}

/* Asked in the middle of a round: the program comes up while its predecessor's ring is read. */
static const char *attach_meanwhile(void *context, uint32_t pid, const char *path)
{
    struct stage *stages = context;

    (void)pid, (void)path;
    stage_add(&stages[1], stages[0].drain, &(struct stage_options){0});
    return NULL;
}

static void nobody_ends_before_what_was_promised_is_taken(void **state)
{
    struct stage stages[2];
    struct producer p;

    (void)state;
    exec_stage_set(&stages[0], &p);
    drain_round(stages[0].drain);
    stages[0].drain->options.context = stages;
    stages[0].drain->options.untraceable = attach_meanwhile;
    stages[0].drain->processes->dead = true; /* the program's death, and long ago */
    exec_emit(&p, "/bin/other");
    producer_retire(&p);
    drain_round(stages[0].drain);
    assert_replaced_by_second(&stages[0]);
    stage_unmap(&stages[1]);
    stage_clear(&stages[0]);
}

/* ---- what a process says of its end ---- */

static void exit_emit(struct producer *p, int32_t status)
{
    assert_true(ring_write(&p->writer, TYPE_PROCESS_EXIT, &status, sizeof(status)));
}

/* How the trace has it that one ended of whom the kernel tells nothing: that said `before` numbers,
 * its exit, and `behind` more. */
static int status_of_who_says(unsigned before_exit, int32_t status, unsigned behind_exit)
{
    const struct fake_call *end;
    struct stage stage;
    struct producer p;
    int told;

    stage_set(&stage, &(struct stage_options){0});
    stage_tell_type(&stage, TYPE_PROCESS_EXIT, "process", "exit");
    producer_claim(&p, &stage, 1, false);
    for (unsigned i = 0; i < before_exit; i++)
        producer_write(&p, i);
    exit_emit(&p, status);
    for (unsigned i = 0; i < behind_exit; i++)
        producer_write(&p, i);
    producer_retire(&p);
    drain_round(stage.drain);
    stage.drain->processes->dead = true; /* long ago: nobody waits for its parent any more */
    end = fake_end_of(&stage, 1);
    told = end->item.end.status;
    stage_clear(&stage);
    return told;
}

static void status_that_the_process_said_counts_when_nobody_was_told(void **state)
{
    (void)state;
    assert_int_equal(status_of_who_says(0, 4, 0), 4 << 8);
    assert_int_equal(status_of_who_says(100, -1, 0), 255 << 8); /* in a run of equal records */
}

/* As the parent of a vfork child does, which ends in its parent's memory. */
static void exit_of_who_goes_on_is_no_status(void **state)
{
    (void)state;
    assert_int_equal(status_of_who_says(0, 4, 1), -1);
    assert_int_equal(status_of_who_says(100, 4, 100), -1);
}

static void kernel_s_word_counts_more(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    stage_tell_type(&stage, TYPE_PROCESS_EXIT, "process", "exit");
    producer_claim(&p, &stage, 1, false);
    exit_emit(&p, 0);
    producer_retire(&p);
    drain_round(stage.drain);
    stage.drain->processes->dead = stage.drain->processes->is_child = true;
    drain_child_status(stage.drain, stage.pid, 9); /* killed behind it */
    assert_int_equal(fake_end_of(&stage, 1)->item.end.status, 9);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exec_makes_another_process_of_the_same_pid),
        cmocka_unit_test(exec_is_one_though_its_program_has_ended),
        cmocka_unit_test(pid_that_came_round_is_not_an_exec),
        cmocka_unit_test(status_of_our_child_is_waited_for),
        cmocka_unit_test(untraceable_program_is_noted_once),
        cmocka_unit_test(program_that_never_attached_is_noted),
        cmocka_unit_test(exec_that_failed_is_not_noted),
        cmocka_unit_test(program_that_attached_is_not_noted),
        cmocka_unit_test(nobody_ends_before_what_was_promised_is_taken),
        cmocka_unit_test(status_that_the_process_said_counts_when_nobody_was_told),
        cmocka_unit_test(exit_of_who_goes_on_is_no_status),
        cmocka_unit_test(kernel_s_word_counts_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
