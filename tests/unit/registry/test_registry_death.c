/* SPDX-License-Identifier: Apache-2.0 */
/* However a thread ends, the kernel tells the drain by the mutex that it held for life. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "registry_fixture.h"

enum { RECORDS = 25 };
#define PATIENCE_NS UINT64_C(20000000000)

/* A process with threads in it that have slots; it says when they have. */
struct household {
    struct segment *segment;
    int ready[2], gate[2]; /* pipes: a byte when all is set up; the end of file lets them go */
    void (*leave)(void);   /* how a thread ends */
    unsigned threads;
};

static void gate_wait(int fd)
{
    char byte;

    while (read(fd, &byte, 1) < 0 && errno == EINTR)
        ;
}

static void *thread_live(void *argument)
{
    struct household *h = argument;
    struct ada_writer writer;
    int slot = owner_claim(h->segment, "short of life");

    if (slot < 0)
        _exit(1);
    owner_write_to(&writer, h->segment, (uint32_t)slot);
    for (uint64_t i = 1; i <= RECORDS; i++)
        if (!fixture_emit(&writer, 32, i))
            _exit(2);
    if (write(h->ready[1], "", 1) != 1)
        _exit(3);
    gate_wait(h->gate[0]);
    h->leave();
    return NULL;
}

static void household_live(void *argument)
{
    struct household *h = argument;
    pthread_t thread;

    close(h->gate[1]);
    for (unsigned i = 0; i < h->threads; i++)
        if (pthread_create(&thread, NULL, thread_live, h))
            _exit(4);
    stay_for_ever();
}

static pid_t household_start(struct household *h)
{
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(h->ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(h->gate, O_CLOEXEC), 0);
    pid = process_start(household_live, h);
    assert_true(pid > 0);
    close(h->gate[0]);
    for (unsigned i = 0; i < h->threads; i++)
        assert_int_equal(read(h->ready[0], &byte, 1), 1);
    return pid;
}

static void gate_open(struct household *h)
{
    close(h->gate[1]);
}

static void household_forget(struct household *h)
{
    close(h->ready[0]);
    close(h->ready[1]);
}

/* The drain looks until the kernel has told of all; the process lives on. */
static void drain_until_empty(struct registry_fixture *f)
{
    uint64_t start = clock_monotonic_ns();

    while (registry_fixture_round(f)) {
        assert_true(clock_monotonic_ns() - start < PATIENCE_NS);
        sched_yield();
    }
}

static void leave_by_return(void)
{
}

static void leave_by_pthread_exit(void)
{
    pthread_exit(NULL);
}

static void leave_by_raw_exit(void)
{
    syscall(SYS_exit, 0);
}

static void threads_end(void (*leave)(void))
{
    struct registry_fixture *f = registry_fixture_open(4, 4096, 4);
    struct household h = {.segment = &f->segment, .leave = leave, .threads = 3};
    pid_t pid = household_start(&h);

    assert_int_equal(registry_fixture_round(f), 3);
    assert_false(slot_look(&f->segment, 0).dead);
    gate_open(&h);
    drain_until_empty(f);
    assert_int_equal(f->ended, 3);
    assert_int_equal(f->taken, 3 * RECORDS);
    assert_int_equal(registry_prepare(&f->segment, 4), 4);
    assert_int_equal(process_kill(pid), 128 + SIGKILL);
    household_forget(&h);
    registry_fixture_close(f);
}

static void thread_that_returns_without_retiring_is_dead(void **state)
{
    (void)state;
    threads_end(leave_by_return);
}

static void thread_that_ends_itself_is_dead(void **state)
{
    (void)state;
    threads_end(leave_by_pthread_exit);
}

static void thread_that_ran_no_destructor_is_dead(void **state)
{
    (void)state;
    threads_end(leave_by_raw_exit);
}

static void process_killed_is_dead_with_all_its_threads(void **state)
{
    struct registry_fixture *f = registry_fixture_open(4, 4096, 4);
    struct household h = {.segment = &f->segment, .leave = leave_by_return, .threads = 4};
    pid_t pid = household_start(&h);

    (void)state;
    assert_int_equal(process_kill(pid), 128 + SIGKILL);
    for (uint32_t n = 0; n < 4; n++) {
        assert_true(slot_look(&f->segment, n).dead);
        assert_int_equal(slot_look(&f->segment, n).pid, pid);
        assert_int_equal(slot_look(&f->segment, n).state, SLOT_CLAIMED);
    }
    assert_int_equal(registry_fixture_round(f), 0);
    assert_int_equal(f->taken, 4 * RECORDS);
    assert_int_equal(registry_prepare(&f->segment, 4), 4);
    gate_open(&h);
    household_forget(&h);
    registry_fixture_close(f);
}

