/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of format/trace_copy.h, shared by its source files only.
 *
 *     trace_cut.c      which part of one trace is wanted
 *     trace_merge.c    several: their blocks in order
 *     merge_plan.c     which of them belong together, and how their clocks do
 *     copy_open.c      common to both: begin and end
 *     copy_blocks.c    one block after another, the cheapest way that is right
 *     copy_records.c   the dearest: record by record
 *     copy_overlap.c   what two inputs of a session both have
 *     copy_hole.h      what is damaged in one of them, and perhaps whole in another
 *     copy_meta.c      metadata items
 *     copy_symbols.c   which symbols a slice needs
 *     copy_numbers.c   numbers of the inputs to numbers of the result
 *     copy_clock.c     ticks of the inputs to ticks of the result
 *     copy_ledger.c    ledgers
 *
 * Belongs to one thread.
 */
#ifndef ADATRACE_FORMAT_COPY_STATE_H
#define ADATRACE_FORMAT_COPY_STATE_H

#include "format/trace_copy.h"
#include "format/trace_state.h"
#include "format/writer_copy.h"

/* ---- numbers ---- */

/* Numbers that the result has given away. */
struct copy_numbers {
    struct number_map taken;
    uint32_t next; /* no lower one is free, but for 0 */
};

/* An event type of the result. */
struct copy_type {
    uint32_t number;
    const unsigned char *schema; /* of an input */
    uint32_t size;
};

/* ---- time ---- */

/* From an input's ticks to those of the result; all zero: they are the same. */
struct copy_clock {
    const struct trace *from, *to; /* `to`: has pieces, and nothing else */
    int64_t shift_ns;              /* from the start of the one to the start of the other */
};

/* ---- inputs ---- */

/* Inputs of one session: what their numbers and ticks are in the result. */
struct copy_family {
    struct number_map processes, threads, modules, images;
    struct trace clock; /* its pieces, from the pairs of all its inputs; nothing else */
    bool shares;        /* the first family's clock */
    bool converts;      /* to that clock, by `to_result` */
    bool of_day;        /* by CLOCK_REALTIME */
    uint64_t uncertainty_ns;
    struct copy_clock to_result;
};

/* What of a thread of an input is in the result. */
struct copy_part {
    uint64_t records;
    uint64_t dropped, dropped_bytes, overwritten, overwritten_bytes, damaged; /* as gaps tell */
    bool wanted;
    bool trimmed; /* not all of it was wanted, or it came twice: its ledger does not fit */
    bool reaches_end;
    /* Only where inputs overlap: */
    uint64_t tick, tick_records; /* of the last record so far, and how many it had there */
    uint64_t let_go;             /* overwritten, as no gap that can be read tells */
    uint32_t last;               /* step of the last block that was read, or COPY_STEP_NONE */
};

struct copy_source {
    struct trace *trace;
    const char *name;
    struct copy_family *family; /* NULL: numbers stay as they are */
    struct copy_clock clock;
    bool all;                /* is wanted, also what has no records */
    struct number_map types; /* numbers that change */
    uint32_t *type_numbers;  /* of the result, by trace_type.index */
    bool watches_types;      /* contents are looked at for numbers that change */
    bool whole;              /* ended, nothing damaged, nothing twice or out of its place */
    struct block_wish wish;
    struct copy_part *parts; /* by place of the thread */
};

/* Where records are missing: between those on both sides that are there, as far as that is known,
 * and in [first_ticks, last_ticks]. */
struct copy_extent {
    uint64_t from, to;
    uint64_t first_ticks, last_ticks;
};

/* Records of a thread that are damaged in all inputs that have them. */
struct copy_hole {
    struct copy_extent extent;
    uint64_t all, records;        /* `records`: that no gap has told of yet */
    const struct copy_source *of; /* the first input that misses them; NULL: there is none */
};

/* A thread of the result. */
struct copy_thread {
    uint32_t number;
    struct trace_stream *stream;         /* or NULL */
    const struct copy_source *source;    /* whose block was the last one, or NULL */
    size_t place;                        /* of it: in its index */
    uint64_t last_ticks;                 /* of it */
    uint64_t record_ticks, tick_records; /* as in struct copy_part, of the result */
    uint64_t known;                      /* records so far, and those known to be gone */
    uint64_t run;                        /* records since the last place where some are missing */
    struct copy_hole hole;               /* the latest */
    struct trace_ledger ledger;
    bool has_ledger;
};

