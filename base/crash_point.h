/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crash point: a named place at which tests have a process killed. In every build but theirs
 * (ADATRACE_CRASH_POINTS) it is nothing: no code, no name.
 *
 * A point stands between two steps that others can see, one done and one not: that is where a death
 * could leave something half. tests/crash/ kills at every one; it finds them by their names in the
 * sources, so a name is a literal and stands once. Any thread, async-signal-safe.
 */
#ifndef ADATRACE_BASE_CRASH_POINT_H
#define ADATRACE_BASE_CRASH_POINT_H

#ifdef ADATRACE_CRASH_POINTS
#include <stddef.h>

void crash_point_pass(const char *name);
/* Dies when half of it is written. */
void crash_point_write(const char *name, int fd, const void *bytes, size_t size);
#define CRASH_POINT(name)                        crash_point_pass(name)
#define CRASH_POINT_WRITE(name, fd, bytes, size) crash_point_write(name, fd, bytes, size)
#else
#define CRASH_POINT(name)                        ((void)0)
#define CRASH_POINT_WRITE(name, fd, bytes, size) ((void)0)
#endif

#endif
