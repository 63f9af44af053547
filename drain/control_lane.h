/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes of a control: on each a thread of its own runs verbs, one after another (errands.h; it
 * starts with the first of them). What changes the session is on one, what only looks at it on the
 * other: a look waits for the drain, as everything does, but not for the end of somebody's verb.
 * Shared by control*.c only; all calls are the control's thread's.
 */
#ifndef ADATRACE_DRAIN_CONTROL_LANE_H
#define ADATRACE_DRAIN_CONTROL_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drain/control_guest.h"
#include "drain/errands.h"

enum control_lane_kind { LANE_CHANGES, LANE_LOOKS, LANES };

/* The verb that runs, and its request. */
struct control_lane {
    struct errand errand;
    struct errands *thread;
    struct control *control;
    struct control_guest *guest; /* NULL: none runs */
    uint32_t done;               /* atomic */
    size_t size;
    char packet[sizeof(struct control_request) + CONTROL_WORDS_BYTES + 1];
};

/* 0 or -ENOMEM; zeroed before. */
int lane_init(struct control_lane *lane, struct control *control)
    __attribute__((warn_unused_result));
void lane_fini(struct control_lane *lane); /* also if it was only zeroed */

/* The guest's verb begins; none runs. The packet is copied, with the NUL behind its `size`. */
void lane_begin(struct control_lane *lane, struct control_guest *guest, const char *packet,
                size_t size);
/* Whose verb has ended since, whose answer that is; NULL: none has. Another one may begin. */
struct control_guest *lane_end(struct control_lane *lane);
/* Until what runs has run. */
void lane_wait(struct control_lane *lane);

#endif