/* ---- exec and fork ---- */

struct pipes {
    struct segment *segment;
    int input[2]; /* of the program that is executed */
    int seen[2];  /* closed by exec */
};

static void claim_and_exec(void *argument)
{
    struct pipes *p = argument;

    close(p->input[1]);
    close(p->seen[0]);
    if (owner_claim(p->segment, NULL) != 0 || dup2(p->input[0], STDIN_FILENO) < 0)
        _exit(1);
    execlp("cat", "cat", (char *)NULL);
    _exit(2);
}

static void thread_that_executes_another_program_is_dead(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);
    struct pipes p = {.segment = &f->segment};
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(p.input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(p.seen, O_CLOEXEC), 0);
    pid = process_start(claim_and_exec, &p);
    assert_true(pid > 0);
    close(p.input[0]);
    close(p.seen[1]);
    gate_wait(p.seen[0]); /* until exec has closed it */
    assert_true(slot_look(&f->segment, 0).dead);
    assert_int_equal(registry_fixture_round(f), 0);
    close(p.input[1]);
    assert_int_equal(process_end(pid), 0);
    close(p.seen[0]);
    registry_fixture_close(f);
}

static void return_at_once(void *unused)
{
    (void)unused;
}

static void wait_to_be_killed(void *unused)
{
    (void)unused;
    stay_for_ever();
}

static void child_that_dies_leaves_the_slot_of_its_parents_thread_alone(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);

    (void)state;
    assert_int_equal(owner_claim(&f->segment, NULL), 0);
    assert_int_equal(process_end(process_start(return_at_once, NULL)), 0);
    assert_int_equal(process_kill(process_start(wait_to_be_killed, NULL)), 128 + SIGKILL);
    assert_false(slot_look(&f->segment, 0).dead);
    assert_int_equal(registry_fixture_round(f), 1);
    registry_retire(&f->segment, 0);
    assert_int_equal(registry_fixture_round(f), 0);
    registry_fixture_close(f);
}

static void child_of_a_raw_clone_is_itself_and_not_its_parents_thread(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);
    struct registry_claim who = {.parent_pid = (uint32_t)getpid(), .robust = true};
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

    (void)state;
    if (!pid) {
        who.pid = (uint32_t)getpid();
        _exit(registry_claim(&f->segment, &who));
    }
    assert_int_equal(process_end(pid), 0);
    assert_int_equal(slot_look(&f->segment, 0).pid, pid);
    assert_int_equal(slot_look(&f->segment, 0).tid, pid);
    assert_false(slot_look(&f->segment, 0).robust); /* the kernel tells nobody of its death */
    assert_false(slot_look(&f->segment, 0).dead);
    f->dead_pid = (uint32_t)pid;
    assert_int_equal(registry_fixture_round(f), 0);
    registry_fixture_close(f);
}

static void claim_retire_and_claim(void *argument)
{
    struct segment *s = argument;

    if (owner_claim(s, NULL) != 0)
        _exit(1);
    registry_retire(s, 0);
    if (owner_claim(s, NULL) != 1)
        _exit(2);
}

static void thread_that_retired_a_slot_and_dies_with_another_is_dead_in_that_one(void **state)
{
    struct registry_fixture *f = registry_fixture_open(2, 4096, 2);

    (void)state;
    assert_int_equal(process_end(process_start(claim_retire_and_claim, &f->segment)), 0);
    assert_false(slot_look(&f->segment, 0).dead);
    assert_int_equal(slot_look(&f->segment, 0).state, SLOT_RETIRED);
    assert_true(slot_look(&f->segment, 1).dead);
    assert_int_equal(registry_fixture_round(f), 0);
    assert_int_equal(f->ended, 2);
    registry_fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_that_returns_without_retiring_is_dead),
        cmocka_unit_test(thread_that_ends_itself_is_dead),
        cmocka_unit_test(thread_that_ran_no_destructor_is_dead),
        cmocka_unit_test(process_killed_is_dead_with_all_its_threads),
        cmocka_unit_test(thread_that_executes_another_program_is_dead),
        cmocka_unit_test(child_that_dies_leaves_the_slot_of_its_parents_thread_alone),
        cmocka_unit_test(child_of_a_raw_clone_is_itself_and_not_its_parents_thread),
        cmocka_unit_test(thread_that_retired_a_slot_and_dies_with_another_is_dead_in_that_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
