/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/json_writer.h"
#include "cli/out_text.h"
#include "cli/text_table.h"

int config_view_make(struct config_view *v, struct option_layers *layers,
                     const struct command *command, int count, char *const *words)
{
    size_t rows = option_row_count(command->options);
    int err;

    *v = (struct config_view){
        .command = command,
        .words = calloc((size_t)count + 1, sizeof(*v->words)),
        .line = {.rows = command->options,
                 .origins = calloc(rows + 1, sizeof(*v->line.origins)),
                 .settings = calloc(1, command->settings_bytes + 1),
                 .operands_end_options = command->operands_end_options,
                 .count = count},
    };
    if (!v->words || !v->line.origins || !v->line.settings)
        return -ENOMEM;
    if (count)
        memcpy(v->words, words, (size_t)count * sizeof(*words));
    if (command->defaults)
        memcpy(v->line.settings, command->defaults, command->settings_bytes);
    v->line.words = v->words;
    err = option_line_parse(&v->line);
    return err ? err : option_layers_apply(layers, command, &v->line);
}

void config_view_free(struct config_view *v)
{
    free(v->line.origins);
    free(v->line.settings);
    free(v->words);
}

/* ---- one option ---- */

/* False: there is nothing to show of this row. */
static bool value_of(const struct config_shown *shown, const struct config_view *v,
                     const struct option_row *row, char value[OPTION_SHOWN_MAX])
{
    const struct option_origin *origin = &v->line.origins[row - v->line.rows];

    if (!option_is_layered(row) || (shown->only_changed && origin->source == FROM_DEFAULT))
        return false;
    if (row->type->show)
        row->type->show(row, v->line.settings, (const char *)v->line.settings + row->offset, value);
    else
        snprintf(value, OPTION_SHOWN_MAX, "%s", origin->word ? origin->word : "");
    return true;
}

static const char *source_name(enum option_source source)
{
    static const char *const names[] = {
        [FROM_DEFAULT] = "default",
        [FROM_FILE] = "file",
        [FROM_ENVIRONMENT] = "environment",
        [FROM_LINE] = "command line",
    };

    return names[source];
}

/* ---- variables that nobody reads ---- */

static bool is_read(const struct option_layers *l, const char *variable, size_t length)
{
    static const char *const others[] = {"ADATRACE_CONFIG", "ADATRACE_SESSION"};
    char name[OPTION_VARIABLE_MAX];

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (strlen(others[i]) == length && memcmp(others[i], variable, length) == 0)
            return true;
    for (const struct command *const *c = l->commands; *c; c++)
        for (const struct option_row *row = (*c)->options; row->name; row++)
            if (option_is_layered(row) && strlen(option_variable(name, row->name)) == length &&
                memcmp(name, variable, length) == 0)
                return true;
    return false;
}

/* The next one from *at on, and its length; NULL: there is none. */
static const char *variable_unread(const struct option_layers *l, char ***at, size_t *length)
{
    for (; **at; (*at)++) {
        const char *variable = **at;

        *length = strcspn(variable, "=");
        if (strncmp(variable, "ADATRACE_", 9) == 0 && !is_read(l, variable, *length)) {
            (*at)++;
            return variable;
        }
    }
    return NULL;
}

/* ---- text ---- */

static void origin_text(const struct option_origin *origin, const char *name, char *text,
                        size_t size)
{
    char variable[OPTION_VARIABLE_MAX];
    int length;

    switch (origin->source) {
    case FROM_FILE:
        length = snprintf(text, size, "%s:%u", origin->where, origin->line);
        break;
    case FROM_ENVIRONMENT:
        length =
            snprintf(text, size, "%s", option_variable(variable, origin->preset ? "preset" : name));
        break;
    default:
        length = snprintf(text, size, "%s", source_name(origin->source));
    }
    if (origin->preset && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, ", preset %s", origin->preset);
}