/* A block to copy, and its place in the order of the result. */
struct copy_step {
    uint64_t key;
    uint32_t source, place;
};

#define COPY_STEP_NONE UINT32_MAX

/* Where inputs overlap: a step's neighbours. */
struct copy_link {
    uint32_t next;           /* of the same thread, or COPY_STEP_NONE */
    uint32_t before, behind; /* of the same thread and input, or COPY_STEP_NONE */
    bool shared;             /* other inputs may have records of this block */
    bool done;               /* before its turn */
    bool told;               /* damaged, and counted with the block before it */
};

struct trace_copy {
    struct trace_writer *writer;
    struct trace_error *error;
    const struct trace_copy_watch *watch;
    struct trace_copy_figures *figures;

    struct copy_source *sources;
    size_t source_count;
    const struct trace *first; /* of a merge: whose clock is that of the result */
    struct copy_family *families;
    size_t family_count;
    struct {
        struct copy_numbers processes, threads, modules, images, types;
    } numbers;
    struct table types;                               /* struct copy_type */
    struct number_map type_of_number, number_of_hash; /* place; number */

    struct table threads;            /* struct copy_thread */
    struct number_map thread_places; /* by number of the result */

    const struct trace_clock_pair *pairs;
    size_t pair_count;
    struct copy_step *steps; /* owned */
    size_t step_count;
    struct copy_link *links; /* owned; by step. NULL: nothing of the inputs overlaps */
    uint64_t records_total, records_done;

    const struct trace *names_of;
    struct number_map items_seen; /* hashes of items that can occur in several inputs */
    struct byte_buffer item, payload;
    struct decoded_block decoded, reference;
};

/* What the index of its input says of a step's block. */
static inline const struct index_entry *copy_step_entry(const struct trace_copy *c, size_t step)
{
    const struct copy_step *at = &c->steps[step];

    return &c->sources[at->source].trace->blocks.entries[at->place];
}

/* ---- copy_open.c ---- */

/* Room for so many sources; copy_fini() undoes it, also after a failure. */
int copy_init(struct trace_copy *c, size_t sources) __attribute__((warn_unused_result));
void copy_fini(struct trace_copy *c);

/* Take an input in, with everything wanted. */
int copy_source_open(struct trace_copy *c, struct trace *trace, const char *name)
    __attribute__((warn_unused_result));

/* Copy what is wanted: metadata, the steps, ledgers. `fd` is the writer's in any case. */
int copy_run(struct trace_copy *c, int fd, unsigned threads,
             const struct trace_recording *recording, const char *note)
    __attribute__((warn_unused_result));

/* Say why; returns `code`. */
__attribute__((format(printf, 3, 4))) int copy_fail(struct trace_copy *c, int code,
                                                    const char *format, ...);

/* ---- copy_numbers.c ---- */

/* A number of the result for `wanted`, that one if it is free. 0: out of memory, or of numbers. */
uint32_t copy_number_take(struct copy_numbers *numbers, uint64_t wanted);

/* Number all that the source describes. */
int copy_numbers_make(struct trace_copy *c, struct copy_source *s)
    __attribute__((warn_unused_result));

/* What a number of the source is in the result; 0: nothing of it is described. */
uint32_t copy_process(const struct copy_source *s, uint32_t process);
uint32_t copy_thread_number(const struct copy_source *s, uint32_t thread);
uint32_t copy_module(const struct copy_source *s, uint32_t module);
uint64_t copy_image(const struct copy_source *s, uint64_t image);
/* Of any number that a block has, described or not; 0: out of memory. */
uint32_t copy_type_number(struct trace_copy *c, struct copy_source *s, uint32_t type);

/* The state of a thread of the result, made if need be. NULL: out of memory. */
struct copy_thread *copy_thread_of(struct trace_copy *c, uint32_t number);

/* ---- copy_clock.c ---- */

