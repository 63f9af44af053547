/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace writer: turns records into blocks and blocks into a file.
 *
 * One writer belongs to one thread at a time (the drain); threads that it has of its own encode and
 * write beside that one, and change nothing in what is written. It writes sequentially, never seeks
 * back and never rewrites, so whatever a crash leaves is readable up to the last whole block, and a
 * pipe would do for output. All strings and payloads are copied before a call returns. Calls return
 * 0 or a negative errno; the first output error sticks: later calls return it again,
 * trace_writer_close() still ends the file as well as the disk allows. Nothing here is
 * async-signal-safe.
 */
#ifndef ADATRACE_FORMAT_TRACE_WRITER_H
#define ADATRACE_FORMAT_TRACE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/schema.h"
#include "format/catalogue.h"
#include "format/trace_ending.h"
#include "format/trace_model.h"
#include "format/trace_snapshot.h"

struct trace_writer;

struct trace_writer_options {
    int level;              /* zstd level, -7 to 19; 0: stored. Default 1 */
    uint32_t block_records; /* records a block holds at most; 0: 16,384 */
    uint64_t reserve_bytes; /* kept free on the disk for the end of the file; 0: 1 MiB */
    unsigned threads;       /* that encode blocks, the caller's included; 0: 1, at most 16 */
    /* A flight recorder: the newest blocks stay in memory, no file is written. */
    bool flight;
    uint64_t flight_bytes; /* that blocks and bookkeeping take at most, 256 KiB or more; 0: any */
    uint64_t flight_ticks; /* what is older goes; 0: of any age */
};

/* `fd` is open for writing, at offset 0 (of a flight recorder: -1); the writer takes it over and
 * closes it, also when this fails. `options` NULL: the defaults. */
int trace_writer_open(struct trace_writer **out, int fd, const struct trace_writer_options *options,
                      const struct trace_recording *recording) __attribute__((warn_unused_result));

/* Metadata. Buffered, and on disk before any data block that refers to it. */
int trace_writer_clock(struct trace_writer *w, const struct trace_clock_pair *pair);
int trace_writer_process(struct trace_writer *w, const struct trace_process *process);
int trace_writer_process_end(struct trace_writer *w, const struct trace_process_end *end);
int trace_writer_thread(struct trace_writer *w, const struct trace_thread *thread);
/* The thread writes nothing any more, and its last ledger is in. */
void trace_writer_thread_end(struct trace_writer *w, uint32_t thread);
/* No stream of a thread of this process will be opened any more. With the last one of its image all
 * is forgotten that the file does not need. */
void trace_writer_process_gone(struct trace_writer *w, uint32_t process);
int trace_writer_ledger(struct trace_writer *w, const struct trace_ledger *ledger);
int trace_writer_module(struct trace_writer *w, const struct trace_module *module);
int trace_writer_symbol(struct trace_writer *w, const struct trace_symbol *symbol);
int trace_writer_note(struct trace_writer *w, const struct trace_note *note);

/* All metadata so far, but for ledgers; the writer's. */
struct catalogue *trace_writer_catalogue(struct trace_writer *w);

/* Somebody who is told what goes into the file besides records, at once and in the same order. The
 * calls come from within the writer's; they must not call it. */
struct trace_listener {
    void *context;
    /* One or more metadata items as they stand in the file (format/items.h). */
    void (*items)(void *context, const void *bytes, size_t size);
    /* Records of the image with this id are of the type with this number. */
    void (*declared)(void *context, uint64_t image, uint32_t id, uint32_t number);
    void (*gap)(void *context, const struct trace_gap *gap);
};
/* From now on; stays the caller's. NULL: nobody any more. */
void trace_writer_listen(struct trace_writer *w, const struct trace_listener *listener);
/* Tell all that a reader of the next records needs: the catalogue, then the declarations. 0 or
 * -ENOMEM. */
int trace_writer_retell(struct trace_writer *w, const struct trace_listener *listener)
    __attribute__((warn_unused_result));

/*
 * Declare an event type of an image (struct trace_process.image) from encoded schema bytes
 * (base/schema.h). Ids are per image. Malformed bytes: -EBADMSG. Declaring the same id again:
 * -EEXIST, nothing changes.
 */
int trace_writer_type(struct trace_writer *w, uint64_t image, const void *schema, size_t size);

/*
 * One stream of records per thread. stream_open finds the types of the thread's image; the
 * trace_thread must have been written before. Freed with the writer, or by stream_close (flushes).
 */
struct trace_stream;
int trace_stream_open(struct trace_writer *w, uint32_t thread, struct trace_stream **out)
    __attribute__((warn_unused_result));

/*
 * Append one record. `payload` is laid out as base/schema.h says for type `id`; it is read exactly
 * once and may change meanwhile (it can lie in memory shared with a hostile process): every length
 * in it is copied, then checked against `size`. Records of one stream come in ring order; ticks
 * never go back. -ENOENT: no such type; -EBADMSG: payload does not fit its type; the stream is
 * unharmed by both.
 */
