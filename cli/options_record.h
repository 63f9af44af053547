/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `adatrace record` was asked to do; options_record.c declares the options, cmd_record.c does
 * it. Main thread.
 */
#ifndef ADATRACE_CLI_OPTIONS_RECORD_H
#define ADATRACE_CLI_OPTIONS_RECORD_H

#include "base/wait_choice.h"
#include "cli/option.h"
#include "cli/options_files.h"
#include "cli/options_trigger.h"

enum record_policy { RECORD_POLICY_DROP, RECORD_POLICY_OVERWRITE, RECORD_POLICY_BLOCK };

struct record_policy_choice {
    enum record_policy policy;
    uint64_t block_timeout_ns; /* RECORD_POLICY_BLOCK: then the record is dropped */
};

enum record_last { RECORD_LAST_NEVER, RECORD_LAST_ERROR, RECORD_LAST_ALWAYS };
/* --metrics, which may be said twice: FILE and ADDRESS:PORT. NULL: not said. */
struct record_metrics_choice {
    const char *file, *address;
};

struct record_settings {
    int preset;         /* less than 0: none; its options are among those below already */
    const char *output; /* NULL: PROGRAM.adatrace in the current folder */
    bool force;         /* replace another recording */
    uint64_t ring_bytes;
    uint64_t ring_max_bytes;    /* 0: not said */
    uint64_t ring_budget_bytes; /* 0: not said */
    struct record_policy_choice policy;
    struct option_globs events;
    int min_level; /* words of base/event_level.h: least important one that is on */
    int level;     /* zstd, -7 to 19; 0: stored */
    unsigned drain_threads;
    const char *name; /* of the session; NULL: not said */
    struct record_metrics_choice metrics;
    struct wait_choice wait;
    int clock; /* enum clock_source; 0: to be chosen */
    bool verbose;
    uint64_t rotate_bytes; /* 0: not said */
    int64_t rotate_ns;
    uint64_t keep;
    struct record_flight flight;
    int last_snapshot; /* enum record_last */
    struct record_triggers trigger;
    int64_t before_ns, after_ns, cool_down_ns; /* around a trigger, and after its snapshot */
    uint64_t snapshots_max;                    /* by triggers; 0: any number */
};

/* What rings may grow to: what was said, or what goes with their size; never less than that. */
uint64_t record_ring_max(const struct record_settings *settings);

/* Record `words` (the program and its arguments, `count` of them, at least one). Returns the exit
 * status: the program's, 128+n for signal n, 126 or 127 when it cannot be run. */
int cmd_record(const struct record_settings *settings, int count, char **words);

#endif
