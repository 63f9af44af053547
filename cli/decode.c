/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out_text.h"

struct decode_text decode_text_make(const char *format, ...)
{
    struct decode_text text = {0};
    char *bytes = NULL, *slack;
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vasprintf(&bytes, format, arguments);
    va_end(arguments);
    if (size < 0)
        return text;
    slack = realloc(bytes, (size_t)size + 1 + TEXT_PIECE);
    if (!slack) {
        free(bytes);
        return text;
    }
    memset(slack + size, 0, 1 + TEXT_PIECE);
    text = (struct decode_text){.bytes = slack, .size = (uint32_t)size};
    return text;
}

const struct symbol_text *decode_symbol_failed(struct decode *decode)
{
    static char nothing[1 + TEXT_SLACK];
    static const struct symbol_text none = {.text = nothing};

    decode->failed = true;
    return &none;
}

/* ---- batches ---- */

static inline uint32_t thread_of(struct decode *decode, const struct trace_thread *thread)
{
    if (__builtin_expect(thread != decode->last_thread, 0)) {
        decode->last_index = thread_index_find(&decode->thread_index, thread->thread);
        decode->last_thread = thread;
    }
    return decode->last_index;
}

void decode_follow(struct decode *decode, const struct decode_format *format,
                   const struct trace_batch *batch, struct decode_mark *marks)
{
    /* Who does not show calls may be asked for events by how long they took. */
    if (!format->follow && where_needs_calls(decode->where))
        format = &decode_format_text;
    if (!format->follow)
        return;
    for (size_t i = 0; i < batch->count; i++) {
        const struct trace_record *record = &batch->records[i];

        if (record->run)
            format->follow(decode, record, &decode->types[record->run->type->index],
                           &decode->calls[thread_of(decode, record->thread)], &marks[i]);
    }
}

static bool is_wanted(struct decode *decode, const struct trace_record *record,
                      const struct decode_mark *mark)
{
    const struct where_call call = {.is_known = mark->is_known, .start_ticks = mark->start_ticks};

    return where_fits(decode->where, &decode->symbols, record, &call);
}

size_t decode_print(struct decode *decode, const struct decode_format *format,
                    const struct trace_batch *batch, const struct decode_mark *marks)
{
    size_t printed = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const struct trace_record *record = &batch->records[i];
        const struct decode_text *label = &decode->labels[thread_of(decode, record->thread)];
        const struct decode_type *type =
            record->run ? &decode->types[record->run->type->index] : NULL;

        if (decode->where && !is_wanted(decode, record, &marks[i]))
            continue;
        printed++;
        if (type && format->quick && format->quick(decode, record, type, label, &marks[i]))
            continue;
        trace_record_event(decode->trace, record, &decode->event);
        if (type)
            format->event(decode, &decode->event, type, label, &marks[i]);
        else
            format->gap(decode, &decode->event, label);
    }
    return printed;
}

const char *decode_gap_kind(uint32_t kind)
{
    switch (kind) {
    case TRACE_GAP_DROPPED:
        return "dropped";
    case TRACE_GAP_OVERWRITTEN:
        return "overwritten";
    default:
        return "damaged";
    }
}
