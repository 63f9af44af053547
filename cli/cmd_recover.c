/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace recover FILE...`: what recordings that did not end properly have left, made whole.
 */
#include <errno.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/recover_say.h"
#include "cli/session_find.h"
#include "cli/status.h"

struct recover_settings {
    const char *output;
    bool force, in_use;
    int format; /* 0: text, 1: JSON */
};

/* What dead sessions have left where sessions are found; what cannot be looked at stays. */
static unsigned folders_clear(void)
{
    struct session_list list;
    unsigned removed;

    if (session_list_make(&list))
        return 0;
    removed = (unsigned)list.removed;
    session_list_free(&list);
    return removed;
}

/* `saved`: where `wish` looks up what the files before have become. */
static bool recover_all(const struct recover_wish *wish, bool *saved, struct out_buffer *out,
                        struct json_writer *json)
{
    bool good = true;

    for (int i = 0; i < wish->path_count; i++) {
        struct recover_result result;

        recover_file(wish->paths[i], wish, &result);
        good &= result.state != RECOVER_FAILED;
        saved[i] = result.state == RECOVER_SAVED;
        if (json)
            recover_say_json(json, &result);
        else
            recover_say_text(out, &result);
    }
    return good;
}

static int recover_print(const struct recover_wish *wish, bool *saved, bool as_json)
{
    struct json_writer json = {0};
    struct out_buffer out;
    unsigned removed;
    int err = out_open_stdout(&out);
    bool good;

    if (err)
        return message_failure(err, "the output cannot be written");
    json.out = &out;
    if (as_json) {
        json_object_open(&json, NULL);
        json_array_open(&json, "files");
    }
    good = recover_all(wish, saved, &out, as_json ? &json : NULL);
    removed = folders_clear();
    if (as_json) {
        json_array_close(&json);
        json_unsigned(&json, "folders_removed", removed);
        json_object_close(&json);
    } else if (removed) {
        out_printf(&out, "%u folder%s of dead sessions removed\n", removed,
                   removed == 1 ? "" : "s");
    }
    err = out_close(&out);
    if (err)
        return message_failure(err, "the output cannot be written");
    return good ? STATUS_GOOD : STATUS_FAILED;
}

static int recover_run(void *settings, int operand_count, char **operands)
{
    const struct recover_settings *wanted = settings;
    bool *saved = calloc((size_t)operand_count, sizeof(*saved));
    const struct recover_wish wish = {.output = wanted->output,
                                      .force = wanted->force,
                                      .in_use = wanted->in_use,
                                      .paths = operands,
                                      .path_count = operand_count,
                                      .saved = saved};
    int status = STATUS_MISUSE;

    if (!saved)
        status = message_failure(ENOMEM, "%d files", operand_count);
    else if (wanted->output && operand_count > 1)
        message_print("--output names one file, and %d are to be recovered", operand_count);
    else
        status = recover_print(&wish, saved, wanted->format == 1);
    free(saved);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'o',
     .name = "output",
     .argument = "FILE",
     .help =
         "Write what is saved to FILE; NAME.recovered.adatrace in the current folder by default",
     .type = &option_new_file,
     .offset = offsetof(struct recover_settings, output)},
    {.letter = 'f',
     .name = "force",
     .help = "Replace the file that is to be written when it is there already",
     .type = &option_flag,
     .offset = offsetof(struct recover_settings, force)},
    {.name = "in-use",
     .help = "Take what there is of a segment also while processes use it",
     .type = &option_flag,
     .offset = offsetof(struct recover_settings, in_use)},
    {.letter = 'F',
     .name = "format",
     .words = "text|json",
     .help = "text for people (the default), json for programs",
     .type = &option_word,
     .offset = offsetof(struct recover_settings, format)},
    OPTION_HELP_ROW,
};

const struct command command_recover = {
    .name = "recover",
    .summary = "Save what a recording that was killed has left",
    .operands = "FILE...",
    .description =
        "Makes whole traces of what recordings have left that did not end properly. FILE is a "
        "trace "
        "that was cut off or is damaged: all whole blocks of it go into a trace with an index, "
        "counts that add up and an end. Or it is the segment of a session whose rings were in a "
        "file (segment_path of ada_session_start()): what is still in its rings becomes a trace, "
        "with the names of functions where the binaries are still there.\n"
        "\n"
        "The files themselves are read and never changed. When a segment and its session's trace "
        "are given together, events that both have are left out of what is made of the segment, "
        "and it is said how many neither has; `adatrace merge` then makes one trace of the two.\n"
        "\n"
        "It is said what was saved, what is known to be missing, and what nobody can know any "
        "more. "
        "A trace that is whole, and a segment with nothing in its rings, are left alone. A segment "
        "that processes still use is refused. Folders of dead sessions are removed from where "
        "running ones are found.",
    .statuses = "0\tall that there was is saved, or there was nothing to do\n"
                "1\ta FILE cannot be read, is in use, or what is saved of it not be written\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace recover shop.adatrace\twrite shop.recovered.adatrace\n"
                "adatrace recover shop.adatrace shop.segment\twhat the recording had written, and "
                "what was in its rings\n",
    .options = options,
    .completes = COMPLETES_FILES,
    .operands_min = 1,
    .operands_max = -1,
    .settings_bytes = sizeof(struct recover_settings),
    .run = recover_run,
};
