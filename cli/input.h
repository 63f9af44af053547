/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FILE operand of the reading commands, and the options that select a part of it. Main thread.
 */
#ifndef ADATRACE_CLI_INPUT_H
#define ADATRACE_CLI_INPUT_H

#include "cli/option.h"
#include "format/trace_reader.h"

struct input {
    char *path; /* owned */
    struct trace *trace;
    uint64_t damage_told; /* damaged blocks that it has been said of */
};

/*
 * The path that operands[0] names or, without operands, the only *.adatrace of the current folder,
 * which is then named on stderr. Returns an exit status; what is wrong has been said. *path is the
 * caller's to free.
 */
int input_choose(char **path, int operand_count, char **operands)
    __attribute__((warn_unused_result));

/* input_choose(), then trace_open(); a trace that is cut off or damaged opens, with a warning. */
int input_open(struct input *input, int operand_count, char **operands)
    __attribute__((warn_unused_result));
/* When the events have been read: say what of them could not be, which nobody knew before. */
void input_warn_unread(struct input *input);
void input_close(struct input *input);

/* ---- which part of the trace; the same options for every command that has them ---- */

struct input_selection {
    int64_t from_ns, to_ns; /* [from, to) */
    const char *thread;
    struct option_globs events;
};
#define INPUT_SELECTION_ALL                      \
    {                                            \
        .from_ns = INT64_MIN, .to_ns = INT64_MAX \
    }

/* The rows; `settings` is the command's struct, which has a member `selection`. */
#define INPUT_SELECTION_ROWS(settings)                                                             \
    {.name = "from",                                                                               \
     .argument = "T",                                                                              \
     .help = "Only what happened at T after the start or later: 1.5s, 200ms, 10us, a bare number " \
             "is nanoseconds, one with a point seconds",                                           \
     .type = &option_time,                                                                         \
     .offset = offsetof(settings, selection.from_ns)},                                             \
        {.name = "to",                                                                             \
         .argument = "T",                                                                          \
         .help = "Only what happened before T",                                                    \
         .type = &option_time,                                                                     \
         .offset = offsetof(settings, selection.to_ns)},                                           \
        {.letter = 't',                                                                            \
         .name = "thread",                                                                         \
         .argument = "X",                                                                          \
         .help = "Only threads with thread id X or a name that matches X, as in 'worker*'",        \
         .type = &option_text,                                                                     \
         .offset = offsetof(settings, selection.thread)},                                          \
    {                                                                                              \
        .letter = 'e', .name = "events", .argument = "GLOB",                                       \
        .help = "Only events that match GLOB, such as 'memory:*'; repeat it or separate patterns " \
                "by commas, start one with ! to leave matches out",                                \
        .type = &option_globs, .offset = offsetof(settings, selection.events)                      \
    }

/* ---- how many threads read; the same option for every command that reads all events ---- */

#define INPUT_JOBS_ROW(settings)                                                           \
    {                                                                                      \
        .letter = 'j', .name = "jobs", .argument = "N",                                    \
        .help = "Use N processors; all that there are by default. The output is the same", \
        .type = &option_count, .offset = offsetof(settings, jobs)                          \
    }

/* Let so many threads read the trace; 0: one for each processor that we may use. Returns how many.
 */
unsigned input_jobs_set(const struct input *input, uint64_t jobs);

/* For trace_cursor_open() and trace_scan_open(); points into `selection`. Says so on stderr when
 * nothing in the trace can match. STATUS_MISUSE: the span of time is empty. */
int input_filter(const struct input *input, const struct input_selection *selection,
                 struct trace_filter *filter) __attribute__((warn_unused_result));

/* Does the selection take everything? */
bool input_selects_all(const struct input_selection *selection);

#endif
