/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace top`, between its parts: what is known about the session (top_model.c), how it is shown
 * (top_view.c), for whom (top_screen.c: a terminal; cmd_top.c: scripts). Main thread.
 */
#ifndef ADATRACE_CLI_TOP_H
#define ADATRACE_CLI_TOP_H

#include "cli/live_source.h"
#include "cli/session_stats.h"
#include "cli/top_calls.h"

enum {
    TOP_FILL_MARKED = 80,    /* percent of a ring: marked from here ... */
    TOP_FILL_EXPLAINED = 90, /* ... and explained from here on */
};

/* Per second, since the last update. */
struct top_thread {
    const struct stats_thread *now;
    double records, bytes, dropped;
    unsigned fill_percent, high_percent; /* of the room that the ring may use now */
};

struct top_event {
    const struct trace_type *type;
    uint64_t count; /* seen since the beginning */
    double per_second;
    bool off; /* switched off from here */
};

enum top_sort { TOP_SORT_RATE, TOP_SORT_DROPPED, TOP_SORT_FILL, TOP_SORT_NAME, TOP_SORTS };

struct top {
    struct session_entry entry;
    struct live_source *source;
    struct live_visitor visitor;
    struct stats_picture before, now;
    struct session_rates rates;
    uint64_t now_ns; /* of the last update */
    /* Types by index: seen now, at the last update, per second then; switched off from here. */
    uint64_t *seen, *seen_before;
    double *type_rates;
    bool *off;
    size_t type_count;
    struct top_calls calls;
    struct live_source_counts heard;

    struct top_function *all_functions; /* of the last update, in front of the filter */
    size_t all_function_count;

    /* Made by top_rows(). */
    struct top_thread *threads;
    size_t thread_count;
    struct top_event *events;
    size_t event_count;
    struct top_function *functions;
    size_t function_count;
    bool ended;

    enum top_sort sort;
    char filter[64]; /* part of a name; "": all */
};

/* Says on stderr what is wrong; an exit status. top_close() in any case. */
int top_open(struct top *top, const char *session) __attribute__((warn_unused_result));
void top_close(struct top *top);

/* Listen until CLOCK_MONOTONIC says so, or for as long as `busy` messages at most. */
int top_listen(struct top *top, uint64_t until_ns) __attribute__((warn_unused_result));
/* A new picture and all rows. 0; -ESHUTDOWN: the session has ended; -ETIMEDOUT: it has not
 * answered, what was known stays; -ENOMEM and others. */
int top_update(struct top *top) __attribute__((warn_unused_result));
/* The rows anew, after the order or the filter has changed. 0 or -ENOMEM. */
int top_rows(struct top *top) __attribute__((warn_unused_result));
/* Does the filter let a row of this name pass? */
bool top_shows(const struct top *top, const char *name);
/* Switch the type's events on or off. 0, or a negative errno with a sentence in `said`. */
int top_switch(struct top *top, const struct top_event *event, char *said, size_t size)
    __attribute__((warn_unused_result));

/* ---- showing ---- */

enum top_style { TOP_PLAIN, TOP_TITLE, TOP_HEADING, TOP_WARNING, TOP_ALARM, TOP_SELECTED };

/* Where lines go. `text` is UTF-8 if the page says so, without control characters. */
struct top_page {
    void *context;
    void (*line)(void *context, enum top_style style, const char *text);
    unsigned width;
    bool utf8;
};

enum top_part { TOP_ALL, TOP_THREADS, TOP_EVENTS, TOP_FUNCTIONS, TOP_PARTS };

/* Draw `rows` lines at most; 0: as many as it takes. `selected`: a row of the events, or -1. */
void top_draw(const struct top *top, const struct top_page *page, enum top_part part, unsigned rows,
              int selected);

/* What to do about the fullest ring, if it is beyond TOP_FILL_EXPLAINED, or about drops; NULL:
 * nothing. */
const char *top_advice(const struct top *top, char *text, size_t size);

/* With keys, until q. An exit status. */
int top_screen(struct top *top, uint64_t interval_ns);

#endif
