/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/summary.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/units.h"

/* Then all that is overwritten is what it let go; with policy overwrite rings do so as well. */
static bool is_flight(const struct trace *trace)
{
    const char *policy = trace_recording(trace)->policy;

    return strcmp(policy, "flight") == 0 || strcmp(policy, "flight, block") == 0;
}

void summary_add_thread(struct summary_counts *counts, const struct trace *trace,
                        const struct trace_thread *thread)
{
    const struct trace_ledger *ledger = trace_ledger_of(trace, thread->thread);

    counts->threads++;
    if (thread->ring_bytes > counts->ring_bytes)
        counts->ring_bytes = thread->ring_bytes;
    if (!ledger) {
        counts->unknown = true;
        return;
    }
    counts->stored += ledger->stored;
    counts->written += ledger->written;
    counts->written_bytes += ledger->written_bytes;
    counts->dropped += ledger->dropped;
    counts->dropped_bytes += ledger->dropped_bytes;
    counts->overwritten += ledger->overwritten;
    counts->overwritten_bytes += ledger->overwritten_bytes;
    if (is_flight(trace))
        counts->let_go += ledger->overwritten;
    counts->damaged += ledger->damaged;
    counts->nested += ledger->nested;
    if (ledger->high_water_bytes > counts->high_water_bytes)
        counts->high_water_bytes = ledger->high_water_bytes;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A recording that was cut off has no last word: look for its last record. */
static int64_t last_record_ns(struct trace *trace)
{
    const struct trace_block *block;
    struct trace_scan *scan;
    int64_t last_ns = 0;

    if (trace_scan_open(trace, NULL, &scan))
        return 0;
    while (trace_scan_next(scan, &block) > 0)
        if (block->records)
            last_ns = later(last_ns, trace_ns(trace, block->ticks[block->records - 1]));
    trace_scan_close(scan);
    return last_ns;
}

/* Until the last clock pair or the last end of a process, whichever is later. */
static uint64_t duration_of(struct trace *trace, bool ended)
{
    int64_t last_ns = ended ? 0 : last_record_ns(trace);
    const struct trace_clock_pair *pair;
    const struct trace_process *process;

    for (size_t n = 0; (pair = trace_clock_pair_at(trace, n)); n++)
        last_ns = later(last_ns, trace_ns(trace, pair->ticks));
    for (size_t n = 0; (process = trace_process_at(trace, n)); n++) {
        const struct trace_process_end *end = trace_process_end_of(trace, process->process);

        if (end)
            last_ns = later(last_ns, trace_ns(trace, end->end_ticks));
    }
    return (uint64_t)last_ns;
}

/* Stored, and not to be had from the file: in damaged blocks, or of types that nothing describes.
 * Where a header is damaged nobody knows what was behind it, but the ledgers tell of the sum. */
static uint64_t unreadable_records(const struct summary *summary)
{
    const struct trace_condition *condition = &summary->condition;
    uint64_t unreadable = condition->damaged_records;

    if (condition->ended && condition->damaged_blocks &&
        summary->counts.stored > condition->records + unreadable)
        unreadable = summary->counts.stored - condition->records;
    return unreadable + condition->undescribed_records;
}

static uint64_t lost_records(const struct summary_counts *counts)
{
    return counts->dropped + counts->overwritten - counts->let_go + counts->damaged +
           counts->unstored;
}

uint64_t summary_missing(const struct summary *summary)
{
    return lost_records(&summary->counts) + unreadable_records(summary);
}

bool summary_is_vague(const struct summary *summary)
{
    const struct trace_condition *condition = &summary->condition;

    return summary->counts.unknown || !condition->ended ||
           condition->damaged_blocks > condition->damaged_data_blocks;
}

void summary_renew(struct summary *summary, const struct trace *trace)
{
    const struct summary_counts *counts = &summary->counts;

    trace_condition(trace, &summary->condition);
    summary->complete = !summary_missing(summary) && !summary_is_vague(summary) &&
                        !summary->condition.damaged_blocks &&
                        counts->stored + counts->let_go == counts->written &&
                        summary->condition.records == counts->stored;
}

void summary_make(struct summary *summary, struct trace *trace)
{
    const struct trace_thread *thread;

    *summary = (struct summary){0};
    trace_condition(trace, &summary->condition);
    summary->counts.unstored = summary->condition.lost_records;
    while (trace_process_at(trace, summary->processes))
        summary->processes++;
    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++)
        summary_add_thread(&summary->counts, trace, thread);
    summary->duration_ns = duration_of(trace, summary->condition.ended);
    summary_renew(summary, trace);
}

/* One more part of a sentence. */
__attribute__((format(printf, 2, 3))) static void part_add(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;

    if (used)
        used += (size_t)snprintf(text + used, SUMMARY_LOSS_MAX - used, ", ");
    va_start(arguments, format);
    vsnprintf(text + used, SUMMARY_LOSS_MAX - used, format, arguments);
    va_end(arguments);
}

static void records_add(char *text, uint64_t records, const char *words)
{
    char count[UNITS_MAX];

    if (records)
        part_add(text, "%s record%s %s", units_count(count, records), records == 1 ? "" : "s",
                 words);
}

const char *summary_loss_text(const struct summary *summary, char *text)
{
    const struct summary_counts *counts = &summary->counts;
    uint64_t lost = lost_records(counts), undescribed = summary->condition.undescribed_records;
    char words[UNITS_MAX + 16], count[UNITS_MAX];

    *text = 0;
    snprintf(words, sizeof(words), "lost (%s)",
             units_percent(count, (double)lost, (double)(counts->written + counts->dropped)));
    records_add(text, lost, words);
    records_add(text, unreadable_records(summary) - undescribed, "in damaged blocks");
    records_add(text, undescribed, "of events that nothing describes");
    if (summary_is_vague(summary))
        part_add(text, "%s", *text ? "what else was lost is not known" : "losses not known");
    else if (!*text) /* ledgers that do not add up are no reason to say so */
        part_add(text, "%s", summary->complete ? "nothing lost" : "losses not known");
    if (counts->let_go)
        part_add(text, "%s older ones let go", units_count(count, counts->let_go));
    return text;
}
