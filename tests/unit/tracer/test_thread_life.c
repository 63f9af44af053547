/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that begin and end before, in and after a session, and what they are called. */
#include "tracer_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

#include "format/trace_reader.h"

enum { SHORT_THREADS = 400 };

ADA_EVENT(life, event, (u32, n))

static const char *thread_name(uint32_t tid)
{
    const struct trace_thread *t;

    for (size_t n = 0; (t = trace_thread_at(recording_trace(), n)); n++)
        if (t->tid == tid)
            return t->name;
    return NULL;
}

static void expect_number(uint32_t n)
{
    assert_int_equal(field_unsigned(recording_expect("life:event"), "n"), n);
}

static void *emit_numbers(void *argument)
{
    const uint32_t *range = argument;

    for (uint32_t n = range[0]; n < range[1]; n++)
        ada_trace_life_event(n);
    return NULL;
}

static void thread_that_ended_before_the_session_is_not_in_it(void **state)
{
    uint32_t range[] = {0, 3};

    (void)state;
    thread_run(emit_numbers, range);
    recording_start(NULL);
    recording_stop();
    assert_null(trace_thread_at(recording_trace(), 0));
    recording_expect_end();
}

/* Lives longer than the session, and is told when to go on. */
struct companion {
    pthread_t thread;
    sem_t go, done;
    uint32_t tid;
};

static void *companion_run(void *argument)
{
    struct companion *c = argument;

    c->tid = thread_id();
    for (uint32_t n = 0; n < 5; n++) {
        ada_trace_life_event(n);
        sem_post(&c->done);
        while (sem_wait(&c->go) && errno == EINTR)
            ;
    }
    return NULL;
}

static void companion_step(struct companion *c)
{
    sem_post(&c->go);
    while (sem_wait(&c->done) && errno == EINTR)
        ;
}

static void thread_older_and_younger_than_two_sessions(void **state)
{
    const struct trace_ledger *ledger;
    struct companion c;

    (void)state;
    sem_init(&c.go, 0, 0);
    sem_init(&c.done, 0, 0);
    assert_int_equal(pthread_create(&c.thread, NULL, companion_run, &c), 0);
    while (sem_wait(&c.done) && errno == EINTR)
        ; /* 0: before any session */
    recording_start(NULL);
    companion_step(&c); /* 1 */
    recording_stop();
    expect_number(1);
    recording_expect_end();
    companion_step(&c); /* 2: between them */
    recording_start(NULL);
    companion_step(&c); /* 3 */
    recording_stop();
    expect_number(3);
    ledger = recording_ledger((uint32_t)getpid(), c.tid);
    assert_int_equal(ledger->written, 1);
    assert_int_equal(ledger->stored, 1);
    recording_expect_end();
    companion_step(&c); /* 4: after them */
    sem_post(&c.go);
    pthread_join(c.thread, NULL);
    sem_destroy(&c.go);
    sem_destroy(&c.done);
}

static void thread_that_begins_after_the_session_is_not_in_it(void **state)
{
    uint32_t range[] = {0, 3};

    (void)state;
    recording_start(NULL);
    recording_stop();
    thread_run(emit_numbers, range);
    recording_expect_end();
}

static pthread_key_t key;

static void emit_late(void *n)
{
    ada_trace_life_event(*(uint32_t *)n);
    /* Once more round the destructors, after everybody else's. */
    if (++*(uint32_t *)n < 3)
        pthread_setspecific(key, n);
}

static void *end_with_destructors(void *n)
{
    pthread_setspecific(key, n);
    return NULL;
}

static void events_of_thread_destructors_are_kept(void **state)
{
    uint32_t n = 0;

    (void)state;
    assert_int_equal(pthread_key_create(&key, emit_late), 0);
    recording_start(NULL);
    thread_run(end_with_destructors, &n);
    recording_stop();
    pthread_key_delete(key);
    for (uint32_t i = 0; i < 3; i++)
        expect_number(i);
    recording_expect_end();
}

/* A thread that begins before the drain has another ring ready has its events dropped, and counted.
 */
