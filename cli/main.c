/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of the `adatrace` command: finds the command in the table, fills in its settings from the
 * command line, runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggestion.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/message.h"
#include "cli/option_layers.h"
#include "cli/option_parse.h"
#include "cli/status.h"

/* A full disk or a closed pipe must not look like success. */
static int stdout_finish(int status)
{
    if (fflush(stdout) || ferror(stdout))
        return message_failure(errno, "the output cannot be written");
    return status;
}

static int misuse(const struct command *command, const char *problem)
{
    if (!command) {
        message_print("%s", problem);
        message_line("'adatrace --help' shows what there is.");
        return STATUS_MISUSE;
    }
    message_line("adatrace %s: %s", command->name, problem);
    message_line("'adatrace %s --help' tells more.", command->name);
    return STATUS_MISUSE;
}

static int misuse_unknown(const char *name)
{
    const char *nearest = NULL, *candidate;
    unsigned best = UINT_MAX;
    char problem[256];

    for (const struct command *const *c = commands; *c; c++)
        if ((candidate = suggestion_consider(name, (*c)->name, &best)))
            nearest = candidate;
    snprintf(problem, sizeof(problem), "there is no command '%.60s'%s%s%s", name,
             nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return misuse(NULL, problem);
}

static int operands_check(const struct command *command, const struct option_line *line)
{
    char problem[256];

    if (line->operand_count < command->operands_min) {
        snprintf(problem, sizeof(problem), "something is missing: %s", command->operands);
        return misuse(command, problem);
    }
    if (command->operands_max >= 0 && line->operand_count > command->operands_max) {
        snprintf(problem, sizeof(problem), "one at a time, please: '%.60s' is too much",
                 line->words[command->operands_max]);
        return misuse(command, problem);
    }
    return STATUS_GOOD;
}

/* What the command line did not say. */
static int layers_fill(struct option_layers *layers, const struct command *command,
                       struct option_line *line)
{
    if (command->says_all_itself)
        return 0;
    return option_layers_read(layers, commands, line->config, line->problem) ||
           option_layers_apply(layers, command, line);
}

static int line_run(const struct command *command, struct option_line *line)
{
    struct option_layers layers = {0};
    int status;

    /* NOLINTNEXTLINE(bugprone-branch-clone): help comes before the layers are asked */
    if (option_line_parse(line)) {
        status = misuse(command, line->problem);
    } else if (line->help) {
        help_print_command(stdout, command);
        status = stdout_finish(STATUS_GOOD);
    } else if (layers_fill(&layers, command, line)) {
        status = misuse(command, line->problem);
    } else {
        status = operands_check(command, line);
        if (status == STATUS_GOOD)
            status = stdout_finish(command->run(line->settings, line->operand_count, line->words));
    }
    option_layers_free(&layers);
    return status;
}

static int command_run(const struct command *command, int count, char **words)
{
    struct option_line line = {
        .rows = command->options,
        .origins = calloc(option_row_count(command->options) + 1, sizeof(*line.origins)),
        .settings = calloc(1, command->settings_bytes + 1),
        .operands_end_options = command->operands_end_options,
        .words = words,
        .count = count,
    };
    int status = STATUS_FAILED;

    if (!line.settings || !line.origins) {
        message_print("out of memory");
    } else {
        if (command->defaults)
            memcpy(line.settings, command->defaults, command->settings_bytes);
        status = line_run(command, &line);
    }
    free(line.settings);
    free(line.origins);
    return status;
}

static int man_print(const char *page)
{
    const struct command *command = command_find(page);

    if (!command && strcmp(page, "adatrace") != 0)
        return misuse_unknown(page);
    help_print_man(stdout, command);
    return stdout_finish(STATUS_GOOD);
}

/* `adatrace` with options but without a command. */
static int global_run(int count, char **words)
{
    struct global_settings settings = {0};
    struct option_line line = {.rows = global_options,
                               .settings = &settings,
                               .operands_end_options = true,
                               .words = words,
                               .count = count};

    if (option_line_parse(&line))
        return misuse(NULL, line.problem);
    if (settings.version)
        puts("adatrace " ADATRACE_VERSION);
    else if (settings.print_man)
        return man_print(settings.print_man);
    else if (settings.print_completion && strcmp(settings.print_completion, "bash") == 0)
        help_print_bash(stdout);
    else if (settings.print_completion)
        return misuse(NULL, "there is completion for bash only");
    else
        help_print(stdout);
    return stdout_finish(STATUS_GOOD);
}

/*
 * A standard stream that the caller has closed would be the next file that is opened: a trace that
 * messages are written into. What stands there instead fails as a closed one does, and is closed to
 * the programs that we run.
 */
static void streams_hold(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

int main(int argc, char **argv)
{
    const struct command *command;

    streams_hold();
    if (argc < 2) {
        help_print(stderr);
        return STATUS_MISUSE;
    }
    if (argv[1][0] == '-')
        return global_run(argc - 1, argv + 1);
    command = command_find(argv[1]);
    if (!command)
        return misuse_unknown(argv[1]);
    return command_run(command, argc - 2, argv + 2);
}
