/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event_level.h"
#include "base/quantity.h"
#include "cli/command.h"
#include "cli/metrics_http.h"
#include "cli/options_files.h"
#include "cli/presets_record.h"
#include "drain/drain.h"

enum { LEVEL_MIN = -7, LEVEL_MAX = 19, DRAIN_THREADS_MAX = 16 };
#define BLOCK_TIMEOUT_DEFAULT_NS UINT64_C(1000000000)
#define RING_BYTES_MIN           (UINT64_C(4) << 10)
#define RING_BYTES_MAX           (UINT64_C(1) << 30)

static int policy_apply(const struct option_row *row, const char *text, void *field)
{
    struct record_policy_choice choice = {.block_timeout_ns = BLOCK_TIMEOUT_DEFAULT_NS};
    int64_t timeout_ns;

    (void)row;
    if (strcmp(text, "drop") == 0) {
        choice.policy = RECORD_POLICY_DROP;
    } else if (strcmp(text, "overwrite") == 0) {
        choice.policy = RECORD_POLICY_OVERWRITE;
    } else if (strcmp(text, "block") == 0) {
        choice.policy = RECORD_POLICY_BLOCK;
    } else if (strncmp(text, "block:", 6) == 0 && quantity_parse_time(text + 6, &timeout_ns) == 0) {
        choice.policy = RECORD_POLICY_BLOCK;
        choice.block_timeout_ns = (uint64_t)timeout_ns;
    } else {
        return -EINVAL;
    }
    *(struct record_policy_choice *)field = choice;
    return 0;
}

static int number_parse(const char *text, long least, long most, long *number)
{
    char *end;

    errno = 0;
    *number = strtol(text, &end, 10);
    return errno || end == text || *end || *number < least || *number > most ? -EINVAL : 0;
}

static int level_apply(const struct option_row *row, const char *text, void *field)
{
    long level;

    (void)row;
    if (number_parse(text, LEVEL_MIN, LEVEL_MAX, &level))
        return -EINVAL;
    *(int *)field = (int)level;
    return 0;
}

static int threads_apply(const struct option_row *row, const char *text, void *field)
{
    long threads;

    (void)row;
    if (number_parse(text, 1, DRAIN_THREADS_MAX, &threads))
        return -EINVAL;
    *(unsigned *)field = (unsigned)threads;
    return 0;
}

/* Rounded up to what a ring can be. */
static int ring_apply(const struct option_row *row, const char *text, void *field)
{
    uint64_t bytes;

    (void)row;
    if (quantity_parse_bytes(text, &bytes) || bytes < RING_BYTES_MIN || bytes > RING_BYTES_MAX)
        return -EINVAL;
    *(uint64_t *)field = (uint64_t)ring_capacity_for(bytes);
    return 0;
}

static int budget_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    return quantity_parse_bytes(text, field);
}

static int wait_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    return wait_choice_parse(text, field);
}

uint64_t record_ring_max(const struct record_settings *s)
{
    if (!s->ring_max_bytes)
        return segment_ring_max_for(s->ring_bytes);
    return s->ring_max_bytes > s->ring_bytes ? s->ring_max_bytes : s->ring_bytes;
}

/* ---- what is in force, as one would type it ---- */

static void policy_show(const struct option_row *row, const void *settings, const void *field,
                        char *text)
{
    const struct record_policy_choice *choice = field;

    (void)row, (void)settings;
    strcpy(text, choice->policy == RECORD_POLICY_OVERWRITE ? "overwrite"
                 : choice->policy == RECORD_POLICY_BLOCK   ? "block:"
                                                           : "drop");
    if (choice->policy == RECORD_POLICY_BLOCK)
        quantity_print_time(text + strlen(text), choice->block_timeout_ns);
}

static void level_show(const struct option_row *row, const void *settings, const void *field,
                       char *text)
{
    (void)row, (void)settings;
    snprintf(text, OPTION_SHOWN_MAX, "%d", *(const int *)field);
}

