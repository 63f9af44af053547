/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's hooks, the tracer, the rings, the drain and the trace writer in one process, linked
 * into one program and not preloaded: so that ThreadSanitizer, which sees one process and only what
 * is compiled with it, sees both sides of every edge that program, agent and collector share. The
 * session is an embedded one; what differs from `adatrace record` is how the agent got the segment.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "format/trace_reader.h"
#include "tests/helpers/evidence.h"
#include "tracer_fixture.h"

enum { THREADS = 4, ROUNDS = 40, HANDED = 64, RING_BYTES = 8192, SESSION_THREADS = 4 };

/* As agent_start() does it when it has joined a session. */
static void agent_begin(void)
{
    static const struct agent_family *const families[] = {
        &module_family, &process_family,  &exec_family,
        &thread_family, &function_family, &memory_family,
    };
    static bool begun;

    if (begun)
        return;
    begun = true;
    agent_clock_is_counter = tracer_clock_is_counter();
    tracer_thread_begin(NULL);
    for (size_t i = 0; i < AGENT_COUNT(families); i++)
        families[i]->start();
}

/* ---- the program ---- */

/* Compiled with -finstrument-functions. */
unsigned together_work(unsigned depth);

/* What one thread allocates and another one frees. */
static struct {
    pthread_mutex_t lock;
    void *memory[HANDED];
    unsigned count;
} handed = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void hand_over(void *memory)
{
    pthread_mutex_lock(&handed.lock);
    if (handed.count < HANDED) {
        handed.memory[handed.count++] = memory;
        memory = NULL;
    } else {
        void *other = handed.memory[0];

        handed.memory[0] = memory;
        memory = other;
    }
    pthread_mutex_unlock(&handed.lock);
    free(memory);
}

static void *worker(void *argument)
{
    unsigned n = (unsigned)(uintptr_t)argument;
    char name[16] = "worker";

    name[6] = (char)('a' + n);
    pthread_setname_np(pthread_self(), name);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned char *memory = malloc(16 + i);

        assert_non_null(memory);
        memory = realloc(memory, 32 + i);
        assert_non_null(memory);
        memset(memory, (int)i, 32 + i);
        hand_over(memory);
        (void)together_work(3);
    }
    return NULL;
}

/* Threads that begin and end all the time: their slots and rings go from one to the next. */
static void threads_run(unsigned generations)
{
    for (unsigned g = 0; g < generations; g++) {
        pthread_t threads[THREADS];

        for (unsigned i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)i), 0);
        for (unsigned i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    while (handed.count)
        free(handed.memory[--handed.count]);
}

/* ---- tests ---- */

static bool is(const struct trace_event *event, const char *name)
{
    return strcmp(event->type->full_name, name) == 0;
}

struct counts {
    unsigned all, starts, ends, names, mallocs, reallocs, enters, exits;
};

static struct counts counts_read(void)
{
    struct counts c = {0};
    const struct trace_event *event;

    while ((event = recording_next()) != NULL) {
        c.all++;
        c.starts += is(event, "thread:start");
        c.ends += is(event, "thread:end");
        c.names += is(event, "thread:name");
        c.mallocs += is(event, "memory:malloc");
        c.reallocs += is(event, "memory:realloc");
        c.enters += is(event, "function:enter");
        c.exits += is(event, "function:exit");
    }
    return c;
}

/* Without ThreadSanitizer nobody has looked for races. */
static void figure_write(unsigned threads, unsigned events)
{
#ifdef __SANITIZE_THREAD__
    evidence_write("tsan-together", "%u threads, %u events of the hooks in the file, no race",
                   threads, events);
#else
    (void)threads;
    (void)events;
#endif
}

static void every_event_of_the_hooks_is_in_the_file(void **state)
{
    const struct ada_session_options options = {
        .ring_bytes = RING_BYTES, .policy = ADA_POLICY_BLOCK, .timeout_ms = 60000};
    const unsigned generations = 8, threads = generations * THREADS;
    struct counts c;

    (void)state;
    recording_start(&options);
    agent_begin();
    threads_run(generations);
    recording_stop();
    c = counts_read();
    /* The session's own threads come through the hooks as well. */
    assert_in_range(c.starts, threads, threads + SESSION_THREADS);
    assert_in_range(c.ends, threads, threads + SESSION_THREADS);
    assert_in_range(c.names, threads, threads + SESSION_THREADS);
    assert_true(c.mallocs >= threads * ROUNDS);
    assert_int_equal(c.reallocs, threads * ROUNDS);
    assert_int_equal(c.enters, threads * ROUNDS * 4);
    assert_int_equal(c.exits, c.enters);
    figure_write(threads, c.all);
}

/* Rings that are full all the time, and a drain that drops the pace. */
static void losses_of_the_hooks_are_in_the_ledger(void **state)
{
    const struct ada_session_options options = {.ring_bytes = RING_BYTES,
                                                .policy = ADA_POLICY_DROP};

    (void)state;
    recording_start(&options);
    agent_begin();
    threads_run(8);
    recording_stop_either(); /* which has compared every thread's ledger with what is stored */
    assert_true(counts_read().starts > 0);
}

/* Several threads compress and write. */
static void blocks_go_through_several_threads(void **state)
{
    const struct ada_session_options options = {.ring_bytes = RING_BYTES,
                                                .policy = ADA_POLICY_BLOCK,
                                                .timeout_ms = 60000,
                                                .drain_threads = 2};

    (void)state;
    recording_start(&options);
    agent_begin();
    threads_run(8);
    recording_stop();
    assert_int_equal(counts_read().reallocs, 8 * THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_of_the_hooks_is_in_the_file),
        cmocka_unit_test(losses_of_the_hooks_are_in_the_ledger),
        cmocka_unit_test(blocks_go_through_several_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
