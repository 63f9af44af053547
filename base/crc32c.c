/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <string.h>

/* One nibble at a time: the table is 64 bytes, built by the compiler from the polynomial, and only
 * machines without a CRC instruction ever walk it. */
#define STEP(c)   (((c) >> 1) ^ (((c)&1) ? UINT32_C(0x82F63B78) : 0))
#define NIBBLE(n) STEP(STEP(STEP(STEP(UINT32_C(n)))))

static const uint32_t nibbles[16] = {
    NIBBLE(0), NIBBLE(1), NIBBLE(2),  NIBBLE(3),  NIBBLE(4),  NIBBLE(5),  NIBBLE(6),  NIBBLE(7),
    NIBBLE(8), NIBBLE(9), NIBBLE(10), NIBBLE(11), NIBBLE(12), NIBBLE(13), NIBBLE(14), NIBBLE(15),
};

uint32_t crc32c_portable(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint32_t crc = ~UINT32_C(0);

    while (size--) {
        crc ^= *at++;
        crc = (crc >> 4) ^ nibbles[crc & 15];
        crc = (crc >> 4) ^ nibbles[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__) || defined(__aarch64__)
static uint64_t word_load(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}
#endif

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t crc = ~UINT32_C(0);

    for (; size >= 8; size -= 8, at += 8)
        crc = __builtin_ia32_crc32di(crc, word_load(at));
    while (size--)
        crc = __builtin_ia32_crc32qi((uint32_t)crc, *at++);
    return ~(uint32_t)crc;
}

uint32_t crc32c(const void *bytes, size_t size)
{
    return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(bytes, size)
                                            : crc32c_portable(bytes, size);
}

#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

/* Assembly, because gcc and clang do not agree on how to name these two to a compiler that was not
 * told that every processor has them. */
static uint32_t step8(uint32_t crc, uint64_t value)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(value));
    return crc;
}

static uint32_t step1(uint32_t crc, uint32_t value)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(value));
    return crc;
}

static uint32_t crc32c_arm(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint32_t crc = ~UINT32_C(0);

    for (; size >= 8; size -= 8, at += 8)
        crc = step8(crc, word_load(at));
    while (size--)
        crc = step1(crc, *at++);
    return ~crc;
}

uint32_t crc32c(const void *bytes, size_t size)
{
    return getauxval(AT_HWCAP) & HWCAP_CRC32 ? crc32c_arm(bytes, size)
                                             : crc32c_portable(bytes, size);
}

#else

uint32_t crc32c(const void *bytes, size_t size)
{
    return crc32c_portable(bytes, size);
}

#endif
