/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a trace adds up to: the ledgers of its threads, how long it lasted, whether anything is
 * missing. The same figures for `info`, `report` and whoever else tells about a trace. Main thread.
 */
#ifndef ADATRACE_CLI_SUMMARY_H
#define ADATRACE_CLI_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/json_writer.h"
#include "format/trace_reader.h"

/* Of one thread, one process or the whole trace. */
struct summary_counts {
    size_t threads;
    uint64_t stored; /* records in the file */
    uint64_t written, written_bytes;
    uint64_t dropped, dropped_bytes;
    uint64_t overwritten, overwritten_bytes;
    uint64_t let_go; /* of overwritten: by a flight recorder, which was asked to */
    uint64_t damaged, nested;
    uint64_t unstored; /* taken, but not written: the disk was full, ...; only of the whole trace */
    uint64_t high_water_bytes; /* the highest */
    uint64_t ring_bytes;       /* the largest */
    bool unknown;              /* a ledger is missing: there may have been more */
};

struct summary {
    struct trace_condition condition;
    size_t processes;
    struct summary_counts counts;
    uint64_t duration_ns;
    bool complete; /* ended properly, nothing lost, no damage met so far */
};

/* Before the events are read, and once more when they are: damage in a block shows only then. */
void summary_make(struct summary *summary, struct trace *trace);
void summary_renew(struct summary *summary, const struct trace *trace);
void summary_add_thread(struct summary_counts *counts, const struct trace *trace,
                        const struct trace_thread *thread);

/* Records that were emitted and do not come out of the file, as far as that is known. */
uint64_t summary_missing(const struct summary *summary);
/* Is more than that lost, perhaps? Nobody can say of a recording that was cut off, nor of one whose
 * damage took more than blocks of events. */
bool summary_is_vague(const struct summary *summary);

enum { SUMMARY_LOSS_MAX = 192 };
/* "nothing lost", "1,234 records lost (0.1 %)", ... into text[SUMMARY_LOSS_MAX], which is returned.
 */
const char *summary_loss_text(const struct summary *summary, char *text);

#endif
