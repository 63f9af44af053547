/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that a recording goes into. Main thread.
 */
#ifndef ADATRACE_CLI_RECORD_OUTPUT_H
#define ADATRACE_CLI_RECORD_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct record_output {
    char path[PATH_MAX]; /* of the (first) file */
    char base[PATH_MAX]; /* what all files are named after, absolute */
    bool is_new;         /* made by us: a regular file */
    char old[PATH_MAX];  /* where the one that it replaces is until then; "": there is none */
};

enum record_output_kind {
    OUTPUT_FILE,
    OUTPUT_NUMBERED, /* the first of several */
    OUTPUT_NONE,     /* a flight recorder: nothing is opened, and 0 returned */
};

/*
 * Open `path`, or, when that is NULL, "PROGRAM.adatrace" in the current folder. A file that is
 * there is replaced only by `force`; pipes and devices are written to as they are. Returns the
 * descriptor, or a negative errno after saying why on stderr.
 */
int record_output_open(struct record_output *output, const char *path, const char *program,
                       enum record_output_kind kind, bool force)
    __attribute__((warn_unused_result));

/* Nothing was recorded: what was there before is there again. */
void record_output_discard(const struct record_output *output);
/* Something is being recorded: the file that it replaces goes now. */
void record_output_settle(struct record_output *output);

/* Its size; 0 when it has none (a pipe). */
uint64_t record_output_bytes(const struct record_output *output);

#endif
