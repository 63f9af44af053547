/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace tail SESSION`: the events of a running session as they happen.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/decode.h"
#include "cli/live_symbols.h"
#include "cli/live_window.h"
#include "cli/message.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "cli/units.h"

struct tail_settings {
    struct option_globs events;
    const char *thread, *where;
    int format;
    uint64_t count;  /* 0: no end */
    int64_t time_ns; /* 0: no end */
};

enum {
    SLICE_NS = 100 * 1000 * 1000, /* between two looks at what ends it */
    MESSAGES_MAX = 256,           /* taken before events are printed */
};

struct tail {
    const struct tail_settings *wanted;
    const struct decode_format *format;
    struct live_source *source;
    struct live_window *window;
    struct live_symbols symbols;
    struct decode decode;
    struct where *where;
    bool misunderstood; /* the expression, by a type that has come up */
    struct decode_mark marks[TRACE_BATCH_RECORDS];
    uint64_t printed, end_ns;
};

static const struct decode_format *const formats[] = {&decode_format_text, &decode_format_json,
                                                      &decode_format_csv};

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

static void signals_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

/* ---- printing ---- */

static int batch_print(struct tail *t, struct live_batch *batch)
{
    int err;

    if (batch->missed) {
        t->format->missed(&t->decode, batch->ns, batch->missed->records, batch->missed->bytes);
        return 0;
    }
    err = decode_grow(&t->decode, t->format, batch->events);
    if (err)
        return err;
    t->misunderstood = where_bind(t->where, t->decode.trace) != STATUS_GOOD;
    if (t->misunderstood)
        return 0;
    decode_follow(&t->decode, t->format, batch->events, t->marks);
    t->printed += decode_print(&t->decode, t->format, batch->events, t->marks);
    return 0;
}

static size_t events_left(const struct tail *t)
{
    uint64_t left = t->wanted->count - t->printed;

    return !t->wanted->count || left > TRACE_BATCH_RECORDS ? TRACE_BATCH_RECORDS : (size_t)left;
}

/* Everything that is ready. */
static int ready_print(struct tail *t)
{
    struct live_batch batch;
    int got = 0, err = 0;

    while (!err && !t->misunderstood && events_left(t) &&
           (got = live_window_next(t->window, events_left(t), &batch)) == 1)
        err = batch_print(t, &batch);
    out_flush(&t->decode.out);
    return err ? err : got < 0 ? got : 0;
}

/* ---- following ---- */

static bool is_over(const struct tail *t)
{
    return asked_to_end || t->misunderstood || t->decode.out.error || !events_left(t) ||
           (t->end_ns && clock_monotonic_ns() >= t->end_ns);
}

static uint64_t patience_ns(const struct tail *t)
{
    uint64_t now_ns = clock_monotonic_ns();

    if (!t->end_ns || t->end_ns > now_ns + SLICE_NS)
        return SLICE_NS;
    return t->end_ns > now_ns ? t->end_ns - now_ns : 0;
}

/* What has come, a bounded part of it. */
static int messages_take(struct tail *t)
{
    const struct live_visitor *visitor = live_window_visitor(t->window);
    int got = live_source_read(t->source, patience_ns(t), visitor);

    for (int n = 1; got == 1 && n < MESSAGES_MAX; n++)
        got = live_source_read(t->source, 0, visitor);
    return got < 0 ? got : 0;
}

static int follow(struct tail *t)
{
    int err = 0;

    while (!err && !is_over(t)) {
        err = messages_take(t);
        if (err == -EPIPE)
            live_window_end(t->window);
        if (!err || err == -EPIPE) {
            int printed = ready_print(t);

            err = printed ? printed : err;
        }
    }
    return err == -EPIPE ? 0 : err;
}

/* ---- begin and end ---- */

static void counts_say(const struct tail *t)
{
    char records[UNITS_MAX], bytes[UNITS_MAX];
    struct live_source_counts counts;

    live_source_counts(t->source, &counts);
    counts.unknown += live_window_malformed(t->window);
    if (counts.missed.messages)
        message_print("too slow for %s events (%s): the places are marked",
                      units_count(records, counts.missed.records),
                      units_bytes(bytes, counts.missed.bytes));
    if (counts.unknown)
        message_print("%s events were of a type or thread that is not known, or not readable",
                      units_count(records, counts.unknown));
}

static int tail_prepare(struct tail *t, const struct trace_filter *filter)
{
    int err = live_window_create(&t->window, t->decode.trace, filter);

    if (!err)
        err = out_open_stdout(&t->decode.out);
    if (!err)
        err = decode_prepare(&t->decode, t->format);
    if (!err)
        t->decode.symbols.resolver = &t->symbols.resolver;
    if (!err)
        out_flush(&t->decode.out); /* the heading, if there is one */
    return err;
}

static int session_follow(struct tail *t)
{
    const struct trace_filter filter = {.from_ns = INT64_MIN,
                                        .to_ns = INT64_MAX,
                                        .events = t->wanted->events.list[0] ? t->wanted->events.list
                                                                            : NULL,
                                        .thread = t->wanted->thread};
    int err, written = 0;

    t->decode.trace = live_source_trace(t->source);
    t->decode.filter = &filter;
    t->decode.grows = true;
    t->decode.where = t->where;
    t->decode.colour = terminal_has_colour(STDOUT_FILENO);
    live_symbols_init(&t->symbols, t->decode.trace);
    err = tail_prepare(t, &filter);
    if (!err)
        err = follow(t);
    if (t->format->end)
        t->format->end(&t->decode);
    if (t->decode.out.memory)
        written = out_close(&t->decode.out);
    if (t->window)
        counts_say(t);
    decode_release(&t->decode);
    live_symbols_fini(&t->symbols);
    live_window_destroy(t->window);
    if (err)
        return message_failure(err, "the session cannot be followed");
    if (written)
        return message_failure(written, "the output cannot be written");
    return t->misunderstood ? STATUS_MISUSE : STATUS_GOOD;
}

static int tail_run(void *settings, int operand_count, char **operands)
{
    const struct tail_settings *wanted = settings;
    struct tail *t = calloc(1, sizeof(*t));
    int status;

    if (!t)
        return message_failure(ENOMEM, "cannot listen");
    t->wanted = wanted;
    t->format = formats[wanted->format];
    status = where_parse(&t->where, wanted->where);
    if (status == STATUS_GOOD) {
        signals_catch();
        status = live_source_open(&t->source, operand_count ? operands[0] : NULL, NULL);
    }
    if (status == STATUS_GOOD) {
        if (wanted->time_ns > 0)
            t->end_ns = clock_monotonic_ns() + (uint64_t)wanted->time_ns;
        status = session_follow(t);
    }
    live_source_close(t->source);
    where_free(t->where);
    free(t);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'F',
     .name = "format",
     .words = "text|json|csv",
     .help = "text for people (the default), json: one JSON object a line, csv: with a header",
     .type = &option_word,
     .offset = offsetof(struct tail_settings, format)},
    {.letter = 'e',
     .name = "events",
     .argument = "GLOB",
     .help = "Only events that match GLOB, such as 'memory:*'; repeat it or separate patterns by "
             "commas, ! takes out",
     .type = &option_globs,
     .offset = offsetof(struct tail_settings, events)},
    {.letter = 't',
     .name = "thread",
     .argument = "X",
     .help = "Only threads with thread id X or a name that matches X, as in 'worker*'",
     .type = &option_text,
     .offset = offsetof(struct tail_settings, thread)},
    WHERE_ROW(struct tail_settings),
    {.letter = 'n',
     .name = "count",
     .argument = "N",
     .help = "End after N events",
     .type = &option_count,
     .offset = offsetof(struct tail_settings, count)},
    {.name = "for",
     .argument = "T",
     .help = "End after T, such as 10s or 500ms",
     .type = &option_time,
     .offset = offsetof(struct tail_settings, time_ns)},
    OPTION_HELP_ROW,
};

static const struct tail_settings defaults = {0};

const struct command command_tail = {
    .name = "tail",
    .summary = "Print the events of a running session as they happen",
    .operands = "[SESSION]",
    .description =
        "Prints the events of SESSION from now on, all threads merged in time order, as 'adatrace "
        "decode' prints those of a file. SESSION is a process id or a name as 'adatrace list' "
        "shows them; it may be left out when only one session runs. It ends with the session, with "
        "Ctrl-C, "
        "after --count events or after --for.\n"
        "\n"
        "The program and the recording do not notice who listens. Who is too slow for what "
        "happens, or whose output is not read, misses events: a line says at that place how many, "
        "a last line on stderr how many in all. They are in the trace nevertheless. Code addresses "
        "show as symbols where the files that are mapped can be read here.\n"
        "\n"
        "As JSON, a place where events were missed is an event adatrace:missed. As CSV, the "
        "heading comes again whenever an event type brings new columns.",
    .statuses = "0\tthe events were printed\n"
                "1\tthe session cannot be followed, or there is none\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace tail\tfollow the only session that runs\n"
                "adatrace tail shop -e 'shop:*,!shop:debug*'\tsome events of the program shop\n"
                "adatrace tail 4242 -F json -n 1000 > sample.json\ta thousand events\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_max = 1,
    .settings_bytes = sizeof(struct tail_settings),
    .defaults = &defaults,
    .run = tail_run,
};
