/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry fixture: a segment, the smallest drain there is, and owners of slots in this thread, in
 * other threads and in other processes.
 *
 * The drain half (open, round, close) belongs to the test's main thread and asserts; the owner half
 * may be called anywhere and only returns.
 */
#ifndef ADATRACE_TESTS_REGISTRY_FIXTURE_H
#define ADATRACE_TESTS_REGISTRY_FIXTURE_H

#include <sys/types.h>

#include "registry/registry.h"
#include "ring_fixture.h"

/* Who has a slot, as the drain sees it. */
struct fixture_owner {
    bool here;
    uint32_t pid, tid;
    struct ring_reader reader;
    struct ledger ledger;
};

struct registry_fixture {
    struct segment segment;
    struct fixture_owner owners[SEGMENT_SLOTS_MAX];
    uint32_t frees[SEGMENT_SLOTS_MAX]; /* of each slot: its generation */
    unsigned ahead;                    /* slots to keep ready */
    uint32_t dead_pid;                 /* was waited for: its slots are over whatever they say */
    unsigned given_back;               /* slots of those who died before they had claimed them */
    /* Of all whose slots were freed. */
    uint64_t ended, taken, written, dropped;
};

extern const struct segment_geometry fixture_small; /* two slots, a ring of 4 KiB each */

/* ---- the drain ---- */

/* `ahead` slots ready at once, and from then on before each round's end. One at a time. */
struct registry_fixture *registry_fixture_open(uint32_t slots, uint64_t ring_bytes, unsigned ahead);
void registry_fixture_close(struct registry_fixture *f);

/* Read every ring once, check what the registry says of its owner, free the slots that are over and
 * empty, prepare others. Returns how many owners are left. */
unsigned registry_fixture_round(struct registry_fixture *f);

bool slot_is_ready(const struct segment *s, uint32_t slot);
/* What the registry says of a slot that somebody has. */
struct registry_view slot_look(const struct segment *s, uint32_t slot);

/* ---- owners ---- */

/* The calling thread takes a slot, with its mutex. As registry_claim(). */
int owner_claim(struct segment *s, const char *name);
/* `writer` is 128-byte aligned and the calling thread's. */
void owner_write_to(struct ada_writer *writer, struct segment *s, uint32_t slot);

/* A process that runs act(context) and ends with status 0; it does not outlive this one. */
pid_t process_start(void (*act)(void *context), void *context);
/* Its exit status, or 128 + its signal. */
int process_end(pid_t pid);
int process_kill(pid_t pid);

/* Do what blocks the caller for good: somebody kills it. */
void stay_for_ever(void) __attribute__((noreturn));

#endif
