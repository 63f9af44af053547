/* SPDX-License-Identifier: Apache-2.0 */
/* What the drain takes becomes messages. */
#include "drain/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "drain/drain_state.h"
#include "drain/live_state.h"

enum {
    SLICE_NS = 1000 * 1000,     /* waited for stages, before we look who waits for us */
    ROUND_NS = 5 * 1000 * 1000, /* between two LIVE_ROUND */
    PARTS_MAX = 4,
};

/* ---- publishing ---- */

/* A stage that is behind is waited for; but while it, or anybody, waits for us, nobody would ever
 * get on. -EAGAIN: that is so. */
static int write_patiently(struct live *l, uint32_t type, const struct iovec *parts, unsigned count)
{
    /* relaxed: without stages there is always room. */
    uint64_t slice_ns = load_relaxed(&l->stages) ? SLICE_NS : 0;
    int err;

    do {
        err = ada_broadcast_write(l->buffer, type, parts, count, slice_ns);
    } while (err == -ETIMEDOUT && !inbox_has_call(l->drain));
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

/* False: some of what was put aside is still there. */
static bool late_write(struct live *l)
{
    while (l->late) {
        struct live_late *first = l->late;
        const struct iovec part = {first->payload, first->bytes};

        if (write_patiently(l, first->type, &part, 1) == -EAGAIN)
            return false;
        l->late = first->next;
        free(first);
    }
    l->late_end = &l->late;
    return true;
}

/* Without memory it is missing, and the head of the next message shows that. */
static void late_add(struct live *l, uint32_t type, const struct iovec *parts, unsigned count)
{
    struct live_late *late;
    unsigned char *at;
    size_t bytes = 0;

    for (unsigned i = 0; i < count; i++)
        bytes += parts[i].iov_len;
    late = malloc(sizeof(*late) + bytes);
    if (!late)
        return;
    *late = (struct live_late){.type = type, .bytes = (uint32_t)bytes};
    at = late->payload;
    for (unsigned i = 0; i < count; i++) {
        memcpy(at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    *l->late_end = late;
    l->late_end = &late->next;
}

void live_late_free(struct live *l)
{
    while (l->late) {
        struct live_late *first = l->late;

        l->late = first->next;
        free(first);
    }
    l->late_end = &l->late;
}

static void publish(struct live *l, uint32_t type, const struct iovec *parts, unsigned count)
{
    if ((l->late && !late_write(l)) || write_patiently(l, type, parts, count) == -EAGAIN)
        late_add(l, type, parts, count);
}

/* ---- records ---- */

void live_flush(struct live *l)
{
    const struct iovec parts[] = {{&l->run, sizeof(l->run)}, {l->pending, l->pending_bytes}};

    if (!l->pending_bytes)
        return;
    l->run.head = l->head;
    publish(l, LIVE_RUN, parts, 2);
    l->head.records += l->run.records;
    l->pending_bytes = 0;
}

void live_run(struct drain *d, const struct drain_thread *t, const unsigned char *records,
              uint32_t count, uint32_t record_bytes, uint64_t ticks)
{
    struct live *l = d->live;
    struct live_run run = {
        .thread = t->number, .records = count, .ticks = ticks, .stride = record_bytes};
    const struct iovec parts[] = {{&run, sizeof(run)},
                                  {(void *)(uintptr_t)records, (size_t)count * record_bytes}};

    live_flush(l);
    run.head = l->head;
    publish(l, LIVE_RUN, parts, 2);
    l->head.records += count;
}

/* Too long for the pending ones. */
static void record_alone(struct live *l, const struct iovec *record, unsigned count)
{
    struct iovec parts[PARTS_MAX] = {{&l->run, sizeof(l->run)}};

    memcpy(&parts[1], record, count * sizeof(*record));
    l->run.head = l->head;
    l->run.records = 1;
    publish(l, LIVE_RUN, parts, count + 1);
    l->head.records++;
}

static void record_omit(struct live *l, const struct ring_record *r)
{
    const struct trace_gap gap = {.thread = l->run.thread,
                                  .kind = LIVE_GAP_LARGE,
                                  .first_ticks = l->run.ticks,
                                  .last_ticks = l->run.ticks,
                                  .records = 1,
                                  .bytes = r->bytes};

    live_gap(l, &gap);
}

static void record_append(struct live *l, const struct iovec *parts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        memcpy(l->pending + l->pending_bytes, parts[i].iov_base, parts[i].iov_len);
        l->pending_bytes += (uint32_t)parts[i].iov_len;
    }
    l->run.records++;
}

void live_record(struct drain *d, const struct drain_thread *t, const struct ring_record *r,
                 uint64_t ticks)
{
    struct live *l = d->live;
    /* As it stood in the ring, but made from what was checked. */
    uint64_t word = ada_record_word(ada_record_tag(r->type, r->bytes), ticks), size = r->bytes;
    struct iovec parts[PARTS_MAX - 1] = {{&word, sizeof(word)}};
    unsigned count = 1;

    if (r->bytes > ADA_RECORD_SMALL_MAX)
        parts[count++] = (struct iovec){&size, sizeof(size)};
    parts[count++] = (struct iovec){(void *)(uintptr_t)r->payload, r->payload_bytes};
    if (l->pending_bytes + r->bytes > LIVE_PENDING_BYTES || l->run.thread != t->number)
        live_flush(l);
    if (!l->pending_bytes)
        l->run = (struct live_run){.thread = t->number, .ticks = ticks};
    if (r->bytes <= LIVE_PENDING_BYTES)
        record_append(l, parts, count);
    else if (r->bytes + sizeof(l->run) <= ada_broadcast_message_max(l->buffer))
        record_alone(l, parts, count);
    else
        record_omit(l, r);
}

/* ---- all else ---- */

void live_items(void *live, const void *bytes, size_t size)
{
    struct live *l = live;
    struct live_head head;
    const struct iovec parts[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)bytes, size}};

    live_flush(l);
    head = l->head;
    publish(l, LIVE_ITEMS, parts, 2);
    l->head.items++;
}

