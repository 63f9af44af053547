/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expression: a condition over events, as people type it (docs/EXPRESSIONS.md):
 *
 *     shop:order.latency_us > 50ms && thread matches "worker*"
 *
 * Three steps. It is parsed once, which refuses whatever is wrong whichever types there are. It is
 * bound to each event type when the type is heard of: what the type decides is decided then, so a
 * type that cannot fit has no program at all, and the rest becomes a few instructions. The program
 * is run on the events: in raw payloads as they lie in a ring, or on the values that a reader hands
 * out. Payloads are hostile: bounds are checked, every length is read once.
 *
 * A field that an event does not have, a division by zero, a result beyond all integers: the
 * comparison around it has no answer, and neither it nor its opposite fits.
 *
 * Parsing and binding allocate and belong to one thread at a time; running a program touches
 * nothing but its arguments: any thread, no allocation, bounded by the program's length.
 */
#ifndef ADATRACE_BASE_EXPRESSION_H
#define ADATRACE_BASE_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/schema.h"

enum { EXPRESSION_BYTES_MAX = 4096, EXPRESSION_SHOWN_MAX = 640 };

/* Why an expression was refused: a sentence without its full stop, and the place that it means. */
struct expression_error {
    uint32_t at, length; /* bytes into the expression's text; at its end: something is missing */
    char message[256];
};

struct expression;

/* 0, -EINVAL (error tells), -ENOMEM. `text` is copied. */
int expression_parse(struct expression **out, const char *text, struct expression_error *error)
    __attribute__((warn_unused_result));
void expression_free(struct expression *expression); /* NULL: nothing */
const char *expression_text(const struct expression *expression);

/*
 * The text, or the part of it around the place, and a line below with a caret under the place; each
 * line begins with two spaces and ends in a newline. `out` gets at most EXPRESSION_SHOWN_MAX bytes
 * with the NUL and is returned.
 */
const char *expression_error_show(const struct expression_error *error, const char *text,
                                  char out[EXPRESSION_SHOWN_MAX]);

/* The globs of slow(...), numbered from 0; NULL past the end. */
const char *expression_slow_at(const struct expression *expression, unsigned n);

/* ---- bound to a type ---- */

struct expression_binding {
    uint64_t ticks_per_second; /* of DURATION fields; 0: they are nanoseconds already */
    bool has_symbols;          /* events come with `symbol`: code addresses have names */
};

struct expression_program;

/*
 * What the expression makes of events of this type. *out NULL: they never fit. Returns 0, -EINVAL
 * (the type was meant and is not as the expression says; error tells), -ENOMEM. The expression and
 * the schema have to stay as long as the program. What the expression has met it remembers, for
 * expression_unmet().
 */
int expression_bind(struct expression *expression, const struct schema *schema,
                    const struct expression_binding *binding, struct expression_program **out,
                    struct expression_error *error) __attribute__((warn_unused_result));
void expression_program_free(struct expression_program *program); /* NULL: nothing */

/* After all types have been bound: the first name in the expression that meant nothing in any of
 * them, with what is most like it. False: there is none. */
bool expression_unmet(const struct expression *expression, struct expression_error *error);

/* What a program looks at besides the payload, so that callers need not provide all of it. */
enum expression_need {
    EXPRESSION_NEEDS_TIME = 1,
    EXPRESSION_NEEDS_THREAD = 2,  /* name, tid */
    EXPRESSION_NEEDS_PROCESS = 4, /* name, pid */
    EXPRESSION_NEEDS_DURATION = 8,
};
unsigned expression_needs(const struct expression_program *program);
/* Bit n: field n is looked at. */
uint32_t expression_fields(const struct expression_program *program);

/* ---- events ---- */

struct expression_value {
    const unsigned char *bytes; /* packed elements, or the content of a string or of bytes */
    uint32_t size;
};

/* Who emitted it; the names are NUL-terminated and may be "". */
struct expression_emitter {
    const char *thread, *process;
    uint32_t tid, pid;
};

struct expression_event {
    const unsigned char *payload; /* as in a ring; may change while it is looked at */
    uint32_t payload_bytes;
    const struct expression_value *values; /* not NULL: these instead of the payload, one a field */
    const struct expression_emitter *emitter;
    int64_t time_ns; /* since the start of the recording */
    bool has_duration;
    uint64_t duration_ns; /* of the call or scope that ends with this event */
    void *context;        /* for the functions below, which may be NULL */
    /* The name of a code address; *size gets its length. NULL: not known. */
    const char *(*symbol)(void *context, uint64_t address, uint32_t *size);
    /* Is the function at this address meant by slow(...) number n? */
    bool (*is_slow)(void *context, unsigned n, uint64_t address);
};

bool expression_fits(const struct expression_program *program,
                     const struct expression_event *event);

#endif
