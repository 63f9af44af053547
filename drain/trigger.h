/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triggers: conditions (base/expression.h) that the drain looks for in what it takes from the
 * rings, and what it calls when one is met.
 *
 * Besides the events of the program there are events of the drain's own, with fields like others:
 * adatrace:exit (status, signal) when a process has ended, adatrace:gap (kind, records, bytes)
 * where records are missing, adatrace:signal when somebody asks by triggers_signal(). Short for
 * them: crash, failure, drop, signal.
 *
 * slow(name) is the time from the entry to the exit of a function, or from the begin to the end of
 * a scope, in one thread. A counter's trigger is met when the condition becomes true, not again as
 * long as it stays so.
 *
 * A met trigger becomes a moment `after_ns` later, so that what follows is there, too; whatever is
 * met meanwhile and until the cool-down has passed is counted, no more. How a process ended is
 * never passed over for the cool-down.
 *
 * Created and destroyed by the drain's owner while its thread does not run, or in the drain's
 * thread (drain_call()); everything else but triggers_check() belongs to the drain's thread.
 * Conditions cost the drain one load per record of a type that they cannot fit, the program
 * nothing.
 */
#ifndef ADATRACE_DRAIN_TRIGGER_H
#define ADATRACE_DRAIN_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/expression.h"
#include "drain/drain.h"

enum { TRIGGERS_MAX = 16, TRIGGER_TEXT_BYTES = 1024 };

struct triggers;

/* What has happened, for whoever keeps it. */
struct trigger_moment {
    unsigned number;               /* of the moment in this session, from 1 */
    const char *expression;        /* as it was given */
    const char *text;              /* which trigger, on which event, for people: one line */
    uint64_t ticks;                /* when */
    uint64_t from_ticks, to_ticks; /* before_ns and after_ns around it, as far as it got */
    uint64_t others; /* triggers that were met since, and are not moments of their own */
    bool is_last;    /* no more will come: the most that were asked for, or the end */
    bool is_end;     /* the recording ends with it */
};

struct trigger_options {
    uint64_t before_ns, after_ns, cool_down_ns;
    unsigned moments_max;      /* 0: as many as come */
    uint64_t ticks_per_second; /* of the drain's clock */
    void *context;             /* for the calls below, which come from the drain's thread */
    /* A moment is complete. */
    void (*moment)(void *context, struct drain *drain, const struct trigger_moment *moment);
    /* Something is wrong with a trigger: one line, for people. May be NULL. */
    void (*tell)(void *context, const char *text);
    /* The name of the function at `address` of a module, in its file's own numbering, or NULL; it
     * stays until the next call. May be NULL: slow() knows scopes only. */
    const char *(*function_name)(void *context, const struct drain_module *module,
                                 uint64_t address);
};

/* Is this a condition? 0, -EINVAL (error tells), -ENOMEM. Any thread. */
int triggers_check(const char *expression, struct expression_error *error)
    __attribute__((warn_unused_result));

int triggers_create(struct triggers **out, const struct trigger_options *options)
    __attribute__((warn_unused_result));
/* From now on; the clock's rate and whether there are function names stay as they were. */
void triggers_set_options(struct triggers *triggers, const struct trigger_options *options);
/* -EINVAL (error tells), -ENOMEM, -ENOSPC: there are TRIGGERS_MAX already. */
int triggers_add(struct triggers *triggers, const char *expression, struct expression_error *error)
    __attribute__((warn_unused_result));

/* From now on the drain looks for them, also in types that it knows already, and owns them. The
 * same again when some were added. NULL: for none any more. */
void drain_set_triggers(struct drain *drain, struct triggers *triggers);

/* Somebody asks for a moment. */
void triggers_signal(struct drain *drain);

#endif
