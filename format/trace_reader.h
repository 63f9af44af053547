/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace reader: the one way to read a trace file; cli and exporters use nothing else.
 *
 * The file is untrusted: every length is bounded before it is believed, memory is bounded by what
 * the block header declares and by hard limits, damage ends in a message with its offset, and
 * everything before (and, block by block, after) the damage stays readable. A trace and its cursors
 * belong to one thread at a time. What is handed out points into the trace and lives until
 * trace_close().
 */
#ifndef ADATRACE_FORMAT_TRACE_READER_H
#define ADATRACE_FORMAT_TRACE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/schema.h"
#include "format/trace_model.h"

struct trace;

/* Why something failed, for people: one sentence without a newline, with the file offset where it
 * helps. */
struct trace_error {
    int code; /* negative errno */
    uint64_t offset;
    char message[256];
};

/*
 * Open and read all metadata. A cut-off or partly damaged file opens (see trace_condition()); what
 * cannot be read at all fails: not there, empty, not a trace, newer version.
 */
int trace_open(struct trace **out, const char *path, struct trace_error *error)
    __attribute__((warn_unused_result));
void trace_close(struct trace *trace);

/* How many threads may work on the cursors and scans that are opened from now on: 1, the default,
 * is the caller's alone; others only unpack blocks ahead of it. What is read is the same. */
void trace_jobs_set(struct trace *trace, unsigned jobs);

struct trace_condition {
    bool ended;   /* the end block is there: the recording was closed properly */
    bool indexed; /* the index is there and was used */
    uint64_t file_bytes, blocks, data_blocks, damaged_blocks;
    uint64_t damaged_data_blocks; /* of the damaged ones; the others held no records */
    uint64_t damaged_records;     /* that those held */
    uint64_t records;             /* in readable data blocks */
    uint64_t undescribed_records; /* of `records` met so far: passed over, because the description
                                     of their type is lost */
    uint64_t lost_records;        /* the recorder could not write, ... */
    int lost_error;               /* ... for this errno, if it has told */
    uint64_t damage_offset; /* of the first damage; meaningful when damaged_blocks > 0 or !ended */
    char message[256];      /* first damage, or "" */
};
void trace_condition(const struct trace *trace, struct trace_condition *out);

/* Blocks in file order, as their headers (or the index) tell: nothing is read for it. */
struct trace_block_info {
    uint64_t offset, first_ticks, last_ticks;
    uint32_t thread, records, bytes; /* `bytes`: in the file, header included */
    int level;                       /* zstd level it was made with; 0: stored */
    bool is_data, is_damaged;        /* damage that was met so far */
};
bool trace_block_info(const struct trace *trace, size_t n, struct trace_block_info *out);

const struct trace_recording *trace_recording(const struct trace *trace);

/* Tables. `n` runs from 0; NULL past the end. */
const struct trace_process *trace_process_at(const struct trace *t, size_t n);
const struct trace_process_end *trace_process_end_of(const struct trace *t,
                                                     uint32_t process); /* or NULL */
const struct trace_thread *trace_thread_at(const struct trace *t, size_t n);
const struct trace_ledger *trace_ledger_of(const struct trace *t, uint32_t thread); /* or NULL */
const struct trace_module *trace_module_at(const struct trace *t, size_t n);
const struct trace_note *trace_note_at(const struct trace *t, size_t n);
const struct trace_clock_pair *trace_clock_pair_at(const struct trace *t, size_t n);
const struct trace_process *trace_process_by_number(const struct trace *t, uint32_t process);
const struct trace_thread *trace_thread_by_number(const struct trace *t, uint32_t thread);

/* An event type; `index` is dense over the trace, for tables of the caller's. Types of different
 * images with the same schema (but for the id) share one. */
struct trace_type {
    uint32_t index;
    struct schema schema;
    const char *full_name; /* "provider:event" */
    uint32_t fixed_bytes;
    uint32_t variable_count;
};
size_t trace_type_count(const struct trace *t);
const struct trace_type *trace_type_at(const struct trace *t, size_t n);

/* The symbol of a code address at a time, or NULL. */
const struct trace_symbol *trace_symbol_find(const struct trace *t, uint32_t process,
                                             uint64_t address, uint64_t ticks);

/* Ticks to nanoseconds since the start of the recording (piecewise between clock pairs), and back.
 */
int64_t trace_ns(const struct trace *t, uint64_t ticks);
uint64_t trace_ticks(const struct trace *t, int64_t ns);
uint64_t trace_duration_ns(const struct trace *t, uint64_t ticks); /* a difference of ticks */
uint64_t trace_start_realtime_ns(const struct trace *t);

/* ---- events ---- */

struct trace_filter {
    int64_t from_ns, to_ns; /* [from, to); INT64_MIN and INT64_MAX: all */
    const char *events;     /* glob list (base/glob.h), NULL: all */
    const char *thread;     /* tid in decimal, or glob over thread names; NULL: all */
};

/* One value of one field. Arrays: `count` elements, read with trace_value_*_at(). */
struct trace_value {
    const struct ada_field *field;
    const unsigned char *bytes; /* packed elements, or the content of a string or of bytes */
    uint32_t size;              /* of `bytes` */
};
uint64_t trace_value_unsigned(const struct trace_value *v, unsigned element);
int64_t trace_value_signed(const struct trace_value *v, unsigned element); /* sign-extended */
double trace_value_float(const struct trace_value *v, unsigned element);

