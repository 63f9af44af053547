/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event globs: `*` any run, `?` any one character, `[a-z]` sets as fnmatch(3) knows them, in
 * `provider:event` names. A list is comma-separated; a leading `!` takes matches out again; the
 * last pattern that matches decides. Any thread, async-signal-safe, no allocation.
 */
#ifndef ADATRACE_BASE_GLOB_H
#define ADATRACE_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Does one pattern (not NUL-terminated: `length` bytes) match the whole of `text`? */
bool glob_match(const char *pattern, size_t length, const char *text);

/* The same for a text that has a length and may hold any bytes. */
bool glob_match_bytes(const char *pattern, size_t length, const char *text, size_t text_length);

/* What the list makes of `text` that was `selected` so far: the last pattern that matches decides.
 */
bool glob_list_apply(const char *list, const char *text, bool selected);

/* Does the list select `text`? An empty or NULL list selects everything. */
bool glob_list_match(const char *list, const char *text);

/* What is wrong with a list of globs over "provider:event", as a clause: "has ..."; NULL: nothing.
 * Static. */
const char *glob_list_problem(const char *list);

#endif
