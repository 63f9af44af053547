/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine kind: what two processes must have in common before they share memory. Structs, futexes
 * and the counter that stamps records are those of the machine that code was compiled for; a
 * program that runs in an emulator beside us has others, and its records would tell wrong times.
 */
#ifndef ADATRACE_BASE_MACHINE_KIND_H
#define ADATRACE_BASE_MACHINE_KIND_H

#include <elf.h>
#include <stdint.h>

/* ELF's number of the machine, its class above, and whether it is big-endian. Never 0. */
#if defined(__x86_64__)
#define MACHINE_KIND_ELF EM_X86_64
#elif defined(__aarch64__)
#define MACHINE_KIND_ELF EM_AARCH64
#elif defined(__s390x__)
#define MACHINE_KIND_ELF EM_S390
#elif defined(__riscv)
#define MACHINE_KIND_ELF EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE_KIND_ELF EM_PPC64
#else
#define MACHINE_KIND_ELF 0xffff /* one kind for all that nobody has thought of */
#endif

#define MACHINE_KIND_BIG_ENDIAN 0x1000000u
#define MACHINE_KIND                                                   \
    ((uint32_t)MACHINE_KIND_ELF | (uint32_t)sizeof(void *) * 0x10000 | \
     (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? MACHINE_KIND_BIG_ENDIAN : 0))

/* "64-bit Arm"; "another machine" when it is not known. Static text; pure. */
const char *machine_kind_name(uint32_t kind);

#endif
