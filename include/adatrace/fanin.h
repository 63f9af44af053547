/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fan-in: many producers, each with a ring of its own, and one consumer who reads them all in turn.
 * Producers are threads or processes, and come and go at any time.
 *
 *     struct ada_fanin *f;                                 each producer:
 *     ada_fanin_create(NULL, &f);                          ada_fanin_join(f, &ring);
 *     while (ada_fanin_wait(f, ADA_FOREVER) == 0)          ada_ring_write(ring, "hello", 5, ...);
 *         ada_fanin_poll(f, visit, NULL, 64);              ada_fanin_leave(f, ring);
 *
 * Producers share nothing with each other: no lock, no line of memory that two of them write for a
 * record. A producer that ends without a word, be it by SIGKILL, loses nothing that it has
 * published: the consumer reads that, then frees the ring for the next one. All memory is there
 * from the beginning.
 *
 * Joining, leaving and writing: any thread, each ring in the thread that joined. Waiting and
 * polling: one thread at a time, of one process. Not for signal handlers. Functions return 0 or a
 * positive value, or a negative errno.
 */
#ifndef ADATRACE_FANIN_H
#define ADATRACE_FANIN_H

#include <adatrace/ring.h>

#ifdef __cplusplus
#pragma GCC diagnostic push
/* A function may have the name of the struct that it fills: in C++ that hides a constructor. */
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#endif

#define ADA_FANIN_PRODUCERS_MAX 256

struct ada_fanin; /* one process's handle */

/* Zero in any field takes the default. Set size to sizeof(struct ada_fanin_options). */
struct ada_fanin_options {
    size_t size;
    uint32_t producers; /* at once, 1 to ADA_FANIN_PRODUCERS_MAX; 64 */
    uint32_t reserved;  /* 0 */
    uint64_t capacity;  /* of each ring, as ada_ring_create() has it; 64 KiB */
};

/* In private memory, for threads; by name or in a memfd, for processes: as the functions of
 * adatrace/ring.h, with their errors. -EINVAL: options. */
ADA_EXPORT int ada_fanin_create(const struct ada_fanin_options *options,
                                struct ada_fanin **fanin) ADA_MUST_CHECK;
ADA_EXPORT int ada_fanin_create_named(const char *name, const struct ada_fanin_options *options,
                                      struct ada_fanin **fanin) ADA_MUST_CHECK;
ADA_EXPORT int ada_fanin_attach_named(const char *name, struct ada_fanin **fanin) ADA_MUST_CHECK;
ADA_EXPORT int ada_fanin_remove(const char *name);
ADA_EXPORT int ada_fanin_create_fd(const struct ada_fanin_options *options,
                                   struct ada_fanin **fanin) ADA_MUST_CHECK;
ADA_EXPORT int ada_fanin_fd(const struct ada_fanin *fanin); /* -EBADF: it has none */
ADA_EXPORT int ada_fanin_attach_fd(int fd, struct ada_fanin **fanin) ADA_MUST_CHECK;
/* Give up the handle, when all of this process's producers have left. NULL: nothing. */
ADA_EXPORT void ada_fanin_destroy(struct ada_fanin *fanin);

/* ---- producers ---- */

/*
 * Become a producer: *ring is for this thread's calls of the writer, until it leaves, or ends.
 * -EAGAIN: all rings are taken, counted; -EPIPE: shut down; -ENOMEM; and as ada_channel_open()
 * about deaths. In a private fan-in this takes no lock and makes no system call.
 */
ADA_EXPORT int ada_fanin_join(struct ada_fanin *fanin, struct ada_ring **ring) ADA_MUST_CHECK;
/* What is reserved and not committed is given up. A thread's end does the same. */
ADA_EXPORT void ada_fanin_leave(struct ada_fanin *fanin, struct ada_ring *ring);

/* ---- the consumer: who polls or waits first ---- */

/* Who has written. The same index with another generation is another producer. */
struct ada_fanin_producer {
    uint32_t index, generation;
    uint32_t pid, tid; /* as the producer sees itself */
};

/* record NULL: this producer has ended, and that was all. Nonzero ends the poll. */
typedef int (*ada_fanin_visit)(void *context, const struct ada_fanin_producer *producer,
                               const struct ada_ring_record *record);

/*
 * Show up to `max` records of each producer, in the order of each ring. Who is first changes from
 * poll to poll. Returns how many records; -EPIPE: shut down, and all was read; -EBUSY: another
 * process is the consumer. Rings that were scribbled on lose their own records, counted as
 * damaged_bytes.
 */
ADA_EXPORT int64_t ada_fanin_poll(struct ada_fanin *fanin, ada_fanin_visit visit, void *context,
                                  uint64_t max) ADA_MUST_CHECK;
/* Wait until there is something to poll: 0. -ETIMEDOUT; -EPIPE and -EBUSY as above. A death is
 * noticed within 100 ms. */
ADA_EXPORT int ada_fanin_wait(struct ada_fanin *fanin, uint64_t timeout_ns) ADA_MUST_CHECK;

/* ---- any thread ---- */

/* No more: producers get -EPIPE, the consumer when all is read. For good. */
ADA_EXPORT void ada_fanin_shutdown(struct ada_fanin *fanin);

struct ada_fanin_stats {
    uint32_t producers_max;
    uint32_t producers;       /* now, those that ended and are not emptied included */
    uint64_t joined, refused; /* so far; refused: all rings were taken */
    uint64_t capacity;        /* of each ring */
};
ADA_EXPORT void ada_fanin_stats(const struct ada_fanin *fanin, struct ada_fanin_stats *stats);

/* Of every producer: calls visit until it returns nonzero, and returns that. */
ADA_EXPORT int ada_fanin_producers_visit(const struct ada_fanin *fanin,
                                         int (*visit)(void *context,
                                                      const struct ada_fanin_producer *producer,
                                                      const struct ada_ring_snapshot *ring),
                                         void *context);

#ifdef __cplusplus
}
#pragma GCC diagnostic pop
#endif

#endif
