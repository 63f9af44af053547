/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "rings/broadcast_memory.h"

enum {
    NAP_NS = 50 * 1000,
    NAP_MAX_NS = 1000 * 1000,
    NAP_ROUNDS = 20, /* until the nap grows */
    NS_PER_S = 1000 * 1000 * 1000,
};

/* Shared, not private: other processes wait on the same words. */
static void futex(const uint32_t *word, int operation, uint32_t value,
                  const struct timespec *timeout)
{
    int saved = errno;

    syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
    errno = saved;
}

void broadcast_patience_init(struct broadcast_patience *patience, uint64_t timeout_ns)
{
    uint64_t now = timeout_ns == ADA_BROADCAST_FOREVER ? 0 : clock_monotonic_ns();

    patience->round = 0;
    patience->deadline_ns = timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

bool broadcast_time_is_up(const struct broadcast_patience *patience)
{
    return patience->deadline_ns != UINT64_MAX && clock_monotonic_ns() >= patience->deadline_ns;
}

static uint64_t time_left(const struct broadcast_patience *patience, uint64_t most_ns)
{
    uint64_t now;

    if (patience->deadline_ns == UINT64_MAX)
        return most_ns;
    now = clock_monotonic_ns();
    if (now >= patience->deadline_ns)
        return 0;
    return patience->deadline_ns - now < most_ns ? patience->deadline_ns - now : most_ns;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

void broadcast_sleep(const uint32_t *word, uint32_t value, uint64_t slice_ns,
                     const struct broadcast_patience *patience)
{
    struct timespec slice = timespec_of(time_left(patience, slice_ns));

    futex(word, FUTEX_WAIT, value, &slice);
}

void broadcast_pause(enum ada_broadcast_wait wait, struct broadcast_patience *patience)
{
    uint64_t nap_ns = NAP_NS * (uint64_t)(1 + patience->round / NAP_ROUNDS);
    struct timespec nap;

    patience->round++;
    switch (wait) {
    case ADA_BROADCAST_SPIN:
        cpu_relax();
        break;
    case ADA_BROADCAST_YIELD:
        sched_yield();
        break;
    default:
        nap = timespec_of(time_left(patience, nap_ns < NAP_MAX_NS ? nap_ns : NAP_MAX_NS));
        nanosleep(&nap, NULL);
    }
}

void broadcast_tell_messages(struct ada_broadcast *b)
{
    struct broadcast_shared *s = b->shared;

    /* relaxed: one that comes to block just now looks again a slice of time later. */
    if (!load_relaxed(&s->blockers))
        return;
    /* Asleep. Full fence: what moved is visible before we look who waits. Pairs with the one in
     * messages_await(): either we see it waiting, or it sees what moved. */
    fence_seq_cst();
    if (load_relaxed(&s->waiters))
        ada_broadcast_wake(b);
}

void broadcast_tell_room(struct ada_broadcast *b)
{
    struct broadcast_shared *s = b->shared;

    /* Crowded. Full fence: the cursor is visible before we look who waits. Pairs with the one in
     * room_await(). */
    fence_seq_cst();
    if (!load_relaxed(&s->room_waiters))
        return;
    add_relaxed(&s->room_signal, 1); /* relaxed: the kernel compares it again before it sleeps */
    futex(&s->room_signal, FUTEX_WAKE, INT32_MAX, NULL);
}

void ada_broadcast_wake(struct ada_broadcast *b)
{
    if (!b->writable)
        return;
    add_relaxed(&b->shared->signal, 1); /* relaxed: as above */
    futex(&b->shared->signal, FUTEX_WAKE, INT32_MAX, NULL);
}
