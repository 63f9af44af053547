/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/clock_line.h"

#include <string.h>

/* What two readings are apart says nothing precise about the rate before that. */
enum {
    BASE_NS = 2 * CLOCK_LINE_PAUSE_MAX_NS,
    BEND_NS = 4 * CLOCK_LINE_PAUSE_MIN_NS,
    READING_NS = 100,
    FIRST_PART = 10000 /* clock_source_rate() */,
    MEAN_NS = 2 * CLOCK_LINE_PAUSE_MIN_NS
};

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

void clock_line_begin(struct clock_line *line, const struct clock_reading *r,
                      uint64_t ticks_per_second)
{
    *line = (struct clock_line){
        .ticks = r->ticks,
        .ns = r->monotonic_ns,
        .anchor_ticks = r->ticks,
        .anchor_ns = r->monotonic_ns,
        .seen_ticks = r->ticks,
        .seen_ns = r->monotonic_ns,
        .pause_ns = CLOCK_LINE_PAUSE_MIN_NS,
        .ns_per_tick = 1e9 / (double)ticks_per_second,
    };
}

uint64_t clock_line_ns(const struct clock_line *line, uint64_t ticks)
{
    double ns = (double)(int64_t)(ticks - line->ticks) * line->ns_per_tick;

    return line->ns + (uint64_t)(int64_t)(ns + (ns < 0 ? -0.5 : 0.5));
}

bool clock_line_holds(struct clock_line *line, uint64_t ticks, uint64_t ns)
{
    uint64_t expected = clock_line_ns(line, ticks);

    if (magnitude((int64_t)(ns - expected)) > CLOCK_LINE_TOLERANCE_NS)
        return false;
    /* The line, not the look: that was not of the best. */
    line->seen_ticks = ticks;
    line->seen_ns = expected;
    line->jumped = false;
    return ns - line->ns < line->pause_ns;
}

static void news_add(struct clock_line_news *news, uint64_t ticks, uint64_t ns,
                     const struct clock_reading *like)
{
    struct clock_reading *pair = &news->pairs[news->count++];

    *pair = *like;
    pair->realtime_ns += ns - like->monotonic_ns;
    pair->ticks = ticks;
    pair->monotonic_ns = ns;
}

/* It goes on through this reading. */
static void line_move(struct clock_line *line, const struct clock_reading *r)
{
    if (r->ticks > line->anchor_ticks && r->monotonic_ns > line->anchor_ns)
        line->ns_per_tick =
            (double)(r->monotonic_ns - line->anchor_ns) / (double)(r->ticks - line->anchor_ticks);
    if (r->monotonic_ns - line->anchor_ns >= BASE_NS) {
        line->anchor_ticks = line->ticks;
        line->anchor_ns = line->ns;
    }
    line->ticks = line->seen_ticks = r->ticks;
    line->ns = line->seen_ns = r->monotonic_ns;
}

/* Somewhere after the last pair it has gone another way, perhaps before it was last seen to hold,
 * because that is not seen at once; where, is known when its new rate is. Until then the mean of
 * both has to do. */
static void line_bend(struct clock_line *line, const struct clock_reading *r)
{
    line->bent = true;
    line->bent_ticks = line->ticks;
    line->bent_ns = line->ns;
    /* What was seen a moment ago was off by almost as much: a mean over so little says nothing. */
    if (r->monotonic_ns - line->seen_ns >= MEAN_NS) {
        line->anchor_ticks = line->seen_ticks;
        line->anchor_ns = line->seen_ns;
    }
    line->bent_ns_per_tick = line->ns_per_tick;
    line->pause_ns = CLOCK_LINE_PAUSE_MIN_NS;
}