int trace_stream_record(struct trace_stream *s, uint16_t id, uint64_t ticks, const void *payload,
                        size_t size) __attribute__((warn_unused_result));

/*
 * Append many records at once: of one size, with ticks that are 64 bits and never go back. The
 * payloads are read exactly once. Returns how many of them, from the front, are in: it stops at a
 * record that needs a closer look, which is for trace_stream_record() (the first of its type in a
 * block, the last of a block, a type with strings, one that does not fit, one that cannot be
 * written).
 */
struct trace_rows {
    uint32_t count;
    const uint16_t *ids;
    const uint64_t *ticks;
    const unsigned char *payloads; /* payload i begins at i * stride */
    size_t stride, payload_bytes;  /* payload_bytes: rounded up to 8 */
};
uint32_t trace_stream_append(struct trace_stream *s, const struct trace_rows *rows)
    __attribute__((warn_unused_result));

/*
 * Records missing at this place of the stream. Kept in order with the records around them; several
 * of the same times, of one hole, come at once, so that no block ends between them. A gap does not
 * begin before the thread's last block has ended.
 */
int trace_stream_gaps(struct trace_stream *s, const struct trace_gap *gaps, uint32_t count);

int trace_stream_flush(struct trace_stream *s); /* what is there becomes a block now */
int trace_stream_close(struct trace_stream *s);
uint64_t trace_stream_stored(const struct trace_stream *s); /* records appended so far */

int trace_writer_set_level(struct trace_writer *w, int level);
int trace_writer_flush(struct trace_writer *w); /* all streams and metadata to the file */
/* The same in pieces, for who has other things to do meanwhile: begin, then a stream with each
 * call; false: that was all. Streams may come and go in between. trace_writer_flush() does what is
 * left, and tells of errors. */
void trace_writer_flush_begin(struct trace_writer *w);
bool trace_writer_flush_next(struct trace_writer *w);

struct trace_writer_stats {                          /* over all files */
    uint64_t file_bytes, blocks, records, raw_bytes; /* raw: as in the ring */
    uint64_t lost_records;                           /* could not be written: the disk is full */
    uint64_t content_bytes;                          /* of the blocks, before compression */
    uint64_t pack_ns, write_ns;                      /* spent on compressing, on write(2) */
};
void trace_writer_stats(const struct trace_writer *w, struct trace_writer_stats *out);

/*
 * The distinct code addresses (ADA_KIND_CODE fields) met so far: calls `visit` for each with the
 * image and the ticks of the first and last record that holds it. For the symbolizer, before close.
 */
void trace_writer_addresses(struct trace_writer *w,
                            void (*visit)(void *context, uint64_t image, uint64_t address,
                                          uint64_t first_ticks, uint64_t last_ticks),
                            void *context);

/* Those of one image, whose streams are closed. Returns how many; `visit` may be NULL. */
size_t trace_writer_image_addresses(const struct trace_writer *w, uint64_t image,
                                    void (*visit)(void *context, uint64_t image, uint64_t address,
                                                  uint64_t first_ticks, uint64_t last_ticks),
                                    void *context);

/* 0; -ENOTSUP: a flight recorder writes none; -ESPIPE: what it writes into is no regular file. */
int trace_writer_can_switch(const struct trace_writer *w) __attribute__((warn_unused_result));

/*
 * Go on in another file, from the beginning of `fd`, which is taken over: what is staged goes into
 * this one, and the other one begins with the catalogue. Streams, types and all numbers stay as
 * they are; what a stream has stored counts on. The file left behind is *old, to be ended by
 * whoever takes it over, in any thread. On failure nothing has changed but that `fd` is closed:
 * as trace_writer_can_switch(), and others.
 */
int trace_writer_switch(struct trace_writer *w, int fd, struct trace_ending **old)
    __attribute__((warn_unused_result));

/*
 * Take what there is at this moment, to be made a file by another thread. Of a flight recorder:
 * without the blocks that end before `from_ticks`. Ledgers are those written last. -ESPIPE: the
 * file is none that can be read; other errors.
 */
int trace_writer_snapshot(struct trace_writer *w, uint64_t from_ticks, struct trace_snapshot **out)
    __attribute__((warn_unused_result));

/* What was unmapped before that is of no use to any further file. */
void trace_writer_keep_from(struct trace_writer *w, uint64_t ticks);

bool trace_writer_is_flight(const struct trace_writer *w);
/* A flight recorder lets go what is too old by now, and forgets what nobody needs for the rest.
 * Returns the least ticks of what is kept. */
uint64_t trace_writer_expire(struct trace_writer *w, uint64_t now_ticks);

/* Flush, write the index and the end block, close the fd, free. Returns the first error ever met.
 */
int trace_writer_close(struct trace_writer *w) __attribute__((warn_unused_result));

#endif
