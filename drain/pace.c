/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/pace.h"

enum {
    FILL_BURST_PERCENT = 85, /* no time to go step by step */
    FILL_HIGH_PERCENT = 50,
    FILL_CALM_PERCENT = 10,
    FALL_AFTER_NS = 2 * 1000 * 1000, /* a step takes a moment to show */
    CLIMB_AFTER_NS = 500 * 1000 * 1000,
    STORE_PAUSE_MIN_NS = 1000 * 1000 * 1000,
    STORE_PAUSES_MAX = 32,     /* of the shortest */
    JUDGED_BYTES = 256 * 1024, /* of content: less says nothing about costs */
    WRITE_CALL_NS = 1500,      /* of a write, however short */
    STORED = 0,
};

/* Storing has to cost no more than this part of packing to be worth so much more file. */
static const double store_gain = 0.5;

static const int steps[] = {9, 3, 1, -3, -7};
enum { STEPS = sizeof(steps) / sizeof(*steps), FASTEST = -7 };

void pace_init(struct pace *pace, int level)
{
    *pace = (struct pace){.wanted = level, .level = level, .store_pause_ns = STORE_PAUSE_MIN_NS};
}

void pace_want(struct pace *pace, int level)
{
    pace->wanted = pace->level = level;
}

static int level_below(int level)
{
    for (unsigned i = 0; i < STEPS; i++)
        if (steps[i] < level)
            return steps[i];
    return level;
}

static int level_above(int level, int wanted)
{
    if (level == STORED)
        return FASTEST;
    for (unsigned i = STEPS; i-- > 0;)
        if (steps[i] > level)
            return steps[i] < wanted ? steps[i] : wanted;
    return wanted;
}

/* ---- to store or not to store ---- */

static struct pace_costs costs_since(const struct pace *pace, const struct pace_costs *now)
{
    const struct pace_costs *before = &pace->before;

    return (struct pace_costs){
        .blocks = now->blocks - before->blocks,
        .content_bytes = now->content_bytes - before->content_bytes,
        .file_bytes = now->file_bytes - before->file_bytes,
        .pack_ns = now->pack_ns - before->pack_ns,
        .write_ns = now->write_ns - before->write_ns,
    };
}

/* ns for a byte of content */
static double cost_of(const struct pace_costs *c)
{
    return (double)(c->pack_ns + c->write_ns) / (double)c->content_bytes;
}

/* The same if all of it were written as it is. */
static double cost_stored(const struct pace_costs *c)
{
    uint64_t calls_ns = c->blocks * WRITE_CALL_NS;
    uint64_t bytes_ns = c->write_ns > calls_ns ? c->write_ns - calls_ns : 0;

    return (double)bytes_ns / (double)c->file_bytes +
           (double)(c->write_ns - bytes_ns) / (double)c->content_bytes;
}

static bool storing_pays(struct pace *pace, const struct pace_costs *c, uint64_t now_ns)
{
    if (now_ns < pace->store_from_ns || c->content_bytes < JUDGED_BYTES || !c->file_bytes)
        return false;
    pace->packed_cost = cost_of(c);
    return cost_stored(c) < pace->packed_cost * store_gain;
}

/* It was tried: is it better? When not, the next try comes later than this one did. */
static bool storing_paid(struct pace *pace, const struct pace_costs *c, uint64_t now_ns)
{
    if (c->content_bytes < JUDGED_BYTES || cost_of(c) < pace->packed_cost * store_gain) {
        pace->store_pause_ns = STORE_PAUSE_MIN_NS;
        return true;
    }
    pace->store_from_ns = now_ns + pace->store_pause_ns;
    if (pace->store_pause_ns < STORE_PAUSES_MAX * (uint64_t)STORE_PAUSE_MIN_NS)
        pace->store_pause_ns *= 2;
    return false;
}

/* ---- turns ---- */

static int level_under_pressure(struct pace *pace, unsigned fill_percent, uint64_t now_ns,
                                const struct pace_costs *costs)
{
    struct pace_costs lately = costs_since(pace, costs);

    if (pace->level == STORED)
        return storing_paid(pace, &lately, now_ns) ? STORED : FASTEST;
    if (pace->level <= FASTEST && pace->packs_always)
        return pace->level;
    if (pace->level <= FASTEST)
        return storing_pays(pace, &lately, now_ns) ? STORED : pace->level;
    return fill_percent >= FILL_BURST_PERCENT ? FASTEST : level_below(pace->level);
}

int pace_turn(struct pace *pace, unsigned fill_percent, uint64_t now_ns,
              const struct pace_costs *costs)
{
    uint64_t passed_ns = now_ns - pace->since_ns;
    int level = pace->level;

    if (pace->wanted == STORED) /* because somebody wants it so */
        return STORED;
    if (fill_percent >= FILL_HIGH_PERCENT && passed_ns >= FALL_AFTER_NS)
        level = level_under_pressure(pace, fill_percent, now_ns, costs);
    else if (fill_percent <= FILL_CALM_PERCENT && level != pace->wanted &&
             passed_ns >= CLIMB_AFTER_NS)
        level = level_above(level, pace->wanted);
    else if (fill_percent <= FILL_CALM_PERCENT || passed_ns < FALL_AFTER_NS)
        return level;
    pace->since_ns = now_ns;
    if (level != pace->level || costs_since(pace, costs).content_bytes >= JUDGED_BYTES)
        pace->before = *costs;
    pace->level = level;
    return level;
}
