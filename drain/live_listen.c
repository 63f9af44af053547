/* SPDX-License-Identifier: Apache-2.0 */
/* Who listens: stages in this process, and others. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "drain/drain_state.h"
#include "drain/live.h"
#include "drain/live_state.h"

enum {
    LOOK_NS = 100 * 1000 * 1000,
    SLEEP_NS = 20 * 1000 * 1000, /* of the drain's, while somebody listens */
};

/* ---- begin and end ---- */

static int live_make(struct drain *d)
{
    const struct ada_broadcast_options options = {
        .size = sizeof(options), .capacity_bytes = LIVE_CAPACITY_BYTES, .in_memfd = 1};
    struct live *l;
    int err;

    if (d->live)
        return 0;
    if (d->finished || !d->writer)
        return -ESHUTDOWN;
    l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    err = ada_broadcast_create(&l->buffer, &options);
    if (err) {
        free(l);
        return err;
    }
    l->drain = d;
    l->late_end = &l->late;
    l->listener = (struct trace_listener){
        .context = l, .items = live_items, .declared = live_declared, .gap = live_gap};
    d->live = l;
    d->wait.listened_ns = SLEEP_NS;
    /* Between two visits of a round rings may have been left before they were empty: of this round
     * nothing is promised (round_ticks is 0). */
    trace_writer_listen(d->writer, &l->listener);
    return 0;
}

void live_destroy(struct drain *d)
{
    struct live *l = d->live;

    if (!l)
        return;
    if (d->writer)
        trace_writer_listen(d->writer, NULL);
    d->wait.listened_ns = 0;
    d->live = NULL;
    live_late_free(l);
    ada_broadcast_destroy(l->buffer);
    free(l);
}

unsigned live_listeners(const struct drain *d)
{
    /* relaxed: a figure */
    return d->live ? load_relaxed(&d->live->stages) + load_relaxed(&d->live->guests) : 0;
}

/* Gone. Acquire: who has left does not touch the buffer any more. Pairs with live_unlisten() and
 * live_unsubscribe(). */
static void destroy_if_alone(struct drain *d)
{
    if (!load_acquire(&d->live->stages) && !load_acquire(&d->live->guests))
        live_destroy(d);
}

void live_look_around(struct drain *d, uint64_t now_ns)
{
    struct live *l = d->live;

    if (now_ns < l->look_ns)
        return;
    l->look_ns = now_ns + LOOK_NS;
    destroy_if_alone(d);
}

/* ---- the catalogue ---- */

struct catalogue_sink {
    struct live_head head;
    FILE *out;
};

static void piece_write(struct catalogue_sink *sink, uint32_t type, const struct iovec *parts,
                        unsigned count)
{
    static const char zeros[8];
    struct live_piece piece = {.type = type};

    for (unsigned i = 0; i < count; i++)
        piece.bytes += (uint32_t)parts[i].iov_len;
    fwrite(&piece, sizeof(piece), 1, sink->out);
    for (unsigned i = 0; i < count; i++)
        fwrite(parts[i].iov_base, 1, parts[i].iov_len, sink->out);
    fwrite(zeros, 1, -piece.bytes % 8, sink->out);
}

static void sink_items(void *context, const void *bytes, size_t size)
{
    struct catalogue_sink *sink = context;
    const struct iovec parts[] = {{&sink->head, sizeof(sink->head)},
                                  {(void *)(uintptr_t)bytes, size}};

    piece_write(sink, LIVE_ITEMS, parts, 2);
}

static void sink_declared(void *context, uint64_t image, uint32_t id, uint32_t number)
{
    struct catalogue_sink *sink = context;
    struct live_declare declare = {.head = sink->head, .image = image, .id = id, .type = number};

    piece_write(sink, LIVE_DECLARE, &(struct iovec){&declare, sizeof(declare)}, 1);
}

static int catalogue_write(struct live *l, FILE *out)
{
    struct live_begin begin = {.version = LIVE_VERSION};
    struct catalogue_sink sink = {.out = out};
    const struct trace_listener listener = {
        .context = &sink, .items = sink_items, .declared = sink_declared};

    live_flush(l);
    begin.head = sink.head = l->head;
    ada_broadcast_here(l->buffer, &begin.place);
    piece_write(&sink, LIVE_BEGIN, &(struct iovec){&begin, sizeof(begin)}, 1);
    return trace_writer_retell(l->drain->writer, &listener);
}

