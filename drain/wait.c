/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/wait.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"

enum {
    FILL_BUSY_PERCENT = 12,    /* fuller than that after one sleep: do not sleep at all */
    SLEEP_MIN_NS = 100 * 1000, /* the kernel's timers are not much finer */
    SLEEP_SHORT_NS = 1000 * 1000,
    SLEEP_IDLE_NS = 10 * 1000 * 1000,
    SLEEP_LONG_IDLE_NS = 20 * 1000 * 1000,
    LIVELY_NS = 100 * 1000 * 1000,
    LONG_IDLE_NS = 1000 * 1000 * 1000
};

void wait_init(struct wait *wait)
{
    *wait = (struct wait){.shortest_ns = SLEEP_SHORT_NS, .sleep_ns = SLEEP_SHORT_NS / 2};
}

/* A fast thread writes about a byte a nanosecond. */
void wait_for_rings(struct wait *wait, uint64_t ring_bytes)
{
    uint64_t filled_ns = ring_bytes < SLEEP_MIN_NS ? SLEEP_MIN_NS : ring_bytes;

    if (filled_ns >= wait->shortest_ns)
        return;
    wait->shortest_ns = filled_ns;
    wait->sleep_ns = filled_ns / 2;
}

uint64_t wait_decide(struct wait *wait, const struct wait_load *load, uint64_t now_ns)
{
    uint64_t longest;

    if (load->records)
        wait->busy_ns = now_ns;
    if (load->more || load->fill_percent >= FILL_BUSY_PERCENT) {
        wait->sleep_ns = wait->shortest_ns / 2;
        return 0;
    }
    longest = now_ns - wait->busy_ns < LIVELY_NS      ? 2 * wait->shortest_ns
              : now_ns - wait->busy_ns < LONG_IDLE_NS ? SLEEP_IDLE_NS
                                                      : SLEEP_LONG_IDLE_NS;
    wait->sleep_ns = wait->sleep_ns * 2 < longest ? wait->sleep_ns * 2 : longest;
    return wait->sleep_ns;
}

void wait_turn(struct wait *wait, const struct wait_load *load)
{
    uint64_t sleep_ns = wait_decide(wait, load, clock_monotonic_ns());
    /* Wake. Acquire: what the caller of wait_wake() left for us is visible. Pairs with the add in
     * wait_wake(). */
    uint32_t word = load_acquire(&wait->word);

    if (sleep_ns && word == wait->seen) {
        const struct timespec timeout = {.tv_nsec = (long)sleep_ns};

        syscall(SYS_futex, &wait->word, FUTEX_WAIT_PRIVATE, word, &timeout, NULL, 0);
        word = load_acquire(&wait->word); /* Wake, as above. */
    }
    if (word != wait->seen)
        wait->sleep_ns = wait->shortest_ns / 2; /* somebody new: records will come soon */
    wait->seen = word;
}

void wait_wake(struct wait *wait)
{
    /* Wake. Release: pairs with the acquire in wait_turn(). */
    add_acq_rel(&wait->word, 1);
    syscall(SYS_futex, &wait->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
