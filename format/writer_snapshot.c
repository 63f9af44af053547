/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer hands over for a snapshot, and what it forgets as a flight recorder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/snapshot_state.h"
#include "format/writer_state.h"

enum { ADDRESSES_SWEPT_MIN = 4096 };

/* ---- code addresses ---- */

static int uses_copy(const struct address_set *set, uint64_t from_ticks,
                     struct ending_addresses *out)
{
    out->uses = malloc((set->count ? set->count : 1) * sizeof(*out->uses));
    if (!out->uses)
        return -ENOMEM;
    for (size_t i = 0; i < set->count; i++)
        if (set->uses[i].last_ticks >= from_ticks)
            out->uses[out->count++] = set->uses[i];
    return 0;
}

static int addresses_copy(const struct trace_writer *w, uint64_t from_ticks,
                          struct trace_ending *ending)
{
    int status = ending_images(ending, w->image_count);

    for (size_t i = 0; i < w->image_count && status == 0; i++) {
        if (!w->images[i])
            continue;
        ending->addresses[i].image = w->images[i]->image;
        status = uses_copy(&w->images[i]->addresses, from_ticks, &ending->addresses[i]);
    }
    return status;
}

/* Those that no block kept has any more, when they have become many. */
static void addresses_forget(struct address_set *set, uint64_t from_ticks)
{
    struct address_set kept = {0};

    if (set->count < ADDRESSES_SWEPT_MIN || set->count < 2 * set->swept)
        return;
    for (size_t i = 0; i < set->count; i++)
        if (set->uses[i].last_ticks >= from_ticks &&
            address_set_add(&kept, set->uses[i].address, set->uses[i].first_ticks,
                            set->uses[i].last_ticks) != 0) {
            address_set_free(&kept); /* another time */
            return;
        }
    address_set_free(set);
    *set = kept;
    set->swept = set->count;
}

/* ---- a flight recorder ---- */

static bool store_keeps(void *context, uint32_t thread)
{
    return block_store_holds(context, thread);
}

int writer_flight_begin(struct trace_writer *w, const struct trace_writer_options *options)
{
    uint64_t bytes = options->flight_bytes;

    if (bytes && bytes < BLOCK_STORE_BYTES_MIN)
        return -ERANGE;
    w->store = block_store_create(bytes, options->flight_ticks);
    if (!w->store)
        return -ENOMEM;
    /* A block is a small part of what is kept, so that little goes at once. */
    if (bytes && bytes / FLIGHT_BLOCKS_MIN < w->block_bytes)
        w->block_bytes = bytes / FLIGHT_BLOCKS_MIN;
    catalogue_keep(w->catalogue, store_keeps, w->store);
    return 0;
}

bool trace_writer_is_flight(const struct trace_writer *w)
{
    return w->store != NULL;
}

void trace_writer_keep_from(struct trace_writer *w, uint64_t ticks)
{
    catalogue_keep_from(w->catalogue, ticks);
}

uint64_t trace_writer_expire(struct trace_writer *w, uint64_t now_ticks)
{
    uint64_t oldest;

    if (!w->store)
        return 0;
    writer_settle(w); /* who writes adds addresses */
    oldest = block_store_expire(w->store, now_ticks);
    trace_writer_keep_from(w, oldest);
    for (size_t i = 0; i < w->image_count; i++)
        if (w->images[i] && writer_image_is_over(w->images[i]))
            address_set_thin(&w->images[i]->addresses, oldest);
        else if (w->images[i])
            addresses_forget(&w->images[i]->addresses, oldest);
    writer_images_settle(w);
    return oldest;
}

/* What the session has lost stands in its snapshot; that it was lost is no error of the snapshot's,
 * which has all that there is. */
static void loss_take(const struct trace_writer *w, struct trace_volume *v)
{
    v->lost_records = w->stats.lost_records - w->lost_before;
    v->inherited_error = -writer_outcome(w);
}

static int flight_take(struct trace_writer *w, uint64_t from_ticks, struct trace_snapshot *s)
{
    struct block_store_figures figures;
    uint32_t count = 0;
    int status = catalogue_recording(w->catalogue, &s->recording);

    if (status == 0)
        status = catalogue_items(w->catalogue, &s->items, &count);
    if (status == 0)
        status = block_store_take(w->store, from_ticks, &s->take);
    if (status != 0)
        return status;
    s->store = w->store;
    trace_volume_open(&s->ending->volume, -1, 0);
    loss_take(w, &s->ending->volume);
    block_store_figures(w->store, &figures);
    if (from_ticks < figures.first_ticks)
        from_ticks = figures.first_ticks;
    return addresses_copy(w, from_ticks, s->ending);
}

/* ---- a file ---- */

/* The same file once more, for reading: the writer's own descriptor need not allow that. */
static int source_open(struct trace_writer *w)
{
    struct trace_output *output = &w->volume.output;
    int status = output->seekable ? trace_output_hold(output) : -ESPIPE, fd;
    char path[40];

    if (status != 0)
        return status;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", output->fd);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (own_file_is(&output->own, fd))
        return fd;
    close(fd); /* another file's, which has come since we looked */
    return own_file_open(&output->own, O_RDONLY);
}

static int index_copy(const struct trace_index *index, struct trace_index *copy)
{
    size_t bytes = index->count * sizeof(*index->entries);

    copy->entries = malloc(bytes ? bytes : 1);
    if (!copy->entries)
        return -ENOMEM;
    if (bytes)
        memcpy(copy->entries, index->entries, bytes);
    copy->count = copy->capacity = index->count;
    return 0;
}

/* The file goes on with the same numbers, as if it had ended here. */
static int file_take(struct trace_writer *w, struct trace_snapshot *s)
{
    struct trace_volume *v = &s->ending->volume;
    int status = byte_buffer_append(&s->ending->meta, w->meta_back.bytes, w->meta_back.size);

    if (status == 0)
        status = byte_buffer_append(&s->ending->meta, w->meta.bytes, w->meta.size);
    s->ending->meta_items = w->meta_back_items + w->meta_items;
    if (status == 0)
        status = index_copy(&w->volume.index, &v->index);
    if (status == 0)
        status = addresses_copy(w, 0, s->ending);
    s->source_fd = status ? status : source_open(w);
    if (s->source_fd < 0)
        return s->source_fd;
    own_file_mark(&s->source, s->source_fd);
    s->bytes = w->volume.output.written;
    v->recording = w->volume.recording;
    v->sequence = w->volume.sequence;
    loss_take(w, v);
    return 0;
}

int trace_writer_snapshot(struct trace_writer *w, uint64_t from_ticks, struct trace_snapshot **out)
{
    struct trace_snapshot *s = calloc(1, sizeof(*s));
    int status = -ENOMEM;

    *out = NULL;
    if (!s)
        return -ENOMEM;
    s->source_fd = -1;
    s->reserve_bytes = w->reserve_bytes;
    s->ending = ending_create(w->level);
    if (s->ending) {
        (void)!trace_writer_flush(w); /* an error is the file's, and told by its end */
        status = w->store ? flight_take(w, from_ticks, s) : file_take(w, s);
    }
    if (status != 0) {
        trace_snapshot_free(s);
        return status;
    }
    *out = s;
    return 0;
}