/* Room in the pairs of a clock: to be prepared when all are in. */
int copy_clock_add(struct trace *clock, const struct trace *from)
    __attribute__((warn_unused_result));
void copy_clock_fini(struct trace *clock);
uint64_t copy_ticks(const struct copy_clock *clock, uint64_t ticks);
uint64_t copy_duration(const struct copy_clock *clock, uint64_t ticks);

/* ---- copy_meta.c ---- */

int copy_meta_write(struct trace_copy *c) __attribute__((warn_unused_result));
int copy_note(struct trace_copy *c, uint32_t kind, uint64_t ticks, const char *text)
    __attribute__((warn_unused_result));

/* ---- copy_symbols.c ---- */

/* Which of the source's symbols the wanted records need, by place; *out NULL: all of them. */
int copy_symbols_select(struct trace_copy *c, const struct copy_source *s, bool **out)
    __attribute__((warn_unused_result));

/* The modules and symbols of c->names_of. */
int copy_names_write(struct trace_copy *c) __attribute__((warn_unused_result));

/* ---- copy_blocks.c ---- */

int copy_steps_run(struct trace_copy *c) __attribute__((warn_unused_result));

/* ---- copy_records.c ---- */

/* The records of a decoded block, but for the first `skip`, and its gaps, into the thread's stream.
 */
int copy_records(struct trace_copy *c, const struct copy_source *s, struct trace_stream *stream,
                 const struct trace_block *block, uint32_t skip)
    __attribute__((warn_unused_result));

/* The thread's stream, made if need be, into thread->stream. */
int copy_stream_make(struct trace_copy *c, struct copy_thread *thread)
    __attribute__((warn_unused_result));

/* ---- copy_overlap.c ---- */

/* Find out which steps overlap with those of other inputs, if any do: c->links. */
int copy_overlap_look(struct trace_copy *c) __attribute__((warn_unused_result));
/* Is it one of those? */
bool copy_is_shared(const struct trace_copy *c, size_t step);
/* Where a block's records begin, behind what is missing before them: what it is sorted by. */
uint64_t copy_resume_ticks(struct copy_source *s, size_t place);
/* All of it, the same block as the thread's last one, of another input? */
bool copy_is_twice(const struct copy_thread *thread, const struct copy_source *s,
                   const struct index_entry *entry);
/* Records at the front of c->decoded, of a shared block, that the thread has already. */
uint32_t copy_records_known(const struct trace_copy *c, const struct copy_thread *thread,
                            const struct copy_part *part);
/* Take the gaps that the thread has already out of c->decoded. 1: some have changed. */
int copy_gaps_trim(struct trace_copy *c, struct copy_thread *thread, struct copy_part *part,
                   uint32_t skip) __attribute__((warn_unused_result));
/* The shared block in c->decoded is what its input, and the thread, had last. */
void copy_records_note(const struct trace_copy *c, struct copy_thread *thread,
                       struct copy_part *part, size_t step);

/* ---- copy_hole.c ---- */

/* What a step's input has as damaged. `records` of them lie between these ticks. */
int copy_hole_open(struct trace_copy *c, size_t step, const struct trace_gap *missing)
    __attribute__((warn_unused_result));
/* Before records from `ticks` on are written: the gap, if what it tells of stood before them. */
int copy_hole_tell(struct trace_copy *c, struct copy_thread *thread, uint64_t ticks)
    __attribute__((warn_unused_result));
/* Nothing comes any more. */
int copy_holes_end(struct trace_copy *c) __attribute__((warn_unused_result));

/* ---- copy_front.c ---- */

/* Is it a flight recorder's, with a gap for what that let go, of which nothing can be read? */
bool copy_front_is_lost(const struct copy_source *s, size_t place);
/* The thread had `let_go` records that the part does not have, of which `known` are counted. */
void copy_front_count(struct copy_thread *thread, struct copy_part *part, uint64_t let_go,
                      uint64_t known);

/* ---- copy_ledger.c ---- */

void copy_gap_count(struct copy_part *part, const struct trace_gap *gap);
int copy_ledgers_write(struct trace_copy *c) __attribute__((warn_unused_result));

#endif
