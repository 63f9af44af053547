/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the coverage build has to be told: a process is about to end or to become another program
 * without exit(), which is when its counts would be written. In other builds each call is nothing.
 *
 * Writes files: not for a thread that may hold anything.
 */
#ifndef ADATRACE_BASE_COVERAGE_H
#define ADATRACE_BASE_COVERAGE_H

#ifdef ADATRACE_COVERAGE

extern void __gcov_dump(void);
extern void __gcov_reset(void);

/* All that was counted until now is kept; counting goes on from zero. */
static inline void coverage_keep(void)
{
    __gcov_dump();
    __gcov_reset();
}

#else

static inline void coverage_keep(void)
{
}

#endif
#endif
