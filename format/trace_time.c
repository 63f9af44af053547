/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "format/trace_state.h"

/*
 * The clock is a chain of straight pieces: before the first pair, between neighbours, after the
 * last. Within a piece ns = ns0 + floor((ticks - t0) * ns / ticks), exactly, as docs/FORMAT.md
 * says: two decoders must agree on every nanosecond.
 */

enum { NS_PER_S = 1000000000, BRIDGE_PIECES = 2, BRIDGE_NS = 100 * 1000 * 1000 };

__extension__ typedef unsigned __int128 uint128;

static int pair_compare(const void *a, const void *b)
{
    const struct trace_clock_pair *left = a, *right = b;

    return (left->ticks > right->ticks) - (left->ticks < right->ticks);
}

/* Sort the pairs and drop those that do not go forward in both clocks. */
static void pairs_clean(struct table *clocks)
{
    struct trace_clock_pair *pairs = clocks->rows;
    size_t kept = 0;

    if (clocks->count)
        qsort(pairs, clocks->count, sizeof(*pairs), pair_compare);
    for (size_t i = 0; i < clocks->count; i++)
        if (kept == 0 || (pairs[i].ticks > pairs[kept - 1].ticks &&
                          pairs[i].monotonic_ns > pairs[kept - 1].monotonic_ns))
            pairs[kept++] = pairs[i];
    clocks->count = kept;
}

static uint64_t first_ticks(const struct trace *t)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < t->blocks.count; i++)
        if (index_entry_is(&t->blocks.entries[i], BLOCK_DATA) &&
            t->blocks.entries[i].first_ticks < first)
            first = t->blocks.entries[i].first_ticks;
    return first == UINT64_MAX ? 0 : first;
}

/*
 * factor = floor(2^shift * ns / ticks), as precise as 64 bits can be. A product with it, shifted
 * back, is floor(elapsed * ns / ticks) or one less, for all elapsed up to 2^shift.
 */
static void piece_prepare(struct clock_piece *p)
{
    int ns_zeros = p->ns ? __builtin_clzll(p->ns) : 0, ticks_zeros = __builtin_clzll(p->ticks);
    uint64_t ns = p->ns << ns_zeros, ticks = p->ticks << ticks_zeros;
    int bits = ns < ticks ? 64 : 63; /* so that the quotient fits, and begins with a 1 */

    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): pairs_clean() leaves ticks that ascend */
    p->factor = (uint64_t)(((uint128)ns << bits) / ticks);
    p->shift = (unsigned)(bits + ns_zeros - ticks_zeros);
    p->elapsed_max = p->shift >= 64 ? UINT64_MAX : (UINT64_C(1) << p->shift) - 1;
    if (p->ticks > INT64_MAX)
        p->elapsed_max = 0; /* the remainder in quotient_of() could overflow */
    /* The quotient itself fits in 64 bits up to there: it is less than 2^64 * elapsed / 2^shift. */
}

static int64_t clamp(uint128 magnitude)
{
    return magnitude > INT64_MAX ? INT64_MAX : (int64_t)magnitude;
}

/* How far from its start a piece is all that counts, and nothing comes near the end of time. */
static void plain_ticks_find(struct clock_piece *piece, const struct clock_piece *next)
{
    uint128 most = piece->ns ? (uint128)(INT64_MAX / 2) * piece->ticks / piece->ns : UINT64_MAX;

    piece->plain_ticks = next ? next->t0 - piece->t0 : UINT64_MAX;
    if (piece->plain_ticks > most)
        piece->plain_ticks = (uint64_t)most;
    if (piece->plain_ticks > piece->elapsed_max)
        piece->plain_ticks = piece->elapsed_max;
    if (piece->ns0 > INT64_MAX / 4)
        piece->plain_ticks = 0;
}

static void pieces_prepare(struct trace *t, size_t count)
{
    t->piece_count = count;
    for (size_t i = 0; i < count; i++)
        piece_prepare(&t->pieces[i]);
    for (size_t i = 0; i < count; i++)
        plain_ticks_find(&t->pieces[i], i + 1 < count ? &t->pieces[i + 1] : NULL);
}

