/* SPDX-License-Identifier: Apache-2.0 */
/* Emitting from signal handlers, in the middle of everything else that a thread does. */
#include "tracer_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "format/trace_reader.h"

enum { INTERRUPTIONS = 300, PERIOD_US = 300, RESERVED_BYTES = 8 };

ADA_EVENT(signal, work, (u64, n))
ADA_EVENT(signal, handled, (u64, n))

static volatile uint64_t handled; /* events that the handler has emitted, of each kind */

static void handle_by_macro(int signal)
{
    (void)signal;
    ada_trace_signal_handled(handled++);
}

/* All that a handler may call. */
static void handle_by_hand(int signal)
{
    uint64_t n = handled++;
    struct ada_thread_stats stats;
    struct ada_record record = ada_reserve(&ada_event_signal_handled, sizeof(n));

    (void)signal;
    if (record.payload) {
        memcpy(record.payload, &n, sizeof(n));
        ada_commit(&record);
    }
    record = ada_reserve(&ada_event_signal_work, sizeof(n));
    if (record.payload)
        ada_rollback(&record);
    ADA_PRINTF(signal, line, "%llu", (unsigned long long)n);
    (void)ada_thread_stats_read(&stats);
    (void)ada_session_is_active();
}

static void handler_set(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK};

    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
}

