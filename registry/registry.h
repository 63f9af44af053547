/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ThreadRegistry: who has which slot and ring of a segment.
 *
 * A slot's life: the drain prepares its ring and sets its ready bit; a thread puts its process in
 * as claimer, writes who it is and sets state CLAIMED; the thread dies (its robust word says so) or
 * retires; the drain empties the ring, frees the slot, one generation on, and prepares it again. No
 * locks, no system calls on the thread's side.
 */
#ifndef ADATRACE_REGISTRY_REGISTRY_H
#define ADATRACE_REGISTRY_REGISTRY_H

#include "registry/segment.h"

/* ---- the traced thread; async-signal-safe ---- */

struct registry_claim {
    uint32_t pid, tid, parent_pid; /* tid 0: taken from the robust mutex */
    uint64_t ticks;
    const char *name; /* or NULL */
    bool is_over;     /* for ThreadSanitizer the thread has ended: it must not be told anything */
    bool robust; /* false: the kernel cannot tell; the drain looks for the thread now and then */
};

/* Does this kernel tell of threads' deaths by robust futexes? Emulators' do not. One system call,
 * which the C library has made for every thread already; does not change errno. */
bool registry_death_is_told(void);

/* Take a ready slot. Returns its index, -EAGAIN: none is ready (count the record with
 * registry_unringed()), -ESHUTDOWN: the drain has gone. */
int registry_claim(struct segment *segment, const struct registry_claim *claim)
    __attribute__((warn_unused_result));
void registry_rename(struct segment *segment, uint32_t slot, const char *name);
/* For ThreadSanitizer only: what the thread did so far is over when its death is seen. Otherwise
 * nothing. */
void registry_leave(struct segment *segment, uint32_t slot);
/* Give the slot up before the thread dies; the caller writes nothing to it any more. */
void registry_retire(struct segment *segment, uint32_t slot);
void registry_unringed(struct segment *segment, uint64_t bytes);

/* ---- the drain; one thread ---- */

/* Records counted with registry_unringed(), since the segment was made, and `bytes` of those at
 * least. Any thread. */
uint64_t registry_unringed_read(const struct segment *segment, uint64_t *bytes);

/*
 * Make slots ready until `ahead` are (or all are in use): allocates the ring's memory in the
 * segment's file so that touching it never faults with SIGBUS. Returns how many are ready, -ENOSPC
 * or another errno when memory cannot be had and none is ready.
 */
int registry_prepare(struct segment *segment, unsigned ahead) __attribute__((warn_unused_result));

/*
 * Let more threads than that come at once: lay out `ahead` rings in all, whose memory the threads
 * get page by page when they touch it. Only a memfd can promise that memory without a fault;
 * elsewhere this does nothing.
 */
void registry_spare(struct segment *segment, unsigned ahead);
enum {
    REGISTRY_SPARE = 64
}; /* a good number: a thread pool that starts between two rounds of the drain */

/*
 * Memory of a ring in a memfd: what every thread has as soon as it has a ring, and what a thread
 * gets that writes much, by registry_extend(), before it is there. Beyond that memory comes page by
 * page as it is touched. -ENOMEM or another errno: so does this.
 */
enum { REGISTRY_EAGER_BYTES = 64 * 1024, REGISTRY_BUSY_BYTES = 512 * 1024 };
int registry_extend(struct segment *segment, uint32_t slot, uint64_t bytes);

/* A file's memory has to be there before anybody touches it: bytes from..to of a slot's ring. In a
 * memfd nothing to do. */
int registry_reserve(struct segment *segment, uint32_t slot, uint64_t from, uint64_t to);
/* Give memory back that ring_spare() has named, or that belongs to nobody. */
void registry_give_back(struct segment *segment, uint32_t slot, uint64_t from, uint64_t to);

/* What all rings do when they are full, from now on: ring_set_policy() for each that exists, and
 * for those to come. */
int registry_set_policy(struct segment *segment, enum ring_policy policy, uint64_t timeout_ns)
    __attribute__((warn_unused_result));

/* One past the highest slot ever claimed: the bound of the drain's walk; never above
 * geometry.slots. */
uint32_t registry_bound(const struct segment *segment);

/* What the drain may know of a slot, copied once and bounded. */
struct registry_view {
    enum slot_state state;
    bool dead; /* the kernel says the owner died: nothing more comes */
    bool robust;
    uint32_t generation, pid, tid, parent_pid, name_changes;
    uint64_t claim_ticks;
    char name[32];
};
/* False: the slot is free or being claimed. */
bool registry_look(const struct segment *segment, uint32_t slot, struct registry_view *view);

/*
 * Somebody of process `pid` (its parent's, if it was forked) has taken the slot and has not said
 * yet who it is. If that process is dead, and this is so afterwards, nothing more comes:
 * registry_free(). False: the slot is free or claimed.
 */
bool registry_claimer(const struct segment *segment, uint32_t slot, uint32_t *pid,
                      uint32_t *parent_pid) __attribute__((warn_unused_result));

/* Empty and of a dead or retired owner: give the slot back. It becomes ready by registry_prepare().
 */
void registry_free(struct segment *segment, uint32_t slot);

#endif
