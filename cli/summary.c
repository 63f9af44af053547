/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/summary.h"

#include <stdio.h>

#include "cli/units.h"

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
    counts->damaged += ledger->damaged;
    counts->nested += ledger->nested;
    if (ledger->high_water_bytes > counts->high_water_bytes)
        counts->high_water_bytes = ledger->high_water_bytes;
}

/* Until the last clock pair or the last end of a process, whichever is later. */
static uint64_t duration_of(const struct trace *trace)
{
    const struct trace_clock_pair *pair;
    const struct trace_process *process;
    int64_t last_ns = 0;

    for (size_t n = 0; (pair = trace_clock_pair_at(trace, n)); n++) {
        int64_t ns = trace_ns(trace, pair->ticks);

        last_ns = ns > last_ns ? ns : last_ns;
    }
    for (size_t n = 0; (process = trace_process_at(trace, n)); n++) {
        const struct trace_process_end *end = trace_process_end_of(trace, process->process);
        int64_t ns = end ? trace_ns(trace, end->end_ticks) : 0;

        last_ns = ns > last_ns ? ns : last_ns;
    }
    return (uint64_t)last_ns;
}

void summary_make(struct summary *summary, const struct trace *trace)
{
    const struct summary_counts *counts = &summary->counts;
    const struct trace_thread *thread;

    *summary = (struct summary){0};
    trace_condition(trace, &summary->condition);
    while (trace_process_at(trace, summary->processes))
        summary->processes++;
    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++)
        summary_add_thread(&summary->counts, trace, thread);
    summary->duration_ns = duration_of(trace);
    summary->complete = summary->condition.ended && !summary->condition.damaged_blocks &&
                        !counts->unknown && !counts->dropped && !counts->overwritten &&
                        !counts->damaged && counts->stored == counts->written &&
                        summary->condition.records == counts->stored;
}

const char *summary_loss_text(const struct summary_counts *counts, char *text, size_t capacity)
{
    uint64_t lost = counts->dropped + counts->overwritten + counts->damaged;
    uint64_t attempted = counts->written + counts->dropped;
    char count[UNITS_MAX], share[UNITS_MAX];

    if (lost)
        snprintf(text, capacity, "%s record%s lost (%s)", units_count(count, lost),
                 lost == 1 ? "" : "s", units_percent(share, (double)lost, (double)attempted));
    else
        snprintf(text, capacity, "%s", counts->unknown ? "losses not known" : "nothing lost");
    return text;
}