void live_declared(void *live, uint64_t image, uint32_t id, uint32_t number)
{
    struct live *l = live;
    struct live_declare declare = {.image = image, .id = id, .type = number};

    live_flush(l);
    declare.head = l->head;
    publish(l, LIVE_DECLARE, &(struct iovec){&declare, sizeof(declare)}, 1);
    l->head.items++;
}

void live_gap(void *live, const struct trace_gap *gap)
{
    struct live *l = live;
    struct live_gap item = {
        .thread = gap->thread,
        .kind = gap->kind,
        .first_ticks = gap->first_ticks,
        .last_ticks = gap->last_ticks,
        .records = gap->records,
        .bytes = gap->bytes,
    };

    live_flush(l);
    item.head = l->head;
    publish(l, LIVE_GAP, &(struct iovec){&item, sizeof(item)}, 1);
}

/* ---- rounds ---- */

void live_round_begin(struct drain *d)
{
    d->live->round_ticks = drain_now(d);
}

void live_round_unfinished(struct drain *d, uint64_t ticks)
{
    if (d->live->round_ticks > ticks)
        d->live->round_ticks = ticks;
}

void live_round_end(struct drain *d)
{
    uint64_t now_ns = clock_monotonic_ns();
    struct live *l = d->live;
    struct live_round round = {.ticks = l->round_ticks, .monotonic_ns = now_ns};

    live_flush(l);
    if (now_ns - l->told_ns < ROUND_NS)
        return;
    l->told_ns = now_ns;
    round.head = l->head;
    publish(l, LIVE_ROUND, &(struct iovec){&round, sizeof(round)}, 1);
    if (load_relaxed(&l->guests)) /* relaxed: only we look at it rising */
        ada_broadcast_wake(l->buffer);
    live_look_around(d, now_ns);
}

void live_end(struct drain *d)
{
    struct live *l = d->live;

    if (!l)
        return;
    trace_writer_listen(d->writer, NULL);
    live_flush(l);
    publish(l, LIVE_END, &(struct iovec){&l->head, sizeof(l->head)}, 1);
    /* A stage that waits for us would not read any more: it gets no answer. */
    while (!late_write(l))
        inbox_close(d);
    ada_broadcast_close(l->buffer);
}
