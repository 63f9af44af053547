/* SPDX-License-Identifier: Apache-2.0 */
/* The public emit calls that are not inlined. All async-signal-safe; errno untouched. */
#include <alloca.h>
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/registry.h"
#include "registry/ring_wait.h"
#include "tracer/tracer_state.h"

/*
 * Nobody drains any more: the collector was killed, or has ended before us. What finds no room is
 * counted as ever, and from then on events cost what those cost that are off.
 */
static void abandon(struct ada_writer *w)
{
    store_relaxed(&tracer_state.stopped, 1);
    if (w)
        ring_tell_gone(w->ring); /* policy block: not to be waited for */
    event_switches_put_out();
}

/* Of a session of our own we know it ourselves. */
static bool is_abandoned(void)
{
    return tracer_is_attached() && (tracer_state.role || tracer_state.parent_pid) &&
           segment_is_abandoned(&tracer_state.segment);
}

static struct ada_record no_record(uint64_t bytes)
{
    if (tracer_is_attached() && !load_relaxed(&tracer_state.stopped))
        registry_unringed(&tracer_state.segment, bytes);
    return (struct ada_record){.payload = NULL};
}

bool event_is_wanted(const struct ada_event *event)
{
    /* On. Acquire: as in ada__event_is_on(). */
    const uint8_t *flag = load_acquire(&event->on);
    uint8_t on = 0;

    if (flag)
        on = load_relaxed(flag);
    if (on != *ADA_EVENT_NEW)
        return on != 0;
    return !ada_event_register((struct ada_event *)(uintptr_t)event) && ada__event_is_on(event);
}

struct ada_record tracer_reserve_slow(uint32_t tag, uint64_t bytes, uint64_t sp)
{
    int saved = errno;
    struct ada_writer *w = thread_writer();
    struct ada_record record;

    if (ADA_UNLIKELY(is_abandoned()))
        abandon(w);
    record = w ? ring_reserve_slow(w, tag, bytes, sp) : no_record(bytes);
    errno = saved;
    return record;
}

struct ada_record ada_reserve_slow(uint32_t tag, uint64_t bytes)
{
    return tracer_reserve_slow(tag, bytes, ring_caller_sp());
}

void ada_commit_slow(struct ada_writer *w, unsigned char *header, uint64_t end, uint64_t word,
                     bool nested)
{
    /* A wiped writer: a handler forked in the middle of the emit, and we are the child. */
    if (w->ring)
        ring_commit_slow(w, header, end, word, nested);
}

struct ada_record ada_reserve(const struct ada_event *event, uint32_t payload_bytes)
{
    struct ada_record record = {.payload = NULL};
    struct ada_writer *w;
    int saved = errno;

    if (!event_is_wanted(event))
        return record;
    w = thread_writer();
    if (!w)
        record = no_record(ada_record_bytes(payload_bytes));
    else
        (void)!ring_reserve_at(w, load_relaxed(&event->tag) >> ADA_RECORD_TYPE_SHIFT, payload_bytes,
                               ring_caller_sp(), &record);
    errno = saved;
    return record;
}

void ada_commit(struct ada_record *record)
{
    ring_commit(record);
}

void ada_rollback(struct ada_record *record)
{
    ring_rollback(record);
}

int ada_emit(const struct ada_event *event, const void *payload, uint32_t payload_bytes)
{
    uint64_t bytes = ada_record_bytes(payload_bytes);
    struct ada_record record;

    if (!event_is_wanted(event))
        return 0;
    record = ada_reserve_bytes(load_relaxed(&event->tag) | ada_record_tag(0, bytes), bytes);
    if (!record.payload)
        return 0;
    if (payload_bytes)
        memcpy(record.payload, payload, payload_bytes);
    ada_commit_record(&record);
    return 1;
}

static size_t gather(const struct ada_batch_item *items, size_t count, struct ring_item *out)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (event_is_wanted(items[i].event))
            out[n++] = (struct ring_item){
                .type = load_relaxed(&items[i].event->tag) >> ADA_RECORD_TYPE_SHIFT,
                .payload_bytes = items[i].payload_bytes,
                .payload = items[i].payload,
            };
    return n;
}

int ada_emit_batch(const struct ada_batch_item *items, size_t count)
{
    struct ring_item *chosen;
    struct ada_writer *w;
    int saved = errno, written = 0;
    size_t n;

    if (count > 1024)
        return -E2BIG;
    chosen = alloca((count ? count : 1) * sizeof(*chosen));
    n = gather(items, count, chosen);
    w = n ? thread_writer() : NULL;
    if (w && ring_write_batch(w, chosen, n))
        written = (int)n;
    for (size_t i = 0; n && !w && i < n; i++)
        (void)no_record(ada_record_bytes(chosen[i].payload_bytes));
    errno = saved;
    return written;
}

void ada_thread_name(const char *name)
{
    int saved = errno;

    if (tracer_is_attached() && name)
        tracer_thread_named(name);
    errno = saved;
}

static void fill_stats(const struct slot_shared *slot, struct ada_thread_stats *out)
{
    struct ring_stats ring;

    ring_stats(&slot->ring, &ring);
    *out = (struct ada_thread_stats){
        .pid = load_relaxed(&slot->pid),
        .tid = load_relaxed(&slot->tid),
        .written = ring.written,
        .written_bytes = ring.written_bytes,
        .dropped = ring.dropped,
        .dropped_bytes = ring.dropped_bytes,
        .overwritten = ring.overwritten,
        .nested = ring.nested,
        .ring_bytes = ring.capacity,
        .fill_bytes = ring.fill_bytes,
        .high_water_bytes = ring.high_water_bytes,
    };
}

int ada_thread_stats_read(struct ada_thread_stats *out)
{
    struct ada_writer *w = ada_self;

    if (!w->ring)
        return -ENODATA;
    fill_stats(&tracer_state.segment.slots[w->slot], out);
    return 0;
}

int ada_threads_visit(int (*visit)(void *context, const struct ada_thread_stats *stats),
                      void *context)
{
    struct segment *s = &tracer_state.segment;
    struct ada_thread_stats stats;
    struct registry_view view;
    int stop = 0;

    if (!tracer_is_attached())
        return 0;
    for (uint32_t n = 0, bound = registry_bound(s); n < bound && !stop; n++) {
        if (!registry_look(s, n, &view))
            continue;
        fill_stats(&s->slots[n], &stats);
        stop = visit(context, &stats);
    }
    return stop;
}
