/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files, line by line and through the option tables of `adatrace record` and of the
 * commands that read files.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/option_layers.h"
#include "cli/options_record.h"
#include "fuzz_target.h"

static const struct command *const all[] = {&command_record, &command_decode, &command_report,
                                            &command_cut,    &command_merge,  NULL};

/* Nothing is recorded here. */
int cmd_record(const struct record_settings *settings, int count, char **words)
{
    (void)settings;
    (void)count;
    (void)words;
    return 0;
}

static void entries_check(const struct config_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        FUZZ_CHECK(file->entries[i].line >= 1);
        FUZZ_CHECK(strlen(file->entries[i].value) <= CONFIG_FILE_LINE_MAX);
        fuzz_touch(file->entries[i].name, strlen(file->entries[i].name));
        fuzz_touch(file->entries[i].section, strlen(file->entries[i].section));
    }
}

/* Then it has to be refused, whatever is in it: half a line is not what somebody wrote. */
static bool has_long_line(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = bytes + size, *at = bytes;

    while (at < end && !memchr(bytes, 0, size)) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));

        if ((newline ? newline : end) - at > CONFIG_FILE_LINE_MAX)
            return true;
        at = newline ? newline + 1 : end;
    }
    return false;
}

static void command_try(const struct command *command, const char *path, bool is_too_long)
{
    struct option_layers layers = {0};
    struct option_line line = {
        .rows = command->options,
        .origins = calloc(option_row_count(command->options) + 1, sizeof(*line.origins)),
        .settings = calloc(1, command->settings_bytes + 1),
    };
    char problem[512] = "";

    FUZZ_CHECK(line.origins && line.settings);
    if (command->defaults)
        memcpy(line.settings, command->defaults, command->settings_bytes);
    if (option_layers_read(&layers, all, path, problem)) {
        FUZZ_CHECK(problem[0] && memchr(problem, 0, sizeof(problem)));
    } else {
        FUZZ_CHECK(!is_too_long);
        entries_check(&layers.files[0]);
        if (option_layers_apply(&layers, command, &line))
            FUZZ_CHECK(line.problem[0] && memchr(line.problem, 0, sizeof(line.problem)));
    }
    option_layers_free(&layers);
    free(line.settings);
    free(line.origins);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *path = fuzz_file(0, bytes, size);
    bool is_too_long = has_long_line(bytes, size);

    for (const struct command *const *command = all; *command; command++)
        command_try(*command, path, is_too_long);
    return 0;
}