struct trace_event {
    int64_t ns;
    uint64_t ticks;
    const struct trace_thread *thread;
    const struct trace_type *type; /* NULL: this is a gap */
    struct trace_gap gap;
    unsigned value_count;
    struct trace_value values[SCHEMA_FIELDS_MAX];
};

/* All threads merged in time order; within a thread always in ring order. */
struct trace_cursor;
int trace_cursor_open(struct trace *t, const struct trace_filter *filter, struct trace_cursor **out)
    __attribute__((warn_unused_result));
/* 1: *event is filled in, valid until the next call; 0: the end; negative: errno (memory, I/O).
 * A data block that cannot be read is a gap, TRACE_GAP_DAMAGED, of as many records and of the time
 * that its header or the index tells; trace_condition() sums up. */
int trace_cursor_next(struct trace_cursor *c, struct trace_event *event)
    __attribute__((warn_unused_result));
void trace_cursor_close(struct trace_cursor *c);

/* ---- events in bulk: for those who look at all of them, perhaps in several threads ---- */

/* Where an event stands: as long as its batch is not released, its run's columns tell the rest. */
struct trace_record {
    uint64_t ticks;
    const struct trace_thread *thread;
    const struct trace_run *run; /* NULL: this is a gap */
    union {
        size_t record; /* in the run */
        const struct trace_gap *gap;
    };
};

enum { TRACE_BATCH_RECORDS = 2048, TRACE_BATCH_BYTES = 256 * 1024 };

/* The next events of a cursor: so many, or as many as hold TRACE_BATCH_BYTES of values and one
 * more. Zero-initialised is empty. */
struct trace_batch {
    size_t count, bytes;
    struct trace_record records[TRACE_BATCH_RECORDS];
    struct held **pins; /* the unpacked blocks that they stand in: the cursor's */
    size_t pin_count, pin_capacity;
};

/*
 * As trace_cursor_next(), for an empty batch and `max` events (1 to TRACE_BATCH_RECORDS). -EAGAIN:
 * so much is held by batches that are not released yet that one of them has to be, first. All calls
 * of a cursor belong to one thread; the records may be read by any, until the batch is released.
 */
int trace_cursor_batch(struct trace_cursor *c, struct trace_batch *batch, size_t max)
    __attribute__((warn_unused_result));
void trace_batch_release(struct trace_cursor *c, struct trace_batch *batch); /* empty again */
void trace_batch_fini(struct trace_batch *batch);                            /* a released one */

/* The whole event. Any thread. */
void trace_record_event(const struct trace *t, const struct trace_record *record,
                        struct trace_event *event);

/* ---- columns: for reports, which never build rows. Blocks of one thread come in order. ---- */

/* One event type's records in a block: field f's elements stand packed, records x count x width
 * bytes, and TRACE_COLUMN_SLACK more can be read; STRING and BYTES as u32 offsets[records + 1] into
 * `bytes`. */
enum { TRACE_COLUMN_SLACK = 8 };
struct trace_column {
    const struct ada_field *field;
    const unsigned char *bytes;
    const uint32_t *offsets; /* variable kinds only */
};
struct trace_run {
    const struct trace_type *type;
    uint32_t records;
    const uint32_t *position; /* [records]: each record's place in the block */
    struct trace_column columns[SCHEMA_FIELDS_MAX];
};
struct trace_block {
    const struct trace_thread *thread;
    uint32_t records;
    const uint64_t *ticks; /* [records] */
    const uint8_t *run_of; /* [records]: which run each record belongs to */
    uint32_t run_count;
    const struct trace_run *runs;
    uint32_t gap_count;
    const struct trace_gap *gaps;
    const uint32_t *gap_position; /* [gap_count]: before which record */
};
/* Walk data blocks in file order. Same returns as trace_cursor_next(). */
struct trace_scan;
int trace_scan_open(struct trace *t, const struct trace_filter *filter, struct trace_scan **out)
    __attribute__((warn_unused_result));
int trace_scan_next(struct trace_scan *s, const struct trace_block **block)
    __attribute__((warn_unused_result));
void trace_scan_close(struct trace_scan *s);

/* ---- verification ---- */

enum trace_severity {
    TRACE_SEVERITY_LOSS = 1,   /* lossy, cut off, or counted by a process as it cannot be */
    TRACE_SEVERITY_DAMAGE = 2, /* the file is not what was written */
};

#define TRACE_NOWHERE UINT64_MAX /* the offset of what is so of a thread, or of the whole file */

/* Good until `say` returns. */
struct trace_finding {
    enum trace_severity severity;
    uint64_t offset;                     /* in the file, or TRACE_NOWHERE */
    const struct trace_process *process; /* whose loss it is; NULL: nobody's, or the file's */
    const struct trace_thread *thread;   /* the same, where it is one thread's */
    bool is_untrue; /* its process's counters cannot be true: what it lost is not known */
    const char *text;
};

struct trace_judgement {
    int status;                   /* 0 good, 3 readable but lossy or cut off, 1 all that is worse */
    bool is_readable;             /* at least in part: it could be opened and read to its end */
    uint64_t blocks, blocks_read; /* that were found, and what of them is undamaged */
};

/*
 * Check every block, checksum, count and order, index against blocks, ledgers against stored
 * records. Each process is judged by itself: one that wrote over its own counters spoils its own
 * ledger, and makes no other's records worse. Calls `say`, unless it is NULL, for each finding.
 */
void trace_judge(const char *path, void (*say)(void *context, const struct trace_finding *finding),
                 void *context, struct trace_judgement *out);
/* The same; returns the status, which is the command's exit status. */
int trace_verify(const char *path, void (*say)(void *context, const struct trace_finding *finding),
                 void *context);

#endif
