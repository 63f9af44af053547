/* SPDX-License-Identifier: Apache-2.0 */
/* A picture as those have it who did not take it: looked at, added up, shown. */
#include <errno.h>
#include <stdlib.h>

#include "drain/drain_stats.h"
#include "registry/ring.h"
#include "registry/session_host.h"

void stats_counts_add(struct stats_counts *a, const struct stats_counts *b)
{
    a->written += b->written;
    a->written_bytes += b->written_bytes;
    a->dropped += b->dropped;
    a->dropped_bytes += b->dropped_bytes;
    a->overwritten += b->overwritten;
    a->overwritten_bytes += b->overwritten_bytes;
    a->damaged += b->damaged;
    a->stored += b->stored;
    a->nested += b->nested;
    if (b->high_water_bytes > a->high_water_bytes)
        a->high_water_bytes = b->high_water_bytes;
}

int stats_picture_view(struct stats_picture *picture, const void *bytes, size_t size)
{
    const struct stats_session *s = bytes;
    uint64_t wanted;

    if (size < sizeof(s->version))
        return -EBADMSG;
    if (s->version != STATS_VERSION)
        return -EPROTONOSUPPORT;
    if (size < sizeof(*s) || s->bytes != sizeof(*s) ||
        s->process_bytes != sizeof(struct stats_process) ||
        s->thread_bytes != sizeof(struct stats_thread))
        return -EBADMSG;
    wanted = sizeof(*s) + (uint64_t)s->process_count * sizeof(struct stats_process) +
             (uint64_t)s->thread_count * sizeof(struct stats_thread);
    if (wanted != size)
        return -EBADMSG;
    *picture = (struct stats_picture){
        .session = s, .processes = (const struct stats_process *)(s + 1), .bytes = size};
    picture->threads = (const struct stats_thread *)(picture->processes + s->process_count);
    return 0;
}

void stats_picture_free(struct stats_picture *picture)
{
    free(picture->memory);
    *picture = (struct stats_picture){0};
}

void stats_for_host(const struct stats_picture *picture, struct session_host_stats *out)
{
    const struct stats_session *s = picture->session;

    *out = (struct session_host_stats){
        .error = s->error,
        .compression = s->level,
        .compression_wanted = s->level_wanted,
        .threads = s->thread_count,
        .threads_ever = s->threads_ever,
        .written = s->counts.written,
        .written_bytes = s->counts.written_bytes,
        .dropped = s->counts.dropped,
        .dropped_bytes = s->counts.dropped_bytes,
        .overwritten = s->counts.overwritten,
        .overwritten_bytes = s->counts.overwritten_bytes,
        .nested = s->counts.nested,
        .high_water_bytes = s->counts.high_water_bytes,
        .damaged = s->counts.damaged,
        .stored = s->counts.stored,
        .lost = s->lost,
        .lag_ns = s->lag_ns,
        .age_ns = s->now_ns - s->start_ns,
        .file_bytes = s->file_bytes,
        .raw_bytes = s->raw_bytes,
        .blocks = s->blocks,
        .files = s->files,
    };
    for (uint32_t i = 0; i < s->process_count; i++)
        out->processes += !(picture->processes[i].flags & STATS_PROCESS_ENDED);
    for (uint32_t i = 0; i < s->thread_count; i++)
        out->fill_bytes += picture->threads[i].fill_bytes;
}

const char *stats_policy_text(uint32_t policy)
{
    return policy == RING_OVERWRITE ? "overwrite" : policy == RING_BLOCK ? "block" : "drop";
}