/* Of a running session most of what is read lies behind the last pair: the rate of late is what it
 * goes by. Two seconds of it, so that no single pair decides. */
static const struct trace_clock_pair *recent_base(const struct trace_clock_pair *pairs,
                                                  size_t count)
{
    const struct trace_clock_pair *base = pairs + count - 2;

    while (base > pairs &&
           pairs[count - 1].monotonic_ns - base->monotonic_ns < 2 * (uint64_t)NS_PER_S)
        base--;
    return base;
}

int trace_clock_prepare(struct trace *t)
{
    const struct trace_clock_pair *pairs;
    struct clock_piece whole = {0}, *piece, *pieces;
    size_t count;

    pairs_clean(&t->clocks);
    pairs = t->clocks.rows;
    count = t->clocks.count;
    pieces = calloc(count + 2 + BRIDGE_PIECES, sizeof(*piece));
    if (!pieces)
        return -ENOMEM; /* a clock that has pieces goes on by them */
    free(t->pieces);
    piece = t->pieces = pieces;
    t->piece_recent = 0;

    /* The piece that also reaches to both ends of time. */
    whole.t0 = count ? pairs[0].ticks : first_ticks(t);
    whole.ns0 = 0;
    if (count > 1) {
        whole.ticks = pairs[count - 1].ticks - pairs[0].ticks;
        whole.ns = pairs[count - 1].monotonic_ns - pairs[0].monotonic_ns;
    } else {
        whole.ticks = t->about.ticks_per_second;
        if (whole.ticks == 0)
            whole.ticks = NS_PER_S; /* one tick is a nanosecond */
        whole.ns = NS_PER_S;
    }
    *piece++ = whole;
    for (size_t i = 0; i + 1 < count; i++)
        *piece++ = (struct clock_piece){
            .t0 = pairs[i].ticks,
            .ticks = pairs[i + 1].ticks - pairs[i].ticks,
            .ns = pairs[i + 1].monotonic_ns - pairs[i].monotonic_ns,
            .ns0 = clamp(pairs[i].monotonic_ns - pairs[0].monotonic_ns),
        };
    if (count > 1) {
        const struct trace_clock_pair *base = t->grows ? recent_base(pairs, count) : pairs;

        *piece++ = (struct clock_piece){
            .t0 = pairs[count - 1].ticks,
            .ticks = pairs[count - 1].ticks - base->ticks,
            .ns = pairs[count - 1].monotonic_ns - base->monotonic_ns,
            .ns0 = clamp(whole.ns),
        };
    }
    pieces_prepare(t, (size_t)(piece - t->pieces));
    return 0;
}

/* ---- one piece ---- */

