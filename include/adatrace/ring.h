/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring: records of any length from one writer to one reader, in threads or in processes. Usable
 * without tracing.
 *
 *     struct ada_ring *ring;                              another thread:
 *     ada_ring_create(1 << 20, &ring);
 *     ada_ring_write(ring, "hello", 5, ADA_FOREVER);      n = ada_ring_read(ring, buffer,
 *     ada_ring_shutdown(ring);                                    sizeof(buffer), ADA_FOREVER);
 *
 * A record is never split: it lies in one piece, 8-byte aligned, so both sides can work in place.
 * After a ring was made, nothing here allocates; and nothing calls the kernel, except who waits,
 * and who finds the other side asleep.
 *
 * The writer's calls belong to one thread at a time, the reader's calls to one thread at a time;
 * the two may be the same thread, or use one handle in two threads, or a handle each in two
 * processes. Calls of neither group are for any thread. Not for signal handlers, except where it is
 * said. What lies in shared memory is not trusted: whatever the other side writes there, calls end
 * with -EBADMSG, and never read or write outside the ring; a payload is what it is.
 *
 * Functions return 0 or a positive value, or a negative errno. Times are in nanoseconds.
 */
#ifndef ADATRACE_RING_H
#define ADATRACE_RING_H

#include <stddef.h>
#include <stdint.h>

#include <adatrace/attributes.h>

#ifdef __cplusplus
#pragma GCC diagnostic push
/* A function may have the name of the struct that it fills: in C++ that hides a constructor. */
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#endif

#define ADA_RING_CAPACITY_MIN UINT64_C(512)
#define ADA_RING_CAPACITY_MAX (UINT64_C(1) << 30)

#define ADA_FOREVER UINT64_MAX /* a time-out that never comes */

struct ada_ring; /* one process's handle of a ring */

/* A record where it lies, or one to be written. */
struct ada_ring_record {
    const void *payload; /* 8-byte aligned when it was read */
    size_t bytes;        /* 0 is possible */
};

/* ---- making and finding; not while the handle is in use ---- */

/*
 * Capacities are bytes for records and their 8-byte headers: ADA_RING_CAPACITY_MIN to _MAX, rounded
 * up to a power of two. The longest record takes half of it, ada_ring_record_max(). Common errors:
 * -ERANGE: not such a capacity; -ENOMEM, -ENOSPC: no memory; -EFBIG: more than RLIMIT_FSIZE allows.
 * All of a ring's memory is there when it was made: no page fault fails later.
 */

/* In private memory of its own: for threads of one process. */
ADA_EXPORT int ada_ring_create(uint64_t capacity, struct ada_ring **ring) ADA_MUST_CHECK;

/* In memory[bytes] of the caller's, 128-byte aligned, the largest that fits; allocates nothing. The
 * memory must stay until ada_ring_destroy(). When it is shared and the program forks, parent and
 * child can be the two sides. -EINVAL: misaligned. */
ADA_EXPORT int ada_ring_create_in(void *memory, size_t bytes,
                                  struct ada_ring **ring) ADA_MUST_CHECK;
ADA_EXPORT size_t ada_ring_memory_bytes(uint64_t capacity); /* that ada_ring_create_in() needs */
#define ADA_RING_OVERHEAD 1024 /* the same for arrays: capacity + ADA_RING_OVERHEAD */

/*
 * In shared memory (shm_open, 0600) under a new name: letters, digits, `.`, `_`, `-`, at most 200,
 * the first one a letter or digit. -EEXIST: there is one. Programs of the same user attach by name;
 * it stays until ada_ring_remove().
 */
ADA_EXPORT int ada_ring_create_named(const char *name, uint64_t capacity,
                                     struct ada_ring **ring) ADA_MUST_CHECK;
/* -ENOENT; -EAGAIN: it is being made; -EPERM: another user's; and as ada_ring_attach_fd(). */
ADA_EXPORT int ada_ring_attach_named(const char *name, struct ada_ring **ring) ADA_MUST_CHECK;
/* Who is attached keeps it. -ENOENT. */
ADA_EXPORT int ada_ring_remove(const char *name);

