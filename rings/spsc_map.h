/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPSC map: files of shared memory, mapped so that no hostile content can hurt: behind private
 * memory of the same mapping.
 *
 *     | handles          | shadow            | the file ...          |
 *       SPSC_HANDLE_BYTES  SPSC_SHADOW_BYTES
 *
 * In the shadow lie, at the same distance from each other, the private links that belong to words
 * in the file's beginning: the kernel follows them at the process's end (rings/warden.h), and who
 * shares the file cannot reach them. Untouched pages of either take no memory. Any thread.
 */
#ifndef ADATRACE_RINGS_SPSC_MAP_H
#define ADATRACE_RINGS_SPSC_MAP_H

#include "rings/spsc.h"

enum { SPSC_HANDLE_BYTES = 64 * 1024, SPSC_SHADOW_BYTES = 64 * 1024 };

#define SPSC_FILE_MAX (UINT64_C(1) << 36) /* who shares a file may make it longer than sense */

struct spsc_map {
    unsigned char *base; /* handles; NULL: not mapped */
    unsigned char *file;
    uint64_t file_bytes;
};

/* Is it a name for a file of ours? At most `length_max` letters, digits, `.`, `_`, `-`, the first
 * one a letter or a digit. */
bool spsc_name_is_valid(const char *name, size_t length_max);

/* Give an empty file its size and memory. Negative errno; -EFBIG: longer than RLIMIT_FSIZE. */
int spsc_file_allocate(int fd, uint64_t bytes) __attribute__((warn_unused_result));

/* New descriptors, or negative errno: of a memfd that can be sealed; of shared memory (shm_open) by
 * a name that is checked, new or this user's. */
int spsc_memfd(const char *name) __attribute__((warn_unused_result));
int spsc_seal(int fd) __attribute__((warn_unused_result)); /* no longer, no shorter */
int spsc_shm_create(const char *name) __attribute__((warn_unused_result));
int spsc_shm_open(const char *name) __attribute__((warn_unused_result));

/* The same layout with private memory, all of it there, instead of a file. */
int spsc_map_private(uint64_t bytes, struct spsc_map *map) __attribute__((warn_unused_result));
/* Map a file of at least `least` bytes, all there is of it. -EBADMSG: shorter; -EFBIG. */
int spsc_map_file(int fd, uint64_t least, struct spsc_map *map) __attribute__((warn_unused_result));
void spsc_map_fini(struct spsc_map *map);

/* Give up a handle that lies in a mapping of its own, and its descriptor. */
void spsc_unmap(struct ada_ring *ring);

/* A handle, in its place in the map, for the ring that the file begins with. The map is the
 * handle's then. On errors it stays the caller's. */
int spsc_map_attach(struct spsc_map *map, struct ada_ring **ring)
    __attribute__((warn_unused_result));

#endif
