/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hand-made traced processes for tests of the drain: a segment in this process, threads that claim
 * its slots and write to its rings, no tracer and no agent.
 */
#ifndef ADATRACE_TESTS_PRODUCER_H
#define ADATRACE_TESTS_PRODUCER_H

#include <pthread.h>

#include "drain/drain.h"
#include "registry/arena.h"
#include "registry/registry.h"

enum { TYPE_NUMBER = 8, TYPE_EXEC = 9, TYPE_PROCESS_EXIT = 10, TYPE_UNKNOWN = 77 };

/* A segment that is given to a drain of its own, with the type TYPE_NUMBER (one u64). */
struct stage {
    struct drain *drain;
    struct segment segment;
    bool has_mapping; /* of its own, as another process has it; else the drain's */
    uint32_t pid;
};

struct stage_options {
    uint64_t ring_bytes; /* 0: 4096 */
    uint64_t ring_max_bytes, ring_budget;
    uint32_t slots; /* 0: 16 */
    enum ring_policy policy;
    uint64_t timeout_ns;
    uint32_t pid;        /* 0: ours */
    uint64_t start_time; /* of the process, as /proc has it; 0: not known */
    bool untold;         /* do not tell TYPE_NUMBER */
    /* Map the segment a second time. Not the default: a sanitizer that watches addresses cannot see
     * that what is released at one of them is acquired at the other. */
    bool maps;
    const char *(*untraceable)(void *context, uint32_t pid, const char *path);
};

void stage_set(struct stage *stage, const struct stage_options *options);
/* One more segment for the same drain. */
void stage_add(struct stage *stage, struct drain *drain, const struct stage_options *options);
/* Give up the mapping of its own. */
void stage_unmap(struct stage *stage);
/* Finish and destroy the drain, too. */
void stage_clear(struct stage *stage);

void stage_tell_type(struct stage *stage, uint16_t id, const char *provider, const char *name);

/* A thread's hold on a slot; the writer is the calling thread's. */
struct producer {
    struct stage *stage;
    struct ada_writer writer;
    uint32_t slot;
    bool is_invented; /* no thread has this tid */
};
/* Claims for (pid, tid): 0 for the stage's and the thread's own. Not robust unless asked: the test
 * program's main thread lives on. A tid that is given is nobody's: it counts as robust, because
 * once a second the drain looks for threads of whose death it would not be told. */
void producer_claim(struct producer *producer, struct stage *stage, uint32_t tid, bool robust);
bool producer_write(struct producer *producer, uint64_t number);
void producer_retire(struct producer *producer);
struct ring_shared *producer_ring(struct producer *producer);

/* Run `work` in a thread and wait for its end. */
void thread_run(void *(*work)(void *argument), void *argument);

#endif