static void threads_show(const struct option_row *row, const void *settings, const void *field,
                         char *text)
{
    (void)row, (void)settings;
    snprintf(text, OPTION_SHOWN_MAX, "%u", *(const unsigned *)field);
}

static void ring_show(const struct option_row *row, const void *settings, const void *field,
                      char *text)
{
    (void)row, (void)settings;
    quantity_print_bytes(text, *(const uint64_t *)field);
}

static void ring_max_show(const struct option_row *row, const void *settings, const void *field,
                          char *text)
{
    (void)row, (void)field;
    quantity_print_bytes(text, record_ring_max(settings));
}

static void budget_show(const struct option_row *row, const void *settings, const void *field,
                        char *text)
{
    (void)row, (void)settings;
    quantity_print_bytes(text, room_budget(*(const uint64_t *)field));
}

static void wait_show(const struct option_row *row, const void *settings, const void *field,
                      char *text)
{
    (void)row, (void)settings;
    wait_choice_print(text, field);
}

static int metrics_apply(const struct option_row *row, const char *text, void *field)
{
    struct record_metrics_choice *choice = field;

    (void)row;
    if (!*text)
        return -EINVAL;
    if (metrics_http_is_address(text))
        choice->address = text;
    else
        choice->file = text;
    return 0;
}

static void metrics_show(const struct option_row *row, const void *settings, const void *field,
                         char *text)
{
    const struct record_metrics_choice *choice = field;

    (void)row, (void)settings;
    snprintf(text, OPTION_SHOWN_MAX, "%s%s%s", choice->file ? choice->file : "",
             choice->file && choice->address ? " " : "", choice->address ? choice->address : "");
}

static const struct option_type option_metrics = {
    .accepts = "a file name, or an address and port such as :9464",
    .completes = COMPLETES_FILES,
    .apply = metrics_apply,
    .show = metrics_show};
static const struct option_type option_policy = {
    .accepts = "drop, overwrite, block, or block:TIMEOUT such as block:10ms",
    .offers = "drop|overwrite|block",
    .apply = policy_apply,
    .show = policy_show};
static const struct option_type option_level = {
    .accepts = "a whole number from -7 to 19", .apply = level_apply, .show = level_show};
static const struct option_type option_threads = {
    .accepts = "a whole number from 1 to 16", .apply = threads_apply, .show = threads_show};
static const struct option_type option_wait = {.accepts = WAIT_CHOICE_ACCEPTS,
                                               .offers = "sleep|spin|yield|block",
                                               .apply = wait_apply,
                                               .show = wait_show};
static const struct option_type option_ring = {
    .accepts = "a size from 4K to 1G", .apply = ring_apply, .show = ring_show};
static const struct option_type option_ring_max = {
    .accepts = "a size from 4K to 1G", .apply = ring_apply, .show = ring_max_show};
static const struct option_type option_budget = {
    .accepts = "a size such as 64M or 1G", .apply = budget_apply, .show = budget_show};

#define FIELD(name) .offset = offsetof(struct record_settings, name)