/* Where the line before the bend meets the one from the last pair through this reading. */
static void bend_find(struct clock_line *line, const struct clock_reading *r,
                      struct clock_line_news *news)
{
    double span = (double)(line->ticks - line->bent_ticks), before = line->bent_ns_per_tick;
    double rise = (double)(int64_t)(line->ns - line->bent_ns);
    double after = (double)(r->monotonic_ns - line->ns) / (double)(int64_t)(r->ticks - line->ticks);
    double at = before != after ? (rise - after * span) / (before - after) : 0;

    at = at < 0 ? 0 : at > span ? span : at;
    if (at > 0 && at < span)
        news_add(news, line->bent_ticks + (uint64_t)at,
                 line->bent_ns + (uint64_t)(at * before + 0.5), r);
    line->bent = false;
    line->anchor_ticks = line->ticks;
    line->anchor_ns = line->ns;
    line->pause_ns = CLOCK_LINE_PAUSE_MIN_NS;
}

/* What two readings make of a rate is off by what they are off; after long it adds up, and is no
 * bend: the collector was stopped. */
static uint64_t line_doubt(const struct clock_line *line, const struct clock_reading *r)
{
    uint64_t base_ns = line->ns - line->anchor_ns, passed_ns = r->monotonic_ns - line->ns;

    return base_ns ? (uint64_t)((double)READING_NS * (double)passed_ns / (double)base_ns)
                   : passed_ns / FIRST_PART;
}

/* Once. When it is off as far right afterwards, the rate is another one. */
static bool is_jump(const struct clock_line *line, const struct clock_line_news *news, uint64_t off)
{
    return !line->jumped && off > CLOCK_LINE_JUMP_NS &&
           off > news->unsure_ns / CLOCK_LINE_JUMP_PART;
}

void clock_line_take(struct clock_line *line, const struct clock_reading *reading, bool wanted,
                     struct clock_line_news *news)
{
    struct clock_reading r = *reading;
    uint64_t off;

    memset(news, 0, sizeof(*news));
    news->off_ns = (int64_t)(r.monotonic_ns - clock_line_ns(line, r.ticks));
    news->unsure_ns = r.monotonic_ns - line->seen_ns;
    off = magnitude(news->off_ns);
    /* A reading that was interrupted may know less than the line does. */
    if (off <= r.uncertainty_ns / 2 && r.uncertainty_ns > CLOCK_LINE_SURE_NS) {
        r.realtime_ns -= (uint64_t)news->off_ns;
        r.monotonic_ns -= (uint64_t)news->off_ns;
        off = 0;
    }
    news->odd = off > CLOCK_LINE_JUMP_NS && off > news->unsure_ns / CLOCK_LINE_ODD_PART;
    if (is_jump(line, news, off)) {
        line->jumped = true;
        line->bent = false;
        news->jumped_ticks = (int64_t)((double)news->off_ns / line->ns_per_tick);
        r.ticks += (uint64_t)news->jumped_ticks;
        line->pause_ns = CLOCK_LINE_PAUSE_MIN_NS;
    } else if (line->bent) {
        if (r.ticks <= line->ticks || (!wanted && r.monotonic_ns - line->ns < BEND_NS))
            return;
        bend_find(line, &r, news);
    } else if (off > CLOCK_LINE_TOLERANCE_NS + r.uncertainty_ns / 2 + line_doubt(line, &r)) {
        line_bend(line, &r);
    } else if (r.monotonic_ns - line->ns >= line->pause_ns) {
        line->pause_ns = 2 * line->pause_ns < CLOCK_LINE_PAUSE_MAX_NS ? 2 * line->pause_ns
                                                                      : CLOCK_LINE_PAUSE_MAX_NS;
    } else if (!wanted) { /* the look was bad, the line is good */
        line->jumped = false;
        line->seen_ticks = r.ticks;
        line->seen_ns = clock_line_ns(line, r.ticks);
        return;
    }
    if (r.ticks <= line->ticks || r.monotonic_ns <= line->ns)
        return; /* at once after the last pair: nothing new */
    news_add(news, r.ticks, r.monotonic_ns, &r);
    line_move(line, &r);
}
