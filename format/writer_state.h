/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the trace writer, shared by its source files only.
 *
 *     trace_writer.c   open, close
 *     writer_switch.c  go on in another file
 *     writer_snapshot.c  hand over what there is; be a flight recorder
 *     writer_meta.c    metadata items, types
 *     writer_images.c  images, processes, threads
 *     stream.c         one thread's records, into a draft
 *     stream_append.c  many of them at once
 *     writer_block.c   drafts become blocks, blocks go onto the output
 *     block_queue.c    the same by several threads
 *     writer_copy.c    blocks and numbers of other files
 *     writer_tell.c    others are told what the file is told
 *
 * draft.c, block_content.c and block_encoder.c know no writer.
 *
 * A writer and its streams belong to one thread at a time. With a queue, other threads encode
 * blocks and write them; what they touch besides is marked below, and guarded by the queue's lock.
 */
#ifndef ADATRACE_FORMAT_WRITER_STATE_H
#define ADATRACE_FORMAT_WRITER_STATE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/schema.h"
#include "format/address_set.h"
#include "format/block_encoder.h"
#include "format/block_header.h"
#include "format/block_store.h"
#include "format/catalogue.h"
#include "format/items.h"
#include "format/number_map.h"
#include "format/trace_volume.h"
#include "format/trace_writer.h"

/* What an exec'd image declared: ids of its event types, addresses of its code. */
struct writer_image {
    uint64_t image;
    struct writer_type **type_of_id;
    uint32_t id_count;
    struct address_set addresses; /* who writes */
    uint32_t processes, streams;  /* that there are */
    bool over;                    /* its last process has gone */
};

/* A block on its way into the file. */
struct block_job {
    struct block_job *next;
    enum { JOB_WAITING, JOB_TAKEN, JOB_PACKED } state;
    struct block_header header;
    struct draft *draft;           /* DATA, until it is encoded */
    struct trace_stream *stream;   /* DATA */
    struct byte_buffer content;    /* META: items */
    unsigned char *bytes;          /* packed: the block, with room for its header */
    struct address_use *addresses; /* DATA: code addresses in it */
    size_t address_count;
    struct block_tally tally; /* DATA */
    uint64_t pack_ns;
    int level, status;
};

struct block_queue;

struct trace_writer {
    int level;
    uint32_t block_records;    /* at most, in one data block */
    uint64_t reserve_bytes;    /* of every file */
    size_t block_bytes;        /* rows and strings of one block, unless one record is larger */
    struct block_store *store; /* a flight recorder's; there is no file then */
    struct block_encoder encoder;
    struct block_queue *queue; /* NULL: blocks are encoded and written at once */

    /* Who writes: one thread at a time. */
    struct trace_volume volume; /* the file; of its losses `stats` and `error` tell until it ends */

    /* Under the queue's lock. */
    int error;      /* the file's first output error; sticks. Atomic: looked at without the lock */
    int loss_error; /* the first reason for which something is missing in a file that goes on */
    struct trace_writer_stats stats;
    uint64_t lost_before;         /* of stats.lost_records: in files before this one */
    uint64_t bytes_before;        /* of stats.file_bytes */
    struct byte_buffer meta_back; /* items that could not be written; the end has room for them */
    uint32_t meta_back_items;
    struct draft *drafts; /* that nobody uses */
    uint32_t draft_count;
    size_t drafts_bytes; /* memory of all drafts but those on their way, as last counted */

    struct catalogue *catalogue;
    const struct trace_listener *listener; /* or NULL */
    struct byte_buffer meta;               /* items that are not in the file yet */
    uint32_t meta_items;
    bool meta_urgent; /* the next data block may refer to one of them */

    struct writer_type **types;
    size_t type_count, type_capacity;
    struct number_map type_of_hash;
    struct writer_image **images; /* NULL: a place that nobody has any more */
    size_t image_count, image_capacity, image_holes;
    struct number_map image_of_number;   /* image -> place in images */
    struct number_map image_of_process;  /* process -> place in images */
    struct number_map process_of_thread; /* thread -> process */