static int view_text(const struct config_shown *shown, const struct config_view *v,
                     struct out_buffer *out, bool colour)
{
    static const char *const headings[] = {"<option", "<value", "<from"};
    char value[OPTION_SHOWN_MAX], from[PATH_MAX + 80];
    struct text_table table;
    int err = 0;

    text_table_init(&table, headings, 3);
    for (const struct option_row *row = v->line.rows; row->name; row++) {
        if (!value_of(shown, v, row, value))
            continue;
        origin_text(&v->line.origins[row - v->line.rows], row->name, from, sizeof(from));
        text_table_add(&table, row->name);
        text_table_add_name(&table, *value ? value : "-");
        text_table_add_name(&table, from);
    }
    if (table.count || table.failed) {
        out_printf(out, "\n%s%s%s\n", colour ? "\033[1m" : "", v->command->name,
                   colour ? "\033[0m" : "");
        err = text_table_print(&table, out, colour);
    }
    text_table_fini(&table);
    return err;
}

int config_text_print(const struct config_shown *shown, struct out_buffer *out, bool colour)
{
    char **at = environ;
    const char *variable;
    size_t length;
    int err = 0;

    for (unsigned i = 0; i < shown->layers->file_count; i++)
        out_printf(out, "%s: %s\n", shown->layers->files[i].path,
                   shown->layers->files[i].is_there ? "read" : "not there");
    while ((variable = variable_unread(shown->layers, &at, &length)))
        out_printf(out, "%.*s: no option is called so\n", (int)length, variable);
    for (size_t i = 0; i < shown->count && !err; i++)
        err = view_text(shown, &shown->views[i], out, colour);
    return err;
}

/* ---- JSON ---- */

static void option_json(const struct config_view *v, const struct option_row *row,
                        const char *value, struct json_writer *json)
{
    const struct option_origin *origin = &v->line.origins[row - v->line.rows];
    char variable[OPTION_VARIABLE_MAX];

    json_object_open(json, NULL);
    json_text(json, "option", row->name);
    json_text(json, "value", *value ? value : NULL);
    json_text(json, "given", origin->word);
    json_text(json, "source", source_name(origin->source));
    json_text(json, "preset", origin->preset);
    json_text(json, "file", origin->where);
    if (origin->where)
        json_unsigned(json, "line", origin->line);
    json_text(json, "variable", option_variable(variable, row->name));
    json_object_close(json);
}

static void view_json(const struct config_shown *shown, const struct config_view *v,
                      struct json_writer *json)
{
    char value[OPTION_SHOWN_MAX];

    json_object_open(json, NULL);
    json_text(json, "command", v->command->name);
    json_array_open(json, "options");
    for (const struct option_row *row = v->line.rows; row->name; row++)
        if (value_of(shown, v, row, value))
            option_json(v, row, value, json);
    json_array_close(json);
    json_object_close(json);
}

void config_json_print(const struct config_shown *shown, struct out_buffer *out)
{
    struct json_writer json = {.out = out};
    char **at = environ, name[256];
    const char *variable;
    size_t length;

    json_object_open(&json, NULL);
    json_array_open(&json, "files");
    for (unsigned i = 0; i < shown->layers->file_count; i++) {
        json_object_open(&json, NULL);
        json_text(&json, "path", shown->layers->files[i].path);
        json_flag(&json, "read", shown->layers->files[i].is_there);
        json_object_close(&json);
    }
    json_array_close(&json);
    json_array_open(&json, "unknown_variables");
    while ((variable = variable_unread(shown->layers, &at, &length))) {
        snprintf(name, sizeof(name), "%.*s", (int)length, variable);
        json_text(&json, NULL, name);
    }
    json_array_close(&json);
    json_array_open(&json, "commands");
    for (size_t i = 0; i < shown->count; i++)
        view_json(shown, &shown->views[i], &json);
    json_array_close(&json);
    json_object_close(&json);
}