static void alarm_every(long us)
{
    const struct itimerval timer = {.it_interval.tv_usec = us, .it_value.tv_usec = us};

    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/* Work and interruptions are all there, each in its order; nothing was lost. */
static void expect_all(uint64_t work)
{
    const struct trace_ledger *ledger;
    const struct trace_event *e;
    uint64_t works = 0, handlings = 0, lines = 0;

    recording_stop();
    while ((e = recording_next())) {
        if (strcmp(e->type->full_name, "signal:work") == 0)
            assert_int_equal(field_unsigned(e, "n"), works++);
        else if (strcmp(e->type->full_name, "signal:handled") == 0)
            assert_int_equal(field_unsigned(e, "n"), handlings++);
        else
            assert_int_equal(field_unsigned(e, "arg1"), lines++);
    }
    assert_int_equal(works, work);
    assert_int_equal(handlings, handled);
    assert_true(lines == 0 || lines == handled);
    ledger = recording_ledger((uint32_t)getpid(), thread_id());
    assert_int_equal(ledger->written, works + handlings + lines);
    assert_int_equal(ledger->stored, works + handlings + lines);
    assert_int_equal(ledger->dropped, 0);
    recording_expect_end();
}

static uint64_t work_by_macro(uint64_t n)
{
    ada_trace_signal_work(n);
    return n + 1;
}

static uint64_t work_by_hand(uint64_t n)
{
    struct ada_record first = ada_reserve(&ada_event_signal_work, sizeof(n));
    uint64_t next = n + 1;

    assert_non_null(first.payload);
    ada_trace_signal_work(next); /* visible with first's commit */
    memcpy(first.payload, &n, sizeof(n));
    ada_commit(&first);
    return n + 2;
}

static uint64_t work_in_batches(uint64_t n)
{
    const uint64_t numbers[] = {n, n + 1, n + 2};
    const struct ada_batch_item items[] = {
        {&ada_event_signal_work, &numbers[0], sizeof(n)},
        {&ada_event_signal_work, &numbers[1], sizeof(n)},
        {&ada_event_signal_work, &numbers[2], sizeof(n)},
    };

    assert_int_equal(ada_emit_batch(items, 3), 3);
    return n + 3;
}

static void interrupt(uint64_t (*work)(uint64_t n), void (*handler)(int))
{
    uint64_t n = 0;

    handled = 0;
    handler_set(handler);
    recording_start(NULL);
    /* Now the thread has its ring. A handler that comes while it claims one has another, and the
     * thread two ledgers. */
    n = work(n);
    alarm_every(PERIOD_US);
    for (; handled < INTERRUPTIONS; recording_keep_room())
        for (int i = 0; i < 100; i++)
            n = work(n);
    alarm_every(0);
    handler_set(SIG_IGN); /* valgrind may still have one to deliver */
    expect_all(n);
}

static void handlers_amid_macros_lose_nothing(void **state)
{
    (void)state;
    interrupt(work_by_macro, handle_by_macro);
    interrupt(work_by_macro, handle_by_hand);
}

static void handlers_amid_reservations_lose_nothing(void **state)
{
    (void)state;
    interrupt(work_by_hand, handle_by_macro);
    interrupt(work_by_hand, handle_by_hand);
}

static void handlers_amid_batches_lose_nothing(void **state)
{
    (void)state;
    interrupt(work_in_batches, handle_by_macro);
    interrupt(work_in_batches, handle_by_hand);
}

static void *first_event_in_handler(void *argument)
{
    struct ada_thread_stats stats;

    (void)argument;
    raise(SIGALRM);
    ada_trace_signal_work(0);
    return (void *)(intptr_t)(ada_thread_stats_read(&stats) || stats.written != 2);
}

static void thread_s_first_event_may_be_a_handler_s(void **state)
{
    pthread_t thread;
    void *bad;

    (void)state;
    handled = 0;
    handler_set(handle_by_macro);
    recording_start(NULL);
    assert_int_equal(pthread_create(&thread, NULL, first_event_in_handler, NULL), 0);
    assert_int_equal(pthread_join(thread, &bad), 0);
    assert_null(bad);
    recording_stop();
    recording_expect("signal:handled");
    recording_expect("signal:work");
    recording_expect_end();
}

/* ---- a handler on a stack of its own, above the thread's ---- */

static struct stacks {
    unsigned char of_thread[2048 * 1024], of_handlers[64 * 1024];
} stacks __attribute__((aligned(4096)));

struct below {
    struct ada_thread_stats stats;
    uint64_t works;
    int err;
};

static void *work_below(void *argument)
{
    const stack_t above = {.ss_sp = stacks.of_handlers, .ss_size = sizeof(stacks.of_handlers)};
    struct below *b = argument;
    sigset_t alarms;

    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    b->err = sigaltstack(&above, NULL) || pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    if (b->err)
        return NULL;
    raise(SIGALRM); /* the thread's first event */
    alarm_every(PERIOD_US);
    for (; handled < INTERRUPTIONS; recording_keep_room())
        for (int i = 0; i < 100; i++)
            b->works = work_by_macro(b->works);
    alarm_every(0);
    handler_set(SIG_IGN);
    b->err = ada_thread_stats_read(&b->stats);
    return NULL;
}

static void handlers_on_a_stack_above_the_thread_s_give_nobody_up(void **state)
{
    sigset_t alarms, before;
    struct below b = {0};
    pthread_attr_t where;
    pthread_t thread;

    (void)state;
    handled = 0;
    handler_set(handle_by_macro);
    recording_start(NULL);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &alarms, &before), 0);
    pthread_attr_init(&where);
    assert_int_equal(pthread_attr_setstack(&where, stacks.of_thread, sizeof(stacks.of_thread)), 0);
    assert_int_equal(pthread_create(&thread, &where, work_below, &b), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&where);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(b.err, 0);
    assert_int_equal(b.stats.dropped, 0);
    assert_int_equal(b.stats.written, b.works + handled);
    recording_stop();
}

static void switch_types(int signal)
{
    (void)signal;
    handled++;
    /* Not allowed, but it must not hang: the lock may be the interrupted call's. */
    (void)ada_events_enable("nobody:*");
}

static void handler_in_the_middle_of_a_switch_does_not_hang(void **state)
{
    (void)state;
    handled = 0;
    handler_set(switch_types);
    recording_start(NULL);
    alarm_every(PERIOD_US);
    while (handled < INTERRUPTIONS) {
        (void)ada_events_disable("signal:work");
        (void)ada_events_enable("signal:work");
    }
    alarm_every(0);
    ada_trace_signal_work(0);
    recording_stop();
    recording_expect("signal:work");
    recording_expect_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_amid_macros_lose_nothing),
        cmocka_unit_test(handlers_amid_reservations_lose_nothing),
        cmocka_unit_test(handlers_amid_batches_lose_nothing),
        cmocka_unit_test(thread_s_first_event_may_be_a_handler_s),
        cmocka_unit_test(handlers_on_a_stack_above_the_thread_s_give_nobody_up),
        cmocka_unit_test(handler_in_the_middle_of_a_switch_does_not_hang),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
