/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live stage's insides, shared by its source files only. Everything belongs to the drain's
 * thread, except `stages` and `guests`, which go down from any thread.
 */
#ifndef ADATRACE_DRAIN_LIVE_STATE_H
#define ADATRACE_DRAIN_LIVE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "drain/live.h"
#include "format/trace_writer.h"

enum { LIVE_PENDING_BYTES = 16 * 1024 };

/* A message that stages were not ready for while somebody waited for the drain. */
struct live_late {
    struct live_late *next;
    uint32_t type, bytes;
    unsigned char payload[];
};

struct live {
    struct drain *drain;
    struct ada_broadcast *buffer;
    struct trace_listener listener;
    uint32_t stages;       /* atomic: listeners in this process */
    uint32_t guests;       /* atomic: in others */
    uint64_t look_ns;      /* whether anybody is left, next */
    struct live_head head; /* of the next message */

    /* Records that came one by one, not published yet. */
    struct live_run run;
    uint32_t pending_bytes;
    unsigned char pending[LIVE_PENDING_BYTES];

    /* Rounds. */
    uint64_t round_ticks; /* when this one began, or of the newest record of a ring left full */
    uint64_t told_ns;     /* when LIVE_ROUND was published last */

    struct live_late *late, **late_end;
};

/* ---- live.c ---- */
/* Metadata; `body` stands behind the head. */
void live_items(void *live, const void *bytes, size_t size);
void live_declared(void *live, uint64_t image, uint32_t id, uint32_t number);
void live_gap(void *live, const struct trace_gap *gap);
/* Hand over what was put aside, without waiting, and forget the rest. */
void live_late_free(struct live *live);
/* What is pending becomes a message. */
void live_flush(struct live *live);

/* ---- live_listen.c ---- */
/* If nobody listens any more, give all up. Not at every moment: they come and go. */
void live_look_around(struct drain *drain, uint64_t now_ns);

#endif
