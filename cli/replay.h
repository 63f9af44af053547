/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay: the events of a trace once more, with their spacing.
 *
 * The main thread reads the trace ahead of time and hands every thread's events to a thread of its
 * own, a player, which emits each when it is due (cli/replay_pace.h). What lies between them is
 * bounded in bytes and in time; players are made when their first event comes near and end behind
 * their last one.
 */
#ifndef ADATRACE_CLI_REPLAY_H
#define ADATRACE_CLI_REPLAY_H

#include <pthread.h>

#include "cli/replay_pace.h"
#include "cli/replay_types.h"
#include "format/trace_reader.h"

struct replay_figures {
    uint64_t played;  /* events that came to their turn */
    uint64_t emitted; /* of them: written into rings */
    uint64_t dropped; /* no room */
    uint64_t off;     /* switched off in the session */
    uint64_t left;    /* of types that could not be registered */
    uint64_t gaps;    /* places in the trace where records were missing: nothing to play */
    uint64_t threads;
    uint64_t differing; /* threads whose ring counts otherwise than we do */
    struct replay_lateness lateness;
    uint64_t took_ns;
};

struct replay_player;

struct replay {
    struct trace *trace;
    const struct trace_filter *filter;
    struct replay_types types;
    double speed;     /* 2: twice as fast; 0: as fast as it goes */
    int64_t first_ns; /* of the first event */
    const bool *stop; /* atomic: a signal has said so */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t moved; /* something below has changed that the main thread waits for */
    pthread_cond_t begun;
    uint64_t start_ns;     /* when first_ns is played; 0: not yet */
    uint64_t bytes;        /* between the reader and the players */
    unsigned alive, ready; /* players; `ready` counts until the start */
    struct replay_figures figures;

    struct replay_player **players; /* by place of the thread; the main thread's */
};

/* Play everything. 0 or a negative errno. */
int replay_run(struct replay *replay) __attribute__((warn_unused_result));

/* When an event is due; `start_ns` as in struct replay. */
static inline uint64_t replay_due(const struct replay *replay, uint64_t start_ns, int64_t ns)
{
    uint64_t since = (uint64_t)(ns - replay->first_ns);

    if (replay->speed == 0)
        return 0;
    return start_ns + (replay->speed == 1 ? since : (uint64_t)((double)since / replay->speed));
}

/* ---- replay_player.c ---- */

struct replay_item {
    int64_t ns;
    uint32_t type, bytes; /* of the payload */
};

/* A place for the event's payload, not handed over yet; `place` is that of its thread. NULL: no
 * memory, or no thread to be had. */
unsigned char *replay_put(struct replay *replay, size_t place, const struct trace_thread *thread,
                          const struct replay_item *item);
/* What was put goes to the thread's player. */
void replay_hand_over(struct replay *replay, size_t place);
/* No more comes for this thread. */
void replay_thread_end(struct replay *replay, size_t place);

/* ---- replay_exec.c ---- */

/* Events as JSON lines to a command's standard input. Returns the exit status. */
int replay_exec(struct replay *replay, const char *path, const char *command);

#endif
