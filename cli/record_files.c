/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_files.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/message.h"
#include "cli/record_talk.h"
#include "cli/status.h"
#include "cli/units.h"
#include "drain/file_names.h"

static bool rotates(const struct record_settings *s)
{
    return s->rotate_bytes || s->rotate_ns;
}

int record_files_check(const struct record_settings *s)
{
    if (s->flight.on && rotates(s))
        message_print("--flight writes no file, so there is nothing for --rotate-size and "
                      "--rotate-time to do");
    else if (s->keep && !rotates(s))
        message_print("--keep says how many files stay: it needs --rotate-size or --rotate-time");
    else
        return 0;
    return STATUS_MISUSE;
}

enum record_output_kind record_files_kind(const struct record_settings *s)
{
    return s->flight.on ? OUTPUT_NONE : rotates(s) ? OUTPUT_NUMBERED : OUTPUT_FILE;
}

void record_files_options(const struct record_settings *s, struct collector_options *options)
{
    static const enum collector_last lasts[] = {
        [RECORD_LAST_NEVER] = LAST_NEVER,
        [RECORD_LAST_ERROR] = LAST_ON_ERROR,
        [RECORD_LAST_ALWAYS] = LAST_ALWAYS,
    };

    options->files = (struct session_files_options){
        .replace = s->force,
        .rotate_bytes = s->rotate_bytes,
        .rotate_ns = (uint64_t)s->rotate_ns,
        .keep = (unsigned)s->keep,
    };
    options->flight = s->flight.on;
    options->flight_bytes = s->flight.bytes;
    options->flight_ns = s->flight.ns;
    options->last_snapshot = lasts[s->last_snapshot];
}

/* ---- the end ---- */

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static uint64_t bytes_of(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* What there is of the files numbered up to `last`. The first has a number in its name only where
 * it was known from the beginning that there would be others. */
static uint64_t files_bytes(const struct record_output *output, unsigned first, unsigned last)
{
    char path[PATH_MAX];
    uint64_t bytes = first == 1 ? bytes_of(output->path) : 0;

    for (unsigned n = first == 1 ? 2 : first; n <= last; n++)
        if (file_name_rotated(path, sizeof(path), output->base, n) == 0)
            bytes += bytes_of(path);
    return bytes;
}

static void files_summary(const struct record_output *output,
                          const struct session_files_figures *files,
                          const struct drain_figures *figures)
{
    char path[PATH_MAX], text[PATH_MAX + 96];
    unsigned first = files->deleted + 1;

    if (file_name_rotated(path, sizeof(path), output->base, files->number) != 0)
        return;
    snprintf(text, sizeof(text), "%s", output->path);
    if (files->number > 1)
        snprintf(text, sizeof(text), "%u files up to %s", files->number - files->deleted,
                 name_of(path));
    record_talk_summary(figures, files_bytes(output, first, files->number), text);
    if (files->deleted)
        message_print("%u older file%s deleted, as --keep says", files->deleted,
                      files->deleted == 1 ? " was" : "s were");
    if (files->error)
        message_failure(files->error, "%s may not be complete", files->error_path);
}

static void flight_summary(const struct collector *collector,
                           const struct session_files_figures *files,
                           const struct drain_figures *figures)
{
    const struct snapshot_result *last = collector_last_snapshot(collector);
    char count[UNITS_MAX], dropped[UNITS_MAX], time[UNITS_MAX];

    message_print("%s events, %s dropped in %s, none of them written but in %u snapshot%s",
                  units_count(count, figures->records), units_count(dropped, figures->dropped),
                  units_duration(time, figures->end_ns - figures->start_ns), files->snapshots,
                  files->snapshots == 1 ? "" : "s");
    if (last && last->status)
        message_failure(last->status, "cannot write the last snapshot%s%s",
                        last->path[0] ? ", " : "", last->path);
    else if (last)
        message_print("the last snapshot: %s", last->path);
}

void record_files_summary(struct collector *collector, const struct record_settings *settings,
                          const struct record_output *output, const struct drain_figures *figures)
{
    struct session_files_figures files;

    collector_files(collector, &files);
    if (settings->flight.on)
        flight_summary(collector, &files, figures);
    else if (files.number)
        files_summary(output, &files, figures);
    else
        record_talk_summary(figures,
                            output->is_new ? record_output_bytes(output) : figures->file_bytes,
                            output->path);
}
