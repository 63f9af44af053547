/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocations: who allocates, how much, what is never freed.
 *
 * Fed with blocks in the order of the file. A process with one thread is followed as it comes. One
 * thread frees what another has allocated, so what several threads do is collected, and followed
 * in the order of time as soon as no thread can come with anything earlier. Main thread.
 */
#ifndef ADATRACE_CLI_REPORT_MEMORY_H
#define ADATRACE_CLI_REPORT_MEMORY_H

#include "cli/call_stats.h"
#include "cli/live_map.h"
#include "cli/symbol_cache.h"
#include "cli/timeline.h"
#include "format/trace_reader.h"

enum memory_effect { MEMORY_NONE, MEMORY_ALLOCATE, MEMORY_REALLOCATE, MEMORY_FREE };

/* What a type's records do to memory, by its name and fields. */
enum memory_effect report_memory_effect(const struct trace_type *type);

/* One function of the family, by event type. */
struct memory_function {
    const struct trace_type *type;
    uint64_t calls, failed, bytes;
    struct call_stats durations;
};

struct memory_caller {
    struct symbol_text
        symbol;      /* text is the cache's; at the end that of the place with most bytes */
    uint32_t places; /* different lines of its source, as far as they are known */
    uint64_t calls, bytes;
    uint64_t live_bytes, live_blocks; /* at the end */
};

struct memory_process {
    const struct trace_process *process;
    uint32_t threads;
    uint64_t allocations, allocated_bytes;
    uint64_t frees, freed_bytes;
    uint64_t live_bytes, live_blocks;
    uint64_t peak_bytes, peak_ticks;
    uint64_t unknown_frees; /* of what was allocated before, in the parent, or unrecorded */
    uint64_t missed_frees;  /* an address handed out twice: the free between is not in the trace */
};

/* How far the trace has told about a thread. */
struct memory_thread {
    uint64_t seen_ticks;   /* nothing earlier comes any more, but for what FREE_SLACK allows */
    uint64_t records_left; /* 0: nothing comes at all */
};

struct report_memory {
    struct memory_function *functions; /* by type index; type NULL: none of ours */
    size_t function_count;
    struct memory_caller *callers;
    uint32_t caller_count, caller_capacity;
    struct memory_process *processes; /* in the order of the trace's table */
    size_t process_count;
    struct live_map process_index; /* number to place in `processes` */
    struct memory_thread *threads; /* in the order of the trace's table */
    size_t thread_count;
    uint64_t slack_ticks; /* a call to free() can have begun so much before its record */
    size_t advance_at;    /* entries in the timeline that make a look at the threads worth while */
    struct live_map live;
    struct timeline timeline;
};

/* `whole`: all records will be fed, so the ledgers tell when a thread has come to its end. */
int report_memory_init(struct report_memory *memory, const struct trace *trace, bool whole)
    __attribute__((warn_unused_result));
/* Every block, in the order of the file; `thread` is its thread's place in the trace's table. */
void report_memory_note(struct report_memory *memory, const struct trace_block *block,
                        size_t thread);
/* The blocks that hold memory events. 0 or -ENOMEM. `symbols` finds the callers. */
int report_memory_feed(struct report_memory *memory, struct symbol_cache *symbols,
                       const struct trace_block *block) __attribute__((warn_unused_result));
/* Follow what was collected, sum up, merge callers by function and sort them by bytes. */
int report_memory_finish(struct report_memory *memory) __attribute__((warn_unused_result));
void report_memory_fini(struct report_memory *memory);

/* All processes together; the peak is that of the process with the highest. */
struct memory_process report_memory_total(const struct report_memory *memory);

/* ---- between report_memory.c, which feeds, and report_heap.c, which follows ---- */

enum { REPORT_MEMORY_ADVANCE = 1 << 20 };

/* One end of a block's life: `space` is the place of the process, `key` the address, `value` the
 * size, `number` the caller, `kind` MEMORY_ALLOCATE or MEMORY_FREE. */
int report_memory_take(struct report_memory *memory, const struct timeline_entry *entry)
    __attribute__((warn_unused_result));
/* When enough has been collected: follow as far as all threads have come. */
int report_memory_advance(struct report_memory *memory) __attribute__((warn_unused_result));

#endif
