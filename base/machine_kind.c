/* SPDX-License-Identifier: Apache-2.0 */
#include "base/machine_kind.h"

#include <stddef.h>

#define KIND(elf, bytes) ((uint32_t)(elf) | (uint32_t)(bytes)*0x10000)

static const struct {
    uint32_t kind;
    const char *name;
} kinds[] = {
    {KIND(EM_386, 4), "32-bit x86"},     {KIND(EM_X86_64, 8), "x86-64"},
    {KIND(EM_X86_64, 4), "x32"},         {KIND(EM_AARCH64, 8), "64-bit Arm"},
    {KIND(EM_ARM, 4), "32-bit Arm"},     {KIND(EM_RISCV, 8), "64-bit RISC-V"},
    {KIND(EM_PPC64, 8), "64-bit POWER"}, {KIND(EM_S390, 8), "s390x"},
};

const char *machine_kind_name(uint32_t kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (kinds[i].kind == (kind & ~MACHINE_KIND_BIG_ENDIAN))
            return kinds[i].name;
    return "another machine";
}
