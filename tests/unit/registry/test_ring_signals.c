/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal handlers that emit, at a high rate, in the middle of their own thread's emits; on the
 * thread's stack, on another one, and such that jump out and never come back.
 * test_ring_step.c does the same at every single instruction.
 */
#include "ring_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "tests/helpers/deep_frame.h"

#ifndef sigev_notify_thread_id /* glibc's name for it */
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define HANDLER_SEED (UINT64_C(1) << 40)

enum {
/* Handlers under a sanitizer or valgrind take so long that the thread itself would get nowhere. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(TEST_IS_WRAPPED)
    STORM_SIGNALS = 2000,
    STORM_NS = 1000000, /* between two of them */
#else
    STORM_SIGNALS = 20000,
    STORM_NS = 20000,
#endif
    PATIENCE_S = 10
};

/* Everything that the handler and the thread it interrupts share. */
static struct {
    struct ring_fixture f;
    uint64_t handled, handled_nested; /* emits of the handler; behind an unfinished record */
    uint64_t burst;                   /* emits in each */
    bool jumps;
    sigjmp_buf back;
    volatile sig_atomic_t may_jump;
    timer_t timer;
    uint64_t period_ns;
} storm;

/* One signal at a time, behind the handler of the one before: else a thread on a slow machine, with
 * an emulator, would be in handlers for ever. */
static void next_signal(void)
{
    const struct itimerspec time = {.it_value.tv_nsec = (long)storm.period_ns};

    (void)timer_settime(storm.timer, 0, &time, NULL);
}

static void on_signal(int number)
{
    int saved = errno;

    (void)number;
    for (uint64_t i = 0; i < storm.burst; i++) {
        const struct ada_writer *w = storm.f.writer;
        bool nested = w->reserve != load_relaxed(&w->front->head);

        storm.handled++;
        if (fixture_emit(storm.f.writer, 16 + storm.handled % 40, HANDLER_SEED + storm.handled))
            storm.handled_nested += nested;
    }
    next_signal();
    errno = saved;
    if (storm.jumps && storm.may_jump) {
        storm.may_jump = 0;
        siglongjmp(storm.back, 1);
    }
}

static void timer_begin(uint64_t period_ns, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags | SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    assert_int_equal(sigaction(SIGRTMIN, &action, NULL), 0);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &storm.timer), 0);
    storm.period_ns = period_ns;
    next_signal();
}

static void timer_end(void)
{
    const struct itimerspec off = {0};
    sigset_t pending;

    assert_int_equal(timer_settime(storm.timer, 0, &off, NULL), 0);
    assert_int_equal(timer_delete(storm.timer), 0);
    /* One may still be on its way; nobody emits after we have counted. */
    do {
        assert_int_equal(sigpending(&pending), 0);
    } while (sigismember(&pending, SIGRTMIN));
}

static void storm_begin(uint64_t capacity, enum ring_policy policy, uint64_t burst)
{
    memset(&storm, 0, sizeof(storm));
    storm.burst = burst;
    fixture_open(&storm.f, capacity, policy, 0);
}

/* Enough signals, or too slow a machine for so many. */
static bool storm_is_over(uint64_t started_ns)
{
    return storm.handled >= STORM_SIGNALS * storm.burst ||
           clock_monotonic_ns() - started_ns > PATIENCE_S * UINT64_C(1000000000);
}

/* Emit, and read at times. Reading is done by the same thread: handlers come there, too. */
static uint64_t emit_through_the_storm(struct ledger *l, uint64_t every)
{
    uint64_t started = clock_monotonic_ns(), emitted = 0;

    while (!storm_is_over(started)) {
        for (uint64_t i = 0; i < every; i++) {
            emitted++;
            (void)fixture_emit(storm.f.writer, 16 + emitted % 90, emitted);
        }
        ledger_drain(l, &storm.f.reader);
    }
    return emitted;
}