static void many_short_threads_are_there_or_counted(void **state)
{
    const struct trace_event *e;
    const struct trace_thread *t;
    uint64_t found = 0, dropped = 0;
    int64_t last = -1;

    (void)state;
    recording_start(NULL);
    for (uint32_t n = 0; n < SHORT_THREADS; n++) {
        uint32_t range[] = {n, n + 1};

        thread_run(emit_numbers, range);
    }
    recording_stop_either();
    for (; (e = recording_next()); found++) {
        assert_true((int64_t)field_unsigned(e, "n") > last);
        last = (int64_t)field_unsigned(e, "n");
    }
    for (size_t n = 0; (t = trace_thread_at(recording_trace(), n)); n++)
        dropped += trace_ledger_of(recording_trace(), t->thread)->dropped;
    assert_int_equal(found + dropped, SHORT_THREADS);
    assert_true(found > 0);
    recording_expect_end();
}

static uint32_t named;

static void *take_name(void *name)
{
    named = thread_id();
    ada_thread_name(name);
    ada_trace_life_event(0);
    return NULL;
}

static void *take_name_late(void *name)
{
    named = thread_id();
    ada_trace_life_event(0);
    ada_thread_name("first");
    ada_thread_name(NULL);
    ada_thread_name(name);
    return NULL;
}

static void name_is_kept_up_to_31_bytes(void **state)
{
    static char worker[] = "worker";
    static char longest[] = "0123456789012345678901234567890",
                longer[] = "01234567890123456789012345678901234567890123456789";
    char *const names[] = {worker, longest, longer};
    const char *const kept[] = {worker, longest, longest};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        recording_start(NULL);
        thread_run(take_name, names[i]);
        recording_stop();
        assert_string_equal(thread_name(named), kept[i]);
    }
}

static void last_name_counts(void **state)
{
    static char last[] = "last";

    (void)state;
    recording_start(NULL);
    thread_run(take_name_late, last);
    recording_stop();
    assert_string_equal(thread_name(named), "last");
}

static void name_outlasts_the_session_it_was_given_in(void **state)
{
    (void)state;
    recording_start(NULL);
    ada_trace_life_event(0);
    ada_thread_name("main");
    recording_stop();
    assert_string_equal(thread_name(thread_id()), "main");
    recording_start(NULL);
    ada_trace_life_event(1);
    recording_stop();
    assert_string_equal(thread_name(thread_id()), "main");
}

static int find_self(void *context, const struct ada_thread_stats *stats)
{
    if (stats->tid != thread_id() || stats->pid != (uint32_t)getpid())
        return 0;
    *(struct ada_thread_stats *)context = *stats;
    return 7;
}

static void stats_of_a_thread_are_its_own(void **state)
{
    struct ada_thread_stats before, own, found = {0};

    (void)state;
    recording_start(NULL);
    ada_trace_life_event(0);
    assert_int_equal(ada_thread_stats_read(&before), 0);
    for (uint32_t n = 0; n < 10; n++)
        ada_trace_life_event(n);
    assert_int_equal(ada_thread_stats_read(&own), 0);
    assert_int_equal(own.written - before.written, 10);
    assert_int_equal(own.written_bytes - before.written_bytes, 10 * 16);
    assert_int_equal(own.dropped, 0);
    assert_int_equal(own.tid, thread_id());
    assert_int_equal(ada_threads_visit(find_self, &found), 7);
    assert_int_equal(found.written, own.written);
    assert_int_equal(found.ring_bytes, own.ring_bytes);
    recording_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_that_ended_before_the_session_is_not_in_it),
        cmocka_unit_test(thread_older_and_younger_than_two_sessions),
        cmocka_unit_test(thread_that_begins_after_the_session_is_not_in_it),
        cmocka_unit_test(events_of_thread_destructors_are_kept),
        cmocka_unit_test(many_short_threads_are_there_or_counted),
        cmocka_unit_test(name_is_kept_up_to_31_bytes),
        cmocka_unit_test(last_name_counts),
        cmocka_unit_test(name_outlasts_the_session_it_was_given_in),
        cmocka_unit_test(stats_of_a_thread_are_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
