/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small pictures in text: a bar for a share, a line of cells for a course over time. Block
 * characters where the terminal knows UTF-8, plain letters elsewhere. No state, any thread.
 */
#ifndef ADATRACE_CLI_BAR_H
#define ADATRACE_CLI_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BAR_BYTES_MAX = 3 * 64 + 1 };

/* A bar of `width` cells (64 at most), filled by part / whole. Returns `text`. */
const char *bar_share(char text[BAR_BYTES_MAX], double part, double whole, unsigned width,
                      bool utf8);

/* One character a cell, as high as the cell compares to the highest; 64 cells at most. */
const char *bar_course(char text[BAR_BYTES_MAX], const uint64_t *cells, size_t count, bool utf8);

#endif
