/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedule: a session of hand-made producers whose rounds are made by hand, so that a switch to
 * another file can fall anywhere, and what its files say together. One at a time.
 */
#ifndef ADATRACE_TESTS_SCHEDULE_H
#define ADATRACE_TESTS_SCHEDULE_H

#include "drain/session_files.h"
#include "producer.h"

enum { PRODUCERS = 3 };

struct schedule {
    struct stage stage;
    struct session_files *files;
    struct producer producers[PRODUCERS];
    uint64_t tried[PRODUCERS]; /* records that each wanted to write */
    uint64_t random;
};

/* Of all files, by producer. */
struct sums {
    uint64_t written[PRODUCERS], dropped[PRODUCERS], overwritten[PRODUCERS], stored[PRODUCERS];
    uint64_t written_bytes, dropped_bytes;
};

const char *schedule_path(const char *name);
uint64_t schedule_random(struct schedule *s);
void schedule_begin(struct schedule *s, const char *path, enum ring_policy policy,
                    uint64_t flight_bytes, const struct session_files_options *files);
void schedule_burst(struct schedule *s);
void schedule_end_with(struct schedule *s, int error);
void schedule_end(struct schedule *s);
void sums_add(struct sums *sums, const char *path);
void sums_check(const struct schedule *s, const struct sums *sums);
int schedule_folder_make(void **state);
int schedule_folder_remove(void **state);

#endif
