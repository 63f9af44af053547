/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explorer: runs a few small threads over shared memory in every way that C11's memory model
 * allows, one execution after the other, until there is none left. README.md says how, and what it
 * does not do.
 *
 * A case's set_up() runs before the threads and its check() after them; both see memory as it is.
 * In between, every access to memory that was named with model_shared() is a step of the model.
 */
#ifndef ADATRACE_TESTS_MODEL_EXPLORER_H
#define ADATRACE_TESTS_MODEL_EXPLORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_THREADS = 4 };

struct model_case {
    const char *name, *about;
    void (*set_up)(void);
    void (*threads[MODEL_THREADS])(void);
    void (*check)(void); /* or NULL */
    bool is_long;        /* only with --long */
    bool is_litmus;      /* of the explorer itself: see cases_litmus.c */
    unsigned outcomes;   /* litmus: how many different ones there are */
};

/* What an exploration came to. */
struct model_result {
    uint64_t executions, redundant; /* complete; given up because others are the same */
    uint64_t steps;
    unsigned outcomes;
    bool complete;     /* nothing is left */
    char failure[300]; /* "": none */
};

struct model_limits {
    uint64_t executions; /* 0: none */
    bool naive;          /* every order of all steps: to check the explorer with */
    bool trace;          /* print the steps of the execution that fails */
};

void explore(const struct model_case *c, const struct model_limits *limits,
             struct model_result *result);

/* ---- for cases ---- */

/* Long form of the case? */
extern bool model_is_long;

/* Memory that threads share. `by_design`: plain writes there meet the reads of others, who find out
 * (a sequence lock's data); they count as relaxed ones. set_up() only. */
void model_shared(void *at, size_t bytes, bool by_design);
/* An object of that memory, where plain accesses to more than it come first. set_up() only. */
void model_place_of(void *at, size_t bytes);
/* Memory of one thread, which its handlers share with it: they may come between its accesses. */
void model_private(void *at, size_t bytes);

/* The running thread may be interrupted by this, at any access, so many times in all. */
void model_handler_set(void (*handler)(void), unsigned times);
/* The handler may be interrupted itself, so deep. 1 unless told. */
void model_handler_depth_set(unsigned depth);
/* From here on the running thread may die, at any store; `kernel` is what its death does in the
 * thread's place. NULL: from here on it does not. */
void model_death_set(void (*kernel)(void));
bool model_is_dead(unsigned thread);
/* A thread that sleeps for room may wake because its time is over. set_up() only. */
void model_timeouts_set(bool possible);
/* Nanoseconds on the clock of the running thread. */
void model_clock_add(uint64_t ns);
unsigned model_self(void);

/* One of `count` ways to go on, all of which are tried. */
unsigned model_choose(unsigned count);
/* What came out, for litmus cases. check() only. */
void model_outcome(uint64_t what);
/* Where a handler was left by a jump: how deep in handlers are we? */
unsigned model_depth(void);
void model_depth_restore(unsigned depth);

_Noreturn void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define model_assert(what)                                                    \
    do {                                                                      \
        if (!(what))                                                          \
            model_fail("%s:%d: %s does not hold", __func__, __LINE__, #what); \
    } while (0)

#endif
