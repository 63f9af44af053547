/* SPDX-License-Identifier: Apache-2.0 */
/* What `adatrace top` knows: pictures from the session, counts from its live stream. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/message.h"
#include "cli/status.h"
#include "cli/top.h"

enum { PATIENCE_MS = 3000, MESSAGES_MAX = 4096 };

/* ---- listening ---- */

static int types_grow(struct top *top)
{
    size_t count = trace_type_count(live_source_trace(top->source)), from = top->type_count;
    void *seen = reallocarray(top->seen, count + 1, sizeof(*top->seen)), *before, *off, *rates;

    if (seen)
        top->seen = seen;
    before = reallocarray(top->seen_before, count + 1, sizeof(*top->seen_before));
    if (before)
        top->seen_before = before;
    off = reallocarray(top->off, count + 1, sizeof(*top->off));
    if (off)
        top->off = off;
    rates = reallocarray(top->type_rates, count + 1, sizeof(*top->type_rates));
    if (rates)
        top->type_rates = rates;
    if (!seen || !before || !off || !rates)
        return -ENOMEM;
    memset(top->type_rates + from, 0, (count - from) * sizeof(*top->type_rates));
    memset(top->seen + from, 0, (count - from) * sizeof(*top->seen));
    memset(top->seen_before + from, 0, (count - from) * sizeof(*top->seen_before));
    memset(top->off + from, 0, (count - from) * sizeof(*top->off));
    top->type_count = count;
    return 0;
}

static void record_count(void *context, const struct trace_thread *thread,
                         const struct trace_type *type, uint64_t ticks,
                         const unsigned char *payload, uint32_t size)
{
    struct top *top = context;

    if (type->index >= top->type_count && types_grow(top))
        return;
    top->seen[type->index]++;
    if (type->schema.phase != ADA_PHASE_INSTANT)
        top_calls_record(&top->calls, thread, type, ticks, payload, size);
}

static void gap_pass(void *context, const struct trace_thread *thread, const struct trace_gap *gap)
{
    (void)context, (void)thread, (void)gap;
}

static void missed_note(void *context, const struct live_missed *missed)
{
    struct top *top = context;

    (void)missed;
    top_calls_missed(&top->calls);
}

static void round_pass(void *context, uint64_t ticks, uint64_t monotonic_ns)
{
    (void)context, (void)ticks, (void)monotonic_ns;
}

int top_listen(struct top *top, uint64_t until_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    int got = 1;

    while (!top->ended && now_ns < until_ns) {
        got = live_source_read(top->source, until_ns - now_ns, &top->visitor);
        for (int n = 0; got == 1 && n < MESSAGES_MAX; n++)
            got = live_source_read(top->source, 0, &top->visitor);
        top->ended = got == -EPIPE;
        if (got < 0 && !top->ended)
            return got;
        now_ns = clock_monotonic_ns();
    }
    return 0;
}

/* ---- rows ---- */

bool top_shows(const struct top *top, const char *name)
{
    return !top->filter[0] || strcasestr(name, top->filter);
}

static const struct stats_thread *thread_before(const struct top *top, uint32_t number)
{
    const struct stats_picture *p = &top->before;

    for (uint32_t i = 0; p->memory && i < p->session->thread_count; i++)
        if (p->threads[i].number == number)
            return &p->threads[i];
    return NULL;
}

static unsigned percent_of(uint64_t part, uint64_t whole)
{
    return whole ? (unsigned)(part * 100 / whole) : 0;
}

/* A thread that is new has done all it did since the last update. */
static struct top_thread thread_row(const struct top *top, const struct stats_thread *now,
                                    double seconds)
{
    static const struct stats_thread nothing;
    const struct stats_thread *before = thread_before(top, now->number);
    struct top_thread row = {.now = now};

    row.fill_percent = percent_of(now->fill_bytes, now->room_bytes);
    row.high_percent = percent_of(now->counts.high_water_bytes, now->room_bytes);
    if (seconds <= 0)
        return row;
    if (!before)
        before = &nothing;
    row.records = (double)(now->counts.written - before->counts.written) / seconds;
    row.bytes = (double)(now->counts.written_bytes - before->counts.written_bytes) / seconds;
    row.dropped = (double)(now->counts.dropped - before->counts.dropped) / seconds;
    return row;
}

static double thread_weight(const struct top_thread *row, enum top_sort sort)
{
    switch (sort) {
    case TOP_SORT_DROPPED:
        return (double)row->now->counts.dropped;
    case TOP_SORT_FILL:
        return row->fill_percent;
    default:
        return row->records;
    }
}

static int by_thread(const void *a, const void *b, void *sort)
{
    const struct top_thread *x = a, *y = b;
    enum top_sort by = *(enum top_sort *)sort;
    double left = thread_weight(x, by), right = thread_weight(y, by);
    int names = strcmp(x->now->name, y->now->name);

    if (by == TOP_SORT_NAME && names)
        return names;
    if (by != TOP_SORT_NAME && left != right)
        return left < right ? 1 : -1;
    return x->now->number < y->now->number ? -1 : 1;
}

static int threads_make(struct top *top, double seconds)
{
    uint32_t count = top->now.session->thread_count;

    free(top->threads);
    top->thread_count = 0;
    top->threads = calloc(count + 1u, sizeof(*top->threads));
    if (!top->threads)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        if (top_shows(top, top->now.threads[i].name))
            top->threads[top->thread_count++] = thread_row(top, &top->now.threads[i], seconds);
    qsort_r(top->threads, top->thread_count, sizeof(*top->threads), by_thread, &top->sort);
    return 0;
}