static int64_t sum_clamp(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* floor(elapsed * ns / ticks) up to elapsed_max, without the 128-bit division that would take
 * longer than all the rest of printing an event. */
static uint64_t quotient_of(const struct clock_piece *p, uint64_t elapsed)
{
    uint64_t quotient = (uint64_t)((uint128)elapsed * p->factor >> p->shift);
    uint64_t remainder = elapsed * p->ns - quotient * p->ticks; /* below 2 * ticks */

    return quotient + (remainder >= p->ticks);
}

static uint128 piece_scale(const struct clock_piece *p, uint64_t elapsed)
{
    if (__builtin_expect(elapsed > p->elapsed_max, 0))
        return (uint128)elapsed * p->ns / p->ticks;
    return quotient_of(p, elapsed);
}

static int64_t piece_ns(const struct clock_piece *p, uint64_t ticks)
{
    if (ticks >= p->t0)
        return sum_clamp(p->ns0, clamp(piece_scale(p, ticks - p->t0)));
    return sum_clamp(p->ns0, -clamp(((uint128)(p->t0 - ticks) * p->ns + p->ticks - 1) / p->ticks));
}

/* The piece for these ticks: as a rule the one of the last call. Printing threads share that
 * memory: relaxed, because any place in the table is a good guess. */
static const struct clock_piece *piece_find(const struct trace *t, uint64_t ticks)
{
    struct trace *cache = (struct trace *)t;
    size_t at = load_relaxed(&t->piece_recent), low = 0;
    size_t high = t->piece_count - 1;
    const struct clock_piece *p = t->pieces;

    if ((at == 0 || p[at].t0 <= ticks) && (at == high || ticks < p[at + 1].t0))
        return &p[at];
    while (low < high) { /* the last piece that begins at or before these ticks, or the first */
        size_t middle = low + (high - low + 1) / 2;

        if (p[middle].t0 <= ticks)
            low = middle;
        else
            high = middle - 1;
    }
    store_relaxed(&cache->piece_recent, low);
    return &p[low];
}

int64_t trace_ns(const struct trace *t, uint64_t ticks)
{
    const struct clock_piece *recent = &t->pieces[load_relaxed(&t->piece_recent)];
    uint64_t elapsed = ticks - recent->t0;

    if (__builtin_expect(ticks >= recent->t0 && elapsed < recent->plain_ticks, 1))
        return recent->ns0 + (int64_t)quotient_of(recent, elapsed);
    return piece_ns(piece_find(t, ticks), ticks);
}

/* The least ticks whose time is at or after `ns`: found by halving, because rounding, clamping and
 * the pieces' seams are then right by construction, and nobody asks often. */
uint64_t trace_ticks(const struct trace *t, int64_t ns)
{
    uint64_t low = 0, high = UINT64_MAX;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (trace_ns(t, middle) < ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/*
 * From the time that was told for `ticks` to the chain as it is now: a time that was told stays
 * true, and none after it is earlier. Slower than the clock for a moment, never backwards.
 */
static void bridge_build(struct trace *t, uint64_t ticks, int64_t told_ns)
{
    const struct clock_piece *last = &t->pieces[t->piece_count - 1];
    uint64_t from = ticks > last->t0 ? ticks : last->t0, ahead_ns = BRIDGE_NS, ahead, keep;
    struct clock_piece beyond = *last;

    do {
        ahead = (uint64_t)((uint128)ahead_ns * last->ticks / last->ns) + 1;
        beyond.t0 = from + ahead;
        beyond.ns0 = trace_ns(t, beyond.t0);
        ahead_ns *= 2;
    } while (beyond.ns0 <= told_ns && ahead_ns < INT64_MAX / 4);
    if (beyond.ns0 <= told_ns || beyond.t0 <= from)
        return; /* no clock to speak of */
    for (keep = t->piece_count; keep > 1 && t->pieces[keep - 1].t0 >= ticks; keep--)
        ;
    t->pieces[keep] = (struct clock_piece){.t0 = ticks,
                                           .ns0 = told_ns,
                                           .ticks = beyond.t0 - ticks,
                                           .ns = (uint64_t)beyond.ns0 - (uint64_t)told_ns};
    t->pieces[keep + 1] = beyond;
    t->piece_recent = 0;
    pieces_prepare(t, keep + 2);
}

int trace_clock_go_on(struct trace *t, uint64_t told_ticks)
{
    int64_t told_ns = trace_ns(t, told_ticks);
    int status = trace_clock_prepare(t);

    if (status == 0 && told_ticks && t->clocks.count > 1 && trace_ns(t, told_ticks) < told_ns)
        bridge_build(t, told_ticks, told_ns);
    return status;
}

uint64_t trace_duration_ns(const struct trace *t, uint64_t ticks)
{
    const struct clock_piece *whole = &t->pieces[0];
    uint128 ns = piece_scale(whole, ticks);

    return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

uint64_t trace_start_realtime_ns(const struct trace *t)
{
    const struct trace_clock_pair *pairs = t->clocks.rows;

    return t->clocks.count ? pairs[0].realtime_ns : 0;
}
