/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channel: a ring with a name, one writer and one reader, in threads or processes that come and go.
 *
 *     struct ada_channel *c;                                       another program:
 *     ada_channel_open("orders", ADA_CHANNEL_WRITER, NULL, &c);    ... ADA_CHANNEL_READER ...
 *     ada_ring_write(ada_channel_ring(c), "12 pizzas", 9, ADA_FOREVER);
 *     ada_channel_close(c);
 *
 * All reading and writing is that of adatrace/ring.h on ada_channel_ring(). What is more: who ends,
 * be it by SIGKILL, is missed at once. A reader whose writer has left or died gets what was
 * written, then -EPIPE; a writer whose reader has gone writes on while there is room, then gets
 * -EPIPE. Neither is for good: whoever opens the end again goes on where the last one stopped,
 * after a crash of the reader with the first record that was not given back. ada_ring_shutdown() is
 * for good.
 *
 * Channels are files in one folder that belongs to the user: $ADATRACE_CHANNELS, else
 * adatrace-channels in $XDG_RUNTIME_DIR, else /dev/shm/adatrace-channels-UID. A channel stays until
 * it is removed. What other programs write into it cannot crash who reads, except that somebody
 * makes the file shorter.
 *
 * A process that holds an end has one more thread, which sleeps. A forked child holds none of its
 * parent's ends. Any thread, one at a time for one channel; not for signal handlers. Functions
 * return 0 or a positive value, or a negative errno.
 */
#ifndef ADATRACE_CHANNEL_H
#define ADATRACE_CHANNEL_H

#include <adatrace/ring.h>

#ifdef __cplusplus
#pragma GCC diagnostic push
/* A function may have the name of the struct that it fills: in C++ that hides a constructor. */
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#endif

#define ADA_CHANNEL_NAME_MAX                                            \
    63 /* bytes of a name; letters, digits, `.`, `_`, `-`, as for rings \
        */

struct ada_channel; /* a process's hold of one end */

enum ada_channel_end { ADA_CHANNEL_WRITER = 0, ADA_CHANNEL_READER = 1 };

enum ada_channel_flags {
    ADA_CHANNEL_NEW = 1,      /* -EEXIST if there is one */
    ADA_CHANNEL_EXISTING = 2, /* -ENOENT if there is none */
};

/* Zero in any field takes the default. Set size to sizeof(struct ada_channel_options). */
struct ada_channel_options {
    size_t size;
    uint64_t capacity;  /* of a new channel's ring; 1 MiB */
    unsigned flags;     /* enum ada_channel_flags; make it unless it exists */
    const char *folder; /* another one; made if missing, 0700 */
};

/*
 * Take on one end of the channel `name`, which is made unless it exists. -EINVAL: name or options;
 * -EBUSY: somebody holds this end; -EPERM: the folder is not the user's alone; -EBADMSG,
 * -EPROTONOSUPPORT: the file is no channel of this version; -ERANGE: the capacity; -ENOSYS: this
 * kernel tells nobody of a death; and what the file system says.
 */
ADA_EXPORT int ada_channel_open(const char *name, enum ada_channel_end end,
                                const struct ada_channel_options *options,
                                struct ada_channel **channel) ADA_MUST_CHECK;
/* Leave. What was written stays, for the reader or the next one. NULL: nothing. */
ADA_EXPORT void ada_channel_close(struct ada_channel *channel);

/* The channel's ring, for the functions of this end. The channel's: never destroy it. */
ADA_EXPORT struct ada_ring *ada_channel_ring(struct ada_channel *channel);

enum ada_channel_presence {
    ADA_CHANNEL_NEVER = 0, /* nobody has held this end yet */
    ADA_CHANNEL_HERE = 1,
    ADA_CHANNEL_LEFT = 2, /* by itself */
    ADA_CHANNEL_DIED = 3,
};
/* Who holds the other end? Any thread. */
ADA_EXPORT enum ada_channel_presence ada_channel_peer(const struct ada_channel *channel);

/* ---- all channels of a folder (NULL: the usual one) ---- */

struct ada_channel_stats {
    char name[ADA_CHANNEL_NAME_MAX + 1];
    struct ada_ring_snapshot ring;
    enum ada_channel_presence writer, reader;
    uint32_t writer_pid, reader_pid; /* of those that are here, as they see themselves */
    uint32_t writers, readers;       /* how many have held that end so far */
    int shut_down;                   /* ada_ring_shutdown() */
};

/* 1, 0, or an error. */
ADA_EXPORT int ada_channel_exists(const char *folder, const char *name) ADA_MUST_CHECK;
/* Who holds an end keeps it. -ENOENT. */
ADA_EXPORT int ada_channel_remove(const char *folder, const char *name);
/* Look, without taking part. Opens and reads the file; no signal of ours, no wait. */
ADA_EXPORT int ada_channel_stats_read(const char *folder, const char *name,
                                      struct ada_channel_stats *stats) ADA_MUST_CHECK;
/* Of all, in no order: calls visit until it returns nonzero, and returns that. Files that are no
 * channels are passed over. */
ADA_EXPORT int ada_channels_visit(const char *folder,
                                  int (*visit)(void *context,
                                               const struct ada_channel_stats *stats),
                                  void *context);

#ifdef __cplusplus
}
#pragma GCC diagnostic pop
#endif

#endif
