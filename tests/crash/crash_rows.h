/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: what the programs of these tests emitted, by their own count, in a file that is mapped
 * shared and so outlives them. One row a thread; crash_case.py reads them. For one process and its
 * forks.
 */
#ifndef ADATRACE_TESTS_CRASH_ROWS_H
#define ADATRACE_TESTS_CRASH_ROWS_H

#include <stdint.h>

/* Make or find the file. 0, or -1. */
int rows_open(const char *path);

/* A thread's life: take a row, and emit crash:step events numbered from 0 to *most. */
void *rows_work(void *most);

/* The same in so many parts, a tenth of a second apart: what the drain does once a second comes in
 * between, and the row's events stand in more than one block. */
void rows_work_slowly(uint64_t most, unsigned parts);

/* So many threads that do that at once, `rounds` times over. 0, or -1. */
int rows_threads(unsigned threads, unsigned rounds, uint64_t most);

#endif
