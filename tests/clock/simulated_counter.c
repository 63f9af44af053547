/* SPDX-License-Identifier: Apache-2.0 */
#include "simulated_counter.h"

#include <adatrace/emit.h>
#include <time.h>

#include "base/atomic.h"

enum { PIECES = 256 };

/* From `from` of the real counter on: base + (real - from) * rate. Never changed again, so readers
 * may hold on to an old one. */
struct piece {
    uint64_t from, base;
    double rate;
};

static struct piece pieces[PIECES] = {{0, UINT64_C(1) << 44, 1}};
static uint32_t newest;

static uint64_t real_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

static uint64_t piece_ticks(const struct piece *p, uint64_t real)
{
    int64_t passed = (int64_t)(real - p->from);

    if (p->rate == 1)
        return p->base + (uint64_t)passed;
    return p->base + (uint64_t)(int64_t)((double)passed * p->rate);
}

/* Acquire: pairs with the release in piece_add(); the piece is complete. */
uint64_t ada_ticks_simulated(void)
{
    return piece_ticks(&pieces[load_acquire(&newest)], real_ticks());
}

static void piece_add(double rate, double jump_ticks, int reset)
{
    uint32_t n = newest;
    uint64_t real = real_ticks();

    if (n + 1 == PIECES)
        __builtin_trap();
    pieces[n + 1] = (struct piece){
        .from = real,
        .base = reset ? 0 : piece_ticks(&pieces[n], real) + (uint64_t)(int64_t)jump_ticks,
        .rate = rate,
    };
    store_release(&newest, n + 1); /* pairs with ada_ticks_simulated() */
}

void simulated_rate(double rate)
{
    piece_add(rate, 0, 0);
}

/* Real ticks of a nanosecond, about. */
static double real_rate(void)
{
    struct timespec from, to;
    uint64_t ticks = real_ticks();

    clock_gettime(CLOCK_MONOTONIC, &from);
    do {
        clock_gettime(CLOCK_MONOTONIC, &to);
    } while ((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec < 1000000);
    return (double)(real_ticks() - ticks) /
           (double)((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec);
}

void simulated_jump(double ns)
{
    piece_add(pieces[newest].rate, ns * real_rate() * pieces[newest].rate, 0);
}

void simulated_reset(void)
{
    piece_add(pieces[newest].rate, 0, 1);
}
