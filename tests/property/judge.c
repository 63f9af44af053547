/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs in which something comes in between are not judged by less, but where an attempt's
 * place among others is not known to a moment, by bounds: a drop of which is sure that it came
 * before a record has to be told before it, and one that surely came later may not be.
 */
#include "judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Missing records: what they sum up to by the time that they had ended, or had begun. */
struct tally {
    struct mark {
        uint64_t time;
        uint64_t records, bytes; /* with all that are earlier */
        size_t attempt;
    } * marks;
    size_t count;
};

static struct {
    const struct model *model;
    const struct sight *sight;
    enum ring_policy policy;
    uint32_t phase;
    char *why;
    size_t size;
    bool is_decoded[MODEL_ATTEMPTS_MAX];
    struct mark memory[6][MODEL_ATTEMPTS_MAX];
} j;

static bool wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool wrong(const char *format, ...)
{
    va_list arguments;
    int n = snprintf(j.why, j.size, "session %u: ", (j.phase + 1) / 2);

    va_start(arguments, format);
    vsnprintf(j.why + n, j.size - (size_t)n, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- tallies ---- */

static void tally_add(struct tally *t, uint64_t time, uint64_t bytes, size_t attempt)
{
    size_t at = t->count++;

    for (; at && t->marks[at - 1].time > time; at--)
        t->marks[at] = t->marks[at - 1];
    t->marks[at] = (struct mark){.time = time, .records = 1, .bytes = bytes, .attempt = attempt};
}

static void tally_sum(struct tally *t)
{
    for (size_t i = 1; i < t->count; i++) {
        t->marks[i].records += t->marks[i - 1].records;
        t->marks[i].bytes += t->marks[i - 1].bytes;
    }
}

/* All that are not later. */
static struct mark tally_until(const struct tally *t, uint64_t time)
{
    size_t low = 0, high = t->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (t->marks[middle].time <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? t->marks[low - 1] : (struct mark){0};
}

/* What is missing of one life in this session: surely, and at most. */
struct missing {
    struct tally dropped_sure, dropped_most, hidden_sure, hidden_most;
    uint64_t stored_sure, loose;
};

/* Whose ring an attempt meets is known when it is over. */
static bool is_of_life(const struct attempt *a, uint32_t life)
{
    if (life == MODEL_NO_RING)
        return a->life == life || a->outcome == OUTCOME_LEFT; /* before it had a ring */
    return a->life == life || (a->life == MODEL_NO_RING && a->outcome == OUTCOME_OPEN &&
                               a->thread == j.model->lives[life].thread);
}

static struct missing missing_of(uint32_t life)
{
    struct missing m = {
        {j.memory[0], 0}, {j.memory[1], 0}, {j.memory[2], 0}, {j.memory[3], 0}, 0, 0};

    for (size_t i = 0; i < j.model->count; i++) {
        const struct attempt *a = &j.model->attempts[i];
        bool sure;

        if (!is_of_life(a, life) || !model_is_possible(j.model, i, j.phase))
            continue;
        sure = model_is_sure(j.model, i, j.phase);
        m.loose += !sure;
        if (a->outcome != OUTCOME_STORED || !sure)
            tally_add(&m.dropped_most, a->start, a->dropped_bytes, i);
        if (a->outcome == OUTCOME_DROPPED && sure)
            tally_add(&m.dropped_sure, a->end, a->dropped_bytes, i);
        m.stored_sure += a->outcome == OUTCOME_STORED && sure;
        if (a->outcome != OUTCOME_DROPPED && !j.is_decoded[i])
            tally_add(&m.hidden_most, a->start, 0, i);
        if (a->outcome == OUTCOME_STORED && sure && !j.is_decoded[i])
            tally_add(&m.hidden_sure, a->end, 0, i);
    }
    tally_sum(&m.dropped_sure);
    tally_sum(&m.dropped_most);
    tally_sum(&m.hidden_sure);
    tally_sum(&m.hidden_most);
    return m;
}

/* ---- records ---- */

static bool record_judge(const struct sight_item *item, uint32_t life, uint64_t last_ticks)
{
    int64_t n = model_find(j.model, item->number);
    const struct attempt *a;

    if (n < 0)
        return wrong("a record that nobody wrote: %" PRIx64, item->number);
    a = &j.model->attempts[n];
    if (!item->is_whole || item->payload_bytes != a->payload_bytes)
        return wrong("record %" PRId64 " is torn", n);
    if (j.is_decoded[n])
        return wrong("record %" PRId64 " is there twice", n);
    j.is_decoded[n] = true;
    if (a->outcome == OUTCOME_DROPPED || a->outcome == OUTCOME_NOTHING)
        return wrong("record %" PRId64 " is there, and was dropped or rolled back", n);
    if (!model_is_possible(j.model, (size_t)n, j.phase))
        return wrong("record %" PRId64 " belongs to another session", n);
    if (life != MODEL_NO_RING && a->life != MODEL_NO_RING && a->life != life)
        return wrong("record %" PRId64 " belongs to another thread", n);
    if (item->ticks < last_ticks)
        return wrong("record %" PRId64 " goes back in time", n);
    if (model_is_sure(j.model, (size_t)n, j.phase) &&
        (item->ticks < a->start || item->ticks > a->end))
        return wrong("record %" PRId64 " has a time at which it was not written", n);
    return true;
}

/* ---- gaps ---- */

struct gaps {
    uint64_t dropped, dropped_bytes, overwritten, last_ticks;
    uint64_t hole_ticks; /* beginning of the hole that this gap may be the other half of */
};

/* In front of a record, or at the end (`time` UINT64_MAX): is all told that has to be, and no
 * more? */
static bool gaps_judge(const struct gaps *told, const struct missing *m, uint64_t begun,
                       uint64_t time, int64_t record)
{
    struct mark low = tally_until(&m->dropped_sure, begun);
    struct mark high = tally_until(&m->dropped_most, time);

    /* A gap that was about to be told when its writer was left is told by a later one. */
    if (j.model->has_jumps && time != UINT64_MAX)
        low = (struct mark){0};
    /* A gap that stood behind a record which was open at a session's end: only the sum is sure. */
    if (m->loose && time != UINT64_MAX)
        high.records = UINT64_MAX;
    if (told->dropped < low.records || told->dropped > high.records)
        return wrong("before record %" PRId64 " %" PRIu64
                     " drops were told, and there were %" PRIu64 " to %" PRIu64,
                     record, told->dropped, low.records, high.records);
    /* Of one that was left, the gap that it was about to tell counts with it. */
    if (j.model->has_jumps)
        high.bytes = UINT64_MAX;
    /* Drops of two sessions in one gap are divided by their number. */
    if (m->loose) {
        low.bytes = 0;
        high.bytes = UINT64_MAX;
    }
    if (told->dropped_bytes < low.bytes || told->dropped_bytes > high.bytes)
        return wrong("before record %" PRId64 " %" PRIu64
                     " dropped bytes were told, and there were "
                     "%" PRIu64 " to %" PRIu64,
                     record, told->dropped_bytes, low.bytes, high.bytes);
    low = tally_until(&m->hidden_sure, begun);
    high = tally_until(&m->hidden_most, time);
    if (told->overwritten > high.records)
        return wrong("before record %" PRId64 " %" PRIu64
                     " overwritten ones were told, and there were "
                     "at most %" PRIu64,
                     record, told->overwritten, high.records);
    if (told->overwritten < low.records)
        return wrong("before record %" PRId64 " %" PRIu64
                     " overwritten ones were told, and %" PRIu64 " are missing",
                     record, told->overwritten, low.records);
    return true;
}

/* The times of a gap, where all drops' order is known. */
static bool gap_times_judge(const struct trace_gap *gap, const struct missing *m, uint64_t told)
{
    const struct attempt *first, *last;

    if (told + gap->records > m->dropped_sure.count)
        return true; /* the count says it */
    first = &j.model->attempts[m->dropped_sure.marks[told].attempt];
    last = &j.model->attempts[m->dropped_sure.marks[told + gap->records - 1].attempt];
    if (j.policy == RING_OVERWRITE) /* its own record may be overwritten: then of the whole hole */
        return gap->first_ticks <= first->end && gap->last_ticks >= last->start
                   ? true
                   : wrong("a gap from %" PRIu64 " to %" PRIu64 " is not where its drops are",
                           gap->first_ticks, gap->last_ticks);
    /* Of a later session, it may tell of drops before that one, too. */
    if (j.phase > 1 ? gap->first_ticks > first->end
                    : gap->first_ticks < first->start || gap->first_ticks > first->end)
        return wrong("a gap begins at %" PRIu64 ", its first drop came from %" PRIu64
                     " to %" PRIu64,
                     gap->first_ticks, first->start, first->end);
    if (gap->last_ticks < last->start || gap->last_ticks > last->end)
        return wrong("a gap ends at %" PRIu64 ", its last drop came from %" PRIu64 " to %" PRIu64,
                     gap->last_ticks, last->start, last->end);
    return true;
}

static bool gap_judge(struct gaps *told, const struct trace_gap *gap, const struct missing *m)
{
    bool is_plain = !m->loose && !j.model->has_between && !j.model->has_jumps;

    if (gap->kind == TRACE_GAP_DAMAGED)
        return wrong("something is damaged: %" PRIu64 " records, %" PRIu64 " bytes", gap->records,
                     gap->bytes);
    if ((gap->first_ticks < told->last_ticks && gap->first_ticks != told->hole_ticks) ||
        gap->last_ticks < gap->first_ticks)
        return wrong("a gap from %" PRIu64 " to %" PRIu64 " goes back behind %" PRIu64,
                     gap->first_ticks, gap->last_ticks, told->last_ticks);
    told->last_ticks = gap->last_ticks;
    if (gap->kind == TRACE_GAP_OVERWRITTEN) {
        told->overwritten += gap->records;
        told->hole_ticks = gap->first_ticks;
        return true;
    }
    if (!gap->records)
        return wrong("a gap of nothing");
    if (is_plain && !gap_times_judge(gap, m, told->dropped))
        return false;
    told->dropped += gap->records;
    told->dropped_bytes += gap->bytes;
    return true;
}

/* ---- threads ---- */

static bool ledger_judge(const struct trace_ledger *l, const struct gaps *told, uint64_t decoded,
                         bool is_sure)
{
    if (!l->final)
        return wrong("the ledger is not final");
    if (l->damaged)
        return wrong("%" PRIu64 " records are damaged", l->damaged);
    if (l->stored != decoded || l->written != decoded + l->overwritten)
        return wrong("the ledger says %" PRIu64 " written, %" PRIu64 " stored, %" PRIu64
                     " overwritten; decoded were %" PRIu64,
                     l->written, l->stored, l->overwritten, decoded);
    if (l->dropped != told->dropped || (is_sure && l->dropped_bytes != told->dropped_bytes) ||
        l->overwritten != told->overwritten)
        return wrong("the ledger says %" PRIu64 " dropped of %" PRIu64 " bytes, %" PRIu64
                     " overwritten; gaps say %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                     l->dropped, l->dropped_bytes, l->overwritten, told->dropped,
                     told->dropped_bytes, told->overwritten);
    return true;
}

static bool thread_judge(const struct sight_thread *t, uint32_t life)
{
    struct missing m;
    struct gaps told = {0};
    uint64_t decoded = 0, last_ticks = 0;

    for (size_t i = 0; i < j.sight->count; i++)
        if (j.sight->items[i].thread == t->number && !j.sight->items[i].is_gap) {
            if (!record_judge(&j.sight->items[i], life, last_ticks))
                return false;
            last_ticks = j.sight->items[i].ticks;
            decoded++;
        }
    m = missing_of(life);
    if (j.policy != RING_OVERWRITE && m.hidden_sure.count)
        return wrong("record %zu was stored, and is not there", m.hidden_sure.marks[0].attempt);
    for (size_t i = 0; i < j.sight->count; i++) {
        const struct sight_item *item = &j.sight->items[i];
        int64_t n;

        if (item->thread != t->number)
            continue;
        if (item->is_gap) {
            if (!gap_judge(&told, &item->gap, &m))
                return false;
            continue;
        }
        n = model_find(j.model, item->number);
        if (item->ticks < told.last_ticks)
            return wrong("record %" PRId64 " comes before the gap in front of it ends", n);
        told.last_ticks = item->ticks;
        if (!gaps_judge(&told, &m, j.model->attempts[n].start, item->ticks, n))
            return false;
    }
    if (!t->has_ledger)
        return wrong("thread %s has no ledger", t->name);
    return gaps_judge(&told, &m, UINT64_MAX - 1, UINT64_MAX, (int64_t)j.model->count) &&
           ledger_judge(&t->ledger, &told, decoded, !m.loose);
}

/* Threads that had no ring have one ledger together. */
static bool unringed_judge(void)
{
    struct missing m = missing_of(MODEL_NO_RING);
    struct gaps told = {0};

    for (size_t i = 0; i < j.sight->thread_count; i++)
        if (strcmp(j.sight->threads[i].name, "(threads without a ring)") == 0) {
            told.dropped = j.sight->threads[i].ledger.dropped;
            told.dropped_bytes = j.sight->threads[i].ledger.dropped_bytes;
        }
    return gaps_judge(&told, &m, UINT64_MAX - 1, UINT64_MAX, -1);
}

static bool life_is_seen(uint32_t life)
{
    char name[16];

    snprintf(name, sizeof(name), "L%u.", life);
    for (size_t i = 0; i < j.sight->thread_count; i++)
        if (strcmp(j.sight->threads[i].name, name) == 0)
            return true;
    return false;
}

/* Of all threads, with those that had no ring: what the reader of this trace is told in the end. */
static void sums_add(struct model *model, const struct sight *sight)
{
    for (size_t i = 0; i < sight->count; i++)
        model->decoded += !sight->items[i].is_gap;
    for (size_t i = 0; i < sight->thread_count; i++) {
        model->dropped += sight->threads[i].ledger.dropped;
        model->overwritten += sight->threads[i].ledger.overwritten;
    }
}

bool judge(struct model *model, const struct sight *sight, enum ring_policy policy, uint32_t phase,
           char *why, size_t size)
{
    struct missing m;

    j.model = model;
    j.sight = sight;
    j.policy = policy;
    j.phase = phase;
    j.why = why;
    j.size = size;
    memset(j.is_decoded, 0, model->count);
    if (sight->complaint)
        return wrong("%s", sight->complaint);
    if (model->may_damage) {
        model->damaged++;
        return true;
    }
    sums_add(model, sight);
    for (size_t i = 0; i < sight->thread_count; i++) {
        const struct sight_thread *t = &sight->threads[i];

        /* Without its full stop the session has ended while it was being written. */
        if (t->name[0] == 'L' && strchr(t->name, '.') &&
            !thread_judge(t, (uint32_t)strtoul(t->name + 1, NULL, 10)))
            return false;
    }
    for (uint32_t life = 0; life < model->life_count; life++) {
        m = missing_of(life);
        if ((m.stored_sure || m.dropped_sure.count) && !life_is_seen(life))
            return wrong("thread L%u is not there", life);
    }
    return unringed_judge();
}
