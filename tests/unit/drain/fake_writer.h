/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace writer that only remembers what it was told, in the order it was told, so that tests of
 * the drain can look at every call. Stands in for format/'s at link time. One thread at a time.
 */
#ifndef ADATRACE_TESTS_FAKE_WRITER_H
#define ADATRACE_TESTS_FAKE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "format/trace_writer.h"

enum fake_kind {
    FAKE_RECORD,
    FAKE_GAP,
    FAKE_PROCESS,
    FAKE_PROCESS_END,
    FAKE_THREAD,
    FAKE_LEDGER,
    FAKE_MODULE,
    FAKE_NOTE,
    FAKE_TYPE,
    FAKE_CLOCK
};

struct fake_call {
    enum fake_kind kind;
    uint32_t thread; /* RECORD, GAP, THREAD, LEDGER */
    uint32_t process;
    uint16_t id;
    uint64_t ticks;
    uint64_t value; /* RECORD: the first 8 bytes of the payload */
    char text[256]; /* name, path, note */
    union {
        struct trace_gap gap;
        struct trace_ledger ledger;
        struct trace_process process;
        struct trace_process_end end;
        struct trace_module module;
        struct trace_note note;
    } item; /* its strings are gone */
};

struct fake_log {
    struct fake_call *calls;
    size_t count;
    bool closed;
    unsigned flushes;
    int level;
    size_t in_bulk;    /* records that came by trace_stream_append() */
    int refuse;        /* when not 0: what trace_stream_record() returns */
    unsigned short_of; /* so many descriptions of processes and threads find no memory */
    /* When not NULL: they are told of records and gaps, which are then not remembered. */
    void (*see_record)(uint32_t thread, uint16_t id, uint64_t ticks, const void *payload,
                       size_t size);
    void (*see_gap)(const struct trace_gap *gap);
};

struct trace_writer *fake_writer_create(void);
/* Stays after the writer is closed, until the next fake_writer_create(). */
struct fake_log *fake_writer_log(void);

/* How many calls of this kind; of this thread unless it is 0. */
size_t fake_count(enum fake_kind kind, uint32_t thread);
/* The n-th (from 0) such call; NULL: there is none. */
const struct fake_call *fake_find(enum fake_kind kind, uint32_t thread, size_t n);
const struct fake_call *fake_last(enum fake_kind kind, uint32_t thread);
/* Is there a note with this in it? */
bool fake_has_note(const char *part);

/* Rounds of the stage's drain until the process with this number has ended in the trace. */
struct stage;
const struct fake_call *fake_end_of(struct stage *stage, uint32_t process);

#endif
