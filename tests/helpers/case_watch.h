/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of programs by chance: a crash, or a program without an end, says its seed as well as a
 * wrong result does. For the one file of a test that runs them, in one thread.
 */
#ifndef ADATRACE_TESTS_CASE_WATCH_H
#define ADATRACE_TESTS_CASE_WATCH_H

#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static volatile uint64_t case_running; /* set by whoever runs one, who sets alarm() as well */

static inline void case_die(int number)
{
    char text[120];
    int n = snprintf(text, sizeof(text), "\nsignal %d in case 0x%016" PRIx64 "\n", number,
                     (uint64_t)case_running);

    (void)!write(STDERR_FILENO, text, (size_t)n);
    signal(number, SIG_DFL);
    raise(number);
}

static inline void case_watch(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGALRM, SIGFPE};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        signal(numbers[i], case_die);
}

#endif
