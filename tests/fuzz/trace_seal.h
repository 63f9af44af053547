/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing: what a fuzzer made of a trace file becomes one whose checksums are right, so that it is
 * not all refused at the first. The input looks like a trace, but behind a header the content may
 * stand as it is, without a frame; the header's reserved u16 (offset 70) says what is put right:
 *
 *     0     checksums, sizes, `recording`; the content of INDEX and END blocks is made anew
 *     1     checksums and the frame's size
 *     else  nothing
 */
#ifndef ADATRACE_TESTS_TRACE_SEAL_H
#define ADATRACE_TESTS_TRACE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "format/byte_buffer.h"

struct trace_sealed {
    struct byte_buffer file; /* byte_buffer_free() it */
    uint64_t records;        /* that its headers speak of, and gaps */
};

/* Everything in front of the first header is left as it is. `salt`: 0, or what makes the same
 * blocks those of another recording. */
void trace_seal(const uint8_t *bytes, size_t size, uint32_t salt, struct trace_sealed *out);

#endif
