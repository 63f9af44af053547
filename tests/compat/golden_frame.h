/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the golden traces are put together from: one writer, one payload, and metadata with few
 * words. For make_golden alone, which has one thread; every failure ends the program.
 */
#ifndef ADATRACE_TESTS_GOLDEN_FRAME_H
#define ADATRACE_TESTS_GOLDEN_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "format/trace_writer.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define FIELD(n, k, w, c)                                                       \
    {                                                                           \
        .name = (n), .kind = ADA_KIND_##k, .width = (w), .count = (uint16_t)(c) \
    }

enum { FIRST_ID = 8, SECOND = 1000000000 };

extern struct trace_writer *writer;
/* What tells the file from others; in life it is a random one. */
extern uint32_t recording_number;

/* Ends the program when `status` is a negative errno. */
void check(int status, const char *what);
/* Numbers that look random and are the same everywhere. */
uint64_t random_next(void);
void type_put(uint64_t image, const struct schema *schema);
void simple_type_put(uint64_t image, uint16_t id, const char *name, const struct ada_field *fields,
                     size_t count);
/* The payload of the next record: fixed-width fields in order, then strings. */
void put(uint64_t value, unsigned width);
void put_bytes(const char *bytes, size_t size);
/* The record, made of what was put. */
void emit(struct trace_stream *stream, uint16_t id, uint64_t ticks);
void clock_put(uint64_t ticks, uint64_t monotonic_ns);

/* Metadata; what is not said comes out the same each time. */
void process_put(uint32_t number, uint32_t parent, uint32_t pid, uint64_t image);
void thread_put(uint32_t number, uint32_t process, uint32_t tid, const char *name);
struct trace_stream *stream_open(uint32_t thread);
void ledger_put(uint32_t thread, uint64_t stored, uint64_t dropped);
/* One process with one thread, the frame of most kinds. */
struct trace_stream *frame_put(void);

void fields_write(void); /* golden_fields.c */

#endif
