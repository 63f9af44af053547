/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace snapshot`: what a running session has at this moment, as a file of its own.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/json_writer.h"
#include "cli/message.h"
#include "cli/out_buffer.h"
#include "cli/session_find.h"
#include "cli/status.h"
#include "cli/units.h"
#include "drain/control_files.h"

struct snapshot_settings {
    const char *output;
    bool force;
    int64_t before_ns;
    int format; /* 0: text, 1: JSON */
};

/* The session may have another working folder. */
static int path_absolute(char *out, size_t size, const char *path)
{
    char folder[PATH_MAX];
    int length;

    if (!path || path[0] == '/')
        length = snprintf(out, size, "%s", path ? path : "");
    else if (!getcwd(folder, sizeof(folder)))
        return -errno;
    else
        length = snprintf(out, size, "%s/%s", folder, path);
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* Wait for the session to have written it. */
static int result_read(int fd, struct control_snapshot *result)
{
    ssize_t got;

    do
        got = recv(fd, result, sizeof(*result), 0);
    while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof(*result)) {
        result->path[sizeof(result->path) - 1] = 0;
        return 0;
    }
    message_print("the session ended before the snapshot was written");
    return STATUS_FAILED;
}

static int result_print(const struct control_snapshot *result, bool as_json)
{
    struct json_writer json;
    struct out_buffer out;
    char size[UNITS_MAX];
    int err = out_open_stdout(&out);

    if (err)
        return message_failure(err, "the output cannot be written");
    if (as_json) {
        json = (struct json_writer){.out = &out};
        json_object_open(&json, NULL);
        json_text(&json, "path", result->path);
        json_unsigned(&json, "bytes", result->file_bytes);
        json_object_close(&json);
    } else {
        out_printf(&out, "%s  %s\n", result->path, units_bytes(size, result->file_bytes));
    }
    err = out_close(&out);
    return err ? message_failure(err, "the output cannot be written") : STATUS_GOOD;
}

static int snapshot_problem(const struct control_snapshot *result)
{
    if (result->status == -EEXIST)
        message_print("%s exists already: --force replaces it", result->path);
    else if (result->status == -EBUSY)
        message_print("%s is what the session records into: -o FILE names another", result->path);
    else
        message_failure(result->status, "cannot write %s", result->path);
    return STATUS_FAILED;
}

static int snapshot_run(void *settings, int operand_count, char **operands)
{
    const struct snapshot_settings *s = settings;
    struct session_answer answer = {0};
    struct control_snapshot result;
    char path[PATH_MAX], before[24];
    const char *words[] = {path, s->force ? "1" : "0", before};
    int status = path_absolute(path, sizeof(path), s->output);

    if (status)
        return message_failure(status, "cannot write %s", s->output);
    snprintf(before, sizeof(before), "%lld", (long long)s->before_ns);
    status = session_ask(operand_count ? operands[0] : NULL, "snapshot", 3, words, &answer, NULL);
    if (!status && answer.fd_count != 1) {
        message_print("the session gave no answer that could be understood");
        status = STATUS_FAILED;
    }
    if (!status)
        status = result_read(answer.fds[0], &result);
    session_answer_free(&answer);
    if (status)
        return status;
    return result.status ? snapshot_problem(&result) : result_print(&result, s->format == 1);
}

#define FIELD(name) .offset = offsetof(struct snapshot_settings, name)

static const struct option_row options[] = {
    {.letter = 'o',
     .name = "output",
     .argument = "FILE",
     .help = "Write the snapshot to FILE; otherwise to NAME-snapshot-0001.adatrace, or the next "
             "number that is free, beside the trace NAME.adatrace of the session",
     .type = &option_new_file,
     FIELD(output)},
    {.letter = 'f',
     .name = "force",
     .help = "Replace FILE when it is there already; it stays until the new one is complete",
     .type = &option_flag,
     FIELD(force)},
    {.name = "before",
     .argument = "TIME",
     .help = "Of a flight recorder: no more than about the last TIME, such as 2s",
     .type = &option_time,
     FIELD(before_ns)},
    {.letter = 'F',
     .name = "format",
     .words = "text|json",
     .help = "text for people (the default), json for programs",
     .type = &option_word,
     FIELD(format)},
    OPTION_HELP_ROW,
};

const struct command command_snapshot = {
    .name = "snapshot",
    .summary = "Write what a running session has at this moment into a file",
    .operands = "[SESSION]",
    .description =
        "Takes a snapshot of a running session without stopping it or slowing its program, as "
        "often as wanted, and prints the file's path and size. SESSION is a process id or a name "
        "as 'adatrace list' shows them; it may be left out when only one "
        "session runs.\n"
        "\n"
        "Of a flight recorder (adatrace record --flight) the snapshot has all that is kept: the "
        "newest records of every thread, and in front of them how many were let go. Of a session "
        "that records into a file it is a copy of the file so far. Both are complete traces, with "
        "types, threads, symbols and index.",
    .statuses = "0\tit is written\n"
                "1\tno such session, or the file cannot be written\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace snapshot\tof the only session that runs\n"
                "adatrace snapshot redis-server -o slow.adatrace\tnaming both\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_max = 1,
    .settings_bytes = sizeof(struct snapshot_settings),
    .run = snapshot_run,
};
