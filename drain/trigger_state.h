/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The triggers' insides, shared by their own files; what the drain calls stands in
 * trigger_hooks.h. All of it belongs to the drain's thread.
 */
#ifndef ADATRACE_DRAIN_TRIGGER_STATE_H
#define ADATRACE_DRAIN_TRIGGER_STATE_H

#include "base/own_event.h"
#include "drain/drain_state.h"
#include "drain/trigger.h"
#include "drain/trigger_hooks.h"

enum {
    TRIGGER_SLOW_MAX = 64,  /* slow() in all triggers together: bits of a mask */
    TRIGGER_CALLS_MAX = 64, /* open calls of one thread that slow() means */
};

/* A condition, as one type has it. */
struct trigger_test {
    struct trigger *trigger;
    struct expression_program *program;
    bool was_met; /* counters: and still is */
};

enum trigger_role {
    ROLE_NONE,
    ROLE_SCOPE_BEGIN,
    ROLE_SCOPE_END,
    ROLE_FUNCTION_ENTER,
    ROLE_FUNCTION_EXIT
};

/* An event type of an image that some trigger has to look at. */
struct trigger_type {
    struct trigger_type *next; /* of the same source */
    struct schema_owned schema;
    enum trigger_role role;
    uint64_t scope; /* its name as a number: a begin and an end with the same belong together */
    uint32_t frame_offset; /* ROLE_FUNCTION_ENTER: of the frame tag, 2 bytes; 0: there is none */
    unsigned test_count;
    struct trigger_test tests[TRIGGERS_MAX];
};

struct trigger {
    char *text; /* as it was given */
    struct expression *expression;
    unsigned first_slow; /* number of its first slow() among all */
    bool told;           /* that something is wrong with it */
    struct trigger_test own[OWN_EVENTS];
};

/* Calls of one thread that slow() means, innermost last. */
struct trigger_calls {
    unsigned count, beyond; /* entered when there was no more room */
    struct trigger_call {
        uint64_t key, ticks;
        uint32_t told; /* bit n: trigger n was met while it was open */
        uint16_t frame;
        bool is_function; /* or a scope */
    } open[TRIGGER_CALLS_MAX];
};

/* Which slow() mean the function at an address of an image. */
struct trigger_function {
    uint64_t address; /* 0: free */
    uint64_t mask;
    uint64_t heard_at; /* no module there when that much was told; UINT64_MAX: it is known */
};

struct trigger_functions {
    struct trigger_function *slots; /* a hash table */
    uint32_t count, capacity;
};

/* What a segment's images have to do with triggers; made by its first type that is looked at. */
struct trigger_source {
    struct trigger_type *types;
    struct trigger_functions functions;
    struct trigger_type *by_id[ADA_RECORD_TYPES];
};

struct triggers {
    struct trigger_options options;
    unsigned count;
    struct trigger list[TRIGGERS_MAX];
    unsigned slow_count;
    const char *slow[TRIGGER_SLOW_MAX]; /* globs */
    /* The moment that is under way. */
    bool pending;
    unsigned moments;
    const struct trigger *met;
    uint64_t met_ticks, due_ns, quiet_until_ns;
    uint64_t others;
    /* Calls that have not ended: trigger_open.c. */
    bool has_open;
    uint64_t look_ns;
    char text[TRIGGER_TEXT_BYTES];
};

/* What was met, for the note. */
struct trigger_event {
    const struct schema *schema;
    const struct drain_process *process;
    const struct drain_thread *thread; /* or NULL */
    uint64_t ticks;
    bool is_open; /* what has not ended yet */
    struct expression_event *values;
};

/* ---- trigger_types.c ---- */

/* Since the start of the recording. */
int64_t triggers_time_ns(const struct drain *d, uint64_t ticks);
uint64_t triggers_ticks_ns(const struct triggers *all, uint64_t ticks);

/* What the process is called: without the folder of its executable. */
const char *trigger_process_name(const struct drain_process *process);

/*
 * The tests of a type on an event of it, whose schema, process and emitter are filled in here; all
 * but those of triggers whose bit is set in `told`. `fits` NULL: expression_fits(). Returns the
 * bits of those that were met.
 */
uint32_t trigger_tests_run(struct drain *d, struct trigger_type *type, struct trigger_event *event,
                           uint32_t told,
                           bool (*fits)(const struct trigger_test *test,
                                        struct expression_event *values));

/* ---- trigger.c ---- */

/* The event fits the test, or does not: a counter fires when it begins to. */
bool trigger_test_take(struct drain *d, struct trigger_test *test,
                       const struct trigger_event *event, bool fits);

/* ---- trigger_text.c ---- */

/* "shop:order of worker-3/4711 in shop/4700: id 7, latency_us 61000", into out[size]. */
void trigger_event_print(const struct drain *d, const struct trigger_event *event, char *out,
                         size_t size);

/* ---- trigger_calls.c ---- */

/* A call that slow() means begins. */
void trigger_call_enter(struct drain_thread *t, const struct trigger_call *call);
/* It has ended. Returns false: it never began; true: *call is what it was. */
bool trigger_call_leave(struct drain_thread *t, uint64_t key, struct trigger_call *call);

/* ---- trigger_open.c ---- */

/* The calls that are open, where it is time to look at them. */
void triggers_open_look(struct drain *d, uint64_t now_ns);

/* ---- trigger_functions.c ---- */

/* Bit n: slow() number n means the function. */
uint64_t trigger_function_mask(struct drain *d, struct drain_source *s, uint64_t address);

#endif