/* In a memfd, sealed against shrinking and growing, to be handed over by fork or a Unix socket. The
 * descriptor is the handle's, close-on-exec, and closed by ada_ring_destroy(). */
ADA_EXPORT int ada_ring_create_fd(uint64_t capacity, struct ada_ring **ring) ADA_MUST_CHECK;
ADA_EXPORT int ada_ring_fd(const struct ada_ring *ring); /* -EBADF: it has none */
/* The descriptor stays the caller's. -EBADMSG: no ring, or sizes that do not fit each other;
 * -EPROTONOSUPPORT: of another version. Only a sealed file (or one that nobody truncates) cannot
 * be taken away from under us. */
ADA_EXPORT int ada_ring_attach_fd(int fd, struct ada_ring **ring) ADA_MUST_CHECK;

/* Give up the handle and what memory is its own. Shared memory stays for the others. NULL: nothing.
 */
ADA_EXPORT void ada_ring_destroy(struct ada_ring *ring);

/* How long who waits looks by itself before it sleeps. 2,000; 0: sleeps at once. */
ADA_EXPORT void ada_ring_set_spin(struct ada_ring *ring, uint64_t spin_ns);

/* ---- the writer ---- */

/*
 * Common errors: -EAGAIN: no room; -EPIPE: the ring was shut down, or there is no room and the
 * reader has gone (channels); -EMSGSIZE: longer than ada_ring_record_max(); -EBADMSG: the shared
 * indexes are nonsense. Records refused for want of room are counted as dropped.
 */

/* Copy a record in, and publish it with all that is reserved. */
ADA_EXPORT int ada_ring_try_write(struct ada_ring *ring, const void *payload,
                                  size_t bytes) ADA_MUST_CHECK;
/* The same; waits for room. -ETIMEDOUT instead of -EAGAIN. */
ADA_EXPORT int ada_ring_write(struct ada_ring *ring, const void *payload, size_t bytes,
                              uint64_t timeout_ns) ADA_MUST_CHECK;
/* Many, published at once: as many from the front as there is room for. Returns how many; the rest
 * is not counted as dropped. An error only when not one was written. */
ADA_EXPORT int64_t ada_ring_write_batch(struct ada_ring *ring,
                                        const struct ada_ring_record *records,
                                        size_t count) ADA_MUST_CHECK;

/* Room for a record in place: write to (*payload)[bytes], then commit or roll back. Several may be
 * reserved before. */
ADA_EXPORT int ada_ring_reserve(struct ada_ring *ring, size_t bytes, void **payload) ADA_MUST_CHECK;
/* The last one reserved becomes shorter. -EINVAL: there is none, or it would be longer. */
ADA_EXPORT int ada_ring_shrink(struct ada_ring *ring, size_t bytes);
ADA_EXPORT void ada_ring_commit(struct ada_ring *ring);   /* publish all that is reserved */
ADA_EXPORT void ada_ring_rollback(struct ada_ring *ring); /* give all that is reserved up */

/* Wait until a record of so many bytes has room: 0. Reserved room does not come free by waiting. */
ADA_EXPORT int ada_ring_wait_room(struct ada_ring *ring, size_t bytes,
                                  uint64_t timeout_ns) ADA_MUST_CHECK;

/* The longest record that is sure of a place in an empty ring. Any thread. */
ADA_EXPORT size_t ada_ring_record_max(const struct ada_ring *ring);
/* The longest record that has room right now; -EAGAIN: none, not even an empty one. */
ADA_EXPORT int64_t ada_ring_room(struct ada_ring *ring);

/* ---- the reader ---- */

/*
 * Common errors: -EPIPE: all was read, and no more comes: the ring was shut down, or the writer has
 * gone (channels); -EBADMSG: damaged, and everything up to the writer's index, as last seen, was
 * passed over and counted. A payload stays where it is until ada_ring_release().
 */

/* Look at the next record without taking it: 1, or 0: there is none right now. */
ADA_EXPORT int ada_ring_peek(struct ada_ring *ring, struct ada_ring_record *record) ADA_MUST_CHECK;
ADA_EXPORT void ada_ring_advance(struct ada_ring *ring); /* take what peek showed */
ADA_EXPORT void ada_ring_release(struct ada_ring *ring); /* give back all that was taken */