static const struct option_row options[] = {
    {.name = "preset",
     .words = RECORD_PRESETS,
     .help = "Begin with a set of options for a purpose, which 'adatrace config --preset' shows; "
             "every option that is given beside it counts more",
     .type = &option_preset,
     FIELD(preset)},
    {.letter = 'o',
     .name = "output",
     .argument = "FILE",
     .help = "Write the trace to FILE; otherwise to PROGRAM.adatrace in the current folder",
     .type = &option_new_file,
     FIELD(output)},
    {.letter = 'f',
     .name = "force",
     .help = "Replace FILE when it is there already",
     .type = &option_flag,
     FIELD(force)},
    {.letter = 'r',
     .name = "ring-size",
     .argument = "SIZE",
     .help = "Give every thread a ring of SIZE, 4K to 1G, rounded up to a power of two; 4M by "
             "default",
     .type = &option_ring,
     FIELD(ring_bytes)},
    {.name = "ring-max",
     .argument = "SIZE",
     .help = "Let the ring of a thread that writes faster than can be stored grow up to SIZE, and "
             "shrink again when it is calm; 8 times --ring-size and at most 32M by default, "
             "--ring-size itself to have rings that do not grow",
     .type = &option_ring_max,
     FIELD(ring_max_bytes)},
    {.name = "ring-budget",
     .argument = "SIZE",
     .help = "Let all rings together grow by SIZE at most; 512M by default, or an eighth of the "
             "memory where that is less",
     .type = &option_budget,
     FIELD(ring_budget_bytes)},
    {.letter = 'p',
     .name = "policy",
     .argument = "POLICY",
     .help = "What happens to a record that finds its ring full: drop (the default) loses it, "
             "overwrite loses the oldest, block or block:TIMEOUT waits for room, 1s by default, "
             "then drops. Every loss is counted and shown in its place",
     .type = &option_policy,
     FIELD(policy)},
    {.letter = 'e',
     .name = "events",
     .argument = "GLOB",
     .help = "Record only events that match GLOB, such as 'memory:*'; repeat it or separate "
             "patterns by commas, start one with ! to leave matches out",
     .type = &option_globs,
     FIELD(events)},
    {.name = "min-level",
     .words = EVENT_LEVEL_WORDS,
     .help = "Record only events that are at least so important; debug, which is all of them, by "
             "default",
     .type = &option_word,
     FIELD(min_level)},
    {.letter = 'l',
     .name = "level",
     .argument = "N",
     .help = "Compress with zstd level N, from -7 (fastest) to 19 (smallest); 0 stores; 1 by "
             "default",
     .type = &option_level,
     FIELD(level)},
    {.name = "drain-threads",
     .argument = "N",
     .help =
         "Compress and write with N threads, 1 to 16; 1 by default. More of them help where one "
         "cannot keep up and processors are idle",
     .type = &option_threads,
     FIELD(drain_threads)},
    {.letter = 'n',
     .name = "name",
     .argument = "NAME",
     .help = "Call the session NAME, so that list, top and their like find it by that; otherwise "
             "it is found by the program's name or process id",
     .type = &option_text,
     FIELD(name)},
    {.letter = 'm',
     .name = "metrics",
     .argument = "FILE|ADDRESS:PORT",
     .help = "Keep the session's figures in FILE for Prometheus, written anew every second and at "
             "the end, or serve them at http://ADDRESS:PORT/metrics; :PORT means 127.0.0.1:PORT. "
             "Say it twice to have both",
     .type = &option_metrics,
     FIELD(metrics)},
    {.name = "wait",
     .argument = "STRATEGY",
     .help = "What the drain does while rings are empty: sleep (the default) sleeps by what comes, "
             "up to half a second; spin looks again at once and takes a whole processor; yield "
             "takes what is idle; block sleeps until a ring is an eighth full. sleep:TIME and "
             "block:TIME sleep no longer than TIME, 1us to 1s",
     .type = &option_wait,
     FIELD(wait)},
    {.name = "clock",
     .words = "auto|counter|kernel",
     .help = "Stamp events with the processor's counter (counter), or with CLOCK_MONOTONIC, which "
             "takes longer (kernel); by default with the counter where the kernel keeps time by it",
     .type = &option_word,
     FIELD(clock)},
    {.name = "rotate-size",
     .argument = "SIZE",
     .help = "Go on in another file when this one has SIZE: NAME.0001.adatrace, NAME.0002.adatrace "
             "and so on, each complete in itself",
     .type = &option_rotate_size,
     FIELD(rotate_bytes)},
    {.name = "rotate-time",
     .argument = "TIME",
     .help = "Go on in another file every TIME, such as 10m",
     .type = &option_rotate_time,
     FIELD(rotate_ns)},
    {.name = "keep",
     .argument = "N",
     .help = "Of the files of a rotating recording keep the newest N, and delete older ones",
     .type = &option_keep,
     FIELD(keep)},
    {.name = "flight",
     .argument = "SIZE|TIME",
     .help = "Flight recorder: write no file, but keep the newest records in memory, compressed, "
             "in SIZE at most (such as 64M), or as old as TIME (such as 10s); 'adatrace snapshot' "
             "writes them. SIZE,TIME has neither exceeded; off writes a file after all",
     .type = &option_flight,
     FIELD(flight)},
    {.name = "snapshot-on-exit",
     .words = "never|error|always",
     .help = "Have a flight recorder write a last snapshot when the program was ended by a signal "
             "or failed (error, the default), always, or never",
     .type = &option_word,
     FIELD(last_snapshot)},
    TRIGGER_ROWS(struct record_settings),
    {.letter = 'v',
     .name = "verbose",
     .help = "Tell about every process and thread that comes and goes",
     .type = &option_flag,
     FIELD(verbose)},
    OPTION_HELP_ROW,
};

