/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/pace.h"

enum {
    FILL_HIGH_PERCENT = 50,
    FILL_CALM_PERCENT = 10,
    FALL_AFTER_NS = 5 * 1000 * 1000,
    CLIMB_AFTER_NS = 500 * 1000 * 1000
};

/* Never down to stored blocks: columns compress faster at -7 than a disk takes them plain. */
static const int steps[] = {9, 3, 1, -3, -7};
enum { STEPS = sizeof(steps) / sizeof(*steps) };

void pace_init(struct pace *pace, int level)
{
    *pace = (struct pace){.wanted = level, .level = level};
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
    for (unsigned i = STEPS; i-- > 0;)
        if (steps[i] > level)
            return steps[i] < wanted ? steps[i] : wanted;
    return wanted;
}

int pace_turn(struct pace *pace, unsigned fill_percent, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - pace->since_ns;

    if (!pace->wanted) /* stored, because somebody wants it so */
        return 0;
    if (fill_percent >= FILL_HIGH_PERCENT && passed_ns >= FALL_AFTER_NS) {
        pace->level = level_below(pace->level);
        pace->since_ns = now_ns;
    } else if (fill_percent > FILL_CALM_PERCENT) {
        if (pace->level != pace->wanted && passed_ns > FALL_AFTER_NS)
            pace->since_ns = now_ns;
    } else if (pace->level != pace->wanted && passed_ns >= CLIMB_AFTER_NS) {
        pace->level = level_above(pace->level, pace->wanted);
        pace->since_ns = now_ns;
    }
    return pace->level;
}
