/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace cut FILE`: a slice of a trace as a trace of its own.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/copy_say.h"
#include "cli/input.h"
#include "cli/message.h"
#include "cli/status.h"
#include "drain/file_names.h"

struct cut_settings {
    struct input_selection selection;
    const char *process;
    const char *output;
    bool force;
    uint64_t jobs;
};

static int slice_write(struct input *input, const struct cut_settings *wanted,
                       const struct trace_cut *cut)
{
    struct trace_copy_figures figures;
    struct copy_progress progress;
    struct trace_error error;
    struct new_file file;
    char name[PATH_MAX];
    int fd, status;

    file_name_derived(name, sizeof(name), input->path, "cut");
    fd = new_file_open(&file, wanted->output ? wanted->output : name, wanted->force);
    if (fd < 0)
        return STATUS_FAILED;
    copy_progress_start(&progress);
    status = trace_cut(input->trace, cut, fd, &progress.watch, &figures, &error);
    copy_progress_end(&progress);
    return copy_finish(&file, status, &figures, &error);
}

static int cut_run(void *settings, int operand_count, char **operands)
{
    const struct cut_settings *wanted = settings;
    struct trace_cut cut = {.process = wanted->process};
    struct input input;
    int status = input_open(&input, operand_count, operands);

    if (status)
        return status;
    (void)input_jobs_set(&input, wanted->jobs);
    status = input_filter(&input, &wanted->selection, &cut.filter);
    cut.origin = input.path;
    if (status == STATUS_GOOD)
        status = slice_write(&input, wanted, &cut);
    input_close(&input);
    return status;
}

static const struct option_row options[] = {
    INPUT_SELECTION_ROWS(struct cut_settings),
    {.letter = 'p',
     .name = "process",
     .argument = "X",
     .help = "Only processes with process id X or an executable whose name matches X",
     .type = &option_text,
     .offset = offsetof(struct cut_settings, process)},
    {.letter = 'o',
     .name = "output",
     .argument = "FILE",
     .help = "Write the slice to FILE; NAME.cut.adatrace in the current folder by default",
     .type = &option_new_file,
     .offset = offsetof(struct cut_settings, output)},
    {.letter = 'f',
     .name = "force",
     .help = "Replace FILE when it is there already",
     .type = &option_flag,
     .offset = offsetof(struct cut_settings, force)},
    INPUT_JOBS_ROW(struct cut_settings),
    OPTION_HELP_ROW,
};

static const struct cut_settings defaults = {.selection = INPUT_SELECTION_ALL};

const struct command command_cut = {
    .name = "cut",
    .summary = "Take a slice of a trace as a trace of its own",
    .operands = "[FILE]",
    .description =
        "Writes the part of FILE that the options select as a trace that is complete in itself: "
        "with the processes, threads, event types, modules and symbols that it needs. Its times "
        "are those of FILE. Blocks that are wanted as they are get copied without being unpacked, "
        "so a small slice of a large file takes milliseconds; blocks at the edges, and all blocks "
        "with --events, are written anew.\n"
        "\n"
        "Losses within the slice are told by it, a loss that reaches into it as a whole. The "
        "counts of a thread of which only a part is in the slice are those of that part; its bytes "
        "are estimated. A note in the slice says what it was cut from and when.\n"
        "\n"
        "The output appears when it is whole; where there is no room for it, nothing is left.",
    .statuses = "0\tthe slice was written, also if nothing happened in it\n"
                "1\tFILE cannot be read, or the slice not be written\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace cut shop.adatrace --from 1.2s --to 1.3s\t"
                "a tenth of a second as shop.cut.adatrace\n"
                "adatrace cut shop.adatrace -t 'worker*' -o workers.adatrace\tsome threads\n",
    .options = options,
    .completes = COMPLETES_TRACES,
    .operands_max = 1,
    .settings_bytes = sizeof(struct cut_settings),
    .defaults = &defaults,
    .run = cut_run,
};
