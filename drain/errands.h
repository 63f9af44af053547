/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errands: one thread for what takes its time and what the drain must not wait for: ending files,
 * writing snapshots, resolving symbols. In order, one after the other. Any thread may call.
 */
#ifndef ADATRACE_DRAIN_ERRANDS_H
#define ADATRACE_DRAIN_ERRANDS_H

struct errands;

/* Embedded in what the errand is about. `run` may free it. */
struct errand {
    struct errand *next;
    void (*run)(struct errand *errand);
};

/* The thread starts with the first errand, with all signals blocked. NULL: no memory. */
struct errands *errands_create(void);
/* Does all that was given to it first. */
void errands_destroy(struct errands *errands);

/* When no thread can be had it is run here and now. */
void errands_post(struct errands *errands, struct errand *errand);
/* Until everything that was posted is done. */
void errands_wait(struct errands *errands);

#endif
