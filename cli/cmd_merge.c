/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace merge FILE... -o FILE`: several traces as one.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "cli/command.h"
#include "cli/copy_say.h"
#include "cli/input.h"
#include "cli/message.h"
#include "cli/status.h"
#include "cli/units.h"

struct merge_settings {
    const char *output;
    bool force;
    uint64_t jobs;
};

struct inputs {
    struct input *list;
    struct trace **traces;
    const char **names;
    size_t count;
    unsigned jobs;
};

/* Every input stays open: a thousand rotated files are more than the usual limit. */
static void descriptors_allow(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void inputs_close(struct inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        input_close(&inputs->list[i]);
    free(inputs->list);
    free(inputs->traces);
    free(inputs->names);
}

static int inputs_open(struct inputs *inputs, int count, char **paths, uint64_t jobs)
{
    int status = STATUS_GOOD;

    inputs->list = calloc((size_t)count, sizeof(*inputs->list));
    inputs->traces = calloc((size_t)count, sizeof(*inputs->traces));
    inputs->names = calloc((size_t)count, sizeof(*inputs->names));
    if (!inputs->list || !inputs->traces || !inputs->names)
        return message_failure(ENOMEM, "%d files", count);
    descriptors_allow();
    for (int i = 0; i < count && status == STATUS_GOOD; i++) {
        status = input_open(&inputs->list[i], 1, &paths[i]);
        if (status != STATUS_GOOD)
            break;
        inputs->jobs = input_jobs_set(&inputs->list[i], jobs);
        inputs->traces[i] = inputs->list[i].trace;
        inputs->names[i] = inputs->list[i].path;
        inputs->count++;
    }
    return status;
}

static int merge_write(const struct inputs *inputs, const struct merge_settings *wanted)
{
    struct trace_copy_figures figures;
    struct copy_progress progress;
    char uncertainty[UNITS_MAX];
    struct trace_error error;
    struct new_file file;
    int fd = new_file_open(&file, wanted->output, wanted->force), status;

    if (fd < 0)
        return STATUS_FAILED;
    copy_progress_start(&progress);
    status = trace_merge(inputs->traces, inputs->names, inputs->count, fd, inputs->jobs,
                         &progress.watch, &figures, &error);
    copy_progress_end(&progress);
    status = copy_finish(&file, status, &figures, &error);
    if (status == STATUS_GOOD && figures.uncertainty_ns)
        message_print("the files have different clocks: put in time within %s, as far as the "
                      "clocks of their machines agree; the notes in the file tell",
                      units_duration(uncertainty, figures.uncertainty_ns));
    return status;
}

static int merge_run(void *settings, int operand_count, char **operands)
{
    const struct merge_settings *wanted = settings;
    struct inputs inputs = {0};
    int status;

    if (!wanted->output) {
        message_print("where to? -o FILE names the file to write");
        return STATUS_MISUSE;
    }
    status = inputs_open(&inputs, operand_count, operands, wanted->jobs);
    if (status == STATUS_GOOD)
        status = merge_write(&inputs, wanted);
    inputs_close(&inputs);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'o',
     .name = "output",
     .argument = "FILE",
     .help = "Write to FILE; has to be given",
     .type = &option_new_file,
     .offset = offsetof(struct merge_settings, output)},
    {.letter = 'f',
     .name = "force",
     .help = "Replace FILE when it is there already",
     .type = &option_flag,
     .offset = offsetof(struct merge_settings, force)},
    INPUT_JOBS_ROW(struct merge_settings),
    OPTION_HELP_ROW,
};

const struct command command_merge = {
    .name = "merge",
    .summary = "Put several traces into one",
    .operands = "FILE...",
    .description =
        "Writes everything in all FILEs as one trace, in any order of the FILEs.\n"
        "\n"
        "Files of one session (rotated files, snapshots, slices of one file) are joined: their "
        "processes and threads are the same, what two of them hold comes once, and the counts of "
        "a thread are added up. So rotated files become what one file would have been. What is "
        "damaged "
        "in one of them and whole in another is taken from there.\n"
        "\n"
        "Files of different sessions keep their processes and threads beside each other. If they "
        "were recorded since the same start of one machine, their times are exact: they ran on the "
        "same clock. Otherwise they are put in time by the time of day, as exactly as the "
        "machines' clocks agreed; the command, and a note in the file, say how far that can be "
        "trusted.\n"
        "\n"
        "Blocks are copied without being unpacked wherever they can stay as they are. Files that "
        "are cut off, and damaged ones, are taken as far as they can be read; a note says so. The "
        "output appears when it is whole; where there is no room for it, nothing is left.",
    .statuses = "0\tthe file was written\n"
                "1\ta FILE cannot be read, or the output not be written\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace merge shop.*.adatrace -o shop.adatrace\trotated files as one\n"
                "adatrace merge client.adatrace server.adatrace -o both.adatrace\t"
                "two programs, perhaps of two machines\n",
    .options = options,
    .completes = COMPLETES_TRACES,
    .operands_min = 1,
    .operands_max = -1,
    .settings_bytes = sizeof(struct merge_settings),
    .run = merge_run,
};
