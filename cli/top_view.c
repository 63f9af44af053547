/* SPDX-License-Identifier: Apache-2.0 */
/* What `adatrace top` shows, line by line. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/bar.h"
#include "cli/out_text.h"
#include "cli/phase.h"
#include "cli/top.h"
#include "cli/units.h"

enum { LINE_BYTES = 1024, BAR_WIDTH = 10, NAME_WIDTH = 16, NAME_BYTES = 64 };

__attribute__((format(printf, 3, 4))) static void line(const struct top_page *page,
                                                       enum top_style style, const char *format,
                                                       ...)
{
    char text[LINE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    page->line(page->context, style, text);
}

/* A name of the program's: no control characters, so many columns (of bytes that are letters). */
static const char *name_text(char text[NAME_BYTES * TEXT_ESCAPED_MAX], const char *name)
{
    *text_plain(text, name, strlen(name) < NAME_BYTES ? strlen(name) : NAME_BYTES - 1) = 0;
    return text;
}

/* ---- the session ---- */

static unsigned fullest(const struct top *top, const struct top_thread **thread)
{
    unsigned percent = 0;

    *thread = NULL;
    for (size_t n = 0; n < top->thread_count; n++)
        if (top->threads[n].fill_percent >= percent) {
            percent = top->threads[n].fill_percent;
            *thread = &top->threads[n];
        }
    return percent;
}

const char *top_advice(const struct top *top, char *text, size_t size)
{
    const struct stats_session *s = top->now.session;
    char ring[UNITS_MAX], name[NAME_BYTES * TEXT_ESCAPED_MAX];
    const struct top_thread *thread;
    unsigned percent = fullest(top, &thread);

    if (thread && percent >= TOP_FILL_EXPLAINED)
        snprintf(text, size,
                 "the ring of %s/%u is %u %% full: next time a larger one (--ring-size %s), more "
                 "--drain-threads or a faster --level%s; now: switch events off",
                 name_text(name, thread->now->name), thread->now->tid, percent,
                 units_bytes(ring, thread->now->room_bytes * 2), s->level > 0 ? " (-5)" : "");
    else if (top->rates.dropped > 0)
        snprintf(
            text, size,
            "events are dropped: next time larger rings (--ring-size), or --policy block; now: "
            "switch events off");
    else
        return NULL;
    return text;
}

static void session_draw(const struct top *top, const struct top_page *page)
{
    const struct stats_session *s = top->now.session;
    char age[UNITS_MAX], rate[UNITS_MAX], bytes[UNITS_MAX], dropped[UNITS_MAX], drops[UNITS_MAX];
    char file[UNITS_MAX], lag[UNITS_MAX], count[UNITS_MAX], level[16];

    line(page, TOP_TITLE, "%s  pid %u  %s  %u threads%s", session_entry_name(&top->entry),
         top->entry.pid ? top->entry.pid : top->entry.drain_pid,
         units_duration(age, s->now_ns - s->start_ns), s->thread_count,
         top->ended ? "  (ended)" : "");
    snprintf(level, sizeof(level), s->level ? "%d" : "stored", s->level);
    line(page, TOP_PLAIN, "%s events  %s  %s/s  to %s  level %s  behind by %s",
         units_count(count, s->counts.written), units_rate(rate, top->rates.written),
         units_bytes(bytes, (uint64_t)top->rates.bytes), units_bytes(file, s->file_bytes), level,
         units_duration(lag, s->lag_ns));
    line(page,
         top->rates.dropped > 0 ? TOP_ALARM
         : s->counts.dropped    ? TOP_WARNING
                                : TOP_PLAIN,
         "dropped %s  %s", units_count(dropped, s->counts.dropped),
         units_rate(drops, top->rates.dropped));
    if (top->heard.missed.records)
        line(page, TOP_WARNING,
             "not seen here: %s events (too fast for this view; they are in the trace)",
             units_count(count, top->heard.missed.records));
}

/* ---- threads ---- */

static enum top_style fill_style(unsigned percent)
{
    return percent >= TOP_FILL_EXPLAINED ? TOP_ALARM
           : percent >= TOP_FILL_MARKED  ? TOP_WARNING
                                         : TOP_PLAIN;
}

/* A bar takes more bytes than columns. */
static int bar_pad(const char *bar)
{
    int columns = 0;

    for (; *bar; bar++)
        columns += (*bar & 0xc0) != 0x80;
    return BAR_WIDTH - columns;
}

static void thread_draw(const struct top_page *page, const struct top_thread *row)
{
    char name[NAME_BYTES * TEXT_ESCAPED_MAX], rate[UNITS_MAX], bytes[UNITS_MAX], ring[UNITS_MAX];
    char dropped[UNITS_MAX], drops[UNITS_MAX], bar[BAR_BYTES_MAX], lag[UNITS_MAX];

    bar_share(bar, row->fill_percent, 100, BAR_WIDTH, page->utf8);
    line(page, fill_style(row->fill_percent),
         "%-*.*s %7u %10s %11s/s [%s%*s] %3u %% %5u %% %9s %12s %9s %9s%s", NAME_WIDTH, NAME_WIDTH,
         name_text(name, row->now->name), row->now->tid, units_rate(rate, row->records),
         units_bytes(bytes, (uint64_t)row->bytes), bar, bar_pad(bar), "", row->fill_percent,
         row->high_percent, units_bytes(ring, row->now->room_bytes),
         units_count(dropped, row->now->counts.dropped), units_rate(drops, row->dropped),
         units_duration(lag, row->now->lag_ns),
         row->fill_percent >= TOP_FILL_MARKED ? "  <-- full soon" : "");
}

