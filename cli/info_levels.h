/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the blocks of a trace were compressed: the recorder falls to faster levels, and at last to
 * stored blocks, where events come faster than it can write them. Pure; one thread.
 */
#ifndef ADATRACE_CLI_INFO_LEVELS_H
#define ADATRACE_CLI_INFO_LEVELS_H

#include <stddef.h>
#include <stdint.h>

#include "format/trace_reader.h"

enum { INFO_LEVELS_MAX = 32 /* more than a recorder has */ };

struct info_level {
    int level; /* zstd's; 0: stored */
    uint64_t blocks, records, bytes;
};
struct info_levels {
    size_t count;
    struct info_level levels[INFO_LEVELS_MAX]; /* the smallest files first, stored ones last */
};

/* All data blocks. Levels beyond INFO_LEVELS_MAX different ones, which only a forged file has, are
 * left out. */
void info_levels_count(struct info_levels *levels, const struct trace *trace);

/* "zstd 3", "stored" */
enum { INFO_LEVEL_TEXT_MAX = 24 };
const char *info_level_text(char text[INFO_LEVEL_TEXT_MAX], int level);

#endif
