/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option_layers.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggestion.h"

/* ---- names ---- */

bool option_is_layered(const struct option_row *row)
{
    return row->type != &option_help && row->type != &option_config;
}

static const struct command *command_of(const struct option_layers *l, const char *name)
{
    for (const struct command *const *c = l->commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

/* ---- files ---- */

static int file_add(struct option_layers *l, const char *path, bool found, char *problem)
{
    struct config_file *file = &l->files[l->file_count++];
    int err = config_file_read(file, path, found);

    if (!err && !found && !file->is_there) {
        err = -EINVAL;
        snprintf(file->problem, sizeof(file->problem), "%.200s: there is no such file", path);
    }
    if (err)
        memcpy(problem, file->problem, sizeof(file->problem));
    return err;
}

int option_layers_read(struct option_layers *l, const struct command *const *all, const char *named,
                       char *problem)
{
    const char *variable = getenv("ADATRACE_CONFIG");
    char user[PATH_MAX];
    int err = 0;

    l->commands = all;
    l->file_count = l->layer = 0;
    if (!named && variable && *variable)
        named = variable;
    if (named)
        return file_add(l, named, false, problem);
    config_file_of_user(user);
    if (*user)
        err = file_add(l, user, true, problem);
    return err ? err : file_add(l, CONFIG_FILE_OF_SYSTEM, true, problem);
}

void option_layers_free(struct option_layers *l)
{
    for (unsigned i = 0; i < l->file_count; i++)
        config_file_free(&l->files[i]);
    l->file_count = 0;
}

/* ---- one word ---- */

static bool is_open(const struct option_layers *l, const struct option_line *line,
                    const struct option_row *row)
{
    const struct option_origin *origin = &line->origins[row - line->rows];

    return origin->source == FROM_DEFAULT || origin->layer == l->layer;
}

static int word_apply(struct option_layers *l, struct option_line *line,
                      const struct option_row *row, struct option_origin origin)
{
    if (!is_open(l, line, row))
        return 0;
    origin.layer = l->layer;
    return option_row_apply(line, row, &origin);
}

/* ---- presets ---- */

/* "name=value" lines: each is a row's name and word. */
static int preset_fill(struct option_layers *l, const struct option_preset *preset,
                       struct option_line *line, const struct option_origin *said)
{
    struct option_origin origin = *said;
    int err = 0;

    origin.preset = preset->name;
    for (const struct option_preset_word *w = preset->words; w->name && !err; w++) {
        const struct option_row *row = option_row_find(line->rows, w->name);

        origin.word = w->word;
        err = row ? word_apply(l, line, row, origin) : -ENOENT;
    }
    return err;
}

/* If the preset was chosen in the layer that was filled in last: what it stands for, below that. */
static int preset_apply(struct option_layers *l, const struct command *command,
                        struct option_line *line)
{
    const struct option_row *row = line->rows;
    const struct option_origin *origin;
    int chosen;

    while (row->name && row->type != &option_preset)
        row++;
    if (!row->name || !command->presets)
        return 0;
    origin = &line->origins[row - line->rows];
    chosen = *(const int *)(const void *)((const char *)line->settings + row->offset);
    if (origin->source == FROM_DEFAULT || origin->layer != l->layer || chosen < 0)
        return 0;
    l->layer++;
    return preset_fill(l, &command->presets[chosen], line, origin);
}

/* ---- layers ---- */

static int environment_apply(struct option_layers *l, struct option_line *line)
{
    char name[OPTION_VARIABLE_MAX];
    int err = 0;

    for (const struct option_row *row = line->rows; row->name && !err; row++) {
        const char *word = option_is_layered(row) ? getenv(option_variable(name, row->name)) : NULL;

        if (word && *word)
            err = word_apply(l, line, row,
                             (struct option_origin){.source = FROM_ENVIRONMENT, .word = word});
    }
    return err;
}

static int refuse_name(struct option_layers *l, const struct config_file *file,
                       const struct config_entry *entry, struct option_line *line)
{
    const struct command *section = command_of(l, entry->section);
    const char *nearest = NULL, *candidate;
    unsigned best = UINT_MAX;
    char rest[512];

    for (const struct command *const *c = l->commands; *c; c++)
        if ((section ? *c == section : !(*c)->says_all_itself) &&
            (candidate = option_row_suggest((*c)->options, entry->name, &best)))
            nearest = candidate;
    if (nearest && strcmp(nearest, entry->name) == 0)
        snprintf(rest, sizeof(rest), "%s can only be said on the command line", nearest);
    else {
        (void)option_refuse_unknown(line, "", entry->name, nearest);
        memcpy(rest, line->problem, sizeof(rest));
    }
    snprintf(line->problem, sizeof(line->problem), "%.200s:%u: %.250s", file->path, entry->line,
             rest);
    return -EINVAL;
}

static int refuse_section(struct option_layers *l, const struct config_file *file,
                          const struct config_entry *entry, struct option_line *line)
{
    const char *nearest = NULL, *candidate;
    unsigned best = UINT_MAX;

    for (const struct command *const *c = l->commands; *c; c++)
        if ((candidate = suggestion_consider(entry->section, (*c)->name, &best)))
            nearest = candidate;
    snprintf(line->problem, sizeof(line->problem),
             "%.200s:%u: [%s] stands above it, and there is no such command%s%s%s", file->path,
             entry->line, entry->section, nearest ? "; did you mean [" : "", nearest ? nearest : "",
             nearest ? "]?" : "");
    return -EINVAL;
}

/* Does any command have such an option? */
static bool is_known(const struct option_layers *l, const char *name)
{
    for (const struct command *const *c = l->commands; *c; c++) {
        const struct option_row *row = option_row_find((*c)->options, name);

        if (row && option_is_layered(row) && !(*c)->says_all_itself)
            return true;
    }
    return false;
}

/* The entries of one section, or of none. */
static int section_apply(struct option_layers *l, const struct config_file *file,
                         const char *section, struct option_line *line)
{
    int err = 0;

    for (size_t i = 0; i < file->count && !err; i++) {
        const struct config_entry *entry = &file->entries[i];
        const struct option_row *row;

        if (strcmp(entry->section, section) != 0)
            continue;
        row = option_row_find(line->rows, entry->name);
        if (row && !option_is_layered(row))
            row = NULL;
        if (row)
            err = word_apply(l, line, row,
                             (struct option_origin){.source = FROM_FILE,
                                                    .where = file->path,
                                                    .line = entry->line,
                                                    .word = entry->value});
        else if (*section || !is_known(l, entry->name))
            err = refuse_name(l, file, entry, line);
    }
    return err;
}

static int sections_check(struct option_layers *l, const struct config_file *file,
                          struct option_line *line)
{
    for (size_t i = 0; i < file->count; i++)
        if (*file->entries[i].section && !command_of(l, file->entries[i].section))
            return refuse_section(l, file, &file->entries[i], line);
    return 0;
}

static int file_apply(struct option_layers *l, const struct config_file *file,
                      const struct command *command, struct option_line *line)
{
    const char *const sections[] = {command->name, ""};
    int err = sections_check(l, file, line);

    for (int i = 0; i < 2 && !err; i++) {
        l->layer++;
        err = section_apply(l, file, sections[i], line);
        if (!err)
            err = preset_apply(l, command, line);
    }
    return err;
}

int option_layers_apply(struct option_layers *l, const struct command *command,
                        struct option_line *line)
{
    int err;

    l->layer = 0; /* the command line's */
    err = preset_apply(l, command, line);
    l->layer++;
    if (!err)
        err = environment_apply(l, line);
    if (!err)
        err = preset_apply(l, command, line);
    for (unsigned i = 0; i < l->file_count && !err; i++)
        err = file_apply(l, &l->files[i], command, line);
    return err;
}
