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
#include "cli/units.h"

struct verify_settings {
    int format; /* 0: text, 1: JSON */
};

enum { UNTRUE_MAX = 8 }; /* that are named in the verdict */

struct verify {
    struct out_buffer out;
    struct json_writer json;
    const char *path;
    bool as_json, colour;
    struct {
        uint32_t number, pid;
    } untrue[UNTRUE_MAX]; /* processes whose counters cannot be true */
    unsigned untrue_count;
    bool more_untrue; /* than these, or one that the file does not describe */
};

static void untrue_keep(struct verify *verify, const struct trace_process *process)
{
    if (!process) {
        verify->more_untrue = true;
        return;
    }
    for (unsigned i = 0; i < verify->untrue_count; i++)
        if (verify->untrue[i].number == process->process)
            return;
    if (verify->untrue_count == UNTRUE_MAX) {
        verify->more_untrue = true;
        return;
    }
    verify->untrue[verify->untrue_count].number = process->process;
    verify->untrue[verify->untrue_count++].pid = process->pid;
}

static void finding_print_json(struct verify *verify, const struct trace_finding *finding,
                               const char *word)
{
    json_object_open(&verify->json, NULL);
    json_text(&verify->json, "severity", word);
    if (finding->offset == TRACE_NOWHERE)
        json_text(&verify->json, "offset", NULL);
    else
        json_unsigned(&verify->json, "offset", finding->offset);
    if (finding->process)
        json_unsigned(&verify->json, "pid", finding->process->pid);
    if (finding->thread)
        json_unsigned(&verify->json, "tid", finding->thread->tid);
    json_text(&verify->json, "text", finding->text);
    json_object_close(&verify->json);
}

static void finding_print(void *context, const struct trace_finding *finding)
{
    struct verify *verify = context;
    const char *word = finding->is_untrue                         ? "untrue"
                       : finding->severity == TRACE_SEVERITY_LOSS ? "lossy"
                                                                  : "damage";

    if (finding->is_untrue)
        untrue_keep(verify, finding->process);
    if (verify->as_json) {
        finding_print_json(verify, finding, word);
        return;
    }
    out_put_escaped(&verify->out, text_plain, verify->path, strlen(verify->path));
    if (finding->offset != TRACE_NOWHERE)
        out_printf(&verify->out, ": offset %" PRIu64, finding->offset);
    out_printf(&verify->out, ": %s%s%s: ", verify->colour ? "\033[1;31m" : "", word,
               verify->colour ? "\033[0m" : "");
    out_put_escaped(&verify->out, text_plain, finding->text, strlen(finding->text));
    out_put_char(&verify->out, '\n');
}

static const char *verdict(const struct trace_judgement *judgement)
{
    switch (judgement->status) {
    case STATUS_GOOD:
        return "good";
    case STATUS_LOSSY:
        return "readable, but lossy or cut off";
    default:
        return judgement->is_readable ? "damaged" : "unreadable";
    }
}

/* How much a damaged one is worth. */
static void blocks_print(struct verify *verify, const struct trace_judgement *judgement)
{
    char blocks[UNITS_MAX], read[UNITS_MAX];

    if (judgement->status != STATUS_FAILED || !judgement->is_readable)
        return;
    units_count(blocks, judgement->blocks);
    if (judgement->blocks_read < judgement->blocks)
        out_printf(&verify->out, ": %s of %s blocks can be read",
                   units_count(read, judgement->blocks_read), blocks);
    else
        out_printf(&verify->out, ", although all %s blocks can be read", blocks);
}

/* Others are judged by what they counted themselves. */
static void untrue_print(struct verify *verify)
{
    const char *between = verify->untrue_count > 1 ? "es " : " ";

    if (!verify->untrue_count && !verify->more_untrue)
        return;
    out_printf(&verify->out, "; not to be believed: the losses of process");
    for (unsigned i = 0; i < verify->untrue_count; i++, between = ", ")
        out_printf(&verify->out, "%s%" PRIu32, between, verify->untrue[i].pid);
    if (verify->more_untrue)
        out_printf(&verify->out, "%s", verify->untrue_count ? " and others" : "es not described");
}

static void untrue_print_json(struct verify *verify)
{
    json_array_open(&verify->json, "untrue");
    for (unsigned i = 0; i < verify->untrue_count; i++)
        json_unsigned(&verify->json, NULL, verify->untrue[i].pid);
    json_array_close(&verify->json);
}

static void verdict_print(struct verify *verify, const struct trace_judgement *judgement)
{
    if (verify->as_json) {
        json_array_close(&verify->json);
        untrue_print_json(verify);
        json_unsigned(&verify->json, "blocks", judgement->blocks);
        json_unsigned(&verify->json, "blocks_read", judgement->blocks_read);
        json_text(&verify->json, "verdict", verdict(judgement));
        json_object_close(&verify->json);
        return;
    }
    out_put_escaped(&verify->out, text_plain, verify->path, strlen(verify->path));
    out_printf(&verify->out, ": %s", verdict(judgement));
    blocks_print(verify, judgement);
    untrue_print(verify);
    out_put_char(&verify->out, '\n');
}

static int trace_check(struct verify *verify)
{
    struct trace_judgement judgement;
    int status = out_open_stdout(&verify->out), written;

    if (status)
        return message_failure(status, "%s", verify->path);
    verify->json.out = &verify->out;
    if (verify->as_json) {
        json_object_open(&verify->json, NULL);
        json_text(&verify->json, "path", verify->path);
        json_array_open(&verify->json, "findings");
    }
    trace_judge(verify->path, finding_print, verify, &judgement);
    verdict_print(verify, &judgement);
    written = out_close(&verify->out);
    return written ? message_failure(written, "the output cannot be written") : judgement.status;
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
    .description =
        "Reads all of FILE and checks every block, its checksums, its counts and its "
        "order, the index against the blocks, and the records against what their "
        "threads say they wrote. Every finding is printed, with its offset in the file where it "
        "has one, then the verdict. Each process is judged by itself: one that wrote over its "
        "own counters makes the trace lossy, the verdict says which, and what the others "
        "recorded and lost is as exact as without it. Of a damaged file the verdict says how many "
        "blocks can be read: the other commands show those, and what is missing between them. "
        "Without FILE, the only *.adatrace "
        "of the current folder is checked.",
    .statuses = "0\tgood\n"
                "1\tdamaged, not as it was written; or unreadable: no trace, or empty\n"
                "2\tthe command line was not understood\n"
                "3\treadable, but lossy, cut off, or with losses that are not known\n",
    .examples = "adatrace verify git.adatrace\tcheck one trace\n",
    .options = options,
    .completes = COMPLETES_TRACES,
    .operands_max = 1,
    .settings_bytes = sizeof(struct verify_settings),
    .run = verify_run,
};
