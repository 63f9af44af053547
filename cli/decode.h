/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace decode`, shared by its three formats.
 *
 * A format is a struct of functions. What does not change from event to event (names, labels,
 * prefixes) is made once per type and per thread and copied from there; the rest is formatted
 * straight into the output buffer. Events come in batches: following the calls is done in order,
 * printing can then be done by any thread (decode_team.h).
 */
#ifndef ADATRACE_CLI_DECODE_H
#define ADATRACE_CLI_DECODE_H

#include "cli/call_stack.h"
#include "cli/event_format.h"
#include "cli/out_buffer.h"
#include "cli/out_text.h"
#include "cli/symbol_cache.h"
#include "cli/thread_index.h"
#include "cli/where.h"
#include "format/trace_reader.h"

/* Text that is copied again and again; TEXT_PIECE bytes more can be read. */
struct decode_text {
    const char *bytes; /* owned by the format */
    uint32_t size;
};

struct decode_type {
    const struct trace_type *type;
    bool selected;              /* by the filter's globs */
    bool is_function;           /* enters or leaves one: its first field is a single address */
    bool is_tagged;             /* enters one: its second field is a frame tag */
    uint64_t scope;             /* call_stack key of a scope's name */
    struct decode_text head;    /* what stands before the fields */
    struct decode_text *fields; /* what stands before each field's value */
    uint8_t *cells;             /* CSV: what stands in each column */
    struct event_format format; /* phase FORMAT */
};

/* The open calls of a thread: text shows them by indenting, and how long they took. */
struct decode_calls {
    struct call_stack stack;
    unsigned depth;
};

/* What following the calls has found out about an event. */
struct decode_mark {
    uint64_t start_ticks; /* of the call that ends here */
    uint32_t depth;
    bool is_known; /* start_ticks is: the call was seen to begin */
};

/* One printer. Threads that print side by side have one each and share what is shared. */
struct decode {
    struct trace *trace;
    const struct trace_filter *filter;
    const struct where *where; /* NULL: all that the filter selects */
    struct out_buffer out;
    struct symbol_cache symbols;
    bool failed;                            /* out of memory on the way */
    char *scratch;                          /* DECODE_SCRATCH_BYTES, for rendered formats */
    const struct trace_thread *last_thread; /* looked up last, or NULL */
    uint32_t last_index;
    struct trace_event event; /* being printed */
    /* Text: what the times from time_ns on begin with; time_size 0: nothing yet. */
    int64_t time_ns;
    char time[24];
    unsigned time_size;
    /* Shared. Only `calls` changes after the first line: it is the following thread's. */
    struct thread_index thread_index;
    struct decode_text *labels; /* by thread */
    struct decode_calls *calls; /* by thread */
    const char **label_names;   /* by thread: the name that stands in the label */
    unsigned label_width;       /* text: of the longest label */
    struct decode_type *types;
    size_t type_count;
    bool colour;
    bool grows;  /* the trace does: there can be anything later */
    void *state; /* the format's own */
};

/* Apart from code addresses, which are the keys of functions. */
#define DECODE_SCOPE_KEY (UINT64_C(1) << 63)

enum { DECODE_SCRATCH_BYTES = 64 * 1024 };

struct decode_format {
    /* How symbols are escaped. */
    char *(*escape)(char *at, const char *text, size_t size);
    /* 0 or a negative errno. Makes `head`, `fields` and `labels`. */
    int (*begin)(struct decode *decode);
    /* One more type, one more thread, or a thread whose name is another one: makes its texts. While
     * a trace grows; `begin` has done it for those that were there. */
    int (*type_add)(struct decode *decode, size_t n);
    int (*thread_add)(struct decode *decode, size_t n);
    /* Events in their order, before any thread prints them. May be NULL: nothing to find out. */
    void (*follow)(struct decode *decode, const struct trace_record *record,
                   const struct decode_type *type, struct decode_calls *calls,
                   struct decode_mark *mark);
    /* The usual events without building a trace_event; false: it was not one. May be NULL. */
    bool (*quick)(struct decode *decode, const struct trace_record *record,
                  const struct decode_type *type, const struct decode_text *label,
                  const struct decode_mark *mark);
    void (*event)(struct decode *decode, const struct trace_event *event,
                  const struct decode_type *type, const struct decode_text *label,
                  const struct decode_mark *mark);
    void (*gap)(struct decode *decode, const struct trace_event *event,
                const struct decode_text *label);
    /* Who listens was too slow for so many events. */
    void (*missed)(struct decode *decode, int64_t ns, uint64_t records, uint64_t bytes);
    void (*end)(struct decode *decode); /* may be NULL */
};

extern const struct decode_format decode_format_text;
extern const struct decode_format decode_format_json;
extern const struct decode_format decode_format_csv;

/* Make the tables for a format; trace, filter, colour and out are there. 0 or a negative errno;
 * decode_release() in any case. */
int decode_prepare(struct decode *decode, const struct decode_format *format)
    __attribute__((warn_unused_result));
void decode_release(struct decode *decode); /* all but `out` */
/* The trace grows (format/trace_live.h): rows for types and threads that came since, and fresh
 * labels for the threads of this batch. 0 or -ENOMEM. */
int decode_grow(struct decode *decode, const struct decode_format *format,
                const struct trace_batch *batch) __attribute__((warn_unused_result));

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

/* Without memory: sets `failed` and gives an empty text. */
const struct symbol_text *decode_symbol_failed(struct decode *decode);

/* What a code address of the thread's process means at that time; never NULL. */
static inline const struct symbol_text *decode_symbol(struct decode *decode,
                                                      const struct trace_thread *thread,
                                                      uint64_t address, uint64_t ticks)
{
    const struct symbol_text *found =
        symbol_cache_find(&decode->symbols, thread->process, address, ticks);

    return __builtin_expect(found != NULL, 1) ? found : decode_symbol_failed(decode);
}

/* Find out about a batch, in the order of the cursor; then print what is wanted of it. How many
 * were printed. */
void decode_follow(struct decode *decode, const struct decode_format *format,
                   const struct trace_batch *batch, struct decode_mark *marks);
size_t decode_print(struct decode *decode, const struct decode_format *format,
                    const struct trace_batch *batch, const struct decode_mark *marks);

/* "dropped", "overwritten", "damaged". */
const char *decode_gap_kind(uint32_t kind);

#endif