static int by_event(const void *a, const void *b, void *sort)
{
    const struct top_event *x = a, *y = b;

    if (*(enum top_sort *)sort != TOP_SORT_NAME && x->per_second != y->per_second)
        return x->per_second < y->per_second ? 1 : -1;
    return strcmp(x->type->full_name, y->type->full_name);
}

static void types_turn(struct top *top, double seconds)
{
    for (size_t n = 0; n < top->type_count; n++) {
        uint64_t fresh = top->seen[n] - top->seen_before[n];

        top->type_rates[n] = seconds > 0 ? (double)fresh / seconds : 0;
        top->seen_before[n] = top->seen[n];
    }
}

static int events_make(struct top *top)
{
    free(top->events);
    top->event_count = 0;
    top->events = calloc(top->type_count + 1, sizeof(*top->events));
    if (!top->events)
        return -ENOMEM;
    for (size_t n = 0; n < top->type_count; n++) {
        const struct trace_type *type = trace_type_at(live_source_trace(top->source), n);

        if ((top->seen[n] || top->off[n]) && top_shows(top, type->full_name))
            top->events[top->event_count++] = (struct top_event){.type = type,
                                                                 .count = top->seen[n],
                                                                 .per_second = top->type_rates[n],
                                                                 .off = top->off[n]};
    }
    qsort_r(top->events, top->event_count, sizeof(*top->events), by_event, &top->sort);
    return 0;
}

/* Function rates are of the last turn, too: they are made only then. */
static int functions_turn(struct top *top)
{
    int count;

    free(top->all_functions);
    top->all_functions = NULL;
    top->all_function_count = 0;
    count = top_calls_rows(&top->calls, top->now_ns, &top->all_functions);
    if (count < 0)
        return count;
    top->all_function_count = (size_t)count;
    return 0;
}

static int functions_make(struct top *top)
{
    free(top->functions);
    top->function_count = 0;
    top->functions = calloc(top->all_function_count + 1, sizeof(*top->functions));
    if (!top->functions)
        return -ENOMEM;
    for (size_t n = 0; n < top->all_function_count; n++)
        if (top_shows(top, top->all_functions[n].name))
            top->functions[top->function_count++] = top->all_functions[n];
    return 0;
}

int top_rows(struct top *top)
{
    int err = threads_make(top, (double)top->rates.over_ns / 1e9);

    if (!err)
        err = events_make(top);
    return err ? err : functions_make(top);
}

int top_update(struct top *top)
{
    struct stats_picture fresh;
    uint64_t now_ns = clock_monotonic_ns();
    double seconds = top->now_ns ? (double)(now_ns - top->now_ns) / 1e9 : 0;
    int err = session_stats_fetch(&top->entry, &fresh);

    if (err == -ETIMEDOUT || err == -EAGAIN) /* it is there, and busy */
        return -ETIMEDOUT;
    if (err) {
        top->ended = true;
        return -ESHUTDOWN;
    }
    stats_picture_free(&top->before);
    top->before = top->now;
    top->now = fresh;
    top->now_ns = now_ns;
    top->rates = top->before.memory ? session_rates_of(top->before.session, top->now.session)
                                    : (struct session_rates){0};
    live_source_counts(top->source, &top->heard);
    err = types_grow(top);
    if (err)
        return err;
    types_turn(top, seconds);
    err = functions_turn(top);
    return err ? err : top_rows(top);
}

/* ---- steering ---- */

int top_switch(struct top *top, const struct top_event *event, char *said, size_t size)
{
    const char *const words[] = {event->type->full_name};
    struct session_answer answer = {0};
    struct session_client client;
    int err = session_entry_open(&top->entry, &client);

    if (!err)
        err = session_client_ask(&client, event->off ? "enable" : "disable", 1, words, PATIENCE_MS,
                                 &answer);
    if (!err && answer.status < 0)
        err = answer.status;
    if (err)
        snprintf(said, size, "%s: %s", event->type->full_name,
                 answer.body && answer.body[0] ? answer.body : strerror(-err));
    else
        snprintf(said, size, "%s is %s", event->type->full_name, event->off ? "on" : "off");
    for (size_t n = 0; !err && n < top->type_count; n++)
        if (strcmp(trace_type_at(live_source_trace(top->source), n)->full_name,
                   event->type->full_name) == 0)
            top->off[n] = !event->off;
    session_answer_free(&answer);
    return err;
}

/* ---- life ---- */

int top_open(struct top *top, const char *session)
{
    int status, err;

    top->visitor = (struct live_visitor){.context = top,
                                         .record = record_count,
                                         .gap = gap_pass,
                                         .missed = missed_note,
                                         .round = round_pass};
    status = live_source_open(&top->source, session, &top->entry);
    if (status)
        return status;
    err = top_calls_init(&top->calls, live_source_trace(top->source));
    return err ? message_failure(err, "cannot listen") : STATUS_GOOD;
}

void top_close(struct top *top)
{
    if (top->source)
        top_calls_fini(&top->calls);
    stats_picture_free(&top->before);
    stats_picture_free(&top->now);
    free(top->seen);
    free(top->seen_before);
    free(top->off);
    free(top->threads);
    free(top->events);
    free(top->functions);
    free(top->all_functions);
    free(top->type_rates);
    session_entry_free(&top->entry);
    live_source_close(top->source);
}