static const struct record_settings defaults = {.preset = -1,
                                                .last_snapshot = RECORD_LAST_ERROR,
                                                .before_ns = 5000000000,
                                                .after_ns = 1000000000,
                                                .cool_down_ns = 10000000000,
                                                .snapshots_max = 10,
                                                .ring_bytes = UINT64_C(4) << 20,
                                                .min_level = ADA_LEVEL_DEBUG - ADA_LEVEL_CRITICAL,
                                                .level = 1,
                                                .drain_threads = 1};

static int record_run(void *settings, int operand_count, char **operands)
{
    return cmd_record(settings, operand_count, operands);
}

const struct command command_record = {
    .name = "record",
    .summary = "Run a program and record what its threads do",
    .operands = "[--] PROGRAM [ARGUMENT]...",
    .description =
        "Runs PROGRAM and writes one file that says what every thread of it and of its children "
        "did, when, to the nanosecond, and what could not be kept. The program needs no change: "
        "starts and ends of processes and threads and all allocations are recorded of any "
        "dynamically linked program, function calls of programs built with "
        "-finstrument-functions, and whatever events the program emits by itself through the "
        "adatrace API.\n"
        "\n"
        "With --trigger it also writes a snapshot whenever something happens: EXPRESSION is a "
        "condition over fields of events, names of threads and functions, and how long calls "
        "took, as for decode --where. A counter's trigger is met when it crosses the limit.\n"
        "\n"
        "An interrupt (Ctrl-C) goes to the program; the recording ends when it has ended, and "
        "the file is good. Programs that cannot be traced (static, set-user-id, of another "
        "architecture) run unharmed, and the trace says so.",
    .statuses = "0-125\tthat of PROGRAM\n"
                "126\tPROGRAM cannot be run\n"
                "127\tPROGRAM is not found\n"
                "128+N\tPROGRAM was ended by signal N\n",
    .examples = "adatrace record -- git log --stat\trecord git into git.adatrace\n"
                "adatrace record -o sort.adatrace -e 'memory:*' -- sort big.txt\t"
                "record allocations only\n"
                "adatrace record --flight 64M -- ./server\t"
                "keep the newest records in memory until 'adatrace snapshot'\n"
                "adatrace record --flight 64M --trigger 'slow(parse) > 20ms' -- ./server\t"
                "write what led to every slow call\n"
                "adatrace record --rotate-size 64M --keep 10 -- ./server\t"
                "at most ten files of about 64 MiB\n"
                "adatrace record --policy block:10ms -- ./program\t"
                "rather wait than lose records\n",
    .options = options,
    .presets = record_presets,
    .completes = COMPLETES_COMMANDS,
    .operands_min = 1,
    .operands_max = -1,
    .operands_end_options = true,
    .settings_bytes = sizeof(struct record_settings),
    .defaults = &defaults,
    .run = record_run,
};
