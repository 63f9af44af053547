/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli: polynomial 0x1EDC6F41 reflected, initial value and final xor all ones), the
 * checksum of block headers, frames and saved rings. crc32c("123456789") is 0xE3069283. Uses the
 * processor's instruction where there is one. Any thread; no allocation.
 */
#ifndef ADATRACE_BASE_CRC32C_H
#define ADATRACE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *bytes, size_t size);

/* The same from a table: what machines without the instruction run. Public for its test. */
uint32_t crc32c_portable(const void *bytes, size_t size);

#endif
