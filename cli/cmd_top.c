/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace top SESSION`: what a running session's threads, events and functions are doing.
 */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/message.h"
#include "cli/phase.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "cli/top.h"

struct top_settings {
    int64_t interval_ns;
    bool once;
    int format;
    int sort;
    const char *filter;
};

#define INTERVAL_DEFAULT_NS 1000000000

/* ---- once ---- */

static void line_print(void *context, enum top_style style, const char *text)
{
    struct out_buffer *out = context;

    (void)style;
    out_put_text(out, text);
    out_put_char(out, '\n');
}

static void text_print(const struct top *top, struct out_buffer *out)
{
    const struct top_page page = {.context = out, .line = line_print, .utf8 = terminal_is_utf8()};

    top_draw(top, &page, TOP_ALL, 0, -1);
}

static void threads_json(struct json_writer *json, const struct top *top)
{
    json_array_open(json, "thread_rates");
    for (size_t n = 0; n < top->thread_count; n++) {
        const struct top_thread *row = &top->threads[n];

        json_object_open(json, NULL);
        json_unsigned(json, "pid", row->now->pid);
        json_unsigned(json, "tid", row->now->tid);
        json_text(json, "name", row->now->name);
        json_number(json, "records_per_second", row->records);
        json_number(json, "bytes_per_second", row->bytes);
        json_number(json, "dropped_per_second", row->dropped);
        json_unsigned(json, "fill_percent", row->fill_percent);
        json_unsigned(json, "high_water_percent", row->high_percent);
        json_object_close(json);
    }
    json_array_close(json);
}

static void events_json(struct json_writer *json, const struct top *top)
{
    json_array_open(json, "events");
    for (size_t n = 0; n < top->event_count; n++) {
        json_object_open(json, NULL);
        json_text(json, "event", top->events[n].type->full_name);
        json_text(json, "phase", phase_identifier(top->events[n].type->schema.phase));
        json_unsigned(json, "seen", top->events[n].count);
        json_number(json, "per_second", top->events[n].per_second);
        json_object_close(json);
    }
    json_array_close(json);
    json_array_open(json, "functions");
    for (size_t n = 0; n < top->function_count; n++) {
        const struct top_function *row = &top->functions[n];

        json_object_open(json, NULL);
        json_text(json, "function", row->name);
        json_unsigned(json, "calls", row->calls);
        json_number(json, "per_second", row->per_second);
        json_unsigned(json, "self_ns", row->self_ns);
        json_unsigned(json, "p50_ns", row->p50_ns);
        json_unsigned(json, "p99_ns", row->p99_ns);
        json_object_close(json);
    }
    json_array_close(json);
}

static void json_print(const struct top *top, struct out_buffer *out)
{
    struct json_writer json = {.out = out};
    char text[512];

    json_object_open(&json, NULL);
    json_text(&json, "session", session_entry_name(&top->entry));
    json_unsigned(&json, "pid", top->entry.pid);
    json_unsigned(&json, "over_ns", top->rates.over_ns);
    json_number(&json, "records_per_second", top->rates.written);
    json_number(&json, "bytes_per_second", top->rates.bytes);
    json_number(&json, "dropped_per_second", top->rates.dropped);
    json_unsigned(&json, "missed", top->heard.missed.records);
    json_text(&json, "advice", top_advice(top, text, sizeof(text)));
    threads_json(&json, top);
    events_json(&json, top);
    json_object_open(&json, "stats");
    session_stats_json(&json, &top->now);
    json_object_close(&json);
    json_object_close(&json);
}

/* One interval, from one picture to the next. */
static int once_show(struct top *top, const struct top_settings *wanted)
{
    struct out_buffer out;
    int err = top_listen(top, clock_monotonic_ns() + (uint64_t)wanted->interval_ns);

    if (!err)
        err = top_update(top);
    if (err)
        return message_failure(err, "the session %s", session_entry_name(&top->entry));
    setlocale(LC_CTYPE, "");
    err = out_open_stdout(&out);
    if (err)
        return message_failure(err, "cannot write");
    if (wanted->format)
        json_print(top, &out);
    else
        text_print(top, &out);
    err = out_close(&out);
    return err ? message_failure(err, "the output cannot be written") : STATUS_GOOD;
}

/* ---- begin ---- */

static int top_show(struct top *top, const struct top_settings *wanted)
{
    int err;

    top->sort = (enum top_sort)wanted->sort;
    if (wanted->filter)
        strncpy(top->filter, wanted->filter, sizeof(top->filter) - 1);
    err = top_update(top);
    if (err)
        return message_failure(err, "the session %s", session_entry_name(&top->entry));
    return wanted->once ? once_show(top, wanted) : top_screen(top, (uint64_t)wanted->interval_ns);
}

static int top_run(void *settings, int operand_count, char **operands)
{
    const struct top_settings *wanted = settings;
    struct top *top;
    int status;

    if (wanted->interval_ns <= 0) {
        message_print("--interval takes a time above zero");
        return STATUS_MISUSE;
    }
    if (!wanted->once && !(terminal_is(STDIN_FILENO) && terminal_is(STDOUT_FILENO))) {
        message_print("top needs a terminal; without one, --once prints one picture");
        return STATUS_MISUSE;
    }
    top = calloc(1, sizeof(*top));
    if (!top)
        return message_failure(-ENOMEM, "cannot listen");
    status = top_open(top, operand_count ? operands[0] : NULL);
    if (status == STATUS_GOOD)
        status = top_show(top, wanted);
    top_close(top);
    free(top);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'i',
     .name = "interval",
     .argument = "T",
     .help = "Show anew every T; 1s by default",
     .type = &option_time,
     .offset = offsetof(struct top_settings, interval_ns)},
    {.letter = 's',
     .name = "sort",
     .words = "rate|dropped|fill|name",
     .help = "What rows are sorted by: the rate of events (the default), what was dropped, how "
             "full rings are, or names",
     .type = &option_word,
     .offset = offsetof(struct top_settings, sort)},
    {.name = "filter",
     .argument = "TEXT",
     .help = "Only threads, events and functions with TEXT in their names",
     .type = &option_text,
     .offset = offsetof(struct top_settings, filter)},
    {.name = "once",
     .help = "Watch for one interval, print what there is, and end",
     .type = &option_flag,
     .offset = offsetof(struct top_settings, once)},
    {.letter = 'F',
     .name = "format",
     .words = "text|json",
     .help = "With --once: text for people (the default), or json",
     .type = &option_word,
     .offset = offsetof(struct top_settings, format)},
    OPTION_HELP_ROW,
};

static const struct top_settings defaults = {.interval_ns = INTERVAL_DEFAULT_NS};

const struct command command_top = {
    .name = "top",
    .summary = "Watch threads, events and functions of a running session",
    .operands = "[SESSION]",
    .description =
        "Shows, every second anew, what every thread of SESSION writes, how full its ring is and "
        "was, what it dropped and how far the drain is behind; how often which event comes; and "
        "for functions how often they are called and how long they take. SESSION is a process id "
        "or a name as 'adatrace list' shows them; it may be left out when only one session runs.\n"
        "\n"
        "Rings that are more than 80 % full are marked; beyond 90 % a line says what to change.\n"
        "\n"
        "Keys: Tab shows all, threads, events or functions; s sorts otherwise; / filters by a part "
        "of the name, Escape ends that; the arrows choose an event and space switches it off and "
        "on; p pauses, r counts functions anew, q ends.\n"
        "\n"
        "Events and functions are counted from the live stream. Who is too slow for it misses "
        "events, and says how many; threads are counted by the session itself.",
    .statuses = "0\tthe session was watched\n"
                "1\tit cannot be watched, or there is none\n"
                "2\tthe command line was not understood, or there is no terminal\n",
    .examples = "adatrace top\twatch the only session that runs\n"
                "adatrace top shop --once -F json\tone picture, for a script\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_max = 1,
    .settings_bytes = sizeof(struct top_settings),
    .defaults = &defaults,
    .run = top_run,
};
