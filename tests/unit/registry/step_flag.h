/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trap flag of an x86-64 processor: from the one to the other, SIGTRAP behind each instruction.
 * For step.c and nest.c only.
 */
#ifndef ADATRACE_TESTS_STEP_FLAG_H
#define ADATRACE_TESTS_STEP_FLAG_H

#if defined(__x86_64__)

enum { TRAP_FLAG = 0x100 };

/* The kernel delivers SIGTRAP with the flag cleared, and sigreturn sets it again. */
static inline __attribute__((always_inline)) void trap_flag_set(void)
{
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
                     "leaq 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
}

static inline __attribute__((always_inline)) void trap_flag_clear(void)
{
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\t"
                     "leaq 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
}

#endif

#endif
