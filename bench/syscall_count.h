/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the system calls of the calling thread, from inside: the kernel's syscall user dispatch
 * turns each into a SIGSYS, whose handler counts it and then makes it. Needs neither ptrace nor
 * perf, and changes nothing for the other threads of the process. x86-64; elsewhere -ENOSYS.
 */
#ifndef ADATRACE_BENCH_SYSCALL_COUNT_H
#define ADATRACE_BENCH_SYSCALL_COUNT_H

#include <stdint.h>

/* 0, or a negative errno: it cannot be done here. */
int syscall_count_start(void) __attribute__((warn_unused_result));

/* How many since syscall_count_start(). */
uint64_t syscall_count_stop(void);

#endif
