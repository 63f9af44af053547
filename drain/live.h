/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live stage: while somebody listens, the drain publishes what it takes into a broadcast buffer
 * (live_message.h says in which form).
 *
 * Stages are listeners in the drain's own process: live_listen(), then ada_broadcast_read() in a
 * thread of their own, live_unlisten() when they have had enough or got -EPIPE. A gating stage
 * misses nothing: when it falls behind by a whole buffer, the drain waits for it. It may use
 * drain_call() all the same: while a call waits, the drain does not wait for stages but puts what
 * it publishes aside, and hands it over later in the same order.
 *
 * Listeners in other processes get the buffer's memfd and the catalogue in another one, through the
 * control socket (control_live.c), whose connection tells when they have gone. The buffer exists
 * while somebody listens; when nobody does, all this is one pointer that is NULL.
 */
#ifndef ADATRACE_DRAIN_LIVE_H
#define ADATRACE_DRAIN_LIVE_H

#include <stddef.h>
#include <stdint.h>

#include "drain/live_message.h"

struct drain;
struct drain_thread;
struct ring_record;

enum {
    LIVE_CAPACITY_BYTES = 8 << 20,
};

/* ---- stages: any thread but the drain's ---- */

/* What was told before a stage came. */
struct live_catalogue {
    void *bytes; /* see live_message.h; malloc'd */
    size_t size;
};

/*
 * Listen from now on. `options` as for ada_broadcast_join(), without `from`. *catalogue, if wanted,
 * is what was told until now; the caller frees its bytes, which are NULL on failure. 0;
 * -ESHUTDOWN: the drain has ended; and what ada_broadcast_join() and memfd_create(2) return. Waits
 * for the drain's thread, which has to run; before drain_start() use live_join().
 */
int live_listen(struct drain *drain, const struct ada_broadcast_join_options *options,
                struct ada_broadcast_consumer **consumer, struct live_catalogue *catalogue)
    __attribute__((warn_unused_result));
/* At any time before drain_destroy(). NULL is allowed. */
void live_unlisten(struct drain *drain, struct ada_broadcast_consumer *consumer);

/* ---- the drain's thread (through drain_call()), or when it does not run ---- */

int live_join(struct drain *drain, const struct ada_broadcast_join_options *options,
              struct ada_broadcast_consumer **consumer, struct live_catalogue *catalogue)
    __attribute__((warn_unused_result));

/* For a listener in another process: two descriptors, the caller's to send and then to close.
 * -ESHUTDOWN: the drain has ended; and what the system calls say. */
struct live_subscription {
    int buffer;    /* for ada_broadcast_map() */
    int catalogue; /* a sealed memfd */
};
int live_subscribe(struct drain *drain, struct live_subscription *out)
    __attribute__((warn_unused_result));
/* Once for each that was made. Any thread, at any time before drain_destroy(). */
void live_unsubscribe(struct drain *drain);

/* How many listen, stages and others. */
unsigned live_listeners(const struct drain *drain);

/* ---- the drain itself, while drain_state.h's `live` is not NULL ---- */

/* A run of `count` records of one size was taken; the first is of `ticks`. */
void live_run(struct drain *drain, const struct drain_thread *thread, const unsigned char *records,
              uint32_t count, uint32_t record_bytes, uint64_t ticks);
/* One record was taken. */
void live_record(struct drain *drain, const struct drain_thread *thread,
                 const struct ring_record *record, uint64_t ticks);
/* A round begins; a ring was left before it was empty; the round ends. */
void live_round_begin(struct drain *drain);
void live_round_unfinished(struct drain *drain, uint64_t ticks);
void live_round_end(struct drain *drain);
/* The recording has ended. Listeners find that out; stages have to leave. */
void live_end(struct drain *drain);
void live_destroy(struct drain *drain);

#endif
