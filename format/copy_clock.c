/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "format/copy_state.h"

/*
 * Ticks of one clock become ticks of another by way of nanoseconds: what a reader will find for the
 * result is exactly what the input's reader finds for the input, as long as a tick of the result is
 * no longer than a nanosecond. Both ways never go back, so order is kept.
 */

__extension__ typedef unsigned __int128 uint128;

int copy_clock_add(struct trace *clock, const struct trace *from)
{
    const struct trace_clock_pair *pairs = from->clocks.rows;

    if (clock->about.ticks_per_second == 0)
        clock->about.ticks_per_second = from->about.ticks_per_second;
    for (size_t i = 0; i < from->clocks.count; i++) {
        struct trace_clock_pair *pair = table_add(&clock->clocks, sizeof(*pair));

        if (!pair)
            return -ENOMEM;
        *pair = pairs[i];
    }
    return 0;
}

void copy_clock_fini(struct trace *clock)
{
    free(clock->clocks.rows);
    free(clock->pieces);
    clock->clocks = (struct table){0};
    clock->pieces = NULL;
}

static uint64_t quotient(uint64_t a, uint64_t b, uint64_t by, bool up)
{
    uint128 value = ((uint128)a * b + (up ? by - 1 : 0)) / by;

    return value > UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

/* The piece in which a time lies: the last that begins at or before it, or the first. */
static const struct clock_piece *piece_at(const struct trace *clock, int64_t ns)
{
    size_t low = 0, high = clock->piece_count - 1;

    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;

        if (clock->pieces[middle].ns0 <= ns)
            low = middle;
        else
            high = middle - 1;
    }
    return &clock->pieces[low];
}

/* The least ticks at or after a time. */
static uint64_t ticks_at(const struct trace *clock, int64_t ns)
{
    const struct clock_piece *p = piece_at(clock, ns);
    uint64_t distance, ticks;

    if (ns >= p->ns0) {
        distance = quotient((uint64_t)ns - (uint64_t)p->ns0, p->ticks, p->ns, true);
        return __builtin_add_overflow(p->t0, distance, &ticks) ? UINT64_MAX : ticks;
    }
    distance = quotient((uint64_t)p->ns0 - (uint64_t)ns, p->ticks, p->ns, false);
    return distance > p->t0 ? 0 : p->t0 - distance;
}

uint64_t copy_ticks(const struct copy_clock *clock, uint64_t ticks)
{
    int64_t ns;

    if (!clock->to)
        return ticks;
    if (__builtin_add_overflow(trace_ns(clock->from, ticks), clock->shift_ns, &ns))
        ns = clock->shift_ns < 0 ? INT64_MIN : INT64_MAX;
    return ticks_at(clock->to, ns);
}

uint64_t copy_duration(const struct copy_clock *clock, uint64_t ticks)
{
    const struct clock_piece *whole;

    if (!clock->to)
        return ticks;
    whole = &clock->to->pieces[0];
    return quotient(trace_duration_ns(clock->from, ticks), whole->ticks, whole->ns, true);
}
