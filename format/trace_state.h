/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the trace reader, shared by its source files only.
 *
 *     trace_reader.c    open, close, what is in the tables
 *     trace_file.c      reading bytes and headers
 *     trace_load.c      a block from the file into memory
 *     trace_ahead.c     the same by other threads, before it is asked for
 *     trace_blocks.c    finding the blocks: by the index, or header by header
 *     trace_tables.c    metadata items into tables
 *     trace_symbols.c   addresses to symbols
 *     trace_time.c      ticks to nanoseconds
 *     trace_scan.c      data blocks in file order
 *     trace_cursor.c    events in time order
 *     cursor_order.c    which blocks they will come from
 *     trace_live.c      a trace that is told while it happens
 *     trace_verify.c    is everything as it should be?
 *
 * A trace belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_TRACE_STATE_H
#define ADATRACE_FORMAT_TRACE_STATE_H

#include <stdbool.h>

#include "format/block_decode.h"
#include "format/frame.h"
#include "format/number_map.h"
#include "format/string_arena.h"
#include "format/trace_index.h"
#include "format/trace_reader.h"

/* A growing array of equal rows. Rows move while a table grows: hand out pointers only when the
 * metadata is complete. */
struct table {
    void *rows;
    size_t count, capacity;
    bool fixed; /* never grows beyond its capacity, so rows never move */
};

struct process_row {
    struct trace_process process;
    struct trace_process_end end;
    bool ended;
    uint32_t image; /* place in images */
};

struct thread_row {
    struct trace_thread thread;
    struct trace_ledger ledger;
    bool has_ledger;
};

struct type_row {
    struct trace_type type;
    struct schema_owned owned;
    const unsigned char *bytes; /* the schema, to tell equal ones */
    uint32_t size;
};

struct symbol_row {
    struct trace_symbol symbol;
    uint32_t image; /* place in images; NUMBER_MAP_NONE: its process is not known */
};

/* Symbols of an image: where in the sorted symbols each address begins. */
struct image_row {
    uint64_t image;
    struct number_map symbols;
};

/* A straight piece of the clock: from t0 on, (ticks - t0) * ns / ticks nanoseconds after ns0. */
struct clock_piece {
    uint64_t t0, ticks;
    uint64_t ns;                  /* that the piece takes */
    int64_t ns0;                  /* at t0, since the start of the recording */
    uint64_t factor, elapsed_max; /* ns / ticks as a multiplication: trace_time.c */
    unsigned shift;
    uint64_t plain_ticks; /* from t0 on, for which nothing else has to be thought of */
};

/* Everything that unpacking a block takes, used again for every one. Belongs to one thread. */
struct block_loader {
    struct frame_decompressor *decompressor;
    struct column_decoder decoder;
    struct byte_buffer frame, content; /* of the block being read */
};

enum block_fault {
    BLOCK_CUT_OFF,
    BLOCK_HEADER_DAMAGED,
    BLOCK_CONTENT_DAMAGED,
    BLOCK_DATA_MALFORMED,
};

/* What came of loading a data block. */
struct block_found {
    int status;             /* 0, -EBADMSG, -ENOMEM, -EIO */
    enum block_fault fault; /* why -EBADMSG */
    uint64_t undescribed;   /* records passed over: their type's description is lost */
};

struct trace {
    int fd;
    uint64_t size;
    uint32_t recording; /* the random number in every header */
    struct trace_index blocks;
    struct trace_end end; /* of the end block, when it is there */
    struct trace_condition condition;
    bool walks; /* headers are walked although there may be an index */
    void (*on_damage)(void *context, uint64_t offset, const char *text); /* or NULL */
    void *on_damage_context;

    struct block_loader loader;

    struct string_arena strings;
    struct trace_recording about;
    struct table processes, threads, types, modules, symbols, notes, clocks, images;
    struct number_map process_of_number, thread_of_number, type_of_number, type_of_hash;
    struct number_map image_of_number, module_of_number;
    bool grows;                          /* trace_live.c: no file; tables are fixed */
    struct number_map type_of_declared;  /* only then */
    const struct trace_type **type_list; /* the types by index */
    uint64_t metadata_bytes;             /* unpacked so far, against what the file may claim */

    size_t held_bytes_max;      /* blocks that a cursor keeps unpacked at once */
    unsigned jobs;              /* threads that unpack, the trace's own among them */
    uint64_t ahead_records_min; /* less to read than that is not worth a thread */
    size_t ahead_bytes_max;     /* of a block that others than the trace's own thread unpack */

    struct clock_piece *pieces; /* by time; the first and the last reach to the ends of time */
    size_t piece_count, piece_recent;
    uint64_t told_ticks; /* of a trace that grows: trace_live_told() */
};

/* ---- trace_reader.c ---- */

/* trace_open() of a trace that is zero but for `walks` and `on_damage`; trace_fini() undoes it,
 * also after a failure. */
int trace_init(struct trace *t, const char *path, struct trace_error *error)
    __attribute__((warn_unused_result));
void trace_fini(struct trace *t);

/* ---- trace_file.c ---- */

/* Open the file and look at it, nothing more; trace_close() undoes it. */
int trace_file_open(struct trace *t, const char *path, struct trace_error *error)
    __attribute__((warn_unused_result));

/* Up to `size` bytes; less only at the end of the file. The number read, or -EIO, -ENOMEM. */
int64_t trace_bytes_read(const struct trace *t, uint64_t offset, void *bytes, size_t size)
    __attribute__((warn_unused_result));

/* A good header of this recording at the offset? 0, -EBADMSG, -EPROTONOSUPPORT, -EIO. */
int trace_header_read(const struct trace *t, uint64_t offset, struct block_header *header)
    __attribute__((warn_unused_result));

