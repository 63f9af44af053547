/* SPDX-License-Identifier: Apache-2.0 */
#include "clock_marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/trace_reader.h"

enum { PROMISED_NS = 1000 };

/* The last mark of a thread, which waits for its after_ns. */
struct last_mark {
    uint32_t thread;
    bool is_there;
    uint64_t number, before_ns, ns;
};

struct check {
    const struct clock_window *windows;
    struct clock_verdict *verdict;
    struct last_mark *last;
    size_t count;
    uint64_t bracket_sum, brackets;
};

static struct last_mark *last_of(struct check *c, uint32_t thread)
{
    struct last_mark *grown;

    for (size_t i = c->count; i-- > 0;)
        if (c->last[i].thread == thread)
            return &c->last[i];
    grown = realloc(c->last, (c->count + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    c->last = grown;
    c->last[c->count] = (struct last_mark){.thread = thread};
    c->verdict->threads++;
    return &c->last[c->count++];
}

static bool is_in_window(const struct check *c, uint64_t ns)
{
    for (const struct clock_window *w = c->windows; w && w->to_ns; w++)
        if (ns >= w->from_ns && ns <= w->to_ns)
            return true;
    return false;
}

static void error_note(struct check *c, uint64_t before_ns, uint64_t error)
{
    struct clock_verdict *v = c->verdict;

    if (is_in_window(c, before_ns)) {
        if (error > v->window_ns)
            v->window_ns = error;
        return;
    }
    v->late_marks += error > PROMISED_NS;
    if (error > v->error_ns) {
        v->error_ns = error;
        v->error_at_ns = before_ns;
    }
}

static void mark_check(struct check *c, struct last_mark *last, const struct trace_event *e,
                       uint64_t ns)
{
    uint64_t number = trace_value_unsigned(&e->values[0], 0);
    uint64_t before_ns = trace_value_unsigned(&e->values[1], 0);
    uint64_t after_ns = trace_value_unsigned(&e->values[2], 0);

    c->verdict->marks++;
    if (ns < before_ns)
        error_note(c, before_ns, before_ns - ns);
    if (last->is_there && number == last->number + 1) {
        c->bracket_sum += after_ns - last->before_ns;
        c->brackets++;
        if (last->ns > after_ns)
            error_note(c, last->before_ns, last->ns - after_ns);
    }
    if (last->is_there) {
        c->verdict->backwards += ns < last->ns;
        c->verdict->missing += number - last->number - 1;
    } else {
        c->verdict->missing += number;
    }
    *last = (struct last_mark){last->thread, true, number, before_ns, ns};
}

static int trace_check(struct check *c, struct trace *t)
{
    const struct trace_filter filter = {
        .from_ns = INT64_MIN, .to_ns = INT64_MAX, .events = "clock:mark"};
    const struct trace_clock_pair *first = trace_clock_pair_at(t, 0);
    struct trace_cursor *cursor;
    struct trace_event event;
    struct last_mark *last;
    int status = first ? trace_cursor_open(t, &filter, &cursor) : -ENODATA;

    if (status)
        return status;
    while (trace_clock_pair_at(t, c->verdict->pairs))
        c->verdict->pairs++;
    while ((status = trace_cursor_next(cursor, &event)) == 1) {
        if (!event.type)
            continue;
        last = last_of(c, event.thread->tid);
        if (!last) {
            status = -ENOMEM;
            break;
        }
        mark_check(c, last, &event, first->monotonic_ns + (uint64_t)event.ns);
    }
    trace_cursor_close(cursor);
    return status;
}

int clock_marks_check(const char *path, const struct clock_window *windows,
                      struct clock_verdict *verdict)
{
    struct check c = {.windows = windows, .verdict = verdict};
    struct trace_error error;
    struct trace *t;
    int status = trace_open(&t, path, &error);

    if (status)
        return status;
    memset(verdict, 0, sizeof(*verdict));
    status = trace_check(&c, t);
    verdict->bracket_ns = c.brackets ? c.bracket_sum / c.brackets : 0;
    trace_close(t);
    free(c.last);
    return status;
}
