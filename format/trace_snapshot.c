/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/snapshot_state.h"

enum { COPY_BYTES = 1 << 20 };

void trace_snapshot_free(struct trace_snapshot *s)
{
    if (!s)
        return;
    if (s->store)
        block_store_give_back(s->store, &s->take);
    if (s->source_fd >= 0 && own_file_is(&s->source, s->source_fd))
        close(s->source_fd);
    own_file_forget(&s->source);
    byte_buffer_free(&s->recording);
    byte_buffer_free(&s->items);
    ending_free(s->ending);
    free(s);
}

bool trace_snapshot_is_of(const struct trace_snapshot *s, const char *path)
{
    struct stat status;

    return s->source.inode && lstat(path, &status) == 0 && status.st_dev == s->source.device &&
           status.st_ino == s->source.inode;
}

/* ---- of a file: the same blocks, byte by byte ---- */

/* The application may close the descriptor meanwhile: what was read then is of another file. */
static int part_copy(struct trace_snapshot *s, unsigned char *bytes, uint64_t at)
{
    uint64_t left = s->bytes - at;
    int fd = own_file_hold(&s->source, s->source_fd, O_RDONLY), error;
    ssize_t got;

    if (fd < 0)
        return fd;
    s->source_fd = fd;
    got = pread(fd, bytes, left < COPY_BYTES ? left : COPY_BYTES, (off_t)at);
    error = got < 0 ? errno : 0;
    if (error == EBADF)
        s->source_fd = -1;
    if (error == EINTR || error == EBADF || !own_file_is(&s->source, s->source_fd))
        return 0;
    if (got <= 0)
        return error ? -error : -EIO; /* somebody has cut the file */
    return trace_output_write(&s->ending->volume.output, bytes, (size_t)got, false);
}

static int file_copy(struct trace_snapshot *s)
{
    struct trace_output *output = &s->ending->volume.output;
    unsigned char *bytes = malloc(COPY_BYTES);
    int status = bytes ? 0 : -ENOMEM;

    while (status == 0 && output->written < s->bytes)
        status = part_copy(s, bytes, output->written);
    free(bytes);
    return status;
}

/* ---- of a flight recorder ---- */

/* What was let go stands as gaps in front of the thread's first block. */
static int front_write(struct trace_ending *e, const struct block_front *front)
{
    struct draft *draft = draft_create();
    struct block_header header;
    int status = draft ? 0 : -ENOMEM;

    if (status == 0 && front->gap.records)
        status = draft_gap_add(draft, &front->gap);
    if (status == 0 && front->dropped.records)
        status = draft_gap_add(draft, &front->dropped);
    if (status == 0) {
        header = block_header_of(draft, front->gap.thread);
        status = block_content_build(&e->encoder, draft);
    }
    if (status == 0)
        status = trace_volume_write(&e->volume, &e->encoder, &header, e->encoder.content.bytes,
                                    e->encoder.content.size, e->level, false);
    draft_free(draft);
    return status;
}

static int fronts_write(struct trace_snapshot *s)
{
    int status = 0;

    for (size_t i = 0; i < s->take.front_count && status == 0; i++)
        if (s->take.fronts[i].gap.records || s->take.fronts[i].dropped.records)
            status = front_write(s->ending, &s->take.fronts[i]);
    return status;
}

static int blocks_write(struct trace_snapshot *s)
{
    struct byte_buffer block = {0};
    int status = 0;

    for (size_t i = 0; i < s->take.count && status == 0; i++) {
        struct block_lent *lent = &s->take.blocks[i];
        size_t size = BLOCK_HEADER_BYTES + (size_t)lent->header.frame_bytes;

        block.size = 0;
        status = byte_buffer_reserve(&block, size);
        if (status != 0)
            break;
        memcpy(block.bytes + BLOCK_HEADER_BYTES, lent->frame, lent->header.frame_bytes);
        status = trace_volume_put(&s->ending->volume, &lent->header, block.bytes, false);
    }
    byte_buffer_free(&block);
    return status;
}

static int ledgers_write(struct trace_snapshot *s)
{
    int status = 0;

    for (size_t i = 0; i < s->take.front_count && status == 0; i++)
        if (s->take.fronts[i].has_ledger)
            status = ending_item(s->ending, ITEM_LEDGER, &s->take.fronts[i].ledger);
    return status;
}

/* Threads of which nothing is left are not described any more. */
static int gone_tell(struct trace_snapshot *s)
{
    char text[160];
    const struct trace_note note = {.kind = TRACE_NOTE_INFO, .text = text};

    if (!s->take.gone_threads)
        return 0;
    snprintf(text, sizeof(text),
             "%llu thread%s with %llu records ended before what the flight recorder keeps",
             (unsigned long long)s->take.gone_threads, s->take.gone_threads == 1 ? "" : "s",
             (unsigned long long)s->take.gone_thread_records);
    return trace_ending_note(s->ending, &note);
}

static int flight_write(struct trace_snapshot *s)
{
    struct trace_ending *e = s->ending;
    int status = trace_volume_begin(&e->volume, &e->encoder, &s->recording, &s->items, e->level);

    if (status == 0)
        status = fronts_write(s);
    if (status == 0)
        status = blocks_write(s);
    if (status == 0)
        status = ledgers_write(s);
    return status ? status : gone_tell(s);
}

int trace_snapshot_write(struct trace_snapshot *s, int fd, struct trace_ending **ending)
{
    int status;

    *ending = NULL;
    trace_output_open(&s->ending->volume.output, fd, s->reserve_bytes);
    status = s->source_fd >= 0 ? file_copy(s) : flight_write(s);
    if (status == 0) {
        *ending = s->ending;
        s->ending = NULL;
    }
    trace_snapshot_free(s);
    return status;
}