static void assert_stormed(struct ledger *l, uint64_t emitted, const char *what)
{
    ledger_drain(l, &storm.f.reader);
    print_message("%s: %llu emitted, %llu by handlers, %llu of them nested, %llu dropped\n", what,
                  (unsigned long long)emitted, (unsigned long long)storm.handled,
                  (unsigned long long)storm.f.ring->nested,
                  (unsigned long long)storm.f.ring->dropped);
    assert_balanced(&storm.f, l, emitted + storm.handled);
    /* Behind a record that was buried nobody is nested. */
    if (!storm.f.ring->dropped)
        assert_int_equal(storm.f.ring->nested, storm.handled_nested);
    assert_true(storm.handled_nested > 0);
}

static void handlers_that_emit_lose_and_tear_nothing(void **state)
{
    struct ledger l = {0};
    uint64_t emitted;

    (void)state;
    storm_begin(1 << 20, RING_DROP, 2);
    timer_begin(STORM_NS, 0);
    emitted = emit_through_the_storm(&l, 100);
    timer_end();
    assert_stormed(&l, emitted, "roomy ring");
    assert_int_equal(storm.f.ring->dropped, 0);
    fixture_close(&storm.f);
}

static void handlers_that_emit_into_a_full_ring_are_counted(void **state)
{
    struct ledger l = {0};
    uint64_t emitted;

    (void)state;
    storm_begin(4096, RING_DROP, 3);
    timer_begin(STORM_NS, 0);
    emitted = emit_through_the_storm(&l, 80);
    timer_end();
    assert_stormed(&l, emitted, "full ring");
    assert_true(storm.f.ring->dropped > 0 && l.gaps > 0);
    fixture_close(&storm.f);
}

static void handlers_that_emit_into_an_overwriting_ring_are_counted(void **state)
{
    struct ledger l = {0};
    uint64_t emitted;

    (void)state;
    /* So large that handlers, on however slow a machine, do not fill half of it behind one record:
     * that would bury a record whose writer is only away, and may be written to a lap later. */
    storm_begin(1 << 17, RING_OVERWRITE, 3);
    timer_begin(STORM_NS, 0);
    emitted = emit_through_the_storm(&l, 4000);
    timer_end();
    assert_stormed(&l, emitted, "overwriting ring");
    assert_true(storm.f.ring->overwritten > 0);
    fixture_close(&storm.f);
}

static void handlers_interrupt_the_slow_path_everywhere(void **state)
{
    struct ledger l = {0};
    uint64_t emitted;

    (void)state;
    storm_begin(1 << 18, RING_DROP, 2);
    ring_writer_init(storm.f.writer, storm.f.ring, false);
    timer_begin(STORM_NS, 0);
    emitted = emit_through_the_storm(&l, 100);
    timer_end();
    assert_stormed(&l, emitted, "slow path");
    fixture_close(&storm.f);
}

/* ---- on another stack ---- */

static void emit_with_alternate_stack(void *memory, size_t size, struct ledger *l, bool within)
{
    const stack_t alternate = {.ss_sp = memory, .ss_size = size}, none = {.ss_flags = SS_DISABLE};
    uint64_t emitted;

    assert_int_equal(sigaltstack(&alternate, NULL), 0);
    storm_begin(1 << 20, RING_DROP, 2);
    if (within) /* whoever made it part of his frame is above */
        storm.f.writer->stack_top = (uint64_t)(uintptr_t)memory + size;
    timer_begin(STORM_NS, SA_ONSTACK);
    emitted = emit_through_the_storm(l, 100);
    timer_end();
    assert_int_equal(sigaltstack(&none, NULL), 0);
    ledger_drain(l, &storm.f.reader);
    /* Within the thread's own stack the handler takes the interrupted frame for left: its record
     * counts as dropped. Everything adds up all the same. */
    if (!within)
        assert_stormed(l, emitted, "alternate stack");
    assert_balanced(&storm.f, l, emitted + storm.handled);
    fixture_close(&storm.f);
}

