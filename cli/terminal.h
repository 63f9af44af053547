/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the place that we write to can show. Reads the environment; main thread.
 */
#ifndef ADATRACE_CLI_TERMINAL_H
#define ADATRACE_CLI_TERMINAL_H

#include <stdbool.h>

bool terminal_is(int fd);

/* It does what escape sequences say: a terminal, and not a dumb one (TERM). */
bool terminal_has_escapes(int fd);

/* Colours: on a terminal that has escape sequences, and never with NO_COLOR (https://no-color.org).
 */
bool terminal_has_colour(int fd);

/* Columns and rows of the terminal, or 0 when there is none or it does not say. */
unsigned terminal_columns(int fd);
unsigned terminal_rows(int fd);

/* Does the locale write UTF-8? Decides between block characters and plain letters in bars. */
bool terminal_is_utf8(void);

#endif
