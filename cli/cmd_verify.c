/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace verify FILE`: what is wrong with a trace, and where.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/input.h"
#include "cli/json_writer.h"
#include "cli/message.h"
#include "cli/out_text.h"
#include "cli/status.h"
#include "cli/terminal.h"

struct verify_settings {
    int format; /* 0: text, 1: JSON */
};

struct verify {
    struct out_buffer out;
    struct json_writer json;
    const char *path;
    bool as_json, colour;
    uint64_t findings;
};

enum { SEVERITY_LOSSY = 1 };

static void finding_print(void *context, int severity, uint64_t offset, const char *text)
{
    struct verify *verify = context;
    const char *word = severity == SEVERITY_LOSSY ? "lossy" : "damage";

    verify->findings++;
    if (verify->as_json) {
        json_object_open(&verify->json, NULL);
        json_text(&verify->json, "severity", word);
        json_unsigned(&verify->json, "offset", offset);
        json_text(&verify->json, "text", text);
        json_object_close(&verify->json);
        return;
    }
    out_put_escaped(&verify->out, text_plain, verify->path, strlen(verify->path));
    out_printf(&verify->out, ": offset %" PRIu64 ": %s%s%s: ", offset,
               verify->colour ? "\033[1;31m" : "", word, verify->colour ? "\033[0m" : "");
    out_put_escaped(&verify->out, text_plain, text, strlen(text));
    out_put_char(&verify->out, '\n');
}

static const char *verdict(int status)
{
    switch (status) {
    case STATUS_GOOD:
        return "good";
    case STATUS_LOSSY:
        return "readable, but lossy or cut off";
    default:
        return "unreadable";
    }
}

static void verdict_print(struct verify *verify, int status)
{
    if (verify->as_json) {
        json_array_close(&verify->json);
        json_text(&verify->json, "verdict", verdict(status));
        json_object_close(&verify->json);
        return;
    }
    out_put_escaped(&verify->out, text_plain, verify->path, strlen(verify->path));
    out_printf(&verify->out, ": %s\n", verdict(status));
}

static int trace_check(struct verify *verify)
{
    int status = out_open_stdout(&verify->out), written;

    if (status)
        return message_failure(status, "%s", verify->path);
    verify->json.out = &verify->out;
    if (verify->as_json) {
        json_object_open(&verify->json, NULL);
        json_text(&verify->json, "path", verify->path);
        json_array_open(&verify->json, "findings");
    }
    status = trace_verify(verify->path, finding_print, verify);
    verdict_print(verify, status);
    written = out_close(&verify->out);
    return written ? message_failure(written, "the output cannot be written") : status;
}

static int verify_run(void *settings, int operand_count, char **operands)
{
    const struct verify_settings *wanted = settings;
    struct verify verify = {.as_json = wanted->format == 1,
                            .colour = terminal_has_colour(STDOUT_FILENO)};
    char *path;
    int status = input_choose(&path, operand_count, operands);

    if (status)
        return status;
    verify.path = path;
    if (access(path, R_OK))
        status = message_failure(errno, "%s", path);
    else
        status = trace_check(&verify);
    free(path);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'F',
     .name = "format",
     .words = "text|json",
     .help = "text for people (the default), json for programs",
     .type = &option_word,
     .offset = offsetof(struct verify_settings, format)},
    OPTION_HELP_ROW,
};

const struct command command_verify = {
    .name = "verify",
    .summary = "Check every block, checksum and count of a trace",
    .operands = "[FILE]",
    .description = "Reads all of FILE and checks every block, its checksums, its counts and its "
                   "order, the index against the blocks, and the records against what their "
                   "threads say they wrote. Every finding is printed with its offset in the file, "
                   "then the verdict. Without FILE, the only *.adatrace of the current folder is "
                   "checked.",
    .statuses = "0\tgood\n"
                "1\tunreadable\n"
                "2\tthe command line was not understood\n"
                "3\treadable, but lossy or cut off\n",
    .examples = "adatrace verify git.adatrace\tcheck one trace\n",
    .options = options,
    .completes = COMPLETES_TRACES,
    .operands_max = 1,
    .settings_bytes = sizeof(struct verify_settings),
    .run = verify_run,
};
