/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "format/copy_state.h"

/*
 * The ledger of a thread that is in the result as it was is that of the input. Where only part of
 * it is there, or the input was cut off before its last ledger, what stands in the file counts, and
 * what its gaps tell: written = stored + overwritten + damaged. Bytes are then the same share of
 * the input's as records are.
 */

__extension__ typedef unsigned __int128 uint128;

void copy_gap_count(struct copy_part *part, const struct trace_gap *gap)
{
    if (gap->kind == TRACE_GAP_DROPPED) {
        part->dropped += gap->records;
        part->dropped_bytes += gap->bytes;
    } else if (gap->kind == TRACE_GAP_OVERWRITTEN) {
        part->overwritten += gap->records;
        part->overwritten_bytes += gap->bytes;
    } else {
        part->damaged += gap->records;
    }
}

static uint64_t share(uint64_t all, uint64_t part, uint64_t of)
{
    return of ? (uint64_t)((uint128)all * (part < of ? part : of) / of) : 0;
}

static void raise(uint64_t *value, uint64_t least)
{
    if (*value < least)
        *value = least;
}

/* All of it came, but for what could not be read: that was stored there, and is damaged here. */
static void ledger_damage(struct trace_ledger *l, const struct copy_part *part)
{
    if (l->stored > part->records)
        l->damaged += l->stored - part->records;
    l->stored = part->records;
    raise(&l->damaged, part->damaged);
    raise(&l->written, l->stored + l->overwritten + l->damaged);
}

static struct trace_ledger ledger_of(const struct copy_source *s, const struct thread_row *row,
                                     const struct copy_part *part)
{
    struct trace_ledger l = row->ledger;

    if (s->trace->condition.ended && !part->trimmed) {
        ledger_damage(&l, part);
        return l;
    }
    if (part->trimmed) {
        l.dropped = part->dropped;
        l.dropped_bytes = part->dropped_bytes;
        l.overwritten = part->overwritten;
        raise(&l.overwritten, part->let_go);
        l.overwritten_bytes = part->overwritten_bytes;
        l.damaged = part->damaged;
        l.nested = 0;
        l.final = row->ledger.final && part->reaches_end;
    } else { /* as last told, before the end that is missing */
        raise(&l.dropped, part->dropped);
        raise(&l.dropped_bytes, part->dropped_bytes);
        raise(&l.overwritten, part->overwritten);
        raise(&l.overwritten_bytes, part->overwritten_bytes);
        raise(&l.damaged, part->damaged);
        l.final = false;
    }
    l.stored = part->records;
    l.written = l.stored + l.overwritten + l.damaged;
    l.written_bytes = share(row->ledger.written_bytes, l.written, row->ledger.written);
    return l;
}

static void ledger_add(struct trace_ledger *sum, const struct trace_ledger *l)
{
    sum->final |= l->final;
    sum->written += l->written;
    sum->written_bytes += l->written_bytes;
    sum->dropped += l->dropped;
    sum->dropped_bytes += l->dropped_bytes;
    sum->overwritten += l->overwritten;
    sum->overwritten_bytes += l->overwritten_bytes;
    sum->damaged += l->damaged;
    sum->nested += l->nested;
    sum->stored += l->stored;
    raise(&sum->high_water_bytes, l->high_water_bytes);
}

/* A ledger of a recorder that never got to say so counts as told by what is there. */
static bool has_ledger(const struct copy_source *s, const struct thread_row *row)
{
    return row->has_ledger || !s->trace->condition.ended;
}

static int source_ledgers_add(struct trace_copy *c, const struct copy_source *s)
{
    const struct thread_row *rows = s->trace->threads.rows;

    for (size_t i = 0; i < s->trace->threads.count; i++) {
        uint32_t number = copy_thread_number(s, rows[i].thread.thread);
        struct trace_ledger ledger;
        struct copy_thread *thread;

        if (!s->parts[i].wanted || number == 0)
            continue;
        thread = copy_thread_of(c, number);
        if (!thread)
            return -ENOMEM;
        c->figures->records += s->parts[i].records;
        if (!has_ledger(s, &rows[i]))
            continue;
        ledger = ledger_of(s, &rows[i], &s->parts[i]);
        ledger_add(&thread->ledger, &ledger);
        thread->ledger.thread = number;
        thread->has_ledger = true;
    }
    return 0;
}

int copy_ledgers_write(struct trace_copy *c)
{
    const struct copy_thread *threads;
    int status = 0;

    for (size_t i = 0; i < c->source_count && status == 0; i++)
        status = source_ledgers_add(c, &c->sources[i]);
    threads = c->threads.rows;
    for (size_t i = 0; i < c->threads.count && status == 0; i++)
        if (threads[i].has_ledger)
            status = trace_writer_ledger(c->writer, &threads[i].ledger);
    c->figures->threads = c->threads.count;
    return status;
}
