/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forked children of a program with its own session: they write to rings of their own, and what
 * their parent was about to write stays its own.
 */
#include "tracer_fixture.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/coverage.h"
#include "format/trace_reader.h"

enum { CHILD_EVENTS = 500, PARENT_EVENTS = 700 };

ADA_EVENT(fork, parent, (u32, n))
ADA_EVENT(fork, child, (u32, n), (u32, pid))

static pid_t fork_by_libc(void)
{
    return fork();
}

static pid_t fork_without_handlers(void)
{
    return _Fork();
}

/* The C library knows nothing of it: its idea of our thread id is the parent's. */
static pid_t fork_by_hand(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static uint32_t true_pid(void)
{
    return (uint32_t)syscall(SYS_getpid);
}

/* What a child that ends by child_leave() has to say. */
static int *child_result;

/* Dead at once: what the C library keeps for the drain's thread would seem lost to valgrind. */
static void child_leave(int result)
{
    *child_result = result;
    coverage_keep();
    (void)syscall(SYS_kill, true_pid(), SIGKILL);
}

static void child_wait_left(pid_t child)
{
    int status;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, SIGKILL);
    assert_int_equal(*child_result, 0);
}

static void child_wait(pid_t child)
{
    int status;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Never returns. */
static void child_emit(void)
{
    struct ada_thread_stats stats;

    if (ada_thread_stats_read(&stats) != -ENODATA)
        child_leave(10); /* that would be our parent's ring */
    for (uint32_t i = 0; i < CHILD_EVENTS; i++)
        ada_trace_fork_child(i, true_pid());
    if (ada_thread_stats_read(&stats) || stats.written != CHILD_EVENTS || stats.dropped)
        child_leave(11);
    child_leave(stats.pid == true_pid() ? 0 : 12);
}

/* Both numbers run without a gap, in threads that are whose they say. */
static void expect_both(pid_t child)
{
    const struct trace_event *e;
    uint32_t parents = 0, children = 0;

    while ((e = recording_next())) {
        if (event_pid(e) == (uint32_t)getpid()) {
            assert_string_equal(e->type->full_name, "fork:parent");
            assert_int_equal(field_unsigned(e, "n"), parents++);
        } else {
            assert_string_equal(e->type->full_name, "fork:child");
            assert_int_equal(event_pid(e), child);
            assert_int_equal(event_tid(e), child);
            assert_int_equal(field_unsigned(e, "pid"), child);
            assert_int_equal(field_unsigned(e, "n"), children++);
        }
    }
    assert_int_equal(parents, PARENT_EVENTS);
    assert_int_equal(children, CHILD_EVENTS);
}

static void expect_child_of_its_own(pid_t (*fork_somehow)(void))
{
    const struct trace_ledger *ledger;
    struct ada_thread_stats before, after;
    uint32_t n = 0;
    pid_t child;

    recording_start(NULL);
    while (n < PARENT_EVENTS / 2)
        ada_trace_fork_parent(n++);
    assert_int_equal(ada_thread_stats_read(&before), 0);
    child = fork_somehow();
    if (!child)
        child_emit();
    child_wait_left(child);
    assert_int_equal(ada_thread_stats_read(&after), 0);
    assert_int_equal(after.written, before.written);
    while (n < PARENT_EVENTS)
        ada_trace_fork_parent(n++);
    recording_stop();
    expect_both(child);
    ledger = recording_ledger((uint32_t)getpid(), thread_id());
    assert_int_equal(ledger->written, PARENT_EVENTS);
    assert_int_equal(ledger->stored, PARENT_EVENTS);
    ledger = recording_ledger((uint32_t)child, (uint32_t)child);
    assert_int_equal(ledger->written, CHILD_EVENTS);
    assert_int_equal(ledger->stored, CHILD_EVENTS);
    recording_expect_end();
}

static void child_of_fork_has_a_ring_of_its_own(void **state)
{
    (void)state;
    expect_child_of_its_own(fork_by_libc);
}

static void child_of_underscore_fork_has_a_ring_of_its_own(void **state)
{
    (void)state;
    expect_child_of_its_own(fork_without_handlers);
}

static void child_of_raw_clone_has_a_ring_of_its_own(void **state)
{
    (void)state;
    expect_child_of_its_own(fork_by_hand);
}

/* In the trace's table of processes; NULL: it has none. */
static const struct trace_process *parent_of(const struct trace_process *p)
{
    return trace_process_by_number(recording_trace(), p->parent);
}

static void grandchild_is_known_by_its_parent(void **state)
{
    const struct trace_process *p, *of_child = NULL, *of_grandchild = NULL;
    pid_t child;

    (void)state;
    recording_start(NULL);
    ada_trace_fork_parent(0);
    child = fork();
    if (!child) {
        pid_t grandchild;
        int status;

        ada_trace_fork_child(1, true_pid());
        grandchild = fork();
        if (!grandchild) {
            ada_trace_fork_child(2, true_pid());
            _exit(0);
        }
        _exit(waitpid(grandchild, &status, 0) == grandchild ? status : 1);
    }
    child_wait(child);
    recording_stop();
    for (size_t n = 0; (p = trace_process_at(recording_trace(), n)); n++) {
        if (p->pid == (uint32_t)child)
            of_child = parent_of(p);
        else if (parent_of(p) && parent_of(p)->pid == (uint32_t)child)
            of_grandchild = parent_of(p);
    }
    assert_non_null(of_child);
    assert_int_equal(of_child->pid, getpid());
    assert_non_null(of_grandchild);
    assert_int_equal(recording_count_rest("fork:child"), 2);
    recording_expect_end();
}

static void record_held_over_a_fork_is_the_parent_s_alone(void **state)
{
    struct ada_record record;
    uint32_t number = 42;
    pid_t child;

    (void)state;
    recording_start(NULL);
    record = ada_reserve(&ada_event_fork_parent, sizeof(number));
    assert_non_null(record.payload);
    child = fork();
    if (!child) {
        struct ada_record copy = record;

        ada_commit(&record);
        ada_rollback(&copy);
        ada_trace_fork_child(7, true_pid());
        _exit(0);
    }
    child_wait(child);
    memcpy(record.payload, &number, sizeof(number));
    ada_commit(&record);
    recording_stop();
    assert_int_equal(field_unsigned(recording_expect("fork:parent"), "n"), 42);
    assert_int_equal(field_unsigned(recording_expect("fork:child"), "n"), 7);
    recording_expect_end();
}

static void child_that_stops_the_session_stops_only_itself(void **state)
{
    pid_t child;

    (void)state;
    recording_start(NULL);
    ada_trace_fork_parent(1);
    child = fork();
    if (!child) {
        int bad = ada_session_start(recording_path(), NULL) != -EALREADY;

        bad |= ada_session_stop() != 0;
        ada_trace_fork_child(1, true_pid());
        _exit(bad);
    }
    child_wait(child);
    assert_true(ada_session_is_active());
    ada_trace_fork_parent(2);
    recording_stop();
    assert_int_equal(field_unsigned(recording_expect("fork:parent"), "n"), 1);
    assert_int_equal(field_unsigned(recording_expect("fork:parent"), "n"), 2);
    recording_expect_end();
}

static void child_that_switches_events_switches_its_own(void **state)
{
    pid_t child;

    (void)state;
    recording_start(NULL);
    child = fork();
    if (!child) {
        int changed = ada_events_disable("fork:*");

        ada_trace_fork_child(1, true_pid());
        _exit(changed == 2 ? 0 : 1);
    }
    child_wait(child);
    ada_trace_fork_parent(1);
    recording_stop();
    recording_expect("fork:parent");
    recording_expect_end();
}

static int group_begin(void **state)
{
    (void)state;
    child_result = mmap(NULL, sizeof(*child_result), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return child_result == MAP_FAILED;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_of_fork_has_a_ring_of_its_own),
        cmocka_unit_test(child_of_underscore_fork_has_a_ring_of_its_own),
        cmocka_unit_test(child_of_raw_clone_has_a_ring_of_its_own),
        cmocka_unit_test(grandchild_is_known_by_its_parent),
        cmocka_unit_test(record_held_over_a_fork_is_the_parent_s_alone),
        cmocka_unit_test(child_that_stops_the_session_stops_only_itself),
        cmocka_unit_test(child_that_switches_events_switches_its_own),
    };

    return cmocka_run_group_tests(tests, group_begin, NULL);
}
