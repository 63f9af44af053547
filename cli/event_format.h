/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deferred formatting: the program stored printf's arguments as they were, the text is made here.
 *
 * The format string comes from the file and is never handed to printf(3): it is taken apart once
 * per event type, every conversion is rebuilt from the parts that are understood, and each argument
 * is converted by what the field says it is, whatever the conversion claims. %n does nothing.
 * One format may be rendered from one thread at a time.
 */
#ifndef ADATRACE_CLI_EVENT_FORMAT_H
#define ADATRACE_CLI_EVENT_FORMAT_H

#include <stddef.h>

#include "format/trace_reader.h"

struct event_format_piece {
    const char *literal; /* text that stands as it is; else NULL, and a conversion: */
    size_t literal_size;
    char flags[6];
    int width, precision; /* EVENT_FORMAT_NONE, EVENT_FORMAT_STAR */
    char conversion;
};
enum { EVENT_FORMAT_NONE = -1, EVENT_FORMAT_STAR = -2 };

struct event_format {
    struct event_format_piece *pieces;
    size_t count;
};

/* `text` has to live as long as the format. 0 or -ENOMEM; every text is a format. */
int event_format_parse(struct event_format *format, const char *text)
    __attribute__((warn_unused_result));
void event_format_fini(struct event_format *format);

/* The event's text, not NUL-terminated; returns its size. Too long a text ends in "...". */
size_t event_format_render(const struct event_format *format, const struct trace_event *event,
                           char *text, size_t capacity);

#endif
