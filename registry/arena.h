/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: what threads tell the drain besides events, append-only: event types, module maps, notes.
 *
 * Many producers, lock-free; one reader that walks on as items are begun, and comes back to those
 * that are not complete yet: one whose writer was killed hides no other. It is not recycled: its
 * size bounds what one process can tell, and what did not fit is counted.
 *
 * An item is a 16-byte head (total size, which claims it; content's size; kind, which completes it)
 * and bytes, padded to 8.
 */
#ifndef ADATRACE_REGISTRY_ARENA_H
#define ADATRACE_REGISTRY_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arena_kind {
    ARENA_TYPE = 1,    /* base/schema.h bytes */
    ARENA_MAP = 2,     /* struct arena_map, path, NUL */
    ARENA_UNMAP = 3,   /* struct arena_map, path or nothing, NUL: these addresses mean it no more */
    ARENA_NOTE = 4,    /* struct arena_note, text, NUL */
    ARENA_PROCESS = 5, /* struct arena_process, executable, NUL, command line, NUL */
};

enum { ARENA_BUILD_ID_MAX = 32, ARENA_ITEM_MAX = 64 * 1024 };

struct arena_map {
    uint64_t ticks, base, end, bias;
    uint32_t pid;
    uint32_t build_id_bytes;
    uint8_t build_id[ARENA_BUILD_ID_MAX];
};

struct arena_note {
    uint64_t ticks;
    uint32_t pid;
    uint32_t warning; /* else information */
};

struct arena_process {
    uint64_t ticks;
    uint32_t pid, parent_pid;
};

struct arena_shared {
    uint64_t capacity;
    uint64_t reserved; /* where an appender begins to look for the end; never behind it */
    uint64_t lost;     /* items that did not fit */
    uint64_t unused[13];
    /* items follow */
};
_Static_assert(sizeof(struct arena_shared) == 128, "arena_shared is shared between processes");

struct segment;

/* Append head[head_bytes] and tail[tail_bytes] as one item. Any thread, async-signal-safe. Returns
 * 0, -ENOSPC (counted), -EMSGSIZE. */
int arena_append(struct segment *segment, enum arena_kind kind, const void *head, size_t head_bytes,
                 const void *tail, size_t tail_bytes);

/* Items that are being written, or never will be complete, and are passed over; with more the
 * reader waits. */
enum { ARENA_PENDING_MAX = 64 };

struct arena_reader { /* zeroed: the beginning */
    uint64_t at;
    uint64_t taken; /* items read */
    uint32_t pending_count;
    uint32_t pending[ARENA_PENDING_MAX]; /* where they are, in order */
};
struct arena_item {
    enum arena_kind kind;
    size_t size;
    unsigned char bytes[ARENA_ITEM_MAX]; /* copied out: nobody changes it any more */
};
/* 1: *item is filled in; 0: nothing new yet; -EBADMSG: damaged, nothing more will come. Items come
 * in the order in which they were begun, but for those that were passed over. */
int arena_next(const struct segment *segment, struct arena_reader *reader, struct arena_item *item)
    __attribute__((warn_unused_result));

#endif
