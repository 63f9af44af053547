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
    slack = realloc(bytes, (size_t)size + 1 + TEXT_SLACK);
    if (!slack) {
        free(bytes);
        return text;
    }
    memset(slack + size, 0, 1 + TEXT_SLACK);
    text = (struct decode_text){.bytes = slack, .size = (uint32_t)size};
    return text;
}

const struct symbol_text *decode_symbol(struct decode *decode, const struct trace_event *event,
                                        uint64_t address)
{
    static char nothing[1 + TEXT_SLACK];
    static const struct symbol_text none = {.text = nothing};
    const struct symbol_text *found =
        symbol_cache_find(&decode->symbols, decode_process_of(event), address, event->ticks);

    if (found)
        return found;
    decode->failed = true;
    return &none;
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
