/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option types about more than one file of a recording, and about none: rotation, flight recorder.
 * Constant data.
 */
#ifndef ADATRACE_CLI_OPTIONS_FILES_H
#define ADATRACE_CLI_OPTIONS_FILES_H

#include "cli/option.h"

struct record_flight {
    bool on;
    uint64_t bytes, ns; /* kept in memory; 0: not said */
};

extern const struct option_type option_flight;      /* struct record_flight */
extern const struct option_type option_rotate_size; /* uint64_t, bytes */
extern const struct option_type option_rotate_time; /* int64_t, nanoseconds */
extern const struct option_type option_keep;        /* uint64_t */

#endif
