/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recording's clock: pairs that tie its ticks to the kernel's clocks, and ticks that go on
 * where the counter jumped. What is decided, clock_line.c decides.
 */
#include "base/clock.h"
#include "drain/drain_state.h"
#include "drain/ticks_widen.h"

enum {
    LOOK_AT_LEAST_NS = 16 * 1000 * 1000, /* in a round that takes so long */
    NOTES_PAUSE_NS = 1000 * 1000 * 1000
};

/* Ticks that went by without a look, so that their upper bits may be anybody's guess. */
#define BLIND_TICKS TICKS_WIDEN_SLACK

static struct clock_reading clock_read(const struct drain *d)
{
    struct clock_reading r = clock_source_read(d->options.clock);

    r.ticks += d->clock.shift;
    return r;
}

static void pair_write(struct drain *d, const struct clock_reading *r)
{
    const struct trace_clock_pair pair = {
        .ticks = r->ticks,
        .monotonic_ns = r->monotonic_ns,
        .realtime_ns = r->realtime_ns,
        .uncertainty_ns = r->uncertainty_ns,
    };

    drain_fail(d, trace_writer_clock(d->writer, &pair));
}

void clock_begin(struct drain *d)
{
    struct clock_reading r;
    uint64_t rate;

    d->clock.look_ticks = UINT64_MAX;
    d->clock.looked_ticks = drain_now(d);
    d->clock.line.ns_per_tick = 1;
    if (drain_is_late(d)) /* its time stands still, and its pairs are there */
        return;
    r = clock_read(d);
    rate = clock_source_rate(d->options.clock);
    d->begun = (struct segment_time){r.ticks, r.monotonic_ns, r.realtime_ns};
    clock_line_begin(&d->clock.line, &r, rate);
    d->clock.look_ticks = (uint64_t)((double)rate * LOOK_AT_LEAST_NS / 1e9);
    d->clock.looked_ticks = r.ticks;
    pair_write(d, &r);
}

/* A suspended machine, one that was moved, a counter that is none. */
static void odd_tell(struct drain *d, const struct clock_line_news *news, uint64_t now_ns)
{
    if (!news->odd)
        return;
    if (now_ns - d->clock.told_ns < NOTES_PAUSE_NS) {
        d->clock.untold++;
        return;
    }
    d->clock.told_ns = now_ns;
    drain_write_note(d, TRACE_NOTE_WARNING, 0,
                     "the clock's counter %s by %.3f ms against CLOCK_MONOTONIC within the last "
                     "%.3f ms; times of events of those may be wrong by as much%s",
                     news->off_ns > 0 ? "fell behind" : "ran ahead",
                     (double)(news->off_ns > 0 ? news->off_ns : -news->off_ns) / 1e6,
                     (double)news->unsure_ns / 1e6,
                     d->clock.untold ? ", and so it did several times before" : "");
    d->clock.untold = 0;
}

static void jump_take(struct drain *d, const struct clock_line_news *news)
{
    struct drain_clock *c = &d->clock;

    c->shift_before = c->shift;
    c->jump_from_ticks = c->looked_ticks;
    c->shift += (uint64_t)news->jumped_ticks;
    c->jump_to_ticks = drain_now(d);
}

static void clock_take(struct drain *d, bool wanted)
{
    struct clock_reading r = clock_read(d);
    struct clock_line_news news;

    clock_line_take(&d->clock.line, &r, wanted, &news);
    if (news.jumped_ticks)
        jump_take(d, &news);
    for (unsigned i = 0; i < news.count; i++)
        pair_write(d, &news.pairs[i]);
    d->clock.look_ticks = (uint64_t)(LOOK_AT_LEAST_NS / d->clock.line.ns_per_tick);
    odd_tell(d, &news, r.monotonic_ns);
}

/* Stopped for that long: which of the times that fit is a record's? */
static void blind_tell(struct drain *d, uint64_t ticks)
{
    uint64_t passed = ticks - d->clock.looked_ticks;

    if (passed > INT64_MAX || passed < BLIND_TICKS)
        return;
    drain_write_note(d, TRACE_NOTE_WARNING, 0,
                     "nobody looked at the rings for %.0f s: what was recorded meanwhile may stand "
                     "too early by multiples of %.0f s",
                     (double)passed * d->clock.line.ns_per_tick / 1e9,
                     2.0 * (double)TICKS_WIDEN_SLACK * d->clock.line.ns_per_tick / 1e9);
}

void clock_look(struct drain *d, uint64_t now_ns)
{
    uint64_t ticks = drain_now(d);

    if (drain_is_late(d))
        return;
    if (!clock_line_holds(&d->clock.line, ticks, now_ns))
        clock_take(d, false);
    ticks = drain_now(d);
    blind_tell(d, ticks);
    d->clock.looked_ticks = ticks;
}

uint64_t clock_now_again(struct drain *d)
{
    clock_look(d, clock_monotonic_ns());
    return drain_now(d);
}

void clock_end(struct drain *d)
{
    if (!drain_is_late(d))
        clock_take(d, true);
}

/* ---- ticks of others ---- */

uint64_t clock_ticks_of(const struct drain *d, uint64_t raw)
{
    const struct drain_clock *c = &d->clock;
    uint64_t now = drain_now(d), ticks = raw + c->shift, before = raw + c->shift_before;

    /* Read before the counter jumped? */
    if (c->jump_to_ticks && (ticks < c->jump_from_ticks || ticks > now) &&
        before >= d->start_ticks && before <= c->jump_to_ticks)
        return before;
    return ticks < d->start_ticks ? d->start_ticks : ticks > now ? now : ticks;
}

static bool is_widened(uint64_t ticks, uint64_t low)
{
    return ((ticks ^ low) & ADA_RECORD_TICKS_MASK) == 0;
}

/* The counter jumped, and this ring was not seen empty since: the record is from before or from
 * after. It will not be much older than the time when its ring was last empty. */
uint64_t clock_widen_odd(const struct drain *d, struct drain_thread *t, uint64_t raw, uint64_t now)
{
    const struct drain_clock *c = &d->clock;
    uint64_t low = raw + t->shift,
             floor = t->ticks > c->jump_from_ticks ? t->ticks : c->jump_from_ticks;
    uint64_t slack = c->look_ticks < t->empty_ticks ? c->look_ticks : t->empty_ticks;
    uint64_t before = ticks_widen(low & ADA_RECORD_TICKS_MASK, t->ticks, t->empty_ticks - slack,
                                  c->jump_to_ticks);
    uint64_t after;

    if (is_widened(before, low) && before >= t->empty_ticks - slack)
        return before;
    low = raw + c->shift;
    after = ticks_widen(low & ADA_RECORD_TICKS_MASK, floor, floor, now);
    if (!is_widened(after, low))
        return before;
    t->shift = c->shift;
    return after;
}
