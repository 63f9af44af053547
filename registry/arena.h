/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: what threads tell the drain besides events, append-only: event types, module maps, notes.
 *
 * Many producers, lock-free; one reader that walks on as items become complete. It is not recycled:
 * its size bounds what one process can tell, and what did not fit is counted.
 *
 * An item is a 16-byte head (total size, kind, ready mark) and bytes, padded to 8.
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
    uint64_t reserved; /* bytes handed out; beyond capacity: full */
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

struct arena_reader {
    uint64_t at; /* zeroed: the beginning */
};
struct arena_item {
    enum arena_kind kind;
    size_t size;
    unsigned char bytes[ARENA_ITEM_MAX]; /* copied out: nobody changes it any more */
};
/* 1: *item is filled in; 0: nothing new yet; -EBADMSG: damaged, nothing more will come. */
int arena_next(const struct segment *segment, struct arena_reader *reader, struct arena_item *item)
    __attribute__((warn_unused_result));

#endif
