/* SPDX-License-Identifier: Apache-2.0 */
/* An application whose write() emits, as malloc() may, and so emits in the drain's thread of its
 * own session. With policy block that would wait for room that only it can make. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "format/trace_model.h"
#include "tracer_fixture.h"

ADA_EVENT(own, mine, (u32, n))
ADA_EVENT(own, writes, (u32, n))

enum { EVENTS = 1000, LONGEST_S = 20 };

static uint32_t writer; /* the thread that has written first; 0: none has */
static uint32_t has_emitted;

static void emit_more_than_a_ring_holds(void)
{
    for (uint32_t n = 0; n < EVENTS; n++)
        ada_trace_own_writes(n);
}

/* In place of the C library's, for the library as well. */
ADA_EXPORT ssize_t write(int fd, const void *bytes, size_t size)
{
    uint32_t nobody = 0;

    if (ada_session_is_active() && gettid() != getpid() &&
        compare_exchange(&writer, &nobody, (uint32_t)gettid()))
        emit_more_than_a_ring_holds();
    if (load_relaxed(&writer) == (uint32_t)gettid())
        store_release(&has_emitted, 1); /* pairs with the acquire of who ends the session then */
    return syscall(SYS_write, fd, bytes, size);
}

static void thread_that_drains_does_not_wait_for_itself(void **state)
{
    const struct ada_session_options options = {
        .ring_bytes = 4096, .ring_max_bytes = 4096, .policy = ADA_POLICY_BLOCK};
    const struct trace_ledger *ledger;
    time_t end = time(NULL) + LONGEST_S;

    (void)state;
    recording_start(&options);
    for (uint32_t n = 0; !load_acquire(&has_emitted) && time(NULL) < end; n++)
        ada_trace_own_mine(n);
    recording_stop_lossy();
    assert_true(time(NULL) < end);
    assert_int_equal(recording_ledger((uint32_t)getpid(), thread_id())->dropped, 0);
    ledger = recording_ledger((uint32_t)getpid(), writer);
    assert_true(ledger->dropped > 0);
    assert_int_equal(ledger->written + ledger->dropped, EVENTS);
    assert_int_equal(recording_count_rest("own:writes"), ledger->written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_that_drains_does_not_wait_for_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
