/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sight: what a session's trace shows, in the order in which it shows it. Two sources have it:
 * sight_memory.c is told by a drain that writes into memory, sight_file.c writes a real file with
 * format/'s writer, verifies it, and reads it back. One session at a time; one thread.
 */
#ifndef ADATRACE_TESTS_SIGHT_H
#define ADATRACE_TESTS_SIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/trace_model.h"

struct trace_writer;

/* Event types: { u64 }, { u64, u64[2] }, { u64, bytes }. The first is the record's number. */
enum { SIGHT_NUMBER = 8, SIGHT_THREE = 9, SIGHT_BYTES = 10 };
uint16_t sight_type(uint32_t payload_bytes);
void sight_payload_write(unsigned char *out, uint32_t payload_bytes, uint64_t number);

struct sight_item {
    uint32_t thread;
    bool is_gap;
    bool is_whole; /* a record: its payload is what was written */
    uint32_t payload_bytes;
    uint64_t number, ticks;
    struct trace_gap gap;
};

struct sight_thread {
    uint32_t number;
    char name[32];
    bool has_ledger;
    struct trace_ledger ledger; /* the last one */
};

struct sight {
    struct sight_item *items; /* of all threads; of each in its order */
    size_t count, capacity;
    struct sight_thread *threads;
    size_t thread_count, thread_capacity;
    const char *complaint; /* the trace is not sound in itself; NULL: it is */
};

/* A writer for the next session's drain. */
struct trace_writer *sight_open(void);
/* What it shows, when the session is over; stays until the next sight_open(). */
const struct sight *sight_take(void);

/* ---- for the sources ---- */

void sight_clear(struct sight *sight);
struct sight_item *sight_add(struct sight *sight);
struct sight_thread *sight_thread(struct sight *sight, uint32_t number); /* made if need be */
/* Payload as it lay in the ring: number, length and whether it is whole. */
void sight_payload_read(struct sight_item *item, uint16_t type, const unsigned char *payload,
                        size_t size);

#endif
