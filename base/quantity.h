/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantity: times and sizes as people write them, "1.5ms" and "64K". No state, no allocation, any
 * thread, async-signal-safe.
 */
#ifndef ADATRACE_BASE_QUANTITY_H
#define ADATRACE_BASE_QUANTITY_H

#include <stdint.h>

/* Digits at *text into *value; *text moves behind them. 0; -EINVAL: there are none; -ERANGE: too
 * many. */
int quantity_digits(const char **text, uint64_t *value);

/* Nanoseconds from 1.5s, 200ms, 10us, 500ns, 2m, 1h; a bare integer is nanoseconds, a bare number
 * with a point is seconds. All of `text`. 0 or -EINVAL, -ERANGE. */
int quantity_parse_time(const char *text, int64_t *ns);

/* Bytes from 4096, 64K, 64KiB, 1M, 1G (powers of 1024). All of `text`. 0 or -EINVAL, -ERANGE. */
int quantity_parse_bytes(const char *text, uint64_t *bytes);

enum { QUANTITY_MAX = 32 };

/* The shortest text that is read back as the same: "64K", "4097"; "1500us", "2s". Into the caller's
 * QUANTITY_MAX bytes, which are returned. */
const char *quantity_print_time(char *text, uint64_t ns);
const char *quantity_print_bytes(char *text, uint64_t bytes);

#endif
