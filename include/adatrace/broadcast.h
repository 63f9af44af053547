/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcast: a buffer of messages of any size that every consumer reads for itself.
 *
 *     ada_broadcast_create(&b, &(struct ada_broadcast_options){.size = sizeof(...), ...});
 *     ada_broadcast_write(b, type, parts, part_count, 0);              a producer
 *     ada_broadcast_read(consumer, &message, ADA_BROADCAST_FOREVER);   a consumer
 *
 * A consumer is either gating or skipping. A gating one misses nothing: producers wait until it has
 * let go of a message before they write there again. A skipping one holds nobody up: when it has
 * been overtaken it goes on at a later message and is told exactly how many messages and payload
 * bytes it missed; it never sees a torn message. A consumer can stand behind others: it then sees a
 * message only when all of those have let go of it.
 *
 * The buffer lies in private memory, or in a memfd that other processes map read-only; consumers
 * there are skipping ones, and nothing that they do or fail to do can be noticed by the producers.
 *
 * One consumer belongs to one thread at a time; so does the buffer's producer, unless it was made
 * for many. Everything else may be called from any thread. Nothing here is async-signal-safe.
 * Functions return 0 or a positive value, or a negative errno. C11 and C++17.
 */
#ifndef ADATRACE_BROADCAST_H
#define ADATRACE_BROADCAST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <adatrace/attributes.h>

#ifdef __cplusplus
#pragma GCC diagnostic push
/* A function may have the name of the struct that it fills: in C++ that hides a constructor. */
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#endif

#define ADA_BROADCAST_FOREVER   UINT64_MAX
#define ADA_BROADCAST_CONSUMERS 16 /* at once, those of other processes not counted */

struct ada_broadcast;
struct ada_broadcast_consumer;

/* How to wait: what it costs the CPU against how soon it ends. */
enum ada_broadcast_wait {
    ADA_BROADCAST_BLOCK = 0, /* on a futex: nothing while it lasts, some 50 us to end */
    ADA_BROADCAST_SLEEP = 1, /* naps of 50 us to 1 ms */
    ADA_BROADCAST_YIELD = 2, /* sched_yield(2) between looks */
    ADA_BROADCAST_SPIN = 3,  /* a CPU of its own */
};

enum ada_broadcast_kind { ADA_BROADCAST_SKIPPING = 0, ADA_BROADCAST_GATING = 1 };

/* Zero in any field takes the default. Set size to sizeof(struct ada_broadcast_options). */
struct ada_broadcast_options {
    size_t size;
    uint64_t capacity_bytes; /* 4 KiB to 1 GiB, rounded up to a power of two; 1 MiB */
    int many_producers;      /* nonzero: several threads write */
    int in_memfd;            /* nonzero: other processes can read it (ada_broadcast_fd()) */
    enum ada_broadcast_wait producer_wait; /* for gating consumers; block */
};

/* -ERANGE: capacity; -EINVAL: another option; -ENOMEM, and what memfd_create(2) says. */
ADA_EXPORT int ada_broadcast_create(struct ada_broadcast **out,
                                    const struct ada_broadcast_options *options)
    __attribute__((warn_unused_result));
/* The buffer behind a descriptor from ada_broadcast_fd(), for reading only. `fd` stays the
 * caller's. -EPROTO: something else, or of another version. */
ADA_EXPORT int ada_broadcast_map(struct ada_broadcast **out, int fd)
    __attribute__((warn_unused_result));
/* Every consumer has left before. NULL is allowed. */
ADA_EXPORT void ada_broadcast_destroy(struct ada_broadcast *broadcast);

/* The memfd; stays the buffer's. Sealed: whoever is given it can neither write nor shrink it.
 * -ENOENT: it lies in private memory. */
ADA_EXPORT int ada_broadcast_fd(const struct ada_broadcast *broadcast);
ADA_EXPORT uint64_t ada_broadcast_capacity(const struct ada_broadcast *broadcast);
/* Payload bytes that one message can have: an eighth of the capacity, less its head. */
ADA_EXPORT uint32_t ada_broadcast_message_max(const struct ada_broadcast *broadcast);

/* A place between two messages, and how many messages and payload bytes came before it. */
struct ada_broadcast_place {
    uint64_t position, messages, bytes;
};
/* The place of the next message that will be claimed. */
ADA_EXPORT void ada_broadcast_here(const struct ada_broadcast *broadcast,
                                   struct ada_broadcast_place *place);

/* ---- producers ---- */