static void handlers_on_an_alternate_stack_lose_and_tear_nothing(void **state)
{
    size_t size = (size_t)SIGSTKSZ + 65536;
    void *memory = malloc(size);
    struct ledger l = {0};

    (void)state;
    assert_non_null(memory);
    emit_with_alternate_stack(memory, size, &l, false);
    free(memory);
}

static void handlers_on_a_stack_within_the_stack_are_counted(void **state)
{
    unsigned char memory[128 * 1024];
    struct ledger l = {0};

    (void)state;
    emit_with_alternate_stack(memory, sizeof(memory), &l, true);
}

/* ---- jumping out ---- */

struct jumper {
    uint64_t started, finished; /* emits of the thread */
    uint64_t jumps;
};

/* Emits in a frame below the one that is jumped to. */
__attribute__((noinline)) static void emit_some(volatile struct jumper *j)
{
    unsigned char deep[2048]; /* far below those that emit later */

    for (int i = 0; i < 50; i++) {
        j->started++;
        (void)fixture_emit(storm.f.writer, 16 + j->started % 90, j->started);
        j->finished++;
    }
    DEEP_FRAME_KEEP(deep);
}

/* A signal that comes while something else runs on the processor most of the time may find the
 * thread anywhere but in an emit: there has to be one that does. */
static bool jumps_are_over(const volatile struct jumper *j, uint64_t started_ns)
{
    const uint64_t patience_ns = 10 * PATIENCE_S * UINT64_C(1000000000);

    return storm_is_over(started_ns) &&
           (j->started > j->finished || clock_monotonic_ns() - started_ns > patience_ns);
}

static void jump_through_the_storm(volatile struct jumper *j, struct ledger *l)
{
    const uint64_t started = clock_monotonic_ns();

    while (!jumps_are_over(j, started)) {
        if (sigsetjmp(storm.back, 1)) {
            j->jumps++;
            ledger_drain(l, &storm.f.reader); /* a slow machine may never get there below */
            if (jumps_are_over(j, started))   /* a slow machine may never get through emit_some() */
                break;
        }
        storm.may_jump = 1;
        emit_some(j);
        storm.may_jump = 0;
        ledger_drain(l, &storm.f.reader);
    }
}

static void assert_jumped(const volatile struct jumper *j, struct ledger *l, const char *what)
{
    const struct ring_shared *ring = storm.f.ring;
    uint64_t known, interrupted = j->started - j->finished;
    char text[200] = "";

    /* One more emit from up here publishes whatever was left, and is the last. */
    assert_true(fixture_emit(storm.f.writer, 16, HANDLER_SEED * 2));
    ledger_drain(l, &storm.f.reader);
    known = ring_written(ring) + ring->dropped - 1 - storm.handled;
    print_message("%s: %llu jumps, %llu of them out of an emit; %llu buried\n", what,
                  (unsigned long long)j->jumps, (unsigned long long)interrupted,
                  (unsigned long long)ring->dropped);
    assert_int_equal(l->torn, 0);
    assert_int_equal(l->backwards, 0);
    assert_int_equal(l->damages, 0);
    assert_int_equal(l->last_seed, HANDLER_SEED * 2);
    /* Of the interrupted ones each was written, or dropped and counted, or had not begun. */
    assert_in_range(known, j->finished, j->started);
    assert_true(ring->dropped <= interrupted);
    assert_int_equal(ring_written(ring), l->records);
    assert_int_equal(ring_check(ring, text, sizeof(text)), 0);
    assert_true(interrupted > 0);
}

static void handlers_that_jump_out_leave_the_thread_traced(void **state)
{
    volatile struct jumper j = {0};
    struct ledger l = {0};

    (void)state;
    storm_begin(1 << 20, RING_DROP, 1);
    storm.jumps = true;
    timer_begin(STORM_NS, 0);
    jump_through_the_storm(&j, &l);
    timer_end();
    assert_jumped(&j, &l, "fast path");
    fixture_close(&storm.f);
}

