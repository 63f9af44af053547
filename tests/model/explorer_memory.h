/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the model: for each place (an object that is accessed as one) all values that were ever
 * stored, in order, and for each thread which of them it may still read.
 *
 * A thread's view says, of each place, the oldest value that it may read, and of each thread, how
 * much of it happened before. A release store carries the storing thread's view, an acquire load
 * takes it over; relaxed ones only with fences. A value is appended when it is stored: orders of
 * two relaxed stores to one place that no interleaving has are not looked at (README.md).
 */
#ifndef ADATRACE_TESTS_MODEL_EXPLORER_MEMORY_H
#define ADATRACE_TESTS_MODEL_EXPLORER_MEMORY_H

#include "explorer.h"

enum { PLACES_MAX = 1024, MESSAGES_MAX = 64 };

struct view {
    uint32_t clock[MODEL_THREADS];
    uint8_t oldest[PLACES_MAX]; /* index of a message */
};

struct message {
    uint64_t value;
    const struct view *view; /* what an acquire load takes over; NULL: nothing */
    int event;               /* which step stored it; -1: none */
};

/* Accesses of one place by each thread: its clock at the last one. */
struct accesses {
    uint32_t plain_write[MODEL_THREADS], write[MODEL_THREADS];
    uint32_t plain_read[MODEL_THREADS], read[MODEL_THREADS];
};

struct place {
    uintptr_t at;
    uint32_t size;
    bool by_design;
    uint64_t execution; /* that what follows is of */
    unsigned count;
    struct message messages[MESSAGES_MAX];
    struct accesses accesses;
    int last_write;  /* event; -1 */
    int last_access; /* event; -1: the head of a list through event.before */
};

/* The three views of a thread: what it knows, what an acquire fence would add, what a relaxed store
 * carries since the last release fence. */
struct views {
    struct view now, acquired, released;
};

enum region_kind { REGION_NONE, REGION_SHARED, REGION_PRIVATE };

void memory_reset(void);         /* before a case */
void memory_execution_new(void); /* before an execution */
enum region_kind memory_region(uintptr_t at, bool *by_design);
void memory_region_add(enum region_kind kind, void *at, size_t bytes, bool by_design);

/* The place for an access of so many bytes; *shift: bits below it when it is part of one. */
struct place *memory_place(uintptr_t at, size_t size, unsigned *shift);
/* The same for a plain access, which may be larger than the places it covers: the first of them. */
struct place *memory_place_for_plain(uintptr_t at, size_t size, unsigned *shift);
unsigned memory_place_number(const struct place *place);
struct place *memory_place_numbered(unsigned number);

void views_clear(struct views *views);
/* One more access by thread `self`. */
void views_tick(struct views *views, unsigned self);

unsigned memory_oldest(const struct views *views, const struct place *place);
uint64_t memory_read(struct views *views, unsigned self, struct place *place, unsigned message,
                     bool acquire);
/* `read`: an update of this message, whose view goes on with it; NULL: a store. */
void memory_write(struct views *views, unsigned self, struct place *place, uint64_t value,
                  bool release, const struct message *read, int event);
/* It has met the newest value, by way of the kernel. */
void memory_see_newest(struct views *views, const struct place *place);
void memory_fence(struct views *views, int order);

/* Fails when another thread's access is not ordered before. */
void memory_check_race(const struct views *views, unsigned self, const struct place *place,
                       bool writes, bool plain);
/* A plain access; the value of a write is found in memory later. */
void memory_plain(struct views *views, unsigned self, struct place *place, bool writes);

#endif
