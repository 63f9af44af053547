/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait choice: what a drain does between two looks at rings that were empty, as it is asked for by
 * a session's options, on the command line, or while it runs. No state, any thread.
 *
 *                   latency            processor       the traced threads
 *     spin          nanoseconds        one, all of it  nothing
 *     yield         microseconds       what is idle    nothing
 *     sleep[:TIME]  150 us to 20 ms    next to none    a wake-up after long silence
 *     block[:TIME]  until much is      least           a wake-up whenever a ring is an eighth full
 *                   there, or TIME
 *
 * docs/TUNING.md has measured figures.
 */
#ifndef ADATRACE_BASE_WAIT_CHOICE_H
#define ADATRACE_BASE_WAIT_CHOICE_H

#include <stdint.h>

enum wait_strategy {
    WAIT_SLEEP, /* longer and longer, by what comes; the default */
    WAIT_SPIN,  /* looks again at once */
    WAIT_YIELD, /* lets others run first */
    WAIT_BLOCK, /* until a producer's ring has filled to its mark */
};

struct wait_choice {
    enum wait_strategy strategy;
    uint64_t longest_ns; /* sleep, block: of one sleep; 0: the strategy's own */
};

#define WAIT_LONGEST_MIN_NS UINT64_C(1000)
#define WAIT_LONGEST_MAX_NS UINT64_C(1000000000) /* what a drain does once a second is due */

/* Ends the sentence of a refusal. */
#define WAIT_CHOICE_ACCEPTS \
    "spin, yield, sleep, block, or sleep:TIME, block:TIME with a time from 1us to 1s"

/* "spin", "block:10ms". 0; -EINVAL: not one of them; -ERANGE: the time. */
int wait_choice_parse(const char *text, struct wait_choice *out)
    __attribute__((warn_unused_result));

/* Is it one that wait_choice_parse() could have made? For what comes from an API. */
int wait_choice_check(const struct wait_choice *choice) __attribute__((warn_unused_result));

enum { WAIT_CHOICE_MAX = 48 };
/* What wait_choice_parse() reads as the same, into the caller's WAIT_CHOICE_MAX bytes. */
const char *wait_choice_print(char *text, const struct wait_choice *choice);

#endif
