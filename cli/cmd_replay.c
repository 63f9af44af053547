/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace replay FILE`: the events of a trace once more, with their spacing: into a recording of
 * its own, into a session that runs, or to a command.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ADA_NEVER_UNLOADED
#include <adatrace/adatrace.h>

#include "base/atomic.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/message.h"
#include "cli/new_file.h"
#include "cli/replay.h"
#include "cli/session_find.h"
#include "cli/status.h"
#include "cli/units.h"
#include "drain/file_names.h"
#include "format/trace_copy.h"

struct replay_settings {
    struct input_selection selection;
    double speed; /* 0: as fast as it goes */
    const char *output, *into, *command;
    bool force;
    uint64_t ring_bytes;
    int policy; /* enum ada_policy */
};

static bool stop_asked; /* atomic */

/* ---- what is said at the end ---- */

static void lateness_say(const struct replay_lateness *lateness)
{
    char half[UNITS_MAX], most[UNITS_MAX], latest[UNITS_MAX];

    if (!lateness->late_ns.count)
        return;
    message_print(
        "an event came later than its place in the trace by %s (p50), %s (p99), %s at most",
        units_duration(half, histogram_quantile(&lateness->late_ns, 0.5)),
        units_duration(most, histogram_quantile(&lateness->late_ns, 0.99)),
        units_duration(latest, lateness->latest_ns));
    if (lateness->spacing_ns.count)
        message_print("the time between two events of a thread was off by %s (p50), %s (p99)",
                      units_duration(half, histogram_quantile(&lateness->spacing_ns, 0.5)),
                      units_duration(most, histogram_quantile(&lateness->spacing_ns, 0.99)));
}

static void counts_say(const struct replay_figures *figures, const char *where)
{
    char played[UNITS_MAX], emitted[UNITS_MAX], dropped[UNITS_MAX], off[UNITS_MAX];
    char took[UNITS_MAX];

    message_print("%s: %s events of %s threads in %s: %s emitted, %s dropped%s%s%s", where,
                  units_count(played, figures->played), units_count(off, figures->threads),
                  units_duration(took, figures->took_ns), units_count(emitted, figures->emitted),
                  units_count(dropped, figures->dropped), figures->off ? ", " : "",
                  figures->off ? units_count(off, figures->off) : "",
                  figures->off ? " switched off in the session" : "");
    if (figures->gaps)
        message_print("at %s places of the trace records were missing: there was nothing to play",
                      units_count(off, figures->gaps));
    if (figures->left)
        message_print("%s events are of types that cannot be declared anew, and were left out",
                      units_count(off, figures->left));
}

/* Every thread's ring has counted what we have. */
static int ledgers_check(const struct replay_figures *figures)
{
    if (!figures->differing)
        return STATUS_GOOD;
    message_print("the rings of %llu threads count other numbers of events than were emitted",
                  (unsigned long long)figures->differing);
    return STATUS_FAILED;
}

static bool is_file(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* And so has the file. */
static int file_check(const char *path, const struct replay_figures *figures)
{
    uint64_t written = 0, dropped = 0, stored = 0;
    const struct trace_thread *thread;
    struct trace_error error;
    struct trace *trace;

    if (trace_open(&trace, path, &error)) {
        message_print("%s: %s", path, error.message);
        return STATUS_FAILED;
    }
    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++) {
        const struct trace_ledger *ledger = trace_ledger_of(trace, thread->thread);

        written += ledger ? ledger->written : 0;
        dropped += ledger ? ledger->dropped : 0;
        stored += ledger ? ledger->stored + ledger->overwritten : 0;
    }
    trace_close(trace);
    if (written == figures->emitted && dropped <= figures->dropped && stored == written)
        return STATUS_GOOD;
    message_print("%s has %llu events and %llu dropped: that does not agree", path,
                  (unsigned long long)stored, (unsigned long long)dropped);
    return STATUS_FAILED;
}

/* ---- the original's names ---- */

/* Addresses are those of the original; the recorder found nothing there. The file is written once
 * more, block by block as it is, with the names that the original has for them. */
static int names_add(const struct trace *original, const char *path, const char *output)
{
    const struct trace_cut cut = {
        .filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}, .origin = path, .names_of = original};
    struct trace_copy_figures figures;
    struct trace_error error;
    struct new_file file;
    struct trace *trace;
    int fd, status;

    if (trace_open(&trace, output, &error)) {
        message_print("%s: %s", output, error.message);
        return STATUS_FAILED;
    }
    fd = new_file_open(&file, output, true);
    status = fd < 0 ? fd : trace_cut(trace, &cut, fd, NULL, &figures, &error);
    trace_close(trace);
    if (status == 0)
        return new_file_keep(&file) ? STATUS_FAILED : STATUS_GOOD;
    if (fd >= 0) {
        message_print("%s stays without the original's symbols: %s", output, error.message);
        new_file_discard(&file);
    }
    return STATUS_FAILED;
}

/* ---- where to ---- */

static int play(struct replay *replay, const char *path, const char *where)
{
    int status = replay_types_make(&replay->types, replay->trace);

    if (status == 0)
        status = replay_run(replay);
    if (status != 0)
        return message_failure(status, "%s cannot be replayed", path);
    counts_say(&replay->figures, where);
    lateness_say(&replay->figures.lateness);
    if (load_relaxed(&stop_asked))
        message_print("stopped before the end");
    return ledgers_check(&replay->figures);
}

static int session_problem(int error, const char *output)
{
    if (error == -EEXIST)
        message_print("%s exists already: --force replaces it, -o FILE names another", output);
    else if (error == -ERANGE)
        message_print("--ring-size is from 4K to 1G");
    else
        message_print("cannot record into %s: %s", output, ada_error_text(error));
    return STATUS_FAILED;
}

static int play_recording(struct replay *replay, const char *path,
                          const struct replay_settings *wanted)
{
    const struct ada_session_options options = {
        .size = sizeof(options),
        .ring_bytes = wanted->ring_bytes,
        .policy = (enum ada_policy)wanted->policy,
        .replace = wanted->force,
        .name = "replay",
    };
    char name[PATH_MAX];
    const char *output = wanted->output ? wanted->output : name;
    int status, ended;

    file_name_derived(name, sizeof(name), path, "replay");
    status = ada_session_start(output, &options);
    if (status < 0)
        return session_problem(status, output);
    status = play(replay, path, output);
    ended = ada_session_stop();
    if (ended < 0)
        return message_failure(ended, "cannot write %s", output);
    if (status || !is_file(output))
        return status;
    status = file_check(output, &replay->figures);
    return status ? status : names_add(replay->trace, path, output);
}

static int session_join(const char *wanted, char *name, size_t size)
{
    struct session_client client;
    struct session_entry entry;
    char door[SESSION_PATH_BYTES];
    int status = session_open(&client, wanted, &entry);

    if (status)
        return status;
    session_client_close(&client);
    snprintf(name, size, "session %s", session_entry_name(&entry));
    session_folder_at(&entry.folder, "socket", door);
    if (strcmp(entry.kind, "embedded") == 0) {
        message_print("%s records itself: only sessions of 'adatrace record' take further "
                      "processes in",
                      name);
        status = STATUS_FAILED;
    } else {
        int err = ada_session_join(door);

        if (err < 0)
            message_print("%s does not let us in: %s", name, ada_error_text(err));
        status = err < 0 ? STATUS_FAILED : STATUS_GOOD;
    }
    session_entry_free(&entry);
    return status;
}

static int play_into(struct replay *replay, const char *path, const char *wanted)
{
    char name[128];
    int status = session_join(wanted, name, sizeof(name));

    return status ? status : play(replay, path, name);
}

static int play_command(struct replay *replay, const char *path, const char *command)
{
    char played[UNITS_MAX], took[UNITS_MAX];
    int status = replay_exec(replay, path, command);

    message_print("%s events to the command in %s", units_count(played, replay->figures.played),
                  units_duration(took, replay->figures.took_ns));
    lateness_say(&replay->figures.lateness);
    return status;
}

/* ---- the command ---- */

static void stop_ask(int signal)
{
    (void)signal;
    store_relaxed(&stop_asked, true); /* relaxed: seen soon enough */
}

/* The first time the recording is ended as it should be; the second time it is not. */
static void signals_take(void)
{
    const struct sigaction action = {.sa_handler = stop_ask, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int trace_play(struct input *input, const struct replay_settings *wanted,
                      const struct trace_filter *filter)
{
    struct replay replay = {
        .trace = input->trace, .filter = filter, .speed = wanted->speed, .stop = &stop_asked};
    int status;

    signals_take();
    if (wanted->command)
        status = play_command(&replay, input->path, wanted->command);
    else if (wanted->into)
        status = play_into(&replay, input->path, wanted->into);
    else
        status = play_recording(&replay, input->path, wanted);
    replay_lateness_fini(&replay.figures.lateness);
    replay_types_free(&replay.types);
    return status;
}

static int replay_command_run(void *settings, int operand_count, char **operands)
{
    const struct replay_settings *wanted = settings;
    struct trace_filter filter;
    struct input input;
    int status;

    if (!!wanted->output + !!wanted->into + !!wanted->command > 1) {
        message_print("only one of --output, --into and --exec can be meant");
        return STATUS_MISUSE;
    }
    status = input_open(&input, operand_count, operands);
    if (status)
        return status;
    status = input_filter(&input, &wanted->selection, &filter);
    if (status == STATUS_GOOD)
        status = trace_play(&input, wanted, &filter);
    input_warn_unread(&input);
    input_close(&input);
    return status;
}

/* ---- options ---- */

static int speed_apply(const struct option_row *row, const char *text, void *field)
{
    char *end;
    double speed;

    (void)row;
    if (strcmp(text, "max") == 0) {
        *(double *)field = 0;
        return 0;
    }
    speed = strtod(text, &end);
    if (end == text || (*end && strcmp(end, "x") != 0) || !(speed >= 1e-6 && speed <= 1e6))
        return -EINVAL;
    *(double *)field = speed;
    return 0;
}

static const struct option_type option_speed = {
    .accepts = "a number such as 2 or 0.5, from 0.000001 to 1000000, or max", .apply = speed_apply};

static const struct option_row options[] = {
    {.letter = 's',
     .name = "speed",
     .argument = "X",
     .help = "Play X times as fast as it was; max: without any waiting",
     .type = &option_speed,
     .offset = offsetof(struct replay_settings, speed)},
    {.letter = 'o',
     .name = "output",
     .argument = "FILE",
     .help = "Record into FILE; NAME.replay.adatrace in the current folder by default",
     .type = &option_new_file,
     .offset = offsetof(struct replay_settings, output)},
    {.letter = 'f',
     .name = "force",
     .help = "Replace FILE when it is there already",
     .type = &option_flag,
     .offset = offsetof(struct replay_settings, force)},
    {.letter = 'i',
     .name = "into",
     .argument = "SESSION",
     .help = "Play into a session that runs under 'adatrace record': its name, its program's, or a "
             "process id",
     .type = &option_text,
     .offset = offsetof(struct replay_settings, into)},
    {.letter = 'x',
     .name = "exec",
     .argument = "COMMAND",
     .help = "Give the events to a shell command, as lines of JSON like those of 'adatrace decode "
             "-F json'",
     .type = &option_text,
     .offset = offsetof(struct replay_settings, command)},
    {.letter = 'r',
     .name = "ring-size",
     .argument = "SIZE",
     .help = "Give every thread a ring of SIZE; 4M by default",
     .type = &option_bytes,
     .offset = offsetof(struct replay_settings, ring_bytes)},
    {.letter = 'p',
     .name = "policy",
     .words = "drop|overwrite|block",
     .help = "What happens to an event that finds its ring full; drop by default",
     .type = &option_word,
     .offset = offsetof(struct replay_settings, policy)},
    INPUT_SELECTION_ROWS(struct replay_settings),
    OPTION_HELP_ROW,
};

static const struct replay_settings defaults = {.selection = INPUT_SELECTION_ALL, .speed = 1};

const struct command command_replay = {
    .name = "replay",
    .summary = "Play the events of a trace again, with their spacing",
    .operands = "[FILE]",
    .description =
        "Emits every event of FILE once more: each thread of the trace becomes a thread of its "
        "name, which emits the same events with the same fields, as far apart as they were. So "
        "what reads recordings, live views and consumers of events can be tried out with real "
        "loads.\n"
        "\n"
        "By default that is recorded into a new file. --into plays into a session that runs, as a "
        "further process of it; --exec writes the events of all threads to a command instead.\n"
        "\n"
        "At the end it says how many events were emitted and dropped, compares that with what the "
        "rings have counted, and how late events came against their places in the trace and "
        "against each other. "
        "Durations are kept in nanoseconds. Code addresses are those of the original; a new file "
        "has the original's symbols for them, a session or command has not. Where the trace has "
        "gaps there is nothing to play.",
    .statuses = "0\tall events were played, and counts agree\n"
                "1\tFILE cannot be read, or it could not be played\n"
                "2\tthe command line was not understood\n"
                "N\twith --exec: the status of the command\n",
    .examples = "adatrace replay shop.adatrace -o again.adatrace\trecord it again\n"
                "adatrace replay shop.adatrace --speed 10 --into shop\t"
                "ten times the load for a session that runs\n"
                "adatrace replay shop.adatrace --exec 'my-consumer -'\tfor a program of yours\n",
    .options = options,
    .completes = COMPLETES_TRACES,
    .operands_max = 1,
    .settings_bytes = sizeof(struct replay_settings),
    .defaults = &defaults,
    .run = replay_command_run,
};
