/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace list`: which sessions run, and how they are doing.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/message.h"
#include "cli/session_stats.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "cli/text_table.h"
#include "cli/units.h"

#define INTERVAL_DEFAULT_NS (200 * 1000 * 1000)
enum { RATE_LEAST_NS = 1000 * 1000 };

struct list_settings {
    int format; /* 0: text, 1: JSON */
    int64_t interval_ns;
};

/* A session as it is shown. */
struct row {
    const struct session_entry *entry;
    struct stats_picture first, second; /* memory NULL: it had none to give */
    bool is_busy;                       /* and did not say so in time */
    struct session_rates rates;
};

/* ---- looking ---- */

static void wait_ns(int64_t ns)
{
    struct timespec left = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

/* All first pictures, one pause, all second ones. */
static void rows_look(struct row *rows, size_t count, int64_t interval_ns)
{
    for (size_t i = 0; i < count; i++) {
        int err = session_stats_fetch(rows[i].entry, &rows[i].first);

        if (err)
            rows[i].first = (struct stats_picture){0};
        rows[i].is_busy = err == -ETIMEDOUT || err == -EAGAIN;
    }
    if (count && interval_ns)
        wait_ns(interval_ns);
    for (size_t i = 0; i < count && interval_ns; i++) {
        struct row *r = &rows[i];

        if (!r->first.memory || session_stats_fetch(r->entry, &r->second))
            r->second = (struct stats_picture){0};
        else if (r->second.session->now_ns - r->first.session->now_ns >= RATE_LEAST_NS)
            r->rates = session_rates_of(r->first.session, r->second.session);
    }
}

/* The newest that there is; memory NULL: none, it is ending or busy. */
static const struct stats_picture *picture_of(const struct row *r)
{
    return r->second.memory ? &r->second : &r->first;
}

static uint64_t age_of(const struct row *r)
{
    return clock_monotonic_ns() - r->entry->start_ns;
}

/* ---- text ---- */

static const char *state_text(const struct row *r, const struct stats_session *s)
{
    return s->error ? "error" : s->flags & STATS_SESSION_PAUSED ? "paused" : r->entry->kind;
}

static void row_text(struct text_table *table, const struct row *r)
{
    const struct stats_picture *p = picture_of(r);
    char text[UNITS_MAX];

    text_table_add_number(table, r->entry->pid ? r->entry->pid : r->entry->drain_pid);
    text_table_add_name(table, session_entry_name(r->entry));
    text_table_add_duration(table, age_of(r));
    if (p->memory) {
        text_table_add_count(table, p->session->counts.written);
        text_table_add(table, r->rates.over_ns ? units_rate(text, r->rates.written) : "-");
        text_table_add_count(table, p->session->counts.dropped + p->session->counts.overwritten);
        text_table_add_number(table, p->session->thread_count);
        text_table_add_bytes(table, p->session->file_bytes);
        text_table_add(table, state_text(r, p->session));
    } else {
        for (int i = 0; i < 5; i++)
            text_table_add(table, "-");
        text_table_add(table, r->is_busy ? "busy" : "ending");
    }
    text_table_add_name(table, r->entry->command);
}

static int rows_text(const struct row *rows, size_t count, struct out_buffer *out)
{
    static const char *const headings[] = {"pid",  "<name",   "age",     "events", "rate",
                                           "lost", "threads", "written", "<kind",  "<command"};
    struct text_table table;
    int err;

    if (!count) {
        out_put_text(out, "no session runs\n");
        return 0;
    }
    text_table_init(&table, headings, sizeof(headings) / sizeof(headings[0]));
    for (size_t i = 0; i < count; i++)
        row_text(&table, &rows[i]);
    err = text_table_print(&table, out, terminal_has_colour(STDOUT_FILENO));
    text_table_fini(&table);
    return err;
}

/* ---- JSON ---- */

static void rates_json(struct json_writer *json, const struct session_rates *rates)
{
    json_object_open(json, "per_second");
    json_number(json, "written", rates->written);
    json_number(json, "written_bytes", rates->bytes);
    json_number(json, "stored", rates->stored);
    json_number(json, "dropped", rates->dropped);
    json_number(json, "file_bytes", rates->file_bytes);
    json_unsigned(json, "over_ns", rates->over_ns);
    json_object_close(json);
}

static void row_json(struct json_writer *json, const struct row *r)
{
    const struct stats_picture *p = picture_of(r);

    json_object_open(json, NULL);
    json_unsigned(json, "pid", r->entry->pid);
    json_unsigned(json, "drain_pid", r->entry->drain_pid);
    json_text(json, "name", session_entry_name(r->entry));
    json_text(json, "kind", r->entry->kind);
    json_text(json, "command", r->entry->command);
    json_text(json, "file", r->entry->file);
    json_unsigned(json, "age_ns", age_of(r));
    json_flag(json, "ending", !p->memory && !r->is_busy);
    json_flag(json, "busy", r->is_busy);
    if (r->rates.over_ns)
        rates_json(json, &r->rates);
    if (p->memory)
        session_stats_json(json, p);
    json_object_close(json);
}

static void rows_json(const struct session_list *list, const struct row *rows,
                      struct out_buffer *out)
{
    struct json_writer json = {.out = out};

    json_object_open(&json, NULL);
    json_unsigned(&json, "removed", list->removed);
    json_unsigned(&json, "mute", list->mute);
    json_array_open(&json, "sessions");
    for (size_t i = 0; i < list->count; i++)
        row_json(&json, &rows[i]);
    json_array_close(&json);
    json_object_close(&json);
}

/* ---- the command ---- */

static int list_print(const struct session_list *list, const struct row *rows, int format)
{
    struct out_buffer out;
    int err = out_open_stdout(&out), written;

    if (err)
        return message_failure(err, "the list cannot be printed");
    if (format == 0)
        err = rows_text(rows, list->count, &out);
    else
        rows_json(list, rows, &out);
    written = out_close(&out);
    return err || written ? message_failure(err ? err : written, "the list cannot be printed")
                          : STATUS_GOOD;
}

static void leftovers_tell(const struct session_list *list)
{
    if (list->removed)
        message_print("removed what %zu session%s left that ended without a word", list->removed,
                      list->removed == 1 ? "" : "s");
    if (list->mute)
        message_print("%zu more session%s: no answer", list->mute, list->mute == 1 ? "" : "s");
}

static int list_run(void *settings, int operand_count, char **operands)
{
    const struct list_settings *wanted = settings;
    struct session_list list;
    struct row *rows;
    int status, err = session_list_make(&list);

    (void)operand_count;
    (void)operands;
    if (err)
        return message_failure(err, "sessions cannot be looked for");
    rows = calloc(list.count + 1, sizeof(*rows));
    if (!rows) {
        session_list_free(&list);
        return message_failure(ENOMEM, "the list cannot be made");
    }
    for (size_t i = 0; i < list.count; i++)
        rows[i].entry = &list.entries[i];
    rows_look(rows, list.count, wanted->interval_ns);
    leftovers_tell(&list);
    status = list_print(&list, rows, wanted->format);
    for (size_t i = 0; i < list.count; i++) {
        stats_picture_free(&rows[i].first);
        stats_picture_free(&rows[i].second);
    }
    free(rows);
    session_list_free(&list);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'F',
     .name = "format",
     .words = "text|json",
     .help = "text for people (the default), json for programs: every count of every thread",
     .type = &option_word,
     .offset = offsetof(struct list_settings, format)},
    {.letter = 'i',
     .name = "interval",
     .argument = "TIME",
     .help = "Measure rates over TIME, 200ms by default; 0s: do not measure, do not wait",
     .type = &option_time,
     .offset = offsetof(struct list_settings, interval_ns)},
    OPTION_HELP_ROW,
};

static const struct list_settings defaults = {.interval_ns = INTERVAL_DEFAULT_NS};

const struct command command_list = {
    .name = "list",
    .summary = "List the sessions that run",
    .operands = "",
    .description =
        "Shows every session of this user that runs now: those that 'adatrace record' began and "
        "those of applications that record themselves. The process id and the name are what other "
        "commands take to mean a session; lost is what was dropped or overwritten, written is the "
        "size of the trace so far.\n"
        "\n"
        "Sessions are looked for in $XDG_RUNTIME_DIR and /tmp, or, when that is set, in "
        "$ADATRACE_RUNTIME_DIR only. What sessions left that were killed is removed.",
    .statuses = "0\tthe list was printed, also when it is empty\n"
                "1\tsessions cannot be looked for\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace list\tevery session, one a line\n"
                "adatrace list -F json | jq '.sessions[].dropped'\twhat each has dropped\n",
    .options = options,
    .settings_bytes = sizeof(struct list_settings),
    .defaults = &defaults,
    .run = list_run,
};