/* Copy the next record to buffer[bytes] and give it back. Returns its length; -EAGAIN: there is
 * none; -ENOBUFS: it is longer, and stays. */
ADA_EXPORT int64_t ada_ring_try_read(struct ada_ring *ring, void *buffer,
                                     size_t bytes) ADA_MUST_CHECK;
/* The same; waits for one. -ETIMEDOUT instead of -EAGAIN. */
ADA_EXPORT int64_t ada_ring_read(struct ada_ring *ring, void *buffer, size_t bytes,
                                 uint64_t timeout_ns) ADA_MUST_CHECK;
/* Take up to `max` records, in place. Returns how many, 0: there is none right now. */
ADA_EXPORT int64_t ada_ring_read_batch(struct ada_ring *ring, struct ada_ring_record *records,
                                       size_t max) ADA_MUST_CHECK;

/* Show up to `max` records in place to `visit`, which takes them; nonzero from it ends that. Gives
 * back on the way. Returns how many were taken. */
typedef int (*ada_ring_visit)(void *context, const struct ada_ring_record *record);
ADA_EXPORT int64_t ada_ring_drain(struct ada_ring *ring, ada_ring_visit visit, void *context,
                                  uint64_t max) ADA_MUST_CHECK;

/* Wait until there is a record: 0. -ETIMEDOUT. */
ADA_EXPORT int ada_ring_wait(struct ada_ring *ring, uint64_t timeout_ns) ADA_MUST_CHECK;

/* ---- either side, or another thread ---- */

/* No more: writing ends now, reading after the last record, waiting at once. For good. */
ADA_EXPORT void ada_ring_shutdown(struct ada_ring *ring);

ADA_EXPORT uint64_t ada_ring_capacity(const struct ada_ring *ring);
/* Bytes in use, padding and headers included. A live figure. */
ADA_EXPORT uint64_t ada_ring_fill(const struct ada_ring *ring);

/* All indexes and counts. Exact while neither side works, live figures otherwise. */
struct ada_ring_snapshot {
    uint64_t capacity;
    uint64_t head, tail;       /* bytes published and given back so far, padding included */
    uint64_t written, read;    /* records */
    uint64_t dropped;          /* records that the writer was refused for want of room */
    uint64_t damaged_bytes;    /* passed over */
    uint64_t high_water_bytes; /* highest fill that a side has seen when it looked at the other */
};
ADA_EXPORT void ada_ring_snapshot(const struct ada_ring *ring, struct ada_ring_snapshot *snapshot);

/*
 * The same with all published records, in one piece of memory that says its version, sizes and
 * checksum: image[bytes]. Returns the image's length, or -ENOBUFS. What the reader gives back
 * meanwhile is left out, and no record is torn; exact when called by the reader, or while neither
 * side works.
 */
ADA_EXPORT int64_t ada_ring_snapshot_with_data(const struct ada_ring *ring, void *image,
                                               size_t bytes) ADA_MUST_CHECK;
ADA_EXPORT size_t ada_ring_image_max(const struct ada_ring *ring); /* bytes that suffice */

/* Make the ring what an image says; what was in it is gone. Neither side may work meanwhile, and
 * other handles have to be attached anew. -ERANGE: of another capacity; -EBADMSG: damaged;
 * -EPROTONOSUPPORT: of another version. Then nothing was changed. */
ADA_EXPORT int ada_ring_restore(struct ada_ring *ring, const void *image,
                                size_t bytes) ADA_MUST_CHECK;

/* The same to a file, and into a private ring from one, at the descriptor's position; it stays the
 * caller's. Both allocate. Errors also of read() and write(). */
ADA_EXPORT int ada_ring_save(const struct ada_ring *ring, int fd) ADA_MUST_CHECK;
ADA_EXPORT int ada_ring_load(int fd, struct ada_ring **ring) ADA_MUST_CHECK;

/* Are header, indexes, counts and every published record as they should be? 0; or -EBADMSG, and why
 * in text[bytes] (may be NULL). While neither side works. */
ADA_EXPORT int ada_ring_check(const struct ada_ring *ring, char *text, size_t bytes) ADA_MUST_CHECK;

#ifdef __cplusplus
}
#pragma GCC diagnostic pop
#endif

#endif
