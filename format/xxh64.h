/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XXH64 with seed 0: the checksum inside zstd frames. libzstd computes it for the frames that it
 * makes; we need it for the stored ones that we make ourselves (format/frame.h). Any thread; no
 * allocation.
 */
#ifndef ADATRACE_FORMAT_XXH64_H
#define ADATRACE_FORMAT_XXH64_H

#include <stddef.h>
#include <stdint.h>

uint64_t xxh64(const void *bytes, size_t size);

#endif
