/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/wait.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "registry/bell.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* since Linux 5.16; the number is the same everywhere */
#endif

enum {
    BUSY_BYTES = 64 * 1024,    /* more than that after one sleep: do not sleep at all */
    BUSY_PART = 8,             /* or more than this part of a small ring */
    BURST_PART = 8,            /* of that: many records, more may come */
    SLEEP_MIN_NS = 100 * 1000, /* the kernel's timers are not much finer */
    SLEEP_BURST_NS = 150 * 1000,
    SLEEP_UNARMED_NS = 400 * 1000, /* up to here nobody needs to ring */
    SLEEP_LIVELY_NS = 20 * 1000 * 1000,
    SLEEP_IDLE_NS = 500 * 1000 * 1000,
    SLEEP_DEAF_NS = 2 * 1000 * 1000,
    SLEEP_DEAF_IDLE_NS = 10 * 1000 * 1000,
    SLEEP_DEAF_LONG_NS = 20 * 1000 * 1000,
    BURST_NS = 20 * 1000 * 1000,
    LIVELY_NS = 100 * 1000 * 1000,
    LONG_IDLE_NS = 1000 * 1000 * 1000,
    SLEEP_BLOCK_NS = 1000 * 1000 * 1000, /* what is due once a second is done then */
    SPIN_PAUSES = 4                      /* leave the rings' lines to their writers for a moment */
};

/* What the kernel takes; Debian 12's headers have it, older ones do not. */
struct wait_word {
    uint64_t value, address;
    uint32_t flags, unused;
};
enum { WORD_32_BITS = 2, WORD_PRIVATE = FUTEX_PRIVATE_FLAG };

void wait_init(struct wait *wait)
{
    *wait = (struct wait){
        .shortest_ns = SLEEP_BURST_NS, .busy_bytes = BUSY_BYTES, .sleep_ns = SLEEP_BURST_NS / 2};
}

void wait_choose(struct wait *wait, const struct wait_choice *choice)
{
    wait->choice = *choice;
    wait->sleep_ns = wait->shortest_ns / 2;
}

/* A fast thread writes about a byte a nanosecond. */
void wait_for_rings(struct wait *wait, uint64_t ring_bytes)
{
    uint64_t filled_ns = ring_bytes < SLEEP_MIN_NS ? SLEEP_MIN_NS : ring_bytes;

    if (ring_bytes / BUSY_PART < wait->busy_bytes)
        wait->busy_bytes = ring_bytes / BUSY_PART;
    if (filled_ns >= wait->shortest_ns)
        return;
    wait->shortest_ns = filled_ns;
    wait->sleep_ns = filled_ns / 2;
}

void wait_listen(struct wait *wait, uint32_t *bell)
{
    wait->deaf = false; /* to be found out anew */
    if (wait->bell_count < WAIT_BELLS_MAX)
        wait->bells[wait->bell_count++] = bell;
    else
        wait->bells_left_out++;
}

void wait_forget(struct wait *wait, uint32_t *bell)
{
    wait->deaf = false;
    for (unsigned i = 0; i < wait->bell_count; i++)
        if (wait->bells[i] == bell) {
            wait->bells[i] = wait->bells[--wait->bell_count];
            return;
        }
    wait->bells_left_out--;
}

static bool hears_all(const struct wait *wait)
{
    return !wait->deaf && !wait->bells_left_out;
}

static uint64_t sleep_longest(const struct wait *wait, uint64_t quiet_ns)
{
    if (hears_all(wait))
        return quiet_ns < LIVELY_NS ? SLEEP_LIVELY_NS : SLEEP_IDLE_NS;
    if (quiet_ns < LIVELY_NS)
        return wait->shortest_ns < SLEEP_BURST_NS ? 2 * wait->shortest_ns : SLEEP_DEAF_NS;
    return quiet_ns < LONG_IDLE_NS ? SLEEP_DEAF_IDLE_NS : SLEEP_DEAF_LONG_NS;
}

static uint64_t adapt(struct wait *wait, const struct wait_load *load, uint64_t now_ns)
{
    uint64_t longest;

    if (load->records)
        wait->busy_ns = now_ns;
    if (load->more || load->fill_bytes >= wait->busy_bytes / BURST_PART)
        wait->burst_ns = now_ns;
    if (load->more || load->fill_bytes >= wait->busy_bytes) {
        wait->sleep_ns = wait->shortest_ns / 2;
        return 0;
    }
    if (now_ns - wait->burst_ns < BURST_NS) {
        wait->sleep_ns = wait->shortest_ns;
        return wait->sleep_ns;
    }
    longest = sleep_longest(wait, now_ns - wait->busy_ns);
    wait->sleep_ns = wait->sleep_ns * 2 < longest ? wait->sleep_ns * 2 : longest;
    return wait->sleep_ns;
}

