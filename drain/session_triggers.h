/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session triggers: what a session does when a trigger is met (trigger.h): a note in the trace that
 * says which one and on which event, and a snapshot, which has the note in it.
 *
 * Created, given to the drain, and destroyed by the session's owner; the drain's thread and the
 * errands' do the rest.
 */
#ifndef ADATRACE_DRAIN_SESSION_TRIGGERS_H
#define ADATRACE_DRAIN_SESSION_TRIGGERS_H

#include "drain/session_files.h"
#include "drain/trigger.h"

struct session_triggers;

/* How much around a moment, and how often. */
struct trigger_timing {
    uint64_t before_ns, after_ns, cool_down_ns;
    unsigned snapshots_max; /* 0: as many as come */
};
#define TRIGGER_TIMING_DEFAULT                                                        \
    {                                                                                 \
        .before_ns = 5000000000, .after_ns = 1000000000, .cool_down_ns = 10000000000, \
        .snapshots_max = 10                                                           \
    }

struct session_triggers_options {
    struct session_files *files; /* outlives this */
    enum clock_source clock;     /* the drain's */
    struct trigger_timing timing;
    void *context; /* for the calls below */
    /* A snapshot was written, or could not be; something is wrong with a trigger. One line, from
     * the drain's or the errands' thread. May be NULL. */
    void (*tell)(void *context, const char *text);
    /* As in trigger.h; from the drain's thread. May be NULL. */
    const char *(*function_name)(void *context, const struct drain_module *module,
                                 uint64_t address);
};

int session_triggers_create(struct session_triggers **out,
                            const struct session_triggers_options *options)
    __attribute__((warn_unused_result));
/* The drain is destroyed, or has other triggers, and the files have been waited for. */
void session_triggers_destroy(struct session_triggers *triggers);

/* One more. In the drain's thread, or while it does not run. Returns as triggers_add(). `timing`,
 * if not NULL, is from now on that of all. */
int session_triggers_add(struct session_triggers *triggers, struct drain *drain,
                         const char *expression, const struct trigger_timing *timing,
                         struct expression_error *error) __attribute__((warn_unused_result));

/* Has the end of the recording been a moment, of which there is a snapshot? After the drain's last
 * round. */
bool session_triggers_kept_end(const struct session_triggers *triggers);

#endif
