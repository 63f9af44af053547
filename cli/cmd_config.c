/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace config [COMMAND [OPTION]...]`: which values of a command's options are in force, and
 * where each comes from.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/config_view.h"
#include "cli/message.h"
#include "cli/status.h"
#include "cli/terminal.h"

enum { WORDS_MAX = 2 };

struct config_settings {
    int format;
    const char *file;
    const char *preset;
    bool only_changed;
};
enum { CONFIG_TEXT, CONFIG_JSON };

static int shown_print(const struct config_shown *shown, int format)
{
    struct out_buffer out;
    int err = out_open_stdout(&out), closed;

    if (err)
        return message_failure(err, "the output cannot be written");
    if (format == CONFIG_JSON)
        config_json_print(shown, &out);
    else
        err = config_text_print(shown, &out, terminal_has_colour(STDOUT_FILENO));
    closed = out_close(&out);
    err = err ? err : closed;
    return err ? message_failure(err, "the output cannot be written") : STATUS_GOOD;
}

/* ---- what is asked for ---- */

static size_t commands_count(void)
{
    size_t count = 0;

    while (commands[count])
        count++;
    return count;
}

/* One command with its words, or all that have options. 0, or the exit status. */
static int views_make(struct config_shown *shown, struct config_view *views,
                      struct option_layers *layers, const struct command *only, int count,
                      char *const *words)
{
    for (const struct command *const *c = commands; *c; c++) {
        int err;

        if (only ? *c != only : (*c)->says_all_itself)
            continue;
        err = config_view_make(&views[shown->count++], layers, *c, count, words);
        if (err == -ENOMEM)
            return message_failure(err, "out of memory");
        if (err) {
            message_print("%s", views[shown->count - 1].line.problem);
            return STATUS_MISUSE;
        }
    }
    return 0;
}

static int command_show(const struct config_settings *wanted, struct option_layers *layers,
                        const struct command *only, int count, char *const *words)
{
    struct config_view *views = calloc(commands_count(), sizeof(*views));
    struct config_shown shown = {
        .layers = layers, .views = views, .only_changed = wanted->only_changed};
    int status;

    if (!views)
        return message_failure(ENOMEM, "out of memory");
    status = views_make(&shown, views, layers, only, count, words);
    if (!status)
        status = shown_print(&shown, wanted->format);
    for (size_t i = 0; i < shown.count; i++)
        config_view_free(&views[i]);
    free(views);
    return status;
}

/* `--preset X` is short for `record --preset X`. */
static int preset_show(const struct config_settings *wanted, struct option_layers *layers,
                       const struct command *only, int count, char *const *words)
{
    char name[] = "--preset";
    char **all = calloc((size_t)count + WORDS_MAX, sizeof(*all));
    int status;

    if (!all)
        return message_failure(ENOMEM, "out of memory");
    all[0] = name;
    all[1] = (char *)(uintptr_t)wanted->preset;
    for (int i = 0; i < count; i++)
        all[WORDS_MAX + i] = words[i];
    status = command_show(wanted, layers, only ? only : &command_record, count + WORDS_MAX, all);
    free(all);
    return status;
}

/* How many words from here on are an option of ours. */
static int own_length(char *const *words, int count)
{
    const struct option_row *row = NULL;
    char name[32] = "";

    if (strcmp(words[0], "-F") == 0)
        return count > 1 ? 2 : 1;
    if (strncmp(words[0], "--", 2) == 0)
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(words[0] + 2, "="), words[0] + 2);
    if (*name)
        row = option_row_find(command_config.options, name);
    /* A preset is the command's, and help is asked for in front. */
    if (!row || row->type == &option_text || row->type == &option_help)
        return 0;
    return option_value_name(row) && !strchr(words[0], '=') && count > 1 ? 2 : 1;
}

/* Behind COMMAND its own options follow, but --format, --changed and --config are ours there, too.
 * Returns how many words are left for the command; -EINVAL: one of ours is wrong. */
static int own_take(struct config_settings *wanted, int count, char **words)
{
    int left = 0;

    for (int i = 0, length; i < count; i += length ? length : 1) {
        struct option_line line = {
            .rows = command_config.options, .settings = wanted, .words = words + i};

        length = line.count = own_length(words + i, count - i);
        if (!length) {
            words[left++] = words[i];
        } else if (option_line_parse(&line)) {
            message_print("%s", line.problem);
            return -EINVAL;
        }
    }
    return left;
}

static int config_run(void *settings, int operand_count, char **operands)
{
    struct config_settings *wanted = settings;
    const struct command *only = operand_count ? command_find(operands[0]) : NULL;
    struct option_layers layers = {0};
    char problem[512];
    int status, count;

    if (operand_count && !only) {
        message_print("there is no command '%.60s'; 'adatrace help' lists them", operands[0]);
        return STATUS_MISUSE;
    }
    count = operand_count ? own_take(wanted, operand_count - 1, operands + 1) : 0;
    if (count < 0)
        return STATUS_MISUSE;
    if (option_layers_read(&layers, commands, wanted->file, problem)) {
        message_print("%s", problem);
        status = STATUS_MISUSE;
    } else if (wanted->preset) {
        status = preset_show(wanted, &layers, only, count, operands + 1);
    } else {
        status = command_show(wanted, &layers, only, count, operands + 1);
    }
    option_layers_free(&layers);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'F',
     .name = "format",
     .words = "text|json",
     .help = "text for people (the default), json for programs",
     .type = &option_word,
     .offset = offsetof(struct config_settings, format)},
    {.name = "preset",
     .argument = "PRESET",
     .help = "Show what COMMAND, or record, does with this preset",
     .type = &option_text,
     .offset = offsetof(struct config_settings, preset)},
    {.name = "changed",
     .help = "Leave out what is as by default",
     .type = &option_flag,
     .offset = offsetof(struct config_settings, only_changed)},
    {.name = "config",
     .argument = "FILE",
     .help = "Read options from FILE, in place of those of the user and of the system",
     .type = &option_new_file,
     .offset = offsetof(struct config_settings, file)},
    {.letter = 'h', .name = "help", .help = "Show this help", .type = &option_help},
    {0},
};

const struct command command_config = {
    .name = "config",
    .summary = "Show which options are in force and where they come from",
    .operands = "[COMMAND [OPTION]...]",
    .description =
        "Shows the value of every option of COMMAND, as it would be with the options that follow, "
        "and what said so: the command line, the environment, a configuration file, a preset, or "
        "nobody (default). Without COMMAND, of all commands. Sizes are shown as they are used, "
        "rounded up to powers of two where they have to be.\n"
        "\n"
        "Stronger comes first: the command line; the variable ADATRACE_OPTION_NAME, such as "
        "ADATRACE_RING_SIZE; the file $XDG_CONFIG_HOME/adatrace/adatrace.ini "
        "(~/.config/adatrace/adatrace.ini); the file /etc/adatrace/adatrace.ini. --config FILE or "
        "ADATRACE_CONFIG takes the place of both files. The current folder is not looked at.\n"
        "\n"
        "A file has lines 'option-name = value', which hold for every command that has such an "
        "option, and below a line [COMMAND] those for that command alone. A flag is yes or no. "
        "Lines that begin with # or ; are comments. A preset gives way to whatever is said in the "
        "same place or in a stronger one.",
    .statuses = "0\tthe options were shown\n"
                "1\tthe output cannot be written\n"
                "2\tthe command line, a file or a variable was not understood\n",
    .examples = "adatrace config record\tevery option of record\n"
                "adatrace config --changed\twhat is not as by default\n"
                "adatrace config --preset low-latency\twhat a preset stands for\n"
                "adatrace config record --preset flight -r 1M\twhat this command line would do\n",
    .options = options,
    .completes = COMPLETES_OWN,
    .operands_max = -1,
    .operands_end_options = true,
    .says_all_itself = true,
    .settings_bytes = sizeof(struct config_settings),
    .run = config_run,
};
