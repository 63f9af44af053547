/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities for people: three or four digits and a unit, the same width wherever they stand.
 * Everything is written into the caller's UNITS_MAX bytes, which are returned. No state, any
 * thread.
 */
#ifndef ADATRACE_CLI_UNITS_H
#define ADATRACE_CLI_UNITS_H

#include <stdint.h>

enum { UNITS_MAX = 32 };

const char *units_duration(char *text, uint64_t ns);   /* "123 ns", "1.23 us", "2 m 03 s" */
const char *units_bytes(char *text, uint64_t bytes);   /* "123 B", "1.23 KiB" */
const char *units_count(char *text, uint64_t count);   /* "12,345,678" */
const char *units_rate(char *text, double per_second); /* "123 /s", "1.23 M/s" */
const char *units_percent(char *text, double part, double whole); /* "12.3 %" */

#endif
