/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "format/copy_hole.h"

/*
 * A flight recorder's first block: its ticks begin where the thread did, so nobody knows where its
 * first record stood; but where the last one did, and how many there were before the first. It
 * comes behind what others have up to there. What its gap told of, the ledger does.
 */

bool copy_front_is_lost(const struct copy_source *s, size_t place)
{
    const struct index_entry *entry = &s->trace->blocks.entries[place];
    const struct trace_ledger *ledger = trace_ledger_of(s->trace, entry->thread);
    struct block_header header;

    return ledger && ledger->overwritten + ledger->dropped && s->trace->about.policy &&
           strncmp(s->trace->about.policy, "flight", 6) == 0 &&
           (trace_header_read(s->trace, entry->offset, &header) != 0 || header.gaps);
}

void copy_front_count(struct copy_thread *thread, struct copy_part *part, uint64_t let_go,
                      uint64_t known)
{
    part->let_go = let_go > known ? let_go - known : 0;
    part->trimmed |= part->let_go != let_go;
    thread->known += part->let_go;
}

/* Records that are written, of later ticks. */
static int records_behind(struct trace_copy *c, const struct copy_thread *thread, uint64_t ticks,
                          uint64_t *count)
{
    const struct trace_block *block = &c->reference.block;
    int status;

    *count = 0;
    if (!thread->source || thread->last_ticks <= ticks)
        return 0;
    status = trace_block_load(thread->source->trace, thread->place, &thread->source->wish,
                              &c->reference);
    while (status == 0 && *count < block->records &&
           block->ticks[block->records - 1 - *count] > ticks)
        ++*count;
    return status == -EBADMSG ? 0 : status;
}

int hole_front_open(struct trace_copy *c, size_t step, struct copy_thread *thread,
                    struct copy_part *part, const struct trace_gap *missing)
{
    const struct copy_source *s = &c->sources[c->steps[step].source];
    const struct index_entry *entry = copy_step_entry(c, step);
    uint64_t let_go = trace_ledger_of(s->trace, entry->thread)->overwritten;
    struct copy_extent extent = {0};
    struct hole_cover v = {.hole = *missing};
    uint64_t behind, known, have, rest;
    int status;

    v.hole.first_ticks = missing->last_ticks;
    status = hole_cover_make(c, &v, step, part); /* for the moment in which it ends */
    if (status == 0)
        status = records_behind(c, thread, v.hole.last_ticks, &behind);
    if (status != 0)
        return status;
    known = thread->known - behind;
    have = known > let_go ? known - let_go : 0;
    if (thread->record_ticks >= v.hole.last_ticks && thread->run > behind + have)
        have = thread->run - behind; /* those that come last of what others have */
    rest = v.hole.records - lesser(have, v.hole.records);
    copy_front_count(thread, part, let_go + v.hole.records, known + rest);
    hole_count(c, entry, part, rest, v.hole.records);
    extent.to = extent.last_ticks = v.hole.last_ticks;
    extent.from = extent.first_ticks = lesser(thread->record_ticks, v.hole.last_ticks);
    return rest ? hole_add(c, thread, s, &extent, rest) : 0;
}
