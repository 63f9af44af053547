/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/copy_say.h"

#include <stdio.h>
#include <string.h>

#include "cli/message.h"
#include "cli/status.h"
#include "cli/units.h"

static void step_show(void *context, uint64_t done, uint64_t total)
{
    struct copy_progress *progress = context;

    if (!progress->started) {
        progress_start(&progress->progress, total, false);
        progress->started = true;
    }
    progress_step(&progress->progress, done);
}

void copy_progress_start(struct copy_progress *progress)
{
    *progress = (struct copy_progress){.watch = {step_show, progress}};
}

void copy_progress_end(struct copy_progress *progress)
{
    if (progress->started)
        progress_end(&progress->progress);
}

static void figure_add(char *text, size_t size, uint64_t count, const char *words)
{
    size_t used = strlen(text);
    char number[UNITS_MAX];

    if (count)
        snprintf(text + used, size - used, "%s%s %s", used ? ", " : "", units_count(number, count),
                 words);
}

static void figures_say(const char *path, const struct trace_copy_figures *figures)
{
    char records[UNITS_MAX], threads[UNITS_MAX], blocks[256] = "";

    figure_add(blocks, sizeof(blocks), figures->blocks_kept, "as they were");
    figure_add(blocks, sizeof(blocks), figures->blocks_packed, "with other numbers");
    figure_add(blocks, sizeof(blocks), figures->blocks_encoded, "written anew");
    figure_add(blocks, sizeof(blocks), figures->blocks_twice, "left out because they came twice");
    figure_add(blocks, sizeof(blocks), figures->blocks_damaged, "left out because of damage");
    message_print("%s: %s event%s of %s thread%s; blocks: %s", path,
                  units_count(records, figures->records), figures->records == 1 ? "" : "s",
                  units_count(threads, figures->threads), figures->threads == 1 ? "" : "s",
                  *blocks ? blocks : "none");
}

int copy_finish(struct new_file *file, int status, const struct trace_copy_figures *figures,
                const struct trace_error *error)
{
    if (status) {
        message_print("%s: %s; nothing was written", file->path, error->message);
        new_file_discard(file);
        return STATUS_FAILED;
    }
    if (new_file_keep(file))
        return STATUS_FAILED;
    figures_say(file->path, figures);
    return STATUS_GOOD;
}