static void handlers_that_jump_out_of_the_slow_path_leave_the_thread_traced(void **state)
{
    volatile struct jumper j = {0};
    struct ledger l = {0};

    (void)state;
    storm_begin(1 << 20, RING_DROP, 1);
    ring_writer_init(storm.f.writer, storm.f.ring, false);
    storm.jumps = true;
    timer_begin(STORM_NS, 0);
    jump_through_the_storm(&j, &l);
    timer_end();
    assert_jumped(&j, &l, "slow path");
    fixture_close(&storm.f);
}

static void handlers_that_jump_out_without_emitting_leave_the_thread_traced(void **state)
{
    volatile struct jumper j = {0};
    struct ledger l = {0};
    const uint64_t started = clock_monotonic_ns(), patience_ns = PATIENCE_S * UINT64_C(1000000000);

    (void)state;
    storm_begin(1 << 20, RING_DROP, 0);
    storm.jumps = true;
    timer_begin(STORM_NS, 0);
    while (j.jumps < STORM_SIGNALS / 4 && clock_monotonic_ns() - started < patience_ns) {
        if (sigsetjmp(storm.back, 1)) {
            j.jumps++;
            ledger_drain(&l, &storm.f.reader); /* a slow machine may never get there below */
            if (clock_monotonic_ns() - started > patience_ns)
                break;
        }
        storm.may_jump = 1;
        emit_some(&j);
        storm.may_jump = 0;
        ledger_drain(&l, &storm.f.reader);
    }
    timer_end();
    assert_jumped(&j, &l, "silent");
    fixture_close(&storm.f);
}

/* Only from deeper frames: the frame that was left is never known to be. */
static void thread_that_never_comes_up_again_is_not_silent_for_ever(void **state)
{
    struct ada_record left;
    struct ring_fixture f;
    struct ledger l = {0};
    uint64_t attempted = 1;
    char text[200];

    (void)state;
    fixture_open(&f, 8192, RING_DROP, 0);
    f.writer->stack_top = 0;
    assert_true(ada_reserve_fast(f.writer, ada_record_tag(FIXTURE_EVENT, 32), 32, &left) ||
                fixture_emit(f.writer, 24, attempted++));
    if (ring_written(f.ring))
        assert_true(ada_reserve_fast(f.writer, ada_record_tag(FIXTURE_EVENT, 32), 32, &left));
    for (; attempted < 2000; attempted++) {
        (void)fixture_emit(f.writer, 24, attempted + 1);
        ledger_drain(&l, &f.reader);
    }
    assert_int_equal(l.last_seed, attempted);
    assert_int_equal(ring_written(f.ring) + f.ring->dropped, attempted);
    assert_int_equal(ring_written(f.ring), l.records);
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), 0);
    assert_true(f.ring->dropped < 5);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_that_emit_lose_and_tear_nothing),
        cmocka_unit_test(handlers_that_emit_into_a_full_ring_are_counted),
        cmocka_unit_test(handlers_that_emit_into_an_overwriting_ring_are_counted),
        cmocka_unit_test(handlers_interrupt_the_slow_path_everywhere),
        cmocka_unit_test(handlers_on_an_alternate_stack_lose_and_tear_nothing),
        cmocka_unit_test(handlers_on_a_stack_within_the_stack_are_counted),
        cmocka_unit_test(handlers_that_jump_out_leave_the_thread_traced),
        cmocka_unit_test(handlers_that_jump_out_of_the_slow_path_leave_the_thread_traced),
        cmocka_unit_test(handlers_that_jump_out_without_emitting_leave_the_thread_traced),
        cmocka_unit_test(thread_that_never_comes_up_again_is_not_silent_for_ever),
    };

    return cmocka_run_group_tests_name("ring, signals", tests, NULL, NULL);
}