static uint64_t until_due(const struct wait *wait, uint64_t longest, uint64_t now_ns)
{
    uint64_t left = wait->due_ns > now_ns ? wait->due_ns - now_ns : 1;

    return wait->due_ns && (!longest || left < longest) ? left : longest;
}

uint64_t wait_decide(struct wait *wait, const struct wait_load *load, uint64_t now_ns)
{
    uint64_t sleep_ns, longest = wait->choice.longest_ns;

    if (wait->listened_ns && (!longest || wait->listened_ns < longest))
        longest = wait->listened_ns;
    longest = until_due(wait, longest, now_ns);
    if (wait->choice.strategy == WAIT_SPIN || wait->choice.strategy == WAIT_YIELD)
        return 0;
    sleep_ns = adapt(wait, load, now_ns);
    if (wait->choice.strategy == WAIT_BLOCK && sleep_ns && hears_all(wait))
        sleep_ns = SLEEP_BLOCK_NS;
    return longest && longest < sleep_ns ? longest : sleep_ns;
}

static void sleep_plain(struct wait *wait, uint32_t word, uint64_t sleep_ns)
{
    const struct timespec timeout = {.tv_sec = (time_t)(sleep_ns / 1000000000u),
                                     .tv_nsec = (long)(sleep_ns % 1000000000u)};

    syscall(SYS_futex, &wait->word, FUTEX_WAIT_PRIVATE, word, &timeout, NULL, 0);
}

static struct timespec time_after(uint64_t sleep_ns)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (long)sleep_ns;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* Those whose records were there before the bells were armed have not rung. */
static bool came_too_late(const struct wait *wait)
{
    if (wait->choice.strategy != WAIT_BLOCK || !wait->has_much)
        return false;
    /* Bell. Full fence: the bells are armed before we look at the rings. Pairs with the fence in
     * bell_ring_if_much(): either it sees the bell, or we see what it has written. */
    fence_seq_cst();
    return wait->has_much(wait->context);
}

/* Until somebody wakes us, or rings. False: not every bell can be heard. */
static bool sleep_armed(struct wait *wait, uint32_t word, uint64_t sleep_ns)
{
    struct wait_word words[WAIT_BELLS_MAX + 1];
    const struct timespec until = time_after(sleep_ns);
    bool heard = true;
    long result;

    words[0] = (struct wait_word){.value = word,
                                  .address = (uint64_t)(uintptr_t)&wait->word,
                                  .flags = WORD_32_BITS | WORD_PRIVATE};
    for (unsigned i = 0; i < wait->bell_count; i++) {
        heard &= bell_arm(wait->bells[i]);
        words[i + 1] = (struct wait_word){.value = BELL_ARMED,
                                          .address = (uint64_t)(uintptr_t)wait->bells[i],
                                          .flags = WORD_32_BITS};
    }
    if (heard && !came_too_late(wait)) {
        result = syscall(SYS_futex_waitv, words, wait->bell_count + 1, 0, &until, CLOCK_MONOTONIC);
        if (result < 0 && errno != EAGAIN && errno != ETIMEDOUT && errno != EINTR)
            heard = false;
        else if (result > 0 || (result < 0 && errno == EAGAIN)) /* a bell: records come */
            wait->burst_ns = clock_monotonic_ns();
    }
    for (unsigned i = 0; i < wait->bell_count; i++)
        bell_disarm(wait->bells[i]);
    return heard;
}

/* Is this sleep one that bells end? */
static bool is_armed(const struct wait *wait, uint64_t sleep_ns)
{
    return hears_all(wait) && (wait->choice.strategy == WAIT_BLOCK || sleep_ns > SLEEP_UNARMED_NS);
}

/* Between two looks, where nobody sleeps. */
static void pass(const struct wait *wait, const struct wait_load *load)
{
    if (load->records)
        return;
    if (wait->choice.strategy == WAIT_YIELD)
        sched_yield();
    for (int i = 0; wait->choice.strategy == WAIT_SPIN && i < SPIN_PAUSES; i++)
        cpu_relax();
}

void wait_turn(struct wait *wait, const struct wait_load *load)
{
    uint64_t sleep_ns = wait_decide(wait, load, clock_monotonic_ns());
    /* Wake. Acquire: what the caller of wait_wake() left for us is visible. Pairs with the add in
     * wait_wake(). */
    uint32_t word = load_acquire(&wait->word);

    if (!sleep_ns)
        pass(wait, load);
    else if (word == wait->seen) {
        wait->sleeps++;
        if (is_armed(wait, sleep_ns))
            wait->deaf = !sleep_armed(wait, word, sleep_ns);
        else
            sleep_plain(wait, word, sleep_ns);
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