static void threads_draw(const struct top *top, const struct top_page *page, size_t rows)
{
    line(page, TOP_HEADING, "%-*s %7s %10s %13s  %-*s %4s %7s %10s %12s %9s %9s", NAME_WIDTH,
         "THREAD", "TID", "EVENTS", "BYTES", BAR_WIDTH, "RING", "FULL", "HIGHEST", "ROOM",
         "DROPPED", "", "BEHIND");
    for (size_t n = 0; n < top->thread_count && n < rows; n++)
        thread_draw(page, &top->threads[n]);
}

/* ---- events and functions ---- */

static void events_draw(const struct top *top, const struct top_page *page, size_t rows,
                        int selected)
{
    char name[NAME_BYTES * TEXT_ESCAPED_MAX], rate[UNITS_MAX], count[UNITS_MAX];
    char full[NAME_BYTES * TEXT_ESCAPED_MAX + 16];
    size_t first = 0;

    if (selected >= 0 && rows && (size_t)selected >= rows)
        first = (size_t)selected + 1 - rows;
    line(page, TOP_HEADING, "%-32s %12s %16s", "EVENT", "RATE", "SEEN");
    for (size_t n = first; n < top->event_count && n - first < rows; n++) {
        const struct top_event *row = &top->events[n];

        snprintf(full, sizeof(full), "%s %s", name_text(name, row->type->full_name),
                 phase_label(row->type->schema.phase));
        line(page, selected >= 0 && (size_t)selected == n ? TOP_SELECTED : TOP_PLAIN,
             "%-32.32s %12s %16s%s", full, units_rate(rate, row->per_second),
             units_count(count, row->count), row->off ? "  off" : "");
    }
}

static void functions_draw(const struct top *top, const struct top_page *page, size_t rows)
{
    char name[NAME_BYTES * TEXT_ESCAPED_MAX], rate[UNITS_MAX], calls[UNITS_MAX], self[UNITS_MAX];
    char p50[UNITS_MAX], p99[UNITS_MAX];

    line(page, TOP_HEADING, "%-32s %12s %16s %10s %10s %10s", "FUNCTION", "RATE", "CALLS", "SELF",
         "P50", "P99");
    for (size_t n = 0; n < top->function_count && n < rows; n++) {
        const struct top_function *row = &top->functions[n];

        line(page, TOP_PLAIN, "%-32.32s %12s %16s %10s %10s %10s", name_text(name, row->name),
             units_rate(rate, row->per_second), units_count(calls, row->calls),
             units_duration(self, row->self_ns), units_duration(p50, row->p50_ns),
             units_duration(p99, row->p99_ns));
    }
}

/* ---- all of it ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows for each part: threads and events get what they need of a third each, and functions what is
 * left; what nobody needs there goes to the first two again. */
struct shares {
    size_t threads, events, functions;
};

static struct shares shares_make(const struct top *top, enum top_part part, unsigned rows)
{
    const struct shares all = {top->thread_count, top->event_count, top->function_count};
    unsigned headings = part == TOP_ALL ? 3 + 2 : 1;
    size_t left = rows > headings ? rows - headings : 0;
    struct shares s;

    if (!rows)
        return all;
    if (part != TOP_ALL)
        return (struct shares){left, left, left};
    s.threads = least(all.threads, left / 3);
    s.events = least(all.events, left / 3);
    s.functions = least(all.functions, left - s.threads - s.events);
    left -= s.threads + s.events + s.functions;
    s.threads += least(left, all.threads - s.threads);
    return s;
}

static unsigned lines_above(const struct top *top, const char *advice)
{
    return 4u + (top->heard.missed.records != 0) + (advice != NULL);
}

void top_draw(const struct top *top, const struct top_page *page, enum top_part part, unsigned rows,
              int selected)
{
    char text[512];
    const char *advice = top_advice(top, text, sizeof(text));
    unsigned above = lines_above(top, advice);
    struct shares shares = shares_make(top, part, rows > above ? rows - above : rows ? 1 : 0);

    session_draw(top, page);
    if (advice)
        line(page, TOP_ALARM, "%s", advice);
    line(page, TOP_PLAIN, "%s", "");
    if (part == TOP_ALL || part == TOP_THREADS)
        threads_draw(top, page, shares.threads);
    if (part == TOP_ALL)
        line(page, TOP_PLAIN, "%s", "");
    if (part == TOP_ALL || part == TOP_EVENTS)
        events_draw(top, page, shares.events, selected);
    if (part == TOP_ALL)
        line(page, TOP_PLAIN, "%s", "");
    if (part == TOP_ALL || part == TOP_FUNCTIONS)
        functions_draw(top, page, shares.functions);
}