    struct trace_stream *streams;   /* doubly linked */
    struct trace_stream *unflushed; /* the next for trace_writer_flush_next(); NULL: none */

    /* writer_copy.c: ids of this image are numbers of types; losses of the files copied from. */
    struct writer_image copied;
    uint64_t copied_lost;
    int copied_error;
};

/* ---- writer_block.c ---- */

/*
 * Make content[content_bytes] a block and write it, now. `header` brings kind, records and so on;
 * the rest is filled in. `last` may use the room kept for the end of the file. No job is on its way
 * (writer_settle()). 0, -ENOMEM, or the output's error, which then sticks.
 */
int writer_block_write(struct trace_writer *w, struct block_header *header, const void *content,
                       size_t content_bytes, int level, bool last)
    __attribute__((warn_unused_result));

/*
 * The block in `bytes`, room for its header and its frame, goes behind the others: only here the
 * header learns where that is. As above.
 */
int writer_block_commit(struct trace_writer *w, struct block_header *header, unsigned char *bytes,
                        bool last) __attribute__((warn_unused_result));

/* A block stands in the file. */
void writer_block_count(struct trace_writer *w, const struct block_header *header);

/* The job's draft or content becomes bytes; any thread, with an encoder of its own. */
void writer_job_encode(struct block_encoder *encoder, struct block_job *job);
/* Bytes go into the file, or are counted as lost: the thread that writes, with its encoder. */
void writer_job_write(struct trace_writer *w, struct block_encoder *encoder, struct block_job *job);

/* Items that found no memory when it was their turn, before anything that came later, which they
 * may describe: the thread that writes, or who has waited for that. Only where other threads encode
 * are there any; 0: none any more. */
int writer_items_catch_up(struct trace_writer *w, struct block_encoder *encoder, int level)
    __attribute__((warn_unused_result));

/* The first output error, or 0. */
int writer_error(const struct trace_writer *w);
/* So many records, or for 0 something that is told of them, are missing for this reason. */
void writer_loss_count(struct trace_writer *w, uint64_t records, int error);
/* What the end of the file says and closing it returns. Nothing is on its way. */
int writer_outcome(const struct trace_writer *w);

/* All drafts together; beyond, the largest of them become blocks, however small those are. (Docs:
 * docs/TUNING.md, what the collector holds.) */
enum { DRAFTS_BYTES_MAX = 32 << 20 };

/* An empty draft; NULL: no memory. It goes back empty or not. */
struct draft *writer_draft_take(struct trace_writer *w);
void writer_draft_give(struct trace_writer *w, struct draft *draft);
/* It has grown. True: all drafts together hold too much. */
bool writer_draft_count(struct trace_writer *w, struct draft *draft);
/* Then: blocks are written of the largest, until there is room again. */
void writer_drafts_relieve(struct trace_writer *w);

void writer_lock(const struct trace_writer *w);
void writer_unlock(const struct trace_writer *w);

/* ---- block_queue.c ---- */

/* Threads that encode and write beside the caller, at most so many. NULL: none could be made. */
struct block_queue *block_queue_create(struct trace_writer *w, unsigned threads);
void block_queue_destroy(struct block_queue *queue); /* nothing is on its way */
pthread_mutex_t *block_queue_lock(struct block_queue *queue);

/* Hand a job over. Waits, and helps, while too much is on its way. 0 or -ENOMEM: counted as lost.
 */
int block_queue_data(struct block_queue *queue, struct draft *draft, struct trace_stream *stream);
/* The same for metadata: the content's bytes are taken over. */
int block_queue_meta(struct block_queue *queue, struct byte_buffer *content, uint32_t items);

/* Until everything that was handed over is in the file, or known to be lost. */
void writer_settle(struct trace_writer *w);

/* ---- writer_snapshot.c ---- */

enum { FLIGHT_BLOCKS_MIN = 16 }; /* unpacked ones that a flight recorder has room for */
int writer_flight_begin(struct trace_writer *w, const struct trace_writer_options *options)
    __attribute__((warn_unused_result));

/* ---- writer_meta.c ---- */