/* Note damage at this offset; the message of the lowest offset stays. A block counts once. */
__attribute__((format(printf, 4, 5))) void trace_damage(struct trace *t, struct index_entry *entry,
                                                        uint64_t offset, const char *format, ...);

/* Fill in *error and return `code`. */
__attribute__((format(printf, 4, 5))) int trace_error_set(struct trace_error *error, int code,
                                                          uint64_t offset, const char *format, ...);

/* ---- trace_load.c ---- */

int trace_loader_init(struct block_loader *loader) __attribute__((warn_unused_result));
void trace_loader_fini(struct block_loader *loader); /* zero-initialised will do */
/* Give back what only an unusually large block needs. */
void trace_loader_trim(struct block_loader *loader);

/* Any thread, as long as the trace is open: reads it, changes nothing. The header is good, and the
 * frame, in loader->frame behind room for a header, has its checksum. 0, -EBADMSG (then *fault),
 * -ENOMEM, -EIO. */
int trace_frame_fetch(const struct trace *t, struct block_loader *loader,
                      const struct index_entry *entry, struct block_header *header,
                      enum block_fault *fault) __attribute__((warn_unused_result));
/* Then unpack it into loader->content. 0, -EBADMSG, -ENOMEM. */
int trace_frame_unpack(struct block_loader *loader, const struct block_header *header)
    __attribute__((warn_unused_result));
/* Both. Content into
 * loader->content, valid until the next load. 0, -EBADMSG (then *fault), -ENOMEM, -EIO. */
int trace_frame_load(const struct trace *t, struct block_loader *loader,
                     const struct index_entry *entry, struct block_header *header,
                     enum block_fault *fault) __attribute__((warn_unused_result));
/* The same for a data block, on to its columns; block.thread is filled in. */
void trace_data_load(const struct trace *t, struct block_loader *loader,
                     const struct index_entry *entry, const struct block_wish *wish,
                     struct decoded_block *out, struct block_found *found);

/* Put a fault, or what was found, into the trace's condition. Returns found->status. */
void trace_fault_note(struct trace *t, struct index_entry *entry, enum block_fault fault);
int trace_found_note(struct trace *t, size_t place, const struct block_found *found)
    __attribute__((warn_unused_result));

/* Read a block with the trace's own loader and note what is found: header into *header, content
 * into t->loader.content. 0, -EBADMSG, -ENOMEM, -EIO. */
int trace_entry_read(struct trace *t, struct index_entry *entry, struct block_header *header)
    __attribute__((warn_unused_result));
int trace_block_read(struct trace *t, size_t place, struct block_header *header)
    __attribute__((warn_unused_result));

/* Read and unpack a data block. The same returns. */
int trace_block_load(struct trace *t, size_t place, const struct block_wish *wish,
                     struct decoded_block *out) __attribute__((warn_unused_result));
/* What is left to show of a data block that cannot be read: a gap. 0 or -ENOMEM. */
int trace_block_miss(const struct trace *t, size_t place, struct decoded_block *out)
    __attribute__((warn_unused_result));

/* ---- trace_blocks.c ---- */

/* Find all blocks. 0, or a negative errno with *error filled in. */
int trace_blocks_find(struct trace *t, struct trace_error *error)
    __attribute__((warn_unused_result));

/* Walk the headers from the start of the file, whatever the index says. 0, -ENOMEM, -EIO, or
 * -EBADMSG: there is no block. */
int trace_blocks_walk(struct trace *t) __attribute__((warn_unused_result));

/* ---- trace_tables.c ---- */

/* Read all metadata. 0, -ENOMEM, -EIO. */
int trace_tables_read(struct trace *t) __attribute__((warn_unused_result));
void trace_tables_free(struct trace *t);

/* Nothing is known about the recording. */
void trace_about_begin(struct trace *t);

/* Metadata items, `count` of them in bytes[size]. -EBADMSG: malformed from some item on; -ENOMEM.
 */
int trace_items_take(struct trace *t, const unsigned char *bytes, size_t size, uint32_t count)
    __attribute__((warn_unused_result));

/* The row after the last, zeroed, or NULL. */
void *table_add(struct table *table, size_t row_bytes);

uint32_t trace_thread_place(const struct trace *t, uint32_t thread);

/* ---- trace_symbols.c, trace_time.c ---- */

/* The place of the image of the process in this row, and the image itself. 0 or -ENOMEM. */
int trace_image_number(struct trace *t, size_t process) __attribute__((warn_unused_result));
int trace_symbols_sort(struct trace *t) __attribute__((warn_unused_result));
int trace_clock_prepare(struct trace *t) __attribute__((warn_unused_result));
/* The same for one that grows, of which times up to that of `told_ticks` have been told: from there
 * on nothing will be earlier. */
int trace_clock_go_on(struct trace *t, uint64_t told_ticks) __attribute__((warn_unused_result));

/* What a filter asks for, in ticks and type numbers. `types` is allocated, or NULL for all. */
int trace_wish_make(const struct trace *t, const struct trace_filter *filter,
                    struct block_wish *wish) __attribute__((warn_unused_result));
void trace_wish_free(struct block_wish *wish);
bool trace_filter_has_thread(const struct trace_filter *filter, const struct trace_thread *thread);

/* Can this block hold anything that is wished for? */
bool trace_entry_is_wished(const struct index_entry *entry, const struct block_wish *wish);

/* ---- trace_live.c ---- */

int trace_live_symbol(struct trace *t, const struct trace_symbol *symbol)
    __attribute__((warn_unused_result));

#endif
