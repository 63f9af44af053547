/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a reader does with a file, and every byte that it hands out is looked at: for tests of
 * hostile files. Asserts through cmocka what has to hold whatever the file says.
 */
#ifndef ADATRACE_TESTS_READER_EXERCISE_H
#define ADATRACE_TESTS_READER_EXERCISE_H

#include <stdint.h>

/* Open, look at every table, scan, walk, with and without a filter, and verify. */
void reader_exercise(const char *path);

/* How many records a reader finds after it has tried to read all; the file has to open. */
int64_t reader_records(const char *path);

#endif
