/* SPDX-License-Identifier: Apache-2.0 */
/* _exit() of unit tests in the coverage build: what a forked child has run through counts. */
#include <sys/ptrace.h>
#include <unistd.h>

#include "base/coverage.h"

void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));

void __wrap__exit(int status)
{
    /* Nobody can be traced twice: who is stepped through has its steps counted, and ends at once.
     */
    if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        coverage_keep();
    __real__exit(status);
}
