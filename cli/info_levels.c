/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/info_levels.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { STORED = 0 };

/* In which order: by how much they compress. */
static int rank_of(int level)
{
    return level == STORED ? INT_MIN : level;
}

/* NULL: there are too many. */
static struct info_level *level_find(struct info_levels *l, int level)
{
    size_t at = 0;

    while (at < l->count && rank_of(l->levels[at].level) > rank_of(level))
        at++;
    if (at < l->count && l->levels[at].level == level)
        return &l->levels[at];
    if (l->count == INFO_LEVELS_MAX)
        return NULL;
    memmove(&l->levels[at + 1], &l->levels[at], (l->count - at) * sizeof(l->levels[0]));
    l->levels[at] = (struct info_level){.level = level};
    l->count++;
    return &l->levels[at];
}

void info_levels_count(struct info_levels *l, const struct trace *trace)
{
    struct trace_block_info block;

    l->count = 0;
    for (size_t n = 0; trace_block_info(trace, n, &block); n++) {
        struct info_level *level = block.is_data ? level_find(l, block.level) : NULL;

        if (!level)
            continue;
        level->blocks++;
        level->records += block.records;
        level->bytes += block.bytes;
    }
}

const char *info_level_text(char text[INFO_LEVEL_TEXT_MAX], int level)
{
    if (level == STORED)
        return "stored";
    snprintf(text, INFO_LEVEL_TEXT_MAX, "zstd %d", level);
    return text;
}