/* Write waiting metadata; what cannot be written waits on, in its order. */
int writer_meta_flush(struct trace_writer *w) __attribute__((warn_unused_result));
/* The same now, into the room that is kept for the end. Nothing is on its way. */
int writer_meta_end(struct trace_writer *w) __attribute__((warn_unused_result));

/* Items that other threads could not write come back in front of those that wait. Nothing is on its
 * way. 0 or -ENOMEM. */
int writer_meta_join(struct trace_writer *w);

/* Append an item; `urgent`: data may refer to it. */
int writer_item_append(struct trace_writer *w, enum item_kind kind, const void *record,
                       bool urgent);
/* As writer_item_append(), but 0 says that it will be in the file and nothing else that it is not:
 * what is to refer to it can. writer_items_follow() writes what there is, if it is much. */
int writer_item_keep(struct trace_writer *w, enum item_kind kind, const void *record, bool urgent);
int writer_items_follow(struct trace_writer *w);

/* Room for one more pointer. 0 or -ENOMEM. */
int writer_list_grow(void **list, size_t count, size_t *capacity);

/* A type from its encoded schema, known to the caller only. NULL: *status says why. */
struct writer_type *writer_type_create(const void *schema, size_t size, int *status);
void writer_type_free(struct writer_type *type); /* or NULL */
/* Hand it over to the writer, which frees it. 0 or -ENOMEM. */
int writer_type_keep(struct trace_writer *w, struct writer_type *type);
/* Room for ids up to this one. 0 or -ENOMEM. */
int writer_ids_grow(struct writer_image *image, uint32_t id);

/* Release what writer_meta.c holds. */
void writer_meta_free(struct trace_writer *w);

/* ---- writer_images.c ---- */

/* An image's place in w->images, made if need be; NUMBER_MAP_NONE: out of memory. */
uint32_t writer_image_place(struct trace_writer *w, uint64_t number);
/* The image that a thread's process runs, or NULL. */
struct writer_image *writer_image_of_thread(const struct trace_writer *w, uint32_t thread);
/* Does nobody add to it any more? */
static inline bool writer_image_is_over(const struct writer_image *image)
{
    return image->over && !image->processes && !image->streams;
}
/* Let go of what an image that has ended does not need; of all of it, when it has no addresses (any
 * more) that the file has to name. */
void writer_image_settle(struct trace_writer *w, struct writer_image *image);
void writer_images_settle(struct trace_writer *w);
void writer_images_free(struct trace_writer *w);

/* ---- streams ---- */

struct trace_stream {
    /* Touched for every record. */
    struct stage **stage_of_id; /* of the draft; NULL: the block has none of that type yet */
    uint32_t id_count;
    uint32_t room;       /* records that the draft has room for; 0 when the slow path has to look */
    struct draft *draft; /* NULL: nothing is staged */
    uint64_t last_ticks;

    uint64_t gap_ticks;   /* where the last gap ends */
    uint64_t block_ticks; /* where the last block ends: nothing goes back behind that */
    uint32_t thread;
    struct writer_image *image;
    struct trace_writer *writer;
    struct trace_stream *next, *previous;
    uint64_t stored; /* records in blocks that are finished, or on their way */
    uint64_t lost;   /* of these. Under the queue's lock */
};

/* A stream of the thread whose records' ids are those of the image. 0 or -ENOMEM. */
int stream_create(struct trace_writer *w, uint32_t thread, struct writer_image *image,
                  struct trace_stream **out) __attribute__((warn_unused_result));

/* Take the stream out of its writer and free it; what is staged is gone. */
void stream_free(struct trace_stream *s);

/* End the block of what is staged; trace_stream_flush() waits until it is written, too. */
int stream_flush(struct trace_stream *s) __attribute__((warn_unused_result));

/* What is staged becomes a block, and is no longer the stream's, also on failure. */
int stream_block_write(struct trace_stream *s) __attribute__((warn_unused_result));

/* A draft of the stream's that cannot become a block: counted as lost, and given back. */
void stream_draft_lose(struct trace_stream *s, struct draft *draft, int error);

#endif
