/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command printed, held against what its format promises whatever the trace holds. What is
 * read here is told by the standards alone; no code of the command's own judges.
 */
#ifndef ADATRACE_TESTS_OUTPUT_CHECK_H
#define ADATRACE_TESTS_OUTPUT_CHECK_H

#include <stdint.h>

enum output_kind {
    OUTPUT_TEXT,       /* lines of UTF-8 without control characters */
    OUTPUT_JSON,       /* one value */
    OUTPUT_JSON_LINES, /* one a line */
    OUTPUT_CSV,        /* RFC 4180, as many cells in each record as in the first */
};

/* What the process prints goes into memory from here on; errors nowhere (fuzz_silence()). */
void output_capture(void);

/* What was printed so far; the process ends if it is not of that kind. The number of lines,
 * values or records. */
uint64_t output_check(enum output_kind kind);

/* The sum of the numbers that are called `name` behind `from` and before `to`, all as they stand in
 * the JSON that was printed. */
uint64_t output_sum(const char *from, const char *to, const char *name);

/* Forget what was printed. */
void output_clear(void);

#endif
