/* SPDX-License-Identifier: Apache-2.0 */
/* What the session has recorded and lost: as its drain knows it, or as our own segment shows it. */
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/registry.h"
#include "registry/session_host.h"
#include "tracer/tracer_state.h"

static void host_stats_copy(const struct session_host_stats *from, struct ada_session_figures *to)
{
    to->error = from->error;
    to->processes = from->processes;
    to->threads = from->threads;
    to->threads_ever = from->threads_ever;
    to->written = from->written;
    to->written_bytes = from->written_bytes;
    to->dropped = from->dropped;
    to->dropped_bytes = from->dropped_bytes;
    to->overwritten = from->overwritten;
    to->overwritten_bytes = from->overwritten_bytes;
    to->nested = from->nested;
    to->high_water_bytes = from->high_water_bytes;
    to->fill_bytes = from->fill_bytes;
    to->damaged = from->damaged;
    to->stored = from->stored;
    to->lost = from->lost;
    to->lag_ns = from->lag_ns;
    to->age_ns = from->age_ns;
    to->file_bytes = from->file_bytes;
    to->raw_bytes = from->raw_bytes;
    to->blocks = from->blocks;
    to->files = from->files;
    to->compression = from->compression;
    to->compression_wanted = from->compression_wanted;
}

static void slot_add(const struct slot_shared *slot, struct ada_session_figures *sum)
{
    struct ring_stats ring;

    ring_stats(&slot->ring, &ring);
    sum->threads++;
    sum->written += ring.written;
    sum->written_bytes += ring.written_bytes;
    sum->dropped += ring.dropped;
    sum->dropped_bytes += ring.dropped_bytes;
    sum->overwritten += ring.overwritten;
    sum->overwritten_bytes += ring.overwritten_bytes;
    sum->nested += ring.nested;
    sum->fill_bytes += ring.fill_bytes;
    if (sum->high_water_bytes < ring.high_water_bytes)
        sum->high_water_bytes = ring.high_water_bytes;
}

static void segment_stats(const struct segment *s, struct ada_session_figures *sum)
{
    struct registry_view view;

    sum->is_joined = 1;
    /* relaxed: figures, each of them whole. */
    sum->dropped = load_relaxed(&s->shared->unringed);
    sum->dropped_bytes = load_relaxed(&s->shared->unringed_bytes);
    for (uint32_t n = 0, bound = registry_bound(s); n < bound; n++)
        if (registry_look(s, n, &view))
            slot_add(&s->slots[n], sum);
}

int tracer_stats(bool is_ours, struct ada_session_figures *out)
{
    struct ada_session_figures all = {0};
    struct session_host_stats own;
    size_t size = out->size;
    int err = 0;

    if (size < offsetof(struct ada_session_figures, is_joined) + sizeof(all.is_joined))
        return -EINVAL;
    if (is_ours) {
        err = session_host_embedded->stats(&own);
        if (!err)
            host_stats_copy(&own, &all);
    } else if (tracer_is_attached() && tracer_state.role) {
        segment_stats(&tracer_state.segment, &all);
    } else {
        err = -ENODATA;
    }
    if (err)
        return err;
    all.size = size;
    memcpy(out, &all, size < sizeof(all) ? size : sizeof(all));
    return 0;
}