static int catalogue_make(struct live *l, struct live_catalogue *catalogue)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&bytes, &size);
    int err = out ? catalogue_write(l, out) : -ENOMEM;

    if (out && (ferror(out) | fclose(out)) && !err)
        err = -ENOMEM;
    if (err) {
        free(bytes);
        bytes = NULL;
        size = 0;
    }
    *catalogue = (struct live_catalogue){.bytes = bytes, .size = size};
    return err;
}

/* ---- stages ---- */

int live_join(struct drain *d, const struct ada_broadcast_join_options *options,
              struct ada_broadcast_consumer **consumer, struct live_catalogue *catalogue)
{
    int err = live_make(d);

    *consumer = NULL;
    if (catalogue)
        *catalogue = (struct live_catalogue){0};
    if (err)
        return err;
    err = catalogue ? catalogue_make(d->live, catalogue) : 0;
    live_flush(d->live);
    if (!err)
        err = ada_broadcast_join(d->live->buffer, options, consumer);
    if (err) {
        if (catalogue) {
            free(catalogue->bytes);
            *catalogue = (struct live_catalogue){0};
        }
        destroy_if_alone(d);
        return err;
    }
    add_relaxed(&d->live->stages, 1); /* relaxed: only we look at it rising */
    return 0;
}

struct join_call {
    const struct ada_broadcast_join_options *options;
    struct ada_broadcast_consumer **consumer;
    struct live_catalogue *catalogue;
};

static int join_run(struct drain *d, void *context)
{
    struct join_call *call = context;

    return live_join(d, call->options, call->consumer, call->catalogue);
}

int live_listen(struct drain *d, const struct ada_broadcast_join_options *options,
                struct ada_broadcast_consumer **consumer, struct live_catalogue *catalogue)
{
    struct join_call call = {options, consumer, catalogue};

    return drain_call(d, join_run, &call);
}

void live_unlisten(struct drain *d, struct ada_broadcast_consumer *consumer)
{
    if (!consumer)
        return;
    ada_broadcast_leave(consumer);
    /* Gone. Release: we do not touch the buffer any more; `live` itself stays until this is seen.
     * Pairs with destroy_if_alone(). */
    add_acq_rel(&d->live->stages, UINT32_MAX);
}

/* ---- other processes ---- */

static int catalogue_file(const struct live_catalogue *catalogue)
{
    int fd = memfd_create("adatrace-catalogue", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;
    const char *at = catalogue->bytes;
    size_t left = catalogue->size;

    if (fd < 0)
        return -errno;
    while (left) {
        ssize_t written = write(fd, at, left);

        if (written <= 0) {
            err = written ? -errno : -ENOSPC;
            close(fd);
            return err;
        }
        at += written;
        left -= (size_t)written;
    }
    (void)!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    return fd;
}

static int subscription_make(struct live *l, struct live_subscription *out)
{
    struct live_catalogue catalogue;
    int err = catalogue_make(l, &catalogue);

    if (err)
        return err;
    out->catalogue = catalogue_file(&catalogue);
    free(catalogue.bytes);
    if (out->catalogue < 0)
        return out->catalogue;
    out->buffer = fcntl(ada_broadcast_fd(l->buffer), F_DUPFD_CLOEXEC, 0);
    if (out->buffer < 0) {
        err = -errno;
        close(out->catalogue);
        out->catalogue = -1;
    }
    return err;
}

int live_subscribe(struct drain *d, struct live_subscription *out)
{
    int err = live_make(d);

    *out = (struct live_subscription){-1, -1};
    if (err)
        return err;
    err = subscription_make(d->live, out);
    if (err)
        destroy_if_alone(d);
    else
        add_relaxed(&d->live->guests, 1); /* relaxed: only we look at it rising */
    return err;
}

void live_unsubscribe(struct drain *d)
{
    /* Gone. Release: as in live_unlisten(). */
    add_acq_rel(&d->live->guests, UINT32_MAX);
}
