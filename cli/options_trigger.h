/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option types about triggers. Constant data.
 */
#ifndef ADATRACE_CLI_OPTIONS_TRIGGER_H
#define ADATRACE_CLI_OPTIONS_TRIGGER_H

#include "cli/option.h"

enum { RECORD_TRIGGERS_MAX = 16 };

/* Expressions from a repeatable option, as they were typed. */
struct record_triggers {
    unsigned count;
    const char *list[RECORD_TRIGGERS_MAX];
};

extern const struct option_type option_trigger; /* struct record_triggers */

/* The rows; `settings` is the command's struct, which has members trigger, before_ns, after_ns,
 * cool_down_ns (int64_t) and snapshots_max (uint64_t). */
#define TRIGGER_ROWS(settings)                                                                   \
    {.name = "trigger",                                                                          \
     .argument = "EXPRESSION",                                                                   \
     .help = "Write a snapshot when an event fits EXPRESSION, as in 'shop:order.latency_us > "   \
             "50ms', when a call takes long, as in 'slow(parse) > 20ms', or on crash, failure, " \
             "drop, or signal (SIGUSR1 to adatrace); may be repeated",                           \
     .type = &option_trigger,                                                                    \
     .offset = offsetof(settings, trigger)},                                                     \
        {.name = "before",                                                                       \
         .argument = "TIME",                                                                     \
         .help = "How far back such a snapshot of a flight recorder goes, 5s by default",        \
         .type = &option_time,                                                                   \
         .offset = offsetof(settings, before_ns)},                                               \
        {.name = "after",                                                                        \
         .argument = "TIME",                                                                     \
         .help = "How long it waits for what follows, 1s by default",                            \
         .type = &option_time,                                                                   \
         .offset = offsetof(settings, after_ns)},                                                \
        {.name = "cool-down",                                                                    \
         .argument = "TIME",                                                                     \
         .help = "How long triggers are only counted after a snapshot, 10s by default; how the " \
                 "program ends is never passed over",                                            \
         .type = &option_time,                                                                   \
         .offset = offsetof(settings, cool_down_ns)},                                            \
    {                                                                                            \
        .name = "max-snapshots", .argument = "N",                                                \
        .help = "How many snapshots triggers write at most, 10 by default; 0: any number",       \
        .type = &option_count, .offset = offsetof(settings, snapshots_max)                       \
    }

#endif
