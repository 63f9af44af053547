/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace decode`, shared by its three formats.
 *
 * A format is a struct of functions. What does not change from event to event (names, labels,
 * prefixes) is made once per type and per thread and copied from there; the rest is formatted
 * straight into the output buffer. Main thread.
 */
#ifndef ADATRACE_CLI_DECODE_H
#define ADATRACE_CLI_DECODE_H

#include "cli/call_stack.h"
#include "cli/event_format.h"
#include "cli/out_buffer.h"
#include "cli/out_text.h"
#include "cli/symbol_cache.h"
#include "cli/thread_index.h"
#include "format/trace_reader.h"

/* Text that is copied again and again; TEXT_SLACK bytes more can be read. */
struct decode_text {
    const char *bytes; /* owned by the format */
    uint32_t size;
};

struct decode_type {
    const struct trace_type *type;
    bool selected;              /* by the filter's globs */
    uint64_t scope;             /* call_stack key of a scope's name */
    struct decode_text head;    /* what stands before the fields */
    struct decode_text *fields; /* what stands before each field's value */
    uint8_t *cells;             /* CSV: what stands in each column */
    struct event_format format; /* phase FORMAT */
};

struct decode_thread {
    struct decode_text label;
    struct call_stack stack; /* text: for indenting and durations */
    unsigned depth;
};

struct decode {
    struct trace *trace;
    const struct trace_filter *filter;
    struct out_buffer out;
    struct symbol_cache symbols;
    struct thread_index thread_index;
    struct decode_thread *threads;
    struct decode_type *types;
    size_t type_count;
    bool colour;
    bool failed;                      /* out of memory on the way */
    char *scratch;                    /* DECODE_SCRATCH_BYTES, for rendered formats */
    uint32_t last_number, last_index; /* of the thread looked up last */
    void *state;                      /* the format's own */
};

/* Apart from code addresses, which are the keys of functions. */
#define DECODE_SCOPE_KEY (UINT64_C(1) << 63)

enum { DECODE_SCRATCH_BYTES = 64 * 1024 };

struct decode_format {
    /* How symbols are escaped. */
    char *(*escape)(char *at, const char *text, size_t size);
    /* 0 or a negative errno. Makes `head`, `fields` and `label`. */
    int (*begin)(struct decode *decode);
    void (*event)(struct decode *decode, const struct trace_event *event, struct decode_type *type,
                  struct decode_thread *thread);
    void (*gap)(struct decode *decode, const struct trace_event *event,
                struct decode_thread *thread);
    void (*end)(struct decode *decode); /* may be NULL */
};

extern const struct decode_format decode_format_text;
extern const struct decode_format decode_format_json;
extern const struct decode_format decode_format_csv;

/* A decode_text from the pieces; bytes NULL without memory. Released with free(). */
struct decode_text decode_text_make(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void decode_put(struct decode *decode, const struct decode_text *text)
{
    struct out_buffer *out = &decode->out;

    if (__builtin_expect(text->size > OUT_ROOM_MAX - TEXT_SLACK, 0))
        out_put(out, text->bytes, text->size);
    else
        out->at = text_copy(out_room(out, text->size + TEXT_SLACK), text->bytes, text->size);
}

static inline void decode_put_symbol(struct decode *decode, const struct symbol_text *symbol)
{
    const struct decode_text text = {.bytes = symbol->text, .size = symbol->text_size};

    decode_put(decode, &text);
}

static inline uint32_t decode_process_of(const struct trace_event *event)
{
    return event->thread ? event->thread->process : 0;
}

/* What a code address means; never NULL: without memory it sets `failed` and gives an empty text.
 */
const struct symbol_text *decode_symbol(struct decode *decode, const struct trace_event *event,
                                        uint64_t address);

/* "dropped", "overwritten", "damaged". */
const char *decode_gap_kind(uint32_t kind);

#endif
