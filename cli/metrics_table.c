/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/metrics_table.h"

#define SESSION(kind, field) \
    .level = METRIC_SESSION, .type = (kind), .offset = offsetof(struct metrics_session, field)
#define PROCESS(kind, field) \
    .level = METRIC_PROCESS, .type = (kind), .offset = offsetof(struct stats_process, field)
#define THREAD(kind, field) \
    .level = METRIC_THREAD, .type = (kind), .offset = offsetof(struct stats_thread, field)
#define COUNTER .is_counter = true

/* One row for each count of a process or thread. */
#define COUNT(level_of, prefix, name_of, field, what)                                     \
    {                                                                                     \
        .name = prefix name_of, .help = what, COUNTER, level_of(METRIC_U64, counts.field) \
    }
#define COUNT_BYTES(level_of, prefix, name_of, field, what)                      \
    {                                                                            \
        .name = prefix name_of "_bytes", .unit = "bytes", .help = what, COUNTER, \
        level_of(METRIC_U64, counts.field)                                       \
    }
#define COUNTS(level_of, prefix, whose)                                                            \
    COUNT(level_of, prefix, "written_records", written, "Records that " whose " published"),       \
        COUNT_BYTES(level_of, prefix, "written", written_bytes, "Bytes of these records"),         \
        COUNT(level_of, prefix, "dropped_records", dropped,                                        \
              "Records of " whose " that found no room"),                                          \
        COUNT_BYTES(level_of, prefix, "dropped", dropped_bytes, "Bytes of these records"),         \
        COUNT(level_of, prefix, "overwritten_records", overwritten,                                \
              "Records of " whose " that were overwritten before they were read"),                 \
        COUNT_BYTES(level_of, prefix, "overwritten", overwritten_bytes, "Bytes of these records"), \
        COUNT(level_of, prefix, "damaged_records", damaged,                                        \
              "Records of " whose " that could not be understood"),                                \
        COUNT(level_of, prefix, "stored_records", stored,                                          \
              "Records of " whose " that were taken into the trace"),                              \
        COUNT(level_of, prefix, "nested_records", nested,                                          \
              "Records that signal handlers of " whose " published in the middle of another")

const struct metric metrics_table[] = {
    {.name = "session",
     .help = "What is recorded, and how",
     .is_info = true,
     SESSION(METRIC_U64, one)},
    {.name = "session_start_time_seconds",
     .unit = "seconds",
     .help = "When the session began, Unix time",
     SESSION(METRIC_DOUBLE, start_seconds)},
    {.name = "paused",
     .help = "1 while every event is switched off by adatrace pause",
     SESSION(METRIC_U64, paused)},
    {.name = "processes",
     .help = "Traced processes that are alive",
     SESSION(METRIC_U64, processes_now)},
    {.name = "threads",
     .help = "Traced threads that are alive",
     SESSION(METRIC_U32, stats.thread_count)},
    {.name = "processes_seen",
     .help = "Processes that were traced",
     COUNTER,
     SESSION(METRIC_U64, stats.processes_ever)},
    {.name = "threads_seen",
     .help = "Threads that were traced",
     COUNTER,
     SESSION(METRIC_U64, stats.threads_ever)},
    {.name = "drain_lag_seconds",
     .unit = "seconds",
     .help = "Age of the oldest record that has not been taken from its ring; 0 when there is none",
     SESSION(METRIC_NS, stats.lag_ns)},
    {.name = "drain_rounds",
     .help = "Rounds of the drain over all rings",
     COUNTER,
     SESSION(METRIC_U64, stats.rounds)},
    {.name = "drain_sleeps",
     .help = "Times that the drain slept between rounds",
     COUNTER,
     SESSION(METRIC_U64, stats.sleeps)},
    {.name = "files",
     .help = "Trace files that were written",
     COUNTER,
     SESSION(METRIC_U64, stats.files)},
    {.name = "file_bytes",
     .unit = "bytes",
     .help = "Bytes written to trace files",
     COUNTER,
     SESSION(METRIC_U64, stats.file_bytes)},
    {.name = "blocks",
     .help = "Blocks written to trace files",
     COUNTER,
     SESSION(METRIC_U64, stats.blocks)},
    {.name = "block_raw_bytes",
     .unit = "bytes",
     .help = "Bytes that the records in blocks took in their rings",
     COUNTER,
     SESSION(METRIC_U64, stats.raw_bytes)},
    {.name = "block_content_bytes",
     .unit = "bytes",
     .help = "Bytes of blocks before compression",
     COUNTER,
     SESSION(METRIC_U64, stats.content_bytes)},
    {.name = "compression_ratio",
     .unit = "ratio",
     .help = "Bytes that records took in their rings, for each byte in the trace files",
     SESSION(METRIC_DOUBLE, ratio)},
    {.name = "compression_level",
     .help = "Compression level in use now; 0 stores",
     SESSION(METRIC_I32, stats.level)},
    {.name = "compression_level_wanted",
     .help = "Compression level that was asked for",
     SESSION(METRIC_I32, stats.level_wanted)},
    {.name = "compress_seconds",
     .unit = "seconds",
     .help = "Time spent on compressing blocks",
     COUNTER,
     SESSION(METRIC_NS, stats.pack_ns)},
    {.name = "write_seconds",
     .unit = "seconds",
     .help = "Time spent on writing to trace files",
     COUNTER,
     SESSION(METRIC_NS, stats.write_ns)},
    {.name = "errors",
     .help = "Errors that writing trace files met",
     COUNTER,
     SESSION(METRIC_U64, stats.errors)},
    {.name = "lost_records",
     .help = "Records that were taken and could not be written",
     COUNTER,
     SESSION(METRIC_U64, stats.lost)},
    {.name = "rings_granted_bytes",
     .unit = "bytes",
     .help = "Bytes by which rings have grown beyond what they have at first",
     SESSION(METRIC_U64, stats.room_granted_bytes)},

    COUNTS(PROCESS, "process_", "the process"),
    {.name = "process_unringed_records",
     .help = "Records of threads that found no ring; they count as dropped, too",
     COUNTER,
     PROCESS(METRIC_U64, unringed)},
    {.name = "process_threads",
     .help = "Traced threads of the process that are alive",
     PROCESS(METRIC_U32, threads_now)},
    {.name = "process_threads_seen",
     .help = "Threads of the process that were traced",
     COUNTER,
     PROCESS(METRIC_U64, threads_ever)},
    {.name = "process_ring_high_water_bytes",
     .unit = "bytes",
     .help = "The most that a ring of the process has held",
     PROCESS(METRIC_U64, counts.high_water_bytes)},

    COUNTS(THREAD, "thread_", "the thread"),
    {.name = "thread_ring_fill_bytes",
     .unit = "bytes",
     .help = "Bytes in the thread's ring now",
     THREAD(METRIC_U64, fill_bytes)},
    {.name = "thread_ring_room_bytes",
     .unit = "bytes",
     .help = "Bytes that the thread's ring may hold now",
     THREAD(METRIC_U64, room_bytes)},
    {.name = "thread_ring_high_water_bytes",
     .unit = "bytes",
     .help = "The most that the thread's ring has held",
     THREAD(METRIC_U64, counts.high_water_bytes)},
    {.name = "thread_lag_seconds",
     .unit = "seconds",
     .help = "Age of the thread's oldest record that has not been taken; 0 when there is none",
     THREAD(METRIC_NS, lag_ns)},
    {0},
};
