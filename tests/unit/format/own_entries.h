/* SPDX-License-Identifier: Apache-2.0 */
/* What this process holds, as /proc shows it: descriptors, threads. */
#ifndef ADATRACE_TESTS_OWN_ENTRIES_H
#define ADATRACE_TESTS_OWN_ENTRIES_H

#define OWN_DESCRIPTORS "/proc/self/fd"
#define OWN_THREADS     "/proc/self/task"

/* How many there are; those of looking are the same every time. */
unsigned own_entries(const char *folder);
/* Wait, not for ever, until there are no more than that. A thread that was joined stands there
 * until the kernel has done with it. */
void own_entries_become(const char *folder, unsigned count);

#endif