struct ada_broadcast_claim {
    void *payload;  /* of the bytes asked for, 8-byte aligned */
    uint64_t place; /* the rest is the buffer's */
    uint64_t end;
};

/*
 * Room for a message. Fill it in and commit it: consumers do not get past it before. Waits up to
 * timeout_ns for gating consumers. -EAGAIN: no room (timeout_ns 0); -ETIMEDOUT; -EMSGSIZE: longer
 * than ada_broadcast_message_max(); -EPIPE: the buffer is closed; -EROFS: it is mapped for reading.
 */
ADA_EXPORT int ada_broadcast_claim(struct ada_broadcast *broadcast, uint32_t type, uint32_t bytes,
                                   uint64_t timeout_ns, struct ada_broadcast_claim *claim)
    __attribute__((warn_unused_result));
ADA_EXPORT void ada_broadcast_commit(struct ada_broadcast *broadcast,
                                     const struct ada_broadcast_claim *claim);
/* Claim, copy the parts one behind the other (each is read once), commit. */
ADA_EXPORT int ada_broadcast_write(struct ada_broadcast *broadcast, uint32_t type,
                                   const struct iovec *parts, unsigned part_count,
                                   uint64_t timeout_ns) __attribute__((warn_unused_result));

/*
 * Wake every consumer that blocks. Those of this process are woken by every message; those of other
 * processes, who cannot say that they wait, only by this call, or 10 ms later. Call it behind a
 * batch: it is a system call.
 */
ADA_EXPORT void ada_broadcast_wake(struct ada_broadcast *broadcast);

/* No more messages. Consumers read what is there, then they get -EPIPE. */
ADA_EXPORT void ada_broadcast_close(struct ada_broadcast *broadcast);

/* ---- consumers ---- */

/* Zero in any field takes the default. Set size to sizeof(struct ada_broadcast_join_options). */
struct ada_broadcast_join_options {
    size_t size;
    enum ada_broadcast_kind kind; /* skipping */
    enum ada_broadcast_wait wait; /* block */
    /* Begin there, skipping consumers only: a place that was once "here". NULL: with the next
     * message. */
    const struct ada_broadcast_place *from;
    /* See a message only when these have let go of it. They have to leave after this one. */
    struct ada_broadcast_consumer *const *after;
    unsigned after_count;
};

/* `options` NULL: the defaults. -EUSERS: there are ADA_BROADCAST_CONSUMERS already; -EROFS: a
 * gating one, or one behind others, in a buffer that is mapped for reading. */
ADA_EXPORT int ada_broadcast_join(struct ada_broadcast *broadcast,
                                  const struct ada_broadcast_join_options *options,
                                  struct ada_broadcast_consumer **out)
    __attribute__((warn_unused_result));
/* Frees it. A gating one holds nobody up any more. NULL is allowed. */
ADA_EXPORT void ada_broadcast_leave(struct ada_broadcast_consumer *consumer);

struct ada_broadcast_message {
    uint32_t type;
    uint32_t bytes;
    const void *payload;                    /* 8-byte aligned */
    uint64_t sequence;                      /* messages before it */
    uint64_t missed_messages, missed_bytes; /* between the last one that was read and this one */
};

/*
 * The next message. The payload of a gating consumer stands in the buffer and is good until
 * ada_broadcast_release(); that of a skipping one is a copy, good until the next read. Returns 1;
 * 0: none came within timeout_ns; -EPIPE: the buffer is closed and everything has been read;
 * -ENOMEM: no memory for the copy, try again; -EBADMSG: the buffer is damaged.
 */
ADA_EXPORT int ada_broadcast_read(struct ada_broadcast_consumer *consumer,
                                  struct ada_broadcast_message *message, uint64_t timeout_ns)
    __attribute__((warn_unused_result));
/* Let go of everything read so far. A skipping consumer needs it only if others stand behind it. */
ADA_EXPORT void ada_broadcast_release(struct ada_broadcast_consumer *consumer);

struct ada_broadcast_counts {
    uint64_t messages, bytes;               /* read */
    uint64_t missed_messages, missed_bytes; /* that were noticed: with the message behind them */
    uint64_t lag_bytes;                     /* of the buffer, published and not read yet */
};
ADA_EXPORT void ada_broadcast_counts(const struct ada_broadcast_consumer *consumer,
                                     struct ada_broadcast_counts *out);

#ifdef __cplusplus
}
#pragma GCC diagnostic pop
#endif

#endif
