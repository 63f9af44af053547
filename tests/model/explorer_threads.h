/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of the model: coroutines, of which one runs at a time. A thread that is about to do a
 * step says so and goes on when the scheduler has chosen it; then it does the step at once.
 */
#ifndef ADATRACE_TESTS_MODEL_EXPLORER_THREADS_H
#define ADATRACE_TESTS_MODEL_EXPLORER_THREADS_H

#include <setjmp.h>
#include <ucontext.h>

#include "explorer_memory.h"
#include "model_atomics.h"

enum step_kind {
    STEP_BEGIN,
    STEP_LOAD,
    STEP_STORE,
    STEP_UPDATE,
    STEP_CAS,
    STEP_FENCE, /* sequentially consistent */
    STEP_SLEEP, /* on a futex */
    STEP_RESUME,
    STEP_WAKE,
};

struct step {
    enum step_kind kind;
    struct place *place;
    uint64_t expected; /* STEP_CAS: what makes it succeed, and where in the place it lies */
    uint64_t expected_mask;
};

enum { PENDING_WRITES = 16 };

struct thread {
    enum { THREAD_NONE, THREAD_NEW, THREAD_RUNS, THREAD_DONE } state;
    void (*body)(void);
    struct step step; /* the next one */
    unsigned message; /* LOAD, CAS: chosen */
    bool too_late;    /* CAS: to be tried before the store that came in between, too */
    bool woken;       /* RESUME: not by the time */
    bool spins;       /* looks again and again, and sees what it has seen */
    bool dead;
    uint32_t order[MODEL_THREADS]; /* steps of each thread that come before its next one */
    struct views views;
    uint64_t ticks, clock_ns;
    void (*handler)(void);
    unsigned handlers_left, depth, depth_max;
    void (*kernel)(void);
    unsigned writes_count; /* plain writes that are happening */
    struct place *writes[PENDING_WRITES];
    jmp_buf context;
    ucontext_t fresh;
};

extern struct thread model_threads[MODEL_THREADS];
extern struct thread *model_thread; /* that runs; NULL: set_up() or check() */
extern bool model_timeouts;
extern struct place model_fences; /* fences follow each other here */

/* explorer_threads.c */
void threads_reset(const struct model_case *c);
void threads_begin(unsigned first); /* does not come back; see execution_end() */
_Noreturn void thread_end(void);    /* of the running thread */
void thread_switch(unsigned to);
void thread_writes_settle(void); /* plain writes have happened by now */
/* Where a handler or death may come in. */
void thread_point(bool stores);

/* explorer_choices.c: what is tried */
enum execution_end { END_COMPLETE = 1, END_REDUNDANT, END_FAILED };
_Noreturn void execution_end(enum execution_end how);
/* Wait until the running thread's step is chosen. Returns which message it reads. */
unsigned step_take(const struct step *step);
unsigned scheduler_next(void);
/* The running thread has done its step at `place`; the one that stored what it has read, or -1. */
void step_done(struct place *place, bool writes, int read_event);
int step_number(void); /* of the step that is being done */
extern bool model_traces;
void model_trace(const struct model_site *site, const char *what, const struct place *place,
                 uint64_t value, int from);
extern char model_failure[300];

#endif
