/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/presets_record.h"

/* Whoever listens hears of an event at once, at the price of what processors have idle. Spinning is
 * no faster where one is idle, and slower where none is. */
static const struct option_preset_word low_latency[] = {
    {"wait", "yield"}, {"level", "-5"}, {NULL, NULL}};

/* Nothing is lost, whatever comes, at the price of memory and processors. */
static const struct option_preset_word high_throughput[] = {{"ring-size", "16M"},
                                                            {"ring-max", "128M"},
                                                            {"ring-budget", "1G"},
                                                            {"drain-threads", "4"},
                                                            {NULL, NULL}};

/* The machine is the program's: little memory, a drain that sleeps until there is much to do. */
static const struct option_preset_word low_overhead[] = {{"ring-size", "1M"},    {"ring-max", "8M"},
                                                         {"ring-budget", "64M"}, {"level", "-1"},
                                                         {"wait", "block"},      {NULL, NULL}};

/* Always on: what led to a bad moment is in memory, and nothing on the disk. */
static const struct option_preset_word flight[] = {{"flight", "64M"},       {"ring-size", "1M"},
                                                   {"ring-max", "8M"},      {"level", "3"},
                                                   {"wait", "block:100ms"}, {NULL, NULL}};

const struct option_preset record_presets[] = {
    {"low-latency", low_latency},
    {"high-throughput", high_throughput},
    {"low-overhead", low_overhead},
    {"flight", flight},
};
